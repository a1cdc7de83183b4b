// Strict TypeScript, as an ES module: what programs that were written with @types/ws import and write.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import Default, { createWebSocketStream, WebSocket, WebSocketServer } from 'ws';
import type { ClientOptions, Data, RawData, ServerOptions } from 'ws';

const options: ServerOptions = {
  noServer: true,
  clientTracking: true,
  maxPayload: 1024,
  // What hawser ignores, too.
  allowSynchronousEvents: false,
  skipUTF8Validation: true,
  maxFragments: 100,
  perMessageDeflate: {
    threshold: 10,
    concurrencyLimit: 10,
    zlibDeflateOptions: { chunkSize: 1024, level: 3 },
    zlibInflateOptions: { chunkSize: 10 * 1024 },
  },
  handleProtocols: (protocols, _request) => (protocols.has('b') ? 'b' : false),
  verifyClient: ({ origin, secure, req }, done) => {
    done(origin === undefined && !secure && req.method === 'GET', 403, 'no');
  },
};
const server = createServer();
const wss = new WebSocketServer(options);
wss.on('headers', (headers: string[], _request: IncomingMessage) => headers.push('X-Seen: yes'));
wss.on('connection', (ws: WebSocket, request: IncomingMessage) => {
  ws.on('error', (error: Error) => console.error(error));
  ws.on('message', (data: RawData, isBinary: boolean) => {
    const size: number = Array.isArray(data) ? data.length : data.byteLength;
    ws.send(`${request.url} ${size} ${isBinary}`, (error?: Error) => void error);
  });
  ws.on('close', (code: number, reason: Buffer) => console.log(`${code} ${reason.toString()}`));
});
server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
  wss.handleUpgrade(request, socket, head, (ws) => wss.emit('connection', ws, request));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

const more: ClientOptions = { handshakeTimeout: 60_000, headers: { 'X-Who': 'me' } };
const { port } = server.address() as AddressInfo;
const client: Default = new Default(`ws://127.0.0.1:${port}/live`, ['a', 'b'], more);
client.onmessage = (event) => {
  const data: Data = event.data;
  console.log(String(data), client.protocol);
  client.close(4000, 'enough');
};
client.addEventListener('open', () => {
  if (client.readyState === WebSocket.OPEN) client.send(new Uint8Array([1, 2, 3]));
});
await once(client, 'close');
const sockets: Set<WebSocket> = wss.clients;
for (const socket of sockets) socket.terminate();
const stream: (ws: WebSocket) => Duplex = (ws) =>
  createWebSocketStream(ws, { allowHalfOpen: false });
void stream;
// @ts-expect-error: there is no such option
const misspelt = () => new WebSocketServer({ noServer: true, maxPayloads: 1 });
void misspelt;
wss.close();
server.close();
