/** What `AsyncLocalStorage` sees in the events and callbacks of connections that `connect` has made. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { Agent, createServer } from 'node:http';
import {
  type ClientHttp2Session,
  connect as openSession,
  createServer as createServer2,
} from 'node:http2';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { connect, type ConnectOptions } from '../../src/client/index.js';
import { type WebSocketConnection, WebSocketServer } from '../../src/index.js';
import { HandClock } from '../support/clock.cjs';
import { eventually, later, settle } from '../support/server.js';

/** Whose code is running. */
const user = new AsyncLocalStorage<string>();
let seen: string[] = [];
const noted = (what: string) => (): void => {
  seen.push(`${what} ${user.getStore() ?? 'nobody'}`);
};
beforeEach(() => {
  seen = [];
});

/** A server, and the ends of its connections by their paths. */
async function serve(isHttp2: boolean): Promise<{
  url: string;
  port: number;
  ends: Map<string, WebSocketConnection>;
}> {
  const server = isHttp2 ? createServer2() : createServer();
  const wss = new WebSocketServer(server);
  const ends = new Map<string, WebSocketConnection>();
  wss.on('connection', (conn, { url }) => ends.set(url!, conn));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  later(async () => {
    await wss.close({ timeout: 0 });
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${port}`, port, ends };
}

/** Notes the events of a connection. */
function noteEvents(name: string, conn: WebSocketConnection): void {
  const events = ['message', 'ping', 'pong', 'frame', 'drain', 'close', 'error'] as const;
  for (const event of events) conn.on(event, noted(`${name}: ${event}`));
}

const WAYS: [string, isHttp2: boolean, options: (port: number) => ConnectOptions][] = [
  ['a socket of its own', false, () => ({})],
  [
    'a socket that another context has made',
    false,
    (port) => ({
      createConnection: () => user.run('zoe', () => connectTcp(port, '127.0.0.1')),
    }),
  ],
  [
    'an agent that keeps sockets',
    false,
    () => {
      const agent = new Agent({ keepAlive: true });
      later(() => {
        agent.destroy();
      });
      return { agent };
    },
  ],
  ['a shared session of HTTP/2', true, () => ({ http2: true })],
  [
    'a session of the application',
    true,
    (port) => {
      let session: ClientHttp2Session;
      user.run('the session', () => (session = openSession(`http://127.0.0.1:${port}`)));
      later(() => {
        session.close();
      });
      return { http2: session! };
    },
  ],
];

