// An ES module that serves and talks. It runs in a project where the packed library is installed.
import { once } from 'node:events';
import { WebSocketServer } from 'hawser';
import { WebSocket } from 'ws';

const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
wss.on('connection', (conn) => {
  conn.on('message', (data, isBinary) => conn.send(`${isBinary ? 'binary' : 'text'} ${data}`));
});
await once(wss, 'listening');

const client = new WebSocket(`ws://127.0.0.1:${wss.address().port}`);
await once(client, 'open');
client.send('from an ES module');
const [reply] = await once(client, 'message');
console.log(String(reply));

const closed = once(client, 'close');
const { total } = await wss.close();
const [code] = await closed;
console.log(`closed ${total} with ${code}`);
