import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { checkedMaker, openSecureSocket, openSocket } from '../../../src/client/connect-socket.js';
import { CERTIFICATE } from '../../support/certificate.js';

const open: { destroy?(): void; close?(): void }[] = [];
const folder = mkdtempSync(join(tmpdir(), 'hawser-'));

afterEach(() => {
  for (const each of open.splice(0)) (each.destroy ?? each.close)!.call(each);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Listens, and gives the address and the first socket that comes. */
async function listen<S extends Socket>(
  server: Server,
  event: string,
  at: number | string = 0,
): Promise<{ port: number; accepted: Promise<S> }> {
  server.on(event, (socket: S) => open.push(socket));
  open.push(server);
  if (typeof at === 'string') server.listen(at);
  else server.listen(at, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, event).then(([socket]) => socket as S);
  return { port: (server.address() as AddressInfo).port, accepted };
}

async function connected<S extends Socket>(socket: S, event = 'connect'): Promise<S> {
  open.push(socket);
  await once(socket, event);
  return socket;
}

describe('openSocket', () => {
  it('connects to a host, although there is a path', async () => {
    const { port, accepted } = await listen(createServer(), 'connection');
    const socket = await connected(openSocket({ host: '127.0.0.1', port, path: '/chat' }));
    expect((await accepted).remotePort).toBe(socket.localPort);
  });

  it('connects to a Unix socket', async () => {
    const socketPath = join(folder, 'plain.sock');
    const { accepted } = await listen(createServer(), 'connection', socketPath);
    const socket = await connected(openSocket({ host: '', port: 80, path: '/chat', socketPath }));
    socket.write('hello');
    expect(String((await once(await accepted, 'data'))[0])).toBe('hello');
  });
});

describe('openSecureSocket', () => {
  const secure = () => createTlsServer(CERTIFICATE);
  const ca = CERTIFICATE.cert;

  it.each([
    ['localhost', undefined, 'localhost'],
    ['127.0.0.1', undefined, false],
    ['127.0.0.1', 'localhost', 'localhost'],
    ['localhost', '', false],
  ])('calls the server %s with the option %j by the name %j', async (host, name, sent) => {
    const { port, accepted } = await listen<TLSSocket>(secure(), 'secureConnection');
    const options = { host, port, path: '/chat', ca, family: 4 };
    const named = name === undefined ? options : { ...options, servername: name };
    const socket = await connected(openSecureSocket(named), 'secureConnect');
    expect(socket.authorized).toBe(true);
    // @types/node does not know it.
    expect(((await accepted) as TLSSocket & { servername: unknown }).servername).toBe(sent);
  });

  it('connects to a Unix socket, and checks the certificate by the name', async () => {
    const socketPath = join(folder, 'secure.sock');
    const { accepted } = await listen(secure(), 'secureConnection', socketPath);
    const options = { host: 'localhost', port: 443, path: '/chat', socketPath, ca };
    const socket = await connected(openSecureSocket(options), 'secureConnect');
    await accepted;
    expect(socket.authorized).toBe(true);
  });

  it('checks the certificate by the host without a name', async () => {
    const { port } = await listen(secure(), 'secureConnection');
    const socket = openSecureSocket({ port, ca });
    open.push(socket);
    await once(socket, 'secureConnect');
    expect(socket.authorized).toBe(true);
  });
});

describe('checkedMaker', () => {
  /** What the callback gets, or what is returned or thrown if that comes first. */
  const made = (create: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const callback = (error: Error | null, stream?: unknown): void => {
        if (error === null) resolve(stream);
        else reject(error);
      };
      const maker = checkedMaker(create as Parameters<typeof checkedMaker>[0]);
      const stream = maker({ host: 'a' }, callback);
      if (stream) resolve(stream);
    });
  const stream = new PassThrough();
  type Callback = (error?: Error | null, made?: unknown) => void;

  it.each<[string, unknown]>([
    ['returned', () => stream],
    [
      'given to the callback',
      (_: object, done: Callback) => {
        setImmediate(done, null, stream);
      },
    ],
    [
      'given without an error',
      (_: object, done: Callback) => {
        done(undefined, stream);
      },
    ],
    ['promised', () => Promise.resolve(stream)],
    ['made from the options', ({ host }: { host: string }) => (host === 'a' ? stream : undefined)],
  ])('gives a stream that is %s', async (_, create) => {
    expect(await made(create)).toBe(stream);
  });

  it.each([['x'], [7], [1n], [true], [Symbol('s')], [{}], [[]], [() => undefined], [new Map()]])(
    'refuses %p, returned, given or promised',
    async (value) => {
      const sentence =
        /^connect: expected createConnection to make a socket, or another Duplex, got /;
      const ways = [
        () => value,
        (_: object, done: Callback) => {
          done(null, value);
        },
        () => Promise.resolve(value),
      ];
      for (const way of ways) {
        await expect(made(way)).rejects.toThrow(sentence);
        await expect(made(way)).rejects.toBeInstanceOf(TypeError);
      }
    },
  );

  it('gives the errors of the application', async () => {
    const error = new Error('mine');
    await expect(
      made((_: object, done: Callback) => {
        done(error);
      }),
    ).rejects.toBe(error);
    await expect(made(() => Promise.reject(error))).rejects.toBe(error);
    await expect(made(() => Promise.resolve())).rejects.toThrow(/got undefined/);
  });
});
