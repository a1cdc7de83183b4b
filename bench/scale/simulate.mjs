// `node bench/scale/simulate.mjs [--draw]` answers two questions that the model leaves open: what a hot topic costs,
// and what a herd of reconnecting clients does. The same seed gives the same figures; --draw renews the charts.
import { mkdirSync, writeFileSync } from 'node:fs';
import { seededRandom } from '../../__tests__/support/random.cjs';
import { lineChart } from './chart.mjs';
import { constants, nodesFor } from './model.mjs';

const SEED = 11;
const measured = constants();
const isTiny = process.argv.includes('--tiny');

/** Events in the order of their times: a binary heap. */
class Events {
  /** @type {{ at: number, run: (at: number) => void }[]} */
  #heap = [];

  add(/** @type {number} */ at, /** @type {(at: number) => void} */ run) {
    const heap = this.#heap;
    let place = heap.length;
    for (let parent; place > 0; place = parent) {
      parent = (place - 1) >> 1;
      const above = /** @type {any} */ (heap[parent]);
      if (above.at <= at) break;
      heap[place] = above;
    }
    heap[place] = { at, run };
  }

  run() {
    for (let next; (next = this.#take());) next.run(next.at);
  }

  #take() {
    const heap = /** @type {any[]} */ (this.#heap);
    const [first] = heap;
    const last = heap.pop();
    if (heap.length === 0) return first;
    let place = 0;
    for (let child; (child = 2 * place + 1) < heap.length; place = child) {
      if (heap[child + 1]?.at < heap[child].at) child++;
      if (heap[child].at >= last.at) break;
      heap[place] = heap[child];
    }
    heap[place] = last;
    return first;
  }
}

/** A process that does one thing after another. */
class Server {
  busyUntil = 0;
  busy = 0;
  /** @returns when work of so many seconds that comes now is done; `lone` if the process was idle */
  work(/** @type {number} */ at, /** @type {number} */ seconds, lone = seconds) {
    const took = at >= this.busyUntil ? lone : seconds;
    this.busy += took;
    return (this.busyUntil = Math.max(at, this.busyUntil) + took);
  }
}

const quantile = (/** @type {Float64Array} */ sorted, /** @type {number} */ part) =>
  sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;

/**
 * One topic, which every node hears.
 *
 * - flat: one topic, so one Redis;
 * - split: the publisher publishes to `parts` topics, each on a Redis of its own, and each node hears one of them;
 * - tree: it publishes once, and `parts` relays publish it again, each to a topic on a Redis of its own.
 */
function hotTopic({ shape, nodes, rate, parts, seconds }) {
  const random = seededRandom(SEED);
  const events = new Events();
  const micro = 1e-6;
  const delivery = 1 / 650_000;
  const command = 3 * micro;
  /** @type {[several: number, lone: number]} */
  const receiving = [measured.receive16Topics * micro, measured.receive * micro];
  /** @type {[several: number, lone: number]} */
  const sending = [measured.send16Topics * micro, measured.send * micro];
  const redis = Array.from({ length: shape === 'flat' ? 1 : parts + 1 }, () => new Server());
  const relays = Array.from({ length: parts }, () => new Server());
  const readers = Array.from({ length: nodes }, () => new Server());
  const publisher = new Server();
  /** @type {number[]} */
  const latencies = [];
  /** A Redis delivers to the nodes first, first + step, and so on. */
  const fanOut = (index, first, step, published) => (/** @type {number} */ at) => {
    let out = redis[index]?.work(at, command) ?? NaN;
    for (let node = first; node < nodes; node += step) {
      out = redis[index]?.work(out, delivery) ?? NaN;
      latencies.push((readers[node]?.work(out, ...receiving) ?? NaN) - published);
    }
  };
  for (let at = 0; (at -= Math.log(1 - random()) / rate) < seconds;) {
    const published = at;
    if (shape === 'flat') events.add(publisher.work(at, ...sending), fanOut(0, 0, 1, published));
    for (let part = 0; shape === 'split' && part < parts; part++) {
      events.add(publisher.work(at, ...sending), fanOut(part, part, parts, published));
    }
    if (shape !== 'tree') continue;
    events.add(publisher.work(at, ...sending), (arrived) => {
      let out = redis[parts]?.work(arrived, command) ?? NaN;
      for (const [part, relay] of relays.entries()) {
        out = redis[parts]?.work(out, delivery) ?? NaN;
        const done = relay.work(out, receiving[0] + sending[0], receiving[1] + sending[1]);
        events.add(done, fanOut(part, part, parts, published));
      }
    });
  }
  events.run();
  const sorted = Float64Array.from(latencies).sort();
  const most = (/** @type {Server[]} */ servers) => Math.max(...servers.map(({ busy }) => busy));
  const share = (/** @type {number} */ busy) => Math.min(1, busy / seconds);
  return {
    p50: quantile(sorted, 0.5) * 1000,
    p99: quantile(sorted, 0.99) * 1000,
    redis: share(most(redis)),
    publisher: share(publisher.busy),
    relay: share(most(relays)),
  };
}

/** Every node is restarted, one after another; its clients connect to the others after at most `jitter` seconds. */
function rollingRestart({ nodes, connections, jitter, pause, handshake, patience = 10 }) {
  const random = seededRandom(SEED);
  const events = new Events();
  const servers = Array.from({ length: nodes }, () => new Server());
  /** @type {number[][]} the clients of each node */
  const clients = servers.map(() => []);
  for (let client = 0; client < connections; client++) clients[client % nodes]?.push(client);
  const lost = new Float64Array(connections).fill(-1);
  /** @type {number[]} */
  const outages = [];
  let [attempts, stall] = [0, 0];
  const connect = (client, isDown, attempt) => (/** @type {number} */ at) => {
    attempts++;
    // A load balancer by connections, which knows what it has seen: of two nodes, that with fewer.
    const [one, other] = [0, 0].map(() => {
      const node = Math.floor(random() * (nodes - 1));
      return node >= isDown ? node + 1 : node;
    });
    const node =
      (clients[one ?? 0]?.length ?? 0) <= (clients[other ?? 0]?.length ?? 0) ? one : other;
    const server = servers[node ?? 0];
    const done = server?.work(at, handshake) ?? NaN;
    stall = Math.max(stall, done - at);
    if (done - at > patience) {
      // The client has given up; the node accepts it in vain.
      const wait = jitter === 0 ? 1 : random() * Math.min(30, jitter * 2 ** attempt);
      events.add(at + patience + wait, connect(client, isDown, attempt + 1));
      return;
    }
    clients[node ?? 0]?.push(client);
    outages.push(done - (lost[client] ?? 0));
    lost[client] = -1;
  };
  for (let node = 0; node < nodes; node++) {
    events.add(node * pause, (at) => {
      for (const client of clients[node]?.splice(0) ?? []) {
        lost[client] = at;
        const roundTrips = 0.05 + random() * 0.1;
        events.add(at + roundTrips + random() * jitter, connect(client, node, 1));
      }
    });
  }
  events.run();
  const sorted = Float64Array.from(outages).sort();
  return {
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    stall,
    attempts: attempts / outages.length,
    moves: outages.length / connections,
  };
}

const rounded = (/** @type {Record<string, number>} */ row) =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value.toPrecision(2))])); // prettier-ignore

