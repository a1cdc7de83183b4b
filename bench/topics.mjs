// The figures of topics that need no peer: what publishing to Redis costs beside commands written by hand, the memory of
// a subscription, and what is held for a slow reader. After a build, with `redis-server`:
//
//   node --expose-gc bench/topics.mjs [rounds]
import { once } from 'node:events';
import { connect } from 'node:net';
import process from 'node:process';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import redis from '../dist/adapters/redis.js';
import hawser from '../dist/index.js';
import { median, startRedis } from './scale/cluster.mjs';

const ROUNDS = Number(process.argv[2] ?? 7);
/** The sides take turns so often in a round, so that a busy moment of the machine falls on both. */
const PARTS = 8;
const TICKS = 100;
/** Milliseconds between ticks. Without them the side with less work of its own would find Redis awake more often. */
const PAUSE = 1;
const PER_TICK = 16;
const payload = Buffer.alloc(128, 'x');
const topics = Array.from({ length: PER_TICK }, (_, index) => `topic ${index}`);

/** Each library: how a command is sent. */
const libraries = {
  ioredis: (port) => {
    const make = () => new Redis({ port, host: '127.0.0.1' });
    const client = make();
    return { make, client, send: async ([name, ...args]) => client.call(name, args) };
  },
  redis: async (port) => {
    const make = () => createClient({ socket: { port, host: '127.0.0.1' } });
    const client = make();
    await client.connect();
    return { make, client, send: async (command) => client.sendCommand(command) };
  },
};

/** Microseconds of CPU of some ticks of a function, until `settled`. */
async function cost(tick, settled) {
  await settled();
  const before = process.cpuUsage();
  for (let i = 0; i < TICKS; i++) {
    tick();
    await sleep(PAUSE);
  }
  await settled();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function overRedis(library) {
  const { port, stop } = await startRedis();
  const { make, client: publisher, send } = await libraries[library](port);
  const subscriber = make();
  if (library === 'redis') await subscriber.connect();
  await send(['PING']); // Redis listens
  const broker = redis.redisBroker({ publisher, subscriber });
  const wss = new hawser.WebSocketServer({ noServer: true, broker });
  if (wss.stats().broker?.state !== 'up') await once(wss, 'brokerState');
  // Commands are answered in order, so this one is the last.
  const settled = async () => send(['PING']);
  const script = "for i=1,#ARGV,2 do redis.call('PUBLISH',ARGV[i],ARGV[i+1]) end";
  const payloads = topics.map(() => payload);
  const rows = {
    '16 topics a tick / a script by hand': [
      () => topics.forEach((topic) => wss.publish(topic, payload)),
      () => send(['EVAL', script, '0', ...topics.flatMap((topic) => [`hawser:${topic}`, payload])]),
    ],
    '16 messages of a topic / a joined PUBLISH': [
      () => topics.forEach(() => wss.publish('topic', payload)),
      () => send(['PUBLISH', 'hawser:topic', Buffer.concat(payloads)]),
    ],
  };
  for (const [name, [own, hand]] of Object.entries(rows)) {
    const ratios = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const spent = { own: 0, hand: 0, nothing: 0 };
      for (let part = 0; part < PARTS; part++) {
        spent.own += await cost(own, settled);
        spent.hand += await cost(hand, settled);
        spent.nothing += await cost(() => {}, settled);
      }
      const ratio = (spent.own - spent.nothing) / (spent.hand - spent.nothing);
      if (round > 0) ratios.push(ratio); // the first warms up
    }
    const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
    const text = [median(ratios), low, high].map((each) => each.toFixed(2));
    console.log(`${library}, ${name}: ${text[0]} (${text[1]} to ${text[2]}); at most 1.5`);
  }
  const { published, bufferDropped } = wss.stats().broker;
  if (bufferDropped > 0) throw new Error(`${bufferDropped} of ${published} were not published`);
  await wss.close({ timeout: 0 });
  for (const each of [publisher, subscriber]) each.disconnect?.();
  stop();
}

function heap() {
  for (let i = 0; i < 4; i++) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** 10 000 topics, 10 000 connections, 10 subscriptions each. */
async function subscriptions() {
  const count = 10_000;
  const wss = new hawser.WebSocketServer({ noServer: true });
  const connections = Array.from({ length: count }, () => {
    return hawser.createConnectionPair({ server: wss }).server;
  });
  const names = Array.from({ length: count }, (_, index) => `topic/${index}`);
  const before = heap();
  for (const [i, connection] of connections.entries()) {
    for (let n = 0; n < 10; n++) connection.subscribe(names[(i * 7 + n * 997) % count]);
  }
  const bytes = (heap() - before) / wss.stats().topics.subscriptions;
  console.log(`memory of a subscription: ${bytes.toFixed(1)} bytes; at most 120`);
}

/** A reader that reads nothing, while the values of 1000 keys are published a million times. */
async function slowReader() {
  const [keys, publishes, size] = [1000, 1_000_000, 128];
  const wss = new hawser.WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(wss, 'listening');
  const socket = connect(wss.address().port, '127.0.0.1');
  socket.write(
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  const [connection] = await once(wss, 'connection');
  connection.subscribe('values');
  socket.pause();
  while (connection.bufferedAmount < 200_000) {
    wss.publish('values', '.'.repeat(60_000));
    await turn();
  }
  const before = heap();
  for (let i = 0; i < publishes; i++) {
    const value = String(i).padStart(7, '0').padEnd(size, 'x');
    wss.publish('values', value, { key: `key ${(i * 7919) % keys}` });
    if (i % 1000 === 999) await turn();
  }
  const most = keys * (size + 4 + 256) + 1024 * 1024;
  // What was replaced may take a moment to be freed. What is held stays.
  let held = Infinity;
  for (let look = 0; look < 50 && held > most; look++) {
    await turn();
    held = Math.min(held, heap() - before);
  }
  console.log(`1000 keys, 1 M publishes: ${held} bytes are held; at most ${most}`);
  socket.destroy();
  await wss.close({ timeout: 0 });
}

await slowReader();
await subscriptions();
for (const library of Object.keys(libraries)) await overRedis(library);
process.exit();
