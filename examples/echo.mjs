// The smallest useful server: it sends every message back.
import { createServer } from 'node:http';
import { WebSocketServer } from 'hawser';

const server = createServer((request, response) => {
  response.end('Connect with a WebSocket.\n');
});
const wss = new WebSocketServer(server);

wss.on('connection', (conn) => {
  conn.on('message', (data, isBinary) => {
    // A string is sent as Text, a Buffer as Binary: the same type as it arrived.
    console.log(isBinary ? `${data.length} bytes` : data);
    conn.send(data);
  });
  // A peer may leave in any way. Nothing throws: 'close' tells what happened.
  conn.on('close', (code, reason, info) =>
    console.log('closed', code, reason, `by ${info.initiator}`),
  );
});

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`echo: ws://127.0.0.1:${port}`);
});
