/** An application that decides on an upgrade later, when the client may be gone; and a server that has to go. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from '../../src/index.js';
import { RawClient, upgradeRequest } from '../support/raw-client.js';

let http: Server;
let wss: WebSocketServer;
beforeEach(async () => {
  http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  wss = new WebSocketServer({ noServer: true, closeTimeout: 60_000 });
});
afterEach(() => {
  http.close();
});

/** An upgrade request whose client has left by the time it is handed over. */
async function abandoned(
  how: 'close' | 'end',
): Promise<{ client: RawClient; upgrade: [IncomingMessage, Duplex, Buffer] }> {
  const client = await RawClient.connect((http.address() as AddressInfo).port);
  client.send(upgradeRequest());
  const upgrade = (await once(http, 'upgrade')) as [IncomingMessage, Duplex, Buffer];
  const [, socket] = upgrade;
  socket.on('error', () => {}).resume();
  const left = new Promise((done) => socket.once(how, done));
  if (how === 'close') client.reset();
  else client.finish();
  await left;
  return { client, upgrade };
}

describe.each(['close', 'end'] as const)('for a socket that has had its "%s"', (how) => {
  test('handleUpgrade resolves to undefined, or the connection it makes closes', async () => {
    const { client, upgrade } = await abandoned(how);
    const opened = jest.fn();
    wss.on('connection', opened);
    const connection = await wss.handleUpgrade(...upgrade);
    if (connection !== undefined && connection.closeInfo === undefined) {
      await once(connection, 'close');
    }
    expect(wss.connections.size).toBe(0);
    expect(await wss.close()).toMatchObject({ total: 0 });
    client.destroy();
  }, 5000);

  test('accept throws, or the connection it makes closes', async () => {
    const { client, upgrade } = await abandoned(how);
    try {
      const connection = wss.accept(...upgrade);
      if (connection.closeInfo === undefined) await once(connection, 'close');
    } catch (error) {
      expect(error).toMatchObject({ message: 'accept: the client has left' });
    }
    expect(wss.connections.size).toBe(0);
    client.destroy();
  }, 5000);
});

test('close() of a server with a port of its own does not wait for a client that was refused', async () => {
  const own = new WebSocketServer({ port: 0, host: '127.0.0.1', closeTimeout: 60_000 });
  await once(own, 'listening');
  const client = await RawClient.connect((own.address() as AddressInfo).port);
  client.send(upgradeRequest({ headers: { 'Sec-WebSocket-Version': '8' } }));
  expect((await client.response()).status).toBe(426);
  // It keeps its half open, as only the server's patience could end.
  expect(await own.close({ timeout: 200 })).toMatchObject({ total: 0 });
  client.destroy();
}, 5000);
