import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { MAX_STREAMS } from '../../../../src/protocol/deflate/format.js';
import {
  createDeflater,
  createInflater,
  type DeflateContextOptions,
  type Deflater,
  type Inflater,
} from '../../../../src/protocol/deflate/contexts.js';
import { isRawZlibSupported, RawZlib } from '../../../../src/protocol/deflate/raw-zlib.js';
import { hex, random } from '../../../support/bytes.js';
import { DeflateWriter, readDeflate } from '../../../support/deflate-blocks.js';

const LIMIT = 1_000_000;
const TAIL = hex('0000ffff');
const PROSE = Buffer.from(Array.from({ length: 9000 }, (_, i) => `${(i * i) % 977} `).join(''));
const next = random(7);
/** Cannot be compressed, but for what is repeated. */
const NOISE = Buffer.from(Uint8Array.from({ length: 200_000 }, () => next() * 256));

afterEach(() => {
  jest.restoreAllMocks();
});

describe.each([
  ['a context that stays open', true],
  ['documented calls', false],
])('with %s', (_way, drive) => {
  const deflater = (options: Partial<DeflateContextOptions> = {}): Deflater =>
    createDeflater({ windowBits: 15, takeover: true, ...options }, drive);
  const inflater = (options: Partial<DeflateContextOptions> = {}): Inflater =>
    createInflater({ windowBits: 15, takeover: true, ...options }, drive);

  describe('Deflater', () => {
    it.each([8, 9, 10, 11, 12, 13, 14, 15])(
      'compresses messages that refer to those before, for a window of %i bits',
      (windowBits) => {
        const contexts = deflater({ windowBits });
        let history = Buffer.alloc(0);
        for (const message of cut(PROSE)) {
          const payload = contexts.deflate(message);
          const content = readDeflate(Buffer.concat([payload, TAIL]), history);
          expect(content.output.equals(message)).toBe(true);
          for (const { distance } of content.matches) {
            expect(distance).toBeLessThanOrEqual(2 ** windowBits);
          }
          history = Buffer.concat([history, message]).subarray(-32_768);
        }
      },
    );

    it('makes a message it has seen very short', () => {
      const contexts = deflater({ windowBits: 12 });
      const message = NOISE.subarray(0, 1000);
      expect(contexts.deflate(message).length).toBeGreaterThan(1000);
      expect(contexts.deflate(message).length).toBeLessThan(30);
    });

    it('refers to nothing before it without takeover', () => {
      const contexts = deflater({ takeover: false });
      const message = NOISE.subarray(0, 1000);
      const first = contexts.deflate(message);
      expect(contexts.deflate(message)).toStrictEqual(first);
      contexts.deflate(PROSE);
      expect(contexts.deflate(message)).toStrictEqual(first);
      expect(readDeflate(Buffer.concat([first, TAIL])).output.equals(message)).toBe(true);
    });

    it('refers to nothing before it once it was released', () => {
      const contexts = deflater();
      contexts.release(); // of nothing
      const message = NOISE.subarray(0, 1000);
      const first = contexts.deflate(message);
      contexts.release();
      expect(contexts.deflate(message)).toStrictEqual(first);
      expect(contexts.deflate(message).length).toBeLessThan(30);
    });

    it('compresses as hard, and with as much memory, as it is told', () => {
      const size = (options: Partial<DeflateContextOptions>): number =>
        deflater(options).deflate(PROSE).length;
      expect(size({ level: 0 })).toBeGreaterThan(PROSE.length);
      expect(size({ level: 9 })).toBeLessThan(size({ level: 1 }));
      expect(size({ memLevel: 9 })).toBeLessThan(size({ memLevel: 1 }));
    });

    it('makes a byte 0x00 of no data, which changes nothing (section 7.2.3.6)', () => {
      const contexts = deflater();
      const message = NOISE.subarray(0, 1000);
      contexts.deflate(message);
      expect(contexts.deflate(Buffer.alloc(0))).toStrictEqual(Buffer.of(0));
      expect(contexts.deflate(message).length).toBeLessThan(30);
    });

    it('compresses what is as long as several of its buffers', () => {
      const contexts = deflater({ windowBits: 9, level: 1 });
      for (const length of [65_520, 65_536, 131_072, 200_000]) {
        const message = NOISE.subarray(0, length);
        contexts.release();
        const payload = Buffer.concat([contexts.deflate(message), TAIL, hex('0300')]);
        expect(inflateRawSync(payload).equals(message)).toBe(true);
      }
    });

    it('hands out payloads that stay as they are', () => {
      const contexts = deflater();
      const payload = contexts.deflate(Buffer.from('first'));
      const copy = Buffer.from(payload);
      contexts.deflate(Buffer.from('second'));
      expect(payload).toStrictEqual(copy);
    });

    it('does not change the message', () => {
      const message = Buffer.from(PROSE);
      deflater().deflate(message);
      expect(message.equals(PROSE)).toBe(true);
    });
  });

  describe('Inflater', () => {
    it('knows whether messages refer to earlier ones', () => {
      for (const takeover of [true, false]) {
        expect(createInflater({ windowBits: 15, takeover }, drive).takeover).toBe(takeover);
      }
    });

    it.each([8, 9, 10, 11, 12, 13, 14, 15])(
      'decompresses messages that refer to those before, with a window of %i bits',
      (windowBits) => {
        const [one, other] = [deflater({ windowBits }), inflater({ windowBits })];
        for (const message of cut(PROSE)) {
          expect(other.inflate(one.deflate(message), LIMIT)).toStrictEqual(Buffer.from(message));
        }
      },
    );

    it.each<[string, Buffer, string]>([
      ['the example of RFC 7692 section 7.2.3.1', hex('f248cdc9c90700'), 'Hello'],
      ['a block without compression (7.2.3.3)', hex('000500faff48656c6c6f00'), 'Hello'],
      ['a final block and a byte 0x00 (7.2.3.4)', hex('f348cdc9c9070000'), 'Hello'],
      ['a final block and nothing after it', hex('f348cdc9c90700'), 'Hello'],
      ['two blocks (7.2.3.5)', hex('f248050000 00ffffcac9c90700'), 'Hello'],
      ['nothing (7.2.3.6)', hex('00'), ''],
      ['nothing, in a final block that the tail completes', hex('01'), ''],
      [
        'a final block that takes the tail for its own end',
        hex('010700f8ff616263'),
        'abc\0\0\ufffd\ufffd',
      ],
      [
        `${MAX_STREAMS} streams`,
        hex(`(f348cdc9c90700)x${MAX_STREAMS}`),
        'Hello'.repeat(MAX_STREAMS),
      ],
      ['nothing, in a fixed block', hex('0200'), ''],
      ['nothing, in a final fixed block', hex('030000'), ''],
      [
        'final blocks in the middle',
        new DeflateWriter().stored('a', true).fixed(['b'], true).stored('c', true).end().bytes,
        'abc',
      ],
      [
        'a final block that the tail completes, after another',
        new DeflateWriter().fixed(['a'], true).stored('', true).bytes.subarray(0, -4),
        'a',
      ],
      [
        'a reference from after a final block to before it',
        new DeflateWriter()
          .fixed(['abc'], true)
          .fixed([{ length: 6, distance: 3 }])
          .end().bytes,
        'abcabcabc',
      ],
    ])('decompresses %s, and goes on', (_what, payload, message) => {
      for (const takeover of [true, false]) {
        const contexts = inflater({ takeover });
        for (let times = 0; times < 3; times++) {
          expect(contexts.inflate(payload, LIMIT)?.toString()).toBe(message);
          expect(contexts.inflate(hex('f248cdc9c90700'), LIMIT)?.toString()).toBe('Hello');
        }
      }
    });

    it('finds messages before across final blocks', () => {
      const contexts = inflater();
      const first = new DeflateWriter().fixed(['abc']).fixed(['d'], true).fixed(['e']).end().bytes;
      const second = new DeflateWriter().fixed([{ length: 5, distance: 5 }], true).bytes;
      const third = new DeflateWriter().fixed([{ length: 10, distance: 10 }]).end().bytes;
      expect(contexts.inflate(first, LIMIT)?.toString()).toBe('abcde');
      expect(contexts.inflate(second, LIMIT)?.toString()).toBe('abcde');
      expect(contexts.inflate(third, LIMIT)?.toString()).toBe('abcdeabcde');
    });

    const BAD: [string, Buffer][] = [
      ['no byte at all', Buffer.alloc(0)],
      ['a block of the reserved type', hex('06')],
      ['a block cut short', hex('f248cd')],
      ['a block cut short after a final one', hex('f348cdc9c90700 f248cd')],
      ['a final block cut short', hex('f348cd')],
      ['a stored block cut short', hex('000500faff4865')],
      [
        'a block cut among zeros, of which the tail might be more',
        hex('ecd0810000000080a0fda91729840a'),
      ],
      ['a stored block whose lengths do not agree', hex('000500faf048656c6c6f00')],
      ['a whole block without the header of the next', new DeflateWriter().stored('abc').bytes],
      [
        'a reference to before the beginning',
        new DeflateWriter().fixed([{ length: 3, distance: 20_000 }]).end().bytes,
      ],
      [`more than ${MAX_STREAMS} streams`, hex(`(f348cdc9c90700)x${MAX_STREAMS + 1}`)],
    ];

    it.each(BAD)('refuses %s with 1007', (_what, payload) => {
      for (const takeover of [true, false]) {
        const contexts = inflater({ takeover });
        // Whatever state the messages before have left.
        for (const before of [undefined, hex('f248cdc9c90700'), hex('01'), hex('030000')]) {
          if (before !== undefined) contexts.inflate(before, LIMIT);
          expect(failure(() => contexts.inflate(payload, LIMIT))).toMatchObject({
            code: 'ERR_INVALID_DEFLATE',
            closeCode: 1007,
            message: expect.stringMatching(
              /^a compressed message cannot be decompressed: .* \(RFC 7692 section 7\.2\.2\)$/,
            ) as string,
          });
        }
      }
    });

    it.each(BAD)('serves others as before after %s', (_what, payload) => {
      const contexts = inflater({ takeover: false });
      const good = deflater({ takeover: false }).deflate(PROSE);
      for (let times = 0; times < 3; times++) {
        failure(() => contexts.inflate(payload, LIMIT));
        expect(contexts.inflate(good, LIMIT)?.equals(PROSE)).toBe(true);
      }
    });

    it('opens few contexts for a message of many streams', () => {
      const opened = jest.spyOn(RawZlib, 'inflate');
      failure(() => inflater().inflate(hex('(0300)x30000'), LIMIT));
      expect(opened.mock.calls.length).toBeLessThanOrEqual(MAX_STREAMS + 1);
    });

    it('gives no other message anything of a message that went on after a final block', () => {
      const contexts = inflater({ takeover: false });
      const secret = new DeflateWriter().fixed(['the secret '], true).fixed(['of one']).end().bytes;
      for (const distance of [3, 6, 11, 17]) {
        expect(contexts.inflate(secret, LIMIT)?.toString()).toBe('the secret of one');
        const probe = new DeflateWriter().fixed([{ length: 3, distance }]).end().bytes;
        expect(() => contexts.inflate(probe, LIMIT)).toThrow('too far back');
      }
    });

    it('gives as much as the limit, and nothing of what is longer', () => {
      const contexts = inflater({ takeover: false });
      for (const length of [1, 100, 65_535, 65_536, 65_537, 131_072, 300_000]) {
        const content = Buffer.alloc(length, 'x');
        expect(contexts.inflate(deflateRawSync(content), length)).toStrictEqual(content);
        const longer = deflateRawSync(Buffer.alloc(length + 1, 'x'));
        expect(contexts.inflate(longer, length)).toBeUndefined();
        const following = Buffer.concat([
          deflateRawSync(Buffer.from('x')),
          deflateRawSync(Buffer.alloc(length, 'x')),
        ]);
        expect(contexts.inflate(following, length)).toBeUndefined();
      }
    });

    it('counts what the tail brings out, and leaves what comes after the limit', () => {
      const contexts = inflater({ takeover: false });
      const tail = hex('010700f8ff616263');
      expect(contexts.inflate(tail, 7)).toHaveLength(7);
      expect(contexts.inflate(tail, 6)).toBeUndefined();
      expect(contexts.inflate(deflateRawSync(NOISE), 1000)).toBeUndefined();
    });

    it('gives nothing at all where the limit is nothing', () => {
      expect(inflater().inflate(hex('00'), 0)).toStrictEqual(Buffer.alloc(0));
      expect(inflater().inflate(new DeflateWriter().fixed(['a']).end().bytes, 0)).toBeUndefined();
    });

    it('has its window as it was before a message that was too long', () => {
      const contexts = inflater();
      contexts.inflate(new DeflateWriter().fixed(['abc']).end().bytes, LIMIT);
      expect(contexts.inflate(deflateRawSync(Buffer.alloc(2000)), 1000)).toBeUndefined();
      expect(contexts.window?.toString()).toBe('abc');
      const reference = new DeflateWriter().fixed([{ length: 3, distance: 3 }]).end().bytes;
      expect(contexts.inflate(reference, LIMIT)?.toString()).toBe('abc');
    });

    it('refers to a message that passed elsewhere', () => {
      const contexts = inflater();
      contexts.inflate(new DeflateWriter().fixed(['abc']).end().bytes, LIMIT);
      contexts.advanceWindow(Buffer.from('def'));
      const reference = new DeflateWriter().fixed([{ length: 6, distance: 6 }]).end().bytes;
      expect(contexts.inflate(reference, LIMIT)?.toString()).toBe('abcdef');
      const fresh = inflater();
      fresh.advanceWindow(Buffer.from('abcdef'));
      expect(fresh.inflate(reference, LIMIT)?.toString()).toBe('abcdef');
    });

    it('has no window before something is in it', () => {
      const contexts = inflater();
      expect(contexts.window).toBeUndefined();
      contexts.inflate(new DeflateWriter().fixed(['abc']).end().bytes, LIMIT);
      expect(contexts.window?.toString()).toBe('abc');
    });

    it('keeps no window without takeover', () => {
      const contexts = inflater({ takeover: false });
      contexts.inflate(new DeflateWriter().fixed(['abc']).end().bytes, LIMIT);
      contexts.advanceWindow(Buffer.from('def'));
      expect(contexts.window).toBeUndefined();
      const reference = new DeflateWriter().fixed([{ length: 3, distance: 3 }]).end().bytes;
      expect(() => contexts.inflate(reference, LIMIT)).toThrow('too far back');
    });

    it('hands out messages that stay as they are', () => {
      const contexts = inflater();
      const message = contexts.inflate(new DeflateWriter().fixed(['abc']).end().bytes, LIMIT);
      contexts.inflate(new DeflateWriter().fixed(['xyz']).end().bytes, LIMIT);
      expect(message?.toString()).toBe('abc');
    });
  });
});

