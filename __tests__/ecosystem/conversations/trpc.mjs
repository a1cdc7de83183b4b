// tRPC's procedures and subscriptions on a server that is handed in.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import { initTRPC, TRPCError } from '@trpc/server';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import WebSocket from 'ws';
import { Arrivals, engine, listen, until } from './support.mjs';

const { router, procedure } = initTRPC.create();
let left = 0;
const appRouter = router({
  greet: procedure.input((value) => String(value)).query(({ input }) => `hello ${input}`),
  fail: procedure.mutation(() => {
    throw new TRPCError({ code: 'FORBIDDEN', message: 'no' });
  }),
  count: procedure
    .input((value) => Number(value))
    .subscription(async function* ({ input }) {
      for (let n = 1; n <= input; n++) yield n;
    }),
  ticks: procedure.subscription(async function* ({ signal }) {
    try {
      for (let n = 0; !signal?.aborted; n++) {
        yield n;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    } finally {
      left++;
    }
  }),
});

async function start(options = {}) {
  const http = createServer();
  const wss = new engine.WebSocketServer({ server: http });
  const handler = applyWSSHandler({ wss, router: appRouter, ...options });
  const url = `ws://127.0.0.1:${await listen(http)}`;
  const clients = [];
  const connect = (more = {}) => {
    const client = createWSClient({ url, WebSocket, ...more });
    clients.push(client);
    return createTRPCClient({ links: [wsLink({ client })] });
  };
  const stop = async () => {
    for (const client of clients) await client.close();
    await until(() => wss.clients.size === 0);
    wss.close();
    http.close();
    await once(http, 'close');
  };
  return { wss, url, handler, connect, stop };
}

test('calls procedures, and hands their errors to the caller', async () => {
  const { connect, stop } = await start();
  const client = connect();
  const answers = await Promise.all(
    ['Ada', 'Ben', 'τρόσσα'].map((name) => client.greet.query(name)),
  );
  assert.deepEqual(answers, ['hello Ada', 'hello Ben', 'hello τρόσσα']);
  await assert.rejects(client.fail.mutate(), { message: 'no' });
  await stop();
});

test('sends what subscriptions yield, in order', async () => {
  const { connect, stop } = await start();
  const client = connect();
  const seen = [];
  await new Promise((resolve, reject) => {
    client.count.subscribe(1000, {
      onData: (n) => seen.push(n),
      onComplete: () => resolve(undefined),
      onError: reject,
    });
  });
  assert.deepEqual(
    seen,
    Array.from({ length: 1000 }, (_, n) => n + 1),
  );
  await stop();
});

test('ends a subscription that its client leaves, and those of a socket that is gone', async () => {
  left = 0;
  const { wss, connect, stop } = await start();
  const client = connect({ retryDelayMs: () => 0 });
  const heard = new Arrivals();
  const first = client.ticks.subscribe(undefined, { onData: heard.push });
  assert.equal(await heard.next(), 0);
  first.unsubscribe();
  await until(() => left === 1);

  const again = new Arrivals();
  client.ticks.subscribe(undefined, { onData: again.push });
  assert.equal(await again.next(), 0);
  for (const socket of wss.clients) socket.terminate();
  await until(() => left === 2);
  // The client comes back, and its subscription begins again.
  while ((await again.next()) !== 0);
  await stop();
});

test('pings, and tells clients to come back before it stops', async () => {
  const { wss, url, handler, stop } = await start({
    keepAlive: { enabled: true, pingMs: 20, pongWaitMs: 1000 },
  });
  const socket = new WebSocket(url);
  const closed = once(socket, 'close');
  const heard = new Arrivals();
  socket.on('message', (data) => heard.push(String(data)));
  assert.equal(await heard.next(), 'PING');
  socket.send('PONG');
  handler.broadcastReconnectNotification();
  for (;;) {
    const message = await heard.next();
    if (message === 'PING') continue;
    assert.deepEqual(JSON.parse(message), { id: null, method: 'reconnect' });
    break;
  }
  // It answers no longer, and is terminated.
  const [code] = await closed;
  assert.equal(code, 1006);
  await until(() => wss.clients.size === 0);
  await stop();
});
