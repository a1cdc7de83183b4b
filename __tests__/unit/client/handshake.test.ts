import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer, type IncomingMessage, type Server } from 'node:http';
import { Agent as SecureAgent, createServer as createSecureServer } from 'node:https';
import {
  connect as connectTcp,
  createServer as createTcpServer,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { WebSocketServer as WsServer } from 'ws';
import { connect } from '../../../src/client/connect.js';
import type { ConnectOptions } from '../../../src/client/connect-options.js';
import { HandshakeError } from '../../../src/client/handshake-error.js';
import type { WebSocketConnection } from '../../../src/connection/connection.js';
import { acceptKey } from '../../../src/protocol/handshake/opening-handshake.js';
import { UpgradeRejection } from '../../../src/protocol/handshake/upgrade-rejection.js';
import { WebSocketServer } from '../../../src/server/server.js';
import { CERTIFICATE } from '../../support/certificate.js';
import { connectProxy } from '../../support/connect-proxy.js';
import { serverFrame } from '../../support/frames.js';
import { serveHttp2 } from '../../support/http2.js';
import { clientSession, handServer } from '../../support/http2-servers.js';
import { eventually, HandClock, later, listen, serve } from '../../support/server.js';

/** Connect, and terminate after the test. */
async function open(url: string | URL, options?: ConnectOptions): Promise<WebSocketConnection> {
  const connection = await connect(url, options);
  later(() => {
    connection.terminate();
  });
  return connection;
}

/** The error of a connection that must not come about. */
async function failure(url: string | URL, options?: ConnectOptions): Promise<HandshakeError> {
  const error: unknown = await connect(url, options).then(
    () => 'it was opened',
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HandshakeError);
  return error as HandshakeError;
}

/** A server that answers each upgrade with these lines and then `rest`. The right key is put for KEY. */
function answering(lines: string, rest = Buffer.alloc(0)): Server {
  const server = createServer();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    const key = acceptKey(request.headers['sec-websocket-key']!);
    socket.on('error', () => {});
    socket.resume().on('end', () => socket.end());
    const head = lines.replace('KEY', key).trim().replaceAll(/\n */g, '\r\n');
    socket.write(Buffer.concat([Buffer.from(`${head}\r\n\r\n`), rest]));
  });
  return server;
}

const SWITCHING = 'HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\n';
const ACCEPTED = `${SWITCHING}Sec-WebSocket-Accept: KEY\n`;

/** The sockets of a server that are open. */
function socketsOf(server: TcpServer): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  return sockets;
}

