// A CommonJS program with an http.Server of its own, and Node's own client library on the other end.
'use strict';
const { once } = require('node:events');
const http = require('node:http');
const { WebSocketServer } = require('hawser');
const { WebSocket } = require('undici');

async function main() {
  const server = http.createServer();
  const wss = new WebSocketServer(server);
  wss.on('connection', (conn) => {
    conn.on('message', (data, isBinary) => conn.send(`${isBinary ? 'binary' : 'text'} ${data}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
  await once(client, 'open');
  client.send(Buffer.from('from CommonJS'));
  const [{ data }] = await once(client, 'message');
  console.log(data);

  const closed = once(client, 'close');
  const { total } = await wss.close();
  const [{ code }] = await closed;
  console.log(`closed ${total} with ${code}`);
  server.close();
}

main();
