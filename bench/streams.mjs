// Sends messages of many gigabytes through processes with a heap of 64 MB, both ways, compressed and not, and
// prints the throughput, and the most memory and the processor time that each process took.
//
//   node bench/streams.mjs [GiB]
//   node bench/streams.mjs [GiB] --rounds 9   streams beside whole messages of 64 KiB, and the ratio of their throughput
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from '../entries/index.mjs';
import { connect } from '../entries/client.mjs';
import { pairedRatio } from './statistics.mjs';

const MIB = 2 ** 20;
const CHUNK = 64 * 1024;
const [role = '4', ...args] = process.argv.slice(2);
const ROUNDS = args[0] === '--rounds' ? Number(args[1]) : 0;

/** Bytes that become much fewer when they are compressed, no two chunks alike. */
const material = Buffer.alloc(CHUNK * 17);
for (let at = 0; at < material.length; at += 4) material.writeUInt32LE((at * at) % 251, at);

function* chunks(bytes) {
  for (let sent = 0, at = 0; sent < bytes; sent += CHUNK, at = (at + 4099) % (CHUNK * 16)) {
    yield material.subarray(at, at + CHUNK);
  }
}

async function sendWhole(conn, bytes) {
  for (const chunk of chunks(bytes)) {
    conn.send(chunk);
    await conn.drained();
  }
  conn.send('end');
}

/** Count the bytes of one message, or of whole messages up to a Text. */
async function receive(conn, how) {
  let bytes = 0;
  if (how === 'whole') {
    await new Promise((resolve) =>
      conn.on('message', (data, isBinary) => (isBinary ? (bytes += data.length) : resolve())),
    );
    return bytes;
  }
  for await (const message of conn.incoming({ maxPayload: 2 ** 40 })) {
    for await (const chunk of message) bytes += chunk.length;
    return bytes;
  }
}

const sending = (conn, how, bytes) =>
  how === 'whole' ? sendWhole(conn, bytes) : conn.sendStream(chunks(bytes));
/** The most memory that the process had, in MB, and its processor time in seconds. */
const usage = () => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  return { memory: Math.round(maxRSS / 1024), seconds: (userCPUTime + systemCPUTime) / 1e6 };
};
const options = (compressed) => ({ perMessageDeflate: compressed === 'deflate', heartbeat: false });

async function serve([direction, how, bytes, compressed]) {
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options(compressed) });
  wss.on('connection', async (conn) => {
    const openedAt = performance.now();
    if (direction === 'down') await sending(conn, how, Number(bytes));
    const received = direction === 'up' ? await receive(conn, how) : 0;
    if (direction === 'down') await once(conn, 'close');
    else await conn.close();
    process.send({ received, elapsed: (performance.now() - openedAt) / 1000, ...usage() });
    await wss.close();
    process.disconnect();
  });
  await once(wss, 'listening');
  process.send(wss.address());
}

async function request([port, direction, how, bytes, compressed]) {
  const conn = await connect(`ws://127.0.0.1:${port}`, options(compressed));
  const received = direction === 'down' ? await receive(conn, how) : 0;
  if (direction === 'up') await sending(conn, how, Number(bytes));
  if (direction === 'up') await once(conn, 'close');
  else await conn.close();
  process.send({ received, ...usage() });
  process.disconnect();
}

async function run(direction, how, bytes, compressed) {
  const execArgv = ['--max-old-space-size=64'];
  const start = (...argv) => fork(fileURLToPath(import.meta.url), argv.map(String), { execArgv });
  const server = start('serve', direction, how, bytes, compressed);
  const [{ port }] = await once(server, 'message');
  const report = once(server, 'message');
  const client = start('request', port, direction, how, bytes, compressed);
  const [[ofServer], [ofClient]] = await Promise.all([report, once(client, 'message')]);
  const received = ofServer.received + ofClient.received;
  if (received !== bytes) throw new Error(`${received} bytes of ${bytes} arrived`);
  const names = [direction, how, compressed].map((each) => each.padEnd(8)).join('');
  const throughput = bytes / MIB / ofServer.elapsed;
  const speed = `${Math.round(throughput)} MiB/s`.padStart(12);
  const used = [ofServer, ofClient].map((each) => `${each.memory} MB ${each.seconds.toFixed(1)} s`);
  console.log(`${names}${bytes / MIB} MiB ${speed}   server ${used[0]}, client ${used[1]}`);
  return throughput;
}

/** Streams beside whole messages, in turns. */
async function compare(direction, bytes) {
  const [streams, whole] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const sides = [
      ['whole', whole],
      ['stream', streams],
    ];
    if (round % 2 === 1) sides.reverse();
    for (const [how, figures] of sides) figures.push(await run(direction, how, bytes, 'plain'));
  }
  const { measured, low, high } = pairedRatio(streams, whole);
  const [ratio, ...interval] = [measured, low, high].map((each) => each.toFixed(3));
  console.log(`${direction}: streams to whole messages ${ratio} (${interval.join(' to ')})`);
}

if (role === 'serve') await serve(args);
else if (role === 'request') await request(args);
else if (ROUNDS > 0) {
  for (const direction of ['up', 'down']) await compare(direction, Number(role) * 1024 * MIB);
} else {
  const bytes = Number(role) * 1024 * MIB;
  for (const direction of ['up', 'down']) {
    await run(direction, 'whole', Math.min(bytes, 1024 * MIB), 'plain');
    await run(direction, 'stream', bytes, 'plain');
    await run(direction, 'stream', bytes, 'deflate');
  }
}