describe('a handshake of connect', () => {
  it('resolves to a connection that talks to a server, both ways', async () => {
    const { wss, port } = await serve({ subprotocols: ['chat'] });
    const requests: IncomingMessage[] = [];
    wss.on('connection', (conn, request) => {
      requests.push(request);
      conn.on('message', (data) => conn.send(data));
    });
    const conn = await open(`ws://ada:l%20o@127.0.0.1:${port}/room?a=1`, {
      subprotocols: ['talk', 'chat'],
      headers: { 'X-Token': 'x' },
      origin: `http://127.0.0.1:${port}`,
    });
    expect(conn).toMatchObject({
      url: '/room?a=1',
      subprotocol: 'chat',
      extensions: '',
      remoteAddress: '127.0.0.1',
      readyState: 'open',
      response: { status: 101, headers: { upgrade: 'websocket' } },
    });
    expect(requests[0]!.url).toBe('/room?a=1');
    expect(requests[0]!.headers).toMatchObject({
      authorization: `Basic ${Buffer.from('ada:l o').toString('base64')}`,
      'x-token': 'x',
      origin: `http://127.0.0.1:${port}`,
      'sec-websocket-protocol': 'talk,chat',
    });
    conn.send('hello');
    expect(await once(conn, 'message')).toEqual(['hello', false]);
    conn.send(Buffer.from('bytes'));
    expect(await once(conn, 'message')).toEqual([Buffer.from('bytes'), true]);
    expect(await conn.close(1000, 'bye')).toMatchObject({ code: 1000, clean: true });
  });

  it('talks to a server of ws, compressed', async () => {
    const wss = new WsServer({ port: 0, host: '127.0.0.1', perMessageDeflate: { threshold: 0 } });
    await once(wss, 'listening');
    later(() => {
      for (const client of wss.clients) client.terminate();
      wss.close();
    });
    wss.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => {
        socket.send(data, { binary: isBinary });
      });
    });
    const { port } = wss.address() as { port: number };
    for (const contextTakeover of ['none', 'server', 'client', 'both'] as const) {
      const perMessageDeflate = { contextTakeover, threshold: 0 };
      const conn = await open(`http://127.0.0.1:${port}`, { perMessageDeflate });
      expect(conn.extensions).toMatch(/^permessage-deflate/);
      const text = 'again and again, '.repeat(1000);
      for (let round = 0; round < 3; round++) {
        conn.send(text);
        expect(await once(conn, 'message')).toEqual([text, false]);
      }
      await conn.close();
    }
  });

  it('opens without a subprotocol if the server chooses none (RFC 6455 section 4.2.2)', async () => {
    const { port } = await serve();
    const conn = await open(`ws://127.0.0.1:${port}/`, { subprotocols: ['chat'] });
    expect(conn.subprotocol).toBe('');
  });

  it('reads nothing before the code after await has run, and loses nothing that came with the 101', async () => {
    const frames = [1, 2, 3].map((n) => serverFrame({ opcode: 1, payload: `${n}` }));
    const close = serverFrame({ opcode: 8, payload: Buffer.from([3, 232]) });
    const port = await listen(answering(ACCEPTED, Buffer.concat([...frames, close])));
    const log: unknown[] = [];
    const wrapped = async () => {
      const [conn] = await Promise.all([connect(`ws://127.0.0.1:${port}/`)]);
      await Promise.resolve();
      return conn;
    };
    const conn = await wrapped();
    conn.on('frame', ({ opcode }) => log.push(`frame ${opcode}`));
    conn.on('message', (data) => log.push(data));
    const [code] = (await once(conn, 'close')) as [number];
    expect(log).toEqual(['frame 1', '1', 'frame 1', '2', 'frame 1', '3', 'frame 8']);
    expect(code).toBe(1000);
  });

  it('keeps the async context of its call', async () => {
    const storage = new AsyncLocalStorage<string>();
    const { wss, port } = await serve();
    wss.on('connection', (conn) => conn.send('hello'));
    await storage.run('mine', async () => {
      const conn = await open(`ws://127.0.0.1:${port}/`);
      const seen = new Promise((resolve) => {
        conn.on('message', () => {
          resolve(storage.getStore());
        });
      });
      expect(await seen).toBe('mine');
    });
  });
});

