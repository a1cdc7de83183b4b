import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import {
  Agent,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server as HttpServer,
} from 'node:http';
import { Agent as SecureAgent, createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type Address, readAddress } from '../../../src/client/address.js';
import {
  type OpeningFailure,
  type OpeningListener,
  OpeningRequest,
  type OpeningRequestOptions,
} from '../../../src/client/opening-request.js';
import type { RedirectFault } from '../../../src/client/redirect.js';
import { checkAnswer } from '../../../src/protocol/handshake/client-handshake.js';
import {
  checkUpgrade,
  formatUpgradeResponse,
} from '../../../src/protocol/handshake/opening-handshake.js';
import { CERTIFICATE } from '../../support/certificate.js';
import { until } from '../../support/connection.js';

const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
const cleanUp: (() => void)[] = [];

afterEach(() => {
  for (const each of cleanUp.splice(0)) each();
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Listening {
  readonly port: number;
  /** The sockets that have come and are not closed. */
  readonly sockets: Set<Socket>;
  /** How many sockets have come. */
  readonly count: () => number;
}

async function listen(
  server: ReturnType<typeof createTcpServer>,
  at: number | string = 0,
): Promise<Listening> {
  const sockets = new Set<Socket>();
  let count = 0;
  server.on('connection', (socket: Socket) => {
    count++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  cleanUp.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  if (typeof at === 'string') server.listen(at);
  else server.listen(at, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, sockets, count: () => count };
}

/** Answers each upgrade as a server should, and records the requests. */
function upgrading<S extends HttpServer>(
  server: S,
  more = '',
): { server: S; requests: IncomingMessage[] } {
  const requests: IncomingMessage[] = [];
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    requests.push(request);
    drain(socket);
    const { key, subprotocols } = checkUpgrade(request);
    socket.write(formatUpgradeResponse(key, { subprotocol: subprotocols[0] }) + more);
  });
  return { server, requests };
}

/** Waits for the end of a request, whether or not there is an error. */
const closed = (request: ClientRequest): Promise<void> =>
  new Promise((resolve) => request.once('close', resolve));

/** Reads a socket, and ends it when the peer does. */
const drain = (socket: Duplex): Duplex => socket.resume().on('end', () => socket.end());

/** A server whose answer to everything is these bytes. */
const answering = (bytes: string) =>
  createTcpServer((socket) => socket.once('data', () => socket.write(bytes)));

/** A server that reads and does not answer. */
const silent = () => createTcpServer((socket) => socket.resume());

/**
 * An HTTP server that answers upgrades like other requests, as Node does without a listener. It never ends a
 * connection by itself.
 */
const plain = (answer: RequestListener): HttpServer =>
  createServer({ keepAliveTimeout: 0 }, answer);

class Client implements OpeningListener {
  readonly log: string[] = [];
  readonly opening: OpeningRequest;
  response: IncomingMessage | undefined;
  request: ClientRequest | undefined;
  socket: Duplex | undefined;
  head = '';
  failure: OpeningFailure | undefined;
  /** Why a redirect was not followed. */
  fault: RedirectFault | undefined;
  /** What `refused` returns. */
  takesOver = false;
  /** Called when the event has been logged. */
  on: (event: string, request: ClientRequest) => void = () => {};

  constructor(url: string, options: Partial<OpeningRequestOptions> = {}) {
    const address = readAddress(new URL(url)) as Address;
    this.opening = new OpeningRequest(
      address,
      { subprotocols: [], extensions: [], ...options },
      this,
    );
    cleanUp.push(() => {
      this.opening.abort();
      this.socket?.destroy();
    });
  }

  upgraded(response: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.log.push('upgraded');
    this.response = response;
    this.socket = socket;
    this.head = head.toString();
  }

  refused(request: ClientRequest, response: IncomingMessage, fault?: RedirectFault): boolean {
    this.log.push(`refused ${String(response.statusCode)}`);
    this.fault = fault;
    this.response = response;
    this.request = request;
    this.on('refused', request);
    return this.takesOver;
  }

  redirected(url: URL, request: ClientRequest): void {
    this.log.push(`redirected ${url.pathname}`);
    this.on('redirected', request);
  }

  failed(failure: OpeningFailure): void {
    this.log.push(`failed ${failure.code}`);
    this.failure = failure;
  }

  /** Starts, and waits for the end of the handshake. */
  async run(): Promise<this> {
    this.opening.start();
    return this.ended();
  }

  async ended(): Promise<this> {
    await until('the end of the handshake', () =>
      this.log.some((event) => !event.startsWith('redirected')),
    );
    return this;
  }
}

describe('an upgrade', () => {
  it('is asked for as RFC 6455 section 4.1 says, and the answer handed over', async () => {
    const { server, requests } = upgrading(createServer(), 'first bytes');
    const { port } = await listen(server);
    const client = await new Client(`ws://127.0.0.1:${port}/chat?room=1`, {
      subprotocols: ['a', 'b'],
      extensions: [{ name: 'foo', params: [] }],
      origin: 'http://example.com',
      headers: { 'X-One': ['1', '2'], Upgrade: 'mine', 'sec-websocket-key': 'mine' },
    }).run();
    expect(client.log).toEqual(['upgraded']);
    expect(client.head).toBe('first bytes');
    expect(checkAnswer(client.response!, client.opening.offer)).toEqual({
      subprotocol: 'a',
      extensions: [],
    });
    const [{ method, url, headers }] = requests as [IncomingMessage];
    expect({ method, url, headers }).toEqual({
      method: 'GET',
      url: '/chat?room=1',
      headers: {
        host: `127.0.0.1:${port}`,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': client.opening.offer.key,
        'sec-websocket-protocol': 'a,b',
        'sec-websocket-extensions': 'foo',
        origin: 'http://example.com',
        'x-one': '1, 2',
      },
    });
    expect(client.opening.url.href).toBe(`ws://127.0.0.1:${port}/chat?room=1`);
    expect(client.opening.request).toBeUndefined();
  });

  it('leaves the socket alone after it was handed over', async () => {
    const { port } = await listen(upgrading(createServer()).server);
    const client = await new Client(`ws://127.0.0.1:${port}`, { handshakeTimeout: 60_000 }).run();
    client.opening.abort();
    expect(client.socket!.destroyed).toBe(false);
    expect(client.socket!.listenerCount('error')).toBe(0);
  });

  it('uses TLS, and HTTP/1.1 even where the server prefers HTTP/2', async () => {
    const secure = createSecureServer({ ...CERTIFICATE, ALPNProtocols: ['h2', 'http/1.1'] });
    const { server, requests } = upgrading(secure);
    const { port } = await listen(server);
    for (const agent of [undefined, new SecureAgent()]) {
      const client = new Client(`wss://localhost:${port}`, {
        transport: { ca: CERTIFICATE.cert, family: 4, agent },
      });
      expect((await client.run()).log).toEqual(['upgraded']);
      expect((client.socket as TLSSocket).alpnProtocol).toBe('http/1.1');
    }
    expect(requests[0]!.headers.host).toBe(`localhost:${port}`);
  });

  it('does not accept a certificate that it does not know', async () => {
    const { port } = await listen(createSecureServer(CERTIFICATE));
    const client = await new Client(`wss://127.0.0.1:${port}`).run();
    expect(client.failure).toMatchObject({
      code: 'transport',
      error: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    });
  });

  it('goes over a Unix socket, named in the URL or as an option', async () => {
    const path = join(folder, 'a.sock');
    const { server, requests } = upgrading(createServer());
    await listen(server, path);
    expect((await new Client(`ws+unix:${path}:/chat?room=1`).run()).log).toEqual(['upgraded']);
    expect((await new Client(`ws+unix:${path}`).run()).log).toEqual(['upgraded']);
    const client = new Client('ws://example.com/chat', { socketPath: path });
    expect((await client.run()).log).toEqual(['upgraded']);
    expect(requests.map(({ url, headers }) => [url, headers.host])).toEqual([
      ['/chat?room=1', 'localhost'],
      ['/', 'localhost'],
      ['/chat', 'example.com'],
    ]);
  });

  it('takes the options of Node’s request, but not where the address decides', async () => {
    const { server, requests } = upgrading(createServer());
    const { port } = await listen(server);
    const asked: unknown[] = [];
    const transport = {
      host: 'ignored',
      hostname: 'ignored',
      port: 1,
      path: '/ignored',
      method: 'POST',
      protocol: 'ftp:',
      timeout: 1,
      headers: { ignored: '1' },
      socketPath: '/ignored',
      auth: 'user:pass',
      createConnection: (options: object) => {
        asked.push(options);
        return connect(port, '127.0.0.1');
      },
    };
    const client = new Client('ws://example.com/chat', { transport });
    expect((await client.run()).log).toEqual(['upgraded']);
    expect(asked).toEqual([expect.objectContaining({ host: 'example.com', port: 80 })]);
    expect(requests[0]).toMatchObject({ method: 'GET', url: '/chat' });
    expect(requests[0]!.headers).toMatchObject({
      host: 'example.com',
      authorization: 'Basic dXNlcjpwYXNz',
    });
    expect(requests[0]!.headers).not.toHaveProperty('ignored');
  });

  it('leaves the socket to an agent', async () => {
    const { server } = upgrading(createServer());
    const { port } = await listen(server);
    const agent = new Agent();
    const made = jest.spyOn(
      agent as Agent & { createConnection: () => Socket },
      'createConnection',
    );
    const client = await new Client(`ws://127.0.0.1:${port}`, { transport: { agent } }).run();
    expect(client.log).toEqual(['upgraded']);
    expect(made).toHaveBeenCalledTimes(1);
    expect(made.mock.results[0]!.value).toBe(client.socket);
  });

  it('is sent when the application finishes the request', async () => {
    const { server, requests } = upgrading(createServer());
    const { port } = await listen(server);
    let finish = (): void => {};
    const client = new Client(`ws://127.0.0.1:${port}`, {
      finishRequest: (request) => {
        request.setHeader('X-Signed', '1');
        finish = () => request.end();
      },
    });
    client.opening.start();
    expect(client.opening.request).toBeDefined();
    await once(client.opening.request!, 'socket');
    expect(requests).toEqual([]);
    finish();
    expect((await client.ended()).log).toEqual(['upgraded']);
    expect(requests[0]!.headers['x-signed']).toBe('1');
  });
});

describe('another response', () => {
  it('is refused, and the socket destroyed', async () => {
    const { port, sockets } = await listen(
      plain((_request, response) => response.writeHead(404).write('why')),
    );
    const client = await new Client(`ws://127.0.0.1:${port}`, { handshakeTimeout: 60_000 }).run();
    expect(client.log).toEqual(['refused 404']);
    expect(client.opening.request).toBeUndefined();
    await until('the end of the socket', () => sockets.size === 0);
    expect(client.log).toEqual(['refused 404']);
  });

  it('may be a 101 that does not upgrade', async () => {
    const { port, sockets } = await listen(answering('HTTP/1.1 101 Switching Protocols\r\n\r\n'));
    const client = await new Client(`ws://127.0.0.1:${port}`).run();
    expect(client.log).toEqual(['refused 101']);
    await until('the end of the socket', () => sockets.size === 0);
  });

  it.each([
    ['and the socket is freed', undefined],
    ['and the socket goes back to its agent', new Agent({ keepAlive: true })],
  ])('can be taken over, and read without a time limit, %s', async (_what, agent) => {
    const { port, sockets } = await listen(
      plain((_request, response) => response.writeHead(503).end('why')),
    );
    const client = new Client(`ws://127.0.0.1:${port}`, {
      handshakeTimeout: 1_000_000,
      transport: { agent },
    });
    client.takesOver = true;
    const { response, request } = await client.run();
    expect(client.opening.request).toBe(request);
    const body: Buffer[] = [];
    for await (const chunk of response!) body.push(chunk as Buffer);
    expect(Buffer.concat(body).toString()).toBe('why');
    if (agent !== undefined) {
      await until('the return of the socket', () => Object.keys(agent.freeSockets).length === 1);
      expect(Object.values(agent.freeSockets)[0]![0]!.destroyed).toBe(false);
      agent.destroy();
    }
    await until('the end of the socket', () => sockets.size === 0);
    expect(client.log).toEqual(['refused 503']);
  });

  it('ends the time limit before the listener has it', async () => {
    const { port } = await listen(plain((_request, response) => response.writeHead(503).end()));
    const client = new Client(`ws://127.0.0.1:${port}`, { handshakeTimeout: 1_000_000 });
    const started = jest.spyOn(globalThis, 'setTimeout');
    client.opening.start();
    const at = started.mock.calls.findIndex(([, delay]) => delay === 1_000_000);
    const timer = started.mock.results[at]!.value as { _destroyed: boolean };
    started.mockRestore();
    const ended: boolean[] = [timer._destroyed];
    client.on = () => ended.push(timer._destroyed);
    await client.ended();
    expect(ended).toEqual([false, true]);
  });

  it('can be taken over and aborted', async () => {
    const { port, sockets } = await listen(
      plain((_request, response) => response.writeHead(503).write('w')),
    );
    const client = new Client(`ws://127.0.0.1:${port}`);
    client.takesOver = true;
    await client.run();
    client.opening.abort();
    await until('the end of the socket', () => sockets.size === 0);
    expect(client.log).toEqual(['refused 503']);
  });

  it('can be taken over, and its request fail later', async () => {
    const { port } = await listen(
      plain((_request, response) => response.writeHead(503).write('w')),
    );
    const client = new Client(`ws://127.0.0.1:${port}`);
    client.takesOver = true;
    const { request } = await client.run();
    request!.emit('error', new Error('told by the application'));
    expect(client.log).toEqual(['refused 503', 'failed transport']);
    request!.emit('error', new Error('again'));
    expect(client.log).toEqual(['refused 503', 'failed transport']);
  });

  it('may be a redirect that is not to be followed, or leads nowhere', async () => {
    const { port } = await listen(
      plain((request, response) =>
        response.writeHead(302, request.url === '/a' ? { Location: '/b' } : {}).end(),
      ),
    );
    expect((await new Client(`ws://127.0.0.1:${port}/a`).run()).log).toEqual(['refused 302']);
    const client = new Client(`ws://127.0.0.1:${port}/`, { maxRedirects: 1 });
    expect((await client.run()).log).toEqual(['refused 302']);
  });

  it.each([200, 299, 400, 404])(
    'is no redirect with %i, although it has a Location',
    async (status) => {
      const { port } = await listen(
        plain((_request, response) => response.writeHead(status, { Location: '/b' }).end()),
      );
      const client = new Client(`ws://127.0.0.1:${port}`, { maxRedirects: 1 });
      expect((await client.run()).log).toEqual([`refused ${String(status)}`]);
    },
  );
});

describe('a failure', () => {
  it('is a server that is not there', async () => {
    const { port } = await listen(createTcpServer());
    cleanUp.splice(0).forEach((each) => each());
    const client = await new Client(`ws://127.0.0.1:${port}`).run();
    expect(client.failure).toMatchObject({ code: 'transport', error: { code: 'ECONNREFUSED' } });
  });

  it('is a server that hangs up', async () => {
    const { port } = await listen(
      createTcpServer((socket) => socket.once('data', () => socket.end())),
    );
    const client = await new Client(`ws://127.0.0.1:${port}`).run();
    expect(client.failure).toMatchObject({ code: 'transport', error: { code: 'ECONNRESET' } });
  });

  it('is a server that does not speak HTTP', async () => {
    const { port, sockets } = await listen(answering('SSH-2.0-OpenSSH\r\n'));
    const client = await new Client(`ws://127.0.0.1:${port}`).run();
    expect(client.failure).toMatchObject({ code: 'transport', error: { code: /^HPE_/ } });
    await until('the end of the socket', () => sockets.size === 0);
  });

  it('is a function for the socket that throws', async () => {
    const error = new Error('no way out');
    const createConnection = () => {
      throw error;
    };
    const client = await new Client('ws://a/', { transport: { createConnection } }).run();
    expect(client.failure).toStrictEqual({ code: 'transport', error });
  });

  it('is an answer that does not come in time', async () => {
    const { port, sockets } = await listen(silent());
    const client = await new Client(`ws://127.0.0.1:${port}`, { handshakeTimeout: 20 }).run();
    expect(client.failure).toStrictEqual({ code: 'timeout' });
    await until('the end of the socket', () => sockets.size === 0);
    expect(client.log).toEqual(['failed timeout']);
  });

  it.each([Infinity, 0, 2 ** 31, undefined])(
    'is not the time with a limit of %p',
    async (limit) => {
      const timers = jest.spyOn(globalThis, 'setTimeout');
      const { port } = await listen(upgrading(createServer()).server);
      const client = new Client(`ws://127.0.0.1:${port}`, { handshakeTimeout: limit });
      client.opening.start();
      const delays = timers.mock.calls.map(([, delay]) => delay);
      timers.mockRestore();
      expect(delays).not.toContain(limit);
      expect((await client.ended()).log).toEqual(['upgraded']);
    },
  );

  it('is not an interim response', async () => {
    const { server } = upgrading(createServer());
    server.prependListener('upgrade', (_request, socket: Duplex) =>
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'),
    );
    const { port } = await listen(server);
    expect((await new Client(`ws://127.0.0.1:${port}`).run()).log).toEqual(['upgraded']);
  });

  it('of the caller is thrown', () => {
    const client = new Client('ws://a/', { headers: { 'X-One': 'a\r\nb' } });
    expect(() => client.opening.start()).toThrow(/X-One/);
    expect(client.log).toEqual([]);
  });
});

describe('abort', () => {
  it('before the start, and again after it, does nothing', async () => {
    const { port } = await listen(upgrading(createServer()).server);
    const client = new Client(`ws://127.0.0.1:${port}`);
    client.opening.abort();
    await client.run();
    client.opening.abort();
    expect(client.log).toEqual(['upgraded']);
  });

  it('frees the socket and the timer, and the listener hears nothing more', async () => {
    const { port, sockets, count } = await listen(silent());
    const cleared = jest.spyOn(globalThis, 'clearTimeout');
    const client = new Client(`ws://127.0.0.1:${port}`, { handshakeTimeout: 1_000_000 });
    client.opening.start();
    const { request } = client.opening;
    await until('the socket', () => count() === 1);
    client.opening.abort();
    expect(cleared.mock.calls).toContainEqual([expect.objectContaining({ _idleTimeout: -1 })]);
    cleared.mockRestore();
    await closed(request!);
    await until('the end of the socket', () => sockets.size === 0);
    expect(client.log).toEqual([]);
  });

  it('works before there is a socket', async () => {
    const { port, sockets } = await listen(upgrading(createServer()).server);
    const client = new Client(`ws://127.0.0.1:${port}`);
    client.opening.start();
    const { request } = client.opening;
    client.opening.abort();
    await closed(request!);
    await until('the end of the socket', () => sockets.size === 0);
    expect(client.log).toEqual([]);
  });

  it('works while the request is finished', async () => {
    const client: Client = new Client('ws://127.0.0.1:1/', {
      finishRequest: () => client.opening.abort(),
    });
    client.opening.start();
    expect(client.opening.request).toBeUndefined();
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.log).toEqual([]);
  });
});

describe('an abort between two responses of one chunk', () => {
  it.each([
    '404 Not Found',
    '101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket',
  ])('ends with the first of them before a %j', async (status) => {
    const { port, sockets } = await listen(
      answering(`HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 ${status}\r\n\r\n`),
    );
    const client = new Client(`ws://127.0.0.1:${port}`);
    client.opening.start();
    const request = client.opening.request!;
    request.on('information', () => client.opening.abort());
    await closed(request);
    await until('the end of the socket', () => sockets.size === 0);
    expect(client.log).toEqual([]);
  });
});

describe('redirects', () => {
  /** Sends a request for /n to /n-1, and upgrades at /0. */
  const counting = () => {
    const { server, requests } = upgrading(createServer());
    const upgrade = server.listeners('upgrade')[0] as (...args: unknown[]) => void;
    const redirected: IncomingMessage[] = [];
    server.removeAllListeners('upgrade');
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const left = Number(request.url!.slice(1));
      if (left === 0) {
        upgrade.call(server, request, socket, head);
        return;
      }
      redirected.push(request);
      drain(socket);
      socket.write(`HTTP/1.1 307 Temporary Redirect\r\nLocation: /${String(left - 1)}\r\n\r\n`);
    });
    return { server, requests, redirected };
  };

  it('are followed with a key of their own and all fields, and the sockets of before are freed', async () => {
    const { server, requests, redirected } = counting();
    const { port, sockets, count } = await listen(server);
    const headers = { Authorization: 'x', Cookie: 'y', 'X-One': '1' };
    const client = new Client(`ws://127.0.0.1:${port}/2`, {
      headers,
      maxRedirects: 2,
      handshakeTimeout: 1_000_000,
    });
    expect((await client.run()).log).toEqual(['redirected /1', 'redirected /0', 'upgraded']);
    expect(client.opening.url.pathname).toBe('/0');
    expect(checkAnswer(client.response!, client.opening.offer).fault).toBeUndefined();
    const all = [...redirected, ...requests].map((request) => request.headers);
    expect(new Set(all.map((fields) => fields['sec-websocket-key'])).size).toBe(3);
    for (const fields of all) {
      expect(fields).toMatchObject({ authorization: 'x', cookie: 'y', 'x-one': '1' });
    }
    expect(count()).toBe(3);
    await until('the end of the sockets', () => sockets.size === 1);
  });

  it('are limited in number', async () => {
    const { port, sockets } = await listen(counting().server);
    for (const maxRedirects of [0, 2]) {
      const client = new Client(`ws://127.0.0.1:${port}/3`, { maxRedirects });
      const { fault, response } = await client.run();
      expect(fault).toStrictEqual({ code: 'too-many', maxRedirects });
      expect(response!.headers.location).toBe(`/${2 - maxRedirects}`);
    }
    await until('the end of the sockets', () => sockets.size === 0);
  });

  it('are not followed to what is not an address', async () => {
    const { port, sockets } = await listen(
      plain((_request, response) => response.writeHead(302, { Location: 'ftp://a/' }).end()),
    );
    const client = new Client(`ws://127.0.0.1:${port}/`, { maxRedirects: 1 });
    const { fault, log } = await client.run();
    expect(fault).toStrictEqual({ code: 'scheme', url: new URL('ftp://a/') });
    expect(log).toEqual(['refused 302']);
    await until('the end of the sockets', () => sockets.size === 0);
  });

  it('take no credentials to another host, nor out of TLS, nor the name for TLS', async () => {
    const { server, requests } = upgrading(createServer());
    const { port } = await listen(server);
    const other = upgrading(createSecureServer(CERTIFICATE));
    const { port: otherPort } = await listen(other.server);
    const names: unknown[] = [];
    other.server.on('secureConnection', (socket: TLSSocket & { servername: unknown }) =>
      names.push(socket.servername),
    );
    const secure = createSecureServer(CERTIFICATE, (request, response) => {
      const Location =
        request.url === '/down' ? `ws://127.0.0.1:${port}/` : `wss://127.0.0.1:${otherPort}/`;
      response.writeHead(302, { Location }).end();
    });
    const { port: securePort } = await listen(secure);
    for (const path of ['/down', '/other']) {
      const client = new Client(`wss://user:pass@127.0.0.1:${securePort}${path}`, {
        headers: { Cookie: 'y', Host: 'localhost', 'X-One': '1' },
        maxRedirects: 1,
        transport: { ca: CERTIFICATE.cert, servername: 'localhost' },
      });
      expect((await client.run()).log).toEqual(['redirected /', 'upgraded']);
    }
    expect(names).toEqual([false]);
    const hosts = [`127.0.0.1:${port}`, `127.0.0.1:${otherPort}`];
    [...requests, ...other.requests].forEach(({ headers }, at) => {
      expect(headers).toMatchObject({ host: hosts[at], 'x-one': '1' });
      expect(headers).not.toHaveProperty('cookie');
      expect(headers).not.toHaveProperty('authorization');
    });
  });

  it('never lead out of TLS with staysSecure', async () => {
    const { port } = await listen(
      createSecureServer(CERTIFICATE, (_request, response) => {
        response.writeHead(302, { Location: 'ws://127.0.0.1/' }).end();
      }),
    );
    const client = new Client(`wss://127.0.0.1:${port}/`, {
      maxRedirects: 1,
      staysSecure: true,
      transport: { rejectUnauthorized: false },
    });
    expect((await client.run()).fault).toEqual({ code: 'insecure' });
  });

  it('can be changed before they are sent', async () => {
    const { server, requests } = counting();
    const { port } = await listen(server);
    const client = new Client(`ws://127.0.0.1:${port}/1`, { maxRedirects: 1 });
    client.on = (_event, request) => request.setHeader('X-Late', '1');
    expect((await client.run()).log).toEqual(['redirected /0', 'upgraded']);
    expect(requests[0]!.headers['x-late']).toBe('1');
  });

  it('can be aborted, or their request destroyed, by the listener', async () => {
    const { server, requests } = counting();
    const { port, sockets } = await listen(server);
    const finished: string[] = [];
    const aborted = new Client(`ws://127.0.0.1:${port}/1`, {
      maxRedirects: 1,
      finishRequest: (request) => {
        finished.push(request.path);
        request.end();
      },
    });
    let last: Promise<void> | undefined;
    aborted.on = (_event, request) => {
      last = closed(request);
      aborted.opening.abort();
    };
    aborted.opening.start();
    await until('the redirect', () => last !== undefined);
    await last;
    expect(aborted.log).toEqual(['redirected /0']);
    expect(finished).toEqual(['/1']);

    const destroyed = new Client(`ws://127.0.0.1:${port}/1`, { maxRedirects: 1 });
    const error = new Error('told by the application');
    destroyed.on = (_event, request) => request.destroy(error);
    expect((await destroyed.run()).failure).toStrictEqual({ code: 'transport', error });
    expect(requests).toEqual([]);
    await until('the end of the sockets', () => sockets.size === 0);
  });

  it('fail when their request cannot be made', async () => {
    const { port } = await listen(
      plain((_request, response) => response.writeHead(302, { Location: 'wss://a/' }).end()),
    );
    const client = new Client(`ws://127.0.0.1:${port}/`, {
      maxRedirects: 1,
      transport: { agent: new Agent() },
    });
    expect((await client.run()).failure).toMatchObject({
      code: 'transport',
      error: { code: 'ERR_INVALID_PROTOCOL' },
    });
    expect(client.log).toEqual(['failed transport']);
  });
});
