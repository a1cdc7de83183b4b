import { BufferBudget } from '../../../../src/connection/limits/buffer-budget.js';
import { Outbox } from '../../../../src/connection/send/outbox.js';
import { sharedSlab } from '../../../../src/connection/send/slab.js';
import { FrameEncoder } from '../../../../src/protocol/framing/frame-encoder.js';
import { prepareMessage } from '../../../../src/protocol/framing/prepared-message.js';
import { countMoves, Sink, turns, until, world } from '../../../support/connection.js';
import { parseFrames, serverFrame } from '../../../support/frames.js';
import { detach, FREES, own } from '../../../support/memory.js';
import {
  BINARY,
  CLOSE,
  fallBehind,
  outbox,
  setOutbox,
  setSink,
  sink,
  sizes,
  TEXT,
  tick,
  uninterested,
  unsendable,
  words,
} from '../../../support/outbox.js';

const PING = 0x89;

describe('Outbox, the bytes on the wire', () => {
  it.each([
    ['an empty text', () => outbox.text(TEXT, ''), '8100'],
    ['a short text', () => outbox.text(TEXT, 'Hi'), '81024869'],
    ['bytes', () => outbox.bytes(BINARY, Buffer.from('a5', 'hex')), '8201a5'],
    ['no bytes', () => outbox.bytes(CLOSE, Buffer.alloc(0)), '8800'],
    ['a prepared frame', () => outbox.frame(prepareMessage('Hi').frame), '81024869'],
    ['a pong', () => outbox.pong(Buffer.from('p')), '8a0170'],
    ['first byte as told, RSV bits and all', () => outbox.text(0x71, '!'), '710121'],
    ['a lone surrogate, as U+FFFD', () => outbox.text(TEXT, '\ud800'), '8103efbfbd'],
  ])('%s', async (_name, send, bytes) => {
    send();
    await tick();
    expect(sink.bytes.toString('hex')).toBe(bytes);
  });

  it.each([
    ['ASCII, 41 characters', 'x'.repeat(41), '8129'],
    ['ASCII, 125 characters', 'x'.repeat(125), '817d'],
    ['ASCII, 126 characters', 'x'.repeat(126), '817e007e'],
    ['125 bytes in 63 characters', 'é'.repeat(62) + 'e', '817d'],
    ['126 bytes in 63 characters', 'é'.repeat(63), '817e007e'],
    ['126 bytes in 42 characters', '€'.repeat(42), '817e007e'],
    ['124 bytes in surrogate pairs', '😀'.repeat(31), '817c'],
    ['5461 characters of three bytes', '€'.repeat(5461), '817e3fff'],
    ['5462 characters of one byte', 'x'.repeat(5462), '817e1556'],
    ['5462 characters of three bytes', '€'.repeat(5462), '817e4002'],
    ['65 535 bytes', 'x'.repeat(65_535), '817effff'],
    ['65 536 bytes', 'x'.repeat(65_536), '817f0000000000010000'],
  ])('gives text its shortest header: %s', async (_name, text, header) => {
    outbox.text(TEXT, text);
    await tick();
    const { bytes } = sink;
    expect(bytes.toString('hex', 0, header.length / 2)).toBe(header);
    expect(bytes.subarray(header.length / 2).equals(Buffer.from(text))).toBe(true);
  });

  it('masks every frame of a client, with a key of its own each', async () => {
    setOutbox(
      new Outbox(
        sink,
        new FrameEncoder({ role: 'client', maskingKey: (key) => key.set([1, 2, 3, 4]) }),
        uninterested,
      ),
    );
    outbox.text(TEXT, 'Hi');
    outbox.bytes(BINARY, Buffer.from([0]));
    outbox.pong(Buffer.alloc(0));
    await tick();
    expect(sink.bytes.toString('hex')).toBe('818201020304496b' + '82810102030401' + '8a8001020304');
  });
});

