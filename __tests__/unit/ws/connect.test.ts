import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket as WsSocket, WebSocketServer as WsServer } from 'ws';
import { acceptKey } from '../../../src/protocol/handshake/opening-handshake.js';
import { type ClientOptions, clientArguments, connect } from '../../../src/ws/connect.js';
import { WebSocketServer } from '../../../src/ws/server.js';
import { WebSocket } from '../../../src/ws/web-socket.js';
import { CERTIFICATE } from '../../support/certificate.js';
import { until } from '../../support/connection.js';

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanUp.splice(0)) each();
});

/** A server on a port of its own, whose sockets are counted. */
async function listen(server: TcpServer): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  cleanUp.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, sockets };
}

/** A server that answers each upgrade with these lines. The right key is put for KEY. */
const answering = (lines: string): Server =>
  createServer().on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    const key = acceptKey(request.headers['sec-websocket-key']!);
    const head = lines.replace('KEY', key).trim().replaceAll(/\n */g, '\r\n');
    socket.resume().on('end', () => socket.end());
    socket.write(`${head}\r\n\r\n`);
  });

const SWITCHING = 'HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\n';

/** A client that writes its events down. */
class Client extends WebSocket {
  readonly log: string[] = [];

  constructor(
    address: string | URL,
    protocols?: string | string[] | ClientOptions,
    options?: ClientOptions,
  ) {
    super(address, protocols, options);
    cleanUp.push(() => this.terminate());
    this.on('open', () => this.log.push(`open ${String(this.readyState)}`));
    this.on('upgrade', ({ statusCode }) =>
      this.log.push(`upgrade ${String(statusCode)} ${String(this.readyState)}`),
    );
    this.on('error', ({ message }) => this.log.push(`error ${String(this.readyState)} ${message}`));
    this.on('close', (code, reason) =>
      this.log.push(`close ${String(this.readyState)} ${String(code)} ${String(reason)}`.trim()),
    );
  }

  async seen(event: string): Promise<string[]> {
    await until(event, () => this.log.some((line) => line.startsWith(event)));
    return this.log;
  }
}

const failed = (message: string): string[] => [`error 2 ${message}`, 'close 3 1006'];
const CLOSED_EARLY = 'WebSocket was closed before the connection was established';

