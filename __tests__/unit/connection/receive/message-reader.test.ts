import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { createConnection } from '../../../../src/connection/connection.js';
import { PermessageDeflate } from '../../../../src/connection/deflate/permessage-deflate.js';
import { ConcurrencyLimit } from '../../../../src/connection/deflate/concurrency-limit.js';
import { BufferBudget } from '../../../../src/connection/limits/buffer-budget.js';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { FrameDecoder } from '../../../../src/protocol/framing/frame-decoder.js';
import * as ownMemory from '../../../../src/protocol/framing/own-memory.js';
import { ProtocolError } from '../../../../src/protocol/framing/protocol-error.js';
import {
  compressedConnectionOn,
  compressing,
  DETAILS,
  HandClock,
  parametersOf,
  settingsOf,
  Sink,
  TAKEOVER,
  turns,
  until,
  type WorldOptions,
} from '../../../support/connection.js';
import {
  answers,
  connection,
  feed,
  FULL,
  listen,
  log,
  ping,
  sink,
  start,
  text,
  watch,
} from '../../../support/fed-connection.js';
import { clientClose, clientFrame, parseFrames } from '../../../support/frames.js';
import { FREES } from '../../../support/memory.js';
import { VERSIONS } from '../../../support/versions.js';
import { worldOver } from '../../../support/worlds.js';

describe('MessageReader, listeners', () => {
  it('hands them text as strings and binary as Buffers, fragments joined', () => {
    const heard: unknown[] = [];
    connection.on('message', (...args) => heard.push(args));
    feed(
      text('é'),
      clientFrame({ opcode: 2, payload: Buffer.from([1, 2]) }),
      clientFrame({ opcode: 1, payload: 'a', fin: false }),
      clientFrame({ opcode: 0, payload: 'b' }),
    );
    expect(heard).toEqual([
      ['é', false],
      [Buffer.from([1, 2]), true],
      ['ab', false],
    ]);
  });

  it.each([
    ['frees a chunk of a socket of Node once its message is a copy', 'tcp', FREES],
    ['leaves a chunk to any other Duplex', undefined, false],
  ] as const)('%s', (_, nodeSocket, isFreed) => {
    jest.replaceProperty(ownMemory, 'FREES_AT_ONCE', true);
    const socket = new Sink();
    const details = { ...DETAILS, nodeSocket };
    const made = createConnection(socket, settingsOf(new HandClock()), details);
    const heard: Buffer[] = [];
    made.on('message', (data) => heard.push(data as Buffer));
    made.start(Buffer.alloc(0));
    const frame = clientFrame({ opcode: 2, payload: Buffer.alloc(20_000, 'a') });
    const chunk = Buffer.allocUnsafeSlow(frame.length);
    frame.copy(chunk);
    socket.emit('data', chunk);
    expect(heard).toEqual([Buffer.alloc(20_000, 'a')]);
    jest.restoreAllMocks();
    expect(chunk.length === 0).toBe(isFreed);
    made.terminate();
  });

  it('hands them text as a Buffer, with its kind, where textAs says so', () => {
    start({ textAs: 'buffer' });
    const heard: unknown[] = [];
    connection.on('message', (...args) => heard.push(args));
    feed(text('é'));
    expect(heard).toEqual([[Buffer.from('c3a9', 'hex'), false]]);
  });

  it('charges a message to the budget until it is complete', () => {
    const budget = new BufferBudget(1_000_000);
    start({ budget });
    listen();
    const frame = text('x'.repeat(1000));
    feed(frame.subarray(0, 900));
    expect(budget.total).toBeGreaterThan(800);
    feed(frame.subarray(900));
    expect([budget.total, log.length]).toStrictEqual([0, 1]);
  });

  /** What the application gets of Binary messages of so many bytes, each in one read with others or alone. */
  const buffersOf = (lengths: number[], options: WorldOptions = {}): unknown[] => {
    start({ binaryAs: 'arraybuffer', ...options });
    const heard: unknown[] = [];
    connection.on('message', (data) => heard.push(data));
    const frames = lengths.map((length) =>
      clientFrame({ opcode: 2, payload: Buffer.alloc(length, length % 251) }),
    );
    feed(...frames);
    for (const frame of frames) {
      feed(Buffer.from(frame));
      feed(frame.subarray(0, frame.length - 1));
      feed(frame.subarray(frame.length - 1));
    }
    return heard;
  };

  it('hands them Binary as ArrayBuffers of their own, exactly as long as the message, where binaryAs says so', () => {
    const lengths = [0, 0, 1, 7, 8, 800, 4096, 16_384, 70_000, 200_000];
    const heard = buffersOf(lengths) as ArrayBuffer[];
    expect(heard).toHaveLength(3 * lengths.length);
    expect(new Set(heard).size).toBe(heard.length);
    for (const data of heard) {
      expect(data).toBeInstanceOf(ArrayBuffer);
      const length = data.byteLength;
      expect(lengths).toContain(length);
      expect(Buffer.from(data).equals(Buffer.alloc(length, length % 251))).toBe(true);
      if (length % 8 === 0) expect(new Float64Array(data)).toHaveLength(length / 8);
    }
    for (const data of heard) structuredClone(data, { transfer: [data] }); // it may be given away
    feed(clientFrame({ opcode: 2 }), clientFrame({ opcode: 2, payload: 'x' }));
    expect(heard.slice(-2).map(({ byteLength }) => byteLength)).toEqual([0, 1]);
  });

  it('hands them text as before where binaryAs says ArrayBuffer', () => {
    for (const [textAs, expected] of [
      ['string', 'é'],
      ['buffer', Buffer.from('é')],
    ] as const) {
      start({ binaryAs: 'arraybuffer', textAs });
      const heard: unknown[] = [];
      connection.on('message', (...args) => heard.push(args));
      feed(text('é'));
      expect(heard).toEqual([[expected, false]]);
    }
  });

  it('counts ArrayBuffers that are held by their bytes, and gives them to an iterator', async () => {
    start({ binaryAs: 'arraybuffer' });
    feed(clientFrame({ opcode: 2, payload: Buffer.alloc(FULL.length - 1) }));
    expect(sink.isPaused()).toBe(false);
    feed(clientFrame({ opcode: 2, payload: 'x' }));
    expect(sink.isPaused()).toBe(true);
    const { value } = await connection[Symbol.asyncIterator]().next();
    expect(value).toBeInstanceOf(ArrayBuffer);
    expect(sink.isPaused()).toBe(false);
  });

  it('closes with 1009 for a text that no string can hold, and delivers what came before', async () => {
    listen();
    const spy = jest.spyOn(FrameDecoder.prototype, 'text', 'get');
    feed(text('a'));
    spy.mockImplementation(() => {
      throw new ProtocolError('ERR_MESSAGE_TOO_BIG', 'byte 7: too long');
    });
    feed(text('b'));
    spy.mockRestore();
    expect(log).toEqual(['text a']);
    expect(connection.readyState).toBe('closing');
    expect(answers()).toEqual([`close 1009 ${Buffer.from('byte 7: too long').toString('hex')}`]);
    sink.push(null);
    await until('the end', () => connection.closeInfo !== undefined);
    expect(connection.closeInfo!.cause).toMatchObject({ code: 'ERR_MESSAGE_TOO_BIG' });
  });

  it('hands every message to each of several', () => {
    listen();
    listen();
    feed(text('a'), text('b'));
    expect(log).toEqual(['text a', 'text a', 'text b', 'text b']);
  });

  it('answers in one write what one read brought', async () => {
    connection.on('message', (data) => connection.send(data));
    feed(text('a'), ping('p'), text('b'), ping('q'));
    expect(sink.writes).toHaveLength(1);
    expect(answers()).toEqual(['text 61', 'pong 70', 'text 62', 'pong 71']);
    await turns();
    expect(sink.writes).toHaveLength(1);
  });

  it('sends ten pongs for ten pings of one read', () => {
    const seen: string[] = [];
    connection.on('ping', (payload) => seen.push(payload.toString()));
    feed(...Array.from({ length: 10 }, (_, i) => ping(`${i}`)));
    expect(answers()).toEqual(Array.from({ length: 10 }, (_, i) => `pong 3${i}`));
    expect(seen.join('')).toBe('0123456789');
  });

  it('tells of pongs', () => {
    connection.on('pong', (payload) => log.push(`pong ${payload.toString()}`));
    feed(clientFrame({ opcode: 10, payload: 'p' }));
    expect(log).toEqual(['pong p']);
    expect(sink.writes).toEqual([]);
  });
});

