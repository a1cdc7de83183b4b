import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { WebSocketConnection } from '../../../src/connection/connection.js';
import { sharedSlab } from '../../../src/connection/slab.js';
import { UpgradeRejection } from '../../../src/protocol/upgrade-rejection.js';
import type { RejectedUpgrade } from '../../../src/server/events.js';
import type { Authorization, ServerOptions } from '../../../src/server/options.js';
import { WebSocketServer } from '../../../src/server/server.js';
import { CERTIFICATE } from '../../support/certificate.js';
import { clientClose, clientFrame } from '../../support/frames.js';
import { RawClient, SAMPLE_ACCEPT, upgradeRequest } from '../../support/raw-client.js';
import {
  ask,
  catchSurfacing,
  connect,
  eventually,
  fakeRequest,
  HandClock,
  later,
  listen,
  MemoryLogger,
  serve,
  settle,
  transportPair,
} from './harness.js';

const text = (payload: string): Buffer => clientFrame({ opcode: 1, payload });
const NO_HEAD = Buffer.alloc(0);

/** The TypeError of a constructor call, in words. */
function complaint(...args: unknown[]): string {
  try {
    new (WebSocketServer as unknown as new (...args: unknown[]) => unknown)(...args);
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
  throw new Error('expected a TypeError');
}

/** A promise and what settles it. */
function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
}

/** A server with an `authorize` that answers when the test does. */
async function serveAsking<Context = undefined>(options: ServerOptions<Context> = {}) {
  const answer = deferred<Authorization<Context> | undefined>();
  const asked = deferred<AbortSignal>();
  const served = await serve<Context>({
    authorize: (_request, { signal }) => {
      asked.resolve(signal);
      return answer.promise;
    },
    ...options,
  });
  const connections: WebSocketConnection<Context>[] = [];
  served.wss.on('connection', (connection) => connections.push(connection));
  return { ...served, answer, asked: asked.promise, connections };
}

/** An own server, which is closed after the test. */
async function serveOwn(options: ServerOptions = {}) {
  const clock = new HandClock();
  const wss = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    clock,
    logger: new MemoryLogger(),
    ...options,
  });
  later(() => wss.close({ signal: AbortSignal.abort() }));
  await once(wss, 'listening');
  return { wss, clock, port: (wss.address() as AddressInfo).port };
}

describe('the constructor', () => {
  const EXPECTED =
    'WebSocketServer: expected an http.Server, or options with either port or noServer: true';

  it.each<[string, unknown[]]>([
    ['nothing', []],
    ['null', [null]],
    ['a number', [8080]],
    ['options that attach to nothing', [{}]],
    ['a host without a port', [{ host: 'localhost' }]],
    ['a port and noServer', [{ port: 0, noServer: true }]],
    [
      'a function with listeners, such as an Express application',
      [Object.assign(() => undefined, { on: () => undefined, listen: () => undefined })],
    ],
    ['another WebSocketServer', [new WebSocketServer({ noServer: true })]],
  ])('says what it wants when it gets %s', (_name, args) => {
    expect(complaint(...args)).toBe(EXPECTED);
  });

  it.each<[string, unknown[], string]>([
    ['noServer that is false', [{ noServer: false }], 'noServer to be one of true, got false'],
    ['a port that is none', [{ port: 'http' }], 'port to be a port from 0 to 65535, got http'],
    ['an option of the wrong type', [{ noServer: true, textAs: 5 }], 'textAs to be one of'],
    [
      'an option of the wrong type beside a server',
      [createServer(), { maxPayload: 0 }],
      'maxPayload',
    ],
    ['options that are none', [createServer(), 'options'], 'expected options to be an object'],
    ['an unknown option', [{ noServer: true, prot: 5 }], 'unknown option prot'],
    ['a port beside a server', [createServer(), { port: 5 }], 'unknown option port'],
  ])('refuses %s', (_name, args, expected) => {
    expect(complaint(...args)).toContain(expected);
  });

  it('attaches nothing to a server when it refuses the options', () => {
    const server = createServer();
    complaint(server, { maxPayload: 0 });
    expect(server.listenerCount('upgrade')).toBe(0);
  });
});

