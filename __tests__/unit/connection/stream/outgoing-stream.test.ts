import { AsyncLocalStorage } from 'node:async_hooks';
import { inflateRawSync } from 'node:zlib';
import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import type { ConnectionError } from '../../../../src/connection/close/connection-error.js';
import { PermessageDeflate } from '../../../../src/connection/deflate/permessage-deflate.js';
import type { StreamOptions } from '../../../../src/connection/stream/stream-options.js';
import type { Chunk } from '../../../../src/connection/stream/chunk-source.js';
import {
  compressedConnectionOn,
  compressing,
  connectionOn,
  HandClock,
  parametersOf,
  Sink,
  TAKEOVER,
  turns,
  until,
  type WorldOptions,
} from '../../../support/connection.js';
import { clientClose, describeFrame, type Frame, parseFrames } from '../../../support/frames.js';
import { detach } from '../../../support/memory.js';

let sink: Sink;
let connection: WebSocketConnection;
let clock: HandClock;
/** What happened, in words. */
let log: string[];

/** The connection of the test from now on. */
function use(made: WebSocketConnection): void {
  connection = made;
  log = [];
  connection.on('close', (code, _reason, { cause }) =>
    log.push(`close ${code} ${(cause as ConnectionError | undefined)?.code}`),
  );
  connection.start(Buffer.alloc(0));
}

function start(options: WorldOptions = {}): void {
  sink = new Sink(1024 * 1024);
  clock = new HandClock();
  use(connectionOn(sink, options, clock));
}

function startCompressed(compression?: PermessageDeflate, options: WorldOptions = {}): void {
  sink = new Sink(1024 * 1024);
  use(compressedConnectionOn(sink, compression, options));
}

beforeEach(() => {
  start();
});

const frames = (): Frame[] => parseFrames(sink.bytes);
/** The frames in words: a long payload by its length, a Close with its reason. */
const words = (): string[] =>
  frames().map((frame) => {
    const { opcode, payload, fin } = frame;
    if (opcode === 8) {
      return `close ${payload.readUInt16BE(0)} ${payload.subarray(2).toString()}`.trim();
    }
    if (payload.length <= 20) return describeFrame(frame);
    return `${['more', 'text', 'binary'][opcode]} of ${payload.length}${fin ? '' : ' ...'}`;
  });
const joined = (): Buffer => Buffer.concat(frames().map(({ payload }) => payload));

