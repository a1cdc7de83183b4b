// `--growth`: how cost grows. A slope of 1 in a log-log chart is linear growth, 0 means no growth.
import { measure } from './processes.mjs';
import { startProgress } from './progress.mjs';
import { growthReport } from './report.mjs';
import { keep, startRun } from './results.mjs';
import { logLogSlope, median } from './statistics.mjs';

const EFFORT = { warmUp: 300, window: 500, held: 0 };
const PEERS = ['hawser', 'net', 'ws', 'uws'];

const LINEAR = [0.9, 1.1];
const FLAT = [-0.1, 0.1];

/**
 * @typedef {object} Growth
 * @property {string} name
 * @property {string} title
 * @property {string} x what is on the axis
 * @property {string} y the same
 * @property {'echo' | 'broadcast' | 'stream'} kind
 * @property {number[]} points
 * @property {(x: number) => object} params of the scenario
 * @property {(cpu: number, x: number) => number} cost from CPU per message
 * @property {number} fitFrom where the part begins that the slope is about
 * @property {number[]} wanted slope
 */

/** @type {Growth[]} */
export const growths = [
  {
    name: 'connections',
    title: 'connections, all but 10 of them idle',
    x: 'connections',
    y: 'µs of CPU per 64 B echo',
    kind: 'echo',
    points: [10, 100, 1000, 10_000],
    params: (x) => ({
      connections: 10,
      idle: x - 10,
      size: 64,
      content: 'binary',
      inFlight: 1,
      least: 4000,
    }),
    cost: (cpu) => cpu,
    fitFrom: 10,
    wanted: FLAT,
  },
  {
    name: 'bytes',
    title: 'bytes of a message',
    x: 'bytes',
    y: 'µs of CPU per echo',
    kind: 'echo',
    points: [4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24].map((power) => 2 ** power),
    params: (size) => ({
      connections: 4,
      size,
      content: 'binary',
      inFlight: 1,
      least: Math.min(4000, 2 ** 26 / size),
    }),
    cost: (cpu) => cpu,
    fitFrom: 2 ** 16, // below, the cost of a read and a write hides that of the bytes
    wanted: LINEAR,
  },
  {
    name: 'subscribers',
    title: 'subscribers of a broadcast',
    x: 'subscribers',
    y: 'µs of CPU per 64 B broadcast',
    kind: 'broadcast',
    points: [10, 100, 1000, 10_000],
    params: (connections) => ({
      connections,
      perTick: 1,
      size: 64,
      least: Math.max(4000, 20 * connections),
    }),
    cost: (cpu, x) => cpu * x,
    fitFrom: 10,
    wanted: LINEAR,
  },
  {
    name: 'messages',
    title: 'messages streamed down one connection',
    x: 'messages',
    y: 'µs of CPU in all',
    kind: 'stream',
    points: [64_000, 256_000, 1_024_000],
    params: () => ({ size: 32 }),
    cost: (cpu, x) => cpu * x,
    fitFrom: 64_000,
    wanted: LINEAR,
  },
];

/** @param {import('./choose.mjs').Choice} choice */
export async function run(choice) {
  const { quick, rounds = quick ? 1 : 3 } = choice;
  const peers = choice.peersNamed
    ? choice.peers
    : choice.peers.filter((peer) => PEERS.includes(peer));
  const started = startRun('growth', { ...choice, rounds });
  const steps = growths.flatMap((growth) => growth.points.map((x) => ({ growth, x })));
  const progress = startProgress(rounds * steps.length * peers.length);
  /** @type {{ name: string, peer: string, x: number, y: number }[]} */
  const samples = [];
  for (const { growth, x } of steps) {
    for (let round = 0; round < rounds; round++) {
      for (const peer of peers) {
        progress.next(`${x} ${growth.x}: ${peer}, round ${round + 1} of ${rounds}`);
        const effort = { ...EFFORT, streamed: x };
        try {
          const { value } = await measure(peer, growth.kind, growth.params(x), effort);
          samples.push({ name: growth.name, peer, x, y: growth.cost(value, x) });
        } catch (error) {
          process.exitCode = 1;
          console.error(
            `\n${growth.name} at ${x}: ${error instanceof Error ? error.message : error}`,
          );
        }
      }
    }
  }
  progress.end();

  const series = growths.flatMap(({ name, title, x: xTitle, y: yTitle, fitFrom, wanted }) =>
    peers.map((peer) => {
      const own = samples.filter((sample) => sample.name === name && sample.peer === peer);
      const points = [...new Set(own.map(({ x }) => x))].map((x) => ({
        x,
        y: median(own.filter((sample) => sample.x === x).map(({ y }) => y)),
      }));
      const slope = logLogSlope(points.filter(({ x }) => x >= fitFrom));
      const [least = 0, most = 0] = wanted;
      const holds = slope >= least && slope <= most;
      return { name, title, xTitle, yTitle, peer, points, fitFrom, slope, wanted, holds };
    }),
  );
  const results = { ...started.end(true), series, samples };
  keep('growth', results, choice.docs);
  console.log(growthReport(results));
}
