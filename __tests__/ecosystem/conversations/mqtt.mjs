// MQTT over WebSocket: aedes on createWebSocketStream, and mqtt.js, which requires ws.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { Aedes } from 'aedes';
import mqtt from 'mqtt';
import { Arrivals, engine, listen, until } from './support.mjs';

async function start() {
  const broker = await Aedes.createBroker();
  const http = createServer();
  const wss = new engine.WebSocketServer({ server: http });
  wss.on('connection', (ws, request) => {
    broker.handle(engine.createWebSocketStream(ws), request);
  });
  const url = `ws://127.0.0.1:${await listen(http)}`;
  const clients = [];
  const connect = async (options = {}) => {
    const client = mqtt.connect(url, { reconnectPeriod: 0, ...options });
    clients.push(client);
    await once(client, 'connect');
    return client;
  };
  const stop = async () => {
    for (const client of clients) await client.endAsync(true);
    await new Promise((resolve) => broker.close(() => resolve(undefined)));
    await until(() => wss.clients.size === 0);
    wss.close();
    http.close();
    await once(http, 'close');
  };
  return { broker, wss, connect, stop };
}

test('carries messages of all qualities, small and large, in order', async () => {
  const { connect, stop } = await start();
  const [publisher, subscriber] = [await connect(), await connect()];
  const heard = new Arrivals();
  subscriber.on('message', (topic, payload) => heard.push([topic, payload]));
  await subscriber.subscribeAsync('harbour/#', { qos: 2 });
  for (const qos of [0, 1, 2]) {
    for (const payload of [Buffer.alloc(0), Buffer.from('grüße'), Buffer.alloc(1_000_000, qos)]) {
      await publisher.publishAsync(`harbour/${qos}`, payload, { qos });
      assert.deepEqual(await heard.next(), [`harbour/${qos}`, payload]);
    }
  }
  await Promise.all(
    Array.from({ length: 300 }, (_, n) =>
      publisher.publishAsync('harbour/many', String(n), { qos: 1 }),
    ),
  );
  for (let n = 0; n < 300; n++) {
    assert.deepEqual(await heard.next(), ['harbour/many', Buffer.from(String(n))]);
  }
  await stop();
});

test('delivers the last will of a client whose socket was terminated', async () => {
  const { wss, connect, stop } = await start();
  const subscriber = await connect();
  const heard = new Arrivals();
  subscriber.on('message', (topic, payload) => heard.push([topic, String(payload)]));
  await subscriber.subscribeAsync('wills');
  const [watching] = wss.clients;
  await connect({ will: { topic: 'wills', payload: 'gone', qos: 0, retain: false } });
  for (const ws of wss.clients) if (ws !== watching) ws.terminate();
  assert.deepEqual(await heard.next(), ['wills', 'gone']);
  await stop();
});

test('closes the socket when the client says goodbye', async () => {
  const { broker, wss, connect, stop } = await start();
  const left = once(broker, 'clientDisconnect');
  const client = await connect({ clientId: 'polite' });
  await client.endAsync();
  assert.equal((await left)[0].id, 'polite');
  await until(() => wss.clients.size === 0);
  await stop();
});
