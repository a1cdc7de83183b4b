// A CommonJS program that was written for ws.
const { once } = require('node:events');
const { text } = require('node:stream/consumers');
const WebSocket = require('ws');

async function main() {
  const wss = new WebSocket.Server({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
  wss.on('connection', (ws) => {
    const stream = WebSocket.createWebSocketStream(ws, { encoding: 'utf8' });
    stream.end('a stream');
  });
  await once(wss, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${wss.address().port}`);
  console.log(await text(WebSocket.createWebSocketStream(client)));
  wss.close();
  await once(wss, 'close');
  console.log([client.readyState === WebSocket.CLOSED, require('hawser/ws') === WebSocket].join());
}

main();
