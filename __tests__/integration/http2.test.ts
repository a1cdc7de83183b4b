import { once } from 'node:events';
import { createSecureServer, createServer, type ServerHttp2Stream } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { CloseInfo } from '../../src/connection/close/close-info.js';
import type { WebSocketConnection } from '../../src/connection/connection.js';
import { UpgradeRejection } from '../../src/protocol/handshake/upgrade-rejection.js';
import type { AnyRequest } from '../../src/server/options/options.js';
import { WebSocketServer } from '../../src/server/server.js';
import { CERTIFICATE } from '../support/certificate.js';
import { clientClose, clientFrame } from '../support/frames.js';
import { listenHttp2, open, openSession, serveHttp2 } from '../support/http2.js';
import { upgradeRequest } from '../support/raw-client.js';
import { eventually, later, MemoryLogger } from '../support/server.js';

const closeFrame = (code: number): Buffer => Buffer.from([0x88, 2, code >> 8, code & 0xff]);

/** The next connection of a server, and how it will end. */
function next(wss: WebSocketServer<undefined, AnyRequest>): Promise<{
  connection: WebSocketConnection;
  ended: Promise<CloseInfo>;
}> {
  return new Promise((resolve) => {
    wss.once('connection', (connection) => {
      const ended = new Promise<CloseInfo>((resolveEnd) => {
        connection.on('close', (_code, _reason, info) => {
          resolveEnd(info);
        });
      });
      resolve({ connection, ended });
    });
  });
}

