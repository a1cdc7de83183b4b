// Strict TypeScript, as CommonJS: the class with everything else in its namespace.
import events = require('node:events');
import type { AddressInfo } from 'node:net';
import WebSocket = require('ws');

class Named extends WebSocket {
  name = '';
}

async function main(): Promise<void> {
  const options: WebSocket.ServerOptions = { port: 0, host: '127.0.0.1', WebSocket: Named };
  const wss: WebSocket.Server = new WebSocket.Server(options);
  wss.on('connection', (ws) => {
    ws.on('message', (data: WebSocket.RawData) => {
      const text: WebSocket.Data = String(data);
      for (const client of wss.clients) client.send(text);
    });
  });
  await events.once(wss, 'listening');
  const { port } = wss.address() as AddressInfo;
  const client: WebSocket = new WebSocket.WebSocket(`ws://127.0.0.1:${port}`);
  await events.once(client, 'open');
  client.send('around the loop');
  const [data] = (await events.once(client, 'message')) as [WebSocket.RawData];
  console.log(String(data));
  client.onclose = ({ code, wasClean }: WebSocket.CloseEvent) => console.log(code, wasClean);
  client.close(1000);
  wss.close();
}

void main();
