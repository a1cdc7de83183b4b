import { deflateRawSync } from 'node:zlib';
import type { ConnectionError } from '../../../../src/connection/close/connection-error.js';
import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { PermessageDeflate } from '../../../../src/connection/deflate/permessage-deflate.js';
import type { AnyMessage } from '../../../../src/connection/receive/receive-queue.js';
import type { MessageStream } from '../../../../src/connection/stream/message-stream.js';
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
import { clientClose, clientFrame, describeFrame, parseFrames } from '../../../support/frames.js';

let sink: Sink;
let connection: WebSocketConnection;
let clock: HandClock;
let log: string[];

function use(made: WebSocketConnection): void {
  connection = made;
  const mine: string[] = (log = []);
  connection.on('close', (code, _reason, { cause }) =>
    mine.push(`close ${code} ${(cause as ConnectionError | undefined)?.code}`),
  );
  connection.start(Buffer.alloc(0));
}

function start(options: WorldOptions = {}): void {
  sink = new Sink(1024 * 1024);
  clock = new HandClock();
  use(connectionOn(sink, options, clock));
}

beforeEach(() => {
  start();
});

/** One read of the socket brings these frames. */
const feed = (...frames: Buffer[]): boolean => sink.emit('data', Buffer.concat(frames));
const answers = (): string[] => parseFrames(sink.bytes).map(describeFrame);
const text = (payload: string, fin = true): Buffer => clientFrame({ opcode: 1, payload, fin });
const binary = (payload: Buffer, fin = true): Buffer => clientFrame({ opcode: 2, payload, fin });
const more = (payload: string | Buffer, fin = true): Buffer =>
  clientFrame({ opcode: 0, payload, fin });
const ping = (payload: string): Buffer => clientFrame({ opcode: 9, payload });

const words = (error: unknown): string => {
  const { code, message } = error as Partial<ConnectionError>;
  return code ?? message!;
};

/** Take all messages to their end, and log them. */
async function takeAll(options = {}): Promise<void> {
  try {
    for await (const message of connection.incoming(options)) {
      log.push(message.binary ? 'binary' : 'text');
      for await (const chunk of message) log.push(chunk.toString());
      log.push('end');
    }
    log.push('done');
  } catch (error) {
    log.push(`threw ${words(error)}`);
  }
}

/** The messages one by one. */
function loop(options = {}): AsyncIterator<MessageStream> {
  return connection.incoming(options)[Symbol.asyncIterator]();
}

async function nextOf(messages: AsyncIterator<MessageStream>): Promise<MessageStream> {
  const { value } = (await messages.next()) as { value: MessageStream };
  return value;
}

