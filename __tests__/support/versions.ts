/** Both versions of HTTP, for tests that are about connections: each runs over both. */
import type { ClientHttp2Session } from 'node:http2';
import { open, openSession } from './http2.js';
import { RawClient, type RequestParts, upgradeRequest } from './raw-client.js';
import { later } from './server.js';

export type Version = 'HTTP/1.1' | 'HTTP/2';

/** HTTP/2 is not claimed for Bun and Deno, whose `node:http2` is another library (docs/runtimes.md). */
const isNode = process.versions['bun'] === undefined && process.versions['deno'] === undefined;
export const VERSIONS: readonly Version[] = isNode ? ['HTTP/1.1', 'HTTP/2'] : ['HTTP/1.1'];

/** The status of a response that accepts a WebSocket. */
export const ACCEPTED: Readonly<Record<Version, number>> = { 'HTTP/1.1': 101, 'HTTP/2': 200 };

/** Why a connection has ended whose peer has reset it. */
export const RESET: Readonly<Record<Version, string>> = {
  'HTTP/1.1': 'ECONNRESET',
  'HTTP/2': 'ERR_STREAM_RESET',
};

/** Fields of the handshake that HTTP/2 has no place for (RFC 8441 section 5), or another one. */
const OF_HTTP1 = ['host', 'upgrade', 'connection', 'sec-websocket-key'];

type Parts = Pick<RequestParts, 'target' | 'headers'>;

/** Where a client connects to, and from. */
export type Target = number | { port: number; host?: string; localAddress?: string };

/**
 * Opens a WebSocket of a raw client: on a socket, or on a stream of a session of its own. It is gone after the
 * test.
 */
export async function openOver(
  version: Version,
  target: Target,
  parts: Parts = {},
): Promise<RawClient> {
  const client = await askOver(version, target, parts);
  const { status, statusLine, body } = await client.response();
  if (status === ACCEPTED[version]) return client;
  client.destroy();
  throw new Error(`expected ${ACCEPTED[version]}, got "${statusLine}": ${body}`);
}

/**
 * A raw client that has sent a handshake, and frames in the same packet. It does not wait for the answer. It is gone
 * after the test.
 */
export async function askOver(
  version: Version,
  target: Target,
  parts: Parts = {},
  ...early: Buffer[]
): Promise<RawClient> {
  const { port, ...options } = typeof target === 'number' ? { port: target } : target;
  let client: RawClient;
  if (version === 'HTTP/1.1') {
    client = await RawClient.connect({ host: '127.0.0.1', port, ...options });
    client.send(Buffer.concat([Buffer.from(upgradeRequest(parts)), ...early]));
  } else {
    const session = await openSession(port, options);
    client = askOn(session, parts, ...early);
    client.socket.on('close', () => {
      session.close(); // so that its server can stop
    });
  }
  later(() => {
    client.destroy();
  });
  return client;
}

/** A raw client whose handshake was sent on a session that others may use. */
export function askOn(session: ClientHttp2Session, parts: Parts, ...early: Buffer[]): RawClient {
  const fields: Record<string, string> = { ':path': parts.target ?? '/' };
  for (const [name, value] of Object.entries(parts.headers ?? {})) {
    if (value === null) continue;
    const field = name.toLowerCase() === 'host' ? ':authority' : name.toLowerCase();
    // Node sends a list as fields of their own, as a client of HTTP/1.1 does.
    if (!OF_HTTP1.includes(field)) fields[field] = value as string;
  }
  const client = new RawClient(open(session, fields).stream);
  if (early.length > 0) client.send(Buffer.concat(early));
  return client;
}
