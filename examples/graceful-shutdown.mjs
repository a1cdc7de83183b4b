// Stopping without dropping anyone: SIGTERM (or Ctrl-C) and the order of what happens then.
import { createServer } from 'node:http';
import { WebSocketServer } from 'hawser';

let isStopping = false;

const server = createServer((request, response) => {
  if (request.url !== '/health') return void response.writeHead(404).end();
  // The load balancer asks here. 503 means: send nobody new.
  response.writeHead(isStopping ? 503 : 200).end(isStopping ? 'stopping\n' : 'ok\n');
});
const wss = new WebSocketServer(server);

wss.on('connection', (conn) => {
  conn.on('message', (data) => conn.send(data));
});

async function stop() {
  // 1. Tell the load balancer, and give it time to notice before the door closes.
  isStopping = true;
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.DRAIN_MS ?? 5000)));

  // 2. Close every conversation: queued messages leave first, then each peer gets 1001 "going away"
  //    and comes back to another instance. A client that has not answered by the deadline is terminated.
  const { total, clean, terminated, milliseconds } = await wss.close({ code: 1001, timeout: 10_000 });
  console.log(`closed ${total}: ${clean} cleanly, ${terminated} terminated, in ${Math.round(milliseconds)} ms`);

  // 3. Stop listening. The http.Server is ours, so it is ours to close: hawser leaves it alone.
  server.close(() => console.log('stopped'));
}

process.once('SIGTERM', stop);
process.once('SIGINT', stop);

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`graceful-shutdown: http://127.0.0.1:${port}`);
});
