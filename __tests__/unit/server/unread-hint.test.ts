import type { WebSocketConnection } from '../../../src/connection/connection.js';
import { UnreadHint } from '../../../src/server/unread-hint.js';
import { clientFrame, clientClose } from '../../support/frames.js';
import { ask, eventually, HandClock, MemoryLogger, serve } from '../../support/server.js';

const text = (payload: string) => clientFrame({ opcode: 1, payload });
const HINT =
  "messages of 127.0.0.1 are discarded: they waited 35000 ms for a consumer; add a 'message' listener or loop over the connection to get them, call pause() to hold them for longer, or resume() to discard them without this hint";

describe('UnreadHint', () => {
  it('names the first connection, and then counts for a minute', () => {
    const logger = new MemoryLogger();
    const clock = new HandClock();
    const hint = new UnreadHint({ hint: (line) => logger.warn(line) }, clock, 35_000);
    hint.tell('127.0.0.1');
    expect(logger.lines).toEqual([`warn ${HINT}`]);
    for (let i = 0; i < 1000; i++) hint.tell('127.0.0.1');
    clock.advance(59_999);
    hint.tell('127.0.0.1');
    expect(logger.lines).toHaveLength(1);
    clock.advance(1);
    hint.tell(undefined);
    expect(logger.lines[1]).toMatch(
      /^warn messages of a connection are discarded, as were those of 1001 others: they waited/,
    );
    clock.advance(60_000);
    hint.tell('::1');
    expect(logger.lines[2]).toMatch(/^warn messages of ::1 are discarded: they waited/);
  });
});

describe('The hint of a server whose messages are not taken', () => {
  /** A connection that got a message, after the application did what it does. */
  const begin = async (act: (conn: WebSocketConnection) => void) => {
    const served = await serve({ heartbeat: false });
    served.wss.on('connection', act);
    const client = await ask(served.port);
    await client.response();
    client.send(text('early'));
    await eventually('the message', () => served.wss.stats().messagesReceived === 1);
    return { ...served, client, conn: [...served.wss.connections][0]! };
  };

  it('is one line for many messages, and the rest of the connection works', async () => {
    const { wss, log, clock, client, conn } = await begin(() => undefined);
    clock.advance(35_000);
    await eventually('the hint', () => log.lines.length > 0);
    expect(log.lines).toEqual([`warn ${HINT}`]);
    client.send(Buffer.concat([text('late'), clientClose(1000)]));
    client.socket.end();
    await eventually('the end', () => conn.readyState === 'closed');
    expect(conn.closeInfo?.code).toBe(1000);
    expect(wss.stats()).toMatchObject({ messagesReceived: 2, messagesDiscarded: 2 });
    expect(log.lines).toHaveLength(1);
  });

  it.each<[string, (conn: WebSocketConnection, heard: unknown[]) => void]>([
    ['a listener gets', (conn, heard) => conn.on('message', (data) => heard.push(data))],
    [
      'a loop gets',
      (conn, heard) => {
        void (async () => {
          for await (const message of conn) heard.push(message);
        })();
      },
    ],
  ])('gives advice that is true: %s them', async (_, act) => {
    const heard: unknown[] = [];
    const { wss, log, clock, client } = await begin((conn) => act(conn, heard));
    clock.advance(100_000);
    client.send(text('late'));
    await eventually('both', () => heard.length === 2);
    expect(heard).toEqual(['early', 'late']);
    expect(wss.stats().messagesDiscarded).toBe(0);
    expect(log.lines).toEqual([]);
  });

  it('gives advice that is true: pause() holds them for longer', async () => {
    const { wss, log, clock, conn } = await begin((each) => each.pause());
    clock.advance(1_000_000);
    const heard: unknown[] = [];
    conn.on('message', (data) => heard.push(data));
    conn.resume();
    await eventually('the message', () => heard.length === 1);
    expect(heard).toEqual(['early']);
    expect(wss.stats().messagesDiscarded).toBe(0);
    expect(log.lines).toEqual([]);
  });

  it('gives advice that is true: resume() discards them without it', async () => {
    const { wss, log, clock, client } = await begin((conn) => conn.resume());
    client.send(text('late'));
    await eventually('the message', () => wss.stats().messagesReceived === 2);
    clock.advance(1_000_000);
    expect(wss.stats().messagesDiscarded).toBe(2);
    expect(log.lines).toEqual([]);
  });
});
