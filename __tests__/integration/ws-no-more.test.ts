/** How many of the 100 messages of one read arrive after a call inside the listener of the first. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import * as ws from 'ws';
import * as hawser from '../../src/ws/index.js';
import { clientFrame } from '../support/frames.js';
import { RawClient } from '../support/raw-client.js';

const READ = Buffer.concat(
  Array.from({ length: 100 }, () => clientFrame({ opcode: 1, payload: 'a' })),
);

/** The messages that arrive at once, and those that have arrived some turns after `resume()`. */
type Counts = [atOnce: number, afterwards: number];

/** What is called, and what follows in ws and in hawser/ws. */
const ROWS: [string, (socket: ws.WebSocket) => void, Record<string, Counts>][] = [
  // "Nothing is delivered after terminate()", and a pause is one: ws delivers what its receiver has read.
  [
    'terminate()',
    (socket) => {
      socket.terminate();
    },
    { ws: [100, 100], hawser: [1, 1] },
  ],
  [
    'pause()',
    (socket) => {
      socket.pause();
    },
    { ws: [100, 100], hawser: [1, 100] },
  ],
  [
    'close()',
    (socket) => {
      socket.close();
    },
    { ws: [100, 100], hawser: [100, 100] },
  ],
  [
    "removeAllListeners('message')",
    (socket) => void socket.removeAllListeners('message'),
    { ws: [1, 1], hawser: [1, 1] },
  ],
];

async function turns(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe.each<[string, Pick<typeof ws, 'WebSocketServer'>]>([
  ['ws', ws],
  ['hawser', hawser as unknown as typeof ws],
])('%s', (name, { WebSocketServer }) => {
  test.each(ROWS)('%s inside a listener', async (_call, act, expected) => {
    const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(wss, 'listening');
    const connected = once(wss, 'connection') as Promise<[ws.WebSocket]>;
    const client = await RawClient.open((wss.address() as AddressInfo).port);
    const [socket] = await connected;
    let messages = 0;
    const first = new Promise<void>((resolve) => {
      socket.on('message', () => {
        if (++messages > 1) return;
        act(socket);
        resolve();
      });
    });
    client.send(READ);
    await first;
    await turns();
    const seen = [messages];
    socket.resume();
    await turns();
    seen.push(messages);
    client.destroy();
    socket.terminate();
    wss.close();
    expect(seen).toEqual(expected[name]);
  });
});
