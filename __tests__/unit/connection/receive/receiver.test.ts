import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { BufferBudget } from '../../../../src/connection/limits/buffer-budget.js';
import { ConnectionError } from '../../../../src/connection/close/connection-error.js';
import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { Counters } from '../../../../src/connection/counters.js';
import type { ConnectionEvents } from '../../../../src/connection/events.js';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { Session } from '../../../../src/connection/session.js';
import { TypedEmitter } from '../../../../src/connection/typed-emitter.js';
import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { PermessageDeflate } from '../../../../src/connection/deflate/permessage-deflate.js';
import { ThreadPool } from '../../../../src/connection/deflate/thread-pool.js';
import { ProtocolError } from '../../../../src/protocol/framing/protocol-error.js';
import { FrameDecoder } from '../../../../src/protocol/framing/frame-decoder.js';
import { clientClose, clientFrame, describeFrame, parseFrames } from '../../../support/frames.js';
import {
  compressedConnectionOn,
  compressing,
  connectionOn,
  HandClock,
  parametersOf,
  record,
  settingsOf,
  Sink,
  TAKEOVER,
  tearDown,
  turns,
  until,
  world,
  type WorldOptions,
} from '../../../support/connection.js';

afterEach(tearDown);

let sink: Sink;
let connection: WebSocketConnection;
let log: string[];

/** A connection on a socket that the test feeds. */
function start(options: WorldOptions = {}, clock = new HandClock()): void {
  sink = new Sink(1024 * 1024);
  connection = connectionOn(sink, options, clock);
  const mine: string[] = (log = []);
  connection.on('close', (code) => mine.push(`close ${code}`));
  connection.start(Buffer.alloc(0));
}

beforeEach(() => start());

const text = (payload: string) => clientFrame({ opcode: 1, payload });
const ping = (payload: string) => clientFrame({ opcode: 9, payload });
/** What one read of the socket brings. */
const feed = (...frames: Buffer[]) => sink.emit('data', Buffer.concat(frames));
const listen = () => record(connection, log);
const answers = () => parseFrames(sink.bytes).map(describeFrame);
/** Messages that fill what is held: 64 KiB with the overhead of one. */
const FULL = 'x'.repeat(65_536 - 64);