describe('Outbox, one write a tick', () => {
  it('joins the frames of a tick to one buffer and one write', async () => {
    outbox.text(TEXT, 'one');
    outbox.bytes(BINARY, Buffer.from('two'));
    outbox.pong(Buffer.from('three'));
    expect(sink.writes).toEqual([]);
    await tick();
    expect(sizes()).toEqual([[5 + 5 + 7]]);
    expect(words()).toEqual(['text 6f6e65', 'binary 74776f', 'pong 7468726565']);
  });

  it('writes again in the next tick', async () => {
    outbox.text(TEXT, 'one');
    await tick();
    outbox.text(TEXT, 'two');
    await tick();
    expect(sizes()).toEqual([[5], [5]]);
  });

  it('keeps the order of calls across text, bytes, large payloads, prepared messages, pings and a Close', async () => {
    const large = Buffer.alloc(16_385, 0x4c);
    outbox.text(TEXT, 'a');
    outbox.bytes(BINARY, large);
    outbox.frame(prepareMessage('b').frame);
    outbox.bytes(PING, Buffer.from('c'));
    outbox.text(TEXT, 'd');
    outbox.bytes(CLOSE, Buffer.from([3, 232]));
    await until('all of it', () => outbox.bufferedAmount === 0);
    expect(words()).toEqual([
      'text 61',
      `binary ${large.toString('hex')}`,
      'text 62',
      'ping 63',
      'text 64',
      'close 1000',
    ]);
  });

  it('copies a payload of 16 KiB after its header: one buffer', async () => {
    const payload = Buffer.alloc(16_384, 1);
    outbox.bytes(BINARY, payload);
    payload.fill(2); // a short payload may be changed at once
    await tick();
    expect(sizes()).toEqual([[4 + 16_384]]);
    expect(sink.bytes[4]).toBe(1);
  });

  it('lets a longer payload out uncopied, header and payload in one writev', async () => {
    const payload = Buffer.alloc(16_385, 1);
    outbox.text(TEXT, 'before');
    outbox.bytes(BINARY, payload);
    await tick();
    expect(sizes()).toEqual([[8 + 4, 16_385]]);
    expect(sink.writes[0]![1]).toBe(payload);
  });

  it('lets a typed array out uncopied too: the same memory', async () => {
    const array = new Uint8Array(new ArrayBuffer(20_010), 10);
    outbox.bytes(BINARY, array);
    await tick();
    const sent = sink.writes[0]![1]!;
    expect(sent.buffer).toBe(array.buffer);
    expect([sent.byteOffset, sent.length]).toEqual([10, 20_000]);
  });

  it('does not wait for the end of a tick that sends 64 KiB', () => {
    setSink(new Sink(1024 * 1024));
    setOutbox(new Outbox(sink, undefined, uninterested));
    for (let i = 0; i < 3; i++) outbox.bytes(BINARY, Buffer.alloc(16_380));
    expect(sink.writes).toHaveLength(0);
    outbox.bytes(BINARY, Buffer.alloc(16_380));
    // One write, of one buffer or two: where the shared slab ends is not this test's to say.
    expect(sink.writes).toHaveLength(1);
    expect(sink.bytes.length).toBe(4 * 16_384);
  });

  it('goes on gathering after such a write', async () => {
    setSink(new Sink(1024 * 1024));
    setOutbox(new Outbox(sink, undefined, uninterested));
    outbox.text(TEXT, 'first');
    outbox.bytes(BINARY, Buffer.alloc(70_000));
    outbox.text(TEXT, 'second');
    outbox.text(TEXT, 'third');
    expect(sink.writes).toHaveLength(1);
    await tick();
    expect(sizes()).toEqual([[7 + 10, 70_000], [8 + 7]]);
  });

  it('begins a new slab when the shared one is used up, and never writes over what it handed out', async () => {
    const expected: string[] = [];
    for (let i = 0; i < 12; i++) {
      const payload = Buffer.alloc(10_000, i);
      expected.push(`binary ${payload.toString('hex')}`);
      outbox.bytes(BINARY, payload);
      await tick();
    }
    await until('all of it', () => outbox.bufferedAmount === 0);
    expect(words()).toEqual(expected);
    expect(new Set(sink.writes.flat().map(({ buffer }) => buffer)).size).toBeGreaterThan(1);
  });

  it('keeps apart what two connections write in one tick', async () => {
    const otherSink = new Sink();
    const other = new Outbox(otherSink, undefined, uninterested);
    outbox.text(TEXT, 'a');
    other.text(TEXT, 'b');
    outbox.text(TEXT, 'c');
    outbox.text(TEXT, 'd');
    await tick();
    expect(sink.bytes.toString('hex')).toBe('810161' + '810163' + '810164');
    expect(otherSink.bytes.toString('hex')).toBe('810162');
    expect(sizes()).toEqual([[9]]);
  });

  it('waits while it is corked, and writes when it is flushed', async () => {
    expect(outbox.cork()).toBe(true);
    outbox.text(TEXT, 'a');
    await tick();
    outbox.text(TEXT, 'b');
    expect(sink.writes).toEqual([]);
    outbox.flush();
    expect(sizes()).toEqual([[6]]);
    outbox.flush();
    expect(sink.writes).toHaveLength(1);
  });

  it('tells the caller of cork that the end of the tick will flush it anyway', async () => {
    outbox.text(TEXT, 'a');
    expect(outbox.cork()).toBe(false);
    outbox.text(TEXT, 'b');
    await tick();
    expect(sizes()).toEqual([[6]]);
  });

  it('takes more while the socket does, and writes first what cannot share a write', async () => {
    outbox.text(TEXT, 'a'.repeat(10_000));
    expect(outbox.takes(6000)).toBe(true);
    expect(sink.writes).toHaveLength(0);
    expect(outbox.takes(7000)).toBe(true); // together more than one write
    expect(sizes()).toEqual([[10_004]]);
    await tick();
    sink.backpressured = true;
    outbox.text(TEXT, 'b'.repeat(16_400));
    expect(outbox.takes(1)).toBe(false);
    expect(outbox.takes(1)).toBe(false);
    expect(sink.writes).toHaveLength(2);
    expect(outbox.blocked).toBe(true);
  });

  it('stays corked across a write that could not wait', async () => {
    setSink(new Sink(1024 * 1024));
    setOutbox(new Outbox(sink, undefined, uninterested));
    outbox.cork();
    outbox.bytes(BINARY, Buffer.alloc(70_000));
    outbox.text(TEXT, 'behind');
    await tick();
    expect(sizes()).toEqual([[10, 70_000]]);
    outbox.flush();
    expect(sizes()).toEqual([[10, 70_000], [8]]);
  });
});