/** A source that gives what the test tells it. */
class Tap implements AsyncIterator<Chunk> {
  asked = 0;
  returned = 0;
  #waiting: ((step: IteratorResult<Chunk>) => void)[] = [];

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Chunk>> {
    this.asked++;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<Chunk>> {
    this.returned++;
    return Promise.resolve({ done: true, value: undefined });
  }

  async give(value: Chunk): Promise<void> {
    this.#waiting.shift()!({ done: false, value });
    await turns(1);
  }

  async end(): Promise<void> {
    this.#waiting.shift()!({ done: true, value: undefined });
    await turns(1);
  }
}

/** Send a stream, and log what becomes of it. */
function send(source: Iterable<Chunk> | AsyncIterable<Chunk>, options?: StreamOptions): void {
  connection.sendStream(source, options).then(
    () => log.push('sent'),
    (error: unknown) => {
      const { code, message } = error as Partial<ConnectionError>;
      log.push(`rejected: ${code ?? message}`);
    },
  );
}

const bytes = (length: number, value = 1): Buffer => Buffer.alloc(length, value);

describe('sendStream, what goes out', () => {
  it.each<[string, Iterable<Chunk>, StreamOptions, string[]]>([
    ['one frame of small chunks', ['a', 'b'], {}, ['text 6162']],
    ['bytes as Binary', [bytes(1), bytes(1, 2)], {}, ['binary 0102']],
    ['bytes as Text', [bytes(1, 0x61)], { binary: false }, ['text 61']],
    ['strings as Binary', ['a'], { binary: true }, ['binary 61']],
    ['nothing, as an empty Text', [], {}, ['text']],
    ['nothing, as an empty Binary', [], { binary: true }, ['binary']],
    ['empty chunks', ['', ''], {}, ['text']],
    ['a surrogate that is left', ['a', '\ud83d'], {}, ['text 61efbfbd']],
  ])('%s', async (_name, source, options, expected) => {
    await connection.sendStream(source, options);
    expect(words()).toEqual(expected);
  });

  it('a long message in frames of at most 64 KiB, the last of which has FIN and is not empty', async () => {
    await connection.sendStream([bytes(131_072), bytes(20_000, 2), bytes(20_000, 3)]);
    expect(words()).toEqual([
      'binary of 65536 ...',
      'more of 65536 ...',
      'more of 20000 ...',
      'more of 20000',
    ]);
  });

  it('a lone surrogate after a full frame', async () => {
    await connection.sendStream(['x'.repeat(65_536), '\ud83d']);
    expect(words()).toEqual(['text of 65536 ...', 'continuation efbfbd']);
  });

  it('nothing before the first chunk, and each chunk when the next is there', async () => {
    const tap = new Tap();
    send(tap);
    await turns();
    expect(words()).toEqual([]);
    await tap.give('a');
    expect(words()).toEqual([]);
    await tap.give('b');
    expect(words()).toEqual(['text nofin 61']);
    await tap.end();
    expect(words()).toEqual(['text nofin 61', 'continuation 62']);
    expect(log).toEqual(['sent']);
    expect(tap.returned).toBe(0);
  });

  it('resolves when the last byte is with the kernel', async () => {
    sink.backpressured = true;
    send(['a']);
    await turns();
    expect(log).toEqual([]);
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(log).toEqual(['sent']);
  });

  it('counts one message', async () => {
    const { counters } = (connection = connectionWithCounters());
    await connection.sendStream(['a', bytesOfText(70_000)]);
    expect(counters.messagesSent).toBe(1);
  });
});

describe('sendStream, order', () => {
  it('lets later messages wait and count, and control frames through', async () => {
    const tap = new Tap();
    send(tap);
    connection.send('later');
    connection.ping('p');
    expect(connection.bufferedAmount).toBe(2 + 5 + 2 + 1);
    await turns();
    expect(words()).toEqual(['ping 70']);
    await tap.give('a');
    await tap.give('b');
    connection.pong('q');
    await tap.end();
    expect(words()).toEqual([
      'ping 70',
      'text nofin 61',
      'pong 71',
      'continuation 62',
      `text ${Buffer.from('later').toString('hex')}`,
    ]);
    expect(connection.bufferedAmount).toBe(0);
  });

  it('sends one stream after the other', async () => {
    const [one, two] = [new Tap(), new Tap()];
    send(one);
    send(two);
    connection.send('3');
    send(['4']);
    await turns();
    expect(two.asked).toBe(0);
    await one.give('1');
    await one.end();
    expect(two.asked).toBe(1);
    expect(words()).toEqual(['text 31']);
    await two.give('2');
    await two.end();
    expect(words()).toEqual(['text 31', 'text 32', 'text 33', 'text 34']);
    expect(log).toEqual(['sent', 'sent', 'sent']);
  });

  it('sends thousands in a row', async () => {
    const all = Array.from({ length: 5000 }, (_, i) => connection.sendStream([String(i)]));
    await Promise.all(all);
    expect(frames().map(({ payload }) => Number(payload.toString()))).toEqual(
      Array.from({ length: 5000 }, (_, i) => i),
    );
  });

  it('waits for a Blob, and holds the Pings that were called after it no longer than needed', async () => {
    connection.send(new Blob(['blob']));
    const tap = new Tap();
    send(tap);
    connection.send('later');
    connection.ping('p');
    await until('the Ping', () => words().includes('ping 70'));
    expect(words()).toEqual([`binary ${Buffer.from('blob').toString('hex')}`, 'ping 70']);
    await tap.give('a');
    await tap.end();
    expect(words().slice(2)).toEqual(['text 61', `text ${Buffer.from('later').toString('hex')}`]);
  });

  it('waits for a message that sendFrame left unfinished', async () => {
    connection.sendFrame('a', { fin: false });
    send(['s']);
    await turns();
    connection.sendFrame('b', { opcode: 0 });
    await turns();
    expect(words()).toEqual(['text nofin 61', 'continuation 62', 'text 73']);
  });

  it('does not let sendFrame into its message', async () => {
    const tap = new Tap();
    send(tap);
    await turns();
    expect(() => connection.sendFrame('x')).toThrow(/a message of sendStream is not finished/);
    expect(() => connection.sendFrame('x', { opcode: 0 })).toThrow(RangeError);
    await tap.end();
    expect(connection.sendFrame('x')).toBe(true);
    connection.send(new Blob(['blob']));
    send(['s']);
    expect(() => connection.sendFrame('x')).toThrow(/a message of sendStream is not finished/);
  });

  it('replaces a keyed message that waits after it', async () => {
    const tap = new Tap();
    send(tap);
    connection.send('old', { key: 'k' });
    connection.send('new', { key: 'k' });
    await turns();
    await tap.end();
    expect(words()).toEqual(['text', `text ${Buffer.from('new').toString('hex')}`]);
  });

  it('runs the source and the messages after it in their own async contexts', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const source = (): Iterable<string> =>
      (function* () {
        seen.push(storage.getStore());
        yield 'a';
      })();
    const sent = ['one', 'two'].map((name) =>
      storage.run(name, () => connection.sendStream(source())),
    );
    await Promise.all(sent);
    expect(seen).toEqual(['one', 'two']);
  });
});

