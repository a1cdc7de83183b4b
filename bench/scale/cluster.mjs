// Several nodes with one Redis and the clients of all, each a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { Worker } from '../rpc.mjs';

const FILE = new URL('process.mjs', import.meta.url);
/** Messages that are sent before a measurement, so that the code is compiled. */
const WARM_UP = 3000;

export function median(/** @type {number[]} */ values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2;
}

export async function startRedis() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  process.once('exit', () => child.kill());
  return { port, stop: () => child.kill() };
}

/**
 * Start nodes with their clients, and warm them up. They end with this process.
 *
 * @param {{ redisPort?: number | undefined, clients: string[][] }[]} wanted for each node the topics of each client
 */
export async function startNodes(wanted) {
  const load = new Worker('clients', FILE);
  const nodes = wanted.map((_, index) => new Worker(`node ${index}`, FILE));
  await Promise.all(
    wanted.map(async ({ redisPort, clients }, index) => {
      const port = await nodes[index]?.call('serve', { redisPort });
      await load.call('connect', { port, lists: clients });
    }),
  );
  for (const node of nodes) await node.call('joined');
  for (const { clients } of wanted) {
    const topics = ['nobody', ...new Set(clients.flat())];
    const warmUp = { topics, every: 0, ticks: WARM_UP / wanted.length };
    await Promise.all(nodes.map((node) => node.call('publish', warmUp)));
  }
  return { nodes, load };
}

/**
 * CPU seconds of each node while some of them publish, without those that their timers take; and `waited`, the
 * seconds for which a process waited for a core.
 *
 * @param {Worker[]} nodes
 * @param {Worker[]} publishers
 * @param {{ topics: string[], each?: number, spread?: boolean, every: number, ticks: number }} order
 */
export async function cost(nodes, publishers, order) {
  let waited = 0;
  const spent = async (/** @type {object} */ changed) => {
    const before = await Promise.all(nodes.map((node) => node.call('cpu')));
    const late = await Promise.all(
      publishers.map((node, index) => {
        // In step they would share turns of the loop, as independent nodes do not.
        const delay = (index * order.every) / publishers.length;
        return node.call('publish', { ...order, ...changed, delay });
      }),
    );
    await wait(30); // for the last message to arrive
    const after = await Promise.all(nodes.map((node) => node.call('cpu')));
    waited = median(late);
    return after.map((value, index) => value - before[index]);
  };
  const idle = await spent({ each: 0 });
  const busy = await spent({});
  const seconds = busy.map((value, index) => value - (idle[index] ?? 0));
  return Object.assign(seconds, { waited });
}
