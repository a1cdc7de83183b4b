// Observability: figures for Prometheus at /metrics, and a line for every connection that ends.
import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import { WebSocketServer } from 'hawser';
import { CONTENT_TYPE, metrics } from 'hawser/metrics';

const server = createServer((request, response) => {
  if (request.url !== '/metrics') return void response.writeHead(404).end();
  // With several servers in a process, metrics({ chat, news }) labels each sample with its server.
  // If you already use prom-client, registerMetrics(promClient, wss) adds these to its metrics.
  response.setHeader('Content-Type', CONTENT_TYPE).end(metrics(wss));
});
const wss = new WebSocketServer(server);

wss.on('connection', (conn) => {
  conn.on('message', (data) => conn.send(data));
});

// A subscriber sees every server of the process, and their code does not change. Without subscribers
// hawser makes no payload and calls nothing.
subscribe('hawser.connection.closed', (message) => {
  const { connection, info } =
    /** @type {import('hawser').DiagnosticsChannels['hawser.connection.closed']} */ (message);
  const { code, initiator, cause } = info;
  const why = cause === undefined ? '' : `: ${cause.message}`;
  console.log(`${connection.remoteAddress} closed ${code} by ${initiator}${why}`);
});

// The same figures without Prometheus.
setInterval(() => {
  const { connections, messagesReceived, bytesBuffered } = wss.stats();
  console.log(`${connections} connections, ${messagesReceived} messages, ${bytesBuffered} waiting`);
}, 60_000).unref();

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`metrics: http://127.0.0.1:${port}/metrics`);
});
