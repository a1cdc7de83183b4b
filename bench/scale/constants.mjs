// `node bench/scale/constants.mjs [rounds]` measures the constants of the model on this machine, and keeps them in
// constants.json. All are CPU time of a node, in microseconds, or bytes.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cost, median, startNodes, startRedis } from './cluster.mjs';

const TICKS = 150;
const EVERY = 5;
const FEW = 10;
const MANY = 100;
const BATCH = 16;
const CONNECTIONS = 1000;
const SUBSCRIPTIONS = 100;
const FILE = new URL('constants.json', import.meta.url);

const remote = Array.from({ length: BATCH }, (_, index) => `remote/${index}`);
const clients = (/** @type {number} */ count, /** @type {string[]} */ topics) =>
  Array.from({ length: count }, () => topics);

/** Three nodes: one alone, one that publishes to Redis, and one that has the subscribers of the latter. */
export const startMeasured = (/** @type {number} */ redisPort) =>
  startNodes([
    { clients: [...clients(FEW, ['few', 'many']), ...clients(MANY - FEW, ['many'])] },
    { redisPort, clients: clients(1, ['echo']) },
    { redisPort, clients: clients(1, remote) },
  ]);

/** One round: CPU microseconds a tick for everything from which the constants follow. */
export async function measure(/** @type {{ nodes: import('../rpc.mjs').Worker[] }} */ { nodes }) {
  const [alone, ...pair] = nodes;
  const perTick = async (nodes, topics, order = {}) =>
    (await cost(nodes, nodes.slice(0, 1), { topics, every: EVERY, ticks: TICKS, ...order })).map(
      (seconds) => (seconds / TICKS) * 1e6,
    );
  const joined = { each: BATCH };
  const first = remote.slice(0, 1);
  const [few = NaN] = await perTick([alone], ['few']);
  const [sent = NaN, received = NaN] = await perTick(pair, first);
  const [many = NaN] = await perTick([alone], ['many']);
  const [echoed = NaN] = await perTick(pair, ['echo']);
  const [manyJoined = NaN] = await perTick([alone], ['many'], joined);
  const [sentJoined = NaN, receivedJoined = NaN] = await perTick(pair, first, joined);
  const spread = { each: BATCH, spread: true };
  const [sentSpread = NaN, receivedSpread = NaN] = await perTick(pair, remote, spread);
  return {
    ...{ few, many, manyJoined, echoed },
    ...{ sent, received, sentJoined, receivedJoined, sentSpread, receivedSpread },
  };
}

/** The constants, from the medians of all rounds: a difference of medians is steadier than a median of differences. */
export function constantsOf(/** @type {Awaited<ReturnType<typeof measure>>[]} */ rounds) {
  const raw = medians(rounds);
  const deliver = (raw.many - raw.few) / (MANY - FEW);
  return {
    publish: raw.few - FEW * deliver,
    deliver,
    deliver16: raw.manyJoined / MANY / BATCH,
    send: raw.sent,
    send16Topics: raw.sentSpread / BATCH,
    send16Joined: raw.sentJoined / BATCH,
    receive: raw.received - deliver,
    receive16Topics: raw.receivedSpread / BATCH - deliver,
    receive16Joined: raw.receivedJoined / BATCH - raw.manyJoined / MANY / BATCH,
    echo: Math.max(0, raw.echoed - raw.sent - deliver),
  };
}

/** Bytes of a node for a connection (resident), and for a subscription (heap). */
export async function measureMemory() {
  const { nodes, load } = await startNodes([{ clients: clients(FEW, []) }]);
  const [node] = nodes;
  const empty = await node?.call('memory');
  await load.call('connect', { port: await node?.call('port'), lists: clients(CONNECTIONS, []) });
  const connected = await node?.call('memory');
  await node?.call('subscribe', SUBSCRIPTIONS);
  const subscribed = await node?.call('memory');
  return {
    connectionBytes: (connected.rss - empty.rss) / CONNECTIONS,
    subscriptionBytes: (subscribed.heap - connected.heap) / (CONNECTIONS + FEW) / SUBSCRIPTIONS,
  };
}

/**
 * The median of each figure over the rounds.
 *
 * @template {Record<string, number>} T
 * @param {T[]} rounds
 * @returns {T}
 */
export function medians(rounds) {
  const of = (/** @type {string} */ name) => median(rounds.map((round) => round[name] ?? NaN));
  const names = Object.keys(rounds[0] ?? {});
  return /** @type {T} */ (Object.fromEntries(names.map((name) => [name, of(name)])));
}

export const rounded = (/** @type {Record<string, number>} */ figures) =>
  Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(3))]),
  );

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { port } = await startRedis();
  const measured = await startMeasured(port);
  const rounds = [];
  while (rounds.length < Number(process.argv[2] ?? 7)) rounds.push(await measure(measured));
  const found = rounded({ ...constantsOf(rounds), ...(await measureMemory()) });
  console.table(found);
  writeFileSync(FILE, `${JSON.stringify(found, undefined, 2)}\n`);
  process.exit();
}
