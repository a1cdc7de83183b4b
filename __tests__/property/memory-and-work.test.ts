/**
 * What an incomplete message costs: at most twice its bytes in memory, and work in proportion to them.
 * Work is counted, not timed: every execution of every block of the decoder's code, as V8's precise
 * coverage reports it, and every byte that Buffer allocates or copies for it.
 */
import { Session } from 'node:inspector';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { FrameDecoder } from '../../src/protocol/framing/frame-decoder.js';
import { check, cutShares, framesOf, message, offsets } from '../support/arbitraries.js';
import { cutAt, everyByte, hex } from '../support/bytes.js';
import { clientFrame } from '../support/frames.js';

/** What a decoder may hold beyond twice the bytes received. */
const CONSTANT = 128;

describe('Memory held by the decoder', () => {
  it('is at most twice the bytes received plus a constant, whatever the cuts and fragments', () =>
    check(
      600,
      fc.property(message, cutShares, fc.boolean(), (one, shares, byBytes) => {
        const bytes = Buffer.concat(framesOf(one).frames.map(clientFrame));
        const cuts =
          byBytes && bytes.length < 2000 ? everyByte(bytes) : offsets(shares, bytes.length);
        const decoder = new FrameDecoder();
        let received = 0;
        /** The most that was held above twice the bytes received: not an expect() for each, which takes longer. */
        let excess = -Infinity;
        const look = (reading: number): void => {
          excess = Math.max(excess, decoder.bytesHeld - 2 * received - reading);
        };
        for (const chunk of cutAt(bytes, cuts)) {
          decoder.push(chunk);
          received += chunk.length;
          look(0);
          // While a chunk is being read it is there beside what was copied out of it.
          while (decoder.next()) look(chunk.length);
          look(0);
        }
        expect(excess).toBeLessThanOrEqual(CONSTANT);
        expect(decoder.bytesHeld).toBe(0);
      }),
    ));

  it.each([
    ['a frame header that announces 4 MiB', '82ff 0000000000400000 00000000', 0],
    ['the same and one byte', '82ff 0000000000400000 00000000 a5', 1],
    ['a first fragment that announces 4 MiB', '02ff 0000000000400000 00000000 a5', 1],
    ['a thousand empty fragments', '0280 00000000 (0080 00000000)x999', 0],
    ['a Ping that announces 125 bytes', '89fd 00000000', 0],
    ['a header without its last byte', '82ff 0000000000400000 000000', 13],
  ])('follows the bytes received, not those announced: %s', (_what, literal, payload) => {
    const decoder = new FrameDecoder();
    for (const chunk of cutAt(hex(literal), everyByte(hex(literal)))) {
      decoder.push(chunk);
      expect(decoder.next()).toBe(false);
    }
    expect(decoder.bytesHeld).toBeLessThanOrEqual(2 * payload + 64);
  });

  // What is there is measured, not asked for: a view of a chunk keeps the whole chunk alive.
  it.each<[string, number, (size: number) => Iterable<Buffer>]>([
    ['one frame in chunks of 64 KiB', 4 << 20, (size) => chunksOf(65_536, unfinished(size))],
    ['one frame in chunks of 20 KiB', 4 << 20, (size) => chunksOf(20_480, unfinished(size))],
    ['one frame in chunks of 1000 bytes', 1 << 20, (size) => chunksOf(1000, unfinished(size))],
    [
      'fragments of 16 KiB between Pings that are not kept',
      4 << 20,
      (size) => fragmentsAndPings(size, 16_384, 15_000),
    ],
    [
      'fragments of 17 000 bytes, each less than half of its chunk',
      4 << 20,
      (size) => fragmentsAndPings(size, 17_000, 40_000),
    ],
    ['fragments of 1 byte between Pings', 60_000, (size) => fragmentsAndPings(size, 1, 1)],
    [
      'fragments of 33 000 bytes, a chunk each',
      4 << 20,
      (size) => fragmentsAndPings(size, 33_000, 0),
    ],
  ])('is measured to be so: %s', (_what, size, make) => {
    const decoder = new FrameDecoder({ maxPayload: 64 << 20 });
    const before = arrayBuffers();
    let received = 0;
    for (const chunk of make(size)) {
      received += chunk.length;
      decoder.push(chunk);
      while (decoder.next());
    }
    const held = arrayBuffers() - before;
    expect(received).toBeGreaterThanOrEqual(size);
    expect(held).toBeGreaterThanOrEqual(size / 2); // or it measured something else
    // Pings are delivered and not kept: only the message's own bytes count.
    expect(held).toBeLessThanOrEqual(2 * size + 131_072);
    expect(decoder.bytesHeld).toBeGreaterThanOrEqual(size);
  });

  it('is nothing between messages, after a Close, and after a failure', () => {
    for (const literal of [
      '8181 00000000 61',
      '8880 00000000 8181 00000000',
      '0281 00000000 a5 8380 00000000 8181',
    ]) {
      const decoder = new FrameDecoder();
      for (const chunk of cutAt(hex(literal), [8])) {
        decoder.push(chunk);
        try {
          while (decoder.next());
        } catch {
          // The third fails on purpose.
        }
      }
      expect({ literal, held: decoder.bytesHeld }).toEqual({ literal, held: 0 });
    }
  });
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes in all the ArrayBuffers that are alive. */
function arrayBuffers(): number {
  collect();
  collect();
  return process.memoryUsage().arrayBuffers;
}

/** A chunk as a socket delivers it: with memory of its own. */
function own(bytes: Buffer): Buffer {
  const chunk = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(chunk);
  return chunk;
}

function* chunksOf(size: number, bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield own(bytes.subarray(at, at + size));
}

/** A frame that lacks its last byte. */
function unfinished(size: number): Buffer {
  return clientFrame({ opcode: 2, payload: Buffer.alloc(size + 1) }).subarray(0, -1);
}

/** Chunks of a fragment and a Ping each, of a message that does not end. */
function* fragmentsAndPings(size: number, fragment: number, ping: number): Generator<Buffer> {
  const pings = repeat(
    clientFrame({ opcode: 9, payload: Buffer.alloc(Math.min(ping, 125)) }),
    Math.ceil(ping / 125),
  );
  for (let sent = 0; sent < size; sent += fragment) {
    const opcode = sent === 0 ? 2 : 0;
    yield own(
      Buffer.concat([clientFrame({ opcode, fin: false, payload: Buffer.alloc(fragment) }), pings]),
    );
  }
}

const session = new Session();
let CountedDecoder = FrameDecoder;

const SIZE = 2048;
const onePiece = (bytes: Buffer): Buffer[] => [bytes];
const byBytes = (bytes: Buffer): Buffer[] => cutAt(bytes, everyByte(bytes));
const repeat = (frame: Buffer, count: number): Buffer =>
  Buffer.concat(Array<Buffer>(count).fill(frame));
const text = (byte: number, length: number): Buffer =>
  clientFrame({ opcode: 1, payload: Buffer.alloc(length, byte) });

describe('Work of the decoder', () => {
  beforeAll(() => {
    // Optimized code of Node 22 and later does not count the blocks of functions that it inlines.
    setFlagsFromString('--no-opt');
    setFlagsFromString('--no-maglev');
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    // Blocks are counted in code that is compiled from now on.
    jest.isolateModules(() => {
      CountedDecoder = jest.requireActual<{ FrameDecoder: typeof FrameDecoder }>(
        '../../src/protocol/framing/frame-decoder.js',
      ).FrameDecoder;
    });
  });

  afterAll(() => {
    session.disconnect();
  });

  it.each<[string, (size: number) => Buffer[]]>([
    [
      'one Binary frame, byte by byte',
      (size) => byBytes(clientFrame({ opcode: 2, payload: Buffer.alloc(size) })),
    ],
    ['one Text frame of ASCII, byte by byte', (size) => byBytes(text(0x61, size))],
    [
      'one Text frame of two-byte characters, byte by byte',
      (size) => byBytes(clientFrame({ opcode: 1, payload: 'é'.repeat(size / 2) })),
    ],
    [
      'one Text frame in chunks of 100',
      (size) =>
        cutAt(
          text(0x61, size),
          Array.from({ length: Math.floor(size / 100) }, (_, i) => 100 * (i + 1)),
        ),
    ],
    [
      'fragments of one byte',
      (size) =>
        onePiece(
          Buffer.concat([
            clientFrame({ opcode: 2, fin: false }),
            repeat(clientFrame({ opcode: 0, fin: false, payload: 'a' }), size),
          ]),
        ),
    ],
    [
      'fragments of one byte, byte by byte',
      (size) =>
        byBytes(
          Buffer.concat([
            clientFrame({ opcode: 1, fin: false }),
            repeat(clientFrame({ opcode: 0, fin: false, payload: 'a' }), size),
          ]),
        ),
    ],
    [
      'empty fragments',
      (size) =>
        onePiece(
          Buffer.concat([
            clientFrame({ opcode: 2, fin: false }),
            repeat(clientFrame({ opcode: 0, fin: false }), size),
          ]),
        ),
    ],
    [
      'fragments of 50 bytes of two-byte characters, cut inside one',
      (size) =>
        onePiece(
          Buffer.concat([
            clientFrame({ opcode: 1, fin: false, payload: hex('c3') }),
            repeat(
              clientFrame({ opcode: 0, fin: false, payload: hex('a9 (c3a9)x24 c3') }),
              Math.floor(size / 50),
            ),
          ]),
        ),
    ],
    ['messages of one byte in one chunk', (size) => onePiece(repeat(text(0x61, 1), size))],
    [
      'Pings in one chunk, inside a message',
      (size) =>
        onePiece(
          Buffer.concat([
            clientFrame({ opcode: 1, fin: false, payload: 'a' }),
            repeat(clientFrame({ opcode: 9, payload: 'p' }), size),
          ]),
        ),
    ],
    [
      'Pings, byte by byte',
      (size) => byBytes(repeat(clientFrame({ opcode: 9, payload: 'p' }), size)),
    ],
    [
      'headers whose last byte comes alone',
      (size) =>
        Array.from({ length: Math.floor(size / 8) }, () => cutAt(text(0x61, 126), [7])).flat(),
    ],
  ])('is in proportion to the bytes received: %s', (_what, make) => {
    const [small, large] = [make(SIZE), make(4 * SIZE)];
    countWork(make(64)); // what happens only once is not of interest
    const [few, many] = [countWork(small), countWork(large)];
    expect(few.steps).toBeGreaterThan(SIZE / 100);
    expect(many.steps).toBeLessThan(6 * few.steps + 1000);
    expect(many.moved).toBeLessThan(6 * few.moved + 1000);
    // And the proportion is a modest one.
    const bytes = large.reduce((sum, { length }) => sum + length, 0);
    expect(many.steps / bytes).toBeLessThan(40);
    expect(many.moved / bytes).toBeLessThan(40);
  });

  it('would be seen if it were not', () => {
    const quadratic = (size: number): number =>
      countWork(byBytes(Buffer.alloc(size)), () => {
        let held = Buffer.alloc(0);
        return (chunk) => void (held = Buffer.concat([held, chunk]));
      }).moved;
    expect(quadratic(1024)).toBeGreaterThan(12 * quadratic(256));
  });
});

function decodeAll(): (chunk: Buffer) => void {
  const decoder = new CountedDecoder();
  return (chunk) => {
    decoder.push(chunk);
    while (decoder.next());
  };
}

/** Steps through src/protocol, and bytes that Buffer allocates or copies, while the chunks are taken in. */
function countWork(
  chunks: Buffer[],
  make: () => (chunk: Buffer) => void = decodeAll,
): { steps: number; moved: number } {
  const take = make();
  let moved = 0;
  const add = (count: number): void => void (moved += count);
  const spies = [
    spyOn(Buffer, 'allocUnsafe', (size: number) => add(size)),
    spyOn(Buffer, 'alloc', (size: number) => add(size)),
    spyOn(Buffer, 'from', (value: { length: number }) => add(value.length)),
    spyOn(Buffer, 'concat', (list: Buffer[]) =>
      add(list.reduce((sum, { length }) => sum + length, 0)),
    ),
    spyOn(
      Buffer.prototype as object,
      'copy',
      (target: Buffer, at: number, from = 0, to = Infinity) =>
        add(Math.max(0, Math.min(to - from, target.length - at))),
    ),
  ];
  session.post('Profiler.takePreciseCoverage'); // counts from here
  for (const chunk of chunks) take(chunk);
  let steps = 0;
  session.post('Profiler.takePreciseCoverage', (error, taken) => {
    if (error) throw error;
    for (const { url, functions } of taken.result) {
      if (!url.includes('/src/protocol/')) continue;
      for (const { ranges } of functions) for (const { count } of ranges) steps += count;
    }
  });
  for (const spy of spies) spy.mockRestore();
  return { steps, moved };
}

/** Lets a method do what it does, and notes its arguments. */
function spyOn(target: object, name: string, note: (...values: never[]) => void): jest.SpyInstance {
  const original = (target as Record<string, (...values: unknown[]) => unknown>)[name]!;
  return jest
    .spyOn(target as Record<string, () => unknown>, name as never)
    .mockImplementation(function (this: unknown, ...values: unknown[]) {
      note(...(values as never[]));
      return original.apply(this, values);
    } as never);
}
