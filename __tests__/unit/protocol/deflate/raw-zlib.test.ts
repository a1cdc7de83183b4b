import { constants, DeflateRaw, deflateRawSync, inflateRawSync } from 'node:zlib';
import {
  isRawZlibSupported,
  Output,
  selfTest,
  RawZlib,
} from '../../../../src/protocol/deflate/raw-zlib.js';
import { random } from '../../../support/bytes.js';

const { Z_SYNC_FLUSH, Z_BLOCK } = constants;
const SCRATCH = 64 * 1024;

const next = random(1);
const NOISE = Buffer.from(Uint8Array.from({ length: 4 * SCRATCH }, () => next() * 256));
/** Bytes that cannot be compressed. */
const noise = (length: number): Buffer => NOISE.subarray(0, length);

const open: RawZlib[] = [];
function deflate(...args: Parameters<typeof RawZlib.deflate>): RawZlib {
  open.push(RawZlib.deflate(...args));
  return open.at(-1)!;
}
function inflate(...args: Parameters<typeof RawZlib.inflate>): RawZlib {
  open.push(RawZlib.inflate(...args));
  return open.at(-1)!;
}
afterEach(() => {
  for (const context of open.splice(0)) context.close();
});

/** What comes out for `bytes`. */
function put(context: RawZlib, bytes: Uint8Array, flush: number = Z_SYNC_FLUSH): Buffer {
  const output = new Output();
  context.run(flush, bytes, output, Infinity);
  return output.take();
}

describe('ZlibDrive', () => {
  it.each([0, 1, 100, SCRATCH - 20, SCRATCH, SCRATCH + 1, 3 * SCRATCH + 5])(
    'compresses and decompresses %i bytes of noise',
    (length) => {
      const message = noise(length);
      const compressed = put(deflate({ windowBits: 15 }), message);
      expect(inflateRawSync(compressed, { finishFlush: Z_SYNC_FLUSH }).equals(message)).toBe(true);
      expect(put(inflate({ windowBits: 15 }), compressed).equals(message)).toBe(true);
    },
  );

  it('fills the output to every last byte where zlib does, and goes on', () => {
    // Stored blocks have lengths that can be told: so each of these ends close to the end of the scratch buffer.
    const context = deflate({ windowBits: 15, level: 0 });
    const decompressor = inflate({ windowBits: 15 });
    for (let length = SCRATCH - 40; length < SCRATCH + 5; length++) {
      const message = noise(length);
      expect(put(decompressor, put(context, message)).equals(message)).toBe(true);
    }
  });

  it('refers to what came before, until it is reset', () => {
    const context = deflate({ windowBits: 9, level: 6, memLevel: 5 });
    const message = noise(200);
    const first = put(context, message);
    expect(put(context, message).length).toBeLessThan(20);
    context.reset();
    expect(put(context, message).equals(first)).toBe(true);
  });

  it('opens a compressor with a window of 8 as one of 9', () => {
    expect(put(deflate({ windowBits: 8 }), Buffer.from('aaaaaaaa'))).toStrictEqual(
      put(deflate({ windowBits: 9 }), Buffer.from('aaaaaaaa')),
    );
  });

  it('compresses as hard, and with as much memory, as it is told', () => {
    const message = Buffer.from(Array.from({ length: 3000 }, (_, i) => `${i % 100},`).join(''));
    const sizes = [0, 1, 9].map((level) => put(deflate({ windowBits: 15, level }), message).length);
    expect(sizes[0]).toBeGreaterThan(message.length);
    expect(sizes[1]).toBeLessThan(sizes[0]!);
    expect(sizes[2]).toBeLessThan(sizes[1]!);
    const lean = put(deflate({ windowBits: 15, level: 6, memLevel: 1 }), noise(5000));
    const ample = put(deflate({ windowBits: 15, level: 6, memLevel: 9 }), noise(5000));
    expect(lean.length).toBeGreaterThan(ample.length); // more and smaller blocks
  });

  it('begins with the dictionary it is given', () => {
    const dictionary = noise(250);
    const compressed = put(deflate({ windowBits: 9, dictionary }), dictionary);
    expect(compressed.length).toBeLessThan(20);
    expect(put(inflate({ windowBits: 9, dictionary }), compressed)).toStrictEqual(dictionary);
    expect(() => put(inflate({ windowBits: 9 }), compressed)).toThrow('too far back');
  });

  it('reports how much was not used after the end of the stream', () => {
    const stream = deflateRawSync('abc');
    const output = new Output();
    const bytes = Buffer.concat([stream, Buffer.from('rest')]);
    expect(inflate({ windowBits: 15 }).run(Z_SYNC_FLUSH, bytes, output, Infinity)).toBe(4);
    expect(output.take().toString()).toBe('abc');
  });

  it('stops at the end of a block if told so', () => {
    const context = inflate({ windowBits: 15 });
    put(context, Buffer.from('f248cdc9c90700', 'hex')); // the first example of RFC 7692 section 7.2.3.1
    const output = new Output();
    const rest = Buffer.from('0000ffffcafe', 'hex');
    expect(context.run(Z_BLOCK, rest, output, Infinity)).toBe(2);
  });

  it('stops within one scratch buffer of the limit', () => {
    const bomb = deflateRawSync(Buffer.alloc(10 * SCRATCH));
    const context = inflate({ windowBits: 15 });
    const output = new Output();
    context.run(Z_SYNC_FLUSH, bomb, output, 2 * SCRATCH - 1);
    expect(output.length).toBe(2 * SCRATCH);
    const other = new Output();
    inflate({ windowBits: 15 }).run(Z_SYNC_FLUSH, bomb, other, 2 * SCRATCH);
    expect(other.length).toBe(3 * SCRATCH);
  });

  it('throws with the words of zlib for what is no DEFLATE data, and serves on after a reset', () => {
    const context = inflate({ windowBits: 15 });
    expect(() => put(context, Buffer.of(0xff))).toThrow('invalid block type');
    context.reset();
    expect(put(context, Buffer.from('f248cdc9c90700', 'hex')).toString()).toBe('Hello');
  });

  it('serves several contexts in turn', () => {
    const contexts = Array.from({ length: 5 }, () => [
      deflate({ windowBits: 10 }),
      inflate({ windowBits: 10 }),
    ]);
    for (let round = 0; round < 20; round++) {
      for (const [i, [compressor, decompressor]] of contexts.entries()) {
        const message = Buffer.from(`message ${round} of ${i}`);
        expect(put(decompressor!, put(compressor!, message))).toStrictEqual(message);
      }
    }
  });
});