describe('sendStream, backpressure', () => {
  it('asks for the next chunk only below the high-water mark', async () => {
    sink.backpressured = true;
    let asked = 0;
    const source = function* (): Generator<Buffer> {
      for (let i = 0; i < 10; i++) {
        asked++;
        yield bytes(65_536, i);
      }
    };
    send(source());
    await turns();
    expect(asked).toBe(2); // the first is sent once the second is there
    expect(connection.bufferedAmount).toBe(65_546);
    sink.release();
    sink.release(); // the empty write that tells when the first is done
    await turns();
    expect(asked).toBe(3);
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(asked).toBe(10);
    expect(log).toEqual(['sent']);
    expect(joined().length).toBe(655_360);
  });

  it('does not wait for what waits for it', async () => {
    const tap = new Tap();
    send(tap);
    connection.send(bytes(100_000));
    await turns();
    await tap.give(bytes(20_000));
    await tap.give(bytes(20_000));
    await tap.give(bytes(20_000));
    await tap.end();
    expect(words()).toEqual([
      'binary of 20000 ...',
      'more of 20000 ...',
      'more of 20000',
      'binary of 100000',
    ]);
  });

  it('lets others have their turn while a source is always ready', async () => {
    let turn = 0;
    const byTurn = new Map<number, number>();
    const source = function* (): Generator<Buffer> {
      for (let i = 0; i < 100; i++) {
        byTurn.set(turn, (byTurn.get(turn) ?? 0) + 1);
        yield bytes(65_536);
      }
    };
    send(source());
    for (; log.length === 0; turn++) await turns(1);
    expect(Math.max(...byTurn.values())).toBeLessThan(20);
  });

  it('lets others have their turn while a source gives nothing but empty chunks', async () => {
    let turn = 0;
    const source = function* (): Generator<string> {
      while (turn < 3) yield '';
    };
    const sent = connection.sendStream(source());
    for (; turn < 3; turn++) await turns(1);
    await sent;
    expect(words()).toEqual(['text']);
  });

  it('closes a slow consumer for what waits after a slow source', async () => {
    start({ maxBufferedAmount: 100_000 });
    const tap = new Tap();
    send(tap);
    for (let i = 0; i < 5; i++) connection.send(bytes(50_000));
    await turns();
    expect(log).toEqual(['rejected: ERR_SLOW_CONSUMER']);
    expect(words()).toEqual(['close 1013 the peer does not take what is sent to it fast enough']);
    expect(tap.returned).toBe(1);
  });
});