describe('Receiver, listeners', () => {
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

  it('hands them text as a Buffer, with its kind, where textAs says so', () => {
    start({ textAs: 'buffer' });
    const heard: unknown[] = [];
    connection.on('message', (...args) => heard.push(args));
    feed(text('é'));
    expect(heard).toEqual([[Buffer.from('c3a9', 'hex'), false]]);
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

describe('Receiver, what is counted', () => {
  it('is every byte, message, Ping and Pong, wanted or not, and each message is published', () => {
    const counters = new Counters();
    start({ counters });
    const published: unknown[] = [];
    const listener = (message: unknown) => published.push(message);
    subscribe('hawser.message.received', listener);
    const bytes = Buffer.concat([
      text('held'),
      ping('p'),
      ping('q'),
      clientFrame({ opcode: 10 }),
      clientFrame({ opcode: 2, payload: 'a', fin: false }),
      clientFrame({ opcode: 0, payload: 'b' }),
    ]);
    try {
      feed(bytes.subarray(0, 20));
      expect(counters.bytesReceived).toBe(20);
      feed(bytes.subarray(20));
      connection.resume(); // discards what is held
      feed(text('discarded'));
    } finally {
      unsubscribe('hawser.message.received', listener);
    }
    expect(counters).toMatchObject({
      bytesReceived: bytes.length + text('discarded').length,
      messagesReceived: 3,
      messagesDiscarded: 3,
      pingsReceived: 2,
      pongsReceived: 1,
    });
    expect(published).toStrictEqual([
      { connection, data: 'held', isBinary: false },
      { connection, data: Buffer.from('ab'), isBinary: true },
      { connection, data: 'discarded', isBinary: false },
    ]);
  });
});

describe('Receiver, before anyone listens', () => {
  it('holds messages, handles control frames meanwhile, and delivers late', async () => {
    feed(text('a'), ping('p'), text('b'));
    expect(answers()).toEqual(['pong 70']);
    listen();
    expect(log).toEqual([]); // not inside the call that adds the listener
    await turns();
    expect(log).toEqual(['text a', 'text b']);
    feed(text('c'));
    expect(log).toEqual(['text a', 'text b', 'text c']);
  });

  it('delivers what it holds after the connection has closed', async () => {
    feed(text('a'));
    sink.destroy();
    await turns();
    expect(log).toEqual(['close 1006']);
    listen();
    await turns();
    expect(log).toEqual(['close 1006', 'text a']);
  });

  it('loses nothing to once()', async () => {
    connection.once('message', (data) => log.push(`once ${data.toString()}`));
    feed(text('a'), text('b'));
    expect(log).toEqual(['once a']);
    connection.once('message', (data) => log.push(`once ${data.toString()}`));
    await turns();
    feed(text('c'));
    await turns();
    expect(log).toEqual(['once a', 'once b']);
    connection.prependOnceListener('message', (data) => log.push(`once ${data.toString()}`));
    await turns();
    expect(log).toEqual(['once a', 'once b', 'once c']);
  });

  it('stops reading at 64 KiB held, and goes on when they are taken', async () => {
    feed(text(FULL.slice(1)));
    expect(sink.isPaused()).toBe(false);
    feed(text(''));
    expect(sink.isPaused()).toBe(true);
    feed(text('behind'), ping('behind')); // what was already on its way
    expect(sink.writes).toEqual([]);
    const heard: string[] = [];
    connection.on('message', (data) => heard.push(data.toString()));
    await turns();
    expect(heard.map(({ length }) => length)).toEqual([65_471, 0, 6]);
    expect(answers()).toEqual(['pong 626568696e64']);
    expect(sink.isPaused()).toBe(false);
  });

  it('stops reading for empty messages too: after 1024', async () => {
    for (let i = 0; i < 1023; i++) feed(text(''));
    expect(sink.isPaused()).toBe(false);
    feed(text(''));
    expect(sink.isPaused()).toBe(true);
    listen();
    await turns();
    expect(log).toHaveLength(1024);
    expect(sink.isPaused()).toBe(false);
  });

  it('holds one message whatever its length', async () => {
    feed(text('x'.repeat(1_000_000)));
    expect(sink.isPaused()).toBe(true);
    listen();
    await turns();
    expect(log[0]).toHaveLength(1_000_005);
  });

  it('really stops a TCP peer, and loses none of its bytes', async () => {
    const { connection, socket, client } = await world();
    const payload = 'x'.repeat(50_000);
    const count = 200;
    for (let i = 0; i < count; i++) client.send(text(`${i}:${payload}`));
    await until('reading to stop', () => socket.isPaused());
    await turns(20);
    expect(socket.bytesRead).toBeLessThan(1_000_000);
    const heard: number[] = [];
    connection.on('message', (data) => heard.push(Number.parseInt(data.toString(), 10)));
    await until('all of it', () => heard.length === count);
    expect(heard).toEqual(Array.from({ length: count }, (_, i) => i));
  });

  it('reads on after close(), to see the peer’s Close, and throws away what is too much', async () => {
    feed(text(FULL), text('a'));
    expect(sink.isPaused()).toBe(true);
    void connection.close();
    await turns();
    expect(sink.isPaused()).toBe(false);
    feed(text('b'), clientClose(1000));
    sink.push(null);
    await until('the end', () => log.length > 0);
    expect(connection.closeInfo?.clean).toBe(true);
    listen();
    await turns();
    expect(log.map(({ length }) => length)).toEqual([10, 5 + FULL.length]);
  });

  it('decodes no more than that after the connection has closed either', async () => {
    connection.on('ping', () => log.push('ping'));
    feed(text(FULL), ping('p'));
    sink.destroy();
    await turns();
    expect(log).toEqual(['close 1006']);
    connection.resume();
    await turns();
    expect(log).toEqual(['close 1006', 'ping']);
  });

  it('holds what was read but not decoded when the connection closed, and delivers it all', async () => {
    feed(text(FULL), text('a'), text(FULL), text('b'), clientClose(1000));
    sink.destroy();
    await turns();
    expect(log).toEqual(['close 1006']);
    listen();
    await turns();
    expect(log.map((line) => line.slice(0, 6))).toEqual([
      'close ',
      'text x',
      'text a',
      'text x',
      'text b',
    ]);
    expect(connection.closeInfo?.code).toBe(1006);
  });
});

describe('Receiver, messages that no consumer takes', () => {
  /** What a connection waits with `heartbeat: false`. */
  const PATIENCE = 35_000;
  let clock: HandClock;
  let counters: Counters;
  let unread: unknown[];

  const begin = (options: WorldOptions = {}): void => {
    clock = new HandClock();
    counters = new Counters();
    unread = [];
    const observer = {
      failed: () => undefined,
      closed: () => undefined,
      unread: (connection: unknown) => unread.push(connection),
    };
    start({ counters, observer, ...options }, clock);
  };
  beforeEach(() => {
    begin();
  });
  /** That messages are discarded, and everything else of the peer is seen. */
  const expectSight = async (): Promise<void> => {
    expect(unread).toEqual([connection]);
    expect(sink.isPaused()).toBe(false);
    feed(text(FULL), text(FULL), ping('p'));
    expect(sink.isPaused()).toBe(false);
    expect(answers().at(-1)).toBe('pong 70');
    feed(clientClose(1000));
    sink.push(null);
    await until('the end', () => connection.closeInfo !== undefined);
    expect(connection.closeInfo).toMatchObject({ code: 1000, clean: true });
    expect(unread).toEqual([connection]);
    expect(clock.timers.size).toBe(0);
  };

  it.each<[string, () => unknown]>([
    ['there never was one', () => undefined],
    [
      'there are only listeners of other kinds',
      () => {
        connection.on('ping', () => undefined).on('drain', () => undefined);
      },
    ],
    [
      'once() is used up',
      () => {
        connection.once('message', () => undefined);
        feed(text('login'));
      },
    ],
    [
      'the listener was removed',
      () => {
        const listener = (): void => undefined;
        connection.on('message', listener);
        feed(text('login'));
        connection.off('message', listener);
      },
    ],
    [
      'all listeners were removed',
      () => {
        connection.on('message', () => undefined);
        feed(text('login'));
        connection.removeAllListeners('message');
      },
    ],
    [
      'the loop was left',
      async () => {
        feed(text('login'));
        for await (const message of connection) {
          expect(message).toBe('login');
          break;
        }
      },
    ],
    [
      'a paused connection was resumed for a loop that was left',
      async () => {
        const iterator = connection[Symbol.asyncIterator]();
        connection.pause();
        feed(text('login'));
        expect((await iterator.next()).value).toBe('login');
        await iterator.return!();
        connection.on('message', () => undefined);
        connection.resume();
        connection.removeAllListeners('message');
      },
    ],
  ])('are held for a while and then discarded, where %s', async (_, begun) => {
    await begun();
    const before = counters.messagesReceived;
    clock.advance(1_000_000); // the wait begins with a message
    feed(text(FULL), text('a'), ping('behind'));
    expect(sink.isPaused()).toBe(true);
    clock.advance(PATIENCE - 1);
    expect(unread).toEqual([]);
    expect(sink.isPaused()).toBe(true);
    expect(counters.messagesDiscarded).toBe(0);
    clock.advance(1);
    expect(counters.messagesDiscarded).toBe(2);
    expect(counters.messagesReceived).toBe(before + 2);
    expect(answers().at(-1)).toBe('pong 626568696e64');
    await expectSight();
  });

  it('are held as long as interval and timeout of the heartbeat together', () => {
    begin({ heartbeat: { interval: 300, timeout: 200 } });
    feed(text(FULL));
    clock.advance(499);
    expect(unread).toEqual([]);
    clock.advance(1);
    expect(unread).toEqual([connection]);
  });

  it('do not make a connection idle while they are discarded, and the peer is seen to fall silent', async () => {
    begin({ heartbeat: { interval: 4000, timeout: 4000 }, idleTimeout: 16_000 });
    feed(text(FULL));
    clock.advance(8000);
    for (let i = 0; i < 30; i++) {
      feed(text('a'));
      clock.advance(1000);
      await turns(1);
    }
    expect(connection.readyState).toBe('open');
    for (let i = 0; i < 12; i++) {
      clock.advance(1000);
      await turns();
    }
    expect(connection.closeInfo?.cause).toMatchObject({ code: 'ERR_HEARTBEAT_TIMEOUT' });
  });

  it.each<[string, () => void, number]>([
    ['a listener', () => listen(), 3],
    [
      'a loop',
      () => {
        void (async () => {
          for await (const message of connection) log.push(message.toString());
        })();
      },
      3,
    ],
    [
      'a pause() and then a listener',
      () => {
        connection.pause();
        clock.advance(10 * PATIENCE);
        listen();
        connection.resume();
      },
      3,
    ],
  ])('are all delivered to %s that comes in time', async (_, comes, count) => {
    feed(text(FULL), text('a'));
    clock.advance(PATIENCE - 1);
    comes();
    clock.advance(PATIENCE);
    await turns();
    feed(text('b'));
    await turns();
    expect(log).toHaveLength(count);
    expect(counters.messagesDiscarded).toBe(0);
    expect(unread).toEqual([]);
    expect(clock.timers.size).toBe(0);
  });

  it.each<[string, () => void]>([
    ['after pause()', () => connection.pause()],
    ['for a loop that is slow', () => void connection[Symbol.asyncIterator]().next()],
    ['for an iterator that was not asked yet', () => void connection[Symbol.asyncIterator]()],
    [
      'for a listener, after pause()',
      () => {
        listen();
        connection.pause();
      },
    ],
  ])('are held for as long as it takes %s', async (_, holds) => {
    holds();
    feed(text('first'), text(FULL), text('a'));
    clock.advance(100 * PATIENCE);
    await turns();
    expect(sink.isPaused()).toBe(true);
    expect(unread).toEqual([]);
    expect(counters.messagesDiscarded).toBe(0);
  });

  it('are discarded without a word after resume()', async () => {
    feed(text(FULL), text('a'));
    connection.resume();
    await turns();
    clock.advance(PATIENCE);
    expect(unread).toEqual([]);
    expect(counters.messagesDiscarded).toBe(2);
    expect(clock.timers.size).toBe(0);
  });

  it('are delivered again once there is a consumer, and held again when it is gone', async () => {
    feed(text('lost'));
    clock.advance(PATIENCE);
    feed(text('lost too'));
    connection.once('message', (data) => log.push(`once ${data.toString()}`));
    feed(text('a'), text('b'));
    clock.advance(PATIENCE - 1);
    listen();
    await turns();
    expect(log).toEqual(['once a', 'text b']);
    expect(counters).toMatchObject({ messagesReceived: 4, messagesDiscarded: 2 });
    expect(unread).toHaveLength(1);
  });

  it('wait for a whole time again when a consumer took one and left', async () => {
    feed(text('a'), text('b'));
    clock.advance(PATIENCE - 1);
    connection.once('message', (data) => log.push(`once ${data.toString()}`));
    await turns();
    clock.advance(PATIENCE - 1);
    expect(unread).toEqual([]);
    clock.advance(1);
    expect(log).toEqual(['once a']);
    expect(counters.messagesDiscarded).toBe(1);
  });

  it('are kept for a consumer that comes when the connection has ended meanwhile', async () => {
    feed(text('a'), text('b'));
    clock.advance(PATIENCE - 1);
    sink.destroy();
    await turns();
    expect(clock.timers.size).toBe(0);
    clock.advance(PATIENCE);
    listen();
    await turns();
    expect(log).toEqual(['close 1006', 'text a', 'text b']);
    expect(unread).toEqual([]);
  });

  it('are not waited for once a Close was sent', async () => {
    begin({ closeTimeout: 10 * PATIENCE });
    feed(text('a'));
    void connection.close();
    await turns();
    clock.advance(PATIENCE);
    feed(text('b'));
    clock.advance(PATIENCE);
    expect(unread).toEqual([]);
    listen();
    await turns();
    expect(log).toEqual(['text a', 'text b']);
  });

  it('are counted when a paused connection is closed', () => {
    connection.pause();
    void connection.close();
    feed(text('a'), text('b'));
    expect(counters).toMatchObject({ messagesReceived: 2, messagesDiscarded: 2 });
  });

  it('leave nothing in the budget when they are discarded', async () => {
    const budget = new BufferBudget(10_000_000);
    begin({ budget });
    feed(text(FULL), text(FULL));
    expect(budget.total).toBeGreaterThan(FULL.length);
    clock.advance(PATIENCE);
    await turns();
    expect(budget.total).toBe(0);
  });

  it('cost no deadline where listeners take them as they come', () => {
    const starts = jest.spyOn(Deadlines.prototype, 'start');
    listen();
    for (let i = 0; i < 100; i++) feed(text('a'));
    expect(starts).not.toHaveBeenCalled();
    starts.mockRestore();
  });
});

describe('Receiver, pause() and resume()', () => {
  it('holds while paused, with listeners too, and answers pings', async () => {
    listen();
    connection.pause();
    expect(connection.isPaused).toBe(true);
    feed(text('a'), ping('p'));
    await turns();
    expect(log).toEqual([]);
    expect(answers()).toEqual(['pong 70']);
    connection.resume();
    expect(connection.isPaused).toBe(false);
    expect(log).toEqual([]);
    await turns();
    expect(log).toEqual(['text a']);
  });

  it('holds from the next message on when a listener pauses', async () => {
    listen();
    connection.once('message', () => connection.pause());
    feed(text('a'), text('b'));
    await turns();
    expect(log).toEqual(['text a']);
    connection.pause();
    connection.resume();
    await turns();
    expect(log).toEqual(['text a', 'text b']);
  });

  it('keeps the order of messages held and messages that come', async () => {
    listen();
    connection.pause();
    feed(text('a'));
    connection.resume();
    feed(text('b')); // before the held one is delivered
    await turns();
    expect(log).toEqual(['text a', 'text b']);
  });

  it('does nothing when nothing was paused', async () => {
    listen();
    connection.resume();
    feed(text('a'));
    await turns();
    expect(log).toEqual(['text a']);
    expect(connection.isPaused).toBe(false);
  });

  it('throws away what comes after resume() without a consumer, and what is held', async () => {
    feed(text('held'));
    connection.resume();
    await turns();
    feed(text('ignored'));
    await turns();
    listen();
    await turns();
    expect(log).toEqual([]);
    feed(text('a'));
    expect(log).toEqual(['text a']);
  });

  it('throws away without ever having held anything', async () => {
    connection.resume();
    for (let i = 0; i < 10; i++) feed(text(FULL));
    expect(sink.isPaused()).toBe(false);
    listen();
    await turns();
    expect(log).toEqual([]);
  });

  it('holds again, after such a resume(), once there has been a consumer', async () => {
    connection.resume();
    connection.once('message', (data) => log.push(`once ${data.toString()}`));
    feed(text('a'), text('b'));
    listen();
    await turns();
    expect(log).toEqual(['once a', 'text b']);
  });

  it('holds again when it is paused after such a resume()', async () => {
    connection.resume();
    connection.pause();
    feed(text('a'));
    listen();
    connection.resume();
    await turns();
    expect(log).toEqual(['text a']);
  });

  it('does not start a second loop for resume() inside a listener', () => {
    let depth = 0;
    let deepest = 0;
    connection.on('message', (data) => {
      deepest = Math.max(deepest, ++depth);
      connection.pause();
      connection.resume();
      log.push(data.toString());
      depth--;
    });
    feed(...Array.from({ length: 50 }, (_, i) => text(`${i}`)));
    expect(deepest).toBe(1);
    expect(log).toEqual(Array.from({ length: 50 }, (_, i) => `${i}`));
  });

  it('does not nest when more bytes come inside a listener either', () => {
    connection.on('message', (data) => {
      log.push(`in ${data.toString()}`);
      if (data === 'a') feed(text('b'));
      log.push(`out ${data.toString()}`);
    });
    feed(text('a'));
    expect(log).toEqual(['in a', 'out a', 'in b', 'out b']);
  });

  it('throws away what comes while paused once we have closed', async () => {
    listen();
    connection.pause();
    feed(text('held'));
    void connection.close();
    feed(text('discarded'));
    connection.resume();
    feed(text('c'));
    await turns();
    expect(log).toEqual(['text held', 'text c']);
  });
});

describe('Receiver, iterating', () => {
  it('gives held messages and new ones, text and bytes, one after the other', async () => {
    feed(text('a'));
    const iterator = connection[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: 'a' });
    const waiting = iterator.next();
    feed(clientFrame({ opcode: 2, payload: 'b' }), text('c'));
    expect(await waiting).toEqual({ done: false, value: Buffer.from('b') });
    expect(await iterator.next()).toEqual({ done: false, value: 'c' });
  });

  it('slows the peer down when it is slow: reading stops at 64 KiB and goes on with room', async () => {
    const iterator = connection[Symbol.asyncIterator]();
    feed(text(FULL), text('a'), text('b'), ping('p'));
    expect(sink.isPaused()).toBe(true);
    expect(sink.writes).toEqual([]);
    expect((await iterator.next()).value).toHaveLength(FULL.length);
    expect(sink.isPaused()).toBe(false);
    expect(answers()).toEqual(['pong 70']);
    expect((await iterator.next()).value).toBe('a');
    expect((await iterator.next()).value).toBe('b');
  });

  it('answers in one write what one loop answered in one go', async () => {
    feed(text('a'), text('b'), text('c'));
    void (async () => {
      for await (const message of connection) connection.send(message);
    })();
    await turns();
    expect(answers()).toEqual(['text 61', 'text 62', 'text 63']);
    expect(sink.writes).toHaveLength(1);
  });

  it('leaves the connection open, and what is held to the next, when the loop is left', async () => {
    feed(text('a'), text('b'), text('c'));
    for await (const message of connection) {
      log.push(message.toString());
      break;
    }
    expect(connection.readyState).toBe('open');
    for await (const message of connection) {
      log.push(message.toString());
      break;
    }
    listen();
    await turns();
    expect(log).toEqual(['a', 'b', 'text c']);
  });

  it.each<[string, () => void, number]>([
    ['the peer closes', () => feed(clientClose(1000)), 1000],
    ['the transport ends', () => sink.push(null), 1006],
    ['the transport breaks', () => sink.destroy(new Error('reset')), 1006],
    ['the peer breaks a rule', () => feed(clientFrame({ opcode: 3 })), 1002],
    ['wss.close() cuts it', () => connection.cut(new ConnectionError('ERR_SERVER_CLOSED')), 1006],
  ])('ends after the held messages when %s', async (_name, end, code) => {
    feed(text('a'), text('b'));
    end();
    sink.push(null);
    await until('the close', () => connection.closeInfo !== undefined);
    const messages: unknown[] = [];
    for await (const message of connection) messages.push(message);
    expect(messages).toEqual(['a', 'b']);
    expect(connection.closeInfo!.code).toBe(code);
  });

  it('ends for one who waits when the connection closes', async () => {
    const waiting = connection[Symbol.asyncIterator]().next();
    sink.destroy();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  it('takes what was read but not decoded when the connection closed, before it ends', async () => {
    const iterator = connection[Symbol.asyncIterator]();
    feed(text(FULL), text('a'), text('b'));
    sink.destroy();
    await until('the close', () => connection.closeInfo !== undefined);
    const messages: string[] = [];
    for await (const message of iterator) messages.push(message.toString().slice(0, 1));
    expect(messages).toEqual(['x', 'a', 'b']);
  });

  it('takes over after resume() without a consumer', async () => {
    connection.resume();
    await turns();
    feed(text('ignored'));
    const iterator = connection[Symbol.asyncIterator]();
    connection.resume(); // there is a consumer now
    await turns();
    feed(text('a'));
    connection.resume();
    expect(await iterator.next()).toEqual({ done: false, value: 'a' });
  });

  it('refuses to be mixed with listeners or another iterator', async () => {
    listen();
    expect(() => connection[Symbol.asyncIterator]()).toThrow(TypeError);
    connection.removeAllListeners('message');
    const iterator = connection[Symbol.asyncIterator]();
    expect(() => connection[Symbol.asyncIterator]()).toThrow(/remove the other consumer first/);
    for (const add of [
      'on',
      'addListener',
      'once',
      'prependListener',
      'prependOnceListener',
    ] as const) {
      expect(() => connection[add]('message', () => undefined)).toThrow(/leave its loop/);
    }
    expect(connection.listenerCount('message')).toBe(0);
    await iterator.return!();
    listen();
    feed(text('a'));
    expect(log).toEqual(['text a']);
  });
});

describe('Receiver, an exception of a listener', () => {
  const boom = () => {
    throw new Error('boom');
  };

  it('surfaces, and later messages still arrive', async () => {
    connection.on('message', (data) => {
      log.push(data.toString());
      if (data === 'a') throw new Error('boom');
    });
    expect(() => feed(text('a'), text('b'), ping('p'))).toThrow('boom');
    expect(log).toEqual(['a']);
    await turns();
    expect(log).toEqual(['a', 'b']);
    expect(answers()).toEqual(['pong 70']);
    feed(text('c'));
    expect(log).toEqual(['a', 'b', 'c']);
    expect(connection.readyState).toBe('open');
  });

  it('does not keep back what was sent before it', () => {
    connection.on('message', (data) => {
      connection.send(data);
      throw new Error('boom');
    });
    expect(() => feed(text('a'))).toThrow('boom');
    expect(answers()).toEqual(['text 61']);
  });

  it('does not cost a ping its pong', () => {
    connection.on('ping', boom);
    expect(() => feed(ping('p'))).toThrow('boom');
    expect(answers()).toEqual(['pong 70']);
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
  ])('from a frame listener does not cost %s', async (_name, frames, expected) => {
    listen();
    connection.once('frame', boom);
    expect(() => feed(...frames)).toThrow('boom');
    await turns();
    expect(log).toEqual(expected);
  });

  it('from a frame listener does not cost the frames behind it theirs', async () => {
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

  it('from a frame listener does not cost the peer’s Close', async () => {
    connection.once('frame', boom);
    expect(() => feed(clientClose(1000))).toThrow('boom');
    await turns();
    expect(answers()).toEqual(['close 1000']);
    sink.push(null);
    await until('the end', () => connection.closeInfo !== undefined);
    expect(connection.closeInfo).toMatchObject({ code: 1000, clean: true });
  });

  it('does not let the peer’s end overtake its Close', async () => {
    connection.on('message', boom);
    expect(() => feed(text('a'), text('b'), text('c'), clientClose(1000))).toThrow('boom');
    expect(() => sink.emit('end')).toThrow('boom');
    connection.removeAllListeners('message');
    await turns();
    expect(answers()).toEqual(['close 1000']);
    sink.push(null);
    await until('the end', () => connection.closeInfo !== undefined);
    expect(connection.closeInfo).toEqual({
      code: 1000,
      reason: '',
      clean: true,
      initiator: 'peer',
    });
  });

  it('from a frame listener does not end an iterator before the message it belongs to', async () => {
    const iterator = connection[Symbol.asyncIterator]();
    connection.once('frame', boom);
    sink.prependOnceListener('close', () => {
      expect(() => feed(text('a'))).toThrow('boom');
    });
    sink.destroy();
    expect(await iterator.next()).toEqual({ done: false, value: 'a' });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });
});

describe('Receiver, frames', () => {
  it('shows the header of every frame to who listens, before the message', () => {
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
});

describe('Receiver, messageTimeout', () => {
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
  ])('fails the connection with 1008 when nothing comes behind %s', async (_name, begun) => {
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

  it('is over when the message is complete, and its timer leaves nothing behind', () => {
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

  it('does not run while we ourselves have stopped reading, and begins anew when we go on', async () => {
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

  it('is what the peer really receives, over TCP, while it goes on sending', async () => {
    const { connection, client, clock, closed } = await world({ messageTimeout: 1000 });
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
  });

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

describe('Receiver, messageRate', () => {
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

  it('takes nobody for dead or idle while it makes them wait', () => {
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

  it('takes nobody for late who waits to begin a message', () => {
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

  it('makes nobody wait whose Close is awaited, and does not count any more', async () => {
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

  it('forgets who waited when the connection is gone', async () => {
    begin({ messageRate: { ...RATE, action: 'pause' } });
    feed(...messages(8));
    expect(clock.timers.size).toBe(1);
    connection.terminate();
    await turns();
    expect(clock.timers.size).toBe(0);
  });
});

describe('Receiver, for the heartbeat', () => {
  const HEARTBEAT = { heartbeat: { interval: 25_000, timeout: 10_000 } };
  let clock: HandClock;
  const begin = (options: WorldOptions) => {
    clock = new HandClock();
    start(options, clock);
    connection.on('pong', (payload) => log.push(`pong ${payload.toString()}`));
  };
  const sent = async () => {
    await turns(1);
    return parseFrames(sink.bytes);
  };

  it('counts any bytes as a sign of life, and only messages as such', async () => {
    begin({ ...HEARTBEAT, idleTimeout: 60_000, messageTimeout: Infinity });
    clock.advance(20_000);
    feed(text('a').subarray(0, 1));
    clock.advance(20_000);
    feed(text('a').subarray(1));
    clock.advance(20_000);
    feed(ping('p'));
    expect((await sent()).map(({ opcode }) => opcode)).toStrictEqual([10]);
    clock.advance(20_000);
    feed(ping('p'));
    clock.advance(20_000);
    feed(ping('p'));
    expect(connection.readyState).toBe('open');
    clock.advance(1000);
    expect(connection.readyState).toBe('closing');
  });

  it('takes the Pong that answers the heartbeat, and gives the application all others', async () => {
    begin(HEARTBEAT);
    clock.advance(26_000);
    const [asked] = await sent();
    clock.advance(7);
    feed(
      clientFrame({ opcode: 10, payload: 'x' }),
      clientFrame({ opcode: 10, payload: asked!.payload }),
    );
    expect(log).toStrictEqual(['pong x']);
    expect(connection.latency).toBe(7);
  });

  it('cannot hear while it does not read, and begins anew when it reads on', async () => {
    begin(HEARTBEAT);
    feed(text(FULL));
    expect(sink.isPaused()).toBe(true);
    clock.advance(20_000);
    listen();
    await turns();
    clock.advance(25_000);
    expect(await sent()).toStrictEqual([]);
    clock.advance(1000);
    expect(await sent()).toHaveLength(1);
    clock.advance(10_000);
    await turns();
    expect(log.slice(1)).toStrictEqual(['close 1006']);
  });

  it('reads on when a limit has closed it, and leaves the wheel when it is closed', async () => {
    begin(HEARTBEAT);
    connection.terminate();
    await turns();
    expect(clock.timers.size).toBe(0);

    begin({ maxLifetime: 60_000 });
    feed(text(FULL));
    clock.advance(61_000);
    await turns(1);
    expect(sink.isPaused()).toBe(false);
    connection.terminate();
    await turns();
    expect(log).toStrictEqual(['close 1006']);
    expect(clock.timers.size).toBe(0);
  });
});

describe('Receiver, when it is over', () => {
  /** One frame of every kind, and a message in two. */
  const EVERY_KIND = [
    text('a'),
    ping('p'),
    clientFrame({ opcode: 10, payload: 'q' }),
    clientFrame({ opcode: 2, payload: 'b', fin: false }),
    clientFrame({ opcode: 0, payload: 'c' }),
    clientClose(1000),
  ];

  /** Listens to everything, and terminates when it hears the given one. */
  const terminateAt = (event: string, nth = 1): void => {
    let count = 0;
    const tell = (what: string): void => {
      log.push(what);
      if (what.startsWith(event) && ++count === nth) connection.terminate();
    };
    connection.on('frame', ({ opcode }) => tell(`frame ${opcode}`));
    connection.on('ping', (payload) => tell(`ping ${payload.toString()}`));
    connection.on('pong', (payload) => tell(`pong ${payload.toString()}`));
    connection.on('closing', (code, _reason, reply) => {
      tell(`closing ${code}`);
      reply();
    });
    connection.on('message', (data) => tell(`message ${data.toString()}`));
  };

  it.each([
    ['frame', 1, ['frame 1']],
    ['message', 1, ['frame 1', 'message a']],
    ['ping', 1, ['frame 1', 'message a', 'frame 9', 'ping p']],
    ['pong', 1, ['frame 1', 'message a', 'frame 9', 'ping p', 'frame 10', 'pong q']],
  ])('delivers nothing behind a terminate() in a %s listener', async (event, nth, heard) => {
    terminateAt(event, nth);
    feed(...EVERY_KIND);
    feed(text('late'));
    await turns();
    expect(log).toEqual([...heard, 'close 1006']);
    expect(connection.closeInfo?.cause).toMatchObject({ code: 'ERR_TERMINATED' });
  });

  it('shows no frame behind one whose listener terminates, in the same read', async () => {
    terminateAt('frame', 3);
    feed(
      clientFrame({ opcode: 1, fin: false }),
      clientFrame({ opcode: 0, fin: false }),
      clientFrame({ opcode: 0, fin: false }),
      clientFrame({ opcode: 0 }),
    );
    await turns();
    expect(log).toEqual(['frame 1', 'frame 0', 'frame 0', 'close 1006']);
  });

  it('is over once where terminate() is called in a closing listener', async () => {
    terminateAt('closing');
    feed(clientClose(1000));
    await turns();
    expect(log).toEqual(['frame 8', 'closing 1000', 'close 1000']);
    expect(sink.writes).toEqual([]);
  });

  it('delivers nothing that comes after a terminate() before the first byte', async () => {
    sink = new Sink();
    connection = connectionOn(sink);
    connection.on('close', (code) => log.push(`close ${code}`));
    listen();
    connection.terminate();
    connection.start(text('early'));
    await turns();
    expect(log).toEqual(['close 1006']);
  });

  it('discards what is held at terminate(), and counts it', async () => {
    const counters = new Counters();
    start({ counters });
    connection.pause();
    feed(text('a'), text('b'));
    connection.terminate();
    listen();
    connection.resume();
    await turns();
    expect(log).toEqual(['close 1006']);
    expect(counters).toMatchObject({ messagesReceived: 2, messagesDiscarded: 2 });
  });

  it.each<[string, () => void]>([
    ['terminate() again', () => connection.terminate()],
    ['close()', () => void connection.close()],
    [
      'pause() and resume()',
      () => {
        connection.pause();
        connection.resume();
      },
    ],
    ['a new listener', () => listen()],
  ])('delivers nothing, and closes once, when %s follows terminate()', async (_, then) => {
    connection.pause();
    feed(text('held'));
    connection.terminate();
    then();
    feed(text('late'));
    await turns();
    then();
    await turns();
    expect(log).toEqual(['close 1006']);
  });

  it('ends a loop whose body terminates, and forgets what was held for it', async () => {
    feed(text('a'), text('b'), text('c'));
    for await (const message of connection) {
      log.push(message.toString());
      connection.terminate();
      expect(connection.send('late', (error) => log.push((error as { code?: string }).code!))).toBe(
        false,
      );
    }
    expect(log).toEqual(['a', 'ERR_CONNECTION_NOT_OPEN', 'close 1006']);
  });

  it('ends a loop that waits when terminate() is called elsewhere', async () => {
    const iterator = connection[Symbol.asyncIterator]();
    const waiting = iterator.next();
    connection.terminate();
    feed(text('late'));
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  it('discards what is held when terminate() follows the end of the connection', async () => {
    feed(text('a'));
    sink.destroy();
    await turns();
    connection.terminate();
    for await (const message of connection) log.push(message.toString());
    expect(log).toEqual(['close 1006']);
  });

  it('publishes what came, and delivers nothing, where a subscriber of the channel terminates', async () => {
    const counters = new Counters();
    start({ counters });
    listen();
    const subscriber = (): void => connection.terminate();
    subscribe('hawser.message.received', subscriber);
    try {
      feed(text('a'), text('b'));
    } finally {
      unsubscribe('hawser.message.received', subscriber);
    }
    await turns();
    expect(log).toEqual(['close 1006']);
    expect(counters).toMatchObject({ messagesReceived: 1, messagesDiscarded: 1 });
  });

  it('takes nothing behind the peer’s Close', async () => {
    listen();
    connection.on('ping', () => log.push('ping'));
    feed(clientClose(1000), text('a'), ping('p'));
    await turns();
    expect(log).toEqual([]);
    expect(answers()).toEqual(['close 1000']);
  });

  it('keeps nothing of a message without its end, once all is delivered that came before it', async () => {
    const pushes = jest.spyOn(FrameDecoder.prototype, 'push');
    feed(text(FULL), text('last'), text('x'.repeat(10_000)).subarray(0, 9000));
    const decoder = pushes.mock.contexts[0] as FrameDecoder;
    pushes.mockRestore();
    sink.destroy();
    await turns();
    expect(log).toStrictEqual(['close 1006']);
    expect(decoder.bytesHeld).toBeGreaterThan(9000);
    listen();
    await turns();
    expect(log.map((line) => line.slice(0, 10))).toStrictEqual([
      'close 1006',
      'text xxxxx',
      'text last',
    ]);
    expect(decoder.bytesHeld).toBe(0);
  });
});

describe('Receiver, when too much is held', () => {
  const reason = new ConnectionError('ERR_SLOW_CONSUMER');
  const incomplete = clientFrame({ opcode: 2, payload: Buffer.alloc(50_000) }).subarray(0, 40_000);

  function make(options: WorldOptions = {}) {
    sink = new Sink();
    const settings = settingsOf(new HandClock(), options);
    const emitter = new TypedEmitter<ConnectionEvents>();
    const session = new Session(emitter, sink, settings);
    const { sender, closing, receiver } = session;
    return { emitter, session, sender, closing, receiver };
  }

  it('shows the budget what waits to be sent', async () => {
    const budget = new BufferBudget(1_000_000);
    const { sender, session } = make({ budget });
    sink.behind = true;
    sender.send(Buffer.alloc(100_000), undefined, undefined);
    expect(budget.accountOf(session).charge).toBe(100_000);
    await turns();
  });

  it('takes nothing more from a peer that is too slow (section 7.1.7)', async () => {
    const { emitter, closing, receiver, session } = make();
    const messages: unknown[] = [];
    emitter.on('message', (data) => {
      messages.push(data);
      session.failSlowConsumer(reason);
    });
    receiver.push(Buffer.concat([text('a'), text('b'), clientFrame({ opcode: 3 })]));
    receiver.push(text('c'));
    await turns();
    expect(messages).toStrictEqual(['a']);
    expect(closing.state).toBe('ending');
    sink.destroy();
    closing.onInputDrained();
    expect(closing.info?.cause).toBe(reason);
  });

  it('takes nothing more when a message cannot be sent, or only the peer’s Close', async () => {
    const { emitter, closing, receiver, session } = make();
    const messages: unknown[] = [];
    emitter.on('message', (data) => {
      messages.push(data);
      session.unsendable(reason);
    });
    receiver.push(Buffer.concat([text('a'), text('b')]));
    receiver.push(text('c'));
    await turns();
    expect(messages).toStrictEqual(['a']);
    expect(closing.state).toBe('ending');
    const other = make();
    other.closing.startClosing(1000, '');
    other.session.unsendable(reason);
    other.receiver.push(clientClose(1000));
    await turns();
    expect(other.closing.state).toBe('ending');
  });

  it('needs no byte from a peer to find it too slow', () => {
    const { closing, session } = make();
    session.failSlowConsumer(reason);
    expect(closing.state).toBe('ending');
  });

  it('counts what is incomplete in the budget, as it grows and until it is complete or over', async () => {
    const budget = new BufferBudget(1_000_000);
    const { emitter, closing, receiver } = make({ budget });
    receiver.read(); // as pause() and resume() do
    expect(budget.total).toBe(0);
    receiver.push(Buffer.from(incomplete.subarray(0, 10_000)));
    const early = budget.total;
    expect(early).toBeGreaterThan(9_900);
    receiver.push(Buffer.from(incomplete.subarray(10_000)));
    expect(budget.total).toBeGreaterThan(39_900);
    emitter.on('message', () => undefined);
    receiver.push(Buffer.alloc(50_008 - 40_000));
    expect(budget.total).toBe(0);
    receiver.push(Buffer.from(incomplete));
    expect(budget.total).toBeGreaterThan(39_900);
    sink.destroy();
    closing.onInputDrained();
    receiver.scheduleRead();
    await turns();
    expect(budget.total).toBe(0);
  });

  it('gives up its message and its connection, with a Close, when the budget says so', async () => {
    const budget = new BufferBudget(30_000);
    const { closing, receiver } = make({ budget });
    receiver.push(incomplete);
    await turns();
    expect(budget.total).toBe(0);
    receiver.read();
    expect(budget.total).toBe(0);
    expect(closing.state).toBe('ending');
    expect(sink.destroyed).toBe(false); // the kernel has taken the Close: the peer may read it
    expect(answers().map((words) => words.slice(0, 10))).toStrictEqual(['close 1013']);
  });

  it('gives up one that is closing already at once: it cannot be sent another Close', async () => {
    const budget = new BufferBudget(30_000);
    const { closing, receiver } = make({ budget });
    closing.startClosing(1000, '');
    receiver.push(incomplete);
    await turns();
    expect(budget.total).toBe(0);
    expect(sink.destroyed).toBe(true);
  });

  it('counts what is held for the application until it is taken, thrown away or the connection is over', async () => {
    const budget = new BufferBudget(1_000_000);
    const { emitter, closing, receiver } = make({ budget });
    const total = (): number => budget.total;
    const message = (): Buffer => clientFrame({ opcode: 2, payload: Buffer.alloc(40_000) });
    const held = 40_064;
    receiver.push(Buffer.concat([text('a'), message()])); // before there is a listener
    expect(total()).toBe(65 + held);
    receiver.assertListenable();
    emitter.on('message', () => undefined);
    await turns();
    expect(total()).toBe(0);
    receiver.pause();
    receiver.push(message());
    expect(total()).toBe(held);
    emitter.removeAllListeners('message');
    receiver.resume(); // for nobody
    await turns();
    expect(total()).toBe(0);
    const iterator = receiver.iterate();
    receiver.push(message());
    receiver.push(message());
    expect(total()).toBe(2 * held);
    await iterator.next();
    expect(total()).toBe(held);
    sink.destroy();
    closing.onInputDrained();
    receiver.read();
    expect(total()).toBe(0);
    expect((await iterator.next()).value).toHaveLength(40_000);
    expect(total()).toBe(0);
  });

  it('keeps the bytes of a text no longer that is held as a string', () => {
    const { receiver } = make();
    const letGo = jest.spyOn(FrameDecoder.prototype, 'releasePayload');
    receiver.push(text('x'));
    expect(letGo).not.toHaveBeenCalled();
    receiver.push(text(FULL));
    expect(letGo).toHaveBeenCalledTimes(1);
    letGo.mockRestore();
  });

  it('gives up what it holds for the application too, and sees the peer’s end', async () => {
    const budget = new BufferBudget(70_000);
    const { emitter, closing, receiver } = make({ budget });
    const iterator = receiver.iterate();
    receiver.push(Buffer.concat([text(FULL), text(FULL)]));
    expect(sink.isPaused()).toBe(true);
    await turns();
    expect(budget.total).toBe(0);
    expect(closing.state).toBe('ending');
    expect(sink.isPaused()).toBe(false);
    expect(answers().map((words) => words.slice(0, 10))).toStrictEqual(['close 1013']);
    closing.onInputDrained();
    receiver.read();
    expect(await iterator.next()).toStrictEqual({ done: true, value: undefined });
    expect(emitter.listenerCount('message')).toBe(0);
  });

  it('is cut at once if the peer does not take even that', async () => {
    const budget = new BufferBudget(90_000);
    const { sender, closing, receiver } = make({ budget });
    sink.behind = true;
    for (let i = 0; i < 2; i++) sender.send(Buffer.alloc(50_000), undefined, undefined);
    await turns();
    expect(budget.total).toBe(0);
    expect(sink.destroyed).toBe(true);
    closing.onInputDrained();
    expect(closing.info).toMatchObject({ code: 1013, clean: false, initiator: 'local' });
    expect(closing.info?.cause?.message).toMatch(
      /: its part of .* the largest, 100004 of 100004 bytes, and maxTotalBuffered is 90000$/,
    );
    receiver.scheduleRead();
    await turns();
  });

  it('gives up without a budget to tell', () => {
    const { closing, session } = make();
    session.evict(reason);
    expect(closing.state).toBe('ending');
  });
});

describe('Receiver, compressed messages', () => {
  let clock: HandClock;
  let pool: ThreadPool;
  let compression: PermessageDeflate;

  function begin(options: WorldOptions = {}, parameters = {}): void {
    sink = new Sink(1024 * 1024);
    clock = new HandClock();
    pool = new ThreadPool();
    compression = new PermessageDeflate(compressing({ pool }), parametersOf(parameters), 'server');
    connection = compressedConnectionOn(sink, compression, options, clock);
    const mine: string[] = (log = []);
    connection.on('close', (code) => mine.push(`close ${code}`));
    connection.start(Buffer.alloc(0));
  }
  beforeEach(() => {
    begin();
  });

  /** Jobs that keep the thread pool to themselves until the test lets it go. */
  function occupy(): () => void {
    const held: (() => void)[] = [];
    for (let i = 0; i < 4; i++) pool.run((done) => held.push(done));
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

  it('that are long hold back what came behind them, and the socket', async () => {
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

  it('count in the budget while they wait for the thread pool, and can be given up there', async () => {
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
    await until('the thread pool', () => pool.waiting === 0);
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

  it('that are long are delivered before the Close behind them is answered', async () => {
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
    await until('the message', () => pool.waiting === 0);
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
    await until('the message to be held', () => pool.waiting === 0 && sink.isPaused());
    await turns(20);
    expect(log).toStrictEqual([]);
    connection.resume();
    await until('the messages', () => log.length === 3);
    expect(heard()).toStrictEqual(['text LONG', 'text behind', 'ping p']);
    expect(sink.isPaused()).toBe(false);
  });

  it('that are still at the thread pool when nothing was taken for too long are discarded', async () => {
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

  it('that are at the thread pool are not delivered after terminate()', async () => {
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
