import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { UpgradeRejection } from '../../../../src/protocol/handshake/upgrade-rejection.js';
import type { RejectedUpgrade } from '../../../../src/server/events.js';
import type { Authorization, ServerOptions } from '../../../../src/server/options/options.js';
import { WebSocketServer } from '../../../../src/server/server.js';
import { SharedLimits } from '../../../../src/server/admission/shared-limits.js';
import { clientClose, clientFrame } from '../../../support/frames.js';
import type { RawClient } from '../../../support/raw-client.js';
import { upgradeRequest } from '../../../support/raw-client.js';
import {
  ask,
  deferred,
  catchSurfacing,
  connect,
  eventually,
  fakeRequest,
  HandClock,
  listen,
  MemoryLogger,
  serve,
  serveAsking,
  serveOwn,
  settle,
  transportPair,
} from '../../../support/server.js';

const text = (payload: string): Buffer => clientFrame({ opcode: 1, payload });
const NO_HEAD = Buffer.alloc(0);
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

describe('handleUpgrade', () => {
  const options = { noServer: true, logger: new MemoryLogger(), clock: new HandClock() } as const;

  it('has done everything when it returns, on any Duplex', async () => {
    const wss = new WebSocketServer(options);
    expect(wss.address()).toBeNull();
    const [socket, peer] = transportPair();
    const connected = jest.fn<undefined, [WebSocketConnection, IncomingMessage]>();
    wss.on('connection', connected);
    const request = fakeRequest();
    const upgraded = wss.handleUpgrade(request, socket, text('hello'));
    expect(connected).toHaveBeenCalledTimes(1);
    expect(connected.mock.calls[0]![1]).toBe(request);
    expect(wss.connections.size).toBe(1);
    expect(String(peer.read())).toMatch(/^HTTP\/1\.1 101 /);
    const connection = (await upgraded)!;
    expect(connection).toBe(connected.mock.calls[0]![0]);
    const message = once(connection, 'message');
    expect(await message).toEqual(['hello', false]);
  });

  it('leaves the authority of an absolute target out of the url', async () => {
    const wss = new WebSocketServer(options);
    const request = fakeRequest({}, { url: 'http://localhost/rooms?name=blue' });
    const connection = await wss.handleUpgrade(request, transportPair()[0], NO_HEAD);
    expect(connection?.url).toBe('/rooms?name=blue');
  });

  it("turns off Nagle's algorithm and the socket's time-out", async () => {
    const [socket] = transportPair();
    const calls: unknown[] = [];
    Object.assign(socket, {
      setNoDelay: (on: boolean) => calls.push(['setNoDelay', on]),
      setTimeout: (milliseconds: number) => calls.push(['setTimeout', milliseconds]),
    });
    await new WebSocketServer(options).handleUpgrade(fakeRequest(), socket, NO_HEAD);
    expect(calls).toEqual([
      ['setNoDelay', true],
      ['setTimeout', 0],
    ]);
  });

  it('resolves to undefined for a rejection, which is emitted', async () => {
    const wss = new WebSocketServer(options);
    const rejected = jest.fn();
    wss.on('rejected', rejected);
    const [socket, peer] = transportPair();
    const upgraded = wss.handleUpgrade(fakeRequest({}, { method: 'POST' }), socket, NO_HEAD);
    expect(rejected).toHaveBeenCalledTimes(1);
    expect(await upgraded).toBeUndefined();
    expect(String(peer.read())).toMatch(/^HTTP\/1\.1 405 [^]*\r\nAllow: GET\r\n/);
  });

  it('does nothing for a client that has left already', async () => {
    const answer = deferred<undefined>();
    for (const policy of [{}, { authorize: () => answer.promise }]) {
      const wss = new WebSocketServer({ ...options, ...policy });
      const connected = jest.fn();
      wss.on('connection', connected);
      const [socket] = transportPair();
      socket.destroy();
      await settle(); // its 'close' is over
      const upgraded = wss.handleUpgrade(fakeRequest(), socket, NO_HEAD);
      answer.resolve(undefined);
      expect(await upgraded).toBeUndefined();
      expect(connected).not.toHaveBeenCalled();
      expect(wss.connections.size).toBe(0);
    }
  });

  it('reports a rejection even if the client has left', async () => {
    const wss = new WebSocketServer(options);
    const rejected = jest.fn();
    wss.on('rejected', rejected);
    const [socket] = transportPair();
    socket.destroy();
    await settle();
    await wss.handleUpgrade(fakeRequest({ upgrade: 'h2c' }), socket, NO_HEAD);
    expect(rejected).toHaveBeenCalledTimes(1);
  });

  it('survives a transport that fails at any time', async () => {
    const wss = new WebSocketServer(options);
    const failed = jest.fn();
    wss.on('connectionError', failed);
    const [socket] = transportPair();
    const connection = await wss.handleUpgrade(fakeRequest(), socket, NO_HEAD);
    // `once` would listen for 'error' too.
    const closed = new Promise<object>((resolve) => {
      connection!.on('close', (_code, _reason, info) => resolve(info));
    });
    const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    socket.destroy(reset);
    expect(await closed).toMatchObject({ initiator: 'transport', cause: reset });
    expect(failed).toHaveBeenCalledWith(reset, connection);
    const [rejected] = transportPair();
    await wss.handleUpgrade(fakeRequest({ upgrade: 'h2c' }), rejected, NO_HEAD);
    rejected.destroy(reset);
    await settle();
  });

  it("lets what a listener of 'connection' throws surface, and upgrades all the same", async () => {
    const surfaced = catchSurfacing();
    const wss = new WebSocketServer(options);
    const mistake = new Error('a mistake in the listener');
    wss.on('connection', () => {
      throw mistake;
    });
    const [socket, peer] = transportPair();
    const connection = await wss.handleUpgrade(fakeRequest(), socket, text('kept'));
    await settle();
    expect(surfaced).toEqual([mistake]);
    expect(connection?.readyState).toBe('open');
    expect(String(peer.read())).toMatch(/^HTTP\/1\.1 101 /);
    expect(await once(connection!, 'message')).toEqual(['kept', false]);
  });

  it('lets what other listeners throw surface too, and never rejects', async () => {
    const surfaced = catchSurfacing();
    const wss = new WebSocketServer(options);
    const mistakes = [1, 2, 3].map((count) => new Error(`mistake ${String(count)}`));
    wss.on('rejected', () => {
      throw mistakes[0]!;
    });
    wss.on('close', () => {
      throw mistakes[2]!;
    });
    const [socket] = transportPair();
    expect(await wss.handleUpgrade(fakeRequest({ upgrade: 'x' }), socket, NO_HEAD)).toBeUndefined();
    const [other] = transportPair();
    const connection = await wss.handleUpgrade(fakeRequest(), other, NO_HEAD);
    wss.once('connectionError', () => {
      throw mistakes[1]!;
    });
    expect(() => other.emit('error', new Error('reset'))).toThrow(mistakes[1]);
    other.destroy();
    await once(connection!, 'close');
    await expect(wss.close()).resolves.toMatchObject({ total: 0 });
    await settle();
    expect(surfaced).toEqual([mistakes[0], mistakes[2]]);
  });

  it('answers 500 and logs when a function among the options throws', async () => {
    const mistake = new Error('a mistake');
    const broken = (): never => {
      throw mistake;
    };
    for (const broke of [
      { origin: broken },
      { subprotocols: broken },
      { authorize: broken },
      { trustProxy: broken },
      { subprotocols: () => 'not offered' },
      { authorize: () => ({ subprotocol: 'not offered' }) },
      { authorize: () => ({ headers: { 'Bad\nName': 'x' } }) },
      { authorize: () => ({ maxPayload: Number.NaN }) },
      { authorize: (() => false) as never },
    ] as ServerOptions[]) {
      const logger = new MemoryLogger();
      const wss = new WebSocketServer({ ...options, ...broke, logger });
      const [socket, peer] = transportPair();
      Object.assign(socket, { remoteAddress: '10.0.0.1' });
      const request = fakeRequest({ origin: 'https://a', 'sec-websocket-protocol': 'chat' });
      if (!('origin' in broke)) delete request.headers.origin;
      expect(await wss.handleUpgrade(request, socket, NO_HEAD)).toBeUndefined();
      const answer = String(peer.read());
      expect(answer).toMatch(/^HTTP\/1\.1 500 [^]*\r\n\r\nInternal Server Error\n$/);
      expect(logger.lines).toContain(
        'error an upgrade failed with an exception of the application',
      );
      if (Object.values(broke)[0] === broken) expect(logger.causes[0]).toBe(mistake);
      expect(wss.connections.size).toBe(0);
    }
  });
});