describe('incoming(), what arrives', () => {
  it('gives each message, and each chunk as it comes', async () => {
    void takeAll();
    feed(text('Hi', false));
    await turns();
    expect(log).toEqual(['text', 'Hi']);
    feed(more('there'));
    feed(binary(Buffer.from('b')));
    await turns();
    expect(log).toEqual(['text', 'Hi', 'there', 'end', 'binary', 'b', 'end']);
  });

  it('gives a message when its first header is there', async () => {
    void takeAll();
    const frame = clientFrame({ opcode: 2, payload: Buffer.alloc(100) });
    feed(frame.subarray(0, 5));
    await turns();
    expect(log).toEqual([]);
    feed(frame.subarray(5, 6));
    await turns();
    expect(log).toEqual(['binary']);
  });

  it('gives an empty message', async () => {
    void takeAll();
    feed(text(''), text('', false), more(''), text('a', false), more('', false), more(''));
    await turns();
    expect(log).toEqual(['text', 'end', 'text', 'end', 'text', 'a', 'end']);
  });

  it('gathers short fragments of one read', async () => {
    void takeAll();
    feed(text('a', false), ...Array.from({ length: 9999 }, () => more('b', false)), more('c'));
    await turns();
    const chunks = log.filter((each) => each.length > 10).map(({ length }) => length);
    expect(chunks).toEqual([4096, 4096, 1809]);
    expect(answers()).toEqual([]);
  });

  it('cuts text between characters only', async () => {
    const whole = Buffer.from('a\u20acb\u{1f600}c\u00e9');
    for (let at = 0; at <= whole.length; at++) {
      start();
      void takeAll();
      feed(clientFrame({ opcode: 1, payload: whole.subarray(0, at), fin: false }));
      await turns();
      feed(more(whole.subarray(at)));
      await turns();
      expect(log.join('|')).not.toContain('\ufffd');
      expect(log.slice(1, -1).join('')).toBe(whole.toString());
    }
  });

  it('answers Pings between the parts, and before a message that is not asked for', async () => {
    const messages = loop();
    feed(text('a', false), ping('p'), more('b'), ping('q'), text('c'), ping('r'));
    const message = await nextOf(messages);
    expect(await message.text()).toBe('ab');
    expect(answers()).toEqual(['pong 70', 'pong 71']);
    expect(connection.bufferedAmount).toBe(0);
    expect(await (await nextOf(messages)).text()).toBe('c');
    await turns();
    expect(answers()).toEqual(['pong 70', 'pong 71', 'pong 72']);
  });

  it('gives what was held before as one chunk', async () => {
    feed(text('held'), binary(Buffer.from('too')), text('be', false));
    void takeAll();
    await turns();
    expect(log).toEqual(['text', 'held', 'end', 'binary', 'too', 'end', 'text', 'be']);
    feed(more('gun'));
    await turns();
    expect(log.slice(-2)).toEqual(['gun', 'end']);
  });

  it('does not lose a message that began before the loop, nor the Pings in it', async () => {
    feed(text('be', false));
    const messages = loop();
    feed(ping('p'), more('g', false), ping('q'), more('in'));
    await turns();
    expect(answers()).toEqual(['pong 70']);
    expect(sink.isPaused()).toBe(true);
    expect(await (await nextOf(messages)).text()).toBe('begin');
    expect(answers()).toEqual(['pong 70', 'pong 71']);
    start();
    feed(clientFrame({ opcode: 1, payload: 'abcdef' }).subarray(0, 9));
    const others = loop();
    await turns();
    expect(sink.isPaused()).toBe(false); // nothing came since
    expect((await nextOf(others)).binary).toBe(false);
  });

  it('gives chunks as textAs and binaryAs say', async () => {
    start({ textAs: 'buffer', binaryAs: 'arraybuffer' });
    const chunks: unknown[] = [];
    void (async () => {
      for await (const message of connection.incoming()) {
        for await (const chunk of message as unknown as AsyncIterable<AnyMessage>)
          chunks.push(chunk);
      }
    })();
    feed(text('a'), binary(Buffer.from('b')));
    await turns();
    expect(chunks).toEqual([Buffer.from('a'), Uint8Array.of(0x62).buffer]);
  });

  it('ends when the connection has closed', async () => {
    void takeAll();
    feed(text('a'), clientClose(1000));
    await turns();
    sink.push(null);
    sink.destroy();
    await turns();
    expect(log).toEqual(['text', 'a', 'end', 'close 1000 undefined', 'done']);
    await takeAll(); // ends at once
    expect(log.at(-1)).toBe('done');
  });

  it('gives what has arrived after the connection has closed', async () => {
    feed(text('a'));
    sink.destroy();
    await turns();
    await takeAll();
    expect(log).toEqual(['close 1006 undefined', 'text', 'a', 'end', 'done']);
  });

  it('gives messages that were not read when the connection closed', async () => {
    const messages = loop();
    feed(text('a'), text('b'), text('c', false));
    sink.destroy();
    await turns();
    expect(await (await nextOf(messages)).text()).toBe('a');
    expect(await (await nextOf(messages)).text()).toBe('b');
    await expect((await nextOf(messages)).text()).rejects.toThrow(/before the end of a message/);
    expect((await messages.next()).done).toBe(true);
  });

  it('counts messages, and is activity', async () => {
    const counters = { messagesReceived: 0, bytesReceived: 0, messagesDiscarded: 0 };
    start({ counters: counters as never });
    void takeAll();
    feed(text('a', false), more('b'), text('c'));
    await turns();
    expect(counters.messagesReceived).toBe(2);
  });
});

