// An ES module that was written for ws, and a package that requires ws.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import consumer from 'consumer';
import * as door from 'hawser/ws';
import WebSocket, * as ws from 'ws';

const wss = consumer.serve();
await once(wss, 'listening');
const client = new WebSocket(`ws://127.0.0.1:${wss.address().port}`);
await once(client, 'open');
client.send('from an ES module');
const [data, isBinary] = await once(client, 'message');
const closed = once(wss, 'close');
client.close(4000, 'enough');
const [code, reason] = await once(client, 'close');
await closed;

const required = createRequire(import.meta.url)('ws');
console.log(
  JSON.stringify({
    echo: [String(data), isBinary],
    close: [code, String(reason)],
    names: Object.keys(ws).sort(),
    undefined: Object.keys(ws).filter((name) => ws[name] === undefined),
    one:
      required === WebSocket &&
      consumer.WebSocket === WebSocket &&
      ws.WebSocket === WebSocket &&
      door.WebSocket === WebSocket &&
      door.WebSocketServer === ws.WebSocketServer &&
      wss instanceof ws.WebSocketServer,
  }),
);