describe('connect, ways to the server', () => {
  it('speaks TLS, with the options of tls', async () => {
    const server = createSecureServer(CERTIFICATE);
    const wss = new WebSocketServer(server);
    const port = await listen(server);
    later(() => wss.close({ signal: AbortSignal.abort() }));
    const tls = { ca: CERTIFICATE.cert };
    for (const scheme of ['wss', 'https']) {
      const conn = await open(`${scheme}://localhost:${port}/`, { tls });
      expect((await conn.close()).clean).toBe(true);
    }
    const error = await failure(`wss://localhost:${port}/`);
    expect(error.code).toBe('ERR_HANDSHAKE_UNREACHABLE');
    expect(error.cause).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    const agent = new SecureAgent({ ca: CERTIFICATE.cert });
    expect((await open(`wss://localhost:${port}/`, { agent })).readyState).toBe('open');
  });

  it('connects to a Unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
    later(() => {
      rmSync(folder, { recursive: true });
    });
    const socketPath = join(folder, 'server.sock');
    const server = createServer();
    const wss = new WebSocketServer(server);
    later(() => wss.close({ signal: AbortSignal.abort() }));
    await listen(server, socketPath);
    const conn = await open('ws://localhost/chat', { socketPath });
    expect([conn.url, conn.remoteAddress]).toEqual(['/chat', undefined]);
  });

  it('uses a socket that the application makes', async () => {
    const { port } = await serve();
    const createConnection = jest.fn(() => connectTcp(port, '127.0.0.1'));
    const conn = await open('ws://far.example/', { createConnection });
    expect(createConnection).toHaveBeenCalledTimes(1);
    expect((await conn.close()).clean).toBe(true);
  });

  it.each<[version: string, options: ConnectOptions]>([
    ['HTTP/1.1', {}],
    ['HTTP/2', { http2: true }],
  ])(
    'takes a promise of a socket, and rejects for what is not one, over %s',
    async (_, options) => {
      const promised = await failure('ws://far.example/', {
        ...options,
        createConnection: (() => Promise.reject(new Error('mine'))) as never,
      });
      expect(promised).toMatchObject({
        code: 'ERR_HANDSHAKE_UNREACHABLE',
        cause: { message: 'mine' },
      });
      for (const value of [7, 'x', {}, Promise.resolve('x')]) {
        const createConnection = (() => value) as never;
        const error = await failure('ws://far.example/', { ...options, createConnection });
        expect(error.code).toBe('ERR_HANDSHAKE_UNREACHABLE');
        expect(error.cause).toBeInstanceOf(TypeError);
        expect(error.message).toMatch(/expected createConnection to make a socket/);
      }
      if (options.http2) return;
      const { port } = await serve();
      const createConnection = (() => Promise.resolve(connectTcp(port, '127.0.0.1'))) as never;
      expect((await (await open('ws://far.example/', { createConnection })).close()).clean).toBe(
        true,
      );
    },
  );

  it('goes through a proxy, to which a refusal belongs', async () => {
    const { port } = await serve();
    const proxy = await connectProxy(port);
    const conn = await open('ws://far.example/', { proxy: `http://127.0.0.1:${proxy.port}` });
    expect(proxy.requests[0]!.url).toBe('far.example:80');
    expect((await conn.close()).clean).toBe(true);
    const refusing = createServer().on('connect', (_request, socket: Socket) => {
      socket.end('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n');
    });
    const refused = `http://127.0.0.1:${await listen(refusing)}`;
    const error = await failure('ws://far.example/', { proxy: refused });
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_UNREACHABLE', status: 407 });
    expect(error.headers).toMatchObject({ 'proxy-authenticate': 'Basic' });
    expect(error.message).toContain('refused to connect to far.example:80 with 407');
  });

  it('gives up the proxy with the handshake', async () => {
    const server = createTcpServer((socket) => {
      socket.resume().on('error', () => {});
    });
    const sockets = socketsOf(server);
    const proxy = `http://127.0.0.1:${await listen(server)}`;
    const controller = new AbortController();
    const refused = connect('ws://far.example/', { proxy, signal: controller.signal });
    const seen = refused.catch((reason: unknown) => reason);
    await eventually('the CONNECT', () => sockets.size === 1);
    controller.abort('enough');
    expect(await seen).toBe('enough');
    await eventually('the end of the socket', () => sockets.size === 0);
  });

  it('tries all addresses of a host', async () => {
    const lookup = (_host: string, _options: object, done: (...args: unknown[]) => void) => {
      done(null, [
        { address: '127.0.0.1', family: 4 },
        { address: '127.0.0.2', family: 4 },
      ]);
    };
    const gone = createServer();
    const port = await listen(gone);
    gone.close();
    await once(gone, 'close');
    const tls = { lookup } as ConnectOptions['tls'];
    const error = await failure(`ws://far.example:${port}/`, { tls: tls! });
    expect(error.message).toMatch(
      /could not be reached: connect ECONNREFUSED 127.0.0.1:\d+; connect ECONNREFUSED 127.0.0.2/,
    );
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('connect, failures', () => {
  it('rejects with what Node throws for the options', async () => {
    const agent = new Agent();
    await expect(connect('wss://127.0.0.1:1/', { agent })).rejects.toThrow(/Protocol "https:" not/);
  });

  it('rejects if nothing listens, and if no such host is known', async () => {
    const gone = createServer();
    const port = await listen(gone);
    gone.close();
    await once(gone, 'close');
    const refused = await failure(`ws://a:b@127.0.0.1:${port}/`);
    expect(refused).toMatchObject({
      code: 'ERR_HANDSHAKE_UNREACHABLE',
      url: `ws://127.0.0.1:${port}/`,
      status: undefined,
      cause: { code: 'ECONNREFUSED' },
    });
    const unknown = await failure('ws://no-such-host.invalid/');
    expect(unknown.code).toBe('ERR_HANDSHAKE_UNREACHABLE');
    expect((unknown.cause as { syscall: string }).syscall).toBe('getaddrinfo');
  });

  it('rejects if the server ends the socket, and if it speaks no HTTP', async () => {
    const ending = await listen(
      createTcpServer((socket) => void socket.once('data', () => socket.end())),
    );
    expect((await failure(`ws://127.0.0.1:${ending}/`)).cause).toMatchObject({
      code: 'ECONNRESET',
    });
    const mail = await listen(createTcpServer((socket) => void socket.write('220 ready\r\n')));
    expect((await failure(`ws://127.0.0.1:${mail}/`)).code).toBe('ERR_HANDSHAKE_UNREACHABLE');
  });

  it('has the status, the headers and the body of a refusal', async () => {
    const { port } = await serve({
      authorize: () => {
        throw new UpgradeRejection(401, {
          headers: { 'WWW-Authenticate': 'Bearer' },
          body: 'log in first',
        });
      },
    });
    const error = await failure(`ws://127.0.0.1:${port}/`);
    expect(error).toMatchObject({
      code: 'ERR_HANDSHAKE_REFUSED',
      status: 401,
      headers: { 'www-authenticate': 'Bearer' },
    });
    expect(error.body!.toString()).toMatch(/^log in first/);
    expect(error.message).toMatch(/: the server refused the handshake: 401 Unauthorized$/);
  });

  it('keeps 64 KiB of a body at most, and frees the socket', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(500).end('x'.repeat(4_000_000));
    });
    const sockets = socketsOf(server);
    const error = await failure(`ws://127.0.0.1:${await listen(server)}/`);
    expect(error.body).toHaveLength(64 * 1024);
    await eventually('the end of the socket', () => sockets.size === 0);
  });

  it('takes what has come of a body that breaks off, or that does not end in time', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.write('HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\nhalf', () => {
          if (breaks) socket.destroy();
        });
      });
    });
    let breaks = true;
    const url = `ws://127.0.0.1:${await listen(server)}/`;
    const broken = await failure(url);
    expect([broken.code, String(broken.body)]).toEqual(['ERR_HANDSHAKE_REFUSED', 'half']);
    breaks = false;
    const clock = new HandClock();
    const late = failure(url, { clock, handshakeTimeout: 500, createConnection });
    let received = '';
    function createConnection({ port }: { port?: unknown }): Socket {
      const socket = connectTcp(Number(port), '127.0.0.1');
      socket.on('data', (chunk) => (received += String(chunk)));
      return socket;
    }
    await eventually('the beginning of the body', () => received.includes('half'));
    clock.advance(500);
    expect((await late).status).toBe(503);
  });

  it('rejects after handshakeTimeout', async () => {
    const server = createTcpServer((socket) => void socket.resume());
    const sockets = socketsOf(server);
    const clock = new HandClock();
    const late = failure(`ws://127.0.0.1:${await listen(server)}/`, {
      clock,
      handshakeTimeout: 500,
    });
    await eventually('the socket', () => sockets.size === 1);
    clock.advance(500);
    expect(await late).toMatchObject({ code: 'ERR_HANDSHAKE_TIMEOUT' });
    expect((await late).message).toMatch(/within handshakeTimeout: 500 ms$/);
    await eventually('the end of the socket', () => sockets.size === 0);
  });

  it('rejects with the reason of its signal, and not after it has resolved', async () => {
    const { port } = await serve();
    const reason = new Error('enough');
    const url = `ws://127.0.0.1:${port}/`;
    await expect(connect(url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const conn = await open(url, { signal: controller.signal });
    controller.abort(reason);
    expect(conn.readyState).toBe('open');
    const pending = connect(url, { signal: AbortSignal.timeout(0) });
    await pending.then(
      (made) => {
        made.terminate();
      },
      (error: unknown) => {
        expect(error).toMatchObject({ name: 'TimeoutError' });
      },
    );
  });
});