describe('createDeflater and createInflater', () => {
  beforeAll(isRawZlibSupported); // which opens contexts to try them

  it('drive an open context on every Node that the tests run on', () => {
    expect(isRawZlibSupported()).toBe(true);
    const driven = jest.spyOn(RawZlib.prototype, 'run');
    const options = { windowBits: 15, takeover: false };
    const payload = createDeflater(options).deflate(PROSE);
    expect(createInflater(options).inflate(payload, LIMIT)?.equals(PROSE)).toBe(true);
    expect(driven).toHaveBeenCalledTimes(3); // the message, the payload, the tail
  });

  it('open a decompressor with the window it is for', () => {
    jest.isolateModules(() => {
      const path = '../../../../src/protocol/deflate/';
      const zlib = jest.requireActual<{ RawZlib: typeof RawZlib }>(`${path}raw-zlib.js`);
      const opened = jest.spyOn(zlib.RawZlib, 'inflate');
      const fresh = jest.requireActual<{ createInflater: typeof createInflater }>(
        `${path}contexts.js`,
      );
      fresh.createInflater({ windowBits: 9, takeover: true }, true);
      expect(opened.mock.calls).toStrictEqual([[{ windowBits: 9 }]]);
    });
  });

  it('decompress a message of any length in one call', () => {
    const message = Buffer.alloc(900_000, 'abc');
    const options = { windowBits: 15, takeover: true };
    const inflater = createInflater(options, true);
    expect(inflater.inflate(createDeflater(options).deflate(message), LIMIT)?.equals(message)).toBe(true); // prettier-ignore
  });

  it('have one context for any number of messages', () => {
    const opened = { out: jest.spyOn(RawZlib, 'deflate'), in: jest.spyOn(RawZlib, 'inflate') };
    for (const takeover of [true, false]) {
      const options = { windowBits: 15, takeover };
      const [one, other] = [createDeflater(options, true), createInflater(options, true)];
      for (const message of cut(PROSE)) other.inflate(one.deflate(message), LIMIT);
    }
    expect(opened.out).toHaveBeenCalledTimes(2);
    expect(opened.in.mock.calls.length).toBeLessThanOrEqual(1); // all connections share it
  });
});

/** Pieces of all lengths, none among them. */
function cut(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, length = 0; at < bytes.length; at += length, length = (length * 3 + 1) % 5000) {
    pieces.push(bytes.subarray(at, at + length));
  }
  return pieces;
}

function failure(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
