import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage, Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createNetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { WebSocketConnection } from '../../../src/connection/connection.js';
import { sharedSlab } from '../../../src/connection/send/slab.js';
import type { RejectedUpgrade } from '../../../src/server/events.js';
import type { ServerOptions } from '../../../src/server/options/options.js';
import { joinServer, WebSocketServer } from '../../../src/server/server.js';
import type { Broker, BrokerNode, Outgoing } from '../../../src/server/topics/broker.js';
import { SharedLimits } from '../../../src/server/admission/shared-limits.js';
import { CERTIFICATE } from '../../support/certificate.js';
import { clientClose, clientFrame } from '../../support/frames.js';
import { RawClient, SAMPLE_ACCEPT, upgradeRequest } from '../../support/raw-client.js';
import {
  ask,
  connect,
  eventually,
  fakeRequest,
  HandClock,
  later,
  listen,
  MemoryLogger,
  serve,
  serveOwn,
  settle,
  transportPair,
} from '../../support/server.js';

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

describe('the constructor', () => {
  const EXPECTED =
    'WebSocketServer: expected an http.Server, or options with one of port, socketPath and noServer: true';

  it.each<[string, unknown[]]>([
    ['nothing', []],
    ['null', [null]],
    ['a number', [8080]],
    ['options that attach to nothing', [{}]],
    ['a host without a port', [{ host: 'localhost' }]],
    ['another WebSocketServer', [new WebSocketServer({ noServer: true })]],
  ])('says what it wants when it gets %s', (_name, args) => {
    expect(complaint(...args)).toBe(EXPECTED);
  });

  it.each<[string, unknown[], string]>([
    ['noServer that is false', [{ noServer: false }], 'noServer to be one of true, got false'],
    ['an invalid port', [{ port: 'http' }], 'port to be a port from 0 to 65535, got http'],
    ['an option of the wrong type', [{ noServer: true, textAs: 5 }], 'textAs to be one of'],
    [
      'an option of the wrong type beside a server',
      [createServer(), { maxPayload: 0 }],
      'maxPayload',
    ],
    ['invalid options', [createServer(), 'options'], 'expected options to be an object'],
    ['a port and noServer', [{ port: 0, noServer: true }], 'got port and noServer'],
    [
      'a port beside a server',
      [createServer(), { port: 0 }],
      'option port is not for a server that',
    ],
    ['tls that is true', [{ port: 0, tls: true }], 'tls to be an object with the options of tls.'],
    [
      'a backlog of none',
      [{ port: 0, backlog: 0 }],
      'backlog to be a number of connections from 1',
    ],
    [
      'a controller in place of its signal',
      [{ port: 0, signal: new AbortController() }],
      'signal to be an AbortSignal, got an object',
    ],
    ['an empty socketPath', [{ socketPath: '' }], 'socketPath to be the path of a Unix socket'],
    ['an unknown option', [{ noServer: true, prot: 5 }], 'unknown option prot'],
    [
      'the options of ws',
      [{ server: createServer() }],
      'pass its property server itself: new WebSocketServer(server, options)',
    ],
    ['a net.Server', [createNetServer()], 'a net.Server or tls.Server has no upgrades'],
    [
      'a callback after the options, as ws has it',
      [{ noServer: true }, () => undefined],
      'expected the options as the only argument, got a function as well',
    ],
  ])('rejects %s', (_name, args, expected) => {
    expect(complaint(...args)).toContain(expected);
  });

  it('attaches nothing to a server when it rejects the options', () => {
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

  it("has an address and emits 'listening' once it listens", async () => {
    const server = createServer();
    const wss = new WebSocketServer(server);
    expect(wss.address()).toBeNull();
    const listening = jest.fn();
    wss.on('listening', listening);
    const port = await listen(server);
    expect(listening).toHaveBeenCalledTimes(1);
    expect(wss.address()).toMatchObject({ port, address: '127.0.0.1' });
  });

  it('works on a Unix socket, where clients have no address', async () => {
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
    const rejected = await ask(path, { target: '/x' });
    expect((await rejected.response()).status).toBe(404);
    expect(logger.lines).toEqual([
      'warn rejected path "/x": no WebSocket is served there; option path is "/chat"',
      'warn rejected an upgrade from unknown with 404: no WebSocket is served at this path',
    ]);
    client.send(Buffer.from('ff00', 'hex'));
    await client.close();
    expect(logger.lines[2]).toMatch(/^error closed a connection with 1002: /);
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
    const rejected = await dial('/x');
    expect((await rejected.response()).status).toBe(404);
    expect(await rejected.ended()).toBe('end');
  });
});

describe('limits', () => {
  it("of bytes are shared by servers, and stats() has the server's own part", async () => {
    const limits = new SharedLimits({ maxTotalBuffered: 20_000 });
    const made = ['/a', '/b'].map((path) => new WebSocketServer({ noServer: true, path, limits }));
    const [ends] = [made.map(() => transportPair())];
    for (const [index, wss] of made.entries()) {
      wss.on('connection', (connection) => connection.pause());
      void wss.handleUpgrade(
        fakeRequest({}, { url: wss === made[0] ? '/a' : '/b' }),
        ends[index]![0],
        NO_HEAD,
      );
      ends[index]![1].write(clientFrame({ opcode: 2, payload: Buffer.alloc(6000), fin: false }));
    }
    const [one, other] = made.map((wss) => [...wss.connections][0]!);
    await eventually('one to be given up', () =>
      [one, other].some((connection) => connection!.readyState !== 'open'),
    );
    expect([one, other].filter((connection) => connection!.readyState === 'open')).toHaveLength(1);
    const charged = made.map((wss) => wss.stats().bytesCharged);
    expect(Math.min(...charged)).toBe(0);
    expect(Math.max(...charged)).toBeGreaterThanOrEqual(6000);
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
  ])('reject a request %s', async (_name, parts, status, body) => {
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
    const hint = 'warn rejected path "/x": no WebSocket is served there; option path is "/"';
    expect(log.lines).toEqual([
      ...(status === 404 ? [hint] : []),
      `warn rejected an upgrade from 127.0.0.1 with ${String(status)}: ${body.trim()}`,
    ]);
  });

  it('leave a request that none of them serves to other listeners, for upgradeTimeout', async () => {
    const { wss, server, port, clock, log } = await serve({ path: '/', upgradeTimeout: 700 });
    const rejected = jest.fn<void, [RejectedUpgrade]>();
    wss.on('rejected', rejected);
    const seen = once(server, 'upgrade') as Promise<[IncomingMessage, Socket]>;
    server.on('upgrade', () => undefined);
    const client = await ask(port, { target: '/x' });
    const [, socket] = await seen;
    clock.advance(699);
    expect([socket.destroyed, socket.bytesWritten]).toEqual([false, 0]);
    clock.advance(1);
    const { status, body } = await client.response();
    expect([status, body]).toEqual([404, 'no WebSocket is served at this path\n']);
    expect(rejected).toHaveBeenCalledTimes(1);
    expect(wss.stats().upgradesRejected).toEqual({ 404: 1 });
    expect(log.lines).toEqual([
      `warn rejected path "/x": no WebSocket is served there; option path is "/"; no other 'upgrade' listener has answered within 700 ms`,
      'warn rejected an upgrade from 127.0.0.1 with 404: no WebSocket is served at this path',
    ]);
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

  it('answer 503 while they close, and 404 afterwards', async () => {
    const { wss, server, port } = await serve({ path: '/chat' });
    const other = new WebSocketServer(server, { path: '/news' });
    later(() => other.close());
    await (await ask(port, { target: '/chat' })).response();
    const closing = wss.close();
    const response = await (await ask(port, { target: '/chat' })).response();
    expect([response.status, response.body]).toEqual([503, 'the server is shutting down\n']);
    expect(response.header('Retry-After')).toBe('10');
    for (const connection of wss.connections) connection.terminate();
    await closing;
    expect(server.listening).toBe(true);
    expect((await (await ask(port, { target: '/chat' })).response()).status).toBe(404);
    new WebSocketServer(server, { path: '/chat' });
    expect((await (await ask(port, { target: '/chat' })).response()).status).toBe(101);
  });

  it.each(
    (['handleUpgrade', 'accept'] as const).flatMap((method) =>
      [undefined, createServer(), 'text'].map((self) => [method, self] as const),
    ),
  )('say so when %s is called on %p', (method, self) => {
    const called = Reflect.get(WebSocketServer.prototype, method) as unknown as () => void;
    expect(() => {
      void Reflect.apply(called, self, [fakeRequest(), transportPair()[0], Buffer.alloc(0)]);
    }).toThrow(`${method}: called without its server; write (request, socket, head) =>`);
  });

  it('say so when accept gets a callback', () => {
    const wss = new WebSocketServer({ noServer: true });
    const args = [fakeRequest(), transportPair()[0], Buffer.alloc(0), {}, () => undefined] as const;
    expect(() => {
      Reflect.apply(Reflect.get(wss, 'accept') as () => unknown, wss, args);
    }).toThrow('accept: expected four arguments, got a fifth, a function; there is no callback');
  });

  it('can be joined by a transport in memory', () => {
    const wss = new WebSocketServer<string>({ noServer: true });
    const { connection } = joinServer(wss, transportPair()[0], 'ann', []);
    expect([[...wss.connections], connection.context]).toEqual([[connection], 'ann']);
  });

  it('report a close() of a server that is attached to nothing', async () => {
    const wss = new WebSocketServer({ noServer: true });
    expect(await wss.close()).toMatchObject({ total: 0, terminated: 0 });
  });

  it('take everything with them that they added to the http.Server', async () => {
    const warned = jest.fn();
    process.on('warning', warned);
    later(() => process.off('warning', warned));
    const server = createServer();
    const names = [
      'upgrade',
      'listening',
      'request',
      'connection',
      'close',
      'error',
      'newListener',
    ];
    const count = (): number[] => names.map((name) => server.listenerCount(name));
    const before = count();
    const opened = Array.from({ length: 12 }, (_, i) => {
      return new WebSocketServer(server, { path: `/room/${String(i)}` });
    });
    expect(server.listenerCount('listening')).toBe(before[1]! + 1);
    const heard = jest.fn();
    for (const wss of opened) wss.on('listening', heard);
    await listen(server);
    await settle();
    expect(heard).toHaveBeenCalledTimes(12);
    for (const wss of opened) await wss.close();
    expect(count()).toEqual([before[0], before[1]!, before[2], before[3]! + 1, ...before.slice(4)]); // one is listen()'s
    expect(warned).not.toHaveBeenCalled();
  });
});

describe('an http.Server of its own', () => {
  it('speaks TLS with the options of tls.createServer', async () => {
    const { wss, port } = await serveOwn({ tls: CERTIFICATE });
    wss.on('connection', (connection) => {
      connection.on('message', (data) => connection.send(data));
    });
    const silent = await connect(port); // does not get as far as HTTP
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    later(() => socket.destroy());
    const client = new RawClient(socket);
    client.send(upgradeRequest({ headers: { Origin: 'https://localhost' } }));
    expect((await client.response()).status).toBe(101);
    client.send(clientFrame({ opcode: 1, payload: 'hello' }));
    expect((await client.frame()).payload.toString()).toBe('hello');
    const [connection] = wss.connections;
    expect(connection!.remoteAddress).toBe('127.0.0.1');
    const closing = wss.close();
    connection!.terminate();
    expect(await closing).toMatchObject({ total: 1 });
    expect(await silent.ended()).toBeDefined();
  });

  it('listens on a Unix socket, and says when the path is taken', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
    later(() => {
      rmSync(folder, { recursive: true });
    });
    const socketPath = join(folder, 'a.sock');
    const wss = new WebSocketServer({ socketPath, backlog: 5, logger: new MemoryLogger() });
    later(() => wss.close());
    await once(wss, 'listening');
    expect(wss.address()).toBe(socketPath);
    const client = await ask(socketPath);
    expect((await client.response()).status).toBe(101);
    expect([...wss.connections][0]!.remoteAddress).toBeUndefined();
    const second = new WebSocketServer({ socketPath });
    const [error] = (await once(second, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('EADDRINUSE');
    await second.close();
    client.destroy();
    await wss.close();
    expect(existsSync(socketPath)).toBe(false);
    writeFileSync(socketPath, 'left behind');
    const third = new WebSocketServer({ socketPath });
    expect(((await once(third, 'error')) as [NodeJS.ErrnoException])[0].code).toBe('EADDRINUSE');
    await third.close();
  });

  it('closes when its signal aborts, which many may share', async () => {
    const warned = jest.fn();
    process.on('warning', warned);
    later(() => process.off('warning', warned));
    const controller = new AbortController();
    const { signal } = controller;
    const added = jest.spyOn(signal, 'addEventListener');
    const removed = jest.spyOn(signal, 'removeEventListener');
    const servers = await Promise.all(Array.from({ length: 12 }, () => serveOwn({ signal })));
    await servers[0]!.wss.close();
    const closed = Promise.all(servers.slice(1).map(({ wss }) => once(wss, 'close')));
    controller.abort();
    await closed;
    await settle();
    expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([1, 1]);
    expect(warned).not.toHaveBeenCalled();
    for (const { wss } of servers) expect(wss.address()).toBeNull();
  });

  it('does not listen when its signal has aborted already', async () => {
    const wss = new WebSocketServer({ port: 0, signal: AbortSignal.abort() });
    const listening = jest.fn();
    wss.on('listening', listening);
    await once(wss, 'close');
    expect(await wss.close()).toMatchObject({ total: 0 });
    expect([listening.mock.calls.length, wss.address()]).toEqual([0, null]);
  });

  it("listens at its options' address, and answers plain requests with 426", async () => {
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

  it('stays open after an error of its server that does not end it', async () => {
    const listening = jest.spyOn(Server.prototype, 'listen');
    const { wss, port } = await serveOwn();
    const [own] = listening.mock.contexts as Server[];
    listening.mockRestore();
    const errors: Error[] = [];
    wss.on('error', (error) => errors.push(error));
    own!.emit('error', new Error('EMFILE'));
    expect(errors).toEqual([new Error('EMFILE')]);
    expect((await (await ask(port)).response()).status).toBe(101);
  });

  it.each([false, true])('closes when it cannot listen, with HTTP/2: %p', async (http2) => {
    const { port } = await serveOwn();
    const { signal } = new AbortController();
    const added = jest.spyOn(signal, 'addEventListener');
    const removed = jest.spyOn(signal, 'removeEventListener');
    const [broker, clock, logger] = [new HandBroker(), new HandClock(), new MemoryLogger()];
    const parts = { host: '127.0.0.1', http2, signal, broker, clock, logger };
    const second = new WebSocketServer({ ...parts, port });
    const events: unknown[] = [];
    second.on('error', (error) => events.push((error as NodeJS.ErrnoException).code));
    await new Promise<void>((resolve) => second.on('close', resolve));
    expect(events).toEqual(['EADDRINUSE']);
    expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([1, 1]);
    expect(broker.calls).toEqual(['start', 'close']);
    expect(clock.timers.size).toBe(0);
    expect(await second.close()).toMatchObject({ total: 0 });
  });

  it('leaves nothing when listen throws', async () => {
    const listening = jest.spyOn(Server.prototype, 'listen').mockImplementation(() => {
      throw new Error('not permitted');
    });
    later(() => {
      listening.mockRestore();
    });
    const { signal } = new AbortController();
    const removed = jest.spyOn(signal, 'removeEventListener');
    const broker = new HandBroker();
    const listen = (): unknown =>
      new WebSocketServer({ port: 0, signal, broker, logger: new MemoryLogger() });
    expect(listen).toThrow('not permitted');
    await settle();
    expect(removed).toHaveBeenCalledTimes(1);
    expect(broker.calls).toEqual(['start', 'close']);
  });

  it("throws that if there is no 'error' listener", () => {
    const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    later(() => wss.close());
    expect(() => wss.emit('error', new Error('port in use'))).toThrow('port in use');
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

describe('stats', () => {
  it('has the figures of this server’s connections and upgrades alone', async () => {
    const { wss, port } = await serve();
    const other = await serve();
    const client = await ask(port);
    await client.response();
    client.send(clientFrame({ opcode: 1, payload: 'a' }));
    await eventually('the message', () => wss.stats().messagesReceived === 1);
    const rejected = await ask(port, { method: 'POST' });
    await rejected.response();
    expect(wss.stats()).toMatchObject({
      connections: 1,
      upgradesPending: 0,
      upgradesAccepted: 1,
      upgradesRejected: { 405: 1 },
    });
    expect(other.wss.stats()).toMatchObject({
      connections: 0,
      upgradesAccepted: 0,
      messagesReceived: 0,
    });
  });
});

describe('slow consumers', () => {
  const KIB = 1024;
  const MIB = 1024 * KIB;

  /** A server and its clients, the first of which read nothing. */
  async function stalledRoom(options: ServerOptions, stalled: number, quick: number) {
    const served = await serve(options);
    const clients: RawClient[] = [];
    for (let n = 0; n < stalled + quick; n++) {
      const client = await ask(served.port);
      await client.response();
      if (n < stalled) client.socket.pause();
      clients.push(client);
    }
    const connections = [...served.wss.connections] as WebSocketConnection[];
    return { ...served, clients, connections };
  }
  const numbered = (number: number, length = 256 * KIB): Buffer => {
    const bytes = Buffer.alloc(length, number);
    bytes.writeUInt32BE(number);
    return bytes;
  };
  const numbers = (client: RawClient): number[] =>
    client.frames.filter(({ opcode }) => opcode === 2).map(({ payload }) => payload.readUInt32BE());
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

  it('are closed with 1013 when more than maxBufferedAmount waits, while the others get everything', async () => {
    const { wss, clients, connections, clock } = await stalledRoom(
      { maxBufferedAmount: MIB },
      1,
      1,
    );
    const [slow, quick] = connections;
    const errors: unknown[] = [];
    wss.on('connectionError', (error, connection) => errors.push(error, connection));
    let sent = 0;
    while (slow!.readyState === 'open') {
      expect(slow!.bufferedAmount).toBeLessThan(MIB + 256 * KIB + 10);
      wss.broadcast(numbered(sent++));
      await settle();
    }
    wss.broadcast(numbered(sent++));
    await eventually('the messages', () => numbers(clients[1]!).length === sent);
    expect(numbers(clients[1]!)).toStrictEqual(upTo(sent));
    expect(quick!.readyState).toBe('open');
    clock.advance(1000);
    await eventually('the end', () => wss.connections.size === 1);
    expect(slow!.closeInfo).toMatchObject({ code: 1013, initiator: 'local' });
    expect(errors).toStrictEqual([slow!.closeInfo!.cause, slow]);
  });

  it('miss whole messages instead, if the server says so', async () => {
    const { wss, clients, connections } = await stalledRoom(
      { maxBufferedAmount: MIB, slowConsumer: 'drop' },
      1,
      1,
    );
    const dropped: unknown[] = [];
    const [slow, quick] = connections;
    slow!.on('dropped', (data) => dropped.push(data));
    quick!.on('dropped', () => dropped.push('from the quick one'));
    let sent = 0;
    for (; dropped.length < 5; sent++) {
      wss.broadcast(numbered(sent));
      await settle();
    }
    const message = numbered(sent++);
    expect(slow!.send(message, { droppable: true })).toBe(false);
    expect(dropped.at(-1)).toBe(message);
    const drained = once(slow!, 'drain');
    clients[0]!.socket.resume();
    await drained;
    wss.broadcast(numbered(sent++));
    for (const client of clients) {
      await eventually('the last message', () => numbers(client).at(-1) === sent - 1);
    }
    const missed = upTo(sent).slice(-7, -1);
    expect(numbers(clients[0]!)).toStrictEqual(upTo(sent).filter((n) => !missed.includes(n)));
    expect(numbers(clients[1]!)).toStrictEqual(upTo(sent).filter((n) => n !== missed.at(-1)));
    expect([slow!.readyState, quick!.readyState]).toStrictEqual(['open', 'open']);
  });

  it('may hold maxTotalBuffered together, in which bytes for several count once', async () => {
    const { wss, connections } = await stalledRoom({ maxTotalBuffered: 8 * MIB }, 4, 0);
    const held = () => connections.map(({ bufferedAmount }) => bufferedAmount);
    const states = () => connections.map(({ readyState }) => readyState);
    for (let n = 0; held().some((amount) => amount < 4 * MIB); n++) {
      wss.broadcast(numbered(n));
      await settle();
    }
    // What waits is more than the budget twice over, and yet nearly the same bytes.
    expect(held().reduce((sum, amount) => sum + amount)).toBeGreaterThan(16 * MIB);
    expect(states()).toStrictEqual(['open', 'open', 'open', 'open']);
    while (connections[2]!.readyState === 'open') {
      connections[2]!.send(numbered(0));
      await settle();
    }
    // There is no second to wait for a peer that takes nothing: the room is needed now.
    await eventually('the end', () => wss.connections.size === 3);
    expect(states()).toStrictEqual(['open', 'open', 'closed', 'open']);
    expect(connections[2]!.closeInfo).toMatchObject({ code: 1013, initiator: 'local' });
    expect(connections[2]!.closeInfo!.cause!.message).toMatch(/maxTotalBuffered is 8388608$/);
  });

  it('include peers that leave the longest message unfinished', async () => {
    const { wss, clients } = await stalledRoom({ maxTotalBuffered: 3 * MIB }, 0, 3);
    const begin = (client: RawClient, length: number): void => {
      client.send(clientFrame({ opcode: 2, payload: Buffer.alloc(4 * MIB) }).subarray(0, length));
    };
    begin(clients[0]!, MIB / 2);
    begin(clients[1]!, MIB);
    begin(clients[2]!, MIB / 4);
    await settle();
    expect(wss.connections.size).toBe(3);
    begin(clients[1]!, 3 * MIB); // as much more of its payload
    expect(await clients[1]!.close()).toMatchObject({ code: 1013 });
    clients[1]!.destroy();
    await eventually('the end', () => wss.connections.size === 2);
    await settle();
    expect([...wss.connections].map(({ readyState }) => readyState)).toStrictEqual([
      'open',
      'open',
    ]);
  });
});

describe('what goes wrong with a connection', () => {
  it('fails a peer that sends more than messageRate, and reports it', async () => {
    const { wss, port } = await serve({
      messageRate: { perSecond: 1, burst: 2, action: 'close' },
    });
    const told = once(wss, 'connectionError') as Promise<[{ code: string }]>;
    const client = await RawClient.open(port);
    const text = clientFrame({ opcode: 1, payload: 'x' });
    client.send(Buffer.concat([text, text, text]));
    expect((await client.close()).code).toBe(1008);
    expect((await told)[0].code).toBe('ERR_MESSAGE_RATE');
    client.destroy();
  });

  it("emits 'connectionError' and is logged, if the peer broke a rule", async () => {
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

  it('emits it and is logged, if the peer was too slow or did not answer the heartbeat', async () => {
    const { wss, port, log, clock } = await serve({
      maxBufferedAmount: 1000,
      heartbeat: { interval: 8000, timeout: 1000 },
    });
    const failed: Error[] = [];
    wss.on('connectionError', (error) => failed.push(error));
    const [slow, silent] = [await ask(port), await ask(port)];
    for (const client of [slow, silent]) await client.response();
    slow.socket.pause();
    const [connection] = wss.connections;
    while (connection!.readyState === 'open') connection!.send(Buffer.alloc(1 << 20));
    await eventually('the slow one', () => failed.length === 1);
    for (let tick = 0; tick < 20 && failed.length < 2; tick++) {
      clock.advance(1000);
      await settle();
    }
    expect(failed).toMatchObject([
      { code: 'ERR_SLOW_CONSUMER' },
      { code: 'ERR_HEARTBEAT_TIMEOUT' },
    ]);
    expect(log.lines).toEqual(failed.map(({ message }) => `error gave up 127.0.0.1: ${message}`));
    expect(log.causes).toEqual(failed);
  });

  it('emits it but is not logged, if only the transport failed', async () => {
    const { wss, port, log } = await serve();
    const failed = once(wss, 'connectionError') as Promise<[Error, WebSocketConnection]>;
    const client = await ask(port);
    await client.response();
    client.reset();
    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' });
    expect(log.lines).toEqual([]);
    await eventually('the end', () => wss.connections.size === 0);
  });

  it('goes to the console only if the application can fix it', async () => {
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

  it('sends 1001 to every connection after its queued messages, and reports', async () => {
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
    expect(await closing).toEqual({ total: 2, clean: 2, terminated: 0, milliseconds: 40 });
    expect(closed).toHaveBeenCalledTimes(1);
    expect(wss.connections.size).toBe(0);
    expect(server.listening).toBe(true);
    expect(clock.timers.size).toBe(0);
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
    ['an invalid signal', { signal: {} as AbortSignal }, 'close: expected option signal'],
    ['an invalid timeout', { timeout: NaN }, 'close: expected option timeout'],
  ])('throws at once for %s, and has not begun', async (_name, options, expected) => {
    const { wss, port } = await serve();
    expect(() => wss.close(options)).toThrow(expected);
    const client = await ask(port);
    expect((await client.response()).status).toBe(101);
    const closing = wss.close({ signal: AbortSignal.abort() });
    expect(await closing).toMatchObject({ total: 1, terminated: 1 });
  });

  it('terminates a client that never answers at the deadline', async () => {
    const { wss, port, clock } = await serve({ closeTimeout: 60_000 });
    const client = await joined(port);
    const closing = wss.close({ timeout: 500 });
    await client.close();
    clock.advance(499);
    expect(wss.connections.size).toBe(1);
    clock.advance(1);
    expect(await closing).toEqual({ total: 1, clean: 0, terminated: 1, milliseconds: 500 });
    await client.ended();
  });

  it('terminates the remaining connections when its signal aborts', async () => {
    const { wss, port } = await serve();
    const client = await joined(port);
    const controller = new AbortController();
    const closing = wss.close({ signal: controller.signal });
    await client.close();
    const [connection] = wss.connections;
    controller.abort();
    expect(await closing).toMatchObject({ total: 1, clean: 0, terminated: 1 });
    expect(connection!.closeInfo).toMatchObject({ cause: { code: 'ERR_SERVER_CLOSED' } });
    expect(wss.stats().closedByCause).toStrictEqual({ ERR_SERVER_CLOSED: 1 });
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

  it('leaves the rejected sockets of a server that is not its own their time', async () => {
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

describe('permessage-deflate', () => {
  const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' };

  it('is off unless it is turned on', async () => {
    const { port } = await serve();
    const response = await (await ask(port, { headers })).response();
    expect(response.header('Sec-WebSocket-Extensions')).toBeUndefined();
  });

  it('compresses a broadcast once for all connections that share contexts, if the message is long enough', async () => {
    const { wss, port } = await serve({ perMessageDeflate: true });
    const clients = [await ask(port, { headers }), await ask(port, { headers }), await ask(port)];
    for (const client of clients) await client.response();
    const long = 'broadcast '.repeat(100);
    expect(wss.broadcast(long)).toBe(3);
    expect(wss.broadcast('short')).toBe(3);
    expect(wss.broadcast('short', { compress: true })).toBe(3);
    expect(wss.broadcast(long, { compress: false })).toBe(3);
    const seen: string[][] = [];
    for (const client of clients) {
      const frames = [await client.frame(), await client.frame(), await client.frame()];
      frames.push(await client.frame());
      seen.push(frames.map(({ rsv, payload }) => `${rsv} ${payload.length}`));
    }
    expect(seen[0]).toEqual(seen[1]);
    expect(seen[0]!.map((each) => each[0])).toEqual(['4', '0', '0', '0']); // "short" does not shrink
    expect(seen[2]).toEqual(['0 1000', '0 5', '0 5', '0 1000']);
  });
});

it.each([
  ['*', 1],
  ['same-origin', 0],
] as const)('warns once at its start about origin %p %d times', async (origin, times) => {
  const { port, log } = await serve({ origin });
  await (await ask(port)).response();
  const warnings = log.lines.filter((line) =>
    line.startsWith("warn option origin is '*': every page"),
  );
  expect(warnings).toHaveLength(times);
});

it('hints once that messages are discarded because nothing takes them', async () => {
  const { wss, port, log, clock } = await serve({ heartbeat: { interval: 500, timeout: 500 } });
  const client = await ask(port);
  await client.response();
  client.send(clientFrame({ opcode: 1, payload: 'unread' }));
  await eventually('the message', () => wss.stats().messagesReceived === 1);
  for (let step = 0; step < 40 && log.lines.length === 0; step++) {
    clock.advance(100);
    client.send(clientFrame({ opcode: 10, payload: '' }));
    await settle();
  }
  expect(log.lines).toEqual([
    expect.stringMatching(/^warn messages of 127\.0\.0\.1 are discarded/),
  ]);
});

describe('topics', () => {
  it('publishes to those that have subscribed, and tells what there is', async () => {
    const { wss, port } = await serve();
    wss.on('connection', (conn) => conn.on('message', (topic) => conn.subscribe(String(topic))));
    const clients = [await ask(port), await ask(port)];
    for (const client of clients) await client.response();
    clients[0]!.send(Buffer.concat([text('news'), text('sport')]));
    clients[1]!.send(text('news'));
    await eventually('the subscriptions', () => wss.stats().topics.subscriptions === 3);
    expect([...wss.topicNames()]).toStrictEqual(['news', 'sport']);
    const [one, two] = [...wss.connections];
    expect(wss.subscribers('news')).toStrictEqual(new Set([one, two]));
    expect(wss.subscribers('weather').size).toBe(0);
    expect([wss.publish('news', 'n'), wss.publish('sport', 's', { except: two! })]).toStrictEqual([
      2, 1,
    ]);
    expect([await clients[0]!.words(), await clients[0]!.words()]).toStrictEqual([
      'text 6e',
      'text 73',
    ]);
    expect(await clients[1]!.words()).toBe('text 6e');
    expect(wss.stats().topics).toMatchObject({ topics: 2, published: 2, delivered: 3 });
  });

  it('refuses what is not a name, and publishes nothing once it is closing', async () => {
    const { wss } = await serve();
    expect(() => wss.subscribers('')).toThrow('subscribers: expected the topic to have 1 to 255');
    expect(() => wss.publish('', 'a')).toThrow('publish: expected the topic to have 1 to 255');
    const closed = wss.close();
    expect(() => wss.publish('', 'a')).toThrow(RangeError);
    expect(wss.publish('news', 'a')).toBe(0);
    await closed;
    expect(wss.stats().topics.published).toBe(0);
  });

  it('counts what it retains for maxTotalBuffered, and forgets it when it is closed', async () => {
    const { wss } = await serve({ maxTotalBuffered: 1000, maxRetained: 10 });
    wss.publish('t', 'five5', { key: 'a', retain: true });
    wss.publish('t', 'six666', { key: 'b', retain: true });
    expect(wss.stats()).toMatchObject({ bytesCharged: 8, topics: { retainedBytes: 8 } });
    await wss.close();
    expect(wss.stats()).toMatchObject({ bytesCharged: 0, topics: { retainedBytes: 0 } });
  });
});

/** A broker between servers of this process, which confirms topics when the test does. */
class HandBroker implements Broker {
  readonly calls: string[] = [];
  readonly others: HandBroker[] = [];
  readonly maxMessage = 1000;
  node!: BrokerNode;
  isReady = false;

  start(node: BrokerNode): void {
    if (this.calls.push('start') > 1) throw new Error('start: a broker serves one server');
    this.node = node;
  }
  join(topics: readonly string[]): void {
    this.calls.push(`join ${topics.join(' ')}`);
  }
  leave(topics: readonly string[]): void {
    this.calls.push(`leave ${topics.join(' ')}`);
  }
  publish(batch: readonly Outgoing[]): number {
    if (!this.isReady) return 0;
    for (const { topic, envelope } of batch) {
      for (const { node } of [this, ...this.others]) node.deliver(topic, envelope);
    }
    return batch.length;
  }
  close(): Promise<void> {
    this.calls.push('close');
    return Promise.resolve();
  }
}

/** A server with a broker, and a client that has subscribed to `news`. */
async function serveShared(options: ServerOptions = {}) {
  const broker = new HandBroker();
  const served = await serve({ broker, ...options });
  const { wss, port } = served;
  wss.on('connection', (connection) => connection.subscribe('news'));
  const client = await ask(port);
  await client.response();
  return { ...served, broker, client };
}

describe('a broker', () => {
  it('shares the topics of two servers', async () => {
    const [one, other] = [await serveShared(), await serveShared()];
    one.broker.others.push(other.broker);
    const states: unknown[] = [];
    for (const { wss, broker } of [one, other]) {
      wss.on('brokerState', (...state) => states.push(state));
      broker.isReady = true;
      broker.node.up();
    }
    expect(states).toStrictEqual([
      ['up', undefined],
      ['up', undefined],
    ]);
    expect(one.wss.publish('news', 'a')).toBe(1);
    expect(await one.client.words()).toBe('text 61');
    expect(await other.client.words()).toBe('text 61');
    expect(one.wss.stats().broker).toMatchObject({ state: 'up', published: 1, received: 0 });
    expect(other.wss.stats().broker).toMatchObject({ state: 'up', published: 0, received: 1 });
    expect(other.wss.stats().topics).toMatchObject({ published: 0, delivered: 1 });
  });

  it('is told of the topics, and closed after the connections', async () => {
    const { wss, broker, client, clock } = await serveShared();
    await settle();
    expect(broker.calls).toStrictEqual(['start', 'join news']);
    const closing = wss.close();
    expect(await client.close()).toMatchObject({ code: 1001 });
    expect(broker.calls).toHaveLength(2);
    let told: string[] | undefined;
    wss.on('close', () => (told = [...broker.calls]));
    client.send(clientClose(1001));
    client.finish();
    await closing;
    expect(told).toStrictEqual(['start', 'join news', 'close']);
    expect(clock.timers.size).toBe(0);
  });

  it('reports what is wrong with it, and never makes publish throw', async () => {
    const { wss, broker, client, log } = await serveShared();
    const told: string[] = [];
    wss.on('brokerError', ({ message }) => told.push(message));
    wss.on('brokerState', (state, error) => told.push(`${state} ${error?.message}`));
    broker.node.up();
    broker.node.error(new Error('refused'));
    broker.node.down(new Error('reset'));
    expect(wss.publish('news', 'a')).toBe(1);
    expect(await client.words()).toBe('text 61');
    expect(told).toStrictEqual(['up undefined', 'refused', 'down reset']);
    expect(log.lines).toStrictEqual(['error the broker: refused']);
    expect(wss.stats().broker).toMatchObject({ state: 'down', interruptions: 1, bufferDropped: 1 });
  });

  it('gets later what brokerBuffer has kept', async () => {
    const brokerBuffer = { messages: 1, bytes: 1000, age: 1000 };
    const { wss, broker } = await serveShared({ brokerBuffer });
    for (const data of ['a', 'b']) {
      wss.publish('news', data);
      await settle();
    }
    expect(wss.stats().broker).toMatchObject({ buffered: 1, bufferDropped: 1 });
    broker.isReady = true;
    broker.node.up();
    expect(wss.stats().broker).toMatchObject({ buffered: 0, published: 1 });
  });

  it('makes publish throw for a message that is too long for it, before anything is sent', async () => {
    const { wss, client } = await serveShared();
    expect(() => wss.publish('news', 'x'.repeat(1000))).toThrow(RangeError);
    wss.publish('news', 'a');
    expect(await client.words()).toBe('text 61');
  });

  it('serves one server: the constructor throws what start throws', () => {
    const broker = new HandBroker();
    new WebSocketServer({ noServer: true, broker });
    expect(() => new WebSocketServer({ noServer: true, broker })).toThrow('serves one server');
    const server = createServer();
    expect(() => new WebSocketServer(server, { broker })).toThrow('serves one server');
    expect(server.listenerCount('upgrade')).toBe(0);
  });

  it('is not started by a constructor that rejects the options', () => {
    const broker = new HandBroker();
    expect(complaint({ noServer: true, broker, maxPayload: 0 })).toContain('maxPayload');
    expect(broker.calls).toStrictEqual([]);
  });

  it('is not started by a constructor that throws for a certificate', () => {
    const broker = new HandBroker();
    const tls = { cert: 'not a certificate', key: 'not a key' };
    expect(() => new WebSocketServer({ port: 0, tls, broker })).toThrow();
    expect(broker.calls).toStrictEqual([]);
  });
});

describe('joined', () => {
  const notSubscribed = { name: 'ConnectionError', code: 'ERR_NOT_SUBSCRIBED' };

  it('resolves at once without a broker, for a topic with a subscriber', async () => {
    const { wss } = await serveShared({ broker: undefined as never });
    expect(wss.stats()).not.toHaveProperty('broker');
    await expect(wss.joined('news')).resolves.toBeUndefined();
    await expect(wss.joined('sport')).rejects.toMatchObject(notSubscribed);
  });

  it('resolves when the broker has confirmed the topic', async () => {
    const { wss, broker } = await serveShared();
    const joined = jest.fn();
    const promise = wss.joined('news', { signal: new AbortController().signal }).then(joined);
    await settle();
    expect([joined.mock.calls.length, wss.stats().broker!.joinsPending]).toStrictEqual([0, 1]);
    broker.node.joined(['news']);
    await promise;
    expect(wss.stats().broker!.joinsPending).toBe(0);
  });

  it('rejects with the reason of its signal', async () => {
    const { wss } = await serveShared();
    const [controller, reason] = [new AbortController(), new Error('enough')];
    const joined = wss.joined('news', { signal: controller.signal });
    controller.abort(reason);
    await expect(joined).rejects.toBe(reason);
    await expect(wss.joined('news', { signal: controller.signal })).rejects.toBe(reason);
  });

  it('rejects when the last subscriber goes, and when the server closes', async () => {
    const { wss } = await serveShared();
    const [connection] = wss.connections;
    const joined = wss.joined('news');
    connection!.unsubscribe('news');
    await expect(joined).rejects.toMatchObject(notSubscribed);
    connection!.subscribe('news');
    const waiting = wss.joined('news');
    const closing = wss.close({ signal: AbortSignal.abort() });
    await expect(wss.joined('news')).rejects.toMatchObject(notSubscribed);
    await expect(waiting).rejects.toMatchObject(notSubscribed);
    await closing;
    await expect(wss.joined('news')).rejects.toMatchObject(notSubscribed);
  });

  it('throws at the call for a bad topic or option', async () => {
    const { wss } = await serve();
    expect(() => wss.joined('')).toThrow('joined: expected the topic to have 1 to 255 bytes');
    expect(() => wss.joined('news', { signal: 5 as never })).toThrow(TypeError);
  });
});
