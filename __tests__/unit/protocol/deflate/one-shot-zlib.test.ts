import { constants, deflateRawSync, inflateRawSync, type ZlibOptions } from 'node:zlib';
import {
  deflateSync,
  deflateAsync,
  type InflateCallback,
  inflateSync,
  inflateAsync,
  takesDictionary,
} from '../../../../src/protocol/deflate/one-shot-zlib.js';
import { type ContextOptions, MAX_STREAMS } from '../../../../src/protocol/deflate/format.js';
import { hex, random } from '../../../support/bytes.js';
import { DeflateWriter } from '../../../support/deflate-blocks.js';

const OPTIONS: ContextOptions = { windowBits: 15 };
const LIMIT = 1_000_000;
const PROSE = Buffer.from(Array.from({ length: 9000 }, (_, i) => `${(i * i) % 977} `).join(''));

const next = random(3);
const NOISE = Buffer.from(Uint8Array.from({ length: 300_000 }, () => next() * 256));

type Deflate = (message: Buffer, options: ContextOptions) => Promise<Buffer | undefined>;
type Inflate = (
  payload: Buffer,
  options: ContextOptions,
  limit: number,
) => Promise<Buffer | undefined>;

const atOnce: { deflate: Deflate; inflate: Inflate } = {
  deflate: (...args) => Promise.resolve(deflateSync(...args)),
  inflate: (...args) =>
    new Promise((resolve) => {
      resolve(inflateSync(...args));
    }),
};
const onPool: typeof atOnce = {
  deflate: (...args) =>
    new Promise((resolve) => {
      deflateAsync(...args, resolve);
    }),
  inflate: (...args) =>
    new Promise((resolve, reject) => {
      inflateAsync(...args, (error, message) => {
        if (error === undefined) resolve(message);
        else reject(error);
      });
    }),
};

/** What a runtime does whose zlib ignores dictionaries. */
const primed: typeof atOnce = {
  ...atOnce,
  inflate: (...args) =>
    new Promise((resolve) => {
      resolve(inflateSync(...args, true));
    }),
};
const primedOnPool: typeof atOnce = {
  ...onPool,
  inflate: (...args) =>
    new Promise((resolve, reject) => {
      const settle: InflateCallback = (error, message) => {
        if (error === undefined) resolve(message);
        else reject(error);
      };
      inflateAsync(...args, settle, true);
    }),
};

/** As zlib inflates the payload with the tail that a receiver adds, and an end. */
function inflated(payload: Buffer, options: ZlibOptions = {}): Buffer {
  return inflateRawSync(Buffer.concat([payload, hex('0000ffff 0300')]), options);
}