describe('Outbox, the small pieces of a tick', () => {
  const [x, y, z] = ['x', 'y', 'z'].map((text) => prepareMessage(text).frame) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  /** What each of several connections hands its socket, sending these frames in one tick. */
  async function broadcast(...lists: Buffer[][]): Promise<Buffer[][]> {
    const sinks = lists.map(() => new Sink());
    lists.forEach((frames, i) => {
      const each = new Outbox(sinks[i]!, undefined, uninterested);
      for (const frame of frames) each.frame(frame);
    });
    await tick();
    return sinks.map(({ writes }) => writes.flat());
  }

  it('leave as one buffer in one write: several broadcasts cost one', async () => {
    for (const frame of [x, y, z]) outbox.frame(frame);
    await tick();
    expect(sizes()).toEqual([[9]]);
    expect(sink.bytes.toString('hex')).toBe('810178' + '810179' + '81017a');
    expect(outbox.bufferedAmount).toBe(0);
  });

  it('are joined once for all connections that have the same: the very same buffer', async () => {
    const [one, two, three] = await broadcast([x, y], [x, y], [x, y]);
    expect(one).toHaveLength(1);
    expect(two![0]).toBe(one![0]);
    expect(three![0]).toBe(one![0]);
  });

  it('are not shared with a connection that has others, more or fewer', async () => {
    const all = await broadcast([x, y], [x, z], [z, y], [x, y, z], [x, y], [y, x], [x]);
    expect(all.map((pieces) => pieces.map((piece) => piece.toString('latin1')).join('|'))).toEqual(
      ['xy', 'xz', 'zy', 'xyz', 'xy', 'yx', 'x'].map((letters) =>
        [...letters].map((letter) => `\x81\x01${letter}`).join(''),
      ),
    );
  });

  it('go out as they are if it is one: the very frame, for every connection', async () => {
    const all = await broadcast([x], [x]);
    expect(all[0]![0]).toBe(x);
    expect(all[1]![0]).toBe(x);
  });

  it('are forgotten at the end of the tick', async () => {
    const [[one]] = (await broadcast([x, y])) as [Buffer[]];
    const [[two]] = (await broadcast([x, y])) as [Buffer[]];
    expect(two).toEqual(one);
    expect(two).not.toBe(one);
  });

  it('are joined up to 16 KiB in all; more leaves uncopied, in one writev', async () => {
    const large = prepareMessage(Buffer.alloc(16_384 - 4 - 3)).frame;
    const [fits] = await broadcast([large, x]);
    expect(fits!.map(({ length }) => length)).toEqual([16_384]);
    const larger = prepareMessage(Buffer.alloc(16_384 - 4 - 2)).frame;
    sink.backpressured = true;
    outbox.frame(larger);
    outbox.frame(x);
    await tick();
    outbox.frame(y);
    await tick();
    expect(sizes()).toEqual([[16_382, 3]]);
    expect(sink.writes[0]![0]).toBe(larger);
    sink.release();
    await turns();
    expect(words().slice(1)).toEqual(['text 78', 'text 79']);
    expect(sizes().slice(1)).toEqual([[3]]);
  });

  it('keep their order among text, pongs and large payloads', async () => {
    outbox.text(TEXT, 'a');
    outbox.frame(x);
    outbox.pong(Buffer.from('p'));
    outbox.frame(y);
    outbox.text(TEXT, 'b');
    await tick();
    expect(sizes()).toEqual([[15]]);
    const first = ['text 61', 'text 78', 'pong 70', 'text 79', 'text 62'];
    expect(words()).toEqual(first);
    const large = Buffer.alloc(20_000, 0x4c);
    outbox.frame(x);
    outbox.text(TEXT, 'c');
    outbox.bytes(BINARY, large);
    outbox.frame(y);
    outbox.text(TEXT, 'd');
    await until('all of it', () => outbox.bufferedAmount === 0);
    expect(words()).toEqual([
      ...first,
      'text 78',
      'text 63',
      `binary ${large.toString('hex')}`,
      'text 79',
      'text 64',
    ]);
  });

  it('that wait for a backpressured socket are joined too, with the pong that waits after them', async () => {
    await fallBehind();
    outbox.frame(x);
    outbox.text(TEXT, 'a');
    outbox.pong(Buffer.from('p'));
    outbox.frame(y);
    sink.release();
    await turns();
    expect(sizes().slice(1)).toEqual([[12]]);
    expect(words().slice(1)).toEqual(['text 78', 'text 61', 'text 79', 'pong 70']);
  });
});