describe('on an http.Server', () => {
  it('answers with 101, the accept key and nothing that was not asked for', async () => {
    const { port } = await serve();
    const response = await (await ask(port)).response();
    expect(response.statusLine).toBe('HTTP/1.1 101 Switching Protocols');
    expect(response.headers).toEqual([
      ['upgrade', 'websocket'],
      ['connection', 'Upgrade'],
      ['sec-websocket-accept', SAMPLE_ACCEPT],
    ]);
  });

  it("emits 'connection' with the connection and its request", async () => {
    const { wss, port } = await serve();
    const seen = once(wss, 'connection') as Promise<[WebSocketConnection, IncomingMessage]>;
    await ask(port, { target: '/chat?room=1', headers: { Cookie: 'c=1' } });
    const [connection, request] = await seen;
    expect(connection).toMatchObject({
      url: '/chat?room=1',
      subprotocol: '',
      extensions: '',
      remoteAddress: '127.0.0.1',
      readyState: 'open',
      context: undefined,
    });
    expect(request.headers.cookie).toBe('c=1');
    expect([...wss.connections]).toEqual([connection]);
  });

  it('delivers what came in the same packet as the request', async () => {
    const { wss, port } = await serve();
    wss.on('connection', (connection) => {
      connection.on('message', (data) => connection.send(`echo ${String(data)}`));
    });
    const client = await connect(port);
    client.send(Buffer.concat([Buffer.from(upgradeRequest()), text('a'), text('b')]));
    expect((await client.response()).status).toBe(101);
    expect([(await client.frame()).payload, (await client.frame()).payload].map(String)).toEqual([
      'echo a',
      'echo b',
    ]);
  });

  it('leaves plain requests to the application', async () => {
    const { server, port } = await serve();
    server.on('request', (_request, response) => response.end('plain'));
    const request = httpRequest({ port, host: '127.0.0.1', agent: false }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    response.resume();
  });

  it('forgets a connection when it has ended', async () => {
    const { wss, port } = await serve();
    const client = await ask(port);
    await client.response();
    const [connection] = wss.connections;
    const closed = once(connection!, 'close');
    client.send(clientClose(1000));
    client.finish();
    await closed;
    expect(wss.connections.size).toBe(0);
  });

  it('tells where it listens, and that it does', async () => {
    const server = createServer();
    const wss = new WebSocketServer(server);
    expect(wss.address()).toBeNull();
    const listening = jest.fn();
    wss.on('listening', listening);
    const port = await listen(server);
    expect(listening).toHaveBeenCalledTimes(1);
    expect(wss.address()).toMatchObject({ port, address: '127.0.0.1' });
  });

  it('works on a Unix socket, where nobody has an address', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
    later(() => {
      rmSync(folder, { recursive: true });
    });
    const server = createServer();
    const logger = new MemoryLogger();
    const wss = new WebSocketServer(server, { logger, path: '/chat' });
    const path = join(folder, 'socket');
    await listen(server, path);
    expect(existsSync(path)).toBe(true);
    expect(wss.address()).toBe(path);
    const client = await ask(path, { target: '/chat' });
    expect((await client.response()).status).toBe(101);
    expect([...wss.connections][0]?.remoteAddress).toBeUndefined();
    const refused = await ask(path, { target: '/x' });
    expect((await refused.response()).status).toBe(404);
    expect(logger.lines).toEqual([
      'warn refused an upgrade from unknown with 404: no WebSocket is served at this path',
    ]);
    client.send(Buffer.from('ff00', 'hex'));
    await client.close();
    expect(logger.lines[1]).toMatch(/^error closed a connection with 1002: /);
  });

  describe('the bytes that were sent', () => {
    /** How many of the shared slab's are not to be used again, after a message of three is sent. */
    async function spent(connection: WebSocketConnection): Promise<number> {
      sharedSlab.reserve(sharedSlab.bytes.length);
      const before = sharedSlab.at;
      connection.send('a');
      await settle();
      expect(connection.bufferedAmount).toBe(0);
      return sharedSlab.at - before;
    }

    it('are done with when the kernel has them', async () => {
      const { wss, port } = await serve();
      const opened = once(wss, 'connection') as Promise<[WebSocketConnection]>;
      await ask(port);
      expect(await spent((await opened)[0])).toBe(0);
    });

    it('may still be looked at on a transport that is not the kernel’s own', async () => {
      const wss = new WebSocketServer({ noServer: true });
      const [socket] = transportPair();
      expect(await spent(wss.accept(fakeRequest(), socket, NO_HEAD))).toBe(3);
    });

    it('may still be looked at by TLS', async () => {
      const server = createHttpsServer(CERTIFICATE);
      const wss = new WebSocketServer(server);
      const opened = once(wss, 'connection') as Promise<[WebSocketConnection]>;
      const port = await listen(server);
      const socket = connectTls({ port, host: '127.0.0.1', ca: CERTIFICATE.cert });
      later(() => socket.destroy());
      socket.write(upgradeRequest());
      const [connection] = await opened;
      await eventually('the response to leave', () => connection.bufferedAmount === 0);
      expect(await spent(connection)).toBe(3);
    });
  });

  it('works over TLS', async () => {
    const server = createHttpsServer(CERTIFICATE);
    const wss = new WebSocketServer(server, { path: '/chat', logger: new MemoryLogger() });
    wss.on('connection', (connection) => {
      connection.on('message', (data) => connection.send(data));
    });
    const port = await listen(server);
    const dial = async (target: string): Promise<RawClient> => {
      const socket = connectTls({
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: CERTIFICATE.cert,
      });
      await once(socket, 'secureConnect');
      const client = new RawClient(socket);
      later(() => {
        client.destroy();
      });
      client.send(upgradeRequest({ target, headers: { Origin: 'https://localhost' } }));
      return client;
    };
    const client = await dial('/chat');
    expect((await client.response()).status).toBe(101);
    client.send(text('hello'));
    expect(await client.words()).toBe('text 68656c6c6f');
    client.send(clientClose(1000));
    expect(await client.close()).toEqual({ code: 1000, reason: '' });
    const refused = await dial('/x');
    expect((await refused.response()).status).toBe(404);
    expect(await refused.ended()).toBe('end');
  });
});

