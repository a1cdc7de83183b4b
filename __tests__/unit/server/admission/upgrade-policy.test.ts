import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { UpgradeRejection } from '../../../../src/protocol/handshake/upgrade-rejection.js';
import type { RejectedUpgrade } from '../../../../src/server/events.js';
import { WebSocketServer } from '../../../../src/server/server.js';
import { SharedLimits } from '../../../../src/server/admission/shared-limits.js';
import { upgradeRequest } from '../../../support/raw-client.js';
import {
  ask,
  connect,
  eventually,
  fakeRequest,
  HandClock,
  MemoryLogger,
  serve,
  serveOwn,
  serveAsking,
  settle,
  transportPair,
} from '../../../support/server.js';

const NO_HEAD = Buffer.alloc(0);

describe('what is counted', () => {
  it('is what became of each upgrade, and how many wait', async () => {
    const { wss, port, answer, asked } = await serveAsking();
    const waiting = await ask(port);
    await asked;
    expect(wss.stats()).toMatchObject({ upgradesPending: 1, upgradesAccepted: 0 });
    (await ask(port)).destroy();
    await eventually('one to leave', () => wss.stats().upgradesAbandoned === 1);
    expect(wss.stats()).toMatchObject({ upgradesPending: 2 }); // authorize knows nothing of it
    answer.reject(new UpgradeRejection(403));
    expect(await waiting.response()).toMatchObject({ status: 403 });
    expect(wss.stats()).toMatchObject({
      upgradesPending: 0,
      upgradesAccepted: 0,
      upgradesRejected: { 403: 1 },
      upgradesAbandoned: 1,
    });
  });
});

describe('maxConnectionsPerAddress', () => {
  const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } });
  const limits = { trustProxy: 1, maxConnectionsPerAddress: 2 };

  it('rejects the third of one address with 429 and Retry-After, and takes other addresses', async () => {
    const { wss, port } = await serve(limits);
    const rejected = once(wss, 'rejected') as Promise<[RejectedUpgrade]>;
    for (const address of ['203.0.113.5', '::ffff:203.0.113.5']) {
      expect((await (await ask(port, from(address))).response()).status).toBe(101);
    }
    const third = await (await ask(port, from('203.0.113.5'))).response();
    expect([third.status, third.body]).toStrictEqual([
      429,
      'too many connections from this address\n',
    ]);
    expect(third.header('Retry-After')).toBe('10');
    expect((await rejected)[0]).toMatchObject({ status: 429, remoteAddress: '203.0.113.5' });
    expect((await (await ask(port, from('203.0.113.6'))).response()).status).toBe(101);
  });

  it('counts upgrades that are pending, until they have come to nothing', async () => {
    const { port, asked, clock } = await serveAsking({ ...limits, maxConnectionsPerAddress: 1 });
    const first = await ask(port, from('203.0.113.5'));
    await asked;
    expect((await (await ask(port, from('203.0.113.5'))).response()).status).toBe(429);
    clock.advance(10_000);
    expect((await first.response()).status).toBe(503);
    const next = await ask(port, from('203.0.113.5'));
    await settle();
    clock.advance(10_000);
    expect((await next.response()).status).toBe(503);
  });

  it("finds the client's address once, because a closed socket has forgotten it", async () => {
    let asked = 0;
    const { port, wss } = await serve({
      maxConnectionsPerAddress: 1,
      trustProxy: () => asked++ <= 1, // of two questions about an address; later the answer is no
    });
    const connected = once(wss, 'connection') as Promise<[WebSocketConnection]>;
    const two = from('203.0.113.5');
    await (await ask(port, two)).response();
    const [connection] = await connected;
    expect(connection.remoteAddress).toBe('203.0.113.5');
    const closed = once(connection, 'close');
    connection.terminate();
    await closed;
    asked = 0;
    expect((await (await ask(port, two)).response()).status).toBe(101);
  });

  it('counts a connection until it has ended, also one that was accepted without the policy', async () => {
    const wss = new WebSocketServer({
      noServer: true,
      logger: new MemoryLogger(),
      clock: new HandClock(),
      maxConnectionsPerAddress: 1,
    });
    const socket = (): Duplex => Object.assign(transportPair()[0], { remoteAddress: '192.0.2.1' });
    const upgrade = () => wss.handleUpgrade(fakeRequest(), socket(), NO_HEAD);
    for (const open of [upgrade, () => wss.accept(fakeRequest(), socket(), NO_HEAD)]) {
      const connection = (await open())!;
      expect(await upgrade()).toBeUndefined();
      const closed = once(connection, 'close');
      connection.terminate();
      expect(await upgrade()).toBeUndefined(); // its transport is there still
      await closed;
    }
    expect(() => wss.accept(fakeRequest(), socket(), NO_HEAD, { subprotocol: 'x' })).toThrow();
    expect(await upgrade()).toBeDefined();
  });
});

