/**
 * Memory that is freed at once, over real sockets: whatever an application does with what it gets, it never sees a
 * Buffer that was emptied. Every message is kept until the end of its test and compared then.
 */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { connect as connectSocket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createConnectionPair, WebSocketServer } from '../../src/index.js';
import type { WebSocketConnection } from '../../src/connection/connection.js';
import type { ServerOptions } from '../../src/server/options/options.js';
import { CERTIFICATE } from '../support/certificate.js';
import { clientFrame } from '../support/frames.js';
import { FREES } from '../support/memory.js';
import { RawClient, upgradeRequest } from '../support/raw-client.js';
import { eventually, later, listen, settle } from '../support/server.js';

/** On both sides of what is copied, has memory of its own, fits one read and spans many. */
const SIZES = [100, 5000, 16_380, 16_384, 20_000, 40_000, 65_536, 70_000, 300_000, 1_048_576];

/** Bytes that are letters, so that they may be Text; no two messages are alike. */
function payloadOf(size: number, index = 0): Buffer {
  const payload = Buffer.alloc(size);
  for (let at = 0; at < size; at++) payload[at] = 97 + (((at ^ (at >> 8)) + index * 5) % 26);
  return payload;
}

const PAYLOADS = SIZES.map(payloadOf);

interface Served {
  readonly connection: WebSocketConnection;
  readonly socket: Socket;
  readonly client: RawClient;
}

/** A connection to a server with these options, over TCP or TLS. */
async function open(options: ServerOptions = {}, isTls = false): Promise<Served> {
  const server = isTls ? createHttpsServer(CERTIFICATE) : createHttpServer();
  const wss = new WebSocketServer(server, { heartbeat: false, ...options });
  const accepted = new Promise<[WebSocketConnection, Socket]>((resolve) =>
    wss.on('connection', (connection, request) => {
      resolve([connection, request.socket]);
    }),
  );
  const port = await listen(server);
  const socket = isTls
    ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    : connectSocket({ port, host: '127.0.0.1' });
  await once(socket, isTls ? 'secureConnect' : 'connect');
  const client = new RawClient(socket);
  later(() => {
    client.destroy();
  });
  client.send(upgradeRequest());
  const [connection, serverSocket] = await accepted;
  return { connection, socket: serverSocket, client };
}

/** Send every payload, some of them several in one write. */
function sendAll(client: RawClient, opcode: 1 | 2): void {
  const frames = PAYLOADS.map((payload) => clientFrame({ opcode, payload }));
  for (const frame of frames) client.send(frame);
  client.send(Buffer.concat(frames));
}

const EXPECTED = [...PAYLOADS, ...PAYLOADS];

/** Which payload each message is; -1 for one that was altered. */
const identify = (messages: readonly (string | ArrayBuffer | Uint8Array)[]): number[] =>
  messages.map((message) => {
    const bytes =
      typeof message === 'string' ? Buffer.from(message) : Buffer.from(message as Buffer);
    return PAYLOADS.findIndex((payload) => payload.equals(bytes));
  });
const ALL = [...PAYLOADS.keys(), ...PAYLOADS.keys()];