describe('incoming(), one consumer', () => {
  const either = /either 'message' listeners or one iterator/;

  it('throws beside a listener or a loop', () => {
    connection.on('message', () => undefined);
    expect(() => connection.incoming()).toThrow(either);
    start();
    connection[Symbol.asyncIterator]();
    expect(() => connection.incoming()).toThrow(either);
    start();
    connection.incoming();
    expect(() => connection.incoming()).toThrow(either);
    expect(() => connection[Symbol.asyncIterator]()).toThrow(either);
    expect(() => connection.on('message', () => undefined)).toThrow(/an iterator is taking/);
  });

  it('gives way to a listener when its loop is left', async () => {
    const messages = loop();
    feed(text('a'), text('b'), text('c'));
    expect(await (await nextOf(messages)).text()).toBe('a');
    await messages.return!();
    await turns();
    connection.on('message', (data) => log.push(`heard ${data.toString()}`));
    await turns();
    expect(log).toEqual(['heard b', 'heard c']);
    expect((await messages.next()).done).toBe(true);
    await messages.return!();
  });

  it('ends calls of next() that wait when the loop is left', async () => {
    const messages = loop();
    const pending = messages.next();
    await messages.return!();
    expect((await pending).done).toBe(true);
  });

  it('may be called again', async () => {
    const first = loop();
    feed(text('a', false));
    await nextOf(first);
    await first.return!();
    void takeAll();
    feed(more('rest'), text('b'));
    await turns();
    expect(log).toEqual(['text', 'b', 'end']);
  });
});

describe('incoming(), leaving early', () => {
  it('skips the rest after break', async () => {
    const left = (async () => {
      for await (const message of connection.incoming()) {
        for await (const chunk of message) {
          log.push(chunk.toString());
          if (chunk === 'a') break;
        }
      }
    })();
    feed(text('a', false));
    await turns();
    for (let i = 0; i < 100; i++) feed(more('x'.repeat(10_000), false));
    expect(connection.isPaused).toBe(false);
    expect(sink.isPaused()).toBe(false);
    feed(more('end'), text('b'));
    await turns();
    expect(log).toEqual(['a', 'b']);
    sink.destroy();
    await left;
  });

  it('skips a message that was not touched, and one that was discarded', async () => {
    const messages = loop();
    feed(text('a', false));
    const skipped = await nextOf(messages);
    const second = nextOf(messages);
    feed(more('a'), text('b', false));
    const message = await second;
    message.discard();
    message.discard();
    feed(more('b'), text('c'));
    expect(await (await nextOf(messages)).text()).toBe('c');
    await expect(skipped.text()).rejects.toThrow(/the message was discarded/);
    expect(() => message[Symbol.asyncIterator]()).toThrow(TypeError);
  });

  it('waits for a message that is being read elsewhere', async () => {
    const messages = loop();
    feed(text('a', false));
    const reading = (await nextOf(messages)).text();
    const next = nextOf(messages);
    feed(more('b'), text('c'));
    expect(await reading).toBe('ab');
    expect(await (await next).text()).toBe('c');
  });

  it('does not let a message look whole that is discarded while it is read', async () => {
    const messages = loop();
    feed(text('a', false));
    const reading = (await nextOf(messages)).text();
    await turns();
    await messages.return!();
    await expect(reading).rejects.toThrow(/the message was discarded/);
    feed(more('b'), text('c'));
    connection.on('message', (data) => log.push(`heard ${data.toString()}`));
    await turns();
    expect(log).toEqual(['heard c']);
  });

  it('ends the loop over a message that is discarded after its last chunk came', async () => {
    const messages = loop();
    feed(text('a'));
    (await nextOf(messages)).discard();
    feed(text('b'));
    expect(await (await nextOf(messages)).text()).toBe('b');
  });
});

