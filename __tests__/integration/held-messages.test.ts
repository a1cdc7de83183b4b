/** What becomes of messages that nothing takes: when `wss.close()` has no more time, and in a client. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { connect, type ConnectOptions } from '../../src/client/index.js';
import { type WebSocketConnection, WebSocketServer } from '../../src/index.js';
import { clientFrame } from '../support/frames.js';
import {
  eventually,
  HandClock,
  listen as listenOn,
  MemoryLogger,
  serve,
  settle,
} from '../support/server.js';
import { openOver, type Version, VERSIONS } from '../support/versions.js';

/** What an application does, and how it takes what was held. */
type Take = (seen: string[], conn: WebSocketConnection) => unknown;
const listen: Take = (seen, conn) => conn.on('message', (data) => seen.push(String(data)));
const iterate: Take = async (seen, conn) => {
  for await (const message of conn) seen.push(String(message));
  seen.push('the end');
};

/** Each begins after the first message is there; `take` is called when the connection is gone. */
const CONSUMERS: [name: string, begin: Take, take: Take, held: string[]][] = [
  ['no consumer, then a listener', () => undefined, listen, ['a', 'b', 'c']],
  ['no consumer, then a loop', () => undefined, iterate, ['a', 'b', 'c', 'the end']],
  [
    'no consumer, then resume()',
    () => undefined,
    (_seen, conn) => {
      conn.resume();
    },
    [],
  ],
  [
    'a pause, then resume()',
    (seen, conn) => {
      conn.pause();
      void listen(seen, conn);
    },
    (_seen, conn) => {
      conn.resume();
    },
    ['a', 'b', 'c'],
  ],
  [
    'a loop that takes one and waits',
    (seen, conn) => {
      void (async () => {
        for await (const message of conn) {
          seen.push(String(message));
          if (seen.length === 1) await once(conn, 'go on');
        }
        seen.push('the end');
      })();
    },
    (_seen, conn) => conn.emit('go on' as 'drain'),
    ['a', 'b', 'c', 'the end'],
  ],
];

async function serveOver(version: Version): Promise<{ wss: WebSocketServer; port: number }> {
  const server = version === 'HTTP/2' ? createHttp2Server() : createServer();
  const wss = new WebSocketServer(server, { logger: new MemoryLogger() });
  return { wss: wss, port: await listenOn(server) };
}

/** A connection to which three messages have come. @param begin takes them, or does not. */
async function serveThree(
  version: Version,
  begin: (seen: string[], conn: WebSocketConnection) => unknown,
) {
  const { wss, port } = await serveOver(version);
  const connected = once(wss, 'connection') as Promise<[WebSocketConnection]>;
  const client = await openOver(version, port);
  const [conn] = await connected;
  const seen: string[] = [];
  begin(seen, conn);
  client.send(Buffer.concat(['a', 'b', 'c'].map((payload) => clientFrame({ opcode: 1, payload }))));
  await eventually('the messages', () => wss.stats().messagesReceived === 3);
  return { wss, conn, seen };
}

describe.each(VERSIONS)('over %s, at the end of the time that wss.close() has', (version) => {
  it.each(CONSUMERS)('what is held can still be taken: %s', async (_name, begin, take, held) => {
    const { wss, conn, seen } = await serveThree(version, begin);
    // The client never answers the Close.
    const report = await wss.close({ signal: AbortSignal.abort() });
    expect(report).toMatchObject({ total: 1, clean: 0, terminated: 1 });
    expect(conn.closeInfo).toMatchObject({ code: 1006, cause: { code: 'ERR_SERVER_CLOSED' } });
    await settle();
    void take(seen, conn);
    await settle();
    expect(seen).toEqual(held);
  });

  it.each(CONSUMERS)(
    'what is held is gone after its own terminate(): %s',
    async (_name, begin, take, held) => {
      const { conn, seen } = await serveThree(version, begin);
      const before = [...seen];
      conn.terminate();
      await once(conn, 'close');
      void take(seen, conn);
      await settle();
      expect(seen).toEqual(held.includes('the end') ? [...before, 'the end'] : before);
    },
  );
});

describe('a connection of connect() whose messages nothing takes', () => {
  /** A client with a clock of its own, and the server's end. */
  async function open(options: ConnectOptions = {}) {
    const { wss, port } = await serve({ heartbeat: false });
    const connected = once(wss, 'connection') as Promise<[WebSocketConnection]>;
    const clock = new HandClock();
    const logger = new MemoryLogger();
    const conn = await connect(`ws://127.0.0.1:${port}`, { clock, logger, ...options });
    const [end] = await connected;
    const pongs: string[] = [];
    end.on('pong', (payload) => pongs.push(String(payload)));
    // Far more than 64 KiB, so that reading stops.
    for (let sent = 0; sent < 50; sent++) end.send('x'.repeat(10_000));
    end.ping('late');
    await settle();
    return { conn, end, clock, logger, pongs };
  }

  it.each<[string, (conn: WebSocketConnection) => unknown]>([
    ['no listener', () => undefined],
    ['a listener for one message', (conn) => conn.once('message', () => undefined)],
    [
      'a loop that was left',
      async (conn) => {
        for await (const message of conn) return message;
        return undefined;
      },
    ],
  ])(
    'with %s discards them after 35 s, says so once, and sees Pings and the Close',
    async (_name, begin) => {
      const { conn, end, clock, logger, pongs } = await open();
      void begin(conn);
      await settle();
      expect(pongs).toEqual([]);
      for (let second = 0; second < 36; second++) clock.advance(1000);
      await eventually('the Pong', () => pongs.includes('late'));
      expect(logger.lines).toEqual([expect.stringMatching(/^warn .*messages/)]);
      const { code, clean } = await end.close(1001);
      expect([code, clean, conn.closeInfo?.code]).toEqual([1001, true, 1001]);
      await settle();
      expect(clock.timers.size).toBe(0);
    },
  );

  it.each<
    [
      string,
      (conn: WebSocketConnection, count: () => void) => void,
      (conn: WebSocketConnection) => void,
    ]
  >([
    [
      'pause()',
      (conn, count) => {
        conn.pause();
        conn.on('message', count);
      },
      (conn) => {
        conn.resume();
      },
    ],
    [
      'a loop that takes its time',
      (conn, count) => {
        void (async () => {
          let isFirst = true;

          for await (const _message of conn) {
            count();
            if (isFirst) await once(conn, 'go on');
            isFirst = false;
          }
        })();
      },
      (conn) => conn.emit('go on' as 'drain'),
    ],
  ])('keeps them for %s as long as it likes', async (_name, begin, goOn) => {
    const { conn, end, clock, logger } = await open({ heartbeat: false });
    let count = 0;
    begin(conn, () => count++);
    for (let minute = 0; minute < 60; minute++) clock.advance(60_000);
    await settle();
    expect([conn.readyState, logger.lines]).toEqual(['open', []]);
    goOn(conn);
    await eventually('all', () => count === 50);
    expect((await end.close()).clean).toBe(true);
  });
});
