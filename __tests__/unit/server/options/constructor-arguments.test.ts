import { createServer } from 'node:http';
import { createSecureServer, createServer as createHttp2Server } from 'node:http2';
import { createServer as createNetServer } from 'node:net';
import { readConstructorArguments } from '../../../../src/server/options/constructor-arguments.js';
import { resolveOptions } from '../../../../src/server/options/resolve-options.js';

type Arguments = Parameters<typeof readConstructorArguments>;
const read = (first: unknown, second?: unknown): ReturnType<typeof readConstructorArguments> =>
  readConstructorArguments(first as Arguments[0], second as Arguments[1]);

describe('readConstructorArguments', () => {
  it('takes a server, with options beside it or without', () => {
    const server = createServer();
    expect(read(server)).toStrictEqual({
      options: resolveOptions({}, []),
      attached: server,
      usesHttp2: false,
      own: {},
    });
    const { options, attached, own } = read(server, { maxPayload: 5 });
    expect(options).toStrictEqual(resolveOptions({ maxPayload: 5 }, []));
    expect([attached, own]).toStrictEqual([server, {}]);
  });

  it('takes options alone, with what a server of its own listens on', () => {
    const given = { port: 0, host: '::1', backlog: 5, maxPayload: 5 };
    const { options, attached, own } = read(given);
    expect(options).toMatchObject({ maxPayload: 5, textAs: 'string' });
    expect(attached).toBeUndefined();
    expect(own).toMatchObject({ port: 0, host: '::1', backlog: 5 });
    expect(read({ socketPath: 'hawser.sock' }).own.socketPath).toBe('hawser.sock');
  });

  it('knows where HTTP/2 is served', () => {
    const [plain, both] = [createHttp2Server(), createSecureServer({ allowHTTP1: true })];
    const uses = (...args: [unknown, unknown?]): boolean => read(...args).usesHttp2;
    expect([uses(plain), uses(plain, { http2: true })]).toEqual([true, true]);
    expect([uses(both), uses(both, { http2: false })]).toEqual([true, false]);
    expect([uses(createServer()), uses(createServer(), { http2: false })]).toEqual([false, false]);
    expect([uses({ port: 0 }), uses({ port: 0, http2: true })]).toEqual([false, true]);
  });

  it('takes options that attach to nothing', () => {
    const { attached, own } = read({ noServer: true });
    expect([attached, own.port, own.socketPath]).toStrictEqual([undefined, undefined, undefined]);
  });

  it('takes limits of addresses on a Unix socket where a proxy forwards them, or there is no limit', () => {
    const socketPath = 'hawser.sock';
    const { options } = read({ socketPath, trustProxy: 1, maxConnectionsPerAddress: 8 });
    expect(options).toMatchObject({ trustProxy: 1, maxConnectionsPerAddress: 8 });
    for (const trustProxy of [undefined, false, []]) {
      expect(() => read({ socketPath, trustProxy })).not.toThrow();
      expect(() =>
        read({ socketPath, trustProxy, maxConnectionsPerAddress: Infinity }),
      ).not.toThrow();
    }
  });

  it.each<[string, unknown, unknown, string]>([
    ['nothing', undefined, undefined, 'expected an http.Server, or options with one of port'],
    ['options that attach to nothing', {}, undefined, 'expected an http.Server, or options with'],
    ['a net.Server', createNetServer(), undefined, 'expected an http.Server as the first argument'],
    [
      'options after options',
      { port: 0 },
      { maxPayload: 5 },
      'expected the options as the only argument, got an object as well; only beside a server they come second',
    ],
    [
      'a callback after options',
      { noServer: true },
      () => undefined,
      'expected the options as the only argument, got a function as well',
    ],
    ['null after options', { port: 0 }, null, 'only argument, got null (object) as well'],
    ['a port beside a server', createServer(), { port: 0 }, 'option port is not for a server that'],
    ['text beside a server', createServer(), 'options', 'expected options to be an object'],
    ['a wrong option', { port: 0, maxPayload: 0 }, undefined, 'expected option maxPayload to be'],
    ['a wrong option beside a server', createServer(), { maxPayload: 0 }, 'expected option maxPay'],
    ['an unknown option', { noServer: true, prot: 5 }, undefined, 'unknown option prot'],
    ['HTTP/2 on an http.Server', createServer(), { http2: true }, 'option http2: the server that'],
    ['no HTTP/2 on HTTP/2', createHttp2Server(), { http2: false }, 'option http2: with false, an'],
    ['a wrong http2', createHttp2Server(), { http2: 1 }, 'expected option http2 to be'],
    [
      'a limit for each address on a Unix socket',
      { socketPath: 'hawser.sock', maxConnectionsPerAddress: 8 },
      undefined,
      'option maxConnectionsPerAddress: a peer on a Unix socket has no address, so 8 would limit nothing; for a proxy that forwards addresses add trustProxy: 1, otherwise leave it out',
    ],
    [
      'addresses of proxies on a Unix socket',
      { socketPath: 'hawser.sock', trustProxy: ['127.0.0.1'] },
      undefined,
      'option trustProxy: a proxy on a Unix socket has no address, so only a number trusts it; write trustProxy: 1 for one proxy',
    ],
    [
      'a function that knows proxies by address, on a Unix socket',
      { socketPath: 'hawser.sock', trustProxy: () => true },
      undefined,
      'option trustProxy: a proxy on a Unix socket has no address',
    ],
    ['a wrong port', { port: -1 }, undefined, 'expected option port to be a port from 0 to 65535'],
  ])('refuses %s', (_name, first, second, message) => {
    expect(() => read(first, second)).toThrow(TypeError);
    expect(() => read(first, second)).toThrow(message);
  });
});
