/** Streams of HTTP/2 that are reset, left open or opened without end (CVE-2023-44487), and sessions that are lost. */
import type { ClientHttp2Session } from 'node:http2';
import type { WebSocketConnection } from '../../src/connection/connection.js';
import { clientClose, clientFrame } from '../support/frames.js';
import { open, openSession, serveHttp2, type StreamClient } from '../support/http2.js';
import { eventually } from '../support/server.js';

/** A WebSocket that gets an answer to a Ping: the server serves others. */
async function expectServed(port: number): Promise<void> {
  const client = open(await openSession(port), { ':path': '/ping' });
  expect(await client.status()).toBe(200);
  client.send(9, 'x');
  expect(await client.take(3)).toEqual(Buffer.from([0x8a, 1, 120]));
}

describe('a reset of a stream', () => {
  const moments: [string, (client: StreamClient, connection?: WebSocketConnection) => unknown][] = [
    ['with the request', () => undefined],
    ['with the first frame', (client) => client.send(1, 'a')],
    ['in the middle of a frame', (client) => client.stream.write(Buffer.from([0x81, 0x85, 1]))],
    [
      'in the middle of a message',
      (client) => client.stream.write(clientFrame({ opcode: 1, payload: 'a', fin: false })),
    ],
    ['with the Close', (client) => client.stream.write(clientClose(1000))],
    ['with what breaks a rule', (client) => client.stream.write(Buffer.from([0x83, 0]))],
    ['with END_STREAM', (client) => client.stream.end()],
  ];

  it.each(
    moments.flatMap(([moment, act]) =>
      (['none', 'at once', 'later'] as const).map(
        (authorize): [string, typeof authorize, typeof act] => [moment, authorize, act],
      ),
    ),
  )('%s, authorize %s, leaves nothing', async (_moment, authorize, act) => {
    const { wss, port } = await serveHttp2({
      perMessageDeflate: true,
      ...(authorize === 'none' ? {} : { authorize: () => later(authorize) }),
    });
    wss.on('connection', (connection) => {
      connection.on('message', (data) => connection.send(data));
      if (connection.url === '/') connection.send(Buffer.alloc(100_000));
    });
    const session = await openSession(port);
    for (const waits of [false, true]) {
      const abort = new AbortController();
      const client = open(session, {}, { signal: abort.signal });
      if (waits) await client.status();
      act(client);
      if (waits) await new Promise((resolve) => setImmediate(resolve));
      abort.abort();
    }
    await expectServed(port);
    await eventually('the end of both', () => wss.connections.size === 1);
    const { upgradesAccepted, upgradesPending, closedByCode } = wss.stats();
    expect(upgradesPending).toBe(0);
    const closed = Object.values(closedByCode).reduce((sum, count) => sum + count, 0);
    expect(closed).toBe(upgradesAccepted - 1);
  });

  const later = (when: 'at once' | 'later'): Promise<undefined> | undefined =>
    when === 'at once'
      ? undefined
      : new Promise<undefined>((resolve) =>
          setImmediate(() => {
            resolve(undefined);
          }),
        );
});

describe('a session', () => {
  it('that opens and resets streams in a loop is ended, and others are served', async () => {
    const { wss, port } = await serveHttp2();
    const session = await openSession(port);
    const isOver = (): boolean => session.destroyed || session.closed;
    for (let count = 0; count < 10_000 && !isOver(); count++) {
      open(session).stream.close(8);
      if (count % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(isOver()).toBe(true);
    await expectServed(port);
    await eventually('the end of the others', () => wss.connections.size === 1);
  });

  it('with many streams is limited as many clients are', async () => {
    const { wss, port } = await serveHttp2({ maxConnections: 50, maxConnectionsPerAddress: 40 });
    const session = await openSession(port);
    const clients = Array.from({ length: 60 }, () => open(session));
    const statuses = await Promise.all(clients.map((client) => client.status()));
    expect(statuses.filter((status) => status === 200)).toHaveLength(40);
    expect(statuses.filter((status) => status === 429)).toHaveLength(20);
    expect(wss.connections.size).toBe(40);
    for (const client of clients) client.stream.close(8);
    await eventually('the end of all', () => wss.connections.size === 0);
    expect(await open(session).status()).toBe(200);
  });

  it('that is lost ends all its connections', async () => {
    const { wss, port } = await serveHttp2({
      authorize: (request) => decide(request.url !== '/never'),
    });
    const session: ClientHttp2Session = await openSession(port);
    const clients = Array.from({ length: 50 }, () => open(session));
    await Promise.all(clients.map((client) => client.status()));
    open(session, { ':path': '/never' });
    await eventually('the pending one', () => wss.stats().upgradesPending === 1);
    session.destroy();
    await eventually('the end of all', () => wss.connections.size === 0);
    await eventually('the abandoned one', () => wss.stats().upgradesAbandoned === 1);
    expect(wss.stats().closedByCode).toEqual({ 1006: 50 });
    await expectServed(port);
  });

  const decide = (now: boolean): Promise<undefined> =>
    now ? Promise.resolve(undefined) : new Promise(() => undefined);

  it('whose streams do not end is cut off, stream by stream', async () => {
    const { wss, port, clock } = await serveHttp2({ closeTimeout: 1000 });
    const session = await openSession(port);
    const clients = Array.from({ length: 20 }, () => open(session));
    await Promise.all(clients.map((client) => client.status()));
    const closed = wss.close({ timeout: 500 });
    await Promise.all(clients.map((client) => client.take(4)));
    clock.advance(500);
    expect(await closed).toMatchObject({ total: 20, clean: 0, terminated: 20 });
    await Promise.all(clients.map((client) => client.closed()));
    expect(clients.map(({ stream }) => stream.rstCode)).toEqual(Array(20).fill(8));
    expect(session.closed).toBe(false);
  });
});