describe('ZlibDrive.close', () => {
  it('closes the stream inside, which has as small a buffer as it takes', () => {
    let base = DeflateRaw.prototype as unknown as { close: () => void };
    while (!Object.hasOwn(base, 'close')) base = Object.getPrototypeOf(base) as typeof base;
    const close = jest.spyOn(base, 'close');
    RawZlib.deflate({ windowBits: 9, level: 1 }).close();
    RawZlib.inflate({ windowBits: 9 }).close();
    const streams = close.mock.contexts as unknown as { destroyed: boolean; _chunkSize: number }[];
    close.mockRestore();
    expect(streams.map(({ destroyed, _chunkSize }) => [destroyed, _chunkSize])).toStrictEqual([
      [true, 64],
      [true, 64],
    ]);
  });
});

describe('ZlibDrive.skip', () => {
  it('puts bytes through without output, and later bytes can refer to them', () => {
    const first = put(deflate({ windowBits: 15 }), noise(16 * 1024));
    const deflater = deflate({ windowBits: 15 });
    put(deflater, noise(16 * 1024));
    const second = put(deflater, noise(1000));
    expect(second.length).toBeLessThan(100);
    const inflater = inflate({ windowBits: 15 });
    const output = new Output();
    output.available();
    inflater.skip(first);
    inflater.run(Z_SYNC_FLUSH, second, output, Infinity);
    expect(output.take().equals(noise(1000))).toBe(true);
  });
});

describe('Output', () => {
  it('empties the scratch buffer when less than 16 bytes are left, and not before', () => {
    const output = new Output();
    expect(output.available()).toBe(SCRATCH);
    output.advance(SCRATCH - 16);
    expect(output.available()).toBe(16);
    output.advance(1);
    expect(output.available()).toBe(SCRATCH);
    expect([output.length, output.take().length]).toStrictEqual([SCRATCH - 15, SCRATCH - 15]);
  });

  it('gathers nothing, and takes nothing', () => {
    expect(new Output().take()).toHaveLength(0);
  });

  it.each([10, SCRATCH - 1, SCRATCH, SCRATCH + 1, 2 * SCRATCH, 2 * SCRATCH + 3])(
    'takes all of %i bytes but for the last four',
    (length) => {
      const message = noise(length);
      // Stored blocks: so the output is longer than the message, and cut where the scratch buffer is full.
      const compressed = put(deflate({ windowBits: 15, level: 0 }), message);
      const output = new Output();
      deflate({ windowBits: 15, level: 0 }).run(Z_SYNC_FLUSH, message, output, Infinity);
      expect(output.length).toBe(compressed.length);
      expect(output.take(4).equals(compressed.subarray(0, -4))).toBe(true);
    },
  );

  it('is in a buffer of its own', () => {
    const context = deflate({ windowBits: 15 });
    const first = put(context, Buffer.from('first'));
    const copy = Buffer.from(first);
    put(context, Buffer.from('second'));
    expect(first).toStrictEqual(copy);
  });
});

describe('canDrive', () => {
  it('says yes for every Node that the tests run on, and tries only once', () => {
    expect(isRawZlibSupported()).toBe(true);
    const opened = jest.spyOn(RawZlib, 'deflate');
    expect(isRawZlibSupported()).toBe(true);
    expect(opened).not.toHaveBeenCalled();
    opened.mockRestore();
  });
});

