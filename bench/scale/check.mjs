// `node bench/scale/check.mjs [rounds]`: 1, 2 and 4 nodes with a real Redis and real clients, against the model. The
// constants are measured in the same rounds, because the machine is not always equally busy.
import { seededRandom } from '../../__tests__/support/random.cjs';
import { cost, median, startNodes, startRedis } from './cluster.mjs';
import { constantsOf, measure, rounded, startMeasured } from './constants.mjs';
import { loadOf } from './model.mjs';

const RATE = 200;
const SECONDS = 1.6;
const FANOUT = 8;
const TOPICS = 50;
const CONNECTIONS = 100;
const MOST_DEVIATION = 0.2;

const random = seededRandom(11);
const pick = (/** @type {number} */ below) => Math.floor(random() * below);
const topics = Array.from({ length: TOPICS }, (_, index) => `topic/${index}`);

/** Nodes with an equal number of clients; each topic has FANOUT subscribers, whichever clients they are. */
async function start(/** @type {number} */ count, /** @type {number} */ redisPort) {
  /** @type {Set<string>[]} */
  const lists = Array.from({ length: CONNECTIONS }, () => new Set());
  for (const topic of topics) {
    for (let left = FANOUT; left > 0;) {
      const list = lists[pick(CONNECTIONS)];
      if (list?.has(topic)) continue;
      list?.add(topic);
      left--;
    }
  }
  const wanted = Array.from({ length: count }, (_, node) => ({
    redisPort: count > 1 ? redisPort : undefined,
    clients: lists.filter((_, index) => index % count === node).map((list) => [...list]),
  }));
  return startNodes(wanted);
}

/** Messages that the clients got since the last call, once no more come. */
async function settled(/** @type {import('../rpc.mjs').Worker} */ load) {
  let sum = 0;
  for (let quiet = 0; quiet < 3; quiet++) {
    await new Promise((done) => setTimeout(done, 100));
    const more = await load.call('delivered');
    sum += more;
    if (more > 0) quiet = -1;
  }
  return sum;
}

/** CPU seconds of all nodes together; every message must arrive. */
async function spend({ nodes, load }) {
  const ticks = (RATE * SECONDS) / nodes.length;
  const order = { topics, ticks, every: (1000 / RATE) * nodes.length };
  await settled(load);
  const seconds = await cost(nodes, nodes, order);
  const delivered = await settled(load);
  const expected = RATE * SECONDS * FANOUT;
  if (delivered !== expected)
    throw new Error(`${delivered} of ${expected} messages were delivered`);
  return { cpu: seconds.reduce((sum, each) => sum + each, 0), waited: seconds.waited };
}

const { port } = await startRedis();
const measured = await startMeasured(port);
const counts = [1, 2, 4];
const clusters = [];
for (const count of counts) clusters.push(await start(count, port));
const rounds = [];
/** @type {{ cpu: number, waited: number }[][]} */
const spent = counts.map(() => []);
while (rounds.length < Number(process.argv[2] ?? 7)) {
  rounds.push(await measure(measured));
  for (const [index, cluster] of clusters.entries()) spent[index]?.push(await spend(cluster));
}
const constants = constantsOf(rounds);
console.table(rounded(constants));
const load = { connections: CONNECTIONS, rate: RATE, fanout: FANOUT, heartbeat: 0 };
const text = (/** @type {number} */ value) => value.toFixed(3);
const rows = counts.map((nodes, index) => {
  const wait = median((spent[index] ?? []).map(({ waited }) => waited));
  const model = loadOf(nodes, load, constants).cpu * SECONDS;
  const real = median((spent[index] ?? []).map(({ cpu }) => cpu));
  return { nodes, wait, model, measured: real, deviation: model / real - 1 };
});
console.table(
  rows.map((row) => ({
    nodes: row.nodes,
    'ms for a core': (row.wait * 1000).toFixed(2),
    'CPU s by the model': text(row.model),
    'CPU s measured': text(row.measured),
    deviation: `${(row.deviation * 100).toFixed(0)} %`,
  })),
);
const isWrong = rows.some(({ deviation }) => !(Math.abs(deviation) <= MOST_DEVIATION));
console.log(isWrong ? 'The model is wrong by more than 20 %.' : 'The model is right within 20 %.');
process.exit(isWrong ? 1 : 0);