describe('a WebSocket over HTTP/2', () => {
  it('is opened, echoes and is closed by the client', async () => {
    const { wss, port } = await serveHttp2({ subprotocols: ['chat'] });
    const opened = next(wss);
    wss.on('connection', (connection) => {
      connection.on('message', (data) => connection.send(data));
    });
    const session = await openSession(port);
    const client = open(session, { ':path': '/a?b', 'sec-websocket-protocol': 'chat' });
    expect(await client.status()).toBe(200);
    expect(client.headers).toMatchObject({ 'sec-websocket-protocol': 'chat' });
    const { connection, ended } = await opened;
    expect(connection.transport).toBe('http2');
    expect(connection.url).toBe('/a?b');
    expect(connection.remoteAddress).toBe('127.0.0.1');
    client.send(1, 'hello');
    expect((await client.take(7)).subarray(2).toString()).toBe('hello');
    client.stream.write(clientClose(4000, 'bye'));
    expect(await client.take(4)).toEqual(closeFrame(4000));
    await client.closed();
    // The end of our side is announced, and the client's END_STREAM is not waited for.
    expect(client.stream.rstCode).toBe(0);
    expect(await ended).toEqual({ code: 4000, reason: 'bye', clean: true, initiator: 'peer' });
    expect(wss.connections.size).toBe(0);
  });

  it('is closed by the server', async () => {
    const { wss, port } = await serveHttp2();
    const opened = next(wss);
    const client = open(await openSession(port));
    const { connection, ended } = await opened;
    void connection.close(1001);
    expect(await client.take(4)).toEqual(closeFrame(1001));
    client.stream.write(clientClose(1001));
    await client.closed();
    expect(await ended).toMatchObject({ code: 1001, clean: true, initiator: 'local' });
  });

  it('ends with END_STREAM without a Close as 1006, and our side at once', async () => {
    const { wss, port } = await serveHttp2();
    const opened = next(wss);
    const client = open(await openSession(port));
    const { ended } = await opened;
    await client.status();
    client.stream.end();
    await client.closed();
    expect(await ended).toMatchObject({
      code: 1006,
      clean: false,
      initiator: 'transport',
      cause: { code: 'ERR_TRANSPORT_ENDED' },
    });
  });

  it('ends with a reset, whose code the cause names', async () => {
    const { wss, port } = await serveHttp2();
    const failed = jest.fn();
    wss.on('connectionError', failed);
    const opened = next(wss);
    const abort = new AbortController();
    const client = open(await openSession(port), {}, { signal: abort.signal });
    const { ended } = await opened;
    await client.status();
    abort.abort();
    expect(await ended).toMatchObject({
      code: 1006,
      initiator: 'transport',
      cause: { code: 'ERR_STREAM_RESET', message: expect.stringMatching(/CANCEL/) as string },
    });
    expect(failed).toHaveBeenCalledTimes(1);
  });

  it('ends with its session', async () => {
    const { wss, port } = await serveHttp2();
    const opened = next(wss);
    const session = await openSession(port);
    const client = open(session);
    const { ended } = await opened;
    await client.status();
    session.destroy();
    expect(await ended).toMatchObject({ code: 1006, initiator: 'transport' });
    expect(['ERR_SESSION_LOST', 'ERR_STREAM_RESET']).toContain(
      ((await ended).cause as { code?: string }).code,
    );
  });

  it('is cut off with CANCEL', async () => {
    const { wss, port } = await serveHttp2();
    const opened = next(wss);
    const client = open(await openSession(port));
    const { connection, ended } = await opened;
    await client.status();
    connection.terminate();
    await client.closed();
    expect(client.stream.rstCode).toBe(8);
    expect(await ended).toMatchObject({ initiator: 'local', cause: { code: 'ERR_TERMINATED' } });
  });

  it('tells a client that breaks a rule so, and waits for its end', async () => {
    const { wss, port, clock } = await serveHttp2({ closeTimeout: 1000 });
    const opened = next(wss);
    const client = open(await openSession(port));
    const { ended } = await opened;
    client.stream.write(Buffer.from([0x81, 1, 65])); // not masked
    const reply = await client.take(4);
    expect(reply.readUInt16BE(2)).toBe(1002);
    expect(client.isClosed).toBe(false);
    clock.advance(1000);
    await client.closed();
    expect(client.stream.rstCode).toBe(8);
    expect(await ended).toMatchObject({ code: 1002, clean: false, initiator: 'local' });
  });

  it('loses no frame that comes while authorize decides', async () => {
    let decide: (() => void) | undefined;
    const { wss, port } = await serveHttp2({
      authorize: () => new Promise<void>((resolve) => (decide = resolve)),
    });
    const messages: unknown[] = [];
    wss.on('connection', (connection) => {
      connection.on('message', (data) => messages.push(data));
    });
    const client = open(await openSession(port));
    client.send(1, 'early');
    await eventually('authorize', () => decide !== undefined);
    client.send(1, 'later');
    decide!();
    expect(await client.status()).toBe(200);
    client.send(1, 'last');
    await eventually('the messages', () => messages.length === 3);
    expect(messages).toEqual(['early', 'later', 'last']);
  });

  it('is compressed as over HTTP/1.1', async () => {
    const { wss, port } = await serveHttp2({ perMessageDeflate: { threshold: 0 } });
    const opened = next(wss);
    const client = open(await openSession(port), {
      'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits',
    });
    expect(await client.status()).toBe(200);
    expect(client.headers!['sec-websocket-extensions']).toMatch(/^permessage-deflate/);
    const { connection } = await opened;
    connection.send('a'.repeat(1000));
    expect((await client.take(1))[0]).toBe(0xc1);
  });

  it('hands the client no more than its window while it does not read, and others go on', async () => {
    const { wss, port } = await serveHttp2();
    const session = await openSession(port);
    const slowOpened = next(wss);
    const slow = open(session);
    const { connection } = await slowOpened;
    await slow.status();
    slow.stream.pause();
    const otherOpened = next(wss);
    const other = open(session);
    const { connection: otherConnection } = await otherOpened;
    const sent = jest.fn();
    for (let count = 0; count < 64; count++) connection.send(Buffer.alloc(16_000), sent);
    expect(connection.send(Buffer.alloc(1))).toBe(false);
    otherConnection.send('still here');
    expect((await other.take(12)).subarray(2).toString()).toBe('still here');
    expect(connection.bufferedAmount).toBeGreaterThan(800_000);
    slow.stream.resume();
    await eventually('the rest', () => sent.mock.calls.length === 64);
    expect(sent.mock.calls.every(([error]) => error === undefined)).toBe(true);
    expect(await connection.drained()).toBe(true);
  });

  it('keeps new streams possible on the session of a client that does not read', async () => {
    const { wss, port } = await serveHttp2({ maxBufferedAmount: 64e6 });
    const session = await openSession(port, { settings: { enablePush: false } });
    wss.on('connection', (connection) => {
      if (connection.url === '/one') connection.send(Buffer.alloc(12_000_000));
      else if (connection.url === '/many') {
        for (let count = 0; count < 400; count++) connection.send(Buffer.alloc(40_000));
      }
    });
    // Beyond 10 MB of data that wait in a session, Node refuses new streams on it.
    const slow = ['/one', '/many'].map((path) => open(session, { ':path': path }));
    for (const client of slow) {
      expect(await client.status()).toBe(200);
      client.stream.pause();
    }
    await eventually('backpressure', () => wss.stats().bytesBuffered > 20e6);
    for (let count = 0; count < 20; count++) {
      const client = open(session);
      expect(await client.status()).toBe(200);
      client.send(9, 'x');
      expect(await client.take(3)).toEqual(Buffer.from([0x8a, 1, 120]));
    }
  });

  it('does not call what a reset stream never took sent', async () => {
    const { wss, port } = await serveHttp2();
    const opened = next(wss);
    const abort = new AbortController();
    const client = open(await openSession(port), {}, { signal: abort.signal });
    const { connection, ended } = await opened;
    await client.status();
    client.stream.pause();
    const outcomes: unknown[] = [];
    for (let count = 0; count < 40; count++) {
      connection.send(Buffer.alloc(16_000), (error) => outcomes.push(error?.name));
    }
    await eventually('backpressure', () => connection.bufferedAmount > 400_000);
    abort.abort();
    await ended;
    await eventually('the callbacks', () => outcomes.length === 40);
    // The client's window is 64 KiB, and so is what Node and the client's buffers hold beside it at most.
    const sent = outcomes.filter((name) => name === undefined).length;
    expect(sent).toBeLessThan(16);
    expect(outcomes.slice(sent).every((name) => name === 'ConnectionError')).toBe(true);
  });
});