describe('accept', () => {
  const options = { noServer: true, logger: new MemoryLogger(), clock: new HandClock() } as const;

  it('upgrades now, whatever the policy is', async () => {
    const wss = new WebSocketServer<{ user: string }>({
      ...options,
      origin: [],
      maxConnections: 0,
      authorize: () => {
        throw new UpgradeRejection(401);
      },
    });
    const connected = jest.fn();
    wss.on('connection', connected);
    const [socket, peer] = transportPair();
    const request = fakeRequest({ origin: 'https://x.example', 'sec-websocket-protocol': 'a, b' });
    const connection = wss.accept(request, socket, text('early'), {
      context: { user: 'ann' },
      headers: { 'Set-Cookie': ['a=1', 'b=2'] },
      subprotocol: 'b',
    });
    expect(connected).toHaveBeenCalledWith(connection, request);
    expect(connection.context).toEqual({ user: 'ann' });
    expect(connection.subprotocol).toBe('b');
    expect(String(peer.read())).toMatch(
      /^HTTP\/1\.1 101 [^]*Sec-WebSocket-Protocol: b\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n$/,
    );
    expect(await once(connection, 'message')).toEqual(['early', false]);
  });

  it('needs no options', () => {
    const [socket, peer] = transportPair();
    new WebSocketServer(options).accept(fakeRequest(), socket, NO_HEAD);
    expect(String(peer.read())).toMatch(/^HTTP\/1\.1 101 /);
  });

  it.each<[string, Parameters<typeof fakeRequest>[0], Authorization<undefined>, RegExp]>([
    ['what is no handshake', { upgrade: 'h2c' }, {}, /only upgrades to websocket/],
    ['a subprotocol that was not offered', {}, { subprotocol: 'x' }, /subprotocol "x" was chosen/],
    ['an invalid maxPayload', {}, { maxPayload: Infinity }, /^accept: .*, got Infinity/],
    [
      'a header that cannot be sent',
      {},
      { headers: { Upgrade: 'x' } },
      /header Upgrade is written/,
    ],
  ])('throws for %s, and has written nothing', (_name, headers, extra, expected) => {
    const wss = new WebSocketServer(options);
    const [socket, peer] = transportPair();
    expect(() => wss.accept(fakeRequest(headers), socket, NO_HEAD, extra)).toThrow(expected);
    expect(peer.read()).toBeNull();
    expect(wss.connections.size).toBe(0);
  });

  it('survives a transport that fails', async () => {
    const [socket] = transportPair();
    const connection = new WebSocketServer(options).accept(fakeRequest(), socket, NO_HEAD);
    const closed = once(connection, 'close');
    connection.on('error', () => undefined);
    expect(socket.listenerCount('error')).toBe(1); // the connection's own; the other had its time
    socket.destroy();
    expect((await closed)[0]).toBe(1006);
    const [other] = transportPair();
    expect(() =>
      new WebSocketServer(options).accept(fakeRequest({ upgrade: 'x' }), other, NO_HEAD),
    ).toThrow('only upgrades');
    other.destroy(new Error('reset'));
    await settle();
  });

  it('throws when the client has left, and when the server is closed', async () => {
    const wss = new WebSocketServer(options);
    const [socket] = transportPair();
    socket.destroy();
    expect(() => wss.accept(fakeRequest(), socket, NO_HEAD)).toThrow('the client has left');
    await wss.close();
    const [other] = transportPair();
    expect(() => wss.accept(fakeRequest(), other, NO_HEAD)).toThrow('closed or closing');
  });
});