const NODES = isTiny ? 20 : 400;
const PARTS = isTiny ? 3 : 8;
const seconds = isTiny ? 0.05 : 1;
const rates = isTiny ? [100] : [10, 30, 100, 300, 600, 1000, 1500, 2000, 3000];
const shapes = ['flat', 'split', 'tree'].map((shape) => ({
  shape,
  rows: rates.map((rate) => ({
    rate,
    ...hotTopic({ shape, nodes: NODES, rate, parts: PARTS, seconds }),
  })),
}));
console.log(`A hot topic on ${NODES} nodes, ${PARTS} parts; latencies in ms, shares of a core`);
console.table(shapes.flatMap(({ shape, rows }) => rows.map((row) => ({ shape, ...rounded(row) }))));

const herd = { nodes: 10, connections: isTiny ? 200 : 200_000, pause: 60, handshake: 0.002 };
const jitters = [0, 1, 3, 5, 10, 20, 30];
const restarts = jitters.map((jitter) => ({ jitter, ...rollingRestart({ ...herd, jitter }) }));
console.log('A rolling restart of 10 nodes with 20 000 connections each; times in seconds');
console.table(restarts.map(rounded));

if (process.argv.includes('--draw')) {
  const folder = new URL('../../docs/scaling/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const draw = (/** @type {string} */ name, /** @type {string} */ chart) =>
    writeFileSync(new URL(`${name}.svg`, folder), chart);
  draw(
    'hot-topic',
    lineChart(
      `A hot topic on ${NODES} nodes`,
      { title: 'messages a second', isLog: true },
      { title: '99th percentile of the latency to a node, ms; both axes logarithmic', isLog: true },
      shapes.map(({ shape, rows }) => ({
        name: shape,
        points: rows.map(({ rate, p99 }) => /** @type {[number, number]} */ ([rate, p99])),
      })),
    ),
  );
  const line = (/** @type {string} */ name, /** @type {'p50' | 'p99' | 'stall'} */ field) => ({
    name,
    points: restarts.map((row) => /** @type {[number, number]} */ ([row.jitter, row[field]])),
  });
  draw(
    'restart',
    lineChart(
      'A rolling restart of 10 nodes with 20 000 connections each',
      { title: 'jitter of the clients, seconds' },
      { title: 'seconds' },
      [
        line('longest wait on a node', 'stall'),
        line('without a connection, p50', 'p50'),
        line('without a connection, p99', 'p99'),
      ],
    ),
  );
  const sizes = [1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7];
  draw(
    'nodes',
    lineChart(
      'Nodes for a message a second from every hundredth connection',
      { title: 'connections', isLog: true },
      { title: 'nodes; both axes logarithmic', isLog: true },
      [1, 10, 100, 1000].map((fanout) => ({
        name: `fan-out ${fanout}`,
        points: sizes.map((connections) => {
          const { nodes } = nodesFor({ connections, rate: connections / 100, fanout });
          return /** @type {[number, number]} */ ([connections, nodes]);
        }),
      })),
    ),
  );
}