describe('several on one http.Server', () => {
  it('serve by path: a string, a RegExp or a function; those without one come last', async () => {
    const server = createServer();
    const names = new Map<WebSocketServer, string>();
    const add = (name: string, options: ServerOptions): WebSocketServer => {
      const wss = new WebSocketServer(server, { logger: new MemoryLogger(), ...options });
      names.set(wss, name);
      wss.on('connection', (connection) => connection.send(name));
      return wss;
    };
    add('any', {});
    add('string', { path: '/chat' });
    add('regexp', { path: /^\/rooms\/\d+$/ });
    add('function', {
      path: (path, request) => path === '/cookie' && request.headers.cookie === 'c=1',
    });
    add('too late', { path: '/chat' });
    const port = await listen(server);
    const who = async (target: string, headers = {}): Promise<string> =>
      String((await (await ask(port, { target, headers })).frame()).payload);
    expect(await who('/chat?query')).toBe('string');
    expect(await who('/rooms/12')).toBe('regexp');
    expect(await who('/rooms/x')).toBe('any');
    expect(await who('/cookie', { Cookie: 'c=1' })).toBe('function');
    expect(await who('/cookie')).toBe('any');
  });

  it.each([
    ['to another path', { target: '/x' }, 404, 'no WebSocket is served at this path\n'],
    [
      'to another protocol',
      { headers: { Upgrade: 'h2c' } },
      426,
      'only upgrades to websocket are served here\n',
    ],
    ['to what is no path', { target: '*' }, 400, 'the request target is not a path\n'],
  ])('refuse a request %s', async (_name, parts, status, body) => {
    const { wss, port, log } = await serve({ path: '/' });
    const rejected = jest.fn<undefined, [RejectedUpgrade]>();
    wss.on('rejected', rejected);
    const response = await (await ask(port, parts)).response();
    expect([response.status, response.body]).toEqual([status, body]);
    expect(response.header('Upgrade')).toBe(status === 426 ? 'websocket' : undefined);
    expect(rejected).toHaveBeenCalledTimes(1);
    const [{ request, ...rest }] = rejected.mock.calls[0]!;
    expect(rest).toEqual({ status, reason: body.trim(), remoteAddress: '127.0.0.1' });
    expect(request.url).toBe('target' in parts ? parts.target : '/');
    expect(log.lines).toEqual([
      `warn refused an upgrade from 127.0.0.1 with ${String(status)}: ${body.trim()}`,
    ]);
  });

  it('leave a request that nobody serves alone where others listen, for upgradeTimeout', async () => {
    const { server, port, clock } = await serve({ path: '/', upgradeTimeout: 700 });
    const seen = once(server, 'upgrade') as Promise<[IncomingMessage, Duplex]>;
    server.on('upgrade', () => undefined);
    await ask(port, { target: '/x' });
    const [, socket] = await seen;
    clock.advance(699);
    expect(socket.destroyed).toBe(false);
    clock.advance(1);
    expect(socket.destroyed).toBe(true);
  });

  it('answer 500 for a path predicate that throws, and the process lives on', async () => {
    const mistake = new Error('a mistake');
    const { port, log } = await serve({
      path: (path) => {
        if (path === '/bad') throw mistake;
        return true;
      },
    });
    const response = await (await ask(port, { target: '/bad' })).response();
    expect([response.status, response.body]).toEqual([500, 'Internal Server Error\n']);
    expect(log.lines[0]).toBe('error an upgrade failed with an exception of the application');
    expect(log.causes).toEqual([mistake]);
    expect((await (await ask(port)).response()).status).toBe(101);
  });

  it('answer 503 once closed, and make way for a new one on the same path', async () => {
    const { wss, server, port } = await serve({ path: '/chat' });
    await wss.close();
    expect(server.listening).toBe(true);
    const response = await (await ask(port, { target: '/chat' })).response();
    expect([response.status, response.body]).toEqual([503, 'the server is shutting down\n']);
    expect(response.header('Retry-After')).toBe('10');
    new WebSocketServer(server, { path: '/chat' });
    expect((await (await ask(port, { target: '/chat' })).response()).status).toBe(101);
  });
});