describe('authorize', () => {
  it('may answer at once, with everything that the contract lists', async () => {
    const asked: unknown[] = [];
    const { wss, port } = await serve<{ user: string }>({
      authorize: (request, options) => {
        asked.push(request.url, options.signal.aborted);
        return {
          context: { user: 'ann' },
          headers: { 'Set-Cookie': 'seen=1' },
          subprotocol: 'b',
          maxPayload: 5,
        };
      },
      subprotocols: ['a', 'b'],
      maxPayload: 1000,
    });
    const client = await ask(port, { headers: { 'Sec-WebSocket-Protocol': 'a, b' } });
    const { header } = await client.response();
    expect(asked).toEqual(['/', false]);
    expect(header('Set-Cookie')).toBe('seen=1');
    expect(header('Sec-WebSocket-Protocol')).toBe('b');
    expect([...wss.connections][0]).toMatchObject({ context: { user: 'ann' }, subprotocol: 'b' });
    client.send(text('12345'));
    client.send(text('123456'));
    expect((await client.close()).code).toBe(1009);
  });

  it('has upgraded when handleUpgrade returns, if it answers at once', () => {
    const wss = new WebSocketServer({ noServer: true, authorize: () => undefined });
    const connected = jest.fn();
    wss.on('connection', connected);
    void wss.handleUpgrade(fakeRequest(), transportPair()[0], NO_HEAD);
    expect(connected).toHaveBeenCalledTimes(1);
  });

  it('is handed a signal, the URL and what the path matched, which survive a spread', async () => {
    const seen: object[] = [];
    const { port } = await serve({
      path: /^\/rooms\/(?<room>\w+)$/,
      authorize: (_request, options) => {
        const { url, match } = options;
        seen.push(Object.getPrototypeOf(options) as object, { ...options });
        expect(options.url).toBe(url);
        expect([url.href, url.pathname, match?.groups?.['room']]).toEqual([
          'http://localhost/rooms/blue?token=1',
          '/rooms/blue',
          'blue',
        ]);
      },
    });
    await (await ask(port, { target: '/rooms/blue?token=1' })).response();
    const [signal, url, match] = [AbortSignal, URL, Array].map((of) => expect.any(of) as unknown);
    expect(seen).toStrictEqual([Object.prototype, { signal, url, match }]);
  });

  it('sees what a RegExp matched where handleUpgrade is called, and a path that is not served is 404', async () => {
    const matches: unknown[] = [];
    const wss = new WebSocketServer({
      noServer: true,
      logger: new MemoryLogger(),
      path: /^\/rooms\/(\w+)$/,
      authorize: (_request, { match }) => void matches.push(match?.[1]),
    });
    const upgrade = (url: string) =>
      wss.handleUpgrade(fakeRequest({}, { url }), transportPair()[0], NO_HEAD);
    expect(await upgrade('/rooms/blue')).toBeDefined();
    expect(await upgrade('/halls/blue')).toBeUndefined();
    expect([matches, wss.stats().upgradesRejected]).toEqual([['blue'], { 404: 1 }]);
  });

  it('is asked after a function as path, which is asked once', async () => {
    const path = jest.fn(() => true);
    const matches: unknown[] = [];
    const { port } = await serve({
      path,
      authorize: (_request, { match }) => void matches.push(match),
    });
    await (await ask(port)).response();
    expect(path).toHaveBeenCalledTimes(1);
    expect(matches).toEqual([undefined]);
  });

  it('may return headers in any of their forms', async () => {
    const { port } = await serve({
      authorize: () => ({ headers: new Headers([['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2']]) }), // prettier-ignore
    });
    const { headers } = await (await ask(port)).response();
    const cookies = headers.filter(([name]) => name.toLowerCase() === 'set-cookie');
    expect(cookies.map(([, value]) => value)).toEqual(['a=1', 'b=2']);
  });

  it('that returns the user in place of the context is answered with 500, and the log has the fix', async () => {
    const { port, log } = await serve({
      authorize: () => ({ id: 7, name: 'Ann' }) as object,
    });
    expect((await (await ask(port)).response()).status).toBe(500);
    expect(String(log.causes[0])).toContain('for conn.context return { context: … }');
  });

  it('may throw the rejection of another copy of the package', async () => {
    const { port } = await serve({
      authorize: () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- a stand-in for that class
        throw { name: 'UpgradeRejection', status: 418, headers: {}, body: 'tea' };
      },
    });
    const { status, body } = await (await ask(port)).response();
    expect([status, body]).toEqual([418, 'tea\n']);
  });

  it('may take its time; the context is its own', async () => {
    const { wss, port, answer, asked } = await serveAsking<{ user: string }>();
    const client = await ask(port);
    await asked;
    expect(wss.connections.size).toBe(0);
    answer.resolve({ context: { user: 'ann' } });
    expect((await client.response()).status).toBe(101);
    expect([...wss.connections][0]?.context).toEqual({ user: 'ann' });
  });

  it('accepts by returning nothing, late too', async () => {
    const { port, answer } = await serveAsking();
    const client = await ask(port);
    answer.resolve(undefined);
    expect((await client.response()).status).toBe(101);
  });

  it('may return anything that has a `then`, which is called once', async () => {
    let called = 0;
    const { port } = await serve({
      authorize: () =>
        ({
          then: (resolve: (value: object) => void) => {
            called++;
            resolve({ headers: { 'X-Then': 'yes' } });
          },
        }) as Promise<object>,
    });
    expect((await (await ask(port)).response()).header('X-Then')).toBe('yes');
    expect(called).toBe(1);
  });

  it.each([
    ['at once', false],
    ['late', true],
  ])(
    'rejects by throwing an UpgradeRejection %s, with its headers and body',
    async (_name, late) => {
      const { wss, port, log } = await serve({
        authorize: async () => {
          if (late) await settle();
          throw new UpgradeRejection(401, {
            headers: { 'WWW-Authenticate': 'Bearer', 'Content-Type': 'application/json' },
            body: '{"error":"token"}',
          });
        },
      });
      const rejected = once(wss, 'rejected') as Promise<[RejectedUpgrade]>;
      const client = await ask(port);
      const { status, header, body } = await client.response();
      expect([status, body]).toEqual([401, '{"error":"token"}']);
      expect(header('WWW-Authenticate')).toBe('Bearer');
      expect(header('Content-Type')).toBe('application/json');
      expect(await client.ended()).toBe('end');
      expect((await rejected)[0]).toMatchObject({ status: 401, reason: '{"error":"token"}' });
      expect(log.lines).toEqual([
        'warn rejected an upgrade from 127.0.0.1 with 401: {"error":"token"}',
      ]);
    },
  );

  it.each([
    ['at once', false],
    ['late', true],
  ])('answers a bare 500 for whatever else it throws %s, and logs it', async (_name, late) => {
    const mistake = new Error('password of the database is 1234');
    const { port, log } = await serve({
      authorize: late
        ? async () => {
            await settle();
            throw mistake;
          }
        : () => {
            throw mistake;
          },
    });
    const { status, body, headers } = await (await ask(port)).response();
    expect([status, body]).toEqual([500, 'Internal Server Error\n']);
    expect(JSON.stringify(headers)).not.toContain('1234');
    expect(log.causes).toEqual([mistake]);
    expect(log.lines).toEqual([
      'error an upgrade failed with an exception of the application',
      'warn rejected an upgrade from 127.0.0.1 with 500: upgrade rejected with status 500',
    ]);
  });

  it('has until upgradeTimeout: then 503, and its signal aborts', async () => {
    const { port, clock, answer, asked, connections } = await serveAsking({ upgradeTimeout: 800 });
    const client = await ask(port);
    const signal = await asked;
    clock.advance(799);
    expect(signal.aborted).toBe(false);
    clock.advance(1);
    expect(signal.aborted).toBe(true);
    const { status, body, header } = await client.response();
    expect([status, body]).toEqual([503, 'authorization took too long\n']);
    expect(header('Retry-After')).toBe('10');
    answer.reject(new Error('too late to matter'));
    await settle();
    expect(connections).toEqual([]);
  });

  it('may reject when its signal aborts: that is no mistake', async () => {
    const asked: AbortSignal[] = [];
    const { port, clock, log } = await serve({
      upgradeTimeout: 800,
      authorize: (_request, { signal }) => {
        asked.push(signal);
        return new Promise<undefined>((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error);
          });
        });
      },
    });
    const late = await ask(port);
    await eventually('the first', () => asked.length === 1);
    clock.advance(800);
    expect((await late.response()).status).toBe(503);
    const gone = await ask(port);
    await eventually('the second', () => asked.length === 2);
    gone.reset();
    await eventually('its signal', () => asked[1]!.aborted);
    await settle();
    expect(log.lines).toEqual([
      'warn rejected an upgrade from 127.0.0.1 with 503: authorization took too long',
    ]);
  });

  it.each<[string, (client: RawClient) => void]>([
    ['ends its half', (client) => client.finish()],
    ['resets the connection', (client) => client.reset()],
  ])('learns that the client %s, and no connection comes of it', async (_name, leave) => {
    const { wss, port, log, answer, asked, connections, clock } = await serveAsking();
    const upgraded = jest.spyOn(wss, 'handleUpgrade');
    const client = await ask(port);
    const signal = await asked;
    leave(client);
    if (!signal.aborted) await once(signal, 'abort');
    const result = upgraded.mock.results[0]!.value as Promise<unknown>;
    expect(await result).toBeUndefined();
    answer.resolve(undefined);
    await settle();
    expect(connections).toEqual([]);
    expect(log.lines).toEqual([]);
    expect(clock.timers.size).toBe(0);
  });

  it('does not open for a client that left as it answered', async () => {
    const { server, port, answer, asked, connections } = await serveAsking();
    let socket!: Duplex;
    server.on('connection', (its: Duplex) => (socket = its));
    const client = await ask(port);
    const signal = await asked;
    answer.resolve(undefined);
    socket.emit('end'); // before the answer is heard
    await client.ended();
    expect([connections, signal.aborted]).toEqual([[], true]);
  });

  it('loses nothing that the client sends meanwhile', async () => {
    const { wss, server, port, answer, asked } = await serveAsking();
    let socket!: Duplex & { bytesRead: number };
    server.on('connection', (its: typeof socket) => (socket = its));
    const messages: string[] = [];
    wss.on('connection', (connection) => {
      connection.on('message', (data) => messages.push(String(data)));
    });
    const request = upgradeRequest();
    const client = await connect(port);
    client.send(Buffer.concat([Buffer.from(request), text('first')]));
    await asked;
    client.send(text('second'));
    await eventually('the second', () => socket.bytesRead === request.length + 11 + 12);
    answer.resolve(undefined);
    await client.response();
    client.send(text('third'));
    await eventually('all of them', () => messages.length === 3);
    expect(messages).toEqual(['first', 'second', 'third']);
  });

  it('reads no more than 64 KiB and a chunk meanwhile, and nothing is lost', async () => {
    const { wss, server, port, answer, asked } = await serveAsking();
    let socket!: Duplex;
    server.on('connection', (its: Duplex) => (socket = its));
    const got: string[] = [];
    wss.on('connection', (connection) => {
      connection.on('message', (data) => got.push(String(data)));
    });
    const client = await ask(port);
    await asked;
    const messages = Array.from({ length: 40 }, (_, n) => String(n).repeat(20_000));
    for (const message of messages) client.send(text(message));
    await eventually('reading to stop', () => socket.isPaused());
    answer.resolve(undefined);
    await eventually('all the messages', () => got.length === messages.length);
    expect(got).toEqual(messages);
  });

  it('counts for maxPendingUpgrades and maxConnections while it runs', async () => {
    const { port, asked, answer } = await serveAsking({ maxPendingUpgrades: 1, maxConnections: 2 });
    const first = await ask(port);
    await asked;
    const second = await (await ask(port)).response();
    expect([second.status, second.body]).toEqual([503, 'too many upgrades are pending\n']);
    expect(second.header('Retry-After')).toBe('10');
    answer.resolve(undefined);
    await first.response();
    expect((await (await ask(port)).response()).status).toBe(101);
    const fourth = await (await ask(port)).response();
    expect([fourth.status, fourth.body]).toEqual([503, 'too many connections\n']);
    expect(fourth.header('Retry-After')).toBe('10');
  });
});