describe('Outbox, the bytes of the shared slab', () => {
  const on = (socket: Sink, copies?: boolean) =>
    new Outbox(socket, undefined, uninterested, copies ? 'tcp' : undefined);

  beforeEach(() => sharedSlab.reserve(65_536)); // the slab's beginning, or a new one

  it('are used again at once when the kernel has copied them', async () => {
    setOutbox(on(sink, true));
    for (let i = 0; i < 100; i++) {
      outbox.bytes(BINARY, Buffer.alloc(1000, i));
      const before = sharedSlab.bytes;
      await tick();
      expect(sharedSlab.at).toBe(0);
      expect(sharedSlab.bytes).toBe(before);
      expect(sink.writes.at(-1)![0]![4]).toBe(i);
    }
  });

  it('are not on a socket that is made of something else than the kernel', async () => {
    outbox.text(TEXT, 'a');
    await tick();
    expect(sharedSlab.at).toBe(3);
    outbox.text(TEXT, 'b');
    await tick();
    expect(words()).toEqual(['text 61', 'text 62']);
  });

  it('are not while the kernel has not taken them all', async () => {
    setOutbox(on(sink, true));
    sink.backpressured = true;
    outbox.text(TEXT, 'a');
    await tick();
    expect(sharedSlab.at).toBe(3);
    outbox.text(TEXT, 'b');
    await tick();
    expect(sharedSlab.at).toBe(6);
    for (let i = 0; i < 2; i++) {
      sink.release();
      await turns();
    }
    expect(words()).toEqual(['text 61', 'text 62']);
  });

  it('are not while another connection’s stand after them', async () => {
    const sinks = [new Sink(), new Sink()];
    const [one, two] = sinks.map((each) => on(each, true)) as [Outbox, Outbox];
    one.text(TEXT, 'a');
    two.text(TEXT, 'b');
    one.flush();
    expect(sharedSlab.at).toBe(6);
    setOutbox(on(sink, true));
    outbox.text(TEXT, 'c');
    outbox.flush();
    expect(sharedSlab.at).toBe(6);
    await tick();
    expect(sharedSlab.at).toBe(3);
    expect(sinks.map(({ bytes }) => bytes.toString('hex'))).toEqual(['810161', '810162']);
  });

  it('are not what a frame of the application’s own is made of', async () => {
    setOutbox(on(sink, true));
    const { frame } = prepareMessage('x');
    const other = on(new Sink(), false);
    other.text(TEXT, 'a');
    outbox.frame(frame);
    outbox.flush();
    expect(sharedSlab.at).toBe(3);
    await tick();
    expect(sink.writes).toEqual([[frame]]);
  });
});

