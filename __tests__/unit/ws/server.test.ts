import { once } from 'node:events';
import { createServer, type IncomingMessage, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { connect as netConnect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { WebSocket as Client } from 'ws';
import { WebSocketServer } from '../../../src/ws/server.js';
import type { ServerOptions } from '../../../src/ws/server-options.js';
import { WebSocket } from '../../../src/ws/web-socket.js';

const servers: (WebSocketServer | Server)[] = [];
const clients: Client[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate();
  await Promise.all(
    servers.splice(0).map(
      (server) =>
        new Promise<void>((done) => {
          if (server instanceof WebSocketServer)
            for (const each of (server.clients as Set<WebSocket> | undefined) ?? [])
              each.terminate();
          server.close(() => {
            done();
          });
        }),
    ),
  );
});

/** A server on a port of its own that listens. */
async function listening(options: ServerOptions = {}): Promise<WebSocketServer> {
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  servers.push(wss);
  await once(wss, 'listening');
  return wss;
}

const portOf = (server: WebSocketServer | Server): number => (server.address() as AddressInfo).port;

/** A client of ws; it need not get through. */
function connect(server: WebSocketServer | Server, path = '/', protocols: string[] = []): Client {
  const client = new Client(`ws://127.0.0.1:${portOf(server)}${path}`, protocols);
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

const SILENT = { warn: () => undefined, error: () => undefined };
const HANDSHAKE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  'Sec-WebSocket-Version': '13',
};

/** The answer to an upgrade request that is not accepted. */
async function refusal(
  server: WebSocketServer | Server,
  headers: Record<string, string>,
  path = '/',
): Promise<{ status: number | undefined; body: string; headers: IncomingMessage['headers'] }> {
  const request = httpRequest({ host: '127.0.0.1', port: portOf(server), path, headers });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode, body, headers: response.headers };
}