describe('incoming(), backpressure', () => {
  it('stops reading at 64 KiB, and goes on', async () => {
    const messages = loop();
    feed(binary(Buffer.alloc(10_000), false));
    const chunks = (await nextOf(messages))[Symbol.asyncIterator]();
    let fed = 1;
    while (!sink.isPaused()) {
      feed(more(Buffer.alloc(10_000, fed), false));
      fed++;
    }
    expect(fed).toBe(7);
    feed(more(Buffer.alloc(10), false), ping('p')); // was on its way
    await turns();
    expect(answers()).toEqual([]);
    await chunks.next();
    await turns();
    expect(sink.isPaused()).toBe(false);
    expect(answers()).toEqual(['pong 70']);
  });

  it('stops reading before a message that is not asked for', async () => {
    const messages = loop();
    feed(text('a'), text('b'));
    expect(sink.isPaused()).toBe(true);
    const message = await nextOf(messages);
    expect(sink.isPaused()).toBe(true);
    expect(await message.text()).toBe('a');
    expect(await (await nextOf(messages)).text()).toBe('b');
    await turns();
    expect(sink.isPaused()).toBe(false);
  });

  it('keeps reading while the connection is closing, and gives no message that has lost a part', async () => {
    const messages = loop();
    feed(binary(Buffer.alloc(10_000), false));
    const chunks = (await nextOf(messages))[Symbol.asyncIterator]();
    void connection.close();
    for (let i = 0; i < 20; i++) feed(more(Buffer.alloc(10_000), false));
    feed(more(Buffer.alloc(1)), text('late'), text('la', false), more('te'), clientClose(1000));
    sink.push(null);
    await turns();
    sink.destroy();
    await turns();
    expect(log).toEqual(['close 1000 undefined']);
    let bytes = 0;
    const take = async (): Promise<void> => {
      for (;;) bytes += ((await chunks.next()).value as Buffer).length;
    };
    await expect(take()).rejects.toThrow(/before the end of a message/);
    expect(bytes).toBe(70_000);
    expect((await messages.next()).done).toBe(true);
  });

  it('gives nothing after terminate()', async () => {
    const messages = loop();
    feed(text('a', false));
    const message = await nextOf(messages);
    connection.terminate();
    await turns();
    await expect(message.text()).rejects.toMatchObject({
      code: 'ERR_MESSAGE_INCOMPLETE',
      cause: { code: 'ERR_TERMINATED' },
    });
  });
});

