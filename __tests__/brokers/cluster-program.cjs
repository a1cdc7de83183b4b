// The primary and the workers of cluster.test.ts: node cluster-program.cjs FOLDER SERIALIZATION
// FOLDER has the built package. Code that the test sends runs in the process that it names; see `scope`.
'use strict';

const cluster = require('node:cluster');
const { createHash } = require('node:crypto');
const { join } = require('node:path');

const [, , folder, serialization] = process.argv;
const { clusterBroker, relayTopics } = require(join(folder, 'adapters/cluster.js'));

/** The brokers of this process, each with what its server was told. */
const brokers = [];

/** A new broker for a new server. */
function begin(options) {
  const broker = clusterBroker(options);
  const node = { id: '0', delivered: [], joined: [], states: [], errors: [] };
  broker.start({
    id: node.id,
    deliver: (topic, envelope) => {
      const bytes = Buffer.from(envelope);
      const hash = createHash('sha1').update(bytes).digest('hex');
      node.delivered.push([topic, bytes.length > 100 ? hash : bytes.toString()]);
    },
    joined: (topics) => node.joined.push(...topics),
    writable: () => node.states.push('writable'),
    up: () => node.states.push('up'),
    down: () => node.states.push('down'),
    error: ({ message }) => node.errors.push(message),
  });
  brokers.push({ broker, node });
}

/** Waits until something is true; the test's own limit ends it. */
async function until(isTrue) {
  while (!isTrue()) await new Promise((done) => setTimeout(done, 5));
}

/** Publishes all of [topic, text or Buffer], as a server with a buffer does. */
async function publish({ broker, node }, messages) {
  let rest = messages.map(([topic, data]) => ({ topic, envelope: Buffer.from(data) }));
  for (;;) {
    const calls = node.states.length;
    rest = rest.slice(broker.publish(rest));
    if (rest.length === 0) return;
    await until(() => node.states.length > calls);
  }
}

const scope = { cluster, relayTopics, clusterBroker, brokers, begin, until, publish, state: {} };

async function run(code) {
  try {
    const body = `return (async () => { ${code} })();`;
    const value = await new Function(...Object.keys(scope), body)(...Object.values(scope));
    return { value };
  } catch (error) {
    return { error: error.message };
  }
}

if (cluster.isPrimary) {
  cluster.setupPrimary({ serialization });
  process.on('message', async ([id, worker, code]) => {
    if (worker === 0) process.send([id, await run(code)]);
    else cluster.workers[worker].send({ hawser: 'the name of an application', ask: [id, code] });
  });
  cluster.on('message', (_worker, message) => {
    if (message.answer) process.send(message.answer);
  });
  process.on('disconnect', () => process.exit());
} else {
  process.on('message', async ({ ask }) => {
    if (ask) process.send({ answer: [ask[0], await run(ask[1])] });
  });
}
