import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as ws from 'ws';
import * as hawser from '../../src/ws/index.js';
import { builtPackage } from '../support/built-package.js';
import { clientFrame } from '../support/frames.js';
import { run } from '../support/packed-package.js';
import { RawClient, upgradeRequest } from '../support/raw-client.js';
import { eventually, later, listen } from '../support/server.js';

/** The rows of docs/ws.md, "Differences": what ws does, and what hawser/ws does instead. */

const LIBRARIES: Readonly<Record<'ws' | 'hawser/ws', typeof ws.WebSocketServer>> = {
  ws: ws.WebSocketServer,
  'hawser/ws': hawser.WebSocketServer as unknown as typeof ws.WebSocketServer,
};
type Options = NonNullable<ConstructorParameters<typeof ws.WebSocketServer>[0]>;
type Name = keyof typeof LIBRARIES;

/** A server of this library, as an http.Server that listens. */
async function serve(name: Name, options: Options): Promise<[ws.WebSocketServer, port: number]> {
  const server = createServer();
  const wss = new LIBRARIES[name]({ server, ...options });
  return [wss, await listen(server)];
}

interface Pair {
  /** The server's end. */
  readonly socket: ws.WebSocket;
  readonly client: RawClient;
  /** The messages of the server's end. */
  readonly messages: ws.RawData[];
}

/** A connection to a server of this library, from a client that sends bytes. */
async function open(name: Name, options: Options = {}): Promise<Pair> {
  const [wss, port] = await serve(name, options);
  const connected = once(wss, 'connection') as Promise<[ws.WebSocket]>;
  const client = await RawClient.open(port);
  later(() => {
    client.destroy();
  });
  const [socket] = await connected;
  const messages: ws.RawData[] = [];
  socket.on('error', () => undefined).on('message', (data) => messages.push(data));
  return { socket, client, messages };
}

/** The code of the Close that these frames are answered with; 0 for a message that arrives instead. */
async function verdict({ client, messages }: Pair, ...frames: Buffer[]): Promise<number> {
  for (const frame of frames) client.send(frame);
  const isClosed = (): boolean => client.frames.some(({ opcode }) => opcode === 8);
  await eventually('a Close or a message', () => isClosed() || messages.length > 0);
  return isClosed() ? (await client.close()).code : 0;
}

const text = (payload: string | Uint8Array, more: object = {}): Buffer =>
  clientFrame({ opcode: 1, payload, ...more });
const continuation = (payload: string): Buffer => clientFrame({ opcode: 0, payload });
const NOT_UTF8 = Uint8Array.of(0xff);