describe('MessageReader, frames', () => {
  const boom = () => {
    throw new Error('boom');
  };

  it('shows the header of every frame to listeners, before the message', () => {
    listen();
    connection.on('frame', (header) => log.push(JSON.stringify(header)));
    connection.on('frame', () => undefined);
    feed(
      clientFrame({ opcode: 1, fin: false, payload: 'ab' }),
      clientFrame({ opcode: 9 }),
      clientFrame({ opcode: 0, payload: 'c' }),
    );
    expect(log).toEqual([
      '{"opcode":1,"fin":false,"rsv1":false,"rsv2":false,"rsv3":false,"length":2}',
      '{"opcode":9,"fin":true,"rsv1":false,"rsv2":false,"rsv3":false,"length":0}',
      '{"opcode":0,"fin":true,"rsv1":false,"rsv2":false,"rsv3":false,"length":1}',
      'text abc',
    ]);
  });

  it('are not collected any more once the last listener is gone', async () => {
    const emit = jest.spyOn(connection, 'emit');
    const listener = (): void => undefined;
    const frames = (): number => emit.mock.calls.filter(([event]) => event === 'frame').length;
    connection.on('frame', listener);
    feed(text('a'));
    connection.off('frame', listener);
    feed(text('b'), text('c'));
    await turns();
    expect(frames()).toBe(1);
    connection.on('frame', listener);
    feed(text('d'));
    await turns();
    expect(frames()).toBe(2);
    emit.mockRestore();
  });

  it('shows a header before its payload is there', () => {
    connection.on('frame', ({ length }) => log.push(`frame ${length}`));
    listen();
    feed(text('abc').subarray(0, 7));
    expect(log).toEqual(['frame 3']);
    feed(text('abc').subarray(7));
    expect(log).toEqual(['frame 3', 'text abc']);
  });

  it.each([
    ['a message', [text('a'), text('b')], ['text a', 'text b']],
    [
      'a fragmented message',
      [
        clientFrame({ opcode: 1, fin: false, payload: 'a' }),
        clientFrame({ opcode: 0, payload: 'b' }),
      ],
      ['text ab'],
    ],
  ])('an exception of a listener does not cost %s', async (_name, frames, expected) => {
    listen();
    connection.once('frame', boom);
    expect(() => feed(...frames)).toThrow('boom');
    await turns();
    expect(log).toEqual(expected);
  });

  it('an exception of a listener does not cost the frames after it theirs', async () => {
    connection.on('frame', ({ opcode }) => log.push(`frame ${opcode}`));
    connection.prependOnceListener('frame', boom);
    expect(() =>
      feed(
        clientFrame({ opcode: 2, fin: false }),
        clientFrame({ opcode: 0, fin: false }),
        clientFrame({ opcode: 0 }),
      ),
    ).toThrow('boom');
    await turns();
    expect(log).toEqual(['frame 0', 'frame 0']);
  });

  it('an exception of a listener does not cost the peer’s Close', async () => {
    connection.once('frame', boom);
    expect(() => feed(clientClose(1000))).toThrow('boom');
    await turns();
    expect(answers()).toEqual(['close 1000']);
    sink.push(null);
    await until('the end', () => connection.closeInfo !== undefined);
    expect(connection.closeInfo).toMatchObject({ code: 1000, clean: true });
  });

  it('an exception of a listener does not end an iterator before the message it belongs to', async () => {
    const iterator = connection[Symbol.asyncIterator]();
    connection.once('frame', boom);
    sink.prependOnceListener('close', () => {
      expect(() => feed(text('a'))).toThrow('boom');
    });
    sink.destroy();
    expect(await iterator.next()).toEqual({ done: false, value: 'a' });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('shows no frame after one whose listener terminates, in the same read', async () => {
    let count = 0;
    connection.on('frame', ({ opcode }) => {
      log.push(`frame ${opcode}`);
      if (++count === 3) connection.terminate();
    });
    feed(
      clientFrame({ opcode: 1, fin: false }),
      clientFrame({ opcode: 0, fin: false }),
      clientFrame({ opcode: 0, fin: false }),
      clientFrame({ opcode: 0 }),
    );
    await turns();
    expect(log).toEqual(['frame 1', 'frame 0', 'frame 0', 'close 1006']);
  });
});

describe('MessageReader, messageTimeout', () => {
  let clock: HandClock;
  let failures: unknown[];
  const fragment = (payload = 'a', opcode = 0) => clientFrame({ opcode, fin: false, payload });
  /** The Close that the peer gets when so many bytes had come. */
  const failedBehind = (bytes: number) => [
    `close 1008 ${Buffer.from(`byte ${bytes}: a message was not complete 1000 ms after its first byte (messageTimeout)`).toString('hex')}`,
  ];

  beforeEach(() => {
    clock = new HandClock();
    failures = [];
    const observer = {
      unread: () => undefined,
      failed: (error: Error) => failures.push((error as { code?: string }).code),
      closed: () => undefined,
    };
    start({ messageTimeout: 1000, observer }, clock);
  });

  it('needs no timer while no message is unfinished', () => {
    listen();
    feed(text('a'), ping('p'), clientFrame({ opcode: 2 }));
    feed(text('b'));
    expect(clock.timers.size).toBe(0);
    expect(log).toEqual(['text a', 'binary', 'text b']);
  });

  it.each<[string, () => Buffer]>([
    ['the first byte of a header', () => text('a').subarray(0, 1)],
    ['a cut header', () => text('a').subarray(0, 5)],
    ['a header', () => text('a').subarray(0, 6)],
    ['a frame without its last byte', () => text('abc').subarray(0, 8)],
    ['a first fragment', () => fragment('a', 1)],
    ['an empty first fragment', () => fragment('', 2)],
    ['half a control frame', () => ping('pp').subarray(0, 7)],
    [
      'a message and the beginning of another',
      () => Buffer.concat([text('a'), Buffer.from([130])]),
    ],
  ])('fails the connection with 1008 when nothing follows %s', async (_name, begun) => {
    const bytes = begun();
    feed(bytes);
    clock.advance(999);
    expect(connection.readyState).toBe('open');
    clock.advance(1);
    expect(connection.readyState).toBe('closing');
    expect(failures).toEqual(['ERR_MESSAGE_TIMEOUT']);
    await turns();
    expect(answers()).toEqual(failedBehind(bytes.length));
    expect(sink.writableEnded).toBe(true);
    sink.push(null);
    await until('the end', () => connection.closeInfo !== undefined);
    expect(connection.closeInfo).toMatchObject({
      code: 1008,
      reason: `byte ${bytes.length}: a message was not complete 1000 ms after its first byte (messageTimeout)`,
      clean: false,
      initiator: 'local',
      cause: { code: 'ERR_MESSAGE_TIMEOUT' },
    });
    expect(clock.timers.size).toBe(0);
  });

  it.each<[string, Buffer[]]>([
    ['fragments that never end', [fragment()]],
    ['empty fragments', [fragment('')]],
    ['fragments with pings between them', [ping('p'), fragment()]],
    ['nothing but pings and pongs', [ping('p'), clientFrame({ opcode: 10 })]],
  ])('is not put off by %s', async (_name, more) => {
    feed(fragment('a', 1));
    for (let i = 0; i < 9; i++) {
      clock.advance(100);
      feed(...more);
    }
    expect(connection.readyState).toBe('open');
    clock.advance(100);
    expect(connection.readyState).toBe('closing');
    await turns();
    const fed = fragment('a', 1).length + 9 * Buffer.concat(more).length;
    expect(answers().slice(-1)).toEqual(failedBehind(fed));
  });

  it('is not put off by a frame that comes byte by byte', () => {
    const bytes = text('x'.repeat(100));
    for (let i = 0; i < 10; i++) {
      feed(bytes.subarray(i, i + 1));
      clock.advance(100);
    }
    expect(connection.readyState).toBe('closing');
  });

  it('gives each message time of its own, also where one read ends one and begins the next', () => {
    listen();
    feed(text('a').subarray(0, 6));
    for (let i = 0; i < 5; i++) {
      clock.advance(999);
      feed(text('a').subarray(6), text('a').subarray(0, 6));
    }
    expect(log).toEqual(['text a', 'text a', 'text a', 'text a', 'text a']);
    clock.advance(999);
    expect(connection.readyState).toBe('open');
    clock.advance(1);
    expect(connection.readyState).toBe('closing');
  });

  it('gives each control frame outside a message time of its own too', () => {
    feed(ping('p').subarray(0, 6));
    for (let i = 0; i < 5; i++) {
      clock.advance(999);
      feed(ping('p').subarray(6), ping('p').subarray(0, 6));
    }
    expect(connection.readyState).toBe('open');
    clock.advance(1000);
    expect(connection.readyState).toBe('closing');
  });

  it('is over when the message is complete, and its timer leaves nothing over', () => {
    listen();
    feed(fragment('a', 1));
    clock.advance(500);
    feed(clientFrame({ opcode: 0 }));
    clock.advance(500);
    expect(clock.timers.size).toBe(0);
    clock.advance(5000);
    expect(connection.readyState).toBe('open');
  });

  it('starts one deadline and one timer for any number of messages that come in two reads', () => {
    const starts = jest.spyOn(Deadlines.prototype, 'start');
    const runs = jest.spyOn(Deadlines.prototype, 'run');
    const timers = jest.spyOn(clock, 'setTimeout');
    listen();
    for (let i = 0; i < 900; i++) {
      feed(text('a').subarray(0, 6));
      clock.advance(1);
      feed(text('a').subarray(6));
    }
    expect(log).toHaveLength(900);
    const counted = [starts, timers].map(({ mock }) => mock.calls.length);
    const run = runs.mock.calls.map(([deadline]) => deadline);
    starts.mockRestore();
    runs.mockRestore();
    expect(counted).toStrictEqual([1, 1]);
    expect(run).toHaveLength(900); // each message had its time,
    expect(new Set(run).size).toBe(1); // of the same deadline
  });

  it('is met to the millisecond though the timer of an earlier message is still set', () => {
    feed(fragment('a', 1));
    clock.advance(400);
    feed(clientFrame({ opcode: 0 }));
    clock.advance(200);
    feed(fragment('a', 1));
    clock.advance(400); // here that timer comes
    expect(clock.timers.size).toBe(1);
    clock.advance(599);
    expect(connection.readyState).toBe('open');
    clock.advance(1);
    expect(connection.readyState).toBe('closing');
    expect(failures).toEqual(['ERR_MESSAGE_TIMEOUT']);
  });

  it('does not run while we ourselves have stopped reading, and starts again when we go on', async () => {
    connection.pause();
    feed(text(FULL), fragment('a', 1));
    expect(sink.isPaused()).toBe(true);
    expect(clock.timers.size).toBe(0);
    clock.advance(5000);
    listen();
    connection.resume();
    await turns();
    expect(sink.isPaused()).toBe(false);
    clock.advance(999);
    feed(clientFrame({ opcode: 0, payload: 'b' }));
    expect(log.slice(1)).toEqual(['text ab']);
    expect(connection.readyState).toBe('open');
  });

  it('stops when a message fills what is held, though another has begun', () => {
    feed(fragment('a', 1));
    connection.pause();
    feed(clientFrame({ opcode: 0, payload: FULL }), fragment('a', 1));
    expect(sink.isPaused()).toBe(true);
    clock.advance(5000);
    expect(connection.readyState).toBe('open');
    expect(clock.timers.size).toBe(0);
  });

  it('runs while paused, as long as there is room and reading goes on', () => {
    connection.pause();
    feed(text('held'), fragment('a', 1));
    clock.advance(1000);
    expect(connection.readyState).toBe('closing');
  });

  it('handles nothing that comes after it has failed: no message, no ping, no Close', async () => {
    listen();
    connection.on('ping', () => log.push('ping'));
    feed(fragment('a', 1));
    clock.advance(1000);
    feed(clientFrame({ opcode: 0, payload: 'b' }), ping('p'), text('c'), clientClose(1000));
    await turns();
    expect(log).toEqual([]);
    sink.push(null);
    await until('the end', () => connection.closeInfo !== undefined);
    expect(connection.closeInfo).toMatchObject({ code: 1008, clean: false });
    expect(log).toEqual(['close 1008']);
  });

  it.each(VERSIONS)(
    'is what the peer really receives, over %s, while it goes on sending',
    async (version) => {
      const options = { messageTimeout: 1000 };
      const { connection, client, clock, closed } = await worldOver(version, options);
      connection.on('message', () => undefined);
      client.send(fragment('a', 1));
      await until('the first fragment', () => clock.timers.size === 1);
      const sending = setInterval(() => client.send(fragment('x'.repeat(1000))), 1);
      await turns(10);
      clock.advance(1000);
      await client.ended();
      clearInterval(sending);
      client.finish();
      const [, , reason = ''] = client.received()[0]!.split(' ');
      expect(client.received()).toHaveLength(1);
      const [, bytes] = /^byte (\d+): /.exec(Buffer.from(reason, 'hex').toString())!;
      expect(client.received()).toEqual(failedBehind(Number(bytes)));
      expect((await closed).code).toBe(1008);
    },
  );

  it.each<[string, () => void]>([
    ['the transport is gone', () => sink.destroy()],
    ['it is terminated', () => connection.terminate()],
    ['the peer ends', () => sink.push(null)],
    ['the peer closes inside the message', () => feed(clientClose(1000))],
    ['the peer breaks a rule', () => feed(clientFrame({ opcode: 3 }))],
    [
      'it is terminated between two messages',
      () => {
        feed(clientFrame({ opcode: 0 }));
        connection.terminate();
      },
    ],
  ])('is over when %s', async (_name, end) => {
    feed(fragment('a', 1));
    end();
    sink.push(null);
    await until('the end', () => connection.closeInfo !== undefined);
    await turns();
    expect(clock.timers.size).toBe(0);
    expect(failures).not.toContain('ERR_MESSAGE_TIMEOUT');
  });

  it('ends the wait for the peer’s Close too', () => {
    feed(fragment('a', 1));
    void connection.close();
    clock.advance(1000);
    expect(sink.writableEnded).toBe(true);
    expect(answers()).toEqual(['close 1000']);
  });

  it('never comes if it is Infinity', () => {
    start({ messageTimeout: Infinity }, clock);
    feed(fragment('a', 1));
    clock.advance(1e12);
    expect(connection.readyState).toBe('open');
    expect(clock.timers.size).toBe(0);
  });
});

describe('MessageReader, messageRate', () => {
  const RATE = { perSecond: 10, burst: 3, fragments: 20 };
  const messages = (count: number) => Array.from({ length: count }, (_, i) => text(`${i}`));
  let clock: HandClock;
  const begin = (options: WorldOptions) => {
    clock = new HandClock();
    start(options, clock);
    listen();
  };

  it('closes with 1008 at the message that is too many, many in one read too', async () => {
    begin({ messageRate: { ...RATE, action: 'close' } });
    feed(...messages(3));
    expect(connection.readyState).toBe('open');
    clock.advance(100);
    feed(...messages(5));
    expect(log).toStrictEqual(['text 0', 'text 1', 'text 2', 'text 0']);
    expect(connection.readyState).toBe('closing');
    feed(text('more'));
    await turns();
    expect(parseFrames(sink.bytes).map(({ payload }) => payload.readUInt16BE())).toStrictEqual([
      1008,
    ]);
    sink.push(null);
    await until('the end', () => connection.closeInfo !== undefined);
    expect(connection.closeInfo).toMatchObject({ code: 1008, cause: { code: 'ERR_MESSAGE_RATE' } });
    expect(log).toHaveLength(5); // and 'close'
  });

  it('pauses reading, delivers what the rate allows, and loses nothing', () => {
    begin({ messageRate: { ...RATE, action: 'pause' } });
    feed(...messages(8));
    expect(log).toHaveLength(3);
    expect(sink.isPaused()).toBe(true);
    clock.advance(99);
    expect(log).toHaveLength(3);
    clock.advance(1);
    expect(log).toHaveLength(4);
    clock.advance(400);
    expect(log).toStrictEqual(messages(8).map((_, i) => `text ${i}`));
    clock.advance(100);
    expect(sink.isPaused()).toBe(false);
    expect(clock.timers.size).toBe(0);
  });

  const fragments = (count: number) =>
    Array.from({ length: count }, () => clientFrame({ opcode: 0, fin: false }));
  const beginning = clientFrame({ opcode: 1, fin: false });
  const end = clientFrame({ opcode: 0, payload: 'b' });

  it('takes no peer for dead or idle while it makes it wait', () => {
    begin({
      messageRate: { perSecond: 0.001, burst: 1, fragments: 0.001, action: 'pause' },
      heartbeat: { interval: 25_000, timeout: 10_000 },
      idleTimeout: 60_000,
      messageTimeout: Infinity,
    });
    feed(text('a'), beginning, ...fragments(1));
    clock.advance(1_000_000); // takes the fragments, whose message goes on
    feed(...fragments(2));
    feed(...fragments(1));
    expect(sink.isPaused()).toBe(true);
    clock.advance(999_000);
    expect(connection.readyState).toBe('open');
    expect(sink.bytes).toHaveLength(0);
    expect(log).toStrictEqual(['text a']);
  });

  it('takes no peer for late that waits to begin a message', () => {
    begin({
      messageRate: { perSecond: 0.001, burst: 1, action: 'pause' },
      messageTimeout: 60_000,
    });
    feed(text('a'), beginning);
    clock.advance(1_000_000); // and now the message is looked at
    expect(sink.isPaused()).toBe(false);
    clock.advance(59_999);
    feed(end);
    expect(log).toStrictEqual(['text a', 'text b']);
    expect(connection.readyState).toBe('open');
  });

  it.each([
    ['at once, and then nothing', 10_000, 0],
    ['now and then', 50, 25],
    ['all the time', 100, 100],
  ])(
    'gives a message no time for frames beyond the rate that come %s',
    async (_when, first, more) => {
      begin({ messageRate: { ...RATE, action: 'pause' }, messageTimeout: 60_000 });
      feed(beginning, ...fragments(first));
      feed(...fragments(1));
      expect(sink.isPaused()).toBe(true);
      for (let seconds = 0; seconds < 59; seconds++) {
        clock.advance(1000);
        feed(...fragments(more));
      }
      clock.advance(999);
      expect(connection.readyState).toBe('open');
      clock.advance(1);
      expect(connection.readyState).toBe('closing');
      await turns();
      expect(answers().map((words) => words.slice(0, 10))).toStrictEqual(['close 1008']);
      sink.push(null); // which would not be seen if the socket were still to wait
      await until('the end', () => connection.closeInfo !== undefined);
      expect(clock.timers.size).toBe(0);
    },
  );

  it('makes no peer wait whose Close is awaited, and does not count any more', async () => {
    for (const action of ['pause', 'close'] as const) {
      begin({ messageRate: { ...RATE, action } });
      feed(...messages(3));
      void connection.close();
      feed(...messages(3));
      await turns();
      expect(log).toHaveLength(6);
      expect(connection.readyState).toBe('closing');
    }
  });

  it('counts a message once whose frame a listener threw at', async () => {
    begin({ messageRate: { ...RATE, action: 'pause' } });
    let thrown = 0;
    connection.on('frame', () => {
      if (thrown++ < 1) throw new Error('a fault');
    });
    expect(() => feed(...messages(3))).toThrow('a fault');
    await turns();
    expect(log).toHaveLength(3);
  });

  it('delivers what waited before the end, when the transport is gone', async () => {
    begin({ messageRate: { ...RATE, action: 'pause' } });
    feed(...messages(8));
    expect(log).toHaveLength(3);
    sink.destroy();
    await turns();
    expect(log).toStrictEqual([...messages(8).map((_, i) => `text ${i}`), 'close 1006']);
    expect(clock.timers.size).toBe(0);
  });

  it('forgets what waited when the connection is gone', async () => {
    begin({ messageRate: { ...RATE, action: 'pause' } });
    feed(...messages(8));
    expect(clock.timers.size).toBe(1);
    connection.terminate();
    await turns();
    expect(clock.timers.size).toBe(0);
  });
});

describe('MessageReader, compressed messages', () => {
  let clock: HandClock;
  let concurrency: ConcurrencyLimit;
  let compression: PermessageDeflate;

  function begin(options: WorldOptions = {}, parameters = {}): void {
    const socket = new Sink(1024 * 1024);
    clock = new HandClock();
    concurrency = new ConcurrencyLimit();
    compression = new PermessageDeflate(
      compressing({ concurrency }),
      parametersOf(parameters),
      'server',
    );
    watch(socket, compressedConnectionOn(socket, compression, options, clock));
    connection.start(Buffer.alloc(0));
  }
  beforeEach(() => {
    begin();
  });

  /** Jobs that let no long message begin until the test ends them. */
  function occupy(): () => void {
    const held: (() => void)[] = [];
    for (let i = 0; i < 4; i++) concurrency.run((done) => held.push(done));
    return () => {
      for (const done of held) done();
    };
  }

  const compressed = (message: string, opcode = 1): Buffer =>
    clientFrame({ opcode, rsv: 4, payload: deflateRawSync(message) });
  /** Too long to be decompressed at once. */
  const LONG = 'long.'.repeat(110_000);
  const short = (each: string): string => each.replace(LONG, 'LONG');
  const heard = (): string[] => log.map(short);
  const hear = (): unknown => {
    connection.on('ping', (payload) => log.push(`ping ${payload.toString()}`));
    return listen();
  };

  it('are delivered like others: text, bytes, fragments, nothing', () => {
    hear();
    const payload = deflateRawSync('in fragments');
    feed(
      compressed('é'),
      text('plain'),
      compressed('bytes', 2),
      clientFrame({ opcode: 1, rsv: 4, fin: false, payload: payload.subarray(0, 3) }),
      ping('between'),
      clientFrame({ opcode: 0, payload: payload.subarray(3) }),
      clientFrame({ opcode: 1, rsv: 4, payload: Buffer.of(0) }),
    );
    expect(log).toStrictEqual([
      'text é',
      'text plain',
      'binary bytes',
      'ping between',
      'text in fragments',
      'text',
    ]);
  });

  it('are ArrayBuffers of their own where binaryAs says so', async () => {
    begin({ binaryAs: 'arraybuffer' });
    const got: ArrayBuffer[] = [];
    connection.on('message', (data) => got.push(data as unknown as ArrayBuffer));
    feed(compressed('', 2), compressed('bytes', 2), compressed(LONG, 2));
    await until('all', () => got.length === 3);
    expect(got.map((data) => data.byteLength)).toEqual([0, 5, LONG.length]);
    expect(got.every((data) => data instanceof ArrayBuffer)).toBe(true);
    expect(Buffer.from(got[2]!).equals(Buffer.from(LONG))).toBe(true);
  });

  it('are Buffers where textAs says so', () => {
    begin({ textAs: 'buffer' });
    const got: unknown[] = [];
    connection.on('message', (...args) => got.push(args));
    feed(compressed('é'));
    expect(got).toStrictEqual([[Buffer.from('é'), false]]);
  });

  it('that are long hold back what came after them, and the socket', async () => {
    hear();
    const letGo = occupy();
    feed(text('before'), compressed(LONG), text('behind'), ping('p'), compressed(LONG, 2));
    feed(text('last'));
    expect(log).toStrictEqual(['text before']);
    expect(sink.isPaused()).toBe(true);
    letGo();
    await until('the last message', () => log.length === 6);
    expect(heard()).toStrictEqual([
      'text before',
      'text LONG',
      'text behind',
      'ping p',
      'binary LONG',
      'text last',
    ]);
    expect(sink.isPaused()).toBe(false);
    expect(answers()).toStrictEqual(['pong 70']);
  });

  it('of which very much comes out are delivered in several turns, and the socket waits', async () => {
    const bombs = Array.from({ length: 8 }, () => compressed('x'.repeat(400_000), 2));
    listen();
    feed(...bombs, text('last'));
    expect(log).toHaveLength(2);
    expect(sink.isPaused()).toBe(true);
    await until('the last', () => log.length === 9);
    expect(log.at(-1)).toBe('text last');
    expect(sink.isPaused()).toBe(false);
  });

  it('count in the budget while they wait for their turn, and can be discarded then', async () => {
    const budget = new BufferBudget(150_000);
    const noise = (): Buffer => clientFrame({ opcode: 2, rsv: 4, payload: deflateRawSync(randomBytes(100_000)) }); // prettier-ignore
    begin({ budget });
    hear();
    const letGo = occupy();
    feed(noise());
    expect(budget.total).toBeGreaterThan(100_000);
    budget.accountOf({ evict: () => undefined }).hold(Buffer.alloc(60_000)); // something else
    await turns();
    expect(budget.total).toBe(60_000);
    expect(answers().map((words) => words.slice(0, 10))).toStrictEqual(['close 1013']);
    letGo();
    await until('the turn', () => concurrency.waiting === 0);
    await turns(20);
    expect(log).toStrictEqual([]);

    begin({ budget: new BufferBudget(Infinity) });
    hear();
    feed(noise());
    await until('the message', () => log.length === 1);
  });

  it('that are long reach a loop that comes to them after the connection has ended', async () => {
    const loop = connection[Symbol.asyncIterator]();
    feed(clientFrame({ opcode: 2, payload: Buffer.alloc(70_000) }), compressed(LONG));
    sink.destroy();
    await until('the end', () => log.length === 1);
    const got: number[] = [];
    for (let next = await loop.next(); next.done !== true; next = await loop.next()) {
      got.push(next.value.length);
    }
    expect(got).toStrictEqual([70_000, LONG.length]);
  });

  it('that are long have all the time they need', async () => {
    hear();
    const letGo = occupy();
    const next = text('next');
    feed(compressed(LONG), next.subarray(0, 3));
    clock.advance(1_000_000);
    letGo();
    await until('the message', () => log.length === 1);
    expect(connection.readyState).toBe('open');
    clock.advance(59_999); // the next message has begun only now
    feed(next.subarray(3));
    expect(log.at(-1)).toBe('text next');
  });

  const BAD: [string, Buffer, number, string][] = [
    ['is no DEFLATE data', clientFrame({ opcode: 2, rsv: 4, payload: Buffer.of(0x06) }), 1007, 'ERR_INVALID_DEFLATE'], // prettier-ignore
    ['is text that is not UTF-8', clientFrame({ opcode: 1, rsv: 4, payload: deflateRawSync(Buffer.of(0xff)) }), 1007, 'ERR_INVALID_UTF8'], // prettier-ignore
    ['is long text that is not UTF-8', clientFrame({ opcode: 1, rsv: 4, payload: deflateRawSync(Buffer.alloc(600_000, 0xff)) }), 1007, 'ERR_INVALID_UTF8'], // prettier-ignore
    ['is too long', compressed('x'.repeat(1_000_001)), 1009, 'ERR_MESSAGE_TOO_BIG'],
    ['has RSV1 on a continuation', Buffer.concat([clientFrame({ opcode: 1, fin: false }), clientFrame({ opcode: 0, rsv: 4 })]), 1002, 'ERR_RESERVED_BIT'], // prettier-ignore
  ];
  it.each(BAD)('that %s fail the connection', async (_what, bytes, code, error) => {
    for (const textAs of ['string', 'buffer'] as const) {
      begin({ maxPayload: 1_000_000, textAs });
      hear();
      feed(text('before'), bytes, text('behind'));
      await until('the Close', () => sink.bytes.length > 0);
      expect(answers()[0]).toMatch(new RegExp(`^close ${code} `));
      feed(text('more'));
      sink.emit('end');
      sink.destroy();
      await turns();
      expect(log).toStrictEqual(['text before', `close ${code}`]);
      expect(connection.closeInfo!.cause).toMatchObject({ code: error });
    }
  });

  it('that fail have the message of the rule', () => {
    feed(clientFrame({ opcode: 1, rsv: 4, payload: deflateRawSync(Buffer.of(0xff)) }));
    expect(answers()[0]).toContain(
      Buffer.from('a compressed Text message has bytes that are not UTF-8').toString('hex'),
    );
  });

  it('that are long are delivered before the peer is found to have ended', async () => {
    hear();
    const letGo = occupy();
    feed(compressed(LONG));
    sink.emit('end');
    expect(connection.readyState).toBe('open');
    letGo();
    await until('the message', () => log.length === 1);
    expect(heard()).toStrictEqual(['text LONG']);
    expect(connection.readyState).toBe('closing');
  });

  it('that are long are delivered before the Close after them is answered', async () => {
    hear();
    feed(compressed(LONG), clientClose(1000));
    sink.emit('end');
    await until('the answer', () => sink.bytes.length > 0);
    expect(heard()).toStrictEqual(['text LONG']);
    expect(answers()).toStrictEqual(['close 1000']);
  });

  it('that are long are delivered once and before the end, though the transport is gone meanwhile', async () => {
    hear();
    const letGo = occupy();
    feed(compressed(LONG), text('behind'), text('it'));
    sink.destroy();
    await turns();
    expect(log).toStrictEqual([]);
    expect(connection.readyState).toBe('closing');
    expect(connection.send('to whom?')).toBe(false);
    letGo();
    await until('the end', () => connection.readyState === 'closed');
    await turns();
    expect(heard()).toStrictEqual(['text LONG', 'text behind', 'text it', 'close 1006']);
    expect(clock.timers.size).toBe(0);
  });

  it('that are done wait for a paused application, but the end of their connection does not', async () => {
    hear();
    const letGo = occupy();
    connection.pause();
    feed(text(FULL.slice(1)), compressed(LONG), text('last'));
    letGo();
    await until('the message', () => concurrency.waiting === 0);
    await turns(20);
    sink.destroy();
    await until('the end', () => connection.readyState === 'closed');
    expect(log).toStrictEqual(['close 1006']);
    connection.resume(); // what it has not taken it can take now
    await until('the messages', () => log.length === 4);
    expect(heard().slice(2)).toStrictEqual(['text LONG', 'text last']);
  });

  it('that come in numbers before the transport goes are not all held for a paused application', async () => {
    hear();
    const letGo = occupy();
    connection.pause();
    feed(compressed(LONG), compressed(LONG), compressed(LONG));
    const inflate = jest.spyOn(compression, 'inflateAsync');
    sink.destroy();
    letGo();
    await until('the end', () => connection.readyState === 'closed');
    await turns(20);
    expect(log).toStrictEqual(['close 1006']);
    expect(inflate).not.toHaveBeenCalled(); // the first was before
    connection.resume();
    await until('the messages', () => log.length === 4);
    expect(heard().slice(1)).toStrictEqual(['text LONG', 'text LONG', 'text LONG']);
  });

  it('that are long and bad change nothing once the transport is gone', async () => {
    hear();
    const letGo = occupy();
    feed(
      clientFrame({ opcode: 1, rsv: 4, payload: deflateRawSync(Buffer.alloc(600_000, 0xff)) }),
      text('behind'),
    );
    sink.destroy();
    await turns();
    letGo();
    await until('the end', () => connection.readyState === 'closed');
    await turns(20);
    expect(log).toStrictEqual(['close 1006']);
    expect(connection.closeInfo!.code).toBe(1006);
  });

  it('that are long come to an iterator before it ends with the connection', async () => {
    const letGo = occupy();
    const got: string[] = [];
    const loop = (async () => {
      for await (const message of connection) got.push(short(message.toString()));
    })();
    feed(text('a'), compressed(LONG), text('b'));
    await turns();
    sink.destroy();
    await turns();
    expect(got).toStrictEqual(['a']);
    letGo();
    await loop;
    expect(got).toStrictEqual(['a', 'LONG', 'b']);
  });

  it('are held while the connection is paused, and stop the socket when enough is held', async () => {
    hear();
    connection.pause();
    feed(compressed(LONG), text('behind'), ping('p'));
    await until('the message to be held', () => concurrency.waiting === 0 && sink.isPaused());
    await turns(20);
    expect(log).toStrictEqual([]);
    connection.resume();
    await until('the messages', () => log.length === 3);
    expect(heard()).toStrictEqual(['text LONG', 'text behind', 'ping p']);
    expect(sink.isPaused()).toBe(false);
  });

  it('that are not decompressed yet when nothing was taken for too long are discarded', async () => {
    begin();
    feed(compressed('a'), compressed(LONG));
    clock.advance(35_000);
    feed(compressed('b'), ping('p'));
    await until('the Pong', () => answers().length > 0);
    expect(sink.isPaused()).toBe(false);
    listen();
    await turns();
    feed(compressed('c'));
    expect(heard()).toEqual(['text c']);
  });

  it('that are being decompressed are not delivered after terminate()', async () => {
    hear();
    feed(compressed(LONG), compressed('behind'));
    connection.terminate();
    await until('the end', () => log.length > 0);
    await turns(50);
    expect(heard()).toEqual(['close 1006']);
  });

  it('that are done while too much is held are delivered in their turn', async () => {
    hear();
    const letGo = occupy();
    connection.pause();
    feed(text(FULL.slice(1)), compressed(LONG), text('last'));
    letGo();
    await turns(20);
    connection.resume();
    await until('the messages', () => log.length === 3);
    expect(heard().map((each) => each.slice(0, 9))).toStrictEqual([
      'text xxxx',
      'text LONG',
      'text last',
    ]);
  });

  it('that are long are delivered while we close', async () => {
    hear();
    const letGo = occupy();
    feed(compressed(LONG), clientClose(1000));
    const closing = connection.close(1001);
    await turns();
    expect(answers()).toStrictEqual(['close 1001']);
    letGo();
    await until('the message', () => log.length === 1);
    sink.emit('end');
    sink.destroy();
    expect(await closing).toMatchObject({ code: 1000, clean: true });
    expect(heard()).toStrictEqual(['text LONG', 'close 1000']);
  });

  it('may refer to those before, whichever way they went, where that was agreed on', async () => {
    begin({}, TAKEOVER);
    hear();
    const peer = new PermessageDeflate(compressing(), parametersOf(TAKEOVER), 'client');
    const send = (message: string): void => {
      feed(clientFrame({ opcode: 1, rsv: 4, payload: peer.deflate(Buffer.from(message))! }));
    };
    send('once');
    send('once');
    // As a peer would that keeps its window across a long message.
    const dictionary = Buffer.from('once'.repeat(2));
    const payload = deflateRawSync(LONG, { dictionary });
    feed(clientFrame({ opcode: 1, rsv: 4, payload }));
    const reference = deflateRawSync(LONG.slice(-500), { dictionary: Buffer.from(LONG).subarray(-32_768) }); // prettier-ignore
    feed(clientFrame({ opcode: 1, rsv: 4, payload: reference }));
    await until('the messages', () => log.length === 4);
    expect(heard()).toStrictEqual(['text once', 'text once', 'text LONG', `text ${LONG.slice(-500)}`]); // prettier-ignore
    compression.close();
    peer.close();
  });
});

describe('MessageReader, messages in parts', () => {
  const part = (payload: string, fin: boolean, opcode = 0): Buffer =>
    clientFrame({ opcode, payload, fin });

  it('passes on parts, handles control frames, and leaves a message that is not asked for', async () => {
    const messages = connection.incoming()[Symbol.asyncIterator]();
    feed(part('a', false, 1), ping('p'), part('b', true), ping('q'), text('c'));
    expect(answers()).toEqual([]);
    const { value } = (await messages.next()) as { value: { text(): Promise<string> } };
    expect(await value.text()).toBe('ab');
    expect(answers()).toEqual(['pong 70', 'pong 71']);
  });

  it('fails with the position for what is too long', async () => {
    start({ maxPayload: 2 });
    const messages = connection.incoming({ maxPayload: 100 })[Symbol.asyncIterator]();
    feed(text('abc'));
    const { value } = (await messages.next()) as { value: { text(): Promise<string> } };
    value.text().catch(() => undefined);
    await turns();
    expect(parseFrames(sink.bytes)[0]?.payload.subarray(2, 10).toString()).toBe('byte 9: ');
  });

  it('loses nothing to a listener that throws, whatever is found', async () => {
    let isThrown = false;
    connection.on('frame', () => {
      if (isThrown) return;
      isThrown = true;
      throw new Error('mine');
    });
    expect(() => feed(text('a'))).toThrow('mine');
    const messages = connection.incoming()[Symbol.asyncIterator]();
    await turns();
    expect(sink.isPaused()).toBe(true);
    const { value } = (await messages.next()) as { value: { text(): Promise<string> } };
    expect(await value.text()).toBe('a');
    start();
    connection.on('message', () => undefined);
    start({ messageRate: { perSecond: 1, burst: 1, fragments: 1, action: 'pause' } });
    const others = connection.incoming()[Symbol.asyncIterator]();
    feed(part('a', false, 1), part('b', false), part('c', false), part('d', true));
    const { value: slow } = (await others.next()) as { value: { discard(): void } };
    slow.discard();
    expect(sink.isPaused()).toBe(true); // until there are tokens
  });

  it('takes over a message that is being decompressed', async () => {
    const socket = new Sink(1024 * 1024);
    const compression = new PermessageDeflate(compressing(), parametersOf(), 'server');
    watch(socket, compressedConnectionOn(socket, compression));
    connection.start(Buffer.alloc(0));
    const noise = randomBytes(100_000);
    feed(clientFrame({ opcode: 2, rsv: 4, payload: deflateRawSync(noise) }));
    const messages = connection.incoming()[Symbol.asyncIterator]();
    const { value } = (await messages.next()) as { value: { bytes(): Promise<Buffer> } };
    expect((await value.bytes()).equals(noise)).toBe(true);
  });

  it('times the silence of the peer', async () => {
    const clock = new HandClock();
    start({}, clock);
    const messages = connection.incoming()[Symbol.asyncIterator]();
    feed(part('a', false, 1));
    await messages.next();
    for (let i = 0; i < 3; i++) {
      clock.advance(50_000);
      feed(part('b', false));
    }
    expect(answers()).toEqual([]);
    clock.advance(60_000);
    await turns();
    expect(answers()[0]).toMatch(/^close 1008/);
  });
});