describe('selfTest', () => {
  /** Drives that open contexts as ZlibDrive does, but with a `run` or `reset` of their own. */
  function drives(
    changed: (real: RawZlib, which: 'deflate' | 'inflate') => Partial<RawZlib>,
  ): Pick<typeof RawZlib, 'deflate' | 'inflate'> {
    const make = (which: 'deflate' | 'inflate') => (options: { windowBits: number }) => {
      const real = which === 'deflate' ? deflate(options) : inflate(options);
      return Object.assign(Object.create(null) as RawZlib, {
        run: real.run.bind(real),
        reset: real.reset.bind(real),
        close: () => undefined,
        ...changed(real, which),
      });
    };
    return { deflate: make('deflate'), inflate: make('inflate') };
  }

  it('passes a drive that works', () => {
    expect(selfTest(RawZlib)).toBe(true);
    expect(selfTest(drives(() => ({})))).toBe(true);
  });

  const BROKEN: [string, (real: RawZlib, which: 'deflate' | 'inflate') => Partial<RawZlib>][] = [
    ['writes nothing', () => ({ run: () => 0 })],
    [
      'throws on every call',
      () => ({
        run: () => {
          throw new TypeError('writeSync is not a function');
        },
      }),
    ],
    [
      'does not reset its compressor',
      (_real, which) => (which === 'deflate' ? { reset: () => undefined } : {}),
    ],
    [
      'does not reset its decompressor',
      (_real, which) => (which === 'inflate' ? { reset: () => undefined } : {}),
    ],
    [
      'forgets what came before',
      (real, which) =>
        which === 'deflate'
          ? {
              run: (...args) => {
                real.reset();
                return real.run(...args);
              },
            }
          : {},
    ],
    [
      'does not flush',
      (real, which) =>
        which === 'deflate'
          ? { run: (_flush, ...args) => real.run(constants.Z_NO_FLUSH, ...args) }
          : {},
    ],
    [
      'does not stop at the end of a block',
      (real, which) =>
        which === 'inflate' ? { run: (_flush, ...args) => real.run(Z_SYNC_FLUSH, ...args) } : {},
    ],
    [
      'does not say how much of the input was left',
      (real) => ({
        run: (...args) => {
          real.run(...args);
          return 0;
        },
      }),
    ],
    [
      'loses the output that comes after the first buffer',
      (real) => ({
        run: (flush, input, output) => real.run(flush, input, output, SCRATCH / 2),
      }),
    ],
    [
      'puts out nothing for what is short',
      (real, which) =>
        which === 'inflate'
          ? {
              run: (flush, input, output, limit) =>
                real.run(flush, input, input.length < 50 ? new Output() : output, limit),
            }
          : {},
    ],
    [
      'swallows errors',
      (real) => ({
        run: (...args) => {
          try {
            return real.run(...args);
          } catch {
            return 0;
          }
        },
      }),
    ],
    [
      'cannot be opened',
      () => {
        throw new Error('no handle');
      },
    ],
  ];
  it.each(BROKEN)('fails a drive that %s', (_how, changed) => {
    expect(selfTest(drives(changed))).toBe(false);
  });

  it('tries contexts that take little memory', () => {
    const opened = [jest.spyOn(RawZlib, 'deflate'), jest.spyOn(RawZlib, 'inflate')];
    expect(selfTest(RawZlib)).toBe(true);
    const asked = opened.map(({ mock }) => mock.calls);
    expect(asked).toStrictEqual([
      [[{ windowBits: 9, level: 6, memLevel: 5 }]],
      [[{ windowBits: 9 }]],
    ]);
    jest.restoreAllMocks();
  });

  it('leaves no context open', () => {
    const closed: string[] = [];
    const watched = drives((_real, which) => ({ close: () => void closed.push(which) }));
    expect(selfTest(watched)).toBe(true);
    const broken = drives((_real, which) => ({
      close: () => void closed.push(which),
      run: () => {
        throw new Error();
      },
    }));
    expect(selfTest(broken)).toBe(false);
    expect(closed).toStrictEqual(['deflate', 'inflate', 'deflate', 'inflate']);
  });
});

describe('Output, saved', () => {
  it('has no last bytes before anything was collected', () => {
    expect(new Output().last(3)).toHaveLength(0);
  });

  it('keeps what was saved while another output is collected, and gives the last bytes of it', () => {
    const [first, second] = [new Output(), new Output()];
    const contexts = [1, 2].map(() => RawZlib.deflate({ windowBits: 15, level: 0 }));
    const message = Buffer.from(Array.from({ length: 150_000 }, (_, index) => index));
    contexts[0]!.run(Z_SYNC_FLUSH, message.subarray(0, 100_000), first, Infinity);
    first.save();
    contexts[1]!.run(Z_SYNC_FLUSH, message, second, Infinity);
    second.save();
    contexts[0]!.run(Z_SYNC_FLUSH, message.subarray(100_000), first, Infinity);
    const lasts = [3, 70_000, 1_000_000].map((count) => first.last(count));
    const all = first.take();
    expect(inflateRawSync(all, { finishFlush: Z_SYNC_FLUSH }).equals(message)).toBe(true);
    expect(lasts.map((last) => all.subarray(-last.length).equals(last))).toStrictEqual([true, true, true]); // prettier-ignore
    expect(lasts.map(({ length }) => length)).toStrictEqual([3, 70_000, all.length]);
    for (const context of contexts) context.close();
  });
});
