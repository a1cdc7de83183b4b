// Compression with contexts that all connections share, and messages that must not be compressed.
import { createServer } from 'node:http';
import { WebSocketServer } from 'hawser';

const server = createServer();
const wss = new WebSocketServer(server, {
  perMessageDeflate: {
    threshold: 256, // shorter messages go out as they are
  },
});

wss.on('connection', (conn) => {
  console.log(conn.extensions || 'this client does not compress');
  conn.on('message', (data) => {
    conn.send(data);
    // The length of a compressed message could reveal a secret that stands next to a stranger's text.
    conn.send(`your token is ${'•'.repeat(200)}, you wrote ${data.length}`, { compress: false });
  });
});

// A broadcast is compressed once for all connections.
const prices = Array.from({ length: 50 }, (_, index) => ({ symbol: `HWS${index}`, price: 100 }));
setInterval(() => {
  for (const each of prices) each.price += Math.round(Math.random() * 20 - 10) / 10;
  wss.broadcast(JSON.stringify({ prices }));
}, 1000).unref();

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`compression: http://127.0.0.1:${port}`);
});
