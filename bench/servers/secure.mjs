// hawser over TLS: on sockets of HTTP/1.1, or on streams of HTTP/2, as SECURE says.
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import { selfSigned } from '../../examples/chat/certificate.mjs';
import { LONGEST_MESSAGE } from './common.mjs';
import { claim as claimOfBuild } from './hawser.mjs';

const isHttp2 = process.env.SECURE === 'http2';
const { default: hawser } = await import(
  process.env.HAWSER_DIST ?? new URL('../../dist/index.js', import.meta.url).href
);

export function claim() {
  const { version, mode } = claimOfBuild();
  return { version, mode: `${mode}, ${isHttp2 ? 'HTTP/2' : 'TLS sockets'}` };
}

/** @type {import('./host.mjs').Peer['serve']} */
export async function serve() {
  const server = isHttp2
    ? createSecureServer({ ...selfSigned(), settings: { maxConcurrentStreams: 256 } })
    : createServer(selfSigned());
  server.on('request', (/** @type {any} */ _request, /** @type {any} */ response) => {
    response.end();
  });
  const wss = new hawser.WebSocketServer(server, {
    heartbeat: { interval: 3_600_000 }, // at work, but the load generator answers no pings
    maxPayload: LONGEST_MESSAGE,
  });
  wss.on('connection', (connection) => {
    connection.on('message', (data) => connection.send(data));
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
  await once(server, 'listening');
  return /** @type {import('node:net').AddressInfo} */ (server.address()).port;
}
