import { once } from 'node:events';
import { connect } from 'node:net';
import { Http2ServerRequest } from 'node:http2';
import type { AnyRequest } from '../../../src/server/options/options.js';
import { WebSocketServer } from '../../../src/server/server.js';
import { streamPair } from '../../support/http2.js';
import { fakeRequest, MemoryLogger, transportPair } from '../../support/server.js';

const EMPTY = Buffer.alloc(0);
const server = (): WebSocketServer<undefined, AnyRequest> =>
  new WebSocketServer<undefined, AnyRequest>({ noServer: true, logger: new MemoryLogger() });

describe('a request goes to the upgrader of its version', () => {
  it('by handleUpgrade and accept, over HTTP/1.1', async () => {
    const wss = server();
    expect((await wss.handleUpgrade(fakeRequest(), transportPair()[0], EMPTY))?.transport).toBe(
      'http1',
    );
    expect(wss.accept(fakeRequest(), transportPair()[0], EMPTY).transport).toBe('http1');
  });

  it('by handleUpgrade and accept, over HTTP/2', async () => {
    const wss = server();
    for (const how of ['handleUpgrade', 'accept'] as const) {
      const { stream, client } = await streamPair();
      const headers = {
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':path': '/',
        ':authority': 'localhost',
        'sec-websocket-version': '13',
      };
      const request = new Http2ServerRequest(stream, headers, {}, []);
      expect((await wss[how](request, stream, EMPTY))?.transport).toBe('http2');
      expect(await client.status()).toBe(200);
    }
  });

  it('to be rejected, and the rejected ones are terminated with an own server', async () => {
    const wss = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      path: '/here',
      logger: new MemoryLogger(),
    });
    await once(wss, 'listening');
    const { port } = wss.address() as { port: number };
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1\.1 404 /);
    await wss.close({ timeout: 0 });
    socket.destroy();
  });
});
