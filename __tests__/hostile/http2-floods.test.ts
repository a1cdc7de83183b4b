/** Floods of every kind of HTTP/2 frame (CVE-2019-9512, CVE-2019-9515, CVE-2024-27316), against a server of its own in a process of its own. */
import { Child } from '../support/child.js';
import { clientFrame } from '../support/frames.js';
import { open, openSession } from '../support/http2.js';
import {
  connectFields,
  connectFrame,
  END_HEADERS,
  fieldBlock,
  http2Frame,
  RawSession,
  Type,
} from '../support/raw-http2.js';

const SETUP = `
  const wss = new hawser.WebSocketServer({ port: 0, host: '127.0.0.1', http2: true, logger: { warn() {}, error() {} } });
  wss.on('connection', (connection) => connection.on('message', (data) => connection.send(data)));
  wss.on('listening', () => say('http2', wss.address().port));
  commands.rss = () => process.memoryUsage.rss();
  commands.connections = () => wss.connections.size;
`;
const MEGABYTE = 1024 * 1024;

const bytes = (...values: number[]): Buffer => Buffer.from(values);
const repeated = (frame: Buffer, size = 64 * 1024): Buffer =>
  Buffer.concat(Array<Buffer>(Math.ceil(size / frame.length)).fill(frame));

/** HEADERS and RST_STREAM for many streams. */
function rapidReset(streams: number): Buffer {
  const all: Buffer[] = [];
  for (let id = 3; id < 3 + 2 * streams; id += 2) {
    all.push(connectFrame(id), http2Frame(Type.RST_STREAM, 0, id, bytes(0, 0, 0, 8)));
  }
  return Buffer.concat(all);
}

/** What is sent, whether the server ends the session because of it, and what is sent first. */
const FLOODS = (
  [
    ['SETTINGS', true, repeated(http2Frame(Type.SETTINGS, 0, 0, bytes(0, 3, 0, 0, 0, 100)))],
    ['empty SETTINGS', true, repeated(http2Frame(Type.SETTINGS, 0, 0))],
    ['PING', true, repeated(http2Frame(Type.PING, 0, 0, Buffer.alloc(8)))],
    [
      'CONTINUATION without an end',
      true,
      repeated(http2Frame(Type.CONTINUATION, 0, 1, fieldBlock([['a', 'b'.repeat(100)]]))),
      http2Frame(Type.HEADERS, 0, 1, fieldBlock(connectFields())),
    ],
    [
      'empty CONTINUATION without an end',
      true,
      repeated(http2Frame(Type.CONTINUATION, 0, 1)),
      http2Frame(Type.HEADERS, 0, 1, fieldBlock(connectFields())),
    ],
    ['streams that are reset at once', true, rapidReset(20_000)],
    ['frames of a stream that was never opened', false, repeated(http2Frame(Type.DATA, 0, 77))],
    ['PRIORITY', false, repeated(http2Frame(Type.PRIORITY, 0, 1, bytes(0, 0, 0, 0, 9)))],
    ['frames of an unknown type', false, repeated(http2Frame(0xbb, 0, 0, Buffer.alloc(1000)))],
    ['empty DATA', true, repeated(http2Frame(Type.DATA, 0, 1)), connectFrame(1)],
    [
      'WINDOW_UPDATE beyond all limits',
      true,
      repeated(http2Frame(Type.WINDOW_UPDATE, 0, 0, bytes(0x7f, 0xff, 0xff, 0xff))),
    ],
  ] as [what: string, ends: boolean, flood: Buffer, first?: Buffer][]
).map(([what, ends, flood, first = Buffer.alloc(0)]) => [what, ends, flood, first] as const);

describe('a session that sends nothing but', () => {
  let server: Child;
  let port: number;
  beforeAll(async () => {
    server = await Child.serve(SETUP, '--expose-gc');
    [port] = (await server.says('http2')) as [number];
  });
  afterAll(() => {
    server.kill();
  });

  it.each(FLOODS)(
    '%s costs little memory, and others are served',
    async (_what, ends, flood, first) => {
      const other = open(await openSession(port));
      expect(await other.status()).toBe(200);
      const before = await server.ask<number>('rss');
      const session = await RawSession.open(port, first);
      session.socket.pause(); // it does not read the answers either
      const flooded = session.flood(flood, Math.ceil((16 * MEGABYTE) / flood.length));
      for (let count = 0; count < 10; count++) {
        other.send(1, `still ${count}`);
        expect((await other.take(9)).subarray(2).toString()).toBe(`still ${count}`);
      }
      await flooded;
      session.socket.resume();
      if (ends) await session.refused();
      const after = await server.ask<number>('rss');
      expect((after - before) / MEGABYTE).toBeLessThan(48);
      expect(server.running).toBe(true);
      session.socket.destroy();
      other.stream.close();
    },
  );

  it('nothing at all, on two hundred sockets, is not a WebSocket', async () => {
    const before = await server.ask<number>('connections');
    const sessions = await Promise.all(Array.from({ length: 200 }, () => RawSession.open(port)));
    const other = open(await openSession(port));
    expect(await other.status()).toBe(200);
    other.stream.write(clientFrame({ opcode: 9, payload: 'x' }));
    expect(await other.take(3)).toEqual(bytes(0x8a, 1, 120));
    expect(await server.ask('connections')).toBe(before + 1);
    for (const { socket } of sessions) socket.destroy();
  });

  it('one HEADERS frame with more fields than are allowed gets no WebSocket', async () => {
    const before = await server.ask<number>('connections');
    const session = await RawSession.open(port);
    const many = Array.from({ length: 300 }, (_, index) => [`x-${index}`, 'y'.repeat(60)] as const);
    const block = fieldBlock([...connectFields(), ...many]);
    session.send(
      http2Frame(Type.HEADERS, 0, 1, block.subarray(0, 16_000)),
      http2Frame(Type.CONTINUATION, END_HEADERS, 1, block.subarray(16_000)),
    );
    await session.has('a refusal', ({ type, id }) => id === 1 || type === Type.GOAWAY);
    expect(await server.ask('connections')).toBeLessThanOrEqual(before);
  });
});