describe.each(WAYS)(
  'over %s, what a connection of connect() calls',
  (_way, isHttp2, makeOptions) => {
    async function open(): Promise<{
      conns: WebSocketConnection[];
      ends: WebSocketConnection[];
    }> {
      const { url, port, ends } = await serve(isHttp2);
      const options = { ...makeOptions(port), highWaterMark: 1000 };
      // Both at once, so that they share what can be shared.
      const conns = await Promise.all(
        ['ann', 'bob'].map((name) => user.run(name, () => connect(`${url}/${name}`, options))),
      );
      later(() => {
        for (const conn of conns) conn.terminate();
      });
      await eventually('the ends', () => ends.size === 2);
      return { conns, ends: [ends.get('/ann')!, ends.get('/bob')!] };
    }

    it('runs in the context of its connect()', async () => {
      const { conns, ends } = await open();
      noteEvents('ann', conns[0]!);
      noteEvents('bob', conns[1]!);
      const received = noted('channel');
      subscribe('hawser.message.received', received);
      later(() => unsubscribe('hawser.message.received', received));
      for (const end of ends) {
        end.on('message', () => undefined);
        end.send('hello');
        end.ping();
        end.pong();
      }
      user.run('cid', () => {
        // More than the kernel takes at once.
        for (const conn of conns) {
          for (let times = 0; times < 4; times++) conn.send(Buffer.alloc(3 * 1024 * 1024));
        }
      });
      const wanted = ['ann: pong', 'bob: pong', 'ann: drain', 'bob: drain', 'ann: message'];
      await eventually('the events', () =>
        wanted.every((event) => seen.some((line) => line.startsWith(event))),
      );
      for (const end of ends) void end.close();
      await eventually(
        'the ends',
        () => seen.filter((line) => line.includes('close')).length === 2,
      );
      const wrong = seen.filter(
        (line) => !/^(ann: \w+ ann|bob: \w+ bob|channel (ann|bob|nobody))$/.test(line),
      );
      expect(wrong).toEqual([]);
      expect(seen.filter((line) => line === 'channel nobody').length).toBe(8); // the server's ends
    });

    it('runs in that context also when the transport is lost', async () => {
      const { conns, ends } = await open();
      noteEvents('ann', conns[0]!);
      noteEvents('bob', conns[1]!);
      user.run('cid', () => {
        for (const end of ends) end.terminate();
      });
      await eventually(
        'the ends',
        () => seen.filter((line) => line.includes('close')).length === 2,
      );
      expect(seen.filter((line) => !/^(ann: \w+ ann|bob: \w+ bob)$/.test(line))).toEqual([]);
    });

    it('runs in that context also when another one resumes what was held', async () => {
      const { conns, ends } = await open();
      for (const [index, conn] of conns.entries()) {
        conn.pause();
        noteEvents(index === 0 ? 'ann' : 'bob', conn);
      }
      for (const end of ends) end.send('held');
      await eventually('the frames', () => seen.length === 2);
      user.run('cid', () => {
        for (const conn of conns) conn.resume();
      });
      await eventually('the messages', () => seen.length === 4);
      expect(seen.sort()).toEqual([
        'ann: frame ann',
        'ann: message ann',
        'bob: frame bob',
        'bob: message bob',
      ]);
    });

    it('is a callback of send in the context of its send, and code after await in its own', async () => {
      const { conns, ends } = await open();
      for (const [index, conn] of conns.entries()) {
        user.run('cid', () => {
          conn.send('a', noted(`${index}: sent, from cid`));
          conn.ping('', noted(`${index}: pinged, from cid`));
        });
        user.run('dan', () => {
          conn.send('b', noted(`${index}: sent, from dan`));
          void conn.roundTrip().then(noted(`${index}: round trip, from dan`));
        });
      }
      await eventually('all', () => seen.length === 8);
      expect(seen.filter((line) => !/from (\w+) \1$/.test(line))).toEqual([]);
      seen = [];
      for (const conn of conns) {
        user.run('eve', () => {
          void conn.close().then(noted('closed, from eve'));
        });
      }
      await eventually('both', () => seen.length === 2);
      expect(seen.filter((line) => !/from (\w+) \1$/.test(line))).toEqual([]);
      await settle();
      expect(ends.map((end) => end.readyState)).toEqual(['closed', 'closed']);
    });

    it('is what a limit on the timer of all connections calls, too', async () => {
      const { url, port } = await serve(isHttp2);
      const clock = new HandClock();
      const options = { ...makeOptions(port), clock, idleTimeout: 1000, closeTimeout: 500 };
      const conns = await Promise.all(
        ['ann', 'bob'].map((name) => user.run(name, () => connect(`${url}/${name}`, options))),
      );
      noteEvents('ann', conns[0]!);
      noteEvents('bob', conns[1]!);
      for (
        let times = 0;
        times < 40 && seen.filter((line) => line.includes('close')).length < 2;
        times++
      ) {
        user.run('cid', () => {
          clock.advance(125);
        });
        await settle();
      }
      await eventually(
        'the ends',
        () => seen.filter((line) => line.includes('close')).length === 2,
      );
      expect(seen.filter((line) => !/^(ann: \w+ ann|bob: \w+ bob)$/.test(line))).toEqual([]);
    });
  },
);