describe('sendStream, failures', () => {
  const aborted = 'close 1011 a message of sendStream was begun and cannot be finished';

  it('is as if it had not been called if the source fails before the first frame', async () => {
    const source = function* (): Generator<string> {
      yield 'a';
      throw new Error('no more');
    };
    send(source());
    connection.send('b');
    await turns();
    expect(log).toEqual(['rejected: no more']);
    expect(words()).toEqual(['text 62']);
    expect(connection.readyState).toBe('open');
  });

  it('closes with 1011 if the source fails later', async () => {
    let finished = 0;
    const source = function* (): Generator<Buffer> {
      try {
        yield bytes(20_000);
        yield bytes(1);
        throw new Error('no more');
      } finally {
        finished++;
      }
    };
    send(source());
    connection.send('b', (error) => log.push(`b: ${(error as ConnectionError).code}`));
    await turns();
    expect(words()).toEqual(['binary of 20000 ...', aborted]);
    expect(log).toEqual(['rejected: no more', 'b: ERR_CONNECTION_CLOSED']);
    expect(finished).toBe(1);
    sink.push(clientClose(1011));
    sink.push(null);
    sink.destroy();
    await turns();
    expect(log.at(-1)).toBe('close 1011 ERR_MESSAGE_ABORTED');
    expect((connection.closeInfo?.cause?.cause as Error).message).toBe('no more');
  });

  it.each<[string, () => AsyncIterable<Chunk> | Iterable<Chunk>]>([
    [
      'rejects',
      () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('bad')) }) }),
    ],
    [
      'throws',
      () => ({
        [Symbol.iterator]: () => ({
          next: () => {
            throw new Error('bad');
          },
        }),
      }),
    ],
  ])('passes on what a source %s', async (_name, make) => {
    send(make());
    await turns();
    expect(log).toEqual(['rejected: bad']);
  });

  it.each<[string, unknown, RegExp]>([
    ['of another type', 5, /to be a string or bytes, got 5/],
    ['of another kind', 'text', /all strings or all bytes/],
  ])('cancels the source for a chunk %s', async (_name, wrong, message) => {
    const tap = new Tap();
    send(tap);
    await turns();
    await tap.give(bytes(20_000));
    await tap.give(bytes(1));
    await tap.give(wrong as string);
    expect(log.at(-1)).toMatch(message);
    expect(tap.returned).toBe(1);
    expect(words()).toEqual(['binary of 20000 ...', aborted]);
  });

  it('cancels the source if a chunk is transferred while others have their turn', async () => {
    const chunk = bytes(2 * 1024 * 1024);
    const tap = new Tap();
    send(tap);
    await turns();
    const given = tap.give(chunk);
    await new Promise((resolve) => {
      process.nextTick(resolve);
    });
    expect(words()).toHaveLength(16); // a megabyte of it is sent
    detach(chunk);
    await given;
    await turns();
    expect(log.at(-1)).toMatch(/rejected: .*was transferred/);
    expect(tap.returned).toBe(1);
    expect(connection.readyState).toBe('closing'); // what the sink has of the chunk cannot be read any more
  });

  it('fails if the bytes of a Text message end inside a character', async () => {
    const tap = new Tap();
    send(tap, { binary: false });
    await turns();
    await tap.give(Buffer.from('a\u20ac').subarray(0, 3));
    await tap.end();
    expect(log.at(-1)).toMatch(/not valid UTF-8/);
    expect(tap.returned).toBe(0); // it has ended
    expect(words()).toEqual([]);
  });

  it('is aborted by its signal, before and inside the message', async () => {
    const first = new AbortController();
    first.abort(new Error('late'));
    const tap = new Tap();
    send(tap, { signal: first.signal });
    await turns();
    expect(log).toEqual(['rejected: late']);
    expect(tap.returned).toBe(1);

    const second = new AbortController();
    const waiting = new Tap();
    send(waiting, { signal: second.signal });
    await turns();
    second.abort(new Error('enough'));
    await turns();
    expect(log.at(-1)).toBe('rejected: enough');
    expect(connection.readyState).toBe('open');

    const third = new AbortController();
    const begun = new Tap();
    send(begun, { signal: third.signal });
    await turns();
    await begun.give('a');
    await begun.give('b');
    third.abort(new Error('enough'));
    await begun.give('c');
    expect(log.at(-1)).toBe('rejected: enough');
    expect(begun.returned).toBe(1);
    expect(words()).toEqual(['text nofin 61', aborted]);
  });

  it('is aborted while it waits for the transport', async () => {
    sink.backpressured = true;
    const controller = new AbortController();
    const tap = new Tap();
    send(tap, { signal: controller.signal });
    await turns();
    await tap.give(bytes(65_536));
    await tap.give(bytes(65_536));
    expect(tap.asked).toBe(2);
    controller.abort(new Error('enough'));
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(tap.asked).toBe(2);
    expect(words()).toEqual(['binary of 65536 ...', aborted]);
  });

  it('takes no notice of what the source does after it was aborted', async () => {
    let fail!: (error: Error) => void;
    const controller = new AbortController();
    const iterator = { next: () => new Promise<never>((_, reject) => (fail = reject)) };
    send({ [Symbol.asyncIterator]: () => iterator }, { signal: controller.signal });
    await turns();
    controller.abort(new Error('enough'));
    fail(new Error('late'));
    await turns();
    expect(log).toEqual(['rejected: enough']);
  });

  it('is not aborted once its last frame is sent', async () => {
    sink.backpressured = true;
    const controller = new AbortController();
    send(['a'], { signal: controller.signal });
    await turns();
    controller.abort();
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(log).toEqual(['sent']);
  });

  it('gives up a message that waits for its turn', async () => {
    const one = new Tap();
    const two = new Tap();
    const controller = new AbortController();
    send(one);
    send(two, { signal: controller.signal });
    connection.send('3');
    await turns();
    controller.abort(new Error('enough'));
    await one.end();
    expect(words()).toEqual(['text', 'text 33']);
    expect(two.asked).toBe(0);
    expect(two.returned).toBe(1);
  });

  it('is ended by close(), and the peer sees no whole message', async () => {
    const [one, two] = [new Tap(), new Tap()];
    send(one);
    send(two);
    connection.send('b', (error) => log.push(`b: ${(error as ConnectionError).code}`));
    await turns();
    await one.give('a');
    await one.give('b');
    void connection.close();
    await turns();
    expect(words()).toEqual(['text nofin 61', 'close 1000']);
    expect(log).toEqual([
      'rejected: ERR_CONNECTION_CLOSED',
      'rejected: ERR_CONNECTION_CLOSED',
      'b: ERR_CONNECTION_NOT_OPEN',
    ]);
    expect([one.returned, two.returned]).toEqual([1, 1]);
    await one.give('c');
    expect(words()).toHaveLength(2);
  });

  it('lets what was sent after it leave if close() ends it before its first frame', async () => {
    const tap = new Tap();
    send(tap);
    send(['never']);
    connection.send('b');
    await turns();
    void connection.close();
    await turns();
    expect(words()).toEqual(['text 62', 'close 1000']);
  });

  it('is rejected on a connection that is not open', async () => {
    void connection.close();
    const tap = new Tap();
    send(tap);
    await turns();
    expect(log).toEqual(['rejected: ERR_CONNECTION_NOT_OPEN']);
    expect(tap.returned).toBe(1);
  });

  it.each<[string, () => void]>([
    [
      'terminate()',
      () => {
        connection.terminate();
      },
    ],
    [
      'the loss of the transport',
      () => {
        sink.destroy();
      },
    ],
  ])('is ended by %s', async (_name, end) => {
    const tap = new Tap();
    send(tap);
    await turns();
    await tap.give(bytes(20_000));
    await tap.give(bytes(20_000));
    end();
    await turns();
    expect(log).toContain('rejected: ERR_CONNECTION_CLOSED');
    expect(tap.returned).toBe(1);
  });

  it('is rejected if the connection is lost before the last byte is with the kernel', async () => {
    sink.backpressured = true;
    send(['a']);
    await turns();
    sink.destroy();
    await turns();
    expect(log).toContain('rejected: ERR_CONNECTION_CLOSED');
  });
});

