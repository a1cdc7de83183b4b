/** Here a string has at most 1000 UTF-16 code units. */
jest.mock('node:buffer', () => {
  const actual = jest.requireActual<{ constants: object }>('node:buffer');
  return { ...actual, constants: { ...actual.constants, MAX_STRING_LENGTH: 1000 } };
});

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket as Client } from 'ws';
import type { RawData } from '../../../src/ws/data.js';
import { WebSocketServer } from '../../../src/ws/server.js';
import type { ServerOptions } from '../../../src/ws/server-options.js';
import { openSocket, WebSocket } from '../../../src/ws/web-socket.js';
import { ConnectionParts } from '../../../src/ws/connection-parts.js';
import { compressedFrame } from '../../support/compressed-client.js';
import { clientClose, clientFrame } from '../../support/frames.js';
import { Sink, turns, until } from '../../support/connection.js';

let wss: WebSocketServer;
let server: Server;

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  for (const ws of wss.clients) ws.terminate();
  wss.close();
  server.close();
  await once(server, 'close');
});

const address = (): string => `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** A connection: the server's end, and a client of ws. */
async function open(options: ServerOptions = {}): Promise<{ ws: WebSocket; client: Client }> {
  wss = new WebSocketServer({ server, ...options });
  const client = new Client(address());
  client.on('error', () => undefined);
  const [[ws]] = (await Promise.all([once(wss, 'connection'), once(client, 'open')])) as [
    [WebSocket],
    unknown,
  ];
  return { ws, client };
}

/** A WebSocket on a socket that records what is written, as a program with a transport of its own makes it. */
function onSink(sink = new Sink(), isServer = true): WebSocket {
  wss = new WebSocketServer({ noServer: true });
  const ws = new WebSocket(null);
  ws._isServer = isServer;
  ws.setSocket(sink, Buffer.alloc(0));
  return ws;
}

const asText = (data: RawData): string => (data as Buffer).toString();
const text = (ws: Client | WebSocket): Promise<[data: Buffer, isBinary: boolean]> =>
  once(ws as Client, 'message') as Promise<[Buffer, boolean]>;

describe('WebSocket, its properties', () => {
  it('has the states on the class and on each', () => {
    expect([WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED]).toEqual([
      0, 1, 2, 3,
    ]);
    const ws = onSink();
    expect([ws.CONNECTING, ws.OPEN, ws.CLOSING, ws.CLOSED]).toEqual([0, 1, 2, 3]);
    expect(Object.keys(WebSocket)).toEqual(['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED']);
  });

  it('is connecting until it has a socket', () => {
    wss = new WebSocketServer({ noServer: true });
    const ws = new WebSocket(null);
    expect(ws).toMatchObject({
      readyState: 0,
      protocol: '',
      extensions: '',
      url: undefined,
      bufferedAmount: 0,
      isPaused: false,
      wasClean: false,
      binaryType: 'nodebuffer',
      _socket: null,
      _sender: null,
      _isServer: true,
    });
    expect(() => {
      ws.send('a');
    }).toThrow(new Error('WebSocket is not open: readyState 0 (CONNECTING)'));
    expect(() => {
      ws.ping();
    }).toThrow('WebSocket is not open: readyState 0 (CONNECTING)');
    ws.pause();
    ws.resume();
    ws.close();
    ws.terminate();
    expect(ws.readyState).toBe(0);
  });

  it('shows its socket, its extension, and what is not with the kernel', async () => {
    const { ws } = await open({ perMessageDeflate: true });
    expect(ws.extensions).toBe('permessage-deflate');
    expect(ws._socket).toHaveProperty('remoteAddress', '127.0.0.1');
    expect(ws._sender).toBe(ws._sender);
    ws.send('abc', { compress: false });
    expect(ws.bufferedAmount).toBe(5);
    await turns();
    expect(ws.bufferedAmount).toBe(0);
  });
});

describe('WebSocket, what it receives', () => {
  it.each<['nodebuffer' | 'arraybuffer' | 'fragments' | 'blob', (data: unknown) => unknown]>([
    ['nodebuffer', (data) => (data as Buffer).toString('hex')],
    ['arraybuffer', (data) => Buffer.from(data as ArrayBuffer).toString('hex')],
    ['fragments', (data) => Buffer.concat(data as Buffer[]).toString('hex')],
    ['blob', (data) => (data as Blob).size],
  ])('gets Binary as %s, and Text as a Buffer', async (binaryType, read) => {
    const { ws, client } = await open();
    ws.binaryType = binaryType;
    ws.binaryType = 'other' as never;
    expect(ws.binaryType).toBe(binaryType);
    const seen: unknown[] = [];
    ws.on('message', (data, isBinary) => seen.push(isBinary ? read(data) : asText(data), isBinary));
    client.send('text');
    client.send(Buffer.from('cafe', 'hex'));
    while (seen.length < 4) await turns();
    expect(seen).toEqual(['text', false, binaryType === 'blob' ? 2 : 'cafe', true]);
  });

  it('fails with 1009 for Text that is longer than the string that an event would have', async () => {
    const { ws, client } = await open();
    const seen: unknown[] = [];
    const failed = once(ws, 'error');
    ws.onmessage = ({ data }) => seen.push(data);
    for (const length of [1000, 1001]) client.send('a'.repeat(length));
    expect(await failed).toMatchObject([{ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' }]);
    expect(seen).toEqual(['a'.repeat(1000)]);
  });

  it('holds messages while it is paused, and answers Pings', async () => {
    const { ws, client } = await open();
    const seen: string[] = [];
    ws.on('message', (data) => seen.push(asText(data)));
    ws.pause();
    expect(ws.isPaused).toBe(true);
    client.send('held');
    client.ping('p');
    expect(await once(client, 'pong')).toEqual([Buffer.from('p')]);
    expect(seen).toEqual([]);
    ws.resume();
    while (seen.length === 0) await turns();
    expect([seen, ws.isPaused]).toEqual([['held'], false]);
  });

  it('delivers what it holds before close, if the peer ends while it is paused', async () => {
    const sink = new Sink();
    const ws = onSink(sink);
    const seen: string[] = [];
    ws.on('message', (data) => seen.push(asText(data)));
    ws.on('close', (code) => seen.push(`close ${code}`));
    ws.pause();
    sink.push(
      Buffer.concat([clientFrame({ opcode: 1, payload: Buffer.from('held') }), clientClose(1000)]),
    );
    await turns();
    sink.destroy();
    await turns();
    await turns();
    expect([seen, ws.readyState]).toEqual([[], 2]);
    ws.resume();
    ws.resume();
    await until('close', () => seen.length === 2);
    await turns();
    expect(seen).toEqual(['held', 'close 1000']);
  });

  it('decompresses first what it holds', async () => {
    const sink = new Sink();
    wss = new WebSocketServer({ noServer: true });
    const ws = new WebSocket(null);
    const parts = new ConnectionParts('server', {});
    const budget = parts.deflate({});
    const negotiated = budget.negotiate([{ name: 'permessage-deflate', params: [] }])!;
    openSocket(ws, parts, sink, Buffer.alloc(0), { compression: { budget, negotiated } });
    const seen: (number | string)[] = [];
    ws.on('message', (data) => seen.push((data as Buffer).length));
    ws.on('close', () => seen.push('close'));
    ws.pause();
    // The first is as much as is held. The second takes more than one turn of the event loop.
    const sizes = [70_000, 20_000_000];
    const frames = sizes.map((size) => compressedFrame(Buffer.alloc(size), 2));
    sink.push(Buffer.concat(frames));
    await turns();
    sink.destroy();
    await turns();
    ws.resume();
    await until('close', () => seen.at(-1) === 'close');
    expect(seen).toEqual([...sizes, 'close']);
  });

  it.each([
    ['pause', ['held']],
    ['terminate', ['close 1006']],
  ] as const)('may be told %s meanwhile', async (method, expected) => {
    const sink = new Sink();
    const ws = onSink(sink);
    const seen: string[] = [];
    ws.on('message', (data) => {
      seen.push(asText(data));
      ws.pause();
    });
    ws.on('close', (code) => seen.push(`close ${code}`));
    ws.pause();
    sink.push(clientFrame({ opcode: 1, payload: Buffer.from('held') }));
    sink.push(clientFrame({ opcode: 1, payload: Buffer.from('held too') }));
    await turns();
    sink.destroy();
    await turns();
    if (method === 'pause') ws.resume();
    else ws.terminate();
    for (let count = 0; count < 5; count++) await turns();
    expect(seen).toEqual(expected);
    ws.terminate();
    await until('close', () => seen.at(-1) === 'close 1006');
  });

  it('keeps one Pong for a peer that does not read, whatever pong() does', async () => {
    const sink = new Sink();
    const ws = onSink(sink);
    const pong = jest.fn();
    ws.pong = pong;
    sink.backpressured = true;
    ws.send('x'.repeat(20_000));
    await turns();
    for (let count = 0; count < 100; count++)
      sink.push(clientFrame({ opcode: 9, payload: Buffer.alloc(125) }));
    await turns();
    expect(pong).not.toHaveBeenCalled();
    expect(ws.bufferedAmount).toBeLessThan(20_000 + 200);
    ws.terminate();
  });

  it('answers Pings unless autoPong is off, and tells of them and of Pongs', async () => {
    const { ws, client } = await open({ autoPong: false });
    const pongs: string[] = [];
    client.on('pong', (payload) => pongs.push(String(payload)));
    const pinged = once(ws, 'ping');
    client.ping('a');
    expect(await pinged).toEqual([Buffer.from('a')]);
    ws.pong('mine');
    await once(client, 'pong');
    const ponged = once(ws, 'pong');
    client.pong('b');
    expect(await ponged).toEqual([Buffer.from('b')]);
    expect(pongs).toEqual(['mine']);
  });

  it('answers with a pong() that is overridden, while it is open', async () => {
    const sink = new Sink();
    const ws = onSink(sink);
    const calls: unknown[] = [];
    ws.pong = (...args: unknown[]) => void calls.push(args);
    sink.push(clientFrame({ opcode: 9, payload: Buffer.from('a') }));
    await turns();
    ws.close();
    sink.push(clientFrame({ opcode: 9, payload: Buffer.from('b') }));
    await turns();
    expect(calls).toEqual([[Buffer.from('a'), false]]);
    ws.terminate();
  });
});

describe('WebSocket.send', () => {
  it.each<[string, unknown[], string, boolean]>([
    ['a string', ['é'], 'c3a9', false],
    ['an empty string', [''], '', false],
    ['a number', [0], '30', false],
    ['nothing', [undefined], '', true],
    ['bytes', [Uint8Array.of(1)], '01', true],
    ['a list', [[1, 2]], '0102', true],
    ['a Blob', [new Blob(['x'])], '78', true],
    ['a string as Binary', ['x', { binary: true }], '78', true],
    ['bytes as Text', [Buffer.from('x'), { binary: false }], '78', false],
    [
      'with options that change nothing',
      ['x', { compress: true, mask: true, fin: true }],
      '78',
      false,
    ],
    ['uncompressed', ['x', { compress: false }], '78', false],
  ])('sends %s', async (_name, args, expected, expectedBinary) => {
    const { ws, client } = await open({ perMessageDeflate: true });
    const got = text(client);
    const sent = new Promise((done) => {
      (ws.send as (...all: unknown[]) => void)(...args, done);
    });
    const [data, isBinary] = await got;
    expect([data.toString('hex'), isBinary]).toEqual([expected, expectedBinary]);
    expect(await sent).toBeUndefined();
  });

  it('sends a message in parts', async () => {
    const { ws, client } = await open();
    ws.send('a', { fin: false });
    ws.send('b', { fin: false });
    ws.send('c');
    expect(String((await text(client))[0])).toBe('abc');
    ws.send(Buffer.from('d'), { fin: false });
    ws.send('e', { fin: true });
    const [data, isBinary] = await text(client);
    expect([String(data), isBinary]).toEqual(['de', true]);
    expect(() => {
      ws.send(new Blob([]), { fin: false });
    }).toThrow('expected data to be a string, Buffer');
  });

  it.each<[string, (ws: WebSocket, callback: never) => void]>([
    ['send', (ws, callback) => ws.send('a', {}, callback)],
    ['send', (ws, callback) => ws.send('a', undefined, callback)],
    ['ping', (ws, callback) => ws.ping('a', false, callback)],
    ['pong', (ws, callback) => ws.pong('a', true, callback)],
  ])('throws at the call of %s for a callback that is not a function: %#', async (name, act) => {
    const { ws, client } = await open();
    const sentence = new RegExp(`^${name}: expected the callback to be a function, got `);
    const wrong = ['x', {}, [], 7, true, Symbol('s')] as never[];
    const falsy = [null, 0, '', false, NaN] as never[];
    const check = () => {
      for (const each of wrong) expect(() => act(ws, each)).toThrow(sentence);
      for (const each of falsy) act(ws, each);
    };
    check();
    ws.send('last');
    const received: string[] = [];
    client.on('message', (data) => received.push((data as Buffer).toString()));
    while (received.at(-1) !== 'last') await turns();
    expect(received.length).toBe(name === 'send' ? falsy.length + 1 : 1);
    ws.terminate();
    check();
  });

  it('throws for bytes as Text that are not UTF-8', async () => {
    const { ws } = await open();
    expect(() => {
      ws.send(Buffer.from('c328', 'hex'), { binary: false });
    }).toThrow('2 bytes were to be sent as Text but are not valid UTF-8');
  });

  it('drops what a slow peer does not take, if hawser is told so', async () => {
    const hawser = { slowConsumer: 'drop' as const, maxBufferedAmount: 100, highWaterMark: 10 };
    const { ws, client } = await open({ hawser });
    client.pause();
    const errors: unknown[] = [];
    const note = (error?: Error): void =>
      void errors.push((error as { code?: string } | undefined)?.code);
    const big = Buffer.alloc(1024 * 1024);
    for (let count = 0; count < 20; count++) ws.send(big, count % 2 === 0 ? {} : undefined, note);
    while (!errors.includes('ERR_MESSAGE_DROPPED')) await turns();
    expect(ws.readyState).toBe(1);
  });

  it('counts and reports what is sent too late', async () => {
    const { ws, client } = await open();
    ws.close();
    const late = new Promise((done) => {
      ws.send('abc', done);
    });
    ws.send('de');
    ws.ping('f');
    expect(await late).toEqual(new Error('WebSocket is not open: readyState 2 (CLOSING)'));
    expect(ws.bufferedAmount).toBeGreaterThanOrEqual(6);
    await once(client, 'close');
    while (ws.readyState !== 3) await turns();
    expect(ws.bufferedAmount).toBe(6);
    const ping = new Promise((done) => {
      ws.ping(done);
    });
    expect(await ping).toEqual(new Error('WebSocket is not open: readyState 3 (CLOSED)'));
  });
});

describe('WebSocket, control frames', () => {
  it.each<[string, unknown[], string]>([
    ['nothing', [], ''],
    ['data', ['a'], 'a'],
    ['a number', [7], '7'],
    ['data and a mask', [Buffer.from('b'), true], 'b'],
  ])('sends a ping and a pong with %s, and calls back', async (_name, args, expected) => {
    const { ws, client } = await open();
    for (const [method, event] of [
      ['ping', 'ping'],
      ['pong', 'pong'],
    ] as const) {
      const got = once(client, event);
      const sent = new Promise((done) => {
        (ws[method] as (...all: unknown[]) => void)(...args, done);
      });
      expect(String(((await got) as [Buffer])[0])).toBe(expected);
      expect(await sent).toBeUndefined();
    }
  });
});

describe('WebSocket, its end', () => {
  it.each<[string, [code?: number, reason?: string | Buffer], number, string]>([
    ['no code', [], 1005, ''],
    ['a code', [4000], 4000, ''],
    ['a code and a reason', [1000, 'bye'], 1000, 'bye'],
    ['a reason as bytes', [1001, Buffer.from('é')], 1001, 'é'],
  ])('is a Close with %s', async (_name, args, code, reason) => {
    const { ws, client } = await open();
    const [closed, told] = [once(ws, 'close'), once(client, 'close')];
    ws.close(...args);
    expect(ws.readyState).toBe(2);
    ws.close(999);
    expect(await told).toEqual([code, Buffer.from(reason)]);
    expect(await closed).toEqual([code, Buffer.from(reason)]);
    expect([ws.readyState, ws.wasClean]).toEqual([3, true]);
    ws.close();
    ws.terminate();
    ws.pause();
    ws.resume();
    expect(ws.isPaused).toBe(false);
  });

  it("answers the peer's code and reason", async () => {
    const { ws, client } = await open();
    const closed = once(ws, 'close');
    client.close(4001, 'you');
    expect(await closed).toEqual([4001, Buffer.from('you')]);
    expect(await once(client, 'close')).toEqual([4001, Buffer.from('you')]);
  });

  it('is 1006 after terminate, and after a lost transport', async () => {
    const { ws, client } = await open();
    const told = once(client, 'close');
    ws.terminate();
    expect(ws.readyState).not.toBe(1);
    expect(await once(ws, 'close')).toEqual([1006, Buffer.alloc(0)]);
    expect(await told).toEqual([1006, Buffer.alloc(0)]);
    expect(ws.wasClean).toBe(false);
  });

  it('is 1006 after a broken rule, with the error of ws if there is a listener', async () => {
    const bad = clientFrame({ opcode: 3 });
    const sink = new Sink();
    const ws = onSink(sink);
    const errors: unknown[] = [];
    ws.on('error', (error) => errors.push(error));
    sink.push(bad);
    await turns();
    expect(errors).toEqual([expect.objectContaining({ code: 'WS_ERR_INVALID_OPCODE' })]);
    const closed = once(ws, 'close');
    sink.destroy();
    expect(await closed).toEqual([1006, Buffer.alloc(0)]);

    const other = new Sink();
    const silent = onSink(other);
    other.push(bad);
    await turns();
    expect(silent.readyState).toBe(2); // nothing was thrown
    other.destroy();
  });

  it.each([[[1004]], [['x' as never]], [[1005]]])('rejects the code %p', async (args) => {
    const { ws } = await open();
    expect(() => {
      ws.close(...(args as [number]));
    }).toThrow(new TypeError('First argument must be a valid error code number'));
    expect(ws.readyState).toBe(1);
  });
});

describe('WebSocket.setSocket', () => {
  it('opens the end of a client on any transport, and reads what came before in a later tick', async () => {
    const sink = new Sink();
    wss = new WebSocketServer({ noServer: true });
    const ws = new WebSocket(null, undefined, {});
    ws._isServer = false;
    const events: string[] = [];
    ws.on('open', () => events.push(`open ${ws.readyState}`));
    ws.setSocket(sink, Buffer.from('8101', 'hex'), { maxPayload: 5 });
    ws.on('message', (data) => events.push(`message ${asText(data)}`));
    sink.push('x');
    await turns();
    ws.send('masked');
    await turns();
    expect(events).toEqual(['open 1', 'message x']);
    expect(sink.bytes[1]! & 0x80).toBe(0x80);
    ws.terminate();
  });
});

describe('WebSocket, as a client', () => {
  /** Waits for the end, whether or not there is an error before it. */
  const closed = (client: WebSocket) =>
    new Promise((resolve) => client.once('close', (...end) => resolve(end)));

  it('opens at an address, and talks', async () => {
    wss = new WebSocketServer({ server, perMessageDeflate: true });
    wss.on('connection', (ws) => {
      ws.on('message', (data) => {
        ws.send(data, { binary: false });
      });
    });
    const client = new WebSocket(`${address()}/chat`, 'a', {});
    const upgraded = once(client, 'upgrade');
    expect(client).toMatchObject({ readyState: 0, url: `${address()}/chat`, _isServer: false });
    expect(() => {
      client.send('too early');
    }).toThrow(/CONNECTING/);
    await once(client, 'open');
    await upgraded;
    expect(client).toMatchObject({
      readyState: 1,
      protocol: 'a',
      extensions: 'permessage-deflate',
    });
    client.send('hello');
    expect(asText((await text(client))[0])).toBe('hello');
    client.close(4000, 'bye');
    expect(await once(client, 'close')).toEqual([4000, Buffer.from('bye')]);
    expect(client).toMatchObject({ readyState: 3, wasClean: true });
  });

  it('fails with an error and a close', async () => {
    wss = new WebSocketServer({ server, path: '/chat' });
    const client = new WebSocket(address());
    const states: unknown[] = [];
    client.on('error', ({ message }) => states.push(message, client.readyState));
    expect(await closed(client)).toEqual([1006, Buffer.alloc(0)]);
    expect(states).toEqual(['Unexpected server response: 400', 2]);
    expect(client.readyState).toBe(3);
  });

  it.each(['close', 'terminate'] as const)('gives up with %s', async (method) => {
    wss = new WebSocketServer({ server });
    const client = new WebSocket(address(), { autoPong: false });
    const errors: string[] = [];
    client.on('error', ({ message }) => errors.push(message));
    client[method]();
    client[method]();
    expect(client.readyState).toBe(2);
    await closed(client);
    client[method]();
    expect(errors).toEqual(['WebSocket was closed before the connection was established']);
  });
});
