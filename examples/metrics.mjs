// Seeing what happens: figures for Prometheus at /metrics, and a line for every connection that ends.
import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import { WebSocketServer } from 'hawser';
import { CONTENT_TYPE, metrics } from 'hawser/metrics';

const server = createServer((request, response) => {
  if (request.url !== '/metrics') return void response.writeHead(404).end();
  // Several servers in a process: metrics({ chat, news }) labels each sample with its server.
  // Where prom-client is at work already: registerMetrics(promClient, wss) adds these to its own.
  response.setHeader('Content-Type', CONTENT_TYPE).end(metrics(wss));
});
const wss = new WebSocketServer(server);

wss.on('connection', (conn) => {
  conn.on('message', (data) => conn.send(data));
});

// Sees every server of the process, without a line in the code that serves. When nobody subscribes
// nothing is made and nothing is called.
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