describe.each<[string, (options: { server: Server }) => WebSocketServer | WsServer]>([
  ['ws', (options) => new WsServer({ ...options, perMessageDeflate: true })],
  ['hawser', (options) => new WebSocketServer({ ...options, perMessageDeflate: true })],
])('a client with a server of %s', (_name, serverOn) => {
  async function serve(server: Server = createServer()) {
    const wss = serverOn({ server }) as WsServer;
    wss.on('connection', (ws: WsSocket) => {
      ws.on('message', (data, binary) => ws.send(data, { binary }));
    });
    const { port } = await listen(server);
    return { wss, port };
  }

  it('opens, compresses, and closes', async () => {
    const { wss, port } = await serve();
    const connected = once(wss, 'connection') as Promise<[WsSocket, IncomingMessage]>;
    const client = new Client(`ws://127.0.0.1:${port}/chat?room=1`, ['a', 'b'], {
      perMessageDeflate: { threshold: 0 },
      origin: 'http://example.com',
      headers: { 'X-One': '1' },
    });
    expect(client).toMatchObject({
      readyState: 0,
      url: `ws://127.0.0.1:${port}/chat?room=1`,
      protocol: '',
      extensions: '',
    });
    expect(await client.seen('open')).toEqual(['upgrade 101 0', 'open 1']);
    expect(client).toMatchObject({ protocol: 'a', extensions: 'permessage-deflate' });
    const [, { headers, url }] = await connected;
    expect(url).toBe('/chat?room=1');
    expect(headers).toMatchObject({ origin: 'http://example.com', 'x-one': '1' });
    for (const message of ['hello', 'hello '.repeat(1000), Buffer.alloc(100_000, 'ab')]) {
      client.send(message);
      const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean];
      expect(isBinary).toBe(typeof message !== 'string');
      expect(data.equals(Buffer.from(message as string))).toBe(true);
    }
    client.close(4000, 'bye');
    expect(await client.seen('close')).toEqual(['upgrade 101 0', 'open 1', 'close 3 4000 bye']);
  });

  it.each<[string, ClientOptions, string]>([
    ['no compression', { perMessageDeflate: false }, ''],
    [
      'small windows',
      { perMessageDeflate: { clientMaxWindowBits: 9, serverMaxWindowBits: 9, threshold: 0 } },
      'permessage-deflate',
    ],
    [
      'empty windows',
      {
        perMessageDeflate: {
          clientNoContextTakeover: true,
          serverNoContextTakeover: true,
          threshold: 0,
        },
      },
      'permessage-deflate',
    ],
    ['the version of the draft', { protocolVersion: 8, origin: 'http://a' }, 'permessage-deflate'],
    ['an empty origin', { origin: '' }, 'permessage-deflate'],
    [
      'null where programs have it',
      { origin: null, headers: null, agent: null, createConnection: undefined } as never,
      'permessage-deflate',
    ],
  ])('opens with %s', async (_what, options, extensions) => {
    const { port } = await serve();
    const client = new Client(new URL(`http://127.0.0.1:${port}`), options);
    await client.seen('open');
    expect(client.extensions).toBe(extensions);
    for (const text of ['x'.repeat(5000), 'y'.repeat(5000), 'x'.repeat(5000)]) {
      client.send(text);
      expect(String((await once(client, 'message'))[0])).toBe(text);
    }
  });

  it('speaks TLS', async () => {
    const { port } = await serve(createSecureServer(CERTIFICATE));
    const client = new Client(`wss://127.0.0.1:${port}`, { ca: CERTIFICATE.cert });
    expect(await client.seen('open')).toEqual(['upgrade 101 0', 'open 1']);
    const refused = new Client(`wss://127.0.0.1:${port}`);
    expect((await refused.seen('close'))[0]).toMatch(/^error 2 .*self.signed/);
  });

  it('gets what the server sends with its answer', async () => {
    const { wss, port } = await serve();
    wss.on('connection', (ws: WsSocket) => ws.send('at once'));
    const client = new Client(`ws://127.0.0.1:${port}`);
    expect(String((await once(client, 'message'))[0])).toBe('at once');
  });

  it('fails if the server wants none of its subprotocols', async () => {
    const server = createServer();
    const wss = serverOn({ server });
    wss.options.handleProtocols = () => false as const;
    const { port } = await listen(server);
    const client = new Client(`ws://127.0.0.1:${port}`, 'a');
    expect(await client.seen('close')).toEqual([
      'upgrade 101 0',
      ...failed('Server sent no subprotocol'),
    ]);
  });

  it('is refused by its path', async () => {
    const { wss, port } = await serve();
    wss.options.path = '/chat';
    const client = new Client(`ws://127.0.0.1:${port}`);
    expect(await client.seen('close')).toEqual(failed('Unexpected server response: 400'));
  });
});

