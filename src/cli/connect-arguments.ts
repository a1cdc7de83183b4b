import { readFileSync } from 'node:fs';
import type { ConnectOptions } from '../client/index.js';
import { type Arguments, type OptionSpecs, UsageError } from './arguments.js';
import { silentLogger } from './silent-logger.js';

/** The longest message, in bytes: a person that looks at a server wants to see what it sends. */
const MAX_PAYLOAD = 64 * 1024 * 1024;

/** The options that say how to connect, of every command that does. */
export const CONNECT_OPTIONS: OptionSpecs = {
  header: {
    short: 'H',
    value: '"Name: value"',
    isRepeatable: true,
    help: 'send a header field; may be repeated',
  },
  subprotocol: { value: 'NAME', isRepeatable: true, help: 'offer a subprotocol; may be repeated' },
  origin: { value: 'ORIGIN', help: 'send Origin, as a page of this site would' },
  insecure: { help: 'accept any certificate; for tests' },
  ca: { value: 'FILE', help: 'trust the certificates of this file (PEM)' },
  cert: { value: 'FILE', help: 'show this certificate (PEM); with --key' },
  key: { value: 'FILE', help: 'the key of --cert (PEM)' },
  proxy: { value: 'URL', help: "use this HTTP proxy; 'env' reads https_proxy and no_proxy" },
  http2: { help: 'connect over HTTP/2 (RFC 8441)' },
  compress: { help: 'offer permessage-deflate' },
};

/** The one URL of a command. Without a scheme it is `ws:`, and without a host it is this machine. @throws UsageError */
export function urlOf({ positionals }: Arguments): string {
  const [url, ...more] = positionals;
  if (url === undefined) throw new UsageError('expected a URL, such as ws://localhost:8080/');
  if (more.length > 0) throw new UsageError(`expected one URL, got also "${more.join(' ')}"`);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return url;
  return `ws://${url.startsWith(':') ? `localhost${url}` : url}`;
}

/** The options of `connect` that the command line asks for. @throws UsageError for a header or file that cannot be read. */
export function connectOptionsOf(given: Arguments): ConnectOptions {
  const origin = given.text('origin');
  const proxy = given.text('proxy');
  const tls = {
    ...(given.has('insecure') ? { rejectUnauthorized: false } : {}),
    ...Object.fromEntries(
      ['ca', 'cert', 'key'].flatMap((name) => {
        const file = given.text(name);
        return file === undefined ? [] : [[name, contentsOf(`--${name}`, file)]];
      }),
    ),
  };
  const options = {
    headers: given.texts('header').map(headerOf),
    subprotocols: given.texts('subprotocol'),
    tls,
    ...(origin === undefined ? {} : { origin }),
    ...(proxy === undefined ? {} : { proxy }),
    ...(given.has('http2') ? { http2: true as const } : {}),
    ...(given.has('compress') ? { perMessageDeflate: true } : {}),
    maxPayload: MAX_PAYLOAD,
    logger: silentLogger,
  };
  return options;
}

function headerOf(text: string): readonly [string, string] {
  const colon = text.indexOf(':');
  if (colon < 1) throw new UsageError(`--header: expected "Name: value", got "${text}"`);
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
}

function contentsOf(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
}