describe('a connection that accept opens', () => {
  it("is counted for its address before the listeners of 'connection' are called", async () => {
    const limits = new SharedLimits({ maxConnections: 10 });
    const wss = new WebSocketServer({ noServer: true, limits, maxConnectionsPerAddress: 1 });
    const socket = (): Duplex => Object.assign(transportPair()[0], { remoteAddress: '192.0.2.1' });
    const counted: number[] = [];
    wss.on('connection', () => {
      counted.push(limits.connections);
      if (counted.length === 1) void wss.handleUpgrade(fakeRequest(), socket(), NO_HEAD);
    });
    wss.accept(fakeRequest(), socket(), NO_HEAD);
    await settle();
    expect(counted).toEqual([1]);
    expect(wss.stats().upgradesRejected).toEqual({ 429: 1 });
  });
});

describe('a socket on which another library has written its 101', () => {
  it('cannot be told from a kept-alive one, and is upgraded again', async () => {
    const wss = new WebSocketServer({ noServer: true, logger: new MemoryLogger() });
    const seen: unknown[] = [];
    const server = createServer((_request, response) => response.end());
    server.on('upgrade', (request, socket: Socket, head: Buffer) => {
      const others = request.url === '/other';
      if (others) socket.write('HTTP/1.1 101 Another\r\n\r\n');
      // What could tell: the same in both cases.
      const { readableFlowing, destroyed, writable } = socket;
      seen.push([socket.bytesWritten > 0, readableFlowing, destroyed, writable]);
      void wss.handleUpgrade(request, socket, head);
    });
    const port = await listen(server);
    const other = await ask(port, { target: '/other' });
    expect((await other.response()).statusLine).toContain('Another');
    const kept = await connect(port);
    kept.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await kept.response();
    kept.send(upgradeRequest());
    await kept.response();
    await eventually('both', () => wss.connections.size === 2);
    expect(seen[0]).toEqual(seen[1]);
  });
});