describe('What was delivered', () => {
  it.each<[string, ServerOptions, 1 | 2, boolean]>([
    ['Binary', {}, 2, false],
    ['Binary over TLS', {}, 2, true],
    ['Binary as ArrayBuffers', { binaryAs: 'arraybuffer' }, 2, false],
    ['Text', {}, 1, false],
    ['Text as Buffers', { textAs: 'buffer' }, 1, false],
    ['Text as Buffers over TLS', { textAs: 'buffer' }, 1, true],
  ])('stays as it is: %s', async (_, options, opcode, isTls) => {
    const { connection, client } = await open(options, isTls);
    const kept: (string | Buffer)[] = [];
    connection.on('frame', () => undefined);
    connection.on('message', (data) => kept.push(data));
    sendAll(client, opcode);
    await eventually('the messages', () => kept.length === EXPECTED.length);
    await settle();
    expect(identify(kept)).toEqual(ALL);
  });

  it('stays as it is: held while paused, then iterated', async () => {
    const { connection, client } = await open();
    connection.pause();
    sendAll(client, 2);
    await settle();
    const messages = connection[Symbol.asyncIterator]();
    connection.resume();
    const kept: (string | Buffer)[] = [];
    for await (const message of { [Symbol.asyncIterator]: () => messages }) {
      kept.push(message);
      await settle();
      if (kept.length === EXPECTED.length) break;
    }
    expect(identify(kept)).toEqual(ALL);
  });

  it('owns its ArrayBuffer alone from 16 KiB on', async () => {
    const { connection, client } = await open();
    const kept: Buffer[] = [];
    connection.on('message', (data) => kept.push(data as Buffer));
    sendAll(client, 2);
    await eventually('the messages', () => kept.length === EXPECTED.length);
    const long = kept.filter(({ length }) => length >= 16_384);
    expect(long.map(({ buffer }) => buffer.byteLength)).toEqual(long.map(({ length }) => length));
    expect(new Set(long.map(({ buffer }) => buffer)).size).toBe(long.length);
  });

  it.each([
    ['on', (socket: Socket, listener: (chunk: Buffer) => void) => socket.on('data', listener)],
    [
      'prependListener',
      (socket: Socket, listener: (chunk: Buffer) => void) =>
        socket.prependListener('data', listener),
    ],
    [
      'prependOnceListener',
      (socket: Socket, listener: (chunk: Buffer) => void) => {
        const again = (chunk: Buffer) => {
          listener(chunk);
          // After hawser's listener has been called, which then finds no other.
          queueMicrotask(() => socket.prependOnceListener('data', again));
        };
        socket.prependOnceListener('data', again);
      },
    ],
  ])('is also what another listener of the socket has got (%s)', async (_, observe) => {
    const { connection, socket, client } = await open();
    const chunks: Buffer[] = [];
    const copies: Buffer[] = [];
    observe(socket, (chunk) => {
      chunks.push(chunk);
      copies.push(Buffer.from(chunk));
    });
    let count = 0;
    connection.on('message', () => count++);
    sendAll(client, 2);
    await eventually('the messages', () => count === EXPECTED.length);
    expect(chunks.map(({ length }) => length)).toEqual(copies.map(({ length }) => length));
  });
});

