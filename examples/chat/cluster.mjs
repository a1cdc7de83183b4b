// The chat on several processes of one machine: `npm run start:cluster`. Each worker runs server.mjs.
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { relayTopics } from 'hawser/cluster';
import { addresses } from './addresses.mjs';

const { HOST = '127.0.0.1', WORKERS = '4' } = process.env;
const listening = new WeakSet();
let isStopping = false;

cluster.setupPrimary({
  exec: fileURLToPath(new URL('server.mjs', import.meta.url)),
  serialization: 'advanced', // the channels to the workers carry bytes, not JSON
});
relayTopics();
for (let n = 0; n < Number(WORKERS); n++) cluster.fork();

cluster.on('listening', (worker, { port }) => {
  listening.add(worker);
  console.log(`worker ${worker.process.pid} is ready: ${addresses(HOST, port).join(' ')}`);
});
cluster.on('exit', (worker, code, signal) => {
  if (isStopping) return;
  // A worker that never listened would fail again: its port is in use, for example.
  if (!listening.has(worker)) process.exit(code || 1);
  console.log(`worker ${worker.process.pid} ended (${signal ?? code}), another one replaces it`);
  cluster.fork();
});

// A terminal sends its SIGINT to the workers, too. A SIGTERM comes to this process alone.
process.on('SIGINT', () => (isStopping = true));
process.on('SIGTERM', () => {
  isStopping = true;
  for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM');
});