describe('sendStream, a source that stalls', () => {
  it('closes with 1011 while others wait', async () => {
    const tap = new Tap();
    send(tap);
    connection.send('b');
    await turns();
    await tap.give('a');
    clock.advance(29_999);
    await tap.give('b');
    clock.advance(29_999);
    expect(log).toEqual([]);
    clock.advance(1);
    await turns();
    expect(log[0]).toBe('rejected: ERR_SOURCE_STALLED');
    expect(tap.returned).toBe(1);
    expect(words()).toEqual([
      'text nofin 61',
      'close 1011 the source of sendStream gave nothing while other messages waited',
    ]);
  });

  it('does so without a first chunk, too', async () => {
    const tap = new Tap();
    send(tap, { stallTimeout: 50 });
    await turns();
    clock.advance(1000);
    expect(log).toEqual([]); // nothing waits
    connection.send('b');
    connection.send('c');
    clock.advance(49);
    expect(log).toEqual([]);
    clock.advance(1);
    await turns();
    expect(log[0]).toBe('rejected: ERR_SOURCE_STALLED');
    expect(words()).toEqual([
      'close 1011 the source of sendStream gave nothing while other messages waited',
    ]);
  });

  it('does not blame the source for a slow transport', async () => {
    sink.backpressured = true;
    const tap = new Tap();
    send(tap);
    await turns();
    await tap.give(bytes(65_536));
    await tap.give(bytes(1));
    connection.send('b');
    clock.advance(100_000);
    await turns();
    expect(connection.readyState).toBe('open');
  });
});