describe('limits', () => {
  it('are shared by servers, while the options of each count its own', async () => {
    const limits = new SharedLimits({ maxConnections: 2, maxConnectionsPerAddress: 2 });
    const one = await serve({ limits, maxConnections: 1 });
    const other = await serve({ limits });
    const status = async (port: number): Promise<number> =>
      (await (await ask(port)).response()).status;
    expect(await status(one.port)).toBe(101);
    expect(await status(one.port)).toBe(503);
    expect(await status(other.port)).toBe(101);
    expect(await status(other.port)).toBe(429);
    expect(limits.connections).toBe(2);
    for (const connection of one.wss.connections) connection.terminate();
    await eventually('the place to be free', () => limits.connections === 1);
    expect(await status(other.port)).toBe(101);
  });

  it('count what waits for authorize too, and rejections of either give it back', async () => {
    const limits = new SharedLimits({ maxConnections: 1 });
    const asking = await serveAsking({ limits });
    const other = await serve({ limits });
    const client = await ask(asking.port);
    await asking.asked;
    expect((await (await ask(other.port)).response()).status).toBe(503);
    asking.answer.reject(new UpgradeRejection(401));
    expect((await client.response()).status).toBe(401);
    await eventually('the place to be free', () => limits.connections === 0);
    expect((await (await ask(other.port)).response()).status).toBe(101);
  });
});

