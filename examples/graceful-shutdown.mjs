// Stopping without losing messages: what happens, in order, after SIGTERM (or Ctrl-C).
import { createServer } from 'node:http';
import { WebSocketServer } from 'hawser';

let isStopping = false;

const server = createServer((request, response) => {
  if (request.url !== '/health') return void response.writeHead(404).end();
  // The load balancer's health check. 503 means: send no new clients.
  response.writeHead(isStopping ? 503 : 200).end(isStopping ? 'stopping\n' : 'ok\n');
});
const wss = new WebSocketServer(server);

wss.on('connection', (conn) => {
  conn.on('message', (data) => conn.send(data));
});

async function stop() {
  // 1. Tell the load balancer, and give it time to notice before new clients are refused.
  isStopping = true;
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.DRAIN_MS ?? 5000)));

  // 2. Close every connection. Queued messages leave first; then each peer gets 1001 "going away" and
  //    reconnects to another instance. A peer that has not answered by the deadline is terminated.
  const { total, clean, terminated, milliseconds } = await wss.close({
    code: 1001,
    timeout: 10_000,
  });
  console.log(
    `closed ${total}: ${clean} cleanly, ${terminated} terminated, in ${Math.round(milliseconds)} ms`,
  );

  // 3. Stop listening. We made the http.Server, so we close it: hawser does not.
  server.close(() => console.log('stopped'));
}

process.once('SIGTERM', stop);
process.once('SIGINT', stop);

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`graceful-shutdown: http://127.0.0.1:${port}`);
});