describe.each([
  ['at once', atOnce],
  ['on the thread pool', onPool],
  ['at once, without dictionaries', primed],
  ['on the thread pool, without dictionaries', primedOnPool],
])('%s', (_where, { deflate, inflate }) => {
  it.each([[8], [9], [12], [15]])('compresses for a window of %i bits', async (windowBits) => {
    const payload = (await deflate(PROSE, { windowBits }))!;
    expect(payload.length).toBeLessThan(PROSE.length);
    expect(inflated(payload, { windowBits: Math.max(9, windowBits) }).equals(PROSE)).toBe(true);
  });

  it('compresses as hard, and with as much memory, as it is told', async () => {
    const size = async (options: ContextOptions): Promise<number> => {
      const payload = (await deflate(PROSE, options))!;
      expect(inflated(payload).equals(PROSE)).toBe(true);
      return payload.length;
    };
    const stored = await size({ windowBits: 15, level: 0 });
    const fast = await size({ windowBits: 15, level: 1 });
    const best = await size({ windowBits: 15, level: 9 });
    expect([stored > PROSE.length, fast < stored, best < fast]).toStrictEqual([true, true, true]);
    expect(await size({ windowBits: 15, memLevel: 1 })).toBeGreaterThan(
      await size({ windowBits: 15, memLevel: 9 }),
    );
  });

  it('keeps no chunk of zlib for a short result', async () => {
    const payload = (await deflate(Buffer.from('short'), OPTIONS))!;
    const message = (await inflate(payload, OPTIONS, LIMIT))!;
    expect(message.toString()).toBe('short');
    expect(payload.buffer.byteLength).toBe(payload.length);
    expect(message.buffer.byteLength).toBe(message.length);
  });

  it('refers to the dictionary', async () => {
    const dictionary = PROSE.subarray(0, 1000);
    const payload = (await deflate(dictionary, { windowBits: 15, dictionary }))!;
    expect(payload.length).toBeLessThan(30);
    expect(inflated(payload, { dictionary }).equals(dictionary)).toBe(true);
    const options = { windowBits: 15, dictionary };
    expect(await inflate(payload, options, LIMIT)).toStrictEqual(Buffer.from(dictionary));
    await expect(inflate(payload, OPTIONS, LIMIT)).rejects.toThrow('too far back');
  });

  it.each<[string, Buffer, string]>([
    ['the example of RFC 7692 section 7.2.3.1', hex('f248cdc9c90700'), 'Hello'],
    ['a block without compression (7.2.3.3)', hex('000500faff48656c6c6f00'), 'Hello'],
    ['a final block and a byte 0x00 (7.2.3.4)', hex('f348cdc9c9070000'), 'Hello'],
    ['a final block and nothing after it', hex('f348cdc9c90700'), 'Hello'],
    ['two blocks (7.2.3.5)', hex('f248050000 00ffffcac9c90700'), 'Hello'],
    ['nothing (7.2.3.6)', hex('00'), ''],
    ['nothing, in a final block that the tail completes', hex('01'), ''],
    ['nothing, in a fixed block', hex('0200'), ''],
    ['what looks like the end that is put after it', hex('000900f6ff0000ffff010000ffff00'), hex('0000ffff010000ffff').toString('latin1')], // prettier-ignore
    ['nothing, in a final fixed block', hex('030000'), ''],
    ['final blocks in the middle', new DeflateWriter().stored('a', true).fixed(['b'], true).stored('c', true).end().bytes, 'abc'], // prettier-ignore
    ['a final block that the tail completes, after another', new DeflateWriter().fixed(['a'], true).stored('', true).bytes.subarray(0, -4), 'a'], // prettier-ignore
    ['a reference from after a final block to before it', new DeflateWriter().fixed(['abc'], true).fixed([{ length: 6, distance: 3 }]).end().bytes, 'abcabcabc'], // prettier-ignore
  ])('decompresses %s', async (_what, payload, message) => {
    expect((await inflate(payload, OPTIONS, LIMIT))?.toString('latin1')).toBe(message);
  });

  it('finds the dictionary after a final block too', async () => {
    const payload = new DeflateWriter()
      .fixed(['d'], true)
      .fixed([{ length: 4, distance: 4 }])
      .end().bytes;
    const options = { windowBits: 15, dictionary: Buffer.from('abc') };
    expect((await inflate(payload, options, LIMIT))?.toString()).toBe('dabcd');
  });

  it.each<[string, Buffer]>([
    ['no byte at all', Buffer.alloc(0)],
    ['a block of the reserved type', hex('06')],
    ['a block cut short', hex('f248cd')],
    ['a block cut short after a final one', Buffer.concat([hex('f348cdc9c90700'), hex('f248cd')])],
    ['a final block cut short', hex('f348cd')],
    ['a stored block cut short', hex('000500faff4865')],
    ['a final stored block that lacks as much as is put after it', hex('010c00f3ff616263')],
    ['a final stored block that lacks a part of it', hex('010900f6ff616263')],
    ['a final stored block that lacks all but one of it', hex('010b00f4ff616263')],
    ['a stored block whose lengths do not agree', hex('000500faf048656c6c6f00')],
    ['a whole block without the header of the next', new DeflateWriter().stored('abc').bytes],
    ['a reference to before the beginning', new DeflateWriter().fixed([{ length: 3, distance: 1 }]).end().bytes], // prettier-ignore
  ])('refuses %s with 1007', async (_what, payload) => {
    await expect(inflate(payload, OPTIONS, LIMIT)).rejects.toMatchObject({
      code: 'ERR_INVALID_DEFLATE',
      closeCode: 1007,
      message: expect.stringMatching(
        /^a compressed message cannot be decompressed: .* \(RFC 7692 section 7\.2\.2\)$/,
      ) as string,
    });
  });

  it.each<[string, (content: Buffer) => Buffer]>([
    ['in one block', (content) => deflateRawSync(content)],
    [
      'after a final block',
      (content) => {
        const first = deflateRawSync(content.subarray(0, 1));
        return Buffer.concat([first, deflateRawSync(content.subarray(1))]);
      },
    ],
  ])('decompresses as much as the limit, and not a byte more: %s', async (_how, compress) => {
    for (const length of [1, 2, 100, 16_384, 131_072, 300_000]) {
      const content = Buffer.alloc(length, 'x');
      expect(await inflate(compress(content), OPTIONS, length)).toStrictEqual(content);
      const longer = Buffer.alloc(length + 1, 'x');
      expect(await inflate(compress(longer), OPTIONS, length)).toBeUndefined();
      const muchLonger = Buffer.alloc(length + 500_000, 'x');
      expect(await inflate(compress(muchLonger), OPTIONS, length)).toBeUndefined();
    }
    expect(await inflate(hex('00'), OPTIONS, 0)).toStrictEqual(Buffer.alloc(0));
    expect(await inflate(compress(Buffer.from('ab')), OPTIONS, 0)).toBeUndefined();
  });

  it.each<[string, (noise: Buffer) => Buffer]>([
    ['in stored blocks', (noise) => deflateRawSync(noise, { finishFlush: 2 }).subarray(0, -4)],
    ['in a stream that ends with it', (noise) => deflateRawSync(noise)],
    [
      'in two streams, of which the second is short',
      (noise) =>
        Buffer.concat([deflateRawSync(noise.subarray(0, -9)), deflateRawSync(noise.subarray(-9))]),
    ],
  ])('decompresses a payload that is long, %s', async (_how, compress) => {
    for (const length of [250_000, 300_000]) {
      const message = NOISE.subarray(0, length);
      const payload = compress(message);
      const result = await inflate(payload, OPTIONS, length);
      expect(result?.equals(message)).toBe(true);
      expect(await inflate(payload, OPTIONS, length - 1)).toBeUndefined();
      const short = payload.subarray(0, -20);
      await expect(inflate(short, OPTIONS, LIMIT)).rejects.toThrow('it ends inside a block');
    }
  });

  it('has no trouble with a limit that no Buffer can reach', async () => {
    expect(await inflate(deflateRawSync(PROSE), OPTIONS, Infinity)).toStrictEqual(PROSE);
  });

  it(`goes on after a final block ${MAX_STREAMS - 1} times`, async () => {
    const final = hex('f348cdc9c90700');
    const repeated = (count: number): Buffer => Buffer.concat(Array<Buffer>(count).fill(final));
    const most = await inflate(repeated(MAX_STREAMS), OPTIONS, LIMIT);
    expect(most?.toString()).toBe('Hello'.repeat(MAX_STREAMS));
    await expect(inflate(repeated(MAX_STREAMS + 1), OPTIONS, LIMIT)).rejects.toThrow(
      'it consists of more than 16 DEFLATE streams',
    );
  });
});

