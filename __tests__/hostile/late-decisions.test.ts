/** An application that decides on an upgrade later, when the client may be gone; and a server that has to go. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type AnyRequest, WebSocketServer } from '../../src/index.js';
import { type Handshake, listenForHandshakes } from '../support/handshakes.js';
import type { RawClient } from '../support/raw-client.js';
import { deferred, MemoryLogger } from '../support/server.js';
import { askOver, VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  let wss: WebSocketServer<undefined, AnyRequest>;
  beforeEach(() => {
    wss = new WebSocketServer({ noServer: true, closeTimeout: 60_000 });
  });

  /** A handshake whose client has left by the time it is handed over. */
  async function abandoned(
    how: 'close' | 'end',
  ): Promise<{ client: RawClient; handshake: Handshake }> {
    const handed = deferred<Handshake>();
    const port = await listenForHandshakes(version, (...handshake) => {
      handed.resolve(handshake);
    });
    const client = await askOver(version, port);
    const handshake = await handed.promise;
    const [, socket] = handshake;
    socket.on('error', () => {}).resume();
    const left = new Promise((done) => socket.once(how, done));
    if (how === 'close') client.reset();
    else client.finish();
    await left;
    return { client, handshake };
  }

  describe.each(['close', 'end'] as const)('for a socket that has had its "%s"', (how) => {
    test('handleUpgrade resolves to undefined, or the connection it makes closes', async () => {
      const { client, handshake } = await abandoned(how);
      const opened = jest.fn();
      wss.on('connection', opened);
      const connection = await wss.handleUpgrade(...handshake);
      if (connection !== undefined && connection.closeInfo === undefined) {
        await once(connection, 'close');
      }
      expect(wss.connections.size).toBe(0);
      expect(await wss.close()).toMatchObject({ total: 0 });
      client.destroy();
    }, 5000);

    test('accept throws, or the connection it makes closes', async () => {
      const { client, handshake } = await abandoned(how);
      try {
        const connection = wss.accept(...handshake);
        if (connection.closeInfo === undefined) await once(connection, 'close');
      } catch (error) {
        expect(error).toMatchObject({ message: 'accept: the client has left' });
      }
      expect(wss.connections.size).toBe(0);
      client.destroy();
    }, 5000);
  });

  test('close() of a server with a port of its own does not wait for a client that was refused', async () => {
    const own = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      http2: version === 'HTTP/2',
      closeTimeout: 60_000,
      logger: new MemoryLogger(),
    });
    await once(own, 'listening');
    const { port } = own.address() as AddressInfo;
    const client = await askOver(version, port, { headers: { 'Sec-WebSocket-Version': '8' } });
    expect((await client.response()).status).toBe(version === 'HTTP/1.1' ? 426 : 400);
    // It keeps its half open, as only the server's patience could end.
    expect(await own.close({ timeout: 200 })).toMatchObject({ total: 0 });
    client.destroy();
  }, 5000);
});
