// A strict TypeScript program, as an ES module: what the types promise is what happens.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  UpgradeRejection,
  WebSocketServer,
  type CloseInfo,
  type CloseReport,
  type WebSocketConnection,
} from 'hawser';
import { metrics } from 'hawser/metrics';
import { WebSocket, type RawData } from 'ws';

interface Visitor {
  name: string;
}

const server = createServer();
const wss = new WebSocketServer<Visitor>(server, {
  path: '/chat',
  authorize: async (request: IncomingMessage, { signal }: { signal: AbortSignal }) => {
    signal.throwIfAborted();
    const name = new URL(request.url ?? '', 'http://localhost').searchParams.get('name');
    if (name === null) throw new UpgradeRejection(401, { body: 'say who you are' });
    return { context: { name } };
  },
});

wss.on('connection', (conn: WebSocketConnection<Visitor>, request) => {
  const method: string | undefined = request.method;
  conn.on('message', (data, isBinary) => {
    const text: string = typeof data === 'string' ? data : data.toString('latin1');
    const binary: boolean = isBinary;
    const below: boolean = conn.send(`${conn.context.name} by ${method}: ${text} ${binary}`);
    if (!below) throw new Error('a small message is above the high-water mark');
  });
  conn.on('close', (code: number, reason: string, info: CloseInfo) => {
    console.log(`${code} ${reason} ${info.initiator}`);
  });
  // @ts-expect-error: there is no such event
  conn.on('mesage', () => undefined);
  // @ts-expect-error: a number is not something to send
  const wrong = () => conn.send(42);
  void wrong;
});
// @ts-expect-error: there is no such option
const misspelt = () => new WebSocketServer(server, { maxPayloads: 1 });
void misspelt;

server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;

const refused = new WebSocket(`ws://127.0.0.1:${port}/chat`);
const [refusal] = (await once(refused, 'error')) as [Error];
console.log(refusal.message);

const client = new WebSocket(`ws://127.0.0.1:${port}/chat?name=Ann`);
await once(client, 'open');
client.send('hello');
const [reply] = (await once(client, 'message')) as [RawData];
console.log(String(reply));
client.close(4000, 'enough');
await once(client, 'close');

const report: CloseReport = await wss.close({ timeout: 1000 });
console.log(`left ${report.total}`);
// @ts-expect-error: an http.Server has no statistics
const noStatistics = () => metrics(server);
void noStatistics;
console.log(
  metrics({ chat: wss })
    .split('\n')
    .find((line) => line.includes('4xxx"')),
);
server.close();