describe('connect, a 101 that lies', () => {
  it.each<[string, RegExp, ConnectOptions]>([
    [`${SWITCHING}Sec-WebSocket-Accept: x\n`, /Sec-WebSocket-Accept to be .*, got "x"/, {}],
    [SWITCHING, /Sec-WebSocket-Accept to be .*, got none/, {}],
    [`${ACCEPTED}Sec-WebSocket-Protocol: a\n`, /one of the subprotocols nothing, got "a"/, {}],
    [
      `${ACCEPTED}Sec-WebSocket-Protocol: b\n`,
      /one of the subprotocols a, got "b"/,
      { subprotocols: ['a'] },
    ],
    [
      `${ACCEPTED}Sec-WebSocket-Extensions: x\n`,
      /extension x is in use, but nothing was offered/,
      {},
    ],
    [
      `${ACCEPTED}Sec-WebSocket-Extensions: permessage-deflate\n`,
      /accepted without server_no_context_takeover/,
      { perMessageDeflate: true },
    ],
    [
      'HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nSec-WebSocket-Accept: KEY\n',
      /header Upgrade to be websocket, got none/,
      {},
    ],
    [
      'HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: h2c\nSec-WebSocket-Accept: KEY\n',
      /header Upgrade to be websocket, got "h2c"/,
      {},
    ],
  ])('is rejected: %j', async (lines, sentence, options) => {
    const server = answering(lines);
    const sockets = socketsOf(server);
    const error = await failure(`ws://127.0.0.1:${await listen(server)}/`, options);
    expect(error.code).toBe('ERR_HANDSHAKE_INVALID');
    expect(error.message).toMatch(sentence);
    expect([error.status, error.headers!.connection]).toEqual([101, 'Upgrade']);
    await eventually('the end of the socket', () => sockets.size === 0);
  });
});

