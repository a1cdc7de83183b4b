// graphql-ws on a server that is handed in; its client takes the class WebSocket.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { buildSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import WebSocket from 'ws';
import { engine, listen, until } from './support.mjs';

const schema = buildSchema(`
  type Query { hello(name: String!): String! }
  type Subscription { count(to: Int!): Int! ticks: Int! }
`);

/** What ended, by the name of what it was. */
const ended = [];
const roots = {
  query: { hello: ({ name }) => `hello ${name}` },
  subscription: {
    async *count({ to }) {
      for (let n = 1; n <= to; n++) yield { count: n };
    },
    async *ticks() {
      try {
        for (let n = 0; ; n++) {
          yield { ticks: n };
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      } finally {
        ended.push('ticks');
      }
    },
  },
};

async function start(options = {}, keepAlive = 12_000) {
  const http = createServer();
  const wss = new engine.WebSocketServer({ server: http, path: '/graphql' });
  const handle = useServer({ schema, roots, ...options }, wss, keepAlive);
  const url = `ws://127.0.0.1:${await listen(http)}/graphql`;
  const stop = async () => {
    await handle.dispose();
    http.close();
    await once(http, 'close');
  };
  return { wss, url, stop };
}

/** A socket without a client, for what a client never does. */
async function open(url, protocols = ['graphql-transport-ws']) {
  const socket = new WebSocket(url, protocols);
  const closed = once(socket, 'close').then(([code, reason]) => [code, String(reason)]);
  await once(socket, 'open');
  return { socket, closed };
}

test('answers queries and subscriptions, many on one socket', async () => {
  const { wss, url, stop } = await start();
  const client = createClient({ url, webSocketImpl: WebSocket, lazy: true });
  const results = [];
  for await (const { data } of client.iterate({ query: '{ hello(name: "Ada") }' }))
    results.push(data);
  assert.deepEqual(results, [{ hello: 'hello Ada' }]);
  await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const seen = [];
      const query = `subscription { count(to: ${index + 1}) }`;
      for await (const { data } of client.iterate({ query })) seen.push(data.count);
      assert.deepEqual(
        seen,
        Array.from({ length: index + 1 }, (_, n) => n + 1),
      );
    }),
  );
  assert.ok(wss.clients.size <= 1);
  await client.dispose();
  await stop();
});

test('stops a subscription when the client leaves it, and when its socket is gone', async () => {
  ended.length = 0;
  const { wss, url, stop } = await start();
  const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 });
  const subscription = client.iterate({ query: 'subscription { ticks }' });
  assert.deepEqual((await subscription.next()).value.data, { ticks: 0 });
  await subscription.return();
  await until(() => ended.length === 1);

  const second = client.iterate({ query: 'subscription { ticks }' });
  await second.next();
  for (const socket of wss.clients) socket.terminate();
  await assert.rejects(async () => {
    for await (const _ of second);
  });
  await until(() => ended.length === 2);
  await client.dispose();
  await stop();
});

test('keeps a live peer by pings and terminates a dead one', async () => {
  const { wss, url, stop } = await start({}, 500);
  let pings = 0;
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    lazy: false,
    on: { opened: (socket) => socket.on('ping', () => pings++) },
  });
  await until(() => pings >= 2);
  assert.equal(wss.clients.size, 1);
  await client.dispose();
  await until(() => wss.clients.size === 0);

  const socket = new WebSocket(url, 'graphql-transport-ws', { autoPong: false });
  const [code] = await once(socket, 'close');
  assert.equal(code, 1006);
  await stop();
});

test('closes with its own codes', async () => {
  const { url, stop } = await start({
    connectionInitWaitTimeout: 600_000,
    onConnect: ({ connectionParams }) => connectionParams?.token === 'right',
  });
  /** How a connection is closed after these messages. */
  const attempt = async (...messages) => {
    const { socket, closed } = await open(url);
    for (const message of messages) {
      socket.send(typeof message === 'string' ? message : JSON.stringify(message));
    }
    return closed;
  };
  const init = { type: 'connection_init', payload: { token: 'right' } };
  const wrong = { type: 'connection_init', payload: { token: 'wrong' } };
  const subscribe = { id: '1', type: 'subscribe', payload: { query: 'subscription { ticks }' } };
  assert.deepEqual(await attempt('{'), [4400, 'Invalid message received']);
  assert.deepEqual(await attempt(subscribe), [4401, 'Unauthorized']);
  assert.deepEqual(await attempt(wrong), [4403, 'Forbidden']);
  assert.deepEqual(await attempt(init, init), [4429, 'Too many initialisation requests']);

  const { socket, closed } = await open(url);
  socket.send(JSON.stringify(init));
  await once(socket, 'message'); // the acknowledgement
  for (const message of [subscribe, subscribe]) socket.send(JSON.stringify(message));
  assert.deepEqual(await closed, [4409, 'Subscriber for 1 already exists']);

  const unspoken = await open(url, []);
  assert.deepEqual(await unspoken.closed, [4406, 'Subprotocol not acceptable']);
  await stop();
});

test('closes a client that says nothing', async () => {
  const { url, stop } = await start({ connectionInitWaitTimeout: 50 });
  const { closed } = await open(url);
  assert.deepEqual(await closed, [4408, 'Connection initialisation timeout']);
  await stop();
});
