// Socket.IO, server and client: the server's engine is given as an option, the client's comes by `overrides`.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { Arrivals, engine, listen, until } from './support.mjs';

const VARIANTS = [
  { name: 'websocket', transports: ['websocket'], perMessageDeflate: false },
  { name: 'websocket, compressed', transports: ['websocket'], perMessageDeflate: { threshold: 0 } },
  {
    name: 'polling, then upgraded',
    transports: ['polling', 'websocket'],
    perMessageDeflate: false,
  },
  {
    name: 'polling, then upgraded, compressed',
    transports: ['polling', 'websocket'],
    perMessageDeflate: { threshold: 0 },
  },
];

/** A server whose sockets answer, and a way to connect to it. */
async function start({ transports, perMessageDeflate }, options = {}) {
  const http = createServer();
  const server = new Server(http, {
    wsEngine: engine.WebSocketServer,
    perMessageDeflate,
    ...options,
  });
  server.on('connection', (socket) => {
    socket.on('echo', (...args) => socket.emit('echo', ...args));
    socket.on('ask', (question, answer) => answer(`${question}!`));
    socket.on('enter', async (room, done) => {
      await socket.join(room);
      done();
    });
    socket.on('tell', (room, ...args) => socket.to(room).emit('told', ...args));
  });
  const port = await listen(http);
  const clients = [];
  const connect = async () => {
    const client = io(`http://127.0.0.1:${port}`, { transports, forceNew: true });
    clients.push(client);
    await once(client, 'connect');
    const { engine: transport } = client.io;
    await until(() => transport.transport.name === 'websocket');
    return client;
  };
  const stop = async () => {
    for (const client of clients) client.close();
    await server.close();
  };
  return { server, connect, stop };
}

/** The socket of ws under a Socket.IO client, or under the server's half of it. */
const compressed = (client) =>
  client.io.engine.transport.ws.extensions.includes('permessage-deflate');

for (const { name, ...variant } of VARIANTS) {
  test(`${name}: echoes JSON, text of all scripts and bytes`, async () => {
    const { connect, stop } = await start(variant);
    const client = await connect();
    assert.equal(compressed(client), variant.perMessageDeflate !== false);
    const heard = new Arrivals();
    client.on('echo', (...args) => heard.push(args));
    const bytes = Buffer.alloc(100_000, 'bytes');
    const text = 'τρόσσα трос 纜繩 🪢'.repeat(5000);
    client.emit('echo', { a: [1, 'two', null] }, text);
    client.emit('echo', bytes, { inner: bytes.subarray(0, 10) });
    client.emit('echo', '');
    assert.deepEqual(await heard.next(), [{ a: [1, 'two', null] }, text]);
    assert.deepEqual(await heard.next(), [bytes, { inner: bytes.subarray(0, 10) }]);
    assert.deepEqual(await heard.next(), ['']);
    await stop();
  });

  test(`${name}: acknowledges in both directions`, async () => {
    const { server, connect, stop } = await start(variant);
    const client = await connect();
    assert.equal(await client.emitWithAck('ask', 'why'), 'why!');
    client.on('quiz', (number, answer) => answer(number + 1));
    assert.deepEqual(await server.timeout(60_000).emitWithAck('quiz', 41), [42]);
    await stop();
  });

  test(`${name}: reaches a room, all of it and nothing else`, async () => {
    const { server, connect, stop } = await start(variant);
    const clients = [await connect(), await connect(), await connect()];
    const heard = clients.map((client) => {
      const arrivals = new Arrivals();
      client.on('told', arrivals.push);
      return arrivals;
    });
    for (const client of clients.slice(0, 2)) await client.emitWithAck('enter', 'room');
    clients[2].emit('tell', 'room', 'from outside');
    for (const arrivals of heard.slice(0, 2)) assert.equal(await arrivals.next(), 'from outside');
    // A broadcast of many events in one tick, with bytes among them, keeps its order.
    for (let n = 0; n < 50; n++) server.to('room').emit('told', n % 10 === 0 ? Buffer.of(n) : n);
    server.emit('told', 'all');
    for (const arrivals of heard.slice(0, 2)) {
      for (let n = 0; n < 50; n++) {
        assert.deepEqual(await arrivals.next(), n % 10 === 0 ? Buffer.of(n) : n);
      }
      assert.equal(await arrivals.next(), 'all');
    }
    assert.equal(await heard[2].next(), 'all');
    assert.equal(heard[2].length, 0);
    await stop();
  });

  test(`${name}: sends volatile events, and tells why a client has left`, async () => {
    const { server, connect, stop } = await start(variant);
    const left = once(server, 'connection').then(([socket]) => once(socket, 'disconnect'));
    const client = await connect();
    const heard = new Arrivals();
    client.on('told', heard.push);
    const timer = setInterval(() => server.volatile.emit('told', 'maybe'), 10);
    assert.equal(await heard.next(), 'maybe');
    clearInterval(timer);
    client.close();
    assert.equal((await left)[0], 'client namespace disconnect');
    await stop();
  });
}

test('a client that was cut off gets what it missed', async () => {
  const { server, connect, stop } = await start(VARIANTS[0], { connectionStateRecovery: {} });
  const sockets = new Arrivals();
  server.on('connection', sockets.push);
  const client = await connect();
  const { id } = client;
  const heard = new Arrivals();
  client.on('told', heard.push);
  server.emit('told', 'before');
  assert.equal(await heard.next(), 'before');

  const first = await sockets.next();
  const lost = once(first, 'disconnect');
  const back = once(client, 'connect');
  client.io.engine.close(); // the transport, not the session
  assert.equal((await lost)[0], 'transport close');
  server.emit('told', 'meanwhile');
  await back;
  assert.equal(await heard.next(), 'meanwhile');
  assert.equal(client.recovered, true);
  assert.equal(client.id, id);
  assert.equal((await sockets.next()).recovered, true);
  await stop();
});

test('a message above maxHttpBufferSize ends the connection', async () => {
  const { server, connect, stop } = await start(VARIANTS[0], { maxHttpBufferSize: 1000 });
  const left = once(server, 'connection').then(([socket]) => once(socket, 'disconnect'));
  const client = await connect();
  client.io.reconnection(false);
  const gone = once(client, 'disconnect');
  client.emit('echo', 'x'.repeat(2000));
  assert.equal((await left)[0], 'transport error');
  assert.equal((await gone)[0], 'transport close');
  await stop();
});
