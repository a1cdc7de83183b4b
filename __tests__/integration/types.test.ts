/* eslint jest/expect-expect: off, @typescript-eslint/no-unused-vars: off, @typescript-eslint/no-meaningless-void-operator: off, @typescript-eslint/no-unnecessary-type-parameters: off, @typescript-eslint/no-misused-promises: off -- what is named here is named for its type */
/**
 * What the compiler accepts and refuses. `npm run typecheck` is the judge: a line under `@ts-expect-error` that
 * compiles fails it. Jest only shows that the rest runs.
 */
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import * as net from 'node:net';
import {
  type AuthorizeResult,
  type CloseInfo,
  type Message,
  type PreparedMessage,
  SharedLimits,
  UpgradeRejection,
  type WebSocketConnection,
  WebSocketServer,
} from '../../src/index.js';

interface User {
  name: string;
  admin: boolean;
}

/** Compiles only if both types are the same. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(proof: Same<A, B>): void => void proof;

test('the context of authorize flows to the connection, wherever it comes from', async () => {
  const wss = new WebSocketServer<User>({
    noServer: true,
    authorize: async (request, { signal }): Promise<AuthorizeResult<User>> => {
      same<typeof signal, AbortSignal>(true);
      if (request.headers.authorization === undefined) throw new UpgradeRejection(401);
      return { context: { name: 'Ann', admin: false } };
    },
  });
  wss.on('connection', (conn, request) => {
    same<typeof conn, WebSocketConnection<User>>(true);
    same<typeof conn.context, User>(true);
    same<typeof request.url, string | undefined>(true);
    // @ts-expect-error -- a User has no such property
    void conn.context.email;
    // @ts-expect-error -- it is read-only
    conn.context = { name: 'Eve', admin: true };
  });
  for (const conn of wss.connections) same<typeof conn.context, User>(true);
  wss.broadcast('x', { filter: (conn) => conn.context.admin });
  wss.on('connectionError', (error, conn) => {
    same<typeof error, Error>(true);
    same<typeof conn.context, User>(true);
  });
  type Handled = Awaited<ReturnType<typeof wss.handleUpgrade>>;
  same<Handled, WebSocketConnection<User> | undefined>(true);
  await wss.close();
});

test('a context of the wrong shape is refused', async () => {
  const nameOnly = () => ({ context: { name: 'Ann' } });
  // @ts-expect-error -- `admin` is missing
  const wss = new WebSocketServer<User>({ noServer: true, authorize: nameOnly });
  const promise = async () => ({ context: 'Ann' });
  // @ts-expect-error -- a promise of something else
  const other = new WebSocketServer<User>({ noServer: true, authorize: promise });
  await Promise.all([wss.close(), other.close()]);
});

test('without a type the context is undefined', async () => {
  const wss = new WebSocketServer({ noServer: true, authorize: () => {} });
  wss.on('connection', (conn) => {
    same<typeof conn.context, undefined>(true);
  });
  await wss.close();
});

test('events have their names and arguments', async () => {
  const wss = new WebSocketServer({ noServer: true });
  wss.on('connection', (conn) => {
    conn.on('message', (data, isBinary) => {
      same<typeof data, Message>(true);
      same<typeof data, string | Buffer>(true);
      same<typeof isBinary, boolean>(true);
    });
    conn.once('close', (code, reason, info) => {
      same<typeof code, number>(true);
      same<typeof reason, string>(true);
      same<typeof info, CloseInfo>(true);
    });
    conn.on('closing', (_code, _reason, reply) => {
      reply();
      // @ts-expect-error -- the code comes first
      reply('bye');
    });
    conn.on('frame', ({ opcode, fin }) => {
      same<typeof fin, boolean>(true);
      void opcode;
    });
    // @ts-expect-error -- there is no such event
    conn.on('mesage', () => {});
    // @ts-expect-error -- nor this one, once
    conn.once('open', () => {});
    // @ts-expect-error -- nor can it be taken away
    conn.off('data', () => {});
    // @ts-expect-error -- a listener's argument is not what one likes
    conn.on('message', (data: number) => data);
    // @ts-expect-error -- the server's events are not the connection's
    conn.on('rejected', () => {});
  });
  wss.on('rejected', ({ status, reason }) => {
    same<typeof status, number>(true);
    same<typeof reason, string>(true);
  });
  // @ts-expect-error -- there is no such event
  wss.on('conection', () => {});
  // @ts-expect-error -- the connection's events are not the server's
  wss.on('message', () => {});
  // @ts-expect-error -- and are not emitted there
  wss.emit('message', 'x');
  await wss.close();
});

test('options and data have their types', async () => {
  const wrong = (): unknown[] => [
    // @ts-expect-error -- a misspelt option
    new WebSocketServer({ noServer: true, maxPayloadd: 1 }),
    // @ts-expect-error -- an option of the wrong type
    new WebSocketServer({ noServer: true, maxPayload: '1' }),
    // @ts-expect-error -- not one of the words
    new WebSocketServer({ noServer: true, textAs: 'bytes' }),
    // @ts-expect-error -- neither a server nor a port nor noServer
    new WebSocketServer({}),
  ];
  expect(wrong).toThrow(TypeError);

  const wss = new WebSocketServer({ noServer: true });
  const prepared: PreparedMessage = wss.prepare('x');
  wss.broadcast(prepared);
  wss.on('connection', async (conn) => {
    same<ReturnType<typeof conn.send>, boolean>(true);
    conn.send(new Uint8Array(1), { binary: true }, (error) => {
      same<typeof error, Error | undefined>(true);
    });
    // @ts-expect-error -- a number is not data
    conn.send(1);
    // @ts-expect-error -- nor is an object
    conn.send({ json: true });
    for await (const message of conn) same<typeof message, Message>(true);
    const info = await conn.close();
    same<typeof info, CloseInfo>(true);
  });
  await wss.close();
});

test('what works is not refused: servers of each kind, and a union of them', async () => {
  const certificates = {};
  // What `serve()` of @hono/node-server returns.
  const serve = (): http.Server | http2.Http2Server | http2.Http2SecureServer =>
    http.createServer();
  const servers = [
    new WebSocketServer(serve()),
    new WebSocketServer(http.createServer(), { path: '/' }),
    new WebSocketServer(https.createServer(certificates)),
    new WebSocketServer(http2.createSecureServer({ ...certificates, allowHTTP1: true })),
  ];
  // @ts-expect-error -- a net.Server has no upgrades
  expect(() => new WebSocketServer(net.createServer())).toThrow(TypeError);
  for (const wss of servers) await wss.close();
});

test('a server and a connection with a context are ones whose context is unknown', async () => {
  const users = new WebSocketServer<User>({ noServer: true });
  const count = (wss: WebSocketServer<unknown>): number => wss.connections.size;
  const greet = (conn: WebSocketConnection<unknown>): boolean => conn.send('hello');
  count(users);
  users.on('connection', (conn) => void greet(conn));
  const all: WebSocketServer<unknown>[] = [users, new WebSocketServer({ noServer: true })];
  for (const wss of all) for (const conn of wss.connections) greet(conn);
  // @ts-expect-error -- the other way round nothing is known of the context
  const named: WebSocketServer<User> = all[0]!;
  await Promise.all([...all, named].map((wss) => wss.close()));
});

test('authorize is handed a URL and what the path matched', async () => {
  const wss = new WebSocketServer({
    noServer: true,
    path: /^\/rooms\/(?<room>\w+)$/,
    authorize: (_request, { signal, url, match }) => {
      same<typeof signal, AbortSignal>(true);
      same<typeof url, URL>(true);
      same<typeof match, RegExpExecArray | undefined>(true);
    },
  });
  await wss.close();
});

test('headers have any of their forms', async () => {
  const all: AuthorizeResult<undefined>[] = [
    { headers: { 'Set-Cookie': ['a=1', 'b=2'], 'Retry-After': 5, 'X-Absent': undefined } },
    { headers: new Headers() },
    { headers: new Map([['X-A', '1']]) },
    { headers: [['X-A', '1']] },
    // @ts-expect-error -- a text has no names
    { headers: 'X-A: 1' },
    // @ts-expect-error -- the user in place of { context: user }
    { id: 7 },
  ];
  void new UpgradeRejection(401, { headers: new Headers() });
  expect(all).toHaveLength(6);
});

test('limits are shared, proxies are networks', async () => {
  const limits = new SharedLimits({ maxConnections: 1 });
  const wss = new WebSocketServer({ noServer: true, limits, trustProxy: ['10.0.0.0/8'] });
  // @ts-expect-error -- an object of limits is not shared
  expect(() => new WebSocketServer({ noServer: true, limits: { maxConnections: 1 } })).toThrow();
  await wss.close();
});
