// A node of nodes.test.ts, or the primary of three of them: node nodes-program.cjs FOLDER
// FOLDER has the built package. The test asks by [id, worker, command, ...arguments]; see support/fleet.ts.
'use strict';

const cluster = require('node:cluster');
const { createServer } = require('node:http');
const { join } = require('node:path');
const process = require('node:process');

// Before anything reads the clock: another machine's may differ.
const shift = Number(process.env.CLOCK_SHIFT ?? 0);
const { now } = Date;
Date.now = () => now() + shift;

const [, , folder] = process.argv;
const { shardBroker, WebSocketServer } = require(join(folder, 'index.js'));

/** How a broker is made for each kind: what ends its clients, and how many deliveries a client has counted. */
const kinds = {
  ioredis: async ({ port, ...options }) => {
    const { Redis } = require('ioredis');
    const settings = { host: '127.0.0.1', port, retryStrategy: () => 50 };
    const clients = [new Redis(settings), new Redis(settings)];
    return overRedis(clients, options, () => clients.forEach((client) => client.disconnect()));
  },
  'node-redis': async ({ port, ...options }) => {
    const { createClient } = require('redis');
    const socket = { host: '127.0.0.1', port, reconnectStrategy: () => 50 };
    const clients = [createClient({ socket }), createClient({ socket })];
    for (const client of clients) client.connect().catch(() => undefined);
    return overRedis(clients, options, () => clients.forEach((client) => client.destroy()));
  },
  nats: async ({ port, ...options }) => {
    const { connect } = require('@nats-io/transport-node');
    const { natsBroker } = require(join(folder, 'adapters/nats.js'));
    const connection = await connect({
      servers: `127.0.0.1:${port}`,
      reconnectTimeWait: 50,
      maxReconnectAttempts: -1,
      noEcho: true,
    });
    return {
      broker: natsBroker(connection, options),
      end: () => connection.close(),
      deliveries: () => connection.stats().inMsgs,
    };
  },
  cluster: async ({ prefix }) => {
    const { clusterBroker } = require(join(folder, 'adapters/cluster.js'));
    let deliveries = 0;
    const count = ({ hawser }) => {
      if (hawser === 'topics/1') deliveries++;
    };
    process.on('message', count);
    return {
      broker: clusterBroker({ prefix }),
      end: () => process.off('message', count),
      deliveries: () => deliveries,
    };
  },
};

function overRedis([publisher, subscriber], options, end) {
  const { redisBroker } = require(join(folder, 'adapters/redis.js'));
  // Redis itself tells what it delivers: PUBSUB NUMSUB.
  const deliveries = () => undefined;
  return { broker: redisBroker({ publisher, subscriber, ...options }), end, deliveries };
}

/** The server of the present test. */
let node;

const commands = {
  /** Primary only. */
  fork: (env) =>
    new Promise((done) => {
      const worker = cluster.fork(env);
      worker.once('online', () => done(worker.id));
    }),
  kill: (id) =>
    new Promise((done) => {
      cluster.workers[id].once('exit', done).process.kill('SIGKILL');
    }),

  /** Starts a server; several brokers are combined, each of its own kind if it says so. @returns its port. */
  begin: async (name, usual, brokers, options) => {
    const made = await Promise.all(
      brokers.map(({ kind = usual, ...settings }) => kinds[kind](settings)),
    );
    const broker =
      made.length === 1 ? made[0].broker : shardBroker(made.map((each) => each.broker));
    const http = createServer();
    const wss = new WebSocketServer(http, { ...options, broker });
    node = { name, http, wss, made, counts: new Map(), states: [], reasons: [], faults: [] };
    const { states, reasons, faults } = node;
    wss.on('brokerState', (state, error) => {
      states.push(state);
      if (error) reasons.push(error.message);
    });
    wss.on('brokerError', ({ message }) => faults.push(message));
    wss.on('connection', (conn) => {
      // A client names its topics, and is told when the broker has confirmed all of them.
      conn.on('message', async (text) => {
        const topics = JSON.parse(text);
        for (const topic of topics) conn.subscribe(topic);
        await Promise.all(topics.map((topic) => wss.joined(topic)));
        conn.send('joined');
      });
    });
    // Not the port that the workers of a cluster share.
    const address = { host: '127.0.0.1', port: 0, exclusive: true };
    await new Promise((done) => http.listen(address, done));
    return http.address().port;
  },

  end: async () => {
    if (node === undefined) return;
    clearInterval(node.timer);
    await node.wss.close({ timeout: 0 });
    node.http.close();
    for (const { end } of node.made) await end();
    node = undefined;
  },

  /** Publishes one message to each topic in each of `ticks` ticks. */
  publish: async (topics, ticks, options) => {
    for (let tick = 0; tick < ticks; tick++) {
      for (const topic of topics) publishNext(topic, options);
      await new Promise(setImmediate);
    }
  },
  /** Goes on publishing until `end` or `unload`. */
  load: (topics) => {
    node.timer = setInterval(() => topics.forEach((topic) => publishNext(topic)), 10);
  },
  unload: () => clearInterval(node.timer),
  /** Publishes these texts as the values of their keys, with spaces before them to fill sockets. */
  set: (topic, entries, retain) => {
    for (const [key, text] of entries) {
      node.wss.publish(topic, text.padStart(20_000), { key, retain });
    }
  },

  counts: () => [...node.counts],
  stats: () => ({ ...node.wss.stats().broker, conflated: node.wss.stats().messagesConflated }),
  states: () => node.states,
  reasons: () => node.reasons,
  faults: () => node.faults,
  deliveries: () => node.made[0].deliveries(),
};

/** Publishes TOPIC|NODE|NUMBER. */
function publishNext(topic, options) {
  const number = node.counts.get(topic) ?? 0;
  node.counts.set(topic, number + 1);
  node.wss.publish(topic, `${topic}|${node.name}|${number}`, options);
}

async function run([id, , command, ...args]) {
  try {
    return { answer: id, value: await commands[command](...args) };
  } catch (error) {
    return { answer: id, error: error.stack };
  }
}

if (cluster.isPrimary) {
  let isRelaying = false;
  process.on('message', async (message) => {
    const [, worker, command] = message;
    if (command === 'fork' && !isRelaying) {
      isRelaying = true;
      cluster.setupPrimary({ serialization: 'advanced' });
      require(join(folder, 'adapters/cluster.js')).relayTopics();
    }
    if (worker === 0) process.send(await run(message));
    else cluster.workers[worker].send({ ask: message });
  });
  cluster.on('message', (_worker, message) => {
    if (message.answer) process.send(message);
  });
  process.on('disconnect', () => process.exit());
} else {
  process.on('message', async ({ ask }) => {
    if (ask) process.send(await run(ask));
  });
}