describe('WebSocketServer, its options', () => {
  it.each<[string, ServerOptions | undefined]>([
    ['nothing', undefined],
    ['a port and no server', { port: 0, noServer: true }],
    ['a server and a port', { port: 0, server: createServer() }],
  ])('needs one of port, server and noServer, not %s', (_name, options) => {
    expect(() => new WebSocketServer(options)).toThrow(
      new TypeError(
        'One and only one of the "port", "server", or "noServer" options must be specified',
      ),
    );
  });

  it('shows them, with the defaults of ws', () => {
    const wss = new WebSocketServer({ noServer: true, perMessageDeflate: true });
    expect(wss.options).toMatchObject({
      maxPayload: 104_857_600,
      perMessageDeflate: {},
      WebSocket,
    });
  });

  it('checks those of permessage-deflate at once', () => {
    for (const perMessageDeflate of [{ threshold: -1 }, { serverMaxWindowBits: 16 }]) {
      expect(() => new WebSocketServer({ noServer: true, perMessageDeflate })).toThrow(TypeError);
    }
  });

  it('reads them at each upgrade', async () => {
    const wss = await listening();
    wss.options.maxPayload = 10;
    wss.options.perMessageDeflate = true;
    const failed = once(wss, 'connection').then(async ([ws]) => once(ws as WebSocket, 'error'));
    const client = connect(wss);
    await once(client, 'open');
    expect(client.extensions).toBe('permessage-deflate');
    client.send('x'.repeat(11), { compress: false });
    expect(await failed).toMatchObject([{ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' }]);
  });

  it('calls back when a server of its own listens, and answers plain requests with 426', async () => {
    const wss = await new Promise<WebSocketServer>((done) => {
      const made: WebSocketServer = new WebSocketServer(
        { port: 0, host: '127.0.0.1', backlog: 5 },
        () => {
          done(made);
        },
      );
      servers.push(made);
    });
    const answer = await refusal(wss, {});
    expect([answer.status, answer.body]).toEqual([426, 'Upgrade Required']);
    expect(wss.address()).toMatchObject({ address: '127.0.0.1' });
  });

  it('has no address without a server, or before that listens', () => {
    expect(() => new WebSocketServer({ noServer: true }).address()).toThrow(
      'The server is operating in "noServer" mode',
    );
    expect(new WebSocketServer({ server: createServer() }).address()).toBeNull();
  });

  it('passes on the events of the http.Server, and leaves it at close', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    servers.push(server);
    const wss = new WebSocketServer({ server });
    await once(wss, 'listening');
    const [first, second] = [new Error('first'), new Error('second')];
    const told: Error[] = [];
    wss.on('error', (error) => told.push(error));
    server.emit('error', first);
    wss.close();
    await once(wss, 'close');
    server.on('error', () => undefined).emit('error', second);
    expect(told).toEqual([first]);
    expect(server.listenerCount('upgrade')).toBe(0);
  });
});

describe('WebSocketServer, an upgrade', () => {
  it('emits the connection with its request, then what came with the handshake', async () => {
    const wss = await listening();
    const events: string[] = [];
    wss.on('connection', (ws, request) => {
      events.push(`connection ${request.url}`);
      ws.on('message', (data) => events.push(`message ${(data as Buffer).toString()}`));
    });
    const socket = netConnect(portOf(wss), '127.0.0.1');
    const head = Object.entries({ Host: 'x', ...HANDSHAKE }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    socket.write(`GET /a?b HTTP/1.1\r\n${head.join('')}\r\n`);
    // "Hi", masked with zeros, in the packet of the handshake or after it
    socket.write(Buffer.from('8182000000004869', 'hex'));
    await once(socket, 'data');
    while (events.length < 2) await new Promise(setImmediate);
    expect(events).toEqual(['connection /a?b', 'message Hi']);
    socket.destroy();
  });

  it.each<[string, Record<string, string>, number, string]>([
    ['another protocol', { ...HANDSHAKE, Upgrade: 'h2c' }, 400, 'Invalid Upgrade header'],
    [
      'a bad key',
      { ...HANDSHAKE, 'Sec-WebSocket-Key': 'x' },
      400,
      'Missing or invalid Sec-WebSocket-Key header',
    ],
    [
      'a repeated subprotocol',
      { ...HANDSHAKE, 'Sec-WebSocket-Protocol': 'a, a' },
      400,
      'Invalid Sec-WebSocket-Protocol header',
    ],
    [
      'offers that cannot be read',
      { ...HANDSHAKE, 'Sec-WebSocket-Extensions': ';' },
      400,
      'Invalid or unacceptable Sec-WebSocket-Extensions header',
    ],
    [
      'offers that cannot be accepted',
      { ...HANDSHAKE, 'Sec-WebSocket-Extensions': 'permessage-deflate; x' },
      400,
      'Invalid or unacceptable Sec-WebSocket-Extensions header',
    ],
  ])('is refused for %s', async (_name, headers, status, body) => {
    const wss = await listening({ perMessageDeflate: {} });
    expect(await refusal(wss, headers)).toMatchObject({ status, body });
  });

  it('is left to the listeners of wsClientError, if there are any', async () => {
    const wss = await listening();
    wss.on('wsClientError', (error, socket, request) => {
      socket.end(`HTTP/1.1 499 Mine\r\n\r\n${error.message} ${request.method}`);
    });
    const { status, body } = await refusal(wss, { ...HANDSHAKE, 'Sec-WebSocket-Version': '7' });
    expect([status, body]).toEqual([499, 'Missing or invalid Sec-WebSocket-Version header GET']);
  });

  it('is for its path only, or for what shouldHandle says', async () => {
    const wss = await listening({ path: '/here' });
    expect(await refusal(wss, HANDSHAKE, '/there')).toMatchObject({
      status: 400,
      body: 'Bad Request',
    });
    await once(connect(wss, '/here?x'), 'open');
    wss.shouldHandle = (request) => request.url === '/there';
    await once(connect(wss, '/there'), 'open');
  });

  it('asks verifyClient at once', async () => {
    const seen: unknown[] = [];
    const wss = await listening({
      verifyClient: ({
        origin,
        secure,
        req,
      }: {
        origin: string | undefined;
        secure: boolean;
        req: IncomingMessage;
      }) => {
        seen.push([origin, secure, req.url]);
        return req.url === '/yes';
      },
    });
    const headers = { ...HANDSHAKE, Origin: 'https://a.example' };
    expect(await refusal(wss, headers, '/no')).toMatchObject({ status: 401, body: 'Unauthorized' });
    await once(connect(wss, '/yes'), 'open');
    expect(seen).toEqual([
      ['https://a.example', false, '/no'],
      [undefined, false, '/yes'],
    ]);
  });

  it('waits for an async verifyClient, whose promise is no yes', async () => {
    const verifyClient = (({ req }: { req: IncomingMessage }) =>
      Promise.resolve(req.url === '/yes')) as never;
    const wss = await listening({ verifyClient });
    expect(await refusal(wss, HANDSHAKE, '/no')).toMatchObject({ status: 401 });
    await once(connect(wss, '/yes'), 'open');
    expect(wss.clients.size).toBe(1);
  });

  it('refuses with 500 where an async verifyClient fails, and the rejection is not handled', async () => {
    let surfaced: Promise<unknown> | undefined;
    const verifyClient = (): Promise<unknown> => {
      const rejection: Promise<unknown> = Promise.reject(new Error('mine'));
      const then = rejection.then.bind(rejection);
      jest.spyOn(rejection, 'then').mockImplementation((...args) => {
        surfaced = then(...args);
        surfaced.catch(() => undefined); // or Node would end this process, too
        return surfaced;
      });
      return rejection;
    };
    const wss = await listening({ verifyClient: verifyClient as never });
    expect(await refusal(wss, HANDSHAKE)).toMatchObject({ status: 500 });
    await expect(surfaced).rejects.toThrow('mine');
  });

  it('tells which option is not a function, also where a program has replaced it', () => {
    const wss = new WebSocketServer({ noServer: true });
    wss.options.verifyClient = 'x' as never;
    const upgrade = () => {
      wss.handleUpgrade({} as never, new PassThrough(), Buffer.alloc(0), () => undefined);
    };
    expect(upgrade).toThrow(/^hawser\/ws: expected option verifyClient to be a function, got x/);
  });

  it('takes a callback of close that is falsy for none, and refuses another', () => {
    for (const callback of [undefined, null, 0, '']) {
      const wss = new WebSocketServer({ noServer: true });
      wss.close(callback as never);
      expect(() => {
        wss.close('x' as never);
      }).toThrow(/^close: expected the callback to be a function, got x/);
    }
  });

  it('asks a verifyClient with a callback', async () => {
    const wss = await listening({
      verifyClient: ({ req }, verdict) => {
        setImmediate(() => {
          if (req.url === '/yes') verdict(true);
          else if (req.url === '/no') verdict(false);
          else if (req.url === '/zero') verdict(false, 0);
          else verdict(false, 403, 'not you', { 'X-Why': 'because' });
        });
      },
    });
    expect(await refusal(wss, HANDSHAKE, '/no')).toMatchObject({ status: 401 });
    expect(await refusal(wss, HANDSHAKE, '/zero')).toMatchObject({ status: 401 });
    const { status, body, headers } = await refusal(wss, HANDSHAKE, '/other');
    expect([status, body, headers['x-why']]).toEqual([403, 'not you', 'because']);
    await once(connect(wss, '/yes'), 'open');
  });

  it('knows an encrypted transport, and a request without a socket', () => {
    const seen: boolean[] = [];
    const wss = new WebSocketServer({
      noServer: true,
      verifyClient: ({ secure }: { secure: boolean }) => {
        seen.push(secure);
        return false;
      },
    });
    const headers = Object.fromEntries(
      Object.entries(HANDSHAKE).map(([name, value]) => [name.toLowerCase(), value]),
    );
    for (const socket of [undefined, { authorized: true }, { encrypted: true }, {}]) {
      const request = { method: 'GET', url: '/', headers, socket } as unknown as IncomingMessage;
      wss.handleUpgrade(
        request,
        new Duplex({
          read() {},
          write(_c, _e, done) {
            done();
          },
        }),
        Buffer.alloc(0),
        () => undefined,
      );
    }
    expect(seen).toEqual([false, true, true, false]);
  });

  it("takes the client's first subprotocol, or what handleProtocols chooses", async () => {
    const wss = await listening();
    const first = connect(wss, '/', ['b', 'a']);
    await once(first, 'open');
    expect(first.protocol).toBe('b');
    let choice: string | false = 'a';
    wss.options.handleProtocols = (names, request) => {
      expect([[...names], request.url]).toEqual([['b', 'a'], '/']);
      return choice;
    };
    const second = connect(wss, '/', ['b', 'a']);
    const [[ws]] = (await Promise.all([once(wss, 'connection'), once(second, 'open')])) as [
      [WebSocket],
      unknown,
    ];
    expect([second.protocol, ws.protocol]).toEqual(['a', 'a']);
    for (choice of [false as const, '']) {
      const refused = connect(wss, '/', ['b', 'a']);
      const [error] = (await once(refused, 'error')) as [Error];
      expect(error.message).toBe('Server sent no subprotocol');
    }
  });

  it('shows the lines of the 101, which may be changed', async () => {
    const wss = await listening();
    wss.on('headers', (lines, request) => {
      expect(lines[0]).toBe('HTTP/1.1 101 Switching Protocols');
      lines.push(`X-Path: ${request.url}`);
    });
    const client = connect(wss, '/path');
    const [response] = (await once(client, 'upgrade')) as [IncomingMessage];
    expect(response.headers['x-path']).toBe('/path');
  });

  it('makes connections of the class that it is told', async () => {
    class Mine extends WebSocket {}
    const wss = await listening({ WebSocket: Mine, clientTracking: false });
    const [[ws]] = (await Promise.all([once(wss, 'connection'), once(connect(wss), 'open')])) as [
      [WebSocket],
      unknown,
    ];
    expect(ws).toBeInstanceOf(Mine);
    expect(wss.clients).toBeUndefined();
    ws.terminate();
  });

  it('refuses a socket twice, one that has ended, and all once it closes', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const wss = new WebSocketServer({ noServer: true });
    const upgraded = once(server, 'upgrade') as Promise<[IncomingMessage, Socket, Buffer]>;
    const client = connect(server);
    const [request, socket, head] = await upgraded;
    const made: WebSocket[] = [];
    wss.handleUpgrade(request, socket, head, (ws) => made.push(ws));
    expect(() => {
      wss.handleUpgrade(request, socket, head, (ws) => made.push(ws));
    }).toThrow('server.handleUpgrade() was called more than once with the same socket');
    expect(made).toHaveLength(1);
    await once(client, 'open');
    client.close();
    await once(client, 'close');

    server.once('upgrade', (other: IncomingMessage, ended: Socket) => {
      ended.end();
      wss.handleUpgrade(other, ended, Buffer.alloc(0), (ws) => made.push(ws));
      expect(ended.destroyed).toBe(true);
    });
    await once(connect(server), 'error');

    wss.close();
    server.once('upgrade', (...args: [IncomingMessage, Socket, Buffer]) => {
      wss.handleUpgrade(...args, (ws) => made.push(ws));
    });
    const [error] = (await once(connect(server), 'error')) as [Error];
    expect(error.message).toBe('Unexpected server response: 503');
    expect(made).toHaveLength(1);
  });

  it('obeys the limits of hawser, if it has any', async () => {
    const wss = await listening({
      hawser: { origin: ['https://a.example'], maxConnections: 1, logger: SILENT },
    });
    const refused = await refusal(wss, { ...HANDSHAKE, Origin: 'https://b.example' });
    expect([refused.status, refused.body]).toEqual([403, 'this origin is not allowed']);
    const client = connect(wss);
    await once(client, 'open');
    expect(await refusal(wss, HANDSHAKE)).toMatchObject({ status: 503 });
  });

  it('throws what a function among those limits throws', () => {
    const origin = () => {
      throw new Error('mine');
    };
    const wss = new WebSocketServer({ noServer: true, hawser: { origin, logger: SILENT } });
    const headers = Object.fromEntries(
      Object.entries({ ...HANDSHAKE, Host: 'x', Origin: 'https://a.example' }).map(
        ([name, value]) => [name.toLowerCase(), value],
      ),
    );
    const request = {
      method: 'GET',
      url: '/',
      httpVersion: '1.1',
      headers,
      socket: undefined,
    } as unknown as IncomingMessage;
    const socket = new Duplex({
      read() {},
      write(_c, _e, done) {
        done();
      },
    });
    expect(() => {
      wss.handleUpgrade(request, socket, Buffer.alloc(0), () => undefined);
    }).toThrow('mine');
  });
});

describe('WebSocketServer, its end', () => {
  it('comes after the last connection has ended, and is told once to each', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    servers.push(server);
    const wss = new WebSocketServer({ server });
    await once(wss, 'listening');
    const [first, second] = [connect(server), connect(server)];
    await Promise.all([once(first, 'open'), once(second, 'open')]);
    const told: (Error | undefined)[] = [];
    wss.close((error) => told.push(error));
    wss.close((error) => told.push(error));
    expect(wss.clients.size).toBe(2);
    first.close();
    await once(first, 'close');
    expect(told).toEqual([]);
    second.close();
    await once(wss, 'close');
    expect(told).toEqual([undefined, undefined]);
    wss.close((error) => told.push(error));
    await once(wss, 'close');
    expect(told[2]).toEqual(new Error('The server is not running'));
    wss.close();
    await once(wss, 'close');
  });

  it('comes at once without connections, or if they are not tracked', async () => {
    for (const clientTracking of [true, false]) {
      const wss = new WebSocketServer({ noServer: true, clientTracking });
      wss.close();
      expect(await once(wss, 'close')).toEqual([]);
    }
  });

  it('comes to a server on all addresses, too', async () => {
    const wss = new WebSocketServer({ port: 0 });
    await once(wss, 'listening');
    const { address } = wss.address() as AddressInfo;
    wss.close();
    await once(wss, 'close');
    expect(['::', '0.0.0.0']).toContain(address);
  });

  it('of a server of its own comes with the end of its http.Server', async () => {
    const wss = await listening();
    const client = connect(wss);
    await once(client, 'open');
    let closed = false;
    wss.close(() => (closed = true));
    servers.pop();
    expect(wss.address()).toBeNull();
    client.close();
    await once(wss, 'close');
    expect(closed).toBe(true);
  });
});