describe('an http.Server of its own', () => {
  it('listens where it is told, and answers plain requests with 426', async () => {
    const { wss, port } = await serveOwn();
    expect(wss.address()).toMatchObject({ address: '127.0.0.1', port });
    expect((await (await ask(port)).response()).status).toBe(101);
    const plain = await connect(port);
    plain.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect((await plain.response()).status).toBe(426);
  });

  it("emits 'error' when the port is in use", async () => {
    const { port } = await serveOwn();
    const second = new WebSocketServer({ port, host: '127.0.0.1' });
    // Node's `once` would throw it.
    const error = await new Promise<Error>((resolve) => second.on('error', resolve));
    expect(error).toMatchObject({ code: 'EADDRINUSE', port });
    expect(second.address()).toBeNull();
    await expect(second.close()).resolves.toMatchObject({ total: 0 });
  });

  it("throws that where nobody listens for 'error'", () => {
    const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    later(() => wss.close());
    expect(() => wss.emit('error', new Error('port in use'))).toThrow('port in use');
  });
});

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

  it('lets small frames leave at once, and silence be', async () => {
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

  it('resolves to undefined for a refusal, which is told', async () => {
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

  it('tells of a refusal also when nobody is there to hear it', async () => {
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
    const [refused] = transportPair();
    await wss.handleUpgrade(fakeRequest({ upgrade: 'h2c' }), refused, NO_HEAD);
    refused.destroy(reset);
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

  it('may return anything that has a `then`', async () => {
    const { port } = await serve({
      authorize: () =>
        ({
          then: (resolve: (value: object) => void) => {
            resolve({ headers: { 'X-Then': 'yes' } });
          },
        }) as Promise<object>,
    });
    expect((await (await ask(port)).response()).header('X-Then')).toBe('yes');
  });

  it.each([
    ['at once', false],
    ['late', true],
  ])(
    'refuses by throwing an UpgradeRejection %s, with its headers and body',
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
        'warn refused an upgrade from 127.0.0.1 with 401: {"error":"token"}',
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
      'warn refused an upgrade from 127.0.0.1 with 500: upgrade refused with status 500',
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
      'warn refused an upgrade from 127.0.0.1 with 503: authorization took too long',
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
    expect(clock.timers).toBe(0);
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

describe('a refusal', () => {
  it('tells the logger which option would have let a page in', async () => {
    const { port, log } = await serve();
    const client = await ask(port, { headers: { Origin: 'https://app.example' } });
    const { status, body } = await client.response();
    expect([status, body]).toEqual([403, 'this origin is not allowed\n']);
    expect(log.lines[0]).toContain('option origin: ["https://app.example"] would allow it');
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

describe('messages to all', () => {
  async function room(count: number) {
    const served = await serve();
    const clients: RawClient[] = [];
    for (let n = 0; n < count; n++) {
      const client = await ask(served.port);
      await client.response();
      clients.push(client);
    }
    const connections = [...served.wss.connections] as WebSocketConnection[];
    return { ...served, clients, connections };
  }

  it('reach every open connection, and are counted', async () => {
    const { wss, clients, connections } = await room(3);
    void connections[2]!.close();
    expect(wss.broadcast('hello')).toBe(2);
    expect(wss.broadcast(Buffer.from('bytes'))).toBe(2);
    for (const client of clients.slice(0, 2)) {
      expect([await client.words(), await client.words()]).toEqual([
        'text 68656c6c6f',
        'binary 6279746573',
      ]);
    }
    clients[2]!.send(clientClose(1000));
    await clients[2]!.ended();
    expect(clients[2]!.received()).toEqual(['close 1000']);
  });

  it('leave out one, several, and those that the filter does not want', async () => {
    const { wss, clients, connections } = await room(4);
    expect(wss.broadcast('1', { except: connections[0]! })).toBe(3);
    expect(wss.broadcast('2', { except: connections.slice(0, 2) })).toBe(2);
    expect(wss.broadcast('3', { except: new Set(connections) })).toBe(0);
    expect(wss.broadcast('4', { filter: (each) => each === connections[3] })).toBe(1);
    expect(
      wss.broadcast('5', { except: [connections[3]!], filter: (each) => each !== connections[0] }),
    ).toBe(2);
    const undecided = (() => undefined) as unknown as () => boolean;
    expect(wss.broadcast('6', { filter: undecided })).toBe(0);
    expect(wss.broadcast('7')).toBe(4);
    const got = await Promise.all(
      clients.map(async (client) => {
        const texts: string[] = [];
        while (texts.at(-1) !== '7') texts.push(String((await client.frame()).payload));
        return texts.join('');
      }),
    );
    expect(got).toEqual(['7', '157', '1257', '1247']);
  });

  it('can be prepared once and sent often', async () => {
    const { wss, clients, connections } = await room(1);
    const message = wss.prepare('hello');
    const bytes = wss.prepare('hello', { binary: true });
    connections[0]!.send(message);
    expect(wss.broadcast(message)).toBe(1);
    expect(wss.broadcast(bytes)).toBe(1);
    expect(wss.broadcast('hello', { binary: true })).toBe(1);
    const words = [];
    for (let n = 0; n < 4; n++) words.push(await clients[0]!.words());
    expect(words).toEqual([
      'text 68656c6c6f',
      'text 68656c6c6f',
      'binary 68656c6c6f',
      'binary 68656c6c6f',
    ]);
  });
});

describe('what goes wrong with a connection', () => {
  it("is told by 'connectionError' and logged, if the peer broke a rule", async () => {
    const { wss, port, log } = await serve();
    const failed = once(wss, 'connectionError') as Promise<[Error, WebSocketConnection]>;
    const client = await ask(port);
    await client.response();
    const [connection] = wss.connections;
    client.send(Buffer.from('c10548656c6c6f', 'hex'));
    const [error, its] = await failed;
    expect(its).toBe(connection);
    expect(error).toMatchObject({ name: 'ProtocolError', closeCode: 1002 });
    expect((await client.close()).code).toBe(1002);
    expect(log.lines).toEqual([`error closed 127.0.0.1 with 1002: ${error.message}`]);
    expect(log.causes).toEqual([error]);
  });

  it('is told but not logged, if it is only the transport', async () => {
    const { wss, port, log } = await serve();
    const failed = once(wss, 'connectionError') as Promise<[Error, WebSocketConnection]>;
    const client = await ask(port);
    await client.response();
    client.reset();
    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' });
    expect(log.lines).toEqual([]);
    await eventually('the end', () => wss.connections.size === 0);
  });

  it('goes to the console only if the application can mend it', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation();
    const error = jest.spyOn(console, 'error').mockImplementation();
    const mistake = new Error('a mistake');
    const server = createServer();
    new WebSocketServer(server, {
      authorize: (request) => {
        if (request.url === '/bad') throw mistake;
      },
    });
    const port = await listen(server);
    const client = await ask(port);
    await client.response();
    client.send(Buffer.from('ff00', 'hex'));
    await client.close();
    expect((await (await ask(port, { method: 'POST' })).response()).status).toBe(405);
    expect([warn.mock.calls, error.mock.calls]).toEqual([[], []]);
    expect((await (await ask(port, { target: '/bad' })).response()).status).toBe(500);
    expect(error.mock.calls).toEqual([
      ['hawser: an upgrade failed with an exception of the application', mistake],
    ]);
  });
});

describe('close', () => {
  async function joined(port: number): Promise<RawClient> {
    const client = await ask(port);
    await client.response();
    return client;
  }

  it('sends 1001 to all, behind what is queued, and reports', async () => {
    const { wss, server, port, clock } = await serve();
    const [one, two] = [await joined(port), await joined(port)];
    const closed = jest.fn();
    wss.on('close', closed);
    wss.broadcast('x'.repeat(300_000));
    const closing = wss.close();
    clock.advance(40);
    for (const client of [one, two]) {
      expect((await client.frame()).payload).toHaveLength(300_000);
      expect(await client.words()).toBe('close 1001');
      client.send(clientClose(1001));
      client.finish();
    }
    expect(closed).not.toHaveBeenCalled();
    expect(await closing).toEqual({ total: 2, clean: 2, cut: 0, milliseconds: 40 });
    expect(closed).toHaveBeenCalledTimes(1);
    expect(wss.connections.size).toBe(0);
    expect(server.listening).toBe(true);
    expect(clock.timers).toBe(0);
  });

  it('is the same promise however often it is called', async () => {
    const { wss, port } = await serve();
    const client = await joined(port);
    const closing = wss.close({ code: 4000, reason: 'bye' });
    expect(wss.close()).toBe(closing);
    expect(await client.close()).toEqual({ code: 4000, reason: 'bye' });
    client.send(clientClose(4000));
    client.finish();
    expect(await closing).toMatchObject({ total: 1, clean: 1 });
    expect(wss.close()).toBe(closing);
  });

  it.each<[string, Parameters<WebSocketServer['close']>[0], string]>([
    ['a code that must not be sent', { code: 1006 }, '1006'],
    ['a reason that is too long', { reason: 'x'.repeat(124) }, '124'],
  ])('throws at once for %s, and has not begun', async (_name, options, expected) => {
    const { wss, port } = await serve();
    expect(() => wss.close(options)).toThrow(expected);
    expect((await (await ask(port)).response()).status).toBe(101);
  });

  it('cuts at the deadline a client that never answers', async () => {
    const { wss, port, clock } = await serve({ closeTimeout: 60_000 });
    const client = await joined(port);
    const closing = wss.close({ timeout: 500 });
    await client.close();
    clock.advance(499);
    expect(wss.connections.size).toBe(1);
    clock.advance(1);
    expect(await closing).toEqual({ total: 1, clean: 0, cut: 1, milliseconds: 500 });
    await client.ended();
  });

  it('cuts what is left when its signal aborts', async () => {
    const { wss, port } = await serve();
    const client = await joined(port);
    const controller = new AbortController();
    const closing = wss.close({ signal: controller.signal });
    await client.close();
    controller.abort();
    expect(await closing).toMatchObject({ total: 1, clean: 0, cut: 1 });
  });

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

  it('lets nobody in whose authorize answered as it was called', async () => {
    const { wss, port, answer, asked, connections } = await serveAsking();
    const client = await ask(port);
    await asked;
    answer.resolve(undefined);
    const closing = wss.close();
    expect((await client.response()).status).toBe(503);
    expect(await closing).toMatchObject({ total: 0 });
    expect([connections, wss.connections.size]).toEqual([[], 0]);
  });

  it('lets nobody in whose authorize calls it', async () => {
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

  it('closes an http.Server of its own, with its plain connections', async () => {
    const { wss, port } = await serveOwn();
    const idle = await connect(port);
    const client = await joined(port);
    const closing = wss.close();
    expect(wss.address()).toBeNull();
    await client.close();
    client.send(clientClose(1001));
    client.finish();
    expect(await closing).toMatchObject({ total: 1, clean: 1 });
    await idle.ended();
    await expect(RawClient.connect(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('does not wait past the deadline for a client that was refused and stays', async () => {
    const { wss, port, clock } = await serveOwn({ path: '/', closeTimeout: Infinity });
    const refused = await ask(port, { target: '/x' });
    expect((await refused.response()).status).toBe(404);
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
    expect(await closing).toEqual({ total: 0, clean: 0, cut: 0, milliseconds: 500 });
  });

  it('leaves the refused sockets of a server that is not its own their time', async () => {
    const { wss, server, port, clock } = await serve({ path: '/', closeTimeout: 60_000 });
    let socket!: Duplex;
    server.on('connection', (its: Duplex) => (socket = its));
    await (await ask(port, { target: '/x' })).response();
    expect(await wss.close({ signal: AbortSignal.abort() })).toMatchObject({ total: 0 });
    expect(socket.destroyed).toBe(false);
    clock.advance(60_000);
    expect(socket.destroyed).toBe(true);
  });

  it('is what `await using` does', async () => {
    const { wss, port } = await serveOwn();
    const disposed = wss[Symbol.asyncDispose]();
    await expect(disposed).resolves.toBeUndefined();
    expect((await wss.close()).total).toBe(0);
    await expect(RawClient.connect(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