describe('Outbox, a backpressured socket', () => {
  it('hands it nothing until it has written what it has', async () => {
    await fallBehind();
    outbox.text(TEXT, '0');
    await turns();
    expect(sink.writableLength).toBe(20_000);
    for (let i = 1; i < 10; i++) outbox.text(TEXT, `${i}`);
    outbox.bytes(BINARY, Buffer.alloc(100_000));
    await turns();
    expect(sink.writes).toHaveLength(1);
    expect(sink.writableLength).toBe(20_000);
    expect(outbox.bufferedAmount).toBe(20_000 + 10 * 3 + 100_010);
    sink.release();
    await turns();
    expect(sink.writes).toHaveLength(2);
    expect(words().slice(1)).toEqual([
      ...Array.from({ length: 10 }, (_, i) => `text 3${i}`),
      `binary ${'00'.repeat(100_000)}`,
    ]);
  });

  it('hands it as much as it takes at a time, in order', async () => {
    await fallBehind();
    const large = [1, 2, 3].map((byte) => Buffer.alloc(20_000, byte));
    for (const payload of large) outbox.bytes(BINARY, payload);
    sink.release();
    await turns();
    expect(sizes()).toEqual([[20_000], [4, 20_000]]);
    expect(outbox.bufferedAmount).toBe(60_012);
    sink.release();
    await turns();
    sink.release();
    await turns();
    expect(sink.writes.slice(1).map((pieces) => pieces[1])).toEqual(large);
    sink.release();
    await turns();
    expect(outbox.bufferedAmount).toBe(0);
  });

  it('keeps only the newest pong that waits, after the frames that wait', async () => {
    await fallBehind();
    for (const payload of ['one', 'two', 'three']) outbox.pong(Buffer.from(payload));
    outbox.text(TEXT, 'x');
    expect(outbox.bufferedAmount).toBe(20_000 + 7 + 3);
    sink.release();
    await turns();
    expect(words().slice(1)).toEqual(['text 78', 'pong 7468726565']);
  });

  it('answers with a pong that waits even if nothing else does', async () => {
    await fallBehind();
    outbox.pong(Buffer.from('p'));
    sink.release();
    await turns();
    expect(words().slice(1)).toEqual(['pong 70']);
  });

  it('joins the masked frames of a tick into one write, each with its key', async () => {
    const maskingKey = (target: Buffer): void => {
      target.set([1, 2, 3, 4]);
    };
    const encoder = new FrameEncoder({ role: 'client', maskingKey });
    setOutbox(new Outbox(sink, encoder, uninterested));
    outbox.text(TEXT, 'héllo');
    outbox.bytes(BINARY, Buffer.alloc(300, 7));
    await tick();
    const frames = parseFrames(sink.bytes, 'client');
    expect(frames.map(({ opcode, payload }) => [opcode, payload.length])).toEqual([
      [1, 6],
      [2, 300],
    ]);
    expect(frames[0]!.payload.toString()).toBe('héllo');
    expect(sink.writes).toHaveLength(1);
  });

  it('masks long payloads, and frees the masked bytes when they are written', async () => {
    const encoder = new FrameEncoder({ role: 'client' });
    setOutbox(new Outbox(sink, encoder, uninterested, 'tcp'));
    sink.backpressured = true;
    const theirs = Buffer.alloc(20_000, 'a');
    const ours = Buffer.allocUnsafeSlow(30_000).fill('b');
    outbox.bytes(BINARY, theirs);
    outbox.bytes(BINARY, ours, true);
    await tick();
    const [, masked] = sink.writes[0]!;
    expect(masked!.buffer === theirs.buffer).toBe(false);
    const sent = parseFrames(sink.bytes, 'client').map(({ payload }) => payload.toString());
    expect(sent).toEqual(['a'.repeat(20_000)]);
    expect(theirs.toString()).toBe('a'.repeat(20_000));
    sink.backpressured = false;
    sink.release();
    await turns();
    expect([masked, ours].map((bytes) => bytes!.length)).toEqual(FREES ? [0, 0] : [20_000, 30_000]);
    expect(theirs).toHaveLength(20_000);
  });

  it('masks a pong of a client that waits', async () => {
    const encoder = new FrameEncoder({ role: 'client', maskingKey: (key) => key.fill(0) });
    setOutbox(new Outbox(sink, encoder, uninterested));
    sink.backpressured = true;
    outbox.bytes(BINARY, Buffer.alloc(20_000));
    await tick();
    outbox.pong(Buffer.from('p'));
    expect(outbox.bufferedAmount).toBe(20_008 + 7);
    sink.release();
    await turns();
    expect(sink.writes[1]!.map((piece) => piece.toString('hex'))).toEqual(['8a810000000070']);
  });

  it('answers each of ten pings of one read', async () => {
    outbox.cork();
    for (let i = 0; i < 10; i++) outbox.pong(Buffer.from(`${i}`));
    outbox.flush();
    await turns();
    expect(sink.writes).toHaveLength(1);
    expect(words()).toEqual(Array.from({ length: 10 }, (_, i) => `pong 3${i}`));
  });

  it('does not keep the shared slab for a frame that waits, nor the chunk of a ping', async () => {
    await fallBehind();
    const chunk = Buffer.alloc(65_536);
    outbox.text(TEXT, 'waits');
    outbox.bytes(BINARY, Buffer.from('waits'));
    outbox.bytes(BINARY, Buffer.alloc(20_000)); // too much to be joined to a copy
    outbox.pong(chunk.subarray(0, 100));
    for (let i = 0; i < 2; i++) {
      sink.release();
      await turns();
    }
    const [, ...pieces] = sink.writes.flat();
    expect(pieces.map(({ length }) => length)).toEqual([14 + 4, 20_000, 102]);
    for (const piece of pieces) {
      expect(piece.buffer).not.toBe(sharedSlab.bytes.buffer);
      expect(piece.buffer).not.toBe(chunk.buffer);
    }
    expect(pieces[0]!.buffer.byteLength).toBe(16_400);
  });

  it('keeps no slab of its own once it has caught up', async () => {
    const slabs: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      sink.backpressured = true;
      outbox.frame(serverFrame({ opcode: 2, payload: Buffer.alloc(20_000) }));
      await tick();
      outbox.text(TEXT, 'waits');
      sink.backpressured = false;
      sink.release();
      await turns();
      slabs.push(sink.writes.at(-1)![0]!.buffer);
    }
    expect(slabs[1]).not.toBe(slabs[0]);
    expect(slabs).not.toContain(sharedSlab.bytes.buffer);
  });

  it('goes back to the shared slab once it has caught up', async () => {
    await fallBehind();
    outbox.text(TEXT, 'waits');
    sink.backpressured = false;
    sink.release();
    await turns();
    outbox.text(TEXT, 'quick');
    await tick();
    expect(sink.writes.at(-1)![0]!.buffer).toBe(sharedSlab.bytes.buffer);
    expect(words().slice(1)).toEqual(['text 7761697473', 'text 717569636b']);
  });
});