describe('a rejection', () => {
  it('logs the option that would have admitted a page', async () => {
    const { port, log } = await serve();
    const client = await ask(port, { headers: { Origin: 'https://app.example' } });
    const { status, body } = await client.response();
    expect([status, body]).toEqual([403, 'this origin is not allowed\n']);
    expect(log.lines[0]).toContain(
      'option origin: ["same-origin", "https://app.example"] would allow it',
    );
  });

  it.each([
    'file://',
    'null',
    'https://app.example',
    'chrome-extension://abc',
    'http://[::1]:3000',
  ])(
    'of %s names an option which, pasted as it is, lets that page in and the own ones as before',
    async (Origin) => {
      const refusing = await serve();
      const rejected = await ask(refusing.port, { headers: { Host: 'own.example', Origin } });
      expect((await rejected.response()).status).toBe(403);
      const [, pasted] = /option origin: (\[.*?\]) would allow it/.exec(refusing.log.lines[0]!)!;
      const { port } = await serve({ origin: JSON.parse(pasted!) as string[] });
      for (const page of [Origin, 'https://own.example']) {
        const headers = { Host: 'own.example', Origin: page };
        expect((await (await ask(port, { headers })).response()).status).toBe(101);
      }
      const headers = { Host: 'own.example', Origin: 'https://evil.example' };
      expect((await (await ask(port, { headers })).response()).status).toBe(403);
    },
  );

  it.each([
    [
      'X-Forwarded-For: 203.0.113.5\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Host: own.example\r\nX-Forwarded-Host: edge',
    ],
    ['Forwarded: for=203.0.113.5;host=own.example\r\nForwarded: for=10.0.0.1;host=edge'],
    [
      'X-Forwarded-For: "[2001:db8::1]:80", 10.0.0.1:81\r\nForwarded: for="[2001:db8::1]";host=own.example,for=10.0.0.1',
    ],
  ])(
    'is not what a page behind two proxies gets, on however many lines they write: %j',
    async (lines) => {
      const { wss, port } = await serve({ trustProxy: 2 });
      const client = await connect(port);
      const request = upgradeRequest({ headers: { Host: 'inner', Origin: 'https://own.example' } });
      client.send(request.replace('\r\n\r\n', `\r\n${lines}\r\n\r\n`));
      expect((await client.response()).status).toBe(101);
      const [connection] = wss.connections;
      expect(connection!.remoteAddress).toMatch(/^(203\.0\.113\.5|2001:db8::1)$/);
    },
  );

  it('by proxies that disagree leaves one line about it, and the peer is the one that is named', async () => {
    const { wss, port, log } = await serve({ trustProxy: 1 });
    const rejected = jest.fn<undefined, [RejectedUpgrade]>();
    wss.on('rejected', rejected);
    const headers = { 'X-Forwarded-For': '203.0.113.5', Forwarded: 'for=203.0.113.6' };
    expect((await (await ask(port, { headers })).response()).status).toBe(400);
    expect(rejected.mock.calls[0]![0].remoteAddress).toBe('127.0.0.1');
    expect(log.lines).toEqual([
      expect.stringMatching(/203\.0\.113\.6.*203\.0\.113\.5/),
      'warn rejected an upgrade from 127.0.0.1 with 400: Forwarded and X-Forwarded-For name different clients',
    ]);
  });

  it('names the client that a trusted proxy names', async () => {
    const { wss, port } = await serve({ trustProxy: 1 });
    const rejected = once(wss, 'rejected') as Promise<[RejectedUpgrade]>;
    const headers = { 'X-Forwarded-For': '127.0.0.1, 203.0.113.5', Origin: 'https://x.example' };
    await (await ask(port, { headers })).response();
    expect((await rejected)[0].remoteAddress).toBe('203.0.113.5');
    const connected = once(wss, 'connection') as Promise<[WebSocketConnection]>;
    await ask(port, { headers: { 'X-Forwarded-For': '203.0.113.6' } });
    expect((await connected)[0].remoteAddress).toBe('203.0.113.6');
  });

  it('does not wait longer than closeTimeout for the client to end its side', async () => {
    const { server, port, clock } = await serve({ path: '/', closeTimeout: 300 });
    let socket!: Duplex;
    server.on('connection', (its: Duplex) => (socket = its));
    const client = await ask(port, { target: '/x' });
    await client.ended();
    clock.advance(299);
    expect(socket.destroyed).toBe(false);
    clock.advance(1);
    expect(socket.destroyed).toBe(true);
  });
});

describe('subprotocols', () => {
  it("are selected in the server's order", async () => {
    const { port } = await serve({ subprotocols: ['v2', 'v1'] });
    const client = await ask(port, { headers: { 'Sec-WebSocket-Protocol': 'v1, v2' } });
    expect((await client.response()).header('Sec-WebSocket-Protocol')).toBe('v2');
  });

  it('without one in common there is a 101 without the header, and a warning', async () => {
    const { wss, port, log } = await serve({ subprotocols: ['v3'] });
    const client = await ask(port, { headers: { 'Sec-WebSocket-Protocol': 'v1, v2' } });
    const { status, header } = await client.response();
    expect([status, header('Sec-WebSocket-Protocol')]).toEqual([101, undefined]);
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatch(/^warn no common subprotocol: the client offered "v1", "v2";/);
    expect([...wss.connections][0]?.subprotocol).toBe('');
  });
});

