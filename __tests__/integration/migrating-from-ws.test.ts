import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer as WsServer } from 'ws';
import { type ServerOptions, UpgradeRejection, WebSocketServer } from '../../src/index.js';

/** Rows of docs/migrating.md, "From ws": the old program and the new one do the same for the same client. */

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

type Options = NonNullable<ConstructorParameters<typeof WsServer>[0]>;

async function wsServer(options: Options = {}): Promise<WsServer> {
  const wss = new WsServer({ port: 0, host: '127.0.0.1', ...options });
  closers.push(() => {
    for (const client of wss.clients) client.terminate();
    wss.close();
  });
  await once(wss, 'listening');
  return wss;
}

async function hawserServer(options: ServerOptions = {}): Promise<WebSocketServer> {
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  closers.push(() => wss.close({ timeout: 0 }));
  await once(wss, 'listening');
  return wss;
}

interface Listening {
  address(): AddressInfo | string | null;
}

function connect(
  wss: Listening,
  path = '/',
  protocols: string[] = [],
  options: { perMessageDeflate?: boolean; origin?: string; autoPong?: boolean } = {},
): WebSocket {
  const { port } = wss.address() as AddressInfo;
  const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, options);
  closers.push(() => {
    client.terminate();
  });
  return client;
}

/** The answer to a handshake: its headers, and whether it was a 101. */
async function answer(client: WebSocket): Promise<IncomingMessage> {
  return Promise.race([
    once(client, 'upgrade').then(([response]) => response as IncomingMessage),
    once(client, 'unexpected-response').then(([, response]) => response as IncomingMessage),
  ]);
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += chunk as string;
  return body;
}