describe.each<Name>(['ws', 'hawser/ws'])('%s', (name) => {
  /** What this library does. */
  const expectHere = <Value>(actual: Value, values: Record<Name, Value>): void => {
    expect(actual).toEqual(values[name]);
  };

  it('counts in bufferedAmount: headers and the current tick', async () => {
    const { socket, client } = await open(name);
    socket.send('five!');
    expectHere(socket.bufferedAmount, { ws: 0, 'hawser/ws': 2 + 5 });
    expect(String((await client.frame()).payload)).toBe('five!');
    await eventually('the bytes to be gone', () => socket.bufferedAmount === 0);
  });

  it('answers Pings while it is paused, and delivers nothing', async () => {
    const { socket, client, messages } = await open(name);
    socket.pause();
    client.send(Buffer.concat([text('held'), clientFrame({ opcode: 9, payload: 'anyone?' })]));
    if (name === 'hawser/ws') {
      expect(await client.frame()).toMatchObject({ opcode: 10, payload: Buffer.from('anyone?') });
    } else {
      for (let turn = 0; turn < 20; turn++) await new Promise((turned) => setImmediate(turned));
      expect(client.frames).toEqual([]);
    }
    expect(messages).toEqual([]);
    socket.resume();
    await eventually('the message', () => messages.length === 1);
  });

  it('tells a peer that breaks the protocol why it is closed', async () => {
    const { client } = await open(name);
    client.send(text('x', { rsv: 1 }));
    const { code, reason } = await client.close();
    expect(code).toBe(1002);
    expectHere(reason === '', { ws: true, 'hawser/ws': false });
  });

  it('ends the process when a peer breaks the protocol and there is no listener', () => {
    const path = name === 'ws' ? require.resolve('ws') : join(builtPackage(), '../ws/index.js');
    const program = `
      const { WebSocketServer } = require(${JSON.stringify(path)});
      const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
      wss.on('connection', (socket) => socket.on('close', () => process.exit(0)));
      wss.on('listening', () => {
        const client = require('node:net').connect(wss.address().port, '127.0.0.1');
        client.write('GET / HTTP/1.1\\r\\nHost: x\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
          'Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n');
        client.once('data', () => client.write(Buffer.of(0x83, 0x80, 0, 0, 0, 0)));
        client.on('data', () => client.end());
      });`;
    const { status, output } = run(resolve(__dirname), process.execPath, '--eval', program);
    expectHere(status, { ws: 1, 'hawser/ws': 0 });
    expectHere(output.includes('WS_ERR_INVALID_OPCODE'), { ws: true, 'hawser/ws': false });
  });

  it('admits a client for the promise of an async verifyClient', async () => {
    const verifyClient = (() => Promise.resolve(false)) as never;
    const [, port] = await serve(name, { verifyClient });
    const client = await RawClient.connect(port);
    later(() => {
      client.destroy();
    });
    client.send(upgradeRequest());
    expectHere((await client.response()).status, { ws: 101, 'hawser/ws': 401 });
  });

  it.each<[string, Options]>([
    ['verifyClient', { verifyClient: 'x' as never }],
    ['handleProtocols', { handleProtocols: {} as never }],
    ['WebSocket', { WebSocket: Map as never }],
    ['perMessageDeflate', { perMessageDeflate: { clientMaxWindowBits: 99 } }],
  ])('takes a wrong %s, and fails at the first request', (_option, options) => {
    const make = () => new LIBRARIES[name]({ noServer: true, ...options });
    if (name === 'ws') expect(make).not.toThrow();
    else expect(make).toThrow(TypeError);
  });

  it('takes a wrong handler, and fails at the first event', async () => {
    const { socket } = await open(name);
    const add = () => {
      socket.addEventListener('message', {} as never);
    };
    if (name === 'ws') expect(add).not.toThrow();
    else expect(add).toThrow(TypeError);
  });

  it('rejects bad UTF-8: before the message is complete', async () => {
    const pair = await open(name);
    pair.client.send(text(NOT_UTF8, { fin: false }));
    if (name === 'hawser/ws') expect((await pair.client.close()).code).toBe(1007);
    else expect(await verdict(pair, continuation('x'))).toBe(1007);
  });

  it.each([
    ['a length of 5 in 16 bits', text('five!', { form: 16 }), { ws: 0, 'hawser/ws': 1002 }],
    [
      'a length with its top bit set',
      text('', { form: 64, length: 1n << 63n }),
      { ws: 1009, 'hawser/ws': 1002 },
    ],
  ])('reads %s', async (_what, frame, codes) => {
    expectHere(await verdict(await open(name), frame), codes);
  });

  it('sends as Text only what is UTF-8', async () => {
    const { socket, client } = await open(name);
    const send = (): void => {
      socket.send(NOT_UTF8, { binary: false });
    };
    if (name === 'hawser/ws') {
      expect(send).toThrow(TypeError);
    } else {
      send();
      expect((await client.frame()).payload).toEqual(Buffer.from(NOT_UTF8));
    }
  });

  it('sends a Blob in a Ping', async () => {
    const { socket, client } = await open(name);
    const ping = (): void => {
      socket.ping(new Blob(['x']));
    };
    if (name === 'hawser/ws') {
      expect(ping).toThrow(TypeError);
    } else {
      ping();
      expect(await client.frame()).toMatchObject({ opcode: 9, payload: Buffer.from('x') });
    }
  });

  it('gives a Blob that cannot be read its own error, and ends without a Close', async () => {
    const { socket, client } = await open(name);
    const unreadable = {
      [Symbol.toStringTag]: 'Blob',
      type: '',
      size: 3,
      stream: () => undefined,
      arrayBuffer: () => Promise.reject(new Error('unreadable')),
    };
    const failed = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
    socket.send(unreadable as never);
    const [error] = await failed;
    await client.ended();
    expectHere([error.message === 'unreadable', error.code], {
      ws: [true, undefined],
      'hawser/ws': [false, 'ERR_BLOB_UNREADABLE'],
    });
    expectHere(error.cause, { ws: undefined, 'hawser/ws': new Error('unreadable') });
    expectHere(client.received().length, { ws: 0, 'hawser/ws': 1 });
  });

  it("calls back with the socket's error for what did not leave", async () => {
    const { socket } = await open(name);
    const told = new Promise<NodeJS.ErrnoException>((resolve) => {
      (socket as unknown as hawser.WebSocket)._socket!.destroy();
      socket.send('too late', (error) => {
        resolve(error as NodeJS.ErrnoException);
      });
    });
    expectHere((await told).code, {
      ws: 'ERR_STREAM_DESTROYED',
      'hawser/ws': 'ERR_CONNECTION_CLOSED',
    });
  });

  it('unmasks in the chunk that a Receiver of its own is given', () => {
    // @types/ws does not know it yet.
    const { Receiver } = (name === 'ws' ? ws : hawser) as typeof hawser;
    const chunk = text('a'.repeat(100));
    const before = Buffer.from(chunk);
    new Receiver({ isServer: true }).write(chunk);
    expectHere(chunk.equals(before), { ws: false, 'hawser/ws': true });
  });

  it('calls back later from a PerMessageDeflate of its own', async () => {
    const { PerMessageDeflate } = (name === 'ws' ? ws : hawser) as typeof hawser;
    const deflate = new PerMessageDeflate({ isServer: true });
    deflate.accept([{}]);
    let isSame = true;
    const called = new Promise<boolean>((done) => {
      deflate.compress('a', true, () => {
        done(isSame);
      });
    });
    isSame = false;
    expectHere(await called, { ws: false, 'hawser/ws': true });
    deflate.cleanup();
  });

  it('may send credentials to another host that a redirect leads to', async () => {
    const other = createServer();
    const seen: unknown[] = [];
    other.on('upgrade', ({ headers }, socket) => {
      seen.push(headers.authorization);
      socket.destroy();
    });
    const otherPort = await listen(other);
    const first = createServer();
    first.on('upgrade', (_request, socket) => {
      socket.end(
        `HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:${otherPort}/\r\nConnection: close\r\n\r\n`,
      );
    });
    const firstPort = await listen(first);
    const Client = (name === 'ws' ? ws.WebSocket : hawser.WebSocket) as typeof ws.WebSocket;
    const client = new Client(`ws://127.0.0.1:${firstPort}/`, {
      followRedirects: true,
      headers: { Authorization: 'Basic YTpi' },
    });
    client.on('error', () => undefined);
    // With a listener ws leaves the fields to it.
    client.on('redirect', () => undefined);
    await new Promise((closed) => client.once('close', closed));
    expectHere(seen, { ws: ['Basic YTpi'], 'hawser/ws': [undefined] });
  });

  it('may be led to a Unix socket by a redirect', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
    later(() => {
      rmSync(folder, { recursive: true });
    });
    const path = join(folder, 'a.sock');
    const other = createServer();
    new ws.WebSocketServer({ server: other });
    await listen(other, path);
    const first = createServer();
    first.on('upgrade', (_request, socket) => {
      socket.end(`HTTP/1.1 302 Found\r\nLocation: ws+unix:${path}:/\r\nConnection: close\r\n\r\n`);
    });
    const port = await listen(first);
    const Client = (name === 'ws' ? ws.WebSocket : hawser.WebSocket) as typeof ws.WebSocket;
    const client = new Client(`ws://127.0.0.1:${port}/`, { followRedirects: true });
    const seen = await new Promise((told) => {
      client.on('open', () => told('open'));
      client.on('error', (error) => told(error.name));
    });
    client.terminate();
    expectHere(seen, { ws: 'open', 'hawser/ws': 'SyntaxError' });
  });

  it('delivers fragments', async () => {
    const { socket, client, messages } = await open(name);
    socket.binaryType = 'fragments';
    client.send(clientFrame({ opcode: 2, payload: 'one ', fin: false }));
    client.send(continuation('message'));
    await eventually('a message', () => messages.length === 1);
    expectHere((messages[0] as Buffer[]).map(String), {
      ws: ['one ', 'message'],
      'hawser/ws': ['one message'],
    });
  });

  it('has limits of parts, and may leave text unchecked', async () => {
    const parts = await open(name, { maxFragments: 1 });
    const two = [text('one ', { fin: false }), continuation('message')];
    expectHere(await verdict(parts, ...two), { ws: 1008, 'hawser/ws': 0 });
    const unchecked = await open(name, { skipUTF8Validation: true });
    expectHere(await verdict(unchecked, text(NOT_UTF8)), { ws: 0, 'hawser/ws': 1007 });
  });

  it('has a limit of the chunks that a message comes in', async () => {
    const pair = await open(name, { maxBufferedChunks: 1 });
    const frame = text('a message in many chunks');
    await pair.client.sendChunks(Array.from(frame, (byte) => Uint8Array.of(byte)));
    expectHere(await verdict(pair), { ws: 1008, 'hawser/ws': 0 });
  });

  it('delivers one message in each turn, if it is told so', async () => {
    const { socket, client, messages } = await open(name, { allowSynchronousEvents: false });
    const inOneTurn = new Promise((told) => {
      socket.once('message', () => {
        process.nextTick(() => {
          told(messages.length);
        });
      });
    });
    client.send(Buffer.concat([text('one'), text('two'), text('three')]));
    expectHere(await inOneTurn, { ws: 1, 'hawser/ws': 3 });
  });

  it('ends a peer that does not read the answers to its Pings, after some', async () => {
    const options = { maxPendingAutoPongs: 1 } as Options; // @types/ws does not know it yet
    const { socket, client } = await open(name, options);
    const ping = clientFrame({ opcode: 9 });
    client.send(Buffer.concat([ping, ping]));
    const isEnded = (): boolean => client.ending !== undefined;
    await eventually('the answers or the end', () => isEnded() || client.frames.length === 2);
    expectHere(isEnded(), { ws: true, 'hawser/ws': false });
    expect(socket.readyState === ws.WebSocket.OPEN).toBe(!isEnded());
  });

  it('masks with a key of the application', async () => {
    const [, port] = await serve('ws', {});
    const Client = (name === 'ws' ? ws.WebSocket : hawser.WebSocket) as typeof ws.WebSocket;
    const generateMask = jest.fn<void, [Buffer]>();
    const client = new Client(`ws://127.0.0.1:${port}`, { generateMask });
    await once(client, 'open');
    client.send('masked');
    client.terminate();
    expectHere(generateMask.mock.calls.length, { ws: 1, 'hawser/ws': 0 });
  });

  it.each<[options: object, offer: string, answer: string]>([
    [
      { serverNoContextTakeover: false },
      '; server_no_context_takeover',
      '; server_no_context_takeover',
    ],
    [{ serverMaxWindowBits: false }, '; server_max_window_bits=10', '; server_max_window_bits=10'],
    [{ serverMaxWindowBits: 10 }, '; server_max_window_bits=9', '; server_max_window_bits=9'],
    [{ clientMaxWindowBits: 10 }, '', ''],
    [{ clientMaxWindowBits: 10 }, '; client_max_window_bits=9', '; client_max_window_bits=9'],
    [{}, '; unknown, permessage-deflate', ''],
  ])('turns a client away that compresses otherwise: %j, offered%s', async (...row) => {
    const [perMessageDeflate, offer, answer] = row;
    const [, port] = await serve(name, { perMessageDeflate });
    const headers = { 'Sec-WebSocket-Extensions': `permessage-deflate${offer}` };
    const client = await RawClient.connect(port);
    later(() => {
      client.destroy();
    });
    client.send(upgradeRequest({ headers }));
    const { status, header } = await client.response();
    expectHere(status, { ws: 400, 'hawser/ws': 101 });
    expectHere(header('sec-websocket-extensions'), {
      ws: undefined,
      'hawser/ws': `permessage-deflate${answer}`,
    });
  });

  it.each<[options: object, offer: string, answer: string]>([
    [{ serverNoContextTakeover: true }, '', '; server_no_context_takeover'],
    [{ serverMaxWindowBits: 10 }, '', '; server_max_window_bits=10'],
  ])('tells a client of a limit of its own that was not asked for: %j', async (...row) => {
    const [perMessageDeflate, offer, told] = row;
    const [, port] = await serve(name, { perMessageDeflate });
    const headers = { 'Sec-WebSocket-Extensions': `permessage-deflate${offer}` };
    const client = await RawClient.open(port, upgradeRequest({ headers }));
    later(() => {
      client.destroy();
    });
    const { header } = await client.response();
    expectHere(header('sec-websocket-extensions'), {
      ws: `permessage-deflate${told}`,
      'hawser/ws': 'permessage-deflate',
    });
  });

  it('compresses a message that is sent in parts', async () => {
    const [wss, port] = await serve(name, { perMessageDeflate: true });
    wss.on('connection', (socket) => {
      socket.send('part '.repeat(1000), { fin: false });
      socket.send('whole');
    });
    const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
    const client = await RawClient.open(port, upgradeRequest({ headers }));
    later(() => {
      client.destroy();
    });
    expectHere((await client.frame()).rsv, { ws: 4, 'hawser/ws': 0 });
  });

  it('takes the options of zlib', async () => {
    const perMessageDeflate = {
      threshold: 0,
      concurrencyLimit: 1,
      zlibInflateOptions: { chunkSize: 1024 },
      zlibDeflateOptions: { level: 1, strategy: 1 },
    };
    const [wss, port] = await serve(name, { perMessageDeflate });
    wss.on('connection', (socket) => {
      socket.on('message', (data) => {
        socket.send(data);
      });
    });
    const client = new ws.WebSocket(`ws://127.0.0.1:${port}`);
    await once(client, 'open');
    client.send('compressed '.repeat(1000));
    const [data] = (await once(client, 'message')) as [Buffer];
    expect([client.extensions, data.length]).toEqual(['permessage-deflate', 11_000]);
    client.terminate();
  });

  it('masks what a server sends when it is told to', async () => {
    const [wss, port] = await serve(name, {});
    wss.on('connection', (socket) => {
      socket.send('masked', { mask: true });
    });
    const client = new ws.WebSocket(`ws://127.0.0.1:${port}`);
    const seen = await new Promise((told) => {
      client.on('message', (data: Buffer) => told(data.toString()));
      client.on('error', ({ code }: NodeJS.ErrnoException) => told(code));
    });
    expectHere(seen, { ws: 'WS_ERR_UNEXPECTED_MASK', 'hawser/ws': 'masked' });
    client.terminate();
  });

  it('has the internals that packages use', async () => {
    const { socket } = await open(name);
    expect(socket).toHaveProperty('_socket.remoteAddress', '127.0.0.1');
    expect(socket).toHaveProperty('_sender.sendFrame');
    expect(socket).toHaveProperty('_isServer', true);
    expectHere('_receiver' in socket, { ws: true, 'hawser/ws': false });
  });
});