describe('incoming(), limits', () => {
  it('takes messages longer than maxPayload if it says so', async () => {
    start({ maxPayload: 10 });
    void takeAll({ maxPayload: 25 });
    feed(text('x'.repeat(20)));
    await turns();
    expect(log).toEqual(['text', 'x'.repeat(20), 'end']);
    feed(text('y'.repeat(20), false), more('z'.repeat(6)));
    await turns();
    expect(answers()[0]).toMatch(/^close 1009/);
  });

  it('keeps the limit of the connection otherwise', async () => {
    start({ maxPayload: 10 });
    void takeAll();
    feed(text('x'.repeat(6), false), more('x'.repeat(5)));
    await turns();
    expect(answers()[0]).toMatch(/^close 1009/);
  });

  it('accepts lengths above 4 GiB', async () => {
    void takeAll({ maxPayload: 2 ** 40 });
    feed(clientFrame({ opcode: 2, payload: Buffer.from('a'), length: 2 ** 39 }));
    await turns();
    expect(log).toEqual(['binary', 'a']);
  });

  it('keeps the old limit after the loop', async () => {
    start({ maxPayload: 10 });
    const messages = loop({ maxPayload: 100 });
    await messages.return!();
    connection.on('message', () => undefined);
    feed(text('x'.repeat(20)));
    await turns();
    expect(answers()[0]).toMatch(/^close 1009/);
  });

  it('collects no more than maxPayload with text() and bytes()', async () => {
    start({ maxPayload: 10 });
    for (const method of ['text', 'bytes'] as const) {
      start({ maxPayload: 10 });
      const messages = loop({ maxPayload: 100 });
      feed(text('x'.repeat(11), false));
      const collected = (await nextOf(messages))[method]();
      await turns();
      expect(answers()[0]).toMatch(/^close 1009/);
      sink.destroy();
      await expect(collected).rejects.toMatchObject({
        code: 'ERR_MESSAGE_INCOMPLETE',
        cause: { code: 'ERR_MESSAGE_TOO_BIG' },
      });
    }
  });

  it('fails at the first byte that is not UTF-8', async () => {
    void takeAll();
    feed(text('a', false));
    await turns();
    feed(more(Buffer.from([0x61, 0xff]), false));
    await turns();
    expect(answers()[0]).toMatch(/^close 1007/);
    sink.destroy();
    await turns();
    expect(log.slice(-1)).toEqual(['threw ERR_MESSAGE_INCOMPLETE']);
  });

  it('fails if the message ends inside a character', async () => {
    void takeAll();
    feed(clientFrame({ opcode: 1, payload: Buffer.from([0x61, 0xe2]), fin: false }), more(''));
    await turns();
    expect(answers()[0]).toMatch(/^close 1007/);
    expect(log).toEqual(['text', 'a']);
  });

  it('times the silence of the peer, not the message', async () => {
    void takeAll();
    feed(text('a', false));
    await turns();
    for (let i = 0; i < 10; i++) {
      clock.advance(59_000);
      feed(more('b', false));
      await turns();
    }
    expect(answers()).toEqual([]);
    clock.advance(60_000);
    await turns();
    expect(answers()[0]).toMatch(/^close 1008/);
  });

  it('does not time a slow consumer', async () => {
    const messages = loop();
    feed(binary(Buffer.alloc(70_000), false));
    const message = await nextOf(messages);
    expect(sink.isPaused()).toBe(true);
    clock.advance(1_000_000);
    await turns();
    expect(connection.readyState).toBe('open');
    void message.bytes();
    await turns();
    clock.advance(60_000);
    await turns();
    expect(answers()[0]).toMatch(/^close 1008/);
  });

  it('counts a message once for messageRate', async () => {
    const messageRate = { perSecond: 1, burst: 2, fragments: 1000, action: 'close' } as const;
    start({ messageRate });
    void takeAll();
    feed(text('a', false), more('b', false), more('c', false), more('d'), text('e'));
    await turns();
    expect(answers()).toEqual([]);
    feed(text('f'));
    await turns();
    expect(answers()[0]).toMatch(/^close 1008/);
  });

  it('throws at the end of the transport inside a message', async () => {
    void takeAll();
    feed(text('a', false));
    await turns();
    sink.push(null);
    await turns();
    sink.destroy();
    await turns();
    expect(log).toEqual([
      'text',
      'a',
      'close 1006 ERR_TRANSPORT_ENDED',
      'threw ERR_MESSAGE_INCOMPLETE',
    ]);
  });

  it('skips the rest of a message that fails while nothing reads it', async () => {
    const messages = loop();
    feed(text('a', false));
    (await nextOf(messages)).discard();
    sink.destroy();
    await turns();
    expect((await messages.next()).done).toBe(true);
  });

  it('shows frames to a listener that throws, and loses nothing', async () => {
    let thrown = false;
    connection.on('frame', () => {
      if (thrown) return;
      thrown = true;
      throw new Error('of the application');
    });
    void takeAll();
    expect(() => feed(text('a'))).toThrow('of the application');
    await turns();
    expect(log).toEqual(['text', 'a', 'end']);
  });

  it('charges the budget for what is held', async () => {
    const held: number[] = [];
    const budget = {
      accountOf: () => undefined,
      received: (_member: unknown, bytes: number) => held.push(bytes),
      leave: () => undefined,
    };
    start({ budget: budget as never });
    const messages = loop();
    feed(binary(Buffer.alloc(20_000), false));
    const message = await nextOf(messages);
    feed(more(Buffer.alloc(20_000), false));
    expect(held.at(-1)).toBe(40_000);
    message.discard();
    expect(held.at(-1)).toBe(0);
  });
});

