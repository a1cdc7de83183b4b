// `npm run bench:instructions`: how many processor instructions a message takes, counted by valgrind. A count
// does not depend on how busy the machine is, so it shows a difference of 1 % where timings show one of 10 %.
// It leaves out the kernel: the transport is a stream in memory.
//
//   --against folder   another build beside this one: a folder with dist/index.js
//   --rows a,b         only these rows
import { execFile } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { Server } from 'node:http';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import process from 'node:process';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { frame, payload } from './payloads.mjs';

const CONNECTIONS = 50;
const MiB = 1024 * 1024;
/** The bytes that Node's sockets read at once. */
const READ = 65_536;

/**
 * What each row does: messages of `size` bytes, `inFlight` in one read, `reads` of them. The first
 * half warms up, so a row takes hundreds of milliseconds without valgrind.
 *
 * @type {Record<string, { content: import('./payloads.mjs').Content, size: number, inFlight: number, reads: number }>}
 */
const ECHOES = {
  'echo-64-text': { content: 'ascii', size: 64, inFlight: 1, reads: 30_000 },
  'echo-64-binary': { content: 'binary', size: 64, inFlight: 1, reads: 30_000 },
  'echo-4k': { content: 'binary', size: 4096, inFlight: 1, reads: 20_000 },
  'echo-64k': { content: 'binary', size: 65_536, inFlight: 1, reads: 5000 },
  'echo-64k-unicode': { content: 'unicode', size: 65_536, inFlight: 1, reads: 500 },
  'echo-1m-binary': { content: 'binary', size: MiB, inFlight: 1, reads: 300 },
  'echo-1m-string': { content: 'ascii', size: MiB, inFlight: 1, reads: 150 },
  'pipelined-64-text': { content: 'ascii', size: 64, inFlight: 500, reads: 400 },
  'pipelined-64-binary': { content: 'binary', size: 64, inFlight: 500, reads: 400 },
};
const BROADCAST = { name: 'broadcast-16', perTick: 16, ticks: 800 };

/** A socket that takes everything at once. */
const sink = () =>
  new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      done();
    },
    writev(_chunks, done) {
      done();
    },
  });

/** In the child: do half of a row's work, or all of it. */
async function work(
  /** @type {string} */ row,
  /** @type {string} */ dist,
  /** @type {number} */ part,
) {
  const { WebSocketServer } = createRequire(import.meta.url)(dist);
  const server = new Server();
  const wss = new WebSocketServer(server, { heartbeat: false, maxPayload: 4 * MiB });
  wss.on('connection', (/** @type {any} */ connection) => {
    connection.on('message', (/** @type {unknown} */ data) => connection.send(data));
  });
  const sinks = Array.from({ length: CONNECTIONS }, () => {
    const socket = sink();
    const headers = {
      host: 'localhost',
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    const request = {
      method: 'GET',
      url: '/',
      httpVersion: '1.1',
      headers,
      rawHeaders: [],
      socket,
    };
    server.emit('upgrade', Object.assign(new EventEmitter(), request), socket, Buffer.alloc(0));
    return socket;
  });
  await turn();
  if (row === BROADCAST.name) {
    const messages = Array.from({ length: BROADCAST.perTick }, (_, i) => Buffer.alloc(64, i));
    for (let tick = 0; tick < BROADCAST.ticks * part; tick++) {
      for (const message of messages) wss.broadcast(message);
      await turn();
    }
    return;
  }
  const { content, size, inFlight, reads } = /** @type {(typeof ECHOES)[string]} */ (ECHOES[row]);
  const one = frame(content, payload(content, size, 1), true);
  const bytes = Buffer.concat(Array.from({ length: inFlight }, () => one));
  const chunk = Buffer.from(bytes);
  for (let read = 0; read < reads * part; read++) {
    bytes.copy(chunk); // the library unmasks in place
    const socket = sinks[read % CONNECTIONS];
    for (let at = 0; at < chunk.length; at += READ) {
      socket?.emit('data', chunk.subarray(at, at + READ));
    }
    if (read % CONNECTIONS === CONNECTIONS - 1 || size > 4096) await turn();
  }
}

/** Instructions of a process that does so much of a row. @returns {Promise<number>} */
function count(/** @type {string} */ row, /** @type {string} */ dist, /** @type {number} */ part) {
  const node = [
    process.execPath,
    '--single-threaded',
    '--predictable',
    fileURLToPath(import.meta.url),
  ];
  const valgrind = ['--tool=cachegrind', '--cache-sim=no', '--cachegrind-out-file=/dev/null'];
  const args = [...valgrind, ...node, '--work', row, '--dist', dist, '--part', String(part)];
  return new Promise((done, fail) => {
    execFile('valgrind', args, (error, _stdout, stderr) => {
      const found = /I\s+refs:\s+([\d,]+)/.exec(stderr)?.[1];
      if (error === null && found !== undefined) done(Number(found.replaceAll(',', '')));
      else fail(error ?? new Error(`valgrind printed no count: ${stderr}`));
    });
  });
}

/** Instructions of one message: the whole of a row less its first half. */
async function perMessage(/** @type {string} */ row, /** @type {string} */ dist) {
  const [half, whole] = await Promise.all([count(row, dist, 0.5), count(row, dist, 1)]);
  const echo = ECHOES[row];
  const messages =
    echo === undefined
      ? BROADCAST.ticks * BROADCAST.perTick * CONNECTIONS
      : echo.reads * echo.inFlight;
  return (whole - half) / (messages / 2);
}

const { values } = parseArgs({
  options: {
    against: { type: 'string' },
    rows: { type: 'string' },
    work: { type: 'string' },
    dist: { type: 'string' },
    part: { type: 'string' },
  },
});
if (values.work !== undefined) {
  await work(values.work, values.dist ?? '', Number(values.part));
  process.exit();
}
const builds = [
  fileURLToPath(new URL('..', import.meta.url)),
  ...(values.against ? [values.against] : []),
];
const rows = values.rows?.split(',') ?? [...Object.keys(ECHOES), BROADCAST.name];
const unknown = rows.filter((row) => ECHOES[row] === undefined && row !== BROADCAST.name);
if (unknown.length > 0) {
  throw new Error(
    `there is no row ${unknown.join(', ')}; there are ${[...Object.keys(ECHOES), BROADCAST.name].join(', ')}`,
  );
}
console.log('instructions of a message, without the kernel');
for (const row of rows) {
  const counts = [];
  for (const build of builds) counts.push(await perMessage(row, resolve(build, 'dist/index.js')));
  const [now = NaN, then] = counts;
  const ratio =
    then === undefined ? '' : `  then ${Math.round(then)}, ratio ${(now / then).toFixed(3)}`;
  console.log(`${row.padEnd(20)} ${String(Math.round(now)).padStart(9)}${ratio}`);
}