describe('at once', () => {
  const zlib = jest.requireActual<{ inflateRawSync: typeof inflateRawSync }>('node:zlib');
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('asks zlib once for a message, and never for more than is left of the limit', () => {
    const spy = jest.spyOn(zlib, 'inflateRawSync');
    expect(inflateSync(hex('f248cdc9c90700'), OPTIONS, LIMIT)?.toString()).toBe('Hello');
    expect(inflateSync(hex('f348cdc9c90700'), OPTIONS, LIMIT)?.toString()).toBe('Hello');
    expect(spy).toHaveBeenCalledTimes(2);
    expect(inflateSync(hex('f348cdc9c90700f348cdc9c90700'), OPTIONS, 12)).toHaveLength(10);
    expect(spy.mock.calls.slice(2).map(([, options]) => options?.maxOutputLength)).toStrictEqual([
      12, 7,
    ]);
  });
});

describe('on the thread pool', () => {
  it('copies no message that comes in one piece', async () => {
    const payload = hex('f248cdc9c90700');
    const concat = jest.spyOn(Buffer, 'concat');
    await onPool.inflate(payload, OPTIONS, LIMIT);
    const calls = concat.mock.calls.length;
    concat.mockRestore();
    expect(calls).toBe(1); // with its tail
  });

  it('calls back with nothing if zlib has no memory for a compressor', async () => {
    const zlib = jest.requireActual<{ deflateRaw: () => void }>('node:zlib');
    const fails = (_message: unknown, _options: unknown, callback: (error: Error) => void): void =>
      void setImmediate(callback, new Error('insufficient memory'));
    const spy = jest.spyOn(zlib, 'deflateRaw').mockImplementation(fails as never);
    expect(await onPool.deflate(PROSE, OPTIONS)).toBeUndefined();
    spy.mockRestore();
  });

  it('joins a payload with its tail up to 256 KiB, and copies no longer one', async () => {
    for (const [length, copied] of [
      [256 * 1024, true],
      [256 * 1024 + 1, false],
    ] as const) {
      const payload = Buffer.alloc(length, deflateRawSync('x', { finishFlush: 2 })); // perhaps cut short
      const concat = jest.spyOn(Buffer, 'concat');
      await onPool.inflate(payload, OPTIONS, LIMIT).catch(() => undefined);
      const copies = concat.mock.calls.filter(([pieces]) => pieces.includes(payload));
      concat.mockRestore();
      expect(copies.length > 0).toBe(copied);
    }
  });

  it('never calls back before it returns', async () => {
    const order: string[] = [];
    const done = new Promise<void>((resolve) => {
      inflateAsync(Buffer.alloc(0), OPTIONS, LIMIT, () => {
        order.push('called back');
        resolve();
      });
    });
    order.push('returned');
    await done;
    expect(order).toStrictEqual(['returned', 'called back']);
  });
});