describe('sendStream, compression', () => {
  const noise = (length: number): Buffer =>
    Buffer.from(
      Array.from({ length }, (_, i) => (i * i * 31 + (i >> 3) * 17 + ((i * 7919) % 251)) & 255),
    );
  /** The message that the compressed frames carry. */
  const inflated = (): Buffer =>
    inflateRawSync(Buffer.concat([joined(), Buffer.from('0000ffff', 'hex')]), {
      finishFlush: 2,
    });
  const rsv = (): number[] => frames().map((frame) => frame.rsv);

  it.each([undefined, true])('is frame by frame, with compress: %p', async (compress) => {
    startCompressed();
    const chunks = [bytes(65_536, 1), Buffer.from('abc'.repeat(10_000)), bytes(20_000, 3)];
    await connection.sendStream(chunks, compress === undefined ? {} : { compress });
    expect(rsv()).toEqual([4, 0, 0]);
    expect(frames().map(({ fin }) => fin)).toEqual([false, false, true]);
    expect(inflated().equals(Buffer.concat(chunks))).toBe(true);
    expect(joined().length).toBeLessThan(1000);
    for (const { payload, fin } of frames()) {
      expect(payload.subarray(-4).toString('hex') === '0000ffff').toBe(!fin);
    }
  });

  it('compresses a message of one frame as send does', async () => {
    startCompressed();
    await connection.sendStream(['a'.repeat(1000)]);
    expect(rsv()).toEqual([4]);
    expect(inflated().toString()).toBe('a'.repeat(1000));
  });

  it('decides on the first frame', async () => {
    startCompressed();
    const random = noise(20_000);
    for (let i = 0; i < random.length; i++) random[i] = Math.floor(Math.random() * 256);
    await connection.sendStream([random, bytes(20_000)]);
    expect(rsv()).toEqual([0, 0]);
    expect(joined().equals(Buffer.concat([random, bytes(20_000)]))).toBe(true);
  });

  it('does not compress below the threshold, nor with compress: false', async () => {
    startCompressed(
      new PermessageDeflate(compressing({ threshold: 30_000 }), parametersOf(), 'server'),
    );
    await connection.sendStream([bytes(20_000), bytes(20_000)]);
    await connection.sendStream([bytes(40_000), bytes(20_000)], { compress: false });
    expect(rsv()).toEqual([0, 0, 0, 0]);
  });

  it('compresses whatever compress: true says', async () => {
    startCompressed();
    const chunk = Buffer.from(
      Array.from({ length: 20_000 }, () => Math.floor(Math.random() * 256)),
    );
    await connection.sendStream([chunk, chunk], { compress: true });
    expect(rsv()).toEqual([4, 0]);
    expect(inflated().equals(Buffer.concat([chunk, chunk]))).toBe(true);
    expect(joined().length).toBeLessThan(30_000); // the second refers to the first
  });

  it('leaves a context that is taken over right', async () => {
    const settings = compressing();
    startCompressed(new PermessageDeflate(settings, parametersOf(TAKEOVER), 'server'));
    const peer = new PermessageDeflate(settings, parametersOf(TAKEOVER), 'client');
    const words = 'some words that repeat '.repeat(40);
    connection.send(words);
    await connection.sendStream([bytes(20_000), bytes(20_000, 2)]);
    connection.send(words);
    await turns();
    const [one, two, three, four] = frames();
    expect(peer.inflate(one!.payload, 1e6)?.toString()).toBe(words);
    const stream = Buffer.concat([two!.payload, three!.payload]);
    expect(
      peer.inflate(stream, 1e6)?.equals(Buffer.concat([bytes(20_000), bytes(20_000, 2)])),
    ).toBe(true);
    expect(peer.inflate(four!.payload, 1e6)?.toString()).toBe(words);
  });
});

const bytesOfText = (length: number): string => 'x'.repeat(length);

function connectionWithCounters(): WebSocketConnection & { counters: { messagesSent: number } } {
  const counters = { messagesSent: 0, bytesSent: 0, bytesReceived: 0 };
  const made = connectionOn(new Sink(1024 * 1024), { counters: counters as never }, clock);
  return Object.assign(made, { counters });
}