describe('send with transfer', () => {
  it.each([
    ['TCP', false],
    ['TLS', true],
  ])('echoes over %s what came, and frees it when it is written', async (_, isTls) => {
    const { connection, client } = await open({}, isTls);
    const given: Buffer[] = [];
    const errors: unknown[] = [];
    connection.on('message', (data) => {
      const bytes = data as Buffer;
      const isLong = bytes.length >= 16_384;
      if (isLong) given.push(bytes);
      connection.send(bytes, { transfer: isLong }, (error) => errors.push(error));
    });
    sendAll(client, 2);
    const echoed: Buffer[] = [];
    while (echoed.length < EXPECTED.length) echoed.push((await client.frame()).payload);
    expect(identify(echoed)).toEqual(ALL);
    await eventually('the callbacks', () => errors.length === EXPECTED.length);
    expect(errors.every((error) => error === undefined)).toBe(true);
    expect(given.every(({ length }) => (FREES ? length === 0 : length > 0))).toBe(true);
  });

  it('takes the memory at the call, so that a change after it changes nothing that is sent', async () => {
    const { connection, client } = await open();
    const data = new Uint16Array(20_000).fill(0x6161);
    connection.send(data, { transfer: true });
    expect(data).toHaveLength(FREES ? 0 : 20_000);
    if (FREES) {
      expect(() => connection.send(data, { transfer: true })).toThrow('the memory of data is gone');
    }
    expect((await client.frame()).payload.equals(Buffer.alloc(40_000, 'a'))).toBe(true);
  });

  it('keeps the order of a slow connection, and reports what is never sent', async () => {
    const { connection, client } = await open({ maxBufferedAmount: 64 * 1024 * 1024 });
    client.socket.pause();
    const codes: string[] = [];
    for (let index = 0; index < 20; index++) {
      const bytes = new Uint8Array(1_000_000).fill(index);
      connection.send(bytes, { transfer: true }, (error) =>
        codes.push((error as { code?: string } | undefined)?.code ?? 'sent'),
      );
    }
    await settle();
    client.socket.resume();
    for (let index = 0; index < 20; index++) {
      const { payload } = await client.frame();
      expect(payload.equals(Buffer.alloc(1_000_000, index))).toBe(true);
    }
    await eventually('the callbacks', () => codes.length === 20);
    connection.terminate();
    const late = new Uint8Array(20_000);
    expect(connection.send(late, { transfer: true }, (error) => codes.push((error as { code?: string }).code ?? ''))).toBe(false); // prettier-ignore
    await eventually('the last callback', () => codes.length === 21);
    expect(codes).toEqual([...new Array<string>(20).fill('sent'), 'ERR_CONNECTION_NOT_OPEN']);
    expect(late).toHaveLength(FREES ? 0 : 20_000);
  });

  it('is given up by a dropped message too', async () => {
    const { connection, client } = await open({
      maxBufferedAmount: 100_000,
      slowConsumer: 'drop',
    });
    client.socket.pause();
    const seen: number[] = [];
    connection.on('dropped', (data) => seen.push((data as Buffer).length));
    let dropped = new Uint8Array(0);
    while (seen.length === 0) {
      dropped = new Uint8Array(90_000);
      connection.send(dropped, { transfer: true, droppable: true });
    }
    await settle();
    expect(seen).toEqual([90_000]);
    expect(dropped).toHaveLength(FREES ? 0 : 90_000);
  });

  it('compresses what is handed over', async () => {
    const { connection, client } = await open({ perMessageDeflate: true });
    expect(connection.extensions).toBe('');
    connection.send(payloadOf(200_000).buffer, { transfer: true });
    expect((await client.frame()).payload.equals(payloadOf(200_000))).toBe(true);
    const { connection: compressed, client: other } = await openCompressed();
    const data = payloadOf(200_000);
    compressed.send(data, { transfer: true });
    const { payload, rsv } = await other.frame();
    expect(rsv).toBe(4);
    expect(payload.length).toBeLessThan(200_000);
    await eventually('the memory to be free', () => data.length === (FREES ? 0 : 200_000));
  });

  it('leaves the memory to a peer in the same process', async () => {
    const { server: one, client: other } = createConnectionPair();
    const kept: Buffer[] = [];
    other.on('message', (data) => kept.push(data as Buffer));
    one.send(payloadOf(100_000), { transfer: true });
    await eventually('the message', () => kept.length === 1);
    await settle();
    expect(kept[0]!.equals(payloadOf(100_000))).toBe(true);
  });

  it('is what broadcast and prepare take as well', async () => {
    const { connection, client } = await open();
    const wss = new WebSocketServer({ noServer: true });
    const data = payloadOf(30_000);
    connection.send(wss.prepare(data, { transfer: true }));
    expect(data).toHaveLength(FREES ? 0 : 30_000);
    expect((await client.frame()).payload.equals(payloadOf(30_000))).toBe(true);
    const more = payloadOf(30_000);
    expect(wss.broadcast(more, { transfer: true })).toBe(0);
    expect(more).toHaveLength(FREES ? 0 : 30_000);
  });

  it.each<[string, () => unknown, string]>([
    ['a string', () => 'text', 'a string has no ArrayBuffer to hand over; leave transfer out'],
    [
      'a Blob',
      () => new Blob(['text']),
      'this has no ArrayBuffer to hand over; leave transfer out',
    ],
    [
      'a SharedArrayBuffer',
      () => new Uint8Array(new SharedArrayBuffer(20_000)),
      'a SharedArrayBuffer has several owners; send a copy of its bytes',
    ],
    [
      'a part of a Buffer',
      () => Buffer.allocUnsafeSlow(20_000).subarray(1),
      'the data is 19999 of the 20000 bytes of its ArrayBuffer, and the others may be in use; send a copy made by Buffer.allocUnsafeSlow, or leave transfer out',
    ],
  ])('is impossible for %s', async (_, make, reason) => {
    const { connection } = await open();
    const wss = new WebSocketServer({ noServer: true });
    for (const [name, call] of [
      ['send', () => connection.send(make() as Buffer, { transfer: true })],
      ['broadcast', () => wss.broadcast(make() as Buffer, { transfer: true })],
      ['prepare', () => wss.prepare(make() as Buffer, { transfer: true })],
    ] as const) {
      expect(call).toThrow(new TypeError(`${name}: transfer: ${reason}`));
    }
    expect(() => wss.publish('topic', 'text', { transfer: true } as object)).toThrow(
      'publish: unknown option transfer',
    );
  });

  it('leaves the data as it is if the call throws', async () => {
    const { connection } = await open();
    const data = new Uint8Array(20_000).fill(0xff);
    expect(() => connection.send(data, { transfer: true, binary: false })).toThrow(TypeError);
    expect(data).toHaveLength(20_000);
  });
});

/** As {@link open}, with permessage-deflate agreed. */
async function openCompressed(): Promise<Omit<Served, 'socket'>> {
  const server = createHttpServer();
  const wss = new WebSocketServer(server, { perMessageDeflate: true });
  const accepted = new Promise<WebSocketConnection>((resolve) => wss.on('connection', resolve));
  const port = await listen(server);
  const client = await RawClient.open(
    port,
    upgradeRequest({ headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } }),
  );
  later(() => {
    client.destroy();
  });
  const connection = await accepted;
  return { connection, client };
}
