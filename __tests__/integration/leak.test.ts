/** What 20 000 connections leave behind: the server in a process of its own, raw sockets against it. */
import type { ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { Child, stopChildren } from '../support/child.js';
import { clientClose, clientFrame } from '../support/frames.js';
import { openSession } from '../support/http2.js';
import { loopback } from '../support/loopback.js';
import { upgradeRequest } from '../support/raw-client.js';
import { askOn, VERSIONS } from '../support/versions.js';

afterAll(stopChildren);

const PROGRAM = `
  const wss = new hawser.WebSocketServer(server, {
    subprotocols: ['chat'],
    authorize: async (request) => ({ context: request.headers['x-case'] }),
  });
  let closed = 0;
  wss.on('connection', (conn) => {
    conn.on('message', (data) => conn.send(data));
    conn.on('close', () => closed++);
  });
  commands.closed = async (count) => {
    while (closed < count) await new Promise((resolve) => setTimeout(resolve, 2));
    return wss.connections.size;
  };
`;

const PARTS = { headers: { 'Sec-WebSocket-Protocol': 'chat', 'X-Case': 'leak' } };
const HELLO = Buffer.concat([
  clientFrame({ opcode: 1, payload: 'hello' }),
  clientFrame({ opcode: 9, payload: 'ping' }),
]);
const REQUEST = Buffer.concat([Buffer.from(upgradeRequest(PARTS)), HELLO]);
const GOODBYE = clientClose(1000, 'bye');
const BAD = clientFrame({ opcode: 3 });

/** One life of a connection: a greeting, and one of four ways to end. */
function live(port: number, number: number): Promise<void> {
  return new Promise((done) => {
    const host = loopback(number);
    const socket = connect({ port, host, allowHalfOpen: true });
    socket.write(REQUEST);
    let seen = '';
    socket.on('data', (chunk: Buffer) => {
      const first = !seen.includes('hello');
      seen += chunk.toString('latin1');
      if (!first || !seen.includes('hello')) return;
      if (number % 4 === 0) socket.resetAndDestroy();
      else if (number % 4 === 1) socket.end();
      else socket.write(number % 4 === 2 ? GOODBYE : BAD);
    });
    socket.on('end', () => socket.end());
    socket.on('error', () => undefined);
    socket.on('close', () => {
      done();
    });
  });
}

/** The same on a stream of a session. */
async function liveOn(session: ClientHttp2Session, number: number): Promise<void> {
  const client = askOn(session, PARTS, HELLO);
  const closed = new Promise((resolve) => client.socket.once('close', resolve));
  await client.frame();
  if (number % 4 === 0) client.reset();
  else if (number % 4 === 1) client.finish();
  else client.send(number % 4 === 2 ? GOODBYE : BAD);
  await client.ended();
  client.finish();
  await closed;
}

/** So many live at the same time: over HTTP/2 on one session, which ends with them. */
const TOGETHER = 50;

test.each(VERSIONS)(
  '20 000 connections over %s leave at most 20 bytes of heap each, over the last 15 000',
  async (version) => {
    const child = await Child.serveOver(version, PROGRAM, '--expose-gc', '--max-semi-space-size=4');
    let lived = 0;
    const liveTogether = async (): Promise<void> => {
      const session = version === 'HTTP/1.1' ? undefined : await openSession(child.port);
      await Promise.all(
        Array.from({ length: TOGETHER }, () => {
          const number = lived++;
          return session === undefined ? live(child.port, number) : liveOn(session, number);
        }),
      );
      session?.close();
    };
    const liveUntil = async (count: number): Promise<{ heapUsed: number; external: number }> => {
      while (lived < count) await liveTogether();
      // `hello` came back each time, so all of them were real connections; the server has none of them left.
      expect(await child.ask('closed', count)).toBe(0);
      return child.ask('memory');
    };
    const before = await liveUntil(5000);
    const after = await liveUntil(20_000);
    expect(after.heapUsed - before.heapUsed).toBeLessThanOrEqual(15_000 * 20);
    expect(after.external - before.external).toBeLessThanOrEqual(15_000 * 20);
    expect(child.stderr).toBe('');
  },
);
