/** Both versions of HTTP, for tests that are about connections: each runs over both. */
import { open, openSession } from './http2.js';
import { RawClient, type RawResponse, type RequestParts, upgradeRequest } from './raw-client.js';
import { later } from './server.js';

export type Version = 'HTTP/1.1' | 'HTTP/2';

/** HTTP/2 is not claimed for Bun and Deno, whose `node:http2` is another library (docs/runtimes.md). */
const isNode = process.versions['bun'] === undefined && process.versions['deno'] === undefined;
export const VERSIONS: readonly Version[] = isNode ? ['HTTP/1.1', 'HTTP/2'] : ['HTTP/1.1'];

/** Fields of the handshake that HTTP/2 has no place for (RFC 8441 section 5). */
const OF_HTTP1 = ['host', 'upgrade', 'connection', 'sec-websocket-key'];

/**
 * Opens a WebSocket of a raw client: on a socket, or on a stream of a session of its own. It is gone after the
 * test.
 *
 * @param parts its target and headers.
 */
export async function openOver(
  version: Version,
  port: number,
  { target = '/', headers = {} }: Pick<RequestParts, 'target' | 'headers'> = {},
): Promise<RawClient> {
  const client =
    version === 'HTTP/1.1'
      ? await RawClient.open(port, upgradeRequest({ target, headers }))
      : await openStream(port, target, headers);
  later(() => {
    client.destroy();
  });
  return client;
}

async function openStream(
  port: number,
  target: string,
  headers: NonNullable<RequestParts['headers']>,
): Promise<RawClient> {
  const fields: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!OF_HTTP1.includes(name.toLowerCase())) fields[name.toLowerCase()] = String(value);
  }
  const session = await openSession(port);
  const { stream } = open(session, { ':path': target, ...fields });
  stream.on('close', () => {
    session.close(); // so that its server can stop
  });
  const response = await new Promise<RawResponse>((resolve, reject) => {
    stream.once('close', () => {
      reject(new Error('the stream was closed without a response'));
    });
    stream.once('response', (answer) => {
      const status = answer[':status']!;
      const header = (name: string): string | undefined =>
        answer[name.toLowerCase()] as string | undefined;
      resolve({ status, statusLine: String(status), headers: [], header, body: '' });
    });
  });
  if (response.status !== 200) throw new Error(`expected 200, got ${String(response.status)}`);
  return new RawClient(stream, response);
}