describe('connect, redirects', () => {
  /** A server whose redirects lead to these URLs, the first for the path /0. */
  const redirecting = (...to: string[]) =>
    createServer((request, response) => {
      response.writeHead(307, { Location: to[Number(request.url!.slice(1))] }).end('elsewhere');
    });

  it('are not followed without maxRedirects', async () => {
    const port = await listen(redirecting('wss://example.com/'));
    const error = await failure(`ws://127.0.0.1:${port}/0`);
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_REDIRECT', status: 307 });
    expect(error.headers!.location).toBe('wss://example.com/');
    expect(String(error.body)).toBe('elsewhere');
    expect(error.message).toMatch(/307 Temporary Redirect to wss:\/\/example.com\/$/);
  });

  it('are a refusal without a Location', async () => {
    const port = await listen(
      createServer((_request, response) => {
        response.writeHead(304).end();
      }),
    );
    const { code, status } = await failure(`ws://127.0.0.1:${port}/`);
    expect([code, status]).toEqual(['ERR_HANDSHAKE_REFUSED', 304]);
  });

  it('are followed to the server, without credentials for another host', async () => {
    const { wss, port } = await serve();
    const requests: IncomingMessage[] = [];
    wss.on('connection', (_conn, request) => requests.push(request));
    const first = await listen(redirecting('/1', `ws://127.0.0.1:${port}/end?a`));
    const headers = { Cookie: 'a=b', 'X-Other': 'c' };
    const conn = await open(`ws://127.0.0.1:${first}/0`, { maxRedirects: 2, headers });
    expect(conn.url).toBe('/end?a');
    expect(requests[0]!.headers).toMatchObject({ 'x-other': 'c' });
    expect(requests[0]!.headers.cookie).toBeUndefined();
    const many = await failure(`ws://127.0.0.1:${first}/0`, { maxRedirects: 1 });
    expect(many).toMatchObject({ code: 'ERR_HANDSHAKE_REDIRECT', status: 307 });
    expect(many.headers!.location).toBe(`ws://127.0.0.1:${port}/end?a`);
    expect(String(many.body)).toBe('elsewhere');
    expect(many.message).toMatch(/more redirects than maxRedirects, which is 1$/);
    expect(many.url).toBe(`ws://127.0.0.1:${first}/1`);
  });

  it('are not followed to what is not a server', async () => {
    const port = await listen(redirecting('ftp://example.com/'));
    const error = await failure(`ws://127.0.0.1:${port}/0`, { maxRedirects: 1 });
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_REDIRECT', status: 307 });
    expect(error.message).toMatch(
      /307 Temporary Redirect to ftp:\/\/example.com\/; it does not lead to a WebSocket server's URL$/,
    );
  });

  it('never lead from TLS to plain text, not even in two steps', async () => {
    const { wss, port } = await serve();
    const requests: unknown[] = [];
    wss.on('connection', (_conn, request) => requests.push(request));
    const secure = createSecureServer(CERTIFICATE, (_request, response) => {
      response.writeHead(301, { Location: `ws://127.0.0.1:${port}/` }).end();
    });
    const first = await listen(redirecting(`wss://localhost:${await listen(secure)}/`));
    const error = await failure(`ws://127.0.0.1:${first}/0`, {
      maxRedirects: 5,
      tls: { ca: CERTIFICATE.cert },
    });
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_REDIRECT', status: 301 });
    expect(error.headers!.location).toBe(`ws://127.0.0.1:${port}/`);
    expect(error.message).toMatch(/it leads from wss: to ws:$/);
    expect(requests).toEqual([]);
  });
});

