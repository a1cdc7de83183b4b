// How many nodes: `node bench/scale/model.mjs --connections 1e6 --rate 1000 --fanout 100` and so on.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** What Redis 7 delivers a second before its latency explodes: Centrifugo, "Scaling Redis Pub/Sub", 2026. */
const REDIS_DELIVERIES = 650_000;
/** A Ping and its Pong cost about as much as two deliveries: a write and a read. */
const HEARTBEAT_DELIVERIES = 2;
const MOST_NODES = 1e6;
/** Of a Node process with hawser and ioredis, without connections. */
const BASE_BYTES = 60e6;

/**
 * @typedef {object} Load
 * @property {number} connections N, divided evenly over the nodes
 * @property {number} rate R, messages published a second by all nodes together
 * @property {number} fanout F, subscribers of a message
 * @property {number} [subscriptions] of a connection
 * @property {number} [heartbeat] seconds between the Pings of a silent connection; 0 for none
 * @property {number} [batch] messages of one topic that a tick has: 1, or 16 that share envelopes and writes
 *
 * @typedef {Record<string, number>} Constants
 */

export const constants = () =>
  JSON.parse(readFileSync(new URL('constants.json', import.meta.url), 'utf8'));

/** Nodes that are expected to have one or more of F subscribers, which are spread over M nodes at random. */
export const interested = (/** @type {number} */ nodes, /** @type {number} */ fanout) =>
  nodes === 1 ? Math.min(1, fanout) : -nodes * Math.expm1(fanout * Math.log1p(-1 / nodes));

/**
 * Microseconds of a message for a node to which `events` come in a second: those that it publishes or receives, and
 * the answers of Redis. One that comes while the loop is busy with another shares the next turn. A turn of its own
 * makes a message cost `lone`, a turn with sixteen `of16`.
 */
function sharedTurns(
  /** @type {number} */ lone,
  /** @type {number} */ of16,
  /** @type {number} */ events,
) {
  const inTurn = Math.min(16, 1 + (events * lone) / 1e6);
  return of16 + (lone - of16) * ((1 / inTurn - 1 / 16) / (1 - 1 / 16));
}

/**
 * What so many nodes have to do, all together and each.
 *
 * @param {number} nodes
 * @param {Load} load
 * @param {Constants} measured
 * @param {boolean} [broker] whether there is one
 */
export function loadOf(nodes, load, measured, broker = nodes > 1) {
  const {
    connections,
    rate,
    fanout,
    subscriptions = 10,
    heartbeat = 25,

    batch = 1,
  } = load;
  const hearing = interested(nodes, fanout);
  // The publishing node is one of those that are interested as often as any other, and hears its own message.
  const own = hearing / nodes;
  const others = hearing - own;
  const { publish, deliver, echo, ...each } = /** @type {any} */ (measured);
  const isJoined = batch > 1;
  const events = (rate * (broker ? 2 + hearing : 1)) / nodes;
  const sent = isJoined ? each.send16Joined : sharedTurns(each.send, each.send16Topics, events);
  const received = isJoined
    ? each.receive16Joined
    : sharedTurns(each.receive, each.receive16Topics, events);
  const delivered = isJoined ? each.deliver16 : deliver;
  // Sixteen echoes, or local publishes, cost no more than sixteen messages of others, or to others.
  const echoed = sharedTurns(echo, Math.min(echo, each.receive16Topics), events) / batch;
  const alone = sharedTurns(publish, Math.min(publish, each.send16Topics), events) / batch;
  const perMessage = broker ? sent + others * received + own * echoed : alone;
  const work = rate * (perMessage + fanout * delivered);
  const pings = heartbeat > 0 ? connections / heartbeat : 0;
  const cpu = (work + pings * HEARTBEAT_DELIVERIES * deliver) / 1e6;
  const { connectionBytes = NaN, subscriptionBytes = NaN } = measured;
  const memory = connections * (connectionBytes + subscriptions * subscriptionBytes);
  return {
    cpu,
    cpuPerNode: cpu / nodes,
    memoryPerNode: BASE_BYTES + memory / nodes,
    brokerDeliveries: broker ? (rate * hearing) / batch : 0,
  };
}

/**
 * The fewest nodes with which each stays below its limits.
 *
 * @param {Load} load
 * @param {{ cpu?: number, memory?: number }} [limits] of a node: share of a core, and bytes
 * @param {Constants} [measured]
 */
export function nodesFor(load, { cpu = 0.6, memory = 1e9 } = {}, measured = constants()) {
  const fits = (/** @type {number} */ nodes) => {
    const { cpuPerNode, memoryPerNode } = loadOf(nodes, load, measured);
    return cpuPerNode <= cpu && memoryPerNode <= memory;
  };
  let high = 1;
  while (!fits(high) && high <= MOST_NODES) high *= 2;
  let low = Math.floor(high / 2);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) high = middle;
    else low = middle;
  }
  const { brokerDeliveries, ...rest } = loadOf(high, load, measured);
  const nodes = high > MOST_NODES ? Infinity : high; // each node hears more than it can read
  return {
    nodes,
    redis: Math.ceil(brokerDeliveries / REDIS_DELIVERIES),
    brokerDeliveries,
    ...rest,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const number = { type: /** @type {const} */ ('string') };
  const { values } = parseArgs({ options: { connections: number, rate: number, fanout: number } });
  const asked = { connections: 1e5, rate: 1000, fanout: 10 };
  for (const [name, value] of Object.entries(values)) asked[name] = Number(value);
  const examples = [
    { connections: 1e4, rate: 100, fanout: 100 },
    { connections: 1e5, rate: 1000, fanout: 100 },
    { connections: 1e6, rate: 1e4, fanout: 10 },
    { connections: 1e6, rate: 1e4, fanout: 1000 },
    { connections: 1e7, rate: 1e5, fanout: 10 },
    { connections: 1e7, rate: 1e5, fanout: 1000 },
  ];
  const rows = Object.keys(values).length > 0 ? [asked] : examples;
  console.table(
    rows.flatMap((load) =>
      [1, 16].map((batch) => {
        const { nodes, redis, cpuPerNode, memoryPerNode, brokerDeliveries } = nodesFor({
          ...load,
          batch,
        });
        return {
          ...load,
          batch,
          nodes,
          'core share': Number(cpuPerNode.toFixed(2)),
          'MB a node': Math.round(memoryPerNode / 1e6),
          'deliveries/s of Redis': Math.round(brokerDeliveries),
          'Redis servers': redis,
        };
      }),
    ),
  );
}