describe('a socket that was given to a server before', () => {
  const ONCE =
    /^warn handleUpgrade: the socket of "\/" was given to a WebSocketServer before, and is left alone/;

  it('is upgraded once, whichever server is asked a second time', async () => {
    const log = new MemoryLogger();
    const [one, other] = [1, 2].map(() => new WebSocketServer({ noServer: true, logger: log }));
    for (const [first, second] of [
      [one!, one!],
      [one!, other!],
    ] as const) {
      log.lines.length = 0;
      const [socket, peer] = transportPair();
      const connection = await first.handleUpgrade(fakeRequest(), socket, NO_HEAD);
      expect(await second.handleUpgrade(fakeRequest(), socket, NO_HEAD)).toBeUndefined();
      expect(() => second.accept(fakeRequest(), socket, NO_HEAD)).toThrow(
        'accept: this socket was given to a WebSocketServer before',
      );
      expect(String(peer.read()).match(/HTTP/g)).toHaveLength(1);
      expect(log.lines).toEqual([expect.stringMatching(ONCE)]);
      connection!.terminate();
      await settle();
      expect(await second.handleUpgrade(fakeRequest(), socket, NO_HEAD)).toBeUndefined();
    }
    expect(one!.stats()).toMatchObject({ upgradesAccepted: 2, upgradesRejected: {} });
    expect(other!.stats()).toMatchObject({ upgradesAccepted: 0, upgradesAbandoned: 0 });
  });

  it('is left alone while the first server still asks, after a rejection, and after accept', async () => {
    const { wss, server, log, port, answer, asked, connections } = await serveAsking();
    const results: unknown[] = [];
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      void wss.handleUpgrade(request, socket, head).then((result) => results.push(result));
    });
    const client = await ask(port);
    await asked;
    await eventually('the second call', () => results.length === 1);
    answer.resolve(undefined);
    expect((await client.response()).status).toBe(101);
    await eventually('the connection', () => connections.length === 1);
    expect([results, log.lines.length]).toEqual([[undefined], 1]);
    const [rejected] = transportPair();
    await wss.handleUpgrade(fakeRequest({ upgrade: 'h2c' }), rejected, NO_HEAD);
    expect(() => wss.accept(fakeRequest(), rejected, NO_HEAD)).toThrow('was given');
    const [accepted] = transportPair();
    wss.accept(fakeRequest(), accepted, NO_HEAD);
    expect(await wss.handleUpgrade(fakeRequest(), accepted, NO_HEAD)).toBeUndefined();
  });
});