describe('while the server closes', () => {
  it('ends upgrades that wait for authorize with 503, and aborts their signal', async () => {
    const { wss, port, answer, asked, connections } = await serveAsking();
    const client = await ask(port);
    const signal = await asked;
    const closing = wss.close();
    expect(signal.aborted).toBe(true);
    const { status, body } = await client.response();
    expect([status, body]).toEqual([503, 'the server is shutting down\n']);
    answer.resolve(undefined);
    expect(await closing).toMatchObject({ total: 0 });
    await settle();
    expect(connections).toEqual([]);
  });

  it('opens no connection whose authorize answered as it was called', async () => {
    const { wss, port, answer, asked, connections } = await serveAsking();
    const client = await ask(port);
    await asked;
    answer.resolve(undefined);
    const closing = wss.close();
    expect((await client.response()).status).toBe(503);
    expect(await closing).toMatchObject({ total: 0 });
    expect([connections, wss.connections.size]).toEqual([[], 0]);
  });

  it('opens no connection whose authorize calls it', async () => {
    const wss: WebSocketServer = new WebSocketServer({
      noServer: true,
      logger: new MemoryLogger(),
      authorize: () => {
        void wss.close();
      },
    });
    const [socket, peer] = transportPair();
    expect(await wss.handleUpgrade(fakeRequest(), socket, NO_HEAD)).toBeUndefined();
    expect(String(peer.read())).toMatch(/^HTTP\/1\.1 503 /);
    expect(wss.connections.size).toBe(0);
  });

  it('does not wait past the deadline for a client that was rejected and stays', async () => {
    const { wss, port, clock } = await serveOwn({ path: '/', closeTimeout: Infinity });
    const rejected = await ask(port, { target: '/x' });
    expect((await rejected.response()).status).toBe(404);
    const gone = await ask(port, { target: '/x' });
    await gone.response();
    gone.finish();
    await settle();
    let done = false;
    const closing = wss.close({ timeout: 500 }).then((report) => {
      done = true;
      return report;
    });
    await settle();
    clock.advance(499);
    await settle();
    expect(done).toBe(false);
    clock.advance(1);
    expect(await closing).toEqual({ total: 0, clean: 0, terminated: 0, milliseconds: 500 });
  });

  it('an upgrade that comes afterwards is rejected with 503', async () => {
    const { wss, port } = await serve();
    await (await ask(port)).response();
    const closing = wss.close();
    const response = await (await ask(port)).response();
    expect([response.status, response.body]).toStrictEqual([503, 'the server is shutting down\n']);
    for (const connection of wss.connections) connection.terminate();
    await closing;
  });
});

describe('authorize', () => {
  it('gets a signal that has not aborted, the URL and the match of the path', async () => {
    const seen: unknown[] = [];
    const { port } = await serve({
      path: /^\/(\w+)$/,
      authorize: (_request, { signal, url, match }) => {
        seen.push(signal.aborted, url.pathname + url.search, match?.[1]);
      },
    });
    const response = await (await ask(port, { target: '/chat?a=1' })).response();
    expect(response.status).toBe(101);
    expect(seen).toEqual([false, '/chat?a=1', 'chat']);
  });

  it('that throws is answered with a bare 500, and logged', async () => {
    const mistake = new Error('the database is gone');
    const { port, log } = await serve({
      authorize: () => {
        throw mistake;
      },
    });
    expect(await (await ask(port)).response()).toMatchObject({
      status: 500,
      body: 'Internal Server Error\n',
    });
    expect(log.causes).toEqual([mistake]);
  });
});

it.each([
  [{ status: 403, expose: false }, 403, 0],
  [{ status: 503, expose: false }, 503, 1],
  [{ status: 403 }, 500, 1],
])('answers an error with %j with %d, and logs %d lines for it', async (members, status, lines) => {
  const error = Object.assign(new Error('secret'), members);
  const { port, log } = await serve({ authorize: () => Promise.reject(error) });
  expect(await (await ask(port)).response()).toMatchObject({
    status,
    body: expect.not.stringContaining('secret') as unknown,
  });
  expect(log.causes).toEqual(Array.from({ length: lines }, () => error));
});

it('rejects with 500 once, where the function of option trustProxy throws', async () => {
  const mistake = new Error('a mistake');
  const { wss, port, log } = await serve({
    trustProxy: () => {
      throw mistake;
    },
  });
  const rejected = once(wss, 'rejected') as Promise<[RejectedUpgrade]>;
  expect((await (await ask(port)).response()).status).toBe(500);
  expect((await rejected)[0]).toMatchObject({ status: 500, remoteAddress: undefined });
  expect(log.causes).toEqual([mistake, mistake]);
});