describe('takesDictionary', () => {
  it('is what zlib does here', () => {
    expect(takesDictionary()).toBe(true);
  });

  it('is false where zlib ignores it, fails, or finds something else', () => {
    const ignores: typeof inflateRawSync = (data) => inflateRawSync(data, { finishFlush: 2 });
    expect(takesDictionary(ignores)).toBe(false);
    expect(takesDictionary(() => Buffer.from('hamper'))).toBe(false);
  });
});

describe('a window in place of a dictionary', () => {
  it('goes before a payload that is too long to be joined', async () => {
    const dictionary = NOISE.subarray(0, 30_000);
    const message = Buffer.concat([dictionary, NOISE]);
    const payload = deflateSync(message, { ...OPTIONS, dictionary });
    expect(payload.length).toBeGreaterThan(256 * 1024);
    const options = { ...OPTIONS, dictionary };
    const inflated = await primedOnPool.inflate(payload, options, message.length);
    expect(inflated!.equals(message)).toBe(true);
    expect(await primedOnPool.inflate(payload, options, message.length - 1)).toBeUndefined();
  });
});

describe('inflateOnPool, where there is no memory for the message', () => {
  const flushed = (message: Buffer): Buffer =>
    deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

  it.each([
    ['in one stream', flushed(NOISE), NOISE.length],
    ['in two streams', Buffer.concat([deflateRawSync(PROSE), flushed(PROSE)]), 2 * PROSE.length],
  ])('takes it for too long, %s', async (_what, payload, length) => {
    expect(await onPool.inflate(payload, OPTIONS, LIMIT)).toHaveLength(length);
    const concat = Buffer.concat.bind(Buffer);
    const spy = jest.spyOn(Buffer, 'concat').mockImplementation((list, total) => {
      if (total === length) throw new RangeError('Array buffer allocation failed');
      return concat(list, total);
    });
    const inflating = onPool.inflate(payload, OPTIONS, LIMIT);
    await expect(inflating).resolves.toBeUndefined();
    expect(spy).toHaveBeenCalledWith(expect.anything(), length);
    spy.mockRestore();
  });
});