describe('incoming(), compressed', () => {
  const startWith = (compression?: PermessageDeflate, options: WorldOptions = {}): void => {
    sink = new Sink(1024 * 1024);
    clock = new HandClock();
    use(compressedConnectionOn(sink, compression, options, clock));
  };
  const made = (changed = {}, drive = true): PermessageDeflate =>
    new PermessageDeflate(compressing({ drive }), parametersOf(changed), 'server');
  /** A message compressed as the client would, in frames of so many bytes. */
  const compressedFrames = (payload: Buffer, size = payload.length, opcode = 2): Buffer[] => {
    const frames: Buffer[] = [];
    for (let at = 0; at < payload.length; at += size) {
      const part = payload.subarray(at, at + size);
      const fin = at + size >= payload.length;
      frames.push(
        clientFrame({ opcode: at === 0 ? opcode : 0, rsv: at === 0 ? 4 : 0, payload: part, fin }),
      );
    }
    return frames;
  };
  const deflated = (message: Buffer | string): Buffer =>
    deflateRawSync(message, { finishFlush: 2 }).subarray(0, -4);
  const prose = Buffer.from(
    Array.from({ length: 30_000 }, (_, i) => `${i % 977} \u20ac `).join(''),
  );

  it.each([true, false])('decompresses part by part (driven: %p)', async (drive) => {
    for (const size of [1000, 17, 100_000]) {
      startWith(made({}, drive));
      const messages = loop();
      const frames = compressedFrames(deflated(prose), size, 1);
      const reading = nextOf(messages).then((message) => message.text());
      for (const frame of frames) {
        feed(frame);
        if (sink.isPaused()) await turns(1);
      }
      expect((await reading) === prose.toString()).toBe(true);
    }
  });

  it('gives what comes out before the message is complete', async () => {
    startWith();
    void takeAll();
    const [first, ...rest] = compressedFrames(deflated('x'.repeat(1_000_000)), 500);
    feed(first!);
    await turns();
    expect(log.length).toBeGreaterThan(3);
    expect(rest.length).toBeGreaterThan(0);
    expect(log[0]).toBe('binary');
  });

  it('decompresses no more than there is room for', async () => {
    startWith();
    const messages = loop({ maxPayload: 2 ** 40 });
    feed(...compressedFrames(deflated(Buffer.alloc(50_000_000))));
    const chunks = (await nextOf(messages))[Symbol.asyncIterator]();
    expect(sink.isPaused()).toBe(true);
    let bytes = 0;
    for (;;) {
      const { done, value } = await chunks.next();
      if (done === true) break;
      expect(value.length).toBeLessThanOrEqual(65_536);
      bytes += value.length;
    }
    expect(bytes).toBe(50_000_000);
    await turns();
    expect(sink.isPaused()).toBe(false);
  });

  it('lets others have their turn', async () => {
    startWith();
    let turn = 0;
    const turnsOf: number[] = [];
    const reading = (async () => {
      for await (const message of connection.incoming({ maxPayload: 2 ** 40 })) {
        for await (const chunk of message) {
          turnsOf[turn] = (turnsOf[turn] ?? 0) + chunk.length;
        }
        return;
      }
    })();
    feed(...compressedFrames(deflated(Buffer.alloc(20_000_000))));
    let done = false;
    void reading.then(() => (done = true));
    await until('the end', () => {
      turn++;
      return done;
    });
    expect(Math.max(...turnsOf.filter(Boolean))).toBeLessThan(3 * 1024 * 1024);
  });

  it('limits what comes out', async () => {
    startWith();
    void takeAll({ maxPayload: 100_000 });
    feed(...compressedFrames(deflated(Buffer.alloc(100_001))));
    await until('the Close', () => answers().length > 0);
    expect(answers()[0]).toMatch(/^close 1009/);
  });

  it('collects whole messages where zlib cannot be driven, up to maxPayload', async () => {
    startWith(made({}, false), { maxPayload: 1000 });
    void takeAll({ maxPayload: 100_000 });
    feed(...compressedFrames(deflated(Buffer.alloc(1001)), 3));
    await turns();
    expect(answers()[0]).toMatch(/^close 1009/);
    startWith(made({}, false), { maxPayload: 10 });
    void takeAll({ maxPayload: 100_000 });
    feed(...compressedFrames(deflated(Buffer.from('abcdefghijklmnopqrstuvwxyz')), 20));
    await turns();
    expect(answers()[0]).toMatch(/^close 1009/);
  });

  it.each<[string, Buffer, number, RegExp]>([
    ['is not DEFLATE', Buffer.from('ffffff', 'hex'), 2, /^close 1007/],
    ['ends inside a block', deflated('abc'.repeat(100)).subarray(0, -3), 2, /^close 1007/],
    ['is not UTF-8', deflated(Buffer.from([0x61, 0xff])), 1, /^close 1007/],
    ['ends inside a character', deflated(Buffer.from([0x61, 0xe2])), 1, /^close 1007/],
  ])('fails if a message %s', async (_name, payload, opcode, expected) => {
    startWith();
    void takeAll();
    feed(...compressedFrames(payload, payload.length, opcode));
    await turns();
    expect(answers()[0]).toMatch(expected);
  });

  it('keeps a context that is taken over right, over what is skipped too', async () => {
    startWith(made(TAKEOVER));
    const client = new PermessageDeflate(compressing(), parametersOf(TAKEOVER), 'client');
    const part = prose.subarray(0, 5000);
    const [one, two, three, four] = [1, 2, 3, 4].map(() => client.deflate(part)!);
    expect(two!.length).toBeLessThan(100);
    const messages = loop();
    feed(...compressedFrames(one!, 100));
    expect((await (await nextOf(messages)).bytes()).equals(part)).toBe(true);
    feed(...compressedFrames(two!, 10));
    (await nextOf(messages)).discard();
    feed(...compressedFrames(three!, 10));
    expect((await (await nextOf(messages)).bytes()).equals(part)).toBe(true);
    await messages.return!();
    connection.on('message', (data) => log.push(String(part.equals(data as Buffer))));
    feed(...compressedFrames(four!));
    await turns();
    expect(log).toEqual(['true']);
  });

  it('does not decompress what is skipped if no message refers to it', async () => {
    startWith();
    const messages = loop();
    const [first, ...rest] = compressedFrames(deflated(prose), 1000);
    feed(first!);
    (await nextOf(messages)).discard();
    feed(
      ...rest.map((_, i) =>
        clientFrame({ opcode: 0, payload: 'nonsense', fin: i === rest.length - 1 }),
      ),
    );
    feed(text('b'));
    expect(await (await nextOf(messages)).text()).toBe('b');
  });

  it('stops while much is left of a message that is discarded', async () => {
    startWith(made(TAKEOVER));
    const messages = loop({ maxPayload: 2 ** 40 });
    feed(...compressedFrames(deflated(Buffer.alloc(20_000_000))), text('b'));
    (await nextOf(messages)).discard();
    expect(await (await nextOf(messages)).text()).toBe('b');
  });

  it('takes a message over that was being decompressed when the loop began', async () => {
    startWith();
    const random = Buffer.from(
      Array.from({ length: 200_000 }, (_, i) => (i * i * 7 + (i >> 5)) & 255),
    );
    feed(
      ...compressedFrames(deflateRawSync(random, { level: 0, finishFlush: 2 }).subarray(0, -4)),
      text('b'),
    );
    const messages = loop();
    expect((await (await nextOf(messages)).bytes()).equals(random)).toBe(true);
    expect(await (await nextOf(messages)).text()).toBe('b');
  });
});
