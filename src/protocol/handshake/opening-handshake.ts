import { createHash } from 'node:crypto';
import { announcesChunks } from './empty-body.js';
import {
  bad,
  type Handshake,
  isVersion,
  joined,
  printable,
  readOffers,
  repeatedHeader,
  single,
  type UpgradeRequest,
  VERSION,
} from './handshake-request.js';
import { parseTokens } from './http-grammar.js';
import { isHost, pathnameOf, splitTarget } from './request-target.js';
import { type HeaderFields, readHeaders, type UpgradeHeaders } from './response-headers.js';
import { UpgradeRejection } from './upgrade-rejection.js';

/** Section 1.3: proof that the server understood the handshake and did not just echo it. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A handshake over HTTP/1.1, which always has a key. */
type UpgradeHandshake = Handshake & { readonly key: string };

/**
 * Check a client's opening handshake (RFC 6455 section 4.2.1).
 *
 * @throws UpgradeRejection with the status to answer and a body that names the fault.
 */
export function checkUpgrade(request: UpgradeRequest): UpgradeHandshake {
  const { method, headers } = request;
  if (method !== 'GET') {
    throw new UpgradeRejection(405, {
      headers: { Allow: 'GET' },
      body: `a WebSocket handshake is a GET request, not ${printable(method)} (RFC 6455 section 4.1)`,
    });
  }
  if (request.httpVersion !== '1.1') {
    throw bad(`a WebSocket handshake needs HTTP/1.1, not HTTP/${printable(request.httpVersion)}`);
  }
  if (!isWebSocketUpgrade(request)) throw notWebSocket();
  const repeated = repeatedHeader(request.rawHeaders);
  if (repeated !== undefined) throw bad(`the header ${repeated} occurs more than once`);
  if (!hasToken(headers['connection'], 'upgrade')) {
    throw bad('the Connection header does not include Upgrade');
  }
  // Stryker disable next-line StringLiteral: whatever is not a path is rejected in the same words
  const { target, authority } = splitTarget(request.url ?? '');
  if (target === undefined) throw bad('the request target is not a path');
  const path = pathnameOf(target);
  if (path === undefined) {
    throw bad('the request target has dot segments, a backslash or a control character');
  }
  const host = authority ?? single(headers['host']);
  if (host === undefined || !isHost(host)) {
    throw bad(host === undefined ? 'the Host header is missing' : 'the Host header is malformed');
  }
  const version = headers['sec-websocket-version'];
  if (!isVersion(joined(version))) {
    throw new UpgradeRejection(426, {
      headers: { 'Sec-WebSocket-Version': VERSION, Upgrade: 'websocket' },
      body: `WebSocket version ${printable(single(version))} is not supported, only ${VERSION} is (RFC 6455 section 4.4)`,
    });
  }
  const key = readKey(joined(headers['sec-websocket-key']));
  if (key === undefined) {
    throw bad('Sec-WebSocket-Key is not 16 bytes in base64 (RFC 6455 section 4.1)');
  }
  const { extensions, subprotocols, origin } = readOffers(headers);
  const hasChunkedBody = announcesChunks(
    single(headers['content-length']),
    single(headers['transfer-encoding']),
  );
  return { key, host, path, target, origin, subprotocols, extensions, hasChunkedBody };
}

/** The rejection of a request that is not a WebSocket handshake: a plain one, or an upgrade to another protocol. */
export function notWebSocket(): UpgradeRejection {
  return new UpgradeRejection(426, {
    headers: { Upgrade: 'websocket' },
    body: 'only upgrades to websocket are served here',
  });
}

/** Whether a request asks for WebSocket and not for another protocol. */
export function isWebSocketUpgrade(request: UpgradeRequest): boolean {
  return hasToken(request.headers['upgrade'], 'websocket');
}

/** The `Sec-WebSocket-Accept` that answers a key (section 4.2.2, step 5.4). */
export function acceptKey(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}

/** Fields that {@link formatUpgradeResponse} writes. */
const WRITTEN: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'sec-websocket-protocol',
  'transfer-encoding',
  'upgrade',
]);

/**
 * The server's handshake (section 4.2.2).
 *
 * @throws TypeError for a header that cannot be sent.
 */
export function formatUpgradeResponse(
  key: string,
  {
    subprotocol,
    extensions,
    headers,
  }: {
    subprotocol?: string | undefined;
    /** `Sec-WebSocket-Extensions`: what was accepted of the client's offers. */
    extensions?: string | undefined;
    headers?: UpgradeHeaders | undefined;
  },
): string {
  const fields = readHeaders(headers, WRITTEN);
  const lines = upgradeLines(key, subprotocol, extensions);
  return joinLines([...lines, ...linesOf(fields)]);
}

/** The lines of the server's handshake that hawser itself writes: the status line and the header fields. */
export function upgradeLines(
  key: string,
  subprotocol: string | undefined,
  extensions: string | undefined,
): string[] {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptKey(key)}`,
  ];
  if (subprotocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${subprotocol}`);
  if (extensions !== undefined) lines.push(`Sec-WebSocket-Extensions: ${extensions}`);
  return lines;
}

/** The head of a message of HTTP/1.1: its lines, and the empty line. */
export function joinLines(lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** A status line and header fields, up to and with the empty line. Latin-1, as HTTP is. */
export function formatHead(status: number, phrase: string, headers: HeaderFields): string {
  return joinLines([`HTTP/1.1 ${status} ${phrase}`, ...linesOf(headers)]);
}

function linesOf(headers: HeaderFields): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((each) => `${name}: ${each}`),
  );
}

/**
 * Whether a list has a token, in any case. `Upgrade` may also name versions, as in `h2/1`, although a
 * slash is not a token character.
 */
function hasToken(header: string | string[] | undefined, token: string): boolean {
  return parseTokens(joined(header).toLowerCase().replaceAll('/', '+'))?.includes(token) ?? false;
}

/** 16 bytes are 22 characters of base64 and two of padding (section 4.1). */
function readKey(header: string): string | undefined {
  return /^[ \t]*([+/0-9A-Za-z]{22}==)[ \t]*$/.exec(header)?.[1];
}