describe('connect over HTTP/2', () => {
  it('resolves to a connection that talks to a server, both ways', async () => {
    const { wss, port } = await serveHttp2({ subprotocols: ['chat'] });
    wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));
    const conn = await open(`ws://127.0.0.1:${port}/room?a=1`, {
      http2: true,
      subprotocols: ['chat'],
    });
    expect(conn).toMatchObject({
      transport: 'http2',
      url: '/room?a=1',
      subprotocol: 'chat',
      extensions: '',
      remoteAddress: '127.0.0.1',
      response: { status: 200, headers: { 'sec-websocket-protocol': 'chat' } },
    });
    conn.send('hello');
    expect(await once(conn, 'message')).toEqual(['hello', false]);
    expect(await conn.close(1000, 'bye')).toMatchObject({ code: 1000, clean: true });
  });

  it('goes over a session of the application', async () => {
    const { port, sessions } = await handServer();
    const http2 = clientSession(port);
    await open(`ws://127.0.0.1:${port}/`, { http2 });
    expect((await open(`ws://127.0.0.1:${port}/`, { http2 })).transport).toBe('http2');
    expect(sessions).toHaveLength(1);
  });

  it('reads nothing before the code after await has run', async () => {
    const { port } = await handServer((stream) => {
      stream.respond({ ':status': 200 });
      stream.write(serverFrame({ opcode: 1, payload: 'at once' }));
      stream.end(serverFrame({ opcode: 8, payload: Buffer.from([3, 232]) }));
    });
    const [conn] = await Promise.all([open(`ws://127.0.0.1:${port}/`, { http2: true })]);
    const messages: unknown[] = [];
    conn.on('message', (data) => messages.push(data));
    const [code] = (await once(conn, 'close')) as [number];
    expect([messages, code]).toEqual([['at once'], 1000]);
  });

  it('has the status, the headers and the body of a refusal', async () => {
    const { port, open: sessions } = await handServer((stream) => {
      stream.respond({ ':status': 403, 'x-why': 'no' });
      stream.end('not you');
    });
    const error = await failure(`ws://127.0.0.1:${port}/`, { http2: true });
    expect(error).toMatchObject({
      code: 'ERR_HANDSHAKE_REFUSED',
      status: 403,
      headers: { 'x-why': 'no' },
      body: Buffer.from('not you'),
    });
    expect(error.message).toMatch(/: 403 Forbidden$/);
    await eventually('the end of the session', () => sessions.size === 0);
    const { port: odd } = await handServer((stream) => {
      stream.respond({ ':status': 599 }, { endStream: true });
    });
    expect((await failure(`ws://127.0.0.1:${odd}/`, { http2: true })).message).toMatch(/: 599$/);
  });

  it('rejects an answer that lies, and frees the stream', async () => {
    const { port, open: sessions } = await handServer((stream) => {
      stream.respond({ ':status': 200, 'sec-websocket-protocol': 'b' });
    });
    const error = await failure(`ws://127.0.0.1:${port}/`, { http2: true, subprotocols: ['a'] });
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_INVALID', status: 200 });
    await eventually('the end of the session', () => sessions.size === 0);
  });

  it('rejects if the server does not take WebSockets over HTTP/2', async () => {
    const { port } = await handServer(undefined, { settings: { enableConnectProtocol: false } });
    const error = await failure(`ws://127.0.0.1:${port}/`, { http2: true });
    expect(error.code).toBe('ERR_HANDSHAKE_UNREACHABLE');
    expect(error.message).toMatch(/the server does not offer WebSockets over HTTP\/2/);
  });
});
