import { Agent } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import { type ConnectOptions, resolveConnectOptions } from '../../../src/client/connect-options.js';

/** What is looked at of a session. */
const SESSION: Record<string, unknown> = {
  request: () => undefined,
  ping: () => undefined,
};

const complaint = (options: object): string => {
  try {
    resolveConnectOptions(options);
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
  return 'no complaint';
};

describe('resolveConnectOptions', () => {
  it('has defaults', () => {
    expect(resolveConnectOptions({})).toEqual({
      subprotocols: [],
      headers: {},
      origin: undefined,
      transport: { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 1000 },
      socketPath: undefined,
      proxy: undefined,
      http2: undefined,
      signal: undefined,
      handshakeTimeout: 10_000,
      maxRedirects: 0,
      connection: {},
    });
  });

  it('has them where there are no options, too', () => {
    expect(resolveConnectOptions()).toEqual(resolveConnectOptions({}));
  });

  it('takes what it is given', () => {
    const { signal } = new AbortController();
    const agent = new Agent();
    const options: ConnectOptions = {
      subprotocols: ['a', 'b'],
      headers: new Map([['Authorization', 'Bearer x']]),
      origin: 'https://example.com',
      tls: { ca: 'x' },
      agent,
      socketPath: '/run/x.sock',
      signal,
      handshakeTimeout: Infinity,
      maxRedirects: 3,
      maxPayload: 7,
    };
    expect(resolveConnectOptions(options)).toMatchObject({
      subprotocols: ['a', 'b'],
      headers: { Authorization: 'Bearer x' },
      origin: 'https://example.com',
      transport: { ca: 'x', agent },
      socketPath: '/run/x.sock',
      signal,
      handshakeTimeout: Infinity,
      maxRedirects: 3,
      connection: { maxPayload: 7 },
    });
    const createConnection = () => undefined;
    expect(resolveConnectOptions({ createConnection }).transport).toMatchObject({
      createConnection,
    });
  });

  it('takes true or a session for http2', () => {
    expect(resolveConnectOptions({ http2: true, tls: {}, proxy: 'env' }).http2).toBe(true);
    const session = SESSION as unknown as ClientHttp2Session;
    expect(resolveConnectOptions({ http2: session }).http2).toBe(session);
  });

  it('takes a proxy as text, as a URL, or from the environment', () => {
    const proxy = (given: string | URL) => resolveConnectOptions({ proxy: given }).proxy;
    expect(proxy('http://proxy:3128')).toEqual(new URL('http://proxy:3128'));
    expect(proxy(new URL('https://proxy/'))).toEqual(new URL('https://proxy/'));
    expect(proxy('env')).toBe('env');
  });

  it('leaves an error of the application as it is', () => {
    const mine = new Error('mine');
    const headers = {
      get a(): string {
        throw mine;
      },
    };
    expect(() => resolveConnectOptions({ headers })).toThrow(mine);
  });

  it.each([
    [{ subprotocols: 'a' }, /^connect: expected option subprotocols to be an array of tokens/],
    [{ subprotocols: ['a b'] }, /option subprotocols/],
    [{ subprotocols: ['a', 'a'] }, /option subprotocols/],
    [{ headers: { Upgrade: 'x' } }, /^connect: header Upgrade is written by hawser itself/],
    [{ headers: { 'sec-websocket-protocol': 'x' } }, /is written by hawser itself/],
    [{ headers: null }, /^connect: expected headers to be an object, a Headers, a Map/],
    [{ headers: { a: 1n } }, /^connect: header a: expected a string .*, got 1 \(bigint\)/],
    [{ headers: { 'a b': 'x' } }, /^connect: "a b" is not a header name/],
    [{ origin: 7 }, /option origin to be a string/],
    [{ origin: 'a\r\nb: c' }, /^connect: header Origin: expected a string without control/],
    [{ tls: true }, /option tls to be an object/],
    [{ tls: Promise.resolve({}) }, /option tls to be an object .*, got an object of a class/],
    [{ tls: { servername: 7 } }, /^connect: option tls: expected servername to be a string, got 7/],
    [{ agent: true }, /option agent to be an agent/],
    [{ agent: {} }, /option agent to be an agent of node:http or node:https, got an object/],
    [{ createConnection: {} }, /option createConnection to be a function/],
    [{ socketPath: '' }, /option socketPath to be the path/],
    [{ socketPath: 7 }, /option socketPath to be the path/],
    [{ proxy: 'socks://x' }, /option proxy to be 'env' or the URL/],
    [{ proxy: 'proxy' }, /option proxy to be 'env' or the URL/],
    [{ proxy: true }, /option proxy to be 'env' or the URL/],
    [{ signal: new AbortController() }, /option signal to be an AbortSignal/],
    [{ handshakeTimeout: 0 }, /option handshakeTimeout to be a number of milliseconds/],
    [{ maxRedirects: -1 }, /option maxRedirects to be a whole number/],
    [{ followRedirects: true }, /unknown option followRedirects .*use maxRedirects/],
    [{ rejectUnauthorized: false }, /give it to tls: \{ … \}/],
    [{ path: '/' }, /^connect: unknown option path/],
    [{ agent: new Agent(), proxy: 'env' }, /each make the socket/],
    [{ createConnection: () => undefined, agent: new Agent() }, /each make the socket/],
    [{ socketPath: '/x', proxy: 'env' }, /a proxy leads to no Unix socket/],
    [{ http2: false }, /option http2 to be true or a session of http2.connect/],
    [{ http2: { request: () => undefined } }, /option http2 to be true or a session/],
    [{ http2: true, agent: new Agent() }, /with http2: true give createConnection/],
    [{ http2: SESSION, socketPath: '/x' }, /has its socket already; leave out socketPath/],
  ])('rejects %p', (options, sentence) => {
    expect(complaint(options)).toMatch(sentence);
  });
});