describe('a socket that another listener has used', () => {
  it('is reported to the caller if it was ended before', async () => {
    const log = new MemoryLogger();
    const clock = new HandClock();
    const wss = new WebSocketServer({ noServer: true, logger: log, clock });
    const [socket] = transportPair();
    socket.end();
    expect(await wss.handleUpgrade(fakeRequest(), socket, NO_HEAD)).toBeUndefined();
    expect(log.lines).toEqual([
      `warn handleUpgrade: the socket of "/" was ended before; no other 'upgrade' listener may end it`,
    ]);
    expect(wss.stats()).toMatchObject({ upgradesAbandoned: 1, upgradesAccepted: 0 });
    clock.advance(10_000); // nothing else would close it
    expect(socket.destroyed).toBe(true);
    const [other] = transportPair();
    other.end();
    expect(() => wss.accept(fakeRequest(), other, NO_HEAD)).toThrow(
      'accept: the socket was ended before',
    );
  });

  it.each<[string, (socket: Duplex) => unknown]>([
    ['ended', (socket) => socket.end()],
    ['destroyed', (socket) => socket.destroy()],
    ['written to', (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')],
  ])('opens no connection once it was %s while authorize ran', async (_name, act) => {
    const { wss, server, log, port, answer, asked, connections } = await serveAsking();
    const sockets: Duplex[] = [];
    server.on('upgrade', (_request, socket: Duplex) => sockets.push(socket));
    const client = await ask(port);
    await asked;
    await eventually('the other listener', () => sockets.length === 1);
    act(sockets[0]!);
    answer.resolve(undefined);
    await eventually('the outcome', () => wss.stats().upgradesAbandoned === 1);
    await settle();
    expect([connections, wss.connections.size, wss.stats().upgradesAccepted]).toEqual([[], 0, 0]);
    expect(log.lines).toEqual([]);
    client.destroy();
  });

  it.each<[string, (socket: Duplex) => ServerOptions]>([
    ['authorize, which answers at once', (socket) => ({ authorize: () => void socket.end() })],
    [
      'the function that chooses a subprotocol',
      (socket) => ({ subprotocols: () => void socket.end() }),
    ],
  ])('opens no connection once it was ended by %s', async (_name, options) => {
    const [socket] = transportPair();
    const wss = new WebSocketServer({
      noServer: true,
      logger: new MemoryLogger(),
      ...options(socket),
    });
    const request = fakeRequest({ 'sec-websocket-protocol': 'a' });
    expect(await wss.handleUpgrade(request, socket, NO_HEAD)).toBeUndefined();
    expect(wss.stats()).toMatchObject({ upgradesAbandoned: 1, upgradesAccepted: 0 });
  });

  it('is not rejected either: when time is up, the other listener has it', async () => {
    const { wss, server, port, clock, asked } = await serveAsking({ upgradeTimeout: 500 });
    server.on('upgrade', (_request, socket: Duplex) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother');
    });
    const client = await ask(port);
    await asked;
    const { body } = await client.response();
    clock.advance(500);
    await eventually('the outcome', () => wss.stats().upgradesAbandoned === 1);
    expect([body, client.ending, wss.stats().upgradesRejected]).toEqual(['other', undefined, {}]);
  });

  it.each<[string, boolean]>([
    ['at once', false],
    ['later', true],
  ])(
    'is not rejected either: where authorize rejects %s, the other has it',
    async (_name, isLate) => {
      const { wss, server, port, log } = await serve({
        authorize: (request) => {
          (request.socket as Duplex).write('HTTP/1.1 101 Switching Protocols\r\n\r\nother');
          const rejection = new UpgradeRejection(401);
          if (!isLate) throw rejection;
          return Promise.reject(rejection);
        },
      });
      const client = await ask(port);
      await eventually('the outcome', () => wss.stats().upgradesAbandoned === 1);
      await settle();
      expect([server.listening, log.lines, wss.stats().upgradesRejected]).toEqual([true, [], {}]);
      client.send('for the other');
      await settle();
      expect(client.ending).toBeUndefined();
      client.destroy();
    },
  );

  it.each<[string, (socket: Duplex) => unknown]>([
    ["listens for 'data'", (socket) => socket.on('data', () => undefined)],
    ["listens for 'readable'", (socket) => socket.on('readable', () => undefined)],
    ['pauses', (socket) => socket.pause()],
  ])('serves all the same where a listener before us %s', async (_name, look) => {
    const server = createServer();
    server.on('upgrade', (_request, socket: Duplex) => look(socket));
    for (const authorize of [() => undefined, () => Promise.resolve(undefined)]) {
      const wss = new WebSocketServer(server, { path: '/', authorize, logger: new MemoryLogger() });
      wss.on('connection', (connection) => {
        connection.on('message', (data) => connection.send(data));
      });
      const client = await ask(server.listening ? portOf(server) : await listen(server));
      expect((await client.response()).status).toBe(101);
      client.send(text('hello'));
      expect(await client.words()).toBe(`text ${Buffer.from('hello').toString('hex')}`);
      await wss.close({ signal: AbortSignal.abort() });
    }
  });
});

describe('a body', () => {
  const CHUNKED = { 'Transfer-Encoding': 'chunked' };

  it.each<[string, Record<string, string>, string[]]>([
    ['of no bytes', { 'Content-Length': '0' }, []],
    ['of no chunks, at once', CHUNKED, ['0\r\n\r\n']],
    ['of no chunks, later', CHUNKED, ['', '0\r\n\r\n']],
    ['of no chunks, cut anywhere', CHUNKED, ['', '0', '\r', '\n', '\r', '\n']],
    ['of no chunks, with trailers', CHUNKED, ['0;x=y\r\nA: b\r\n', 'C: d\r\n\r\n']],
  ])('is accepted %s, and the frames after it arrive', async (_name, headers, parts) => {
    for (const together of [true, false]) {
      const { wss, port, log } = await serve({ maxConnectionsPerAddress: 1 });
      const messages: unknown[] = [];
      wss.on('connection', (connection) => connection.on('message', (data) => messages.push(data)));
      const client = await connect(port);
      client.send(upgradeRequest({ headers }) + (parts[0] ?? ''));
      for (const [at, part] of parts.entries()) {
        if (at === 0) continue;
        await new Promise((resolve) => setTimeout(resolve, 5));
        const first = together && at === parts.length - 1 ? text('early') : NO_HEAD;
        client.send(Buffer.concat([Buffer.from(part), first]));
      }
      expect((await client.response()).status).toBe(101);
      client.send(text('late'));
      await eventually('the message', () => messages.includes('late'));
      expect(messages).toEqual(together && parts.length > 1 ? ['early', 'late'] : ['late']);
      const [connection] = wss.connections;
      expect(connection!.remoteAddress).toBe('127.0.0.1');
      const second = await ask(port);
      expect((await second.response()).status).toBe(429);
      expect(log.lines).toHaveLength(1);
      client.send(clientClose(1000));
      expect((await client.close()).code).toBe(1000);
      client.finish();
      await eventually('its end', () => wss.connections.size === 0);
    }
  });

  it.each<[string, Record<string, string>, string[], number]>([
    ['a length', { 'Content-Length': '5' }, ['hello'], 400],
    ['a length, and does not come', { 'Content-Length': '5' }, [], 400],
    ['a chunk', CHUNKED, ['5\r\nhello\r\n0\r\n\r\n'], 400],
    ['a chunk that comes later', CHUNKED, ['', '5\r\nhello\r\n'], 400],
  ])('is rejected with %s', async (_name, headers, parts, status) => {
    const authorize = jest.fn();
    const { wss, port } = await serve({ authorize });
    const client = await connect(port);
    client.send(upgradeRequest({ headers }) + (parts[0] ?? ''));
    for (const part of parts.slice(1)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      client.send(part);
    }
    const response = await client.response();
    expect([response.status, response.body]).toEqual([
      status,
      'a WebSocket handshake has no body, but this request has one that is not empty\n',
    ]);
    expect(await client.ended()).toBe('end');
    expect(authorize).not.toHaveBeenCalled();
    expect(wss.stats()).toMatchObject({ upgradesPending: 0, upgradesRejected: { 400: 1 } });
  });

  it('has until upgradeTimeout, and authorize is not asked before its end', async () => {
    const authorize = jest.fn();
    const { wss, port, clock } = await serve({ authorize, upgradeTimeout: 500 });
    const client = await ask(port, { headers: CHUNKED });
    await eventually('the request', () => wss.stats().upgradesPending === 1);
    clock.advance(500);
    const response = await client.response();
    expect([response.status, response.body]).toEqual([
      408,
      'the end of the request, or of an earlier response, took too long\n',
    ]);
    await eventually('its place', () => wss.stats().upgradesPending === 0);
    expect(authorize).not.toHaveBeenCalled();
  });

  it('makes room when its client leaves', async () => {
    const authorize = jest.fn();
    const { wss, port } = await serve({ authorize });
    const client = await ask(port, { headers: CHUNKED });
    await eventually('the request', () => wss.stats().upgradesPending === 1);
    client.reset();
    await eventually('its place', () => wss.stats().upgradesPending === 0);
    expect(wss.stats().upgradesAbandoned).toBe(1);
    expect(authorize).not.toHaveBeenCalled();
  });

  it('is announced with a 100 to a client that expects one', async () => {
    const { wss, port } = await serve();
    const headers = { ...CHUNKED, Expect: '100-Continue' };
    const client = await connect(port);
    let received = '';
    client.socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    client.send(upgradeRequest({ headers }));
    await eventually('the 100', () => received === 'HTTP/1.1 100 Continue\r\n\r\n');
    client.send('0\r\n\r\n');
    await eventually('the 101', () => received.includes('100 Continue\r\n\r\nHTTP/1.1 101 '));
    expect(wss.connections.size).toBe(1);
  });

  it('of no chunks is read by accept if it has come, and rejected if it has not', async () => {
    const wss = new WebSocketServer({ noServer: true, logger: new MemoryLogger() });
    const [socket] = transportPair();
    const request = fakeRequest({ 'transfer-encoding': 'chunked' });
    expect(() => wss.accept(request, socket, Buffer.from('0\r\n'))).toThrow(
      'a WebSocket handshake has no body, or an empty one that comes with it',
    );
    const head = Buffer.concat([Buffer.from('0\r\n\r\n'), text('early')]);
    const connection = wss.accept(request, socket, head);
    expect(await once(connection, 'message')).toEqual(['early', false]);
  });
});

describe('the response to an earlier request', () => {
  /** A server whose application answers when the test does. */
  async function setUp(options: ServerOptions = {}) {
    const served = await serve(options);
    const responses: ServerResponse[] = [];
    served.server.on('request', (_request, response) => responses.push(response));
    const client = await connect(served.port);
    let received = '';
    client.socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    return { ...served, client, responses, received: () => received };
  }
  const FIRST = 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n';

  it('comes before the 101, whole', async () => {
    const { wss, client, responses, received } = await setUp();
    client.send(FIRST + upgradeRequest());
    await eventually('the request', () => responses.length === 1);
    responses[0]!.write('one');
    await eventually('a part', () => received().includes('one'));
    await settle();
    expect([received().includes('101'), wss.connections.size]).toEqual([false, 0]);
    responses[0]!.end('two');
    await eventually('the 101', () => received().includes('101'));
    expect(received()).toMatch(/one[^]*two\r\n0\r\n\r\nHTTP\/1\.1 101 /);
    expect(() => wss.accept(fakeRequest(), transportPair()[0], NO_HEAD)).not.toThrow();
  });

  it('comes before a rejection too', async () => {
    const { client, responses, received } = await setUp({ path: '/x' });
    client.send(FIRST + upgradeRequest({ target: '/y' }));
    await eventually('the request', () => responses.length === 1);
    await settle();
    expect(received()).toBe('');
    responses[0]!.end('two');
    await eventually('the 404', () => /two[^]*HTTP\/1\.1 404 /.test(received()));
  });

  it('may be several that are larger than the socket takes, and the connection is read afterwards', async () => {
    const { wss, server, client } = await setUp({ authorize: () => Promise.resolve() });
    // At once: then Node stops reading at the second request.
    server.on('request', (_request, response) => response.end(Buffer.alloc(4 * 1024 * 1024)));
    const messages: unknown[] = [];
    wss.on('connection', (conn) => {
      conn.on('message', (data) => messages.push(data));
    });
    client.socket.removeAllListeners('data').resume();
    client.send(FIRST + FIRST + upgradeRequest());
    await eventually('the connection', () => wss.connections.size === 1);
    client.send(text('hello'));
    await eventually('the message', () => messages.length === 1);
    expect(messages).toEqual(['hello']);
  });

  it('may be the last of its connection', async () => {
    const { wss, client, responses } = await setUp();
    client.send(FIRST + upgradeRequest());
    await eventually('the request', () => responses.length === 1);
    responses[0]!.setHeader('Connection', 'close').end('bye');
    await client.ended();
    await eventually('the outcome', () => wss.stats().upgradesAbandoned === 1);
    expect(wss.connections.size).toBe(0);
  });

  it('has until upgradeTimeout, and closeTimeout then', async () => {
    const { wss, client, clock, responses } = await setUp({ upgradeTimeout: 500 });
    client.send(FIRST + upgradeRequest());
    await eventually(
      'the upgrade',
      () => responses.length === 1 && wss.stats().upgradesPending === 1,
    );
    clock.advance(500);
    await eventually('the rejection', () => wss.stats().upgradesRejected[408] === 1);
    clock.advance(10_000);
    expect(await client.ended()).toBe('end');
  });

  it('is not waited for by accept', () => {
    const wss = new WebSocketServer({ noServer: true, logger: new MemoryLogger() });
    const [socket] = transportPair();
    const busy = Object.assign(socket, { _httpMessage: new EventEmitter() });
    expect(() => wss.accept(fakeRequest(), busy, NO_HEAD)).toThrow(
      'accept: the response to an earlier request is still being written; handleUpgrade waits for it',
    );
  });
});

describe('a server that closes', () => {
  it('rejects an upgrade that waits for authorize with 503', async () => {
    const { wss, port, asked } = await serveAsking();
    const client = await ask(port);
    const signal = await asked;
    void wss.close();
    expect((await client.response()).status).toBe(503);
    expect(signal.aborted).toBe(true);
  });

  it('terminates rejected clients that stay past its deadline', async () => {
    const { wss, port, clock } = await serveOwn({ closeTimeout: 60_000 });
    const client = await ask(port, { headers: { Origin: 'https://evil.example' } });
    expect((await client.response()).status).toBe(403);
    const closing = wss.close({ timeout: 500 });
    await settle();
    clock.advance(500);
    expect(await closing).toMatchObject({ total: 0, milliseconds: 500 });
  });
});