describe('the arguments of a client', () => {
  it.each([
    ['Invalid URL: ', ''],
    ['Invalid URL: foo', 'foo'],
    [
      'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"',
      'ftp://a',
    ],
    ["The URL's pathname is empty", 'ws+unix:'],
    ['The URL contains a fragment identifier', 'ws://a/#b'],
  ])('are rejected with a SyntaxError, %s', (message, address) => {
    expect(() => new WebSocket(address)).toThrow(new SyntaxError(message));
    expect(() => new WebSocket(address)).toThrow(SyntaxError);
    expect(() => new WsSocket(address)).toThrow(message); // as ws does
  });

  it.each<[unknown]>([[''], [null], ['a b'], [['a', 'a']], [[null]], [['a', '']], [[1]]])(
    'may not have the subprotocols %j',
    (protocols) => {
      const message = 'An invalid or duplicated subprotocol was specified';
      expect(() => new WebSocket('ws://a', protocols as string)).toThrow(new SyntaxError(message));
      expect(() => new WsSocket('ws://a', protocols as string)).toThrow(message);
    },
  );

  it('may not have a version that is not spoken', () => {
    const message = 'Unsupported protocol version: 1000 (supported versions: 8, 13)';
    const make = () => new WebSocket('ws://a', { protocolVersion: 1000 });
    expect(make).toThrow(RangeError);
    expect(make).toThrow(message);
    expect(() => new WsSocket('ws://a', { protocolVersion: 1000 })).toThrow(message);
  });

  it.each([
    ['handshakeTimeout', NaN, RangeError],
    ['handshakeTimeout', -1, RangeError],
    ['handshakeTimeout', 'x', TypeError],
    ['handshakeTimeout', null, TypeError],
    ['finishRequest', {}, TypeError],
    ['finishRequest', 'x', TypeError],
    ['maxPayload', Symbol('s'), TypeError],
    ['closeTimeout', Symbol('s'), TypeError],
    ['perMessageDeflate', { clientMaxWindowBits: 'x' }, TypeError],
  ])('may not have the option %s: %p', (name, value, ErrorClass) => {
    const make = () => new WebSocket('ws://127.0.0.1:1', { [name]: value });
    expect(make).toThrow(ErrorClass);
    expect(make).toThrow(new RegExp(`^hawser/ws: expected option ${name}`));
  });

  it.each<[object, string]>([
    [{ perMessageDeflate: 1 }, 'permessage-deflate'],
    [{ perMessageDeflate: 'x' }, 'permessage-deflate'],
    [{ perMessageDeflate: undefined }, ''],
    [{ perMessageDeflate: null }, ''],
    [{ finishRequest: null, maxPayload: Infinity, closeTimeout: '1000' }, 'permessage-deflate'],
    [{ finishRequest: 0, maxPayload: null, closeTimeout: 1n }, 'permessage-deflate'],
  ])('%p mean what they mean in ws', async (options, extensions) => {
    const wss = new WsServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
    await once(wss, 'listening');
    wss.on('connection', (peer) => {
      peer.on('message', (data) => {
        peer.send(data);
      });
    });
    for (const Class of [WebSocket, WsSocket as unknown as typeof WebSocket]) {
      const { port } = wss.address() as AddressInfo;
      const ws = new Class(`ws://127.0.0.1:${port}`, options);
      await once(ws, 'open');
      expect(ws.extensions).toBe(extensions);
      ws.send('x'.repeat(3000));
      expect(String((await once(ws, 'message'))[0])).toHaveLength(3000);
      ws.terminate();
    }
    wss.close();
  });

  it('are checked by Node, too', () => {
    expect(() => new WebSocket('ws://a', { headers: { 'X-One': 'a\nb' } })).toThrow(/X-One/);
  });

  it.each<[Parameters<typeof clientArguments>, ReturnType<typeof clientArguments>]>([
    [
      [undefined, undefined],
      [[], {}],
    ],
    [
      [null, undefined],
      [[null as never], {}],
    ],
    [
      ['a', undefined],
      [['a'], {}],
    ],
    [
      [['a', 'b'], { origin: 'x' }],
      [['a', 'b'], { origin: 'x' }],
    ],
    [
      [{ origin: 'x' }, undefined],
      [[], { origin: 'x' }],
    ],
    [
      [{ protocols: 'a' }, undefined],
      [['a'], { protocols: 'a' }],
    ],
  ])('%j are read as %j', (given, read) => {
    expect(clientArguments(...given)).toEqual(read);
  });
});

