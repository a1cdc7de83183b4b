import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createHttp2Server, type Http2ServerRequest } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { AnyRequest } from '../../src/server/options/options.js';
import { listenHttp2 } from './http2.js';
import { listen } from './server.js';
import type { Version } from './versions.js';

/** What `handleUpgrade` and `accept` take. */
export type Handshake = [request: AnyRequest, socket: Duplex, head: Buffer];

/** A server of Node that hands each handshake to `take`, and is gone after the test. @returns its port. */
export async function listenForHandshakes(
  version: Version,
  take: (...handshake: Handshake) => unknown,
): Promise<number> {
  if (version === 'HTTP/1.1') {
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void =>
      void take(request, socket, head);
    return listen(createServer().on('upgrade', onUpgrade));
  }
  // 'connect' is an event of the compatibility layer, which there is with a listener for requests.
  const server = createHttp2Server({ settings: { enableConnectProtocol: true } }, () => undefined);
  server.on('connect', (request: Http2ServerRequest) => {
    take(request, request.stream, Buffer.alloc(0));
  });
  return listenHttp2(server);
}
