// Topics across the processes of one machine. A client sends {"join":"harbour"} or {"say":"hello","in":"harbour"};
// all others in the room get what it says, whichever process they are connected to.
import cluster from 'node:cluster';
import { WebSocketServer } from 'hawser';
import { clusterBroker, relayTopics } from 'hawser/cluster';

if (cluster.isPrimary) startWorkers(Number(process.env.WORKERS ?? 2));
else serve();

function startWorkers(/** @type {number} */ count) {
  cluster.setupPrimary({ serialization: 'advanced' }); // the channels to the workers carry bytes, not JSON
  relayTopics();
  for (let n = 0; n < count; n++) cluster.fork();

  const listening = new WeakSet();
  cluster.once('listening', (_worker, { port }) => console.log(`cluster: ws://127.0.0.1:${port}`));
  cluster.on('listening', (worker) => listening.add(worker));
  cluster.on('exit', (worker, code, signal) => {
    // A worker that never listened would fail again: its port is in use, for example.
    if (!listening.has(worker)) process.exit(code || 1);
    const { pid } = cluster.fork().process;
    console.log(
      `worker ${worker.process.pid} ended (${signal ?? code}), worker ${pid} replaces it`,
    );
  });
}

function serve() {
  const wss = new WebSocketServer({
    port: Number(process.env.PORT ?? 8080), // the primary owns the port and hands out its connections
    host: '127.0.0.1',
    maxPayload: 4096,
    broker: clusterBroker(),
  });
  wss.on('connection', (conn) => {
    conn.send(JSON.stringify({ worker: process.pid }));
    conn.on('message', (message) => {
      const { join, say, in: room } = parse(String(message));
      if (typeof join === 'string' && /^[a-z]{1,20}$/.test(join) && conn.topics.size < 10) {
        conn.subscribe(join);
        // From then on it gets what is said on the other workers. A client may leave before.
        const confirm = () => conn.send(JSON.stringify({ joined: join }));
        wss.joined(join).then(confirm, () => {});
      }
      if (typeof say === 'string' && conn.topics.has(room)) {
        wss.publish(room, JSON.stringify({ room, say, from: process.pid }), { except: conn });
      }
    });
  });
}

/** What a client sent, or nothing if it is not an object in JSON. */
function parse(/** @type {string} */ text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