describe('an answer that is not what a client asked for', () => {
  it.each([
    ['Invalid Upgrade header', SWITCHING.replace('websocket', 'foo')],
    ['Invalid Sec-WebSocket-Accept header', SWITCHING],
    ['Invalid Sec-WebSocket-Accept header', `${SWITCHING}Sec-WebSocket-Accept: x`],
    [
      'Server sent a subprotocol but none was requested',
      `${SWITCHING}Sec-WebSocket-Accept: KEY\nSec-WebSocket-Protocol: a`,
    ],
    [
      'Server indicated an extension that was not requested',
      `${SWITCHING}Sec-WebSocket-Accept: KEY\nSec-WebSocket-Extensions: foo`,
    ],
    [
      'Invalid Sec-WebSocket-Extensions header',
      `${SWITCHING}Sec-WebSocket-Accept: KEY\nSec-WebSocket-Extensions: foo;=`,
    ],
    [
      'Invalid Sec-WebSocket-Extensions header',
      `${SWITCHING}Sec-WebSocket-Accept: KEY\nSec-WebSocket-Extensions: permessage-deflate; foo=1`,
    ],
  ])('is %s', async (message, lines) => {
    const { port, sockets } = await listen(answering(lines));
    const client = new Client(`ws://127.0.0.1:${port}`);
    expect(await client.seen('close')).toEqual(['upgrade 101 0', ...failed(message)]);
    const theirs = new WsSocket(`ws://127.0.0.1:${port}`);
    expect(((await once(theirs, 'error')) as [Error])[0].message).toBe(message); // as ws does
    await until('the end of the sockets', () => sockets.size === 0);
  });

  it('is an extension although none was offered', async () => {
    const lines = `${SWITCHING}Sec-WebSocket-Accept: KEY\nSec-WebSocket-Extensions: foo`;
    const { port } = await listen(answering(lines));
    const client = new Client(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
    const message = 'Server sent a Sec-WebSocket-Extensions header but no extension was requested';
    expect(await client.seen('close')).toEqual(['upgrade 101 0', ...failed(message)]);
  });
});

describe('another response', () => {
  const serve = (answer: RequestListener) => listen(createServer(answer));

  it('is an error, and the socket is freed', async () => {
    const { port, sockets } = await serve((_request, response) =>
      response.writeHead(404).write('x'),
    );
    const client = new Client(`ws://127.0.0.1:${port}`);
    expect(await client.seen('close')).toEqual(failed('Unexpected server response: 404'));
    await until('the end of the socket', () => sockets.size === 0);
  });

  it('is left to a listener of unexpected-response', async () => {
    const { port, sockets } = await serve((_request, response) =>
      response.writeHead(401).end('why'),
    );
    const client = new Client(`ws://127.0.0.1:${port}`);
    const [, response] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    expect([response.statusCode, String(Buffer.concat(chunks))]).toEqual([401, 'why']);
    expect(client.log).toEqual([]);
    client.close();
    expect(client.readyState).toBe(2);
    expect(await client.seen('close')).toEqual(failed(CLOSED_EARLY));
    await until('the end of the socket', () => sockets.size === 0);
  });

  it('may end the client from a listener', async () => {
    const { port, sockets } = await serve((_request, response) =>
      response.writeHead(401).write('x'),
    );
    const client = new Client(`ws://127.0.0.1:${port}`);
    client.on('unexpected-response', () => client.terminate());
    expect(await client.seen('close')).toEqual(failed(CLOSED_EARLY));
    await until('the end of the socket', () => sockets.size === 0);
  });
});

describe('a client that gives up', () => {
  it('tells so in a later tick, once', async () => {
    const { port, sockets } = await listen(createTcpServer((socket) => socket.resume()));
    const client = new Client(`ws://127.0.0.1:${port}`);
    client.close();
    client.terminate();
    expect(client.log).toEqual([]);
    expect(client.readyState).toBe(2);
    expect(await client.seen('close')).toEqual(failed(CLOSED_EARLY));
    await until('the end of the socket', () => sockets.size === 0);
    expect(client.log).toHaveLength(2);
  });

  it('may do so while the listeners of upgrade are called', async () => {
    const { port, sockets } = await listen(answering(`${SWITCHING}Sec-WebSocket-Accept: KEY`));
    const client = new Client(`ws://127.0.0.1:${port}`);
    client.on('upgrade', () => client.close());
    expect(await client.seen('close')).toEqual(['upgrade 101 0', ...failed(CLOSED_EARLY)]);
    await until('the end of the socket', () => sockets.size === 0);
  });

  it('may do so in finishRequest', async () => {
    const client = new Client('ws://127.0.0.1:1', {
      finishRequest: (_request, ws: WebSocket) => ws.close(),
    });
    expect(client.readyState).toBe(2);
    expect(await client.seen('close')).toEqual(failed(CLOSED_EARLY));
  });

  it('hears nothing of a second abort, nor of one after the end', () => {
    const log: string[] = [];
    const connecting = connect(
      'ws://127.0.0.1:1',
      [],
      {},
      {
        webSocket: new WebSocket(null),
        emit: () => false,
        opened: () => log.push('opened'),
        failed: ({ message }) => log.push(message),
      },
    );
    connecting.start();
    connecting.abort(new Error('one'));
    connecting.abort(new Error('two'));
    return new Promise<void>((resolve) => {
      setImmediate(() => {
        expect(log).toEqual(['one']);
        resolve();
      });
    });
  });
});

describe('a handshake that fails', () => {
  it('takes too long', async () => {
    const { port, sockets } = await listen(createTcpServer((socket) => socket.resume()));
    const client = new Client(`ws://127.0.0.1:${port}`, { handshakeTimeout: 20 });
    expect(await client.seen('close')).toEqual(failed('Opening handshake has timed out'));
    await until('the end of the socket', () => sockets.size === 0);
  });

  it('reaches no server', async () => {
    const error = new Error('no way out');
    const createConnection = () => {
      throw error;
    };
    const client = new Client('ws://a', { createConnection });
    expect(await client.seen('close')).toEqual(failed('no way out'));
  });

  it('is finished by the application', async () => {
    const { port } = await listen(answering(`${SWITCHING}Sec-WebSocket-Accept: KEY`));
    const options: ClientOptions = {
      finishRequest(request, webSocket) {
        expect(this).toBe(options);
        expect(webSocket).toBeInstanceOf(Client);
        setImmediate(() => request.end());
      },
    };
    const client = new Client(`ws://127.0.0.1:${port}`, options);
    expect(await client.seen('open')).toEqual(['upgrade 101 0', 'open 1']);
  });
});

describe('redirects of a client', () => {
  /** Redirects /n to /n-1, and upgrades at /0. */
  const counting = async (to?: string) => {
    const server = createServer();
    const wss = new WsServer({ noServer: true });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const left = Number(request.url!.slice(1));
      if (left === 0) {
        wss.handleUpgrade(request, socket, head, () => {});
        return;
      }
      socket.resume().on('end', () => socket.end());
      socket.write(`HTTP/1.1 302 Found\r\nLocation: ${to ?? `/${String(left - 1)}`}\r\n\r\n`);
    });
    return listen(server);
  };

  it('are not followed unless the option says so', async () => {
    const { port } = await counting();
    const client = new Client(`ws://127.0.0.1:${port}/1`);
    expect(await client.seen('close')).toEqual(failed('Unexpected server response: 302'));
  });

  it('are followed, up to ten', async () => {
    const { port } = await counting();
    const client = new Client(`ws://127.0.0.1:${port}/10`, { followRedirects: true });
    const urls: string[] = [];
    client.on('redirect', (url) => urls.push(url));
    await client.seen('open');
    expect(urls).toHaveLength(10);
    expect(urls.at(-1)).toBe(`ws://127.0.0.1:${port}/0`);
    expect(client.url).toBe(urls.at(-1));
    const tooFar = new Client(`ws://127.0.0.1:${port}/11`, { followRedirects: true });
    expect(await tooFar.seen('close')).toEqual(failed('Maximum redirects exceeded'));
  });

  it('are followed as often as the option says, and not once with 0', async () => {
    const { port } = await counting();
    const options = { followRedirects: true, maxRedirects: 0 };
    const client = new Client(`ws://127.0.0.1:${port}/1`, options);
    expect(await client.seen('close')).toEqual(failed('Maximum redirects exceeded'));
  });

  it('are not followed to what is no server', async () => {
    const { port } = await counting('http://');
    const client = new Client(`ws://127.0.0.1:${port}/1`, { followRedirects: true });
    expect(await client.seen('close')).toEqual(failed('Invalid URL: http://'));
  });

  it('are the URL of the client even if it is refused', async () => {
    const { port } = await counting('ftp://a');
    const client = new Client(`ws://127.0.0.1:${port}/1`, { followRedirects: true });
    await client.seen('close');
    expect(client.url).toBe('ftp://a/');
  });

  it('may end the client from a listener', async () => {
    const { port, sockets } = await counting();
    const client = new Client(`ws://127.0.0.1:${port}/1`, { followRedirects: true });
    client.on('redirect', () => client.terminate());
    expect(await client.seen('close')).toEqual(failed(CLOSED_EARLY));
    await until('the end of the sockets', () => sockets.size === 0);
  });
});