describe('an extended CONNECT is refused', () => {
  it.each<[string, Record<string, string>, number]>([
    ['for another path', { ':path': '/other' }, 404],
    ['for another protocol', { ':protocol': 'connect-udp' }, 501],
    ['of another origin', { origin: 'https://elsewhere.example' }, 403],
    ['of another version', { 'sec-websocket-version': '8' }, 400],
    ['by authorize', { 'x-refuse': 'yes' }, 401],
  ])('%s', async (_what, headers, status) => {
    const { wss, port } = await serveHttp2({
      path: '/here',
      authorize: (request) => {
        if (request.headers['x-refuse'] !== undefined) {
          throw new UpgradeRejection(401, { headers: { 'WWW-Authenticate': ['a', 'b'] } });
        }
      },
    });
    const rejected = jest.fn();
    wss.on('rejected', rejected);
    const client = open(await openSession(port), { ':path': '/here', ...headers });
    expect(await client.status()).toBe(status);
    await client.closed();
    expect(client.stream.rstCode).toBe(0);
    expect(client.received.toString()).toMatch(/\n$/);
    expect(rejected).toHaveBeenCalledTimes(1);
    expect(client.headers!['sec-websocket-version']).toBe(status === 400 ? '13' : undefined);
  });

  it('once the server closes', async () => {
    const { wss, port } = await serveHttp2();
    const session = await openSession(port);
    const opened = next(wss);
    const first = open(session);
    await opened;
    const closed = wss.close();
    const client = open(session);
    expect(await client.status()).toBe(503);
    expect(await first.take(4)).toEqual(closeFrame(1001));
    first.stream.write(clientClose(1001));
    expect(await closed).toMatchObject({ total: 1, clean: 1 });
    expect(session.closed).toBe(false); // no GOAWAY on a server that was passed in
  });

  it('with the stream alone: a session goes on, until a thousand refusals', async () => {
    const { port } = await serveHttp2({ path: '/here' });
    const session = await openSession(port);
    for (let count = 0; count < 999; count++) {
      expect(await open(session, { ':path': '/other' }).status()).toBe(404);
    }
    const opened = open(session, { ':path': '/here' });
    expect(await opened.status()).toBe(200);
    expect(await open(session, { ':path': '/other' }).status()).toBe(404);
    await eventually('GOAWAY', () => session.closed);
    opened.send(9, 'x');
    expect(await opened.take(3)).toEqual(Buffer.from([0x8a, 1, 120]));
  });
});

