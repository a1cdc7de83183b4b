// A strict TypeScript program, as CommonJS.
import events = require('node:events');
import type { AddressInfo } from 'node:net';
import hawser = require('hawser');
import hawserMetrics = require('hawser/metrics');
import { WebSocket, type RawData } from 'ws';

async function main(): Promise<void> {
  const wss = new hawser.WebSocketServer({ port: 0, host: '127.0.0.1' });
  wss.on('connection', async (conn) => {
    for await (const message of conn) conn.send(message);
  });
  await events.once(wss, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(wss.address() as AddressInfo).port}`);
  await events.once(client, 'open');
  client.send('around the loop');
  const [reply] = (await events.once(client, 'message')) as [RawData];
  console.log(String(reply));
  const { total }: hawser.CloseReport = await wss.close();
  console.log(`closed ${total}`);
  const text: string = hawserMetrics.metrics(wss);
  console.log(text.split('\n').find((line) => line.startsWith('hawser_messages_sent_total')));
}

void main();