describe('Outbox, ending', () => {
  it('hands over everything, backpressured or not, and the pong that waits, and ends the socket', async () => {
    await fallBehind();
    outbox.text(TEXT, 'a');
    outbox.pong(Buffer.from('p'));
    outbox.frame(Buffer.alloc(20_000));
    outbox.end();
    expect(outbox.bufferedAmount).toBe(sink.writableLength);
    expect(sink.writableEnded).toBe(true);
    sink.backpressured = false;
    sink.release();
    await until('the end', () => sink.writableFinished);
    expect(sizes().slice(1)).toEqual([[3, 20_000, 3]]);
  });

  it('hands over a payload that is not copied when it is its turn, and ends the socket after it', async () => {
    await fallBehind();
    outbox.text(TEXT, 'a');
    for (const byte of [1, 2]) outbox.bytes(BINARY, Buffer.alloc(20_000, byte));
    outbox.bytes(CLOSE, Buffer.alloc(0));
    outbox.end();
    for (const length of [20_000, 20_007, 20_006]) {
      expect(sink.writableLength).toBe(length);
      expect(sink.writableEnded).toBe(length === 20_006);
      sink.release();
      await turns();
    }
    sink.backpressured = false;
    sink.release();
    await until('the end', () => sink.writableFinished);
    expect(words().slice(1)).toEqual([
      'text 61',
      `binary ${'01'.repeat(20_000)}`,
      `binary ${'02'.repeat(20_000)}`,
      'close',
    ]);
  });

  it('calls back for what it hands over at the end', async () => {
    const called: string[] = [];
    outbox.text(TEXT, 'a');
    outbox.whenWritten((error) => called.push(error?.message ?? 'a'));
    outbox.end();
    await turns();
    expect(called).toEqual(['a']);
  });

  it.each([3, 20_000])(
    'calls back, once, for %i bytes in progress at the end of a backpressured socket',
    async (length) => {
      const called: unknown[] = [];
      sink.backpressured = true;
      outbox.frame(Buffer.alloc(length));
      await tick();
      outbox.whenWritten((error) => called.push(error));
      outbox.text(TEXT, 'b');
      outbox.whenWritten((error) => called.push(error));
      outbox.end();
      await turns();
      expect(called).toEqual([]);
      sink.backpressured = false;
      sink.release();
      await until('the end', () => sink.writableFinished);
      await turns();
      expect(called).toStrictEqual([undefined, undefined]);
    },
  );

  it('calls back, once, for what a backpressured socket had before the end', async () => {
    const called: unknown[] = [];
    await fallBehind();
    outbox.whenWritten((error) => called.push(error));
    outbox.end();
    await turns();
    expect(called).toEqual([]);
    sink.release(); // a socket that is ending emits no 'drain'
    await turns();
    expect(called).toStrictEqual([undefined]);
  });

  it('asks for no callback if nothing waits for one', () => {
    const end = jest.spyOn(sink, 'end');
    outbox.text(TEXT, 'a');
    outbox.end();
    expect(end.mock.calls).toEqual([[]]);
    expect(sink.listenerCount('drain')).toBe(0);
  });

  it('ends a socket that has nothing to write', async () => {
    outbox.end();
    await until('the end', () => sink.writableFinished);
    expect(sink.writes).toEqual([]);
  });

  it.each([0, 1, 1000, 20_000, 100_000])(
    'loses none of %i bytes when the socket is cut right after: the peer gets all that a plain write delivers',
    async (length) => {
      const { client, socket } = await world();
      const cut = new Outbox(socket, undefined, uninterested);
      const payload = Buffer.alloc(length, 0x61);
      cut.text(TEXT, 'before');
      cut.bytes(BINARY, payload);
      cut.destroy();
      await client.ended();
      expect(client.received()).toEqual([
        'text 6265666f7265',
        `binary ${payload.toString('hex')}`.trim(),
      ]);
    },
  );
});

describe('Outbox, on a transport that is gone', () => {
  it('believes no write, though the transport calls it done', async () => {
    const told: unknown[] = [];
    outbox.text(TEXT, 'lost');
    outbox.whenWritten((error) => told.push(error));
    sink.destroy(); // writes nothing, and has nothing left to write
    outbox.destroy();
    await tick();
    expect(told).toEqual([]);
    const gone = new Error('gone');
    outbox.onTransportClosed(gone);
    await tick();
    expect(told).toEqual([gone]);
  });
});