describe('beside the application', () => {
  it.each(['before', 'after'])('a request listener %s is not disturbed', async (when) => {
    const server = createServer();
    const answer = (): void => {
      server.on('request', (_request, response) => response.end('plain'));
    };
    if (when === 'before') answer();
    const wss = new WebSocketServer(server, { logger: new MemoryLogger() });
    if (when === 'after') answer();
    const session = await openSession(await listenHttp2(server));
    const client = open(session);
    expect(await client.status()).toBe(200);
    const plain = session.request({ ':path': '/' });
    expect(String(await once(plain, 'data'))).toBe('plain');
    const bare = session.request({ ':method': 'CONNECT', ':authority': 'localhost:1' });
    const [headers] = (await once(bare, 'response')) as [Record<string, unknown>];
    expect(headers[':status']).toBe(405);
    expect(wss.connections.size).toBe(1);
  });

  it('another listener of streams may answer other protocols, and even ours', async () => {
    const server = createServer();
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      if (headers[':protocol'] === 'other') setImmediate(() => stream.respond({ ':status': 204 }));
      if (headers[':path'] === '/mine') stream.respond({ ':status': 299 });
    });
    const wss = new WebSocketServer(server, { logger: new MemoryLogger() });
    const session = await openSession(await listenHttp2(server));
    expect(await open(session, { ':protocol': 'other' }).status()).toBe(204);
    expect(await open(session, { ':path': '/mine' }).status()).toBe(299);
    expect(await open(session).status()).toBe(200);
    expect(wss.connections.size).toBe(1);
  });
});

describe('over TLS', () => {
  it('a port speaks HTTP/2 and HTTP/1.1', async () => {
    const server = createSecureServer({ ...CERTIFICATE, allowHTTP1: true });
    const wss = new WebSocketServer(server, { logger: new MemoryLogger() });
    const kinds: string[] = [];
    wss.on('connection', ({ transport }) => kinds.push(transport));
    const port = await listenHttp2(server);
    const client = open(await openSession(port, { scheme: 'https' }));
    expect(await client.status()).toBe(200);
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    later(() => socket.destroy());
    socket.write(upgradeRequest());
    expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1\.1 101 /);
    expect(kinds).toEqual(['http2', 'http1']);
  });

  it('a server of its own sends GOAWAY when it closes', async () => {
    const wss = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      tls: CERTIFICATE,
      http2: true,
      logger: new MemoryLogger(),
    });
    later(() => wss.close());
    await once(wss, 'listening');
    const { port } = wss.address() as { port: number };
    const session = await openSession(port, { scheme: 'https' });
    expect(session.remoteSettings).toMatchObject({
      enableConnectProtocol: true,
      maxConcurrentStreams: 256,
      initialWindowSize: 65_535,
    });
    const client = open(session);
    expect(await client.status()).toBe(200);
    const plain = session.request({ ':path': '/' });
    const [headers] = (await once(plain, 'response')) as [Record<string, unknown>];
    expect(headers[':status']).toBe(426);
    plain.resume();
    const closed = wss.close();
    await eventually('GOAWAY', () => session.closed);
    client.stream.write(clientFrame({ opcode: 8, payload: Buffer.from([3, 233]) }));
    expect(await closed).toMatchObject({ total: 1, clean: 1, terminated: 0 });
    await eventually('the end of the session', () => session.destroyed);
  });
});