describe('what a program for ws does, hawser does by another name', () => {
  it('verifyClient with a callback becomes authorize, with the same status, headers and body', async () => {
    const old = await wsServer({
      verifyClient: ({ req }, done) => {
        if (req.url === '/in') done(true);
        else done(false, 401, 'log in first', { 'WWW-Authenticate': 'Basic' });
      },
    });
    const wss = await hawserServer({
      authorize: (request) => {
        if (request.url === '/in') return;
        throw new UpgradeRejection(401, {
          body: 'log in first',
          headers: { 'WWW-Authenticate': 'Basic' },
        });
      },
    });
    for (const server of [old, wss]) {
      expect((await answer(connect(server, '/in'))).statusCode).toBe(101);
      const refused = await answer(connect(server, '/out'));
      expect(refused.statusCode).toBe(401);
      expect(refused.headers['www-authenticate']).toBe('Basic');
      expect((await bodyOf(refused)).trim()).toBe('log in first');
    }
  });

  it('verifyClient by origin becomes the option origin', async () => {
    const old = await wsServer({
      verifyClient: ({ origin }: { origin: string }) => origin === 'https://app.example',
    });
    const wss = await hawserServer({ origin: ['https://app.example'], logger: silent });
    const statuses = async (server: Listening, refusal: number): Promise<void> => {
      const good = connect(server, '/', [], { origin: 'https://app.example' });
      const bad = connect(server, '/', [], { origin: 'https://evil.example' });
      expect((await answer(good)).statusCode).toBe(101);
      expect((await answer(bad)).statusCode).toBe(refusal);
    };
    await statuses(old, 401);
    await statuses(wss, 403);
  });

  it("the 'headers' event becomes what authorize returns", async () => {
    const old = await wsServer();
    old.on('headers', (headers) => headers.push('Set-Cookie: seen=1', 'X-Node: a'));
    const wss = await hawserServer({
      authorize: () => ({ headers: { 'Set-Cookie': 'seen=1', 'X-Node': 'a' } }),
    });
    for (const server of [old, wss]) {
      const { headers } = await answer(connect(server));
      expect(headers).toMatchObject({ 'set-cookie': ['seen=1'], 'x-node': 'a' });
    }
  });

  it('handleProtocols becomes subprotocols, in either form', async () => {
    const old = await wsServer({
      handleProtocols: (offered) => (offered.has('v2') ? 'v2' : false),
    });
    const list = await hawserServer({ subprotocols: ['v2'] });
    const choice = await hawserServer({
      subprotocols: (offered: readonly string[]) => (offered.includes('v2') ? 'v2' : undefined),
    });
    for (const server of [old, list, choice]) {
      const client = connect(server, '/', ['v1', 'v2']);
      await once(client, 'open');
      expect(client.protocol).toBe('v2');
    }
  });

  it('{ server, path } becomes the first argument and an option', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    closers.push(() => server.close());
    await once(server, 'listening');
    const wss = new WebSocketServer(server, { path: '/live' });
    closers.push(() => wss.close({ timeout: 0 }));
    expect((await answer(connect(server, '/live?room=1'))).statusCode).toBe(101);
    expect((await answer(connect(server, '/other'))).statusCode).toBe(404);
  });

  it('a heartbeat of setInterval, ping and terminate is there already', async () => {
    const wss = await hawserServer({ heartbeat: { interval: 50, timeout: 200 } });
    const [deaf, lively] = [{ autoPong: false }, {}].map((options) =>
      connect(wss, '/', [], options),
    );
    const [code] = (await once(deaf!, 'close')) as [number];
    expect(code).toBe(1006);
    expect(lively!.readyState).toBe(WebSocket.OPEN);
    expect(wss.connections.size).toBe(1);
  });

  it('terminate ends a connection without a Close', async () => {
    const old = await wsServer();
    old.on('connection', (ws) => ws.terminate());
    const wss = await hawserServer();
    wss.on('connection', (conn) => conn.terminate());
    for (const server of [old, wss]) {
      expect((await once(connect(server), 'close'))[0]).toBe(1006);
    }
  });

  it('bufferedAmount counts what the kernel has not taken', async () => {
    const old = await wsServer();
    const wss = await hawserServer();
    const amounts = await Promise.all(
      [old, wss].map(async (server) => {
        const connected = once(server, 'connection') as Promise<
          [{ bufferedAmount: number } & Sends]
        >;
        connect(server).on('open', function () {
          this.pause();
        });
        const [connection] = await connected;
        // What a paused client and both kernels take is far less.
        for (let count = 0; count < 10; count++) connection.send(Buffer.alloc(1024 * 1024));
        return connection.bufferedAmount;
      }),
    );
    for (const amount of amounts) expect(amount).toBeGreaterThan(1024 * 1024);
  });

  it('clients becomes connections, and a closed one has left it', async () => {
    const wss = await hawserServer();
    const client = connect(wss);
    const [conn] = (await once(wss, 'connection')) as [{ ended?: boolean } & Closes];
    expect(wss.connections.size).toBe(1);
    await once(client, 'open');
    client.close();
    await once(conn as never, 'close');
    expect(wss.connections.size).toBe(0);
  });

  it.each([
    ['true', true, { contextTakeover: 'both', windowBits: 15 }],
    [
      'without takeover',
      { serverNoContextTakeover: true, clientNoContextTakeover: true },
      { contextTakeover: 'none' },
    ],
    [
      'takeover by the client only',
      { serverNoContextTakeover: true },
      { contextTakeover: 'client' },
    ],
    [
      'takeover by the server only',
      { clientNoContextTakeover: true },
      { contextTakeover: 'server' },
    ],
  ] as const)('perMessageDeflate %s has its counterpart', async (_name, theirs, ours) => {
    const old = await wsServer({ perMessageDeflate: theirs });
    const wss = await hawserServer({ perMessageDeflate: ours });
    const agreed = await Promise.all(
      [old, wss].map(async (server) => {
        const client = connect(server, '/', [], { perMessageDeflate: true });
        const { headers } = await answer(client);
        return (headers['sec-websocket-extensions'] ?? '')
          .split(/; */)
          .filter((parameter) => parameter === 'client_no_context_takeover')
          .sort();
      }),
    );
    expect(agreed[1]).toEqual(agreed[0]);
  });

  it('the remaining options of ws for compression are refused by name', () => {
    for (const option of ['zlibDeflateOptions', 'concurrencyLimit', 'serverMaxWindowBits']) {
      expect(
        () => new WebSocketServer({ noServer: true, perMessageDeflate: { [option]: 1 } }),
      ).toThrow(option);
    }
  });
});

const silent = { warn: (): void => undefined, error: (): void => undefined };
interface Sends {
  send(data: Buffer): unknown;
}
interface Closes {
  on(event: 'close', listener: () => void): unknown;
}