describe('Outbox, what waits', () => {
  const large = (byte: number): Buffer => Buffer.alloc(20_000, byte);
  /** The frames that the sink got since it became backpressured. An incomplete frame makes this throw. */
  const later = () =>
    words()
      .slice(1)
      .map((word) => word.slice(0, 20));

  it('copies a short frame that many connections share, and keeps a longer one as it is', async () => {
    await fallBehind();
    const short = prepareMessage('a'.repeat(126)).frame;
    const long = prepareMessage('b'.repeat(127)).frame;
    expect([short.length, long.length]).toStrictEqual([130, 131]);
    const tiny = prepareMessage('c'.repeat(124)).frame;
    for (const frame of [tiny, long, tiny, tiny, short]) outbox.frame(frame);
    sink.release();
    await turns();
    const pieces = sink.writes.slice(1).flat();
    expect(pieces.map(({ length }) => length)).toStrictEqual([126, 131, 252, 130]);
    expect(pieces[0]!.buffer).toBe(pieces[2]!.buffer);
    expect(pieces[0]!.buffer.byteLength).toBe(16_400);
    expect(pieces[1]).toBe(long);
    expect(pieces[3]).toBe(short);
    expect(words().slice(1)).toHaveLength(5);
  });

  it('hands over a payload with its header, backpressured or not: the socket has whole frames', async () => {
    sink.backpressured = true;
    for (const byte of [1, 2, 3]) outbox.bytes(BINARY, large(byte));
    outbox.text(TEXT, 'x');
    await tick();
    expect(sizes()).toStrictEqual([[4, 20_000]]);
    outbox.discard(new Error('too slow'));
    outbox.bytes(CLOSE, Buffer.alloc(0));
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(words().map((word) => word.slice(0, 12))).toStrictEqual(['binary 01010', 'close']);
  });

  it('hands it over with a header that made the socket backpressured', async () => {
    setSink(new Sink(4));
    setOutbox(new Outbox(sink, undefined, uninterested));
    sink.backpressured = true;
    outbox.bytes(BINARY, large(1));
    outbox.bytes(BINARY, large(2));
    await tick();
    expect(sizes()).toStrictEqual([[4, 20_000]]);
    expect(outbox.bufferedAmount).toBe(40_008);
    sink.release();
    await turns();
    expect(sizes()).toStrictEqual([
      [4, 20_000],
      [4, 20_000],
    ]);
  });

  it('is discarded up to the frame in progress, with its callbacks, and its pong', async () => {
    const called: unknown[] = [];
    sink.backpressured = true;
    outbox.bytes(BINARY, large(1));
    outbox.whenWritten((error) => called.push('under way', error));
    await tick();
    outbox.bytes(BINARY, large(2));
    outbox.whenWritten((error) => called.push('large', error));
    outbox.text(TEXT, 'x');
    outbox.pong(Buffer.from('p'));
    outbox.whenWritten((error) => called.push('x', error));
    const reason = new Error('too slow');
    outbox.discard(reason);
    expect(outbox.bufferedAmount).toBe(20_004);
    await turns();
    expect(called).toStrictEqual(['large', reason, 'x', reason]);
    outbox.bytes(CLOSE, Buffer.alloc(0));
    expect(outbox.bufferedAmount).toBe(20_006);
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(later()).toStrictEqual(['close']);
    expect(called).toStrictEqual(['large', reason, 'x', reason, 'under way', undefined]);
    expect(outbox.bufferedAmount).toBe(0);
  });

  it('is discarded in the tick it was sent in, too', async () => {
    outbox.text(TEXT, 'a');
    outbox.frame(prepareMessage('b').frame);
    outbox.text(TEXT, 'c');
    outbox.discard(new Error('too slow'));
    expect(outbox.bufferedAmount).toBe(0);
    outbox.text(TEXT, 'd');
    await turns();
    expect(words()).toStrictEqual(['text 64']);
  });

  it('goes out in time that grows with what waits, not with its square', async () => {
    await fallBehind();
    const frame = prepareMessage('a'.repeat(200)).frame;
    for (let i = 0; i < 20_000; i++) outbox.frame(frame);
    const hand = jest.spyOn(sink, 'write');
    const moved = countMoves();
    while (outbox.bufferedAmount > 0) {
      sink.release();
      await tick();
      await tick();
    }
    expect(hand).toHaveBeenCalledTimes(20_000);
    expect(moved()).toBeLessThan(40_000);
    jest.restoreAllMocks();
    expect(words()).toHaveLength(20_001);
  });
});

