// `npm run bench:client`: what an echo costs a client, hawser/client beside ws's. The figure is the CPU time of the
// client's process per message, user and system. The server is the same for both, in a process of its own.
//
//   --rounds n         rounds of each client (9)
//   --milliseconds n   of each window (1000)
//   --check            checks every message in short windows, and prints no figures
import process from 'node:process';
import { parseArgs } from 'node:util';
import { answer, Worker } from './rpc.mjs';
import { setUp } from './setup.mjs';

/** @typedef {{ connections: number, inFlight: number, size: number }} Row */

/** @type {Record<string, Row>} */
const ROWS = {
  'one in flight': { connections: 50, inFlight: 1, size: 64 },
  '64 in flight': { connections: 50, inFlight: 64, size: 64 },
};
/** The most that hawser may take of what ws takes. */
const TARGETS = { 'one in flight': 1, '64 in flight': 0.15 };
const DIST = new URL('../dist/', import.meta.url).href;
const NAMES = ['hawser', 'ws'];

/**
 * A connection of either library: how it sends, and what it calls for each message.
 *
 * @typedef {{ send(text: string): unknown, onMessage(listener: (text: string) => void): void }} Echoed
 */

/** @type {Record<string, (url: string) => Promise<Echoed>>} */
const CLIENTS = {
  hawser: async (url) => {
    const { connect } = await import(`${DIST}client/index.js`);
    const conn = await connect(url);
    return {
      send: (text) => conn.send(text),
      onMessage: (listener) => conn.on('message', listener),
    };
  },
  ws: async (url) => {
    const { WebSocket } = await import('ws');
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await new Promise((resolve, reject) => {
      socket.on('open', resolve).on('error', reject);
    });
    return {
      send: (text) => socket.send(text),
      // A string, as hawser delivers it.
      onMessage: (listener) => socket.on('message', (data) => listener(data.toString())),
    };
  },
};

/** In the process of the server. */
async function serve() {
  const { WebSocketServer } = await import(`${DIST}index.js`);
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));
  await new Promise((resolve) => wss.on('listening', resolve));
  return wss.address().port;
}

/** In the process of a client: sends, and sends again when all echoes are back. */
async function measure(
  /** @type {Row & { name: string, port: number, milliseconds: number }} */ params,
) {
  const { name, port, connections, inFlight, size, milliseconds } = params;
  const open = /** @type {(url: string) => Promise<Echoed>} */ (CLIENTS[name]);
  const all = [];
  for (let index = 0; index < connections; index++) {
    all.push(await open(`ws://127.0.0.1:${port}/`));
  }
  let messages = 0;
  /** @type {(() => void) | undefined} */
  let over;
  let end = 0;
  let running = 0;
  const turns = all.map((connection, index) => {
    const texts = Array.from({ length: inFlight }, (_, turn) =>
      `${index} ${turn} `.padEnd(size, 'x'),
    );
    let next = 0;
    const send = () => {
      for (const text of texts) connection.send(text);
    };
    connection.onMessage((text) => {
      if (text !== texts[next]) throw new Error(`expected ${texts[next]}, got ${text}`);
      next = (next + 1) % inFlight;
      messages++;
      if (next > 0) return;
      if (performance.now() < end) send();
      else if (--running === 0) over?.();
    });
    return send;
  });
  const run = () =>
    new Promise((resolve) => {
      messages = 0;
      running = turns.length;
      end = performance.now() + milliseconds;
      over = () => resolve(undefined);
      for (const send of turns) send();
    });
  await run(); // warms up
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return { messages, nanoseconds: ((user + system) * 1000) / messages };
}

const median = (/** @type {number[]} */ values) =>
  /** @type {number} */ ([...values].sort((one, other) => one - other)[values.length >> 1]);

async function main() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '9' },
      milliseconds: { type: 'string', default: '1000' },
      check: { type: 'boolean', default: false },
    },
  });
  setUp();
  const rounds = values.check ? 1 : Number(values.rounds);
  const milliseconds = values.check ? 20 : Number(values.milliseconds);
  const file = new URL(import.meta.url);
  const server = new Worker('the server', file, ['--child']);
  const port = await server.call('serve', {});
  for (const [row, target] of Object.entries(TARGETS)) {
    /** @type {Record<string, number[]>} */
    const taken = { hawser: [], ws: [] };
    for (let round = 0; round < rounds; round++) {
      // Each round begins with the other client, and every window has a new process.
      for (const name of round % 2 === 0 ? NAMES : [...NAMES].reverse()) {
        const client = new Worker(name, file, ['--child']);
        const params = { ...ROWS[row], name, port, milliseconds };
        const { nanoseconds } = await client.call('measure', params);
        taken[name]?.push(nanoseconds);
        await client.stop();
      }
    }
    if (values.check) continue;
    const ours = median(taken.hawser ?? []);
    const theirs = median(taken.ws ?? []);
    const ratios = (taken.hawser ?? []).map((value, at) => value / (taken.ws?.[at] ?? NaN));
    const ratio = median(ratios);
    console.log(
      `${row}: hawser ${ours.toFixed(0)} ns, ws ${theirs.toFixed(0)} ns a message; ratio ${ratio.toFixed(3)} ` +
        `(rounds ${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}), target ${target}: ${ratio <= target ? 'met' : 'NOT met'}`,
    );
  }
  await server.stop();
  if (values.check) console.log('2 passed, 0 failed');
}

if (process.argv.includes('--child')) answer({ serve, measure });
else await main();