describe('Outbox, under a budget', () => {
  let budget: BufferBudget;
  const owner = () => ({
    account: budget.accountOf({ evict: () => undefined }),
    onWritten: () => undefined,
    written: () => false,
    unsendable: () => undefined,
  });

  beforeEach(() => {
    budget = new BufferBudget(Infinity);
    setOutbox(new Outbox(sink, undefined, owner()));
  });

  it('counts nothing while the socket keeps up', async () => {
    outbox.text(TEXT, 'a');
    outbox.bytes(BINARY, Buffer.alloc(10_000));
    await tick();
    expect(budget.total).toBe(0);
    outbox.bytes(BINARY, Buffer.alloc(100_000));
    expect(budget.total).toBe(100_000); // until the socket says that it is done
    await turns();
    expect(budget.total).toBe(0);
  });

  it('counts what the socket was handed and what waits for it, until it is written', async () => {
    await fallBehind();
    expect(budget.total).toBe(20_000);
    outbox.bytes(BINARY, Buffer.alloc(30_000));
    outbox.frame(Buffer.alloc(500));
    expect(budget.total).toBe(50_504);
    expect(outbox.bufferedAmount).toBe(50_504);
    sink.release();
    await turns();
    expect(budget.total).toBe(30_500); // without the header, which was not too much
    expect(outbox.bufferedAmount).toBe(30_504);
    sink.release();
    await turns();
    expect(budget.total).toBe(0);
  });

  it('counts bytes once that wait in several outboxes, until the last of them has written them', async () => {
    const slow = new Sink();
    slow.backpressured = sink.backpressured = true;
    const other = new Outbox(slow, undefined, owner());
    const shared = prepareMessage(Buffer.alloc(50_000)).frame;
    for (const each of [outbox, other]) each.frame(shared);
    await tick();
    for (const each of [outbox, other]) each.frame(shared);
    expect(budget.total).toBe(50_004);
    sink.backpressured = false;
    sink.release();
    await turns();
    expect([outbox.bufferedAmount, other.bufferedAmount]).toStrictEqual([0, 100_008]);
    expect(budget.total).toBe(50_004);
    other.discard(new Error('too slow'));
    expect(budget.total).toBe(50_004); // it is with the socket still
    other.destroy();
    expect(budget.total).toBe(0);
  });

  it.each<[string, () => void]>([
    ['cut', () => outbox.destroy()],
    ['gone', () => outbox.onTransportClosed(new Error('gone'))],
    [
      'ended and gone',
      () => {
        outbox.end();
        sink.release();
        outbox.onTransportClosed(new Error('gone'));
      },
    ],
  ])('counts nothing of a connection that is %s', async (_how, end) => {
    await fallBehind();
    outbox.bytes(BINARY, Buffer.alloc(30_000));
    outbox.bytes(BINARY, Buffer.alloc(30_000));
    end();
    await turns();
    expect(budget.total).toBe(0);
  });

  it('goes on counting what a socket was handed at the end', async () => {
    await fallBehind();
    outbox.bytes(BINARY, Buffer.alloc(30_000));
    outbox.end();
    expect(budget.total).toBe(50_004);
    outbox.onTransportClosed(new Error('gone'));
    expect(budget.total).toBe(0);
  });
});

describe('Outbox, long payloads', () => {
  const long = (): Uint8Array => own(20_000);
  const short = (): string[] => words().map((word) => word.slice(0, 12));

  it('are copied for a transport that writes one buffer at a time', async () => {
    class OneByOne extends Sink {}
    Object.defineProperty(OneByOne.prototype, '_writev', { value: null });
    setSink(new OneByOne());
    setOutbox(new Outbox(sink, undefined, uninterested));
    const bytes = long();
    outbox.bytes(BINARY, bytes);
    detach(bytes);
    await turns();
    expect(short()).toEqual(['binary 61616']);
  });

  it('wait for a socket that still writes, even below its mark, and go out after it', async () => {
    setSink(new Sink(1024 * 1024));
    setOutbox(new Outbox(sink, undefined, uninterested));
    sink.backpressured = true;
    outbox.text(TEXT, 'under way');
    await tick();
    outbox.bytes(BINARY, long());
    await tick();
    expect(sink.writes).toHaveLength(1);
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(short()).toEqual(['text 756e646', 'binary 61616']);
  });

  it('that were taken away end the stream before them', async () => {
    const bytes = long();
    outbox.text(TEXT, 'before');
    outbox.bytes(BINARY, bytes);
    outbox.text(TEXT, 'after');
    detach(bytes);
    await turns();
    expect(short()).toEqual(['text 6265666', 'close 1011']);
    expect(unsendable).toHaveLength(1);
  });

  it('of a prepared message that was taken away end the stream before the tick', async () => {
    const { frame } = prepareMessage(own(200));
    outbox.text(TEXT, 'a');
    outbox.frame(frame);
    detach(frame);
    await turns();
    expect(short()).toEqual(['close 1011']);
    expect(outbox.bufferedAmount).toBe(0);
  });
});
