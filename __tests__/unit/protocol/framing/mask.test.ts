import * as mask from '../../../../src/protocol/framing/mask.js';
import { hex, random } from '../../../support/bytes.js';

const { loadKernel, readKey, rotateKey, unmask, unmaskByKernel, unmaskByLoop } = mask;

type Unmask = typeof unmask;
const loaded = loadKernel();
const byKernel: Unmask = (...args) => unmaskByKernel(loaded!, ...args);
const WAYS: [string, Unmask][] = [
  ['unmask', unmask],
  ['unmaskByLoop', unmaskByLoop],
  ['unmaskByKernel', byKernel],
];

/** Section 5.3 to the letter: "transformed-octet-i = original-octet-i XOR masking-key-octet-(i MOD 4)". */
function naive(bytes: Buffer, key: Buffer): Buffer {
  return Buffer.from(bytes.map((byte, i) => byte ^ key[i % 4]!));
}

const next = random(53);
const below = (count: number): number => Math.floor(next() * count);
function randomBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = below(256);
  return bytes;
}

describe('readKey', () => {
  it("has the key's first byte in the lowest eight bits", () => {
    expect(readKey(hex('00 37fa213d 00'), 1)).toBe(0x3d21fa37);
  });

  it('is a 32-bit integer also when the last byte is 0x80 or more', () => {
    expect(readKey(hex('010203ff'), 0)).toBe(0xff030201 | 0);
  });
});

describe('rotateKey', () => {
  it.each([
    [0, '01828384'],
    [1, '82838401'],
    [2, '83840182'],
    [3, '84018283'],
    [4, '01828384'],
    [5, '82838401'],
    [4_194_303, '84018283'],
  ])('after %i bytes is %s', (count, expected) => {
    const key = readKey(hex('01828384'), 0);
    expect(rotateKey(key, count) >>> 0).toBe(readKey(hex(expected), 0) >>> 0);
  });
});

describe.each(WAYS)('%s', (_name, way) => {
  it('unmasks the masked "Hello" of section 5.7', () => {
    const bytes = hex('7f9f4d5158');
    way(bytes, 0, 5, bytes, 0, readKey(hex('37fa213d'), 0));
    expect(bytes.toString()).toBe('Hello');
  });

  /** Runs one case and returns what is wrong with it, if anything. */
  function tryOne(size: number, start: number, gap: number, inPlace: boolean): string | undefined {
    const key = randomBytes(4);
    const source = randomBytes(start + size + 5);
    const before = Buffer.from(source);
    const target = inPlace ? source : randomBytes(start + gap + size + 5);
    const targetStart = inPlace ? start : start + gap;
    const expected = Buffer.from(target);
    naive(before.subarray(start, start + size), key).copy(expected, targetStart);
    way(source, start, start + size, target, targetStart, readKey(key, 0));
    const what = `${size} bytes from ${start} to ${targetStart}, key ${key.toString('hex')}`;
    if (!target.equals(expected)) return what;
    return inPlace || source.equals(before) ? undefined : `${what}: source changed`;
  }

  it('equals the naive XOR for every size up to 300, in place and not, and touches nothing else', () => {
    const wrong: unknown[] = [];
    for (let size = 0; size <= 300; size++) {
      wrong.push(tryOne(size, below(9), 0, true), tryOne(size, below(9), below(9), false));
    }
    expect(wrong.filter(Boolean)).toEqual([]);
  });

  it('equals the naive XOR at every alignment', () => {
    const wrong: unknown[] = [];
    for (let start = 0; start < 17; start++) {
      for (const size of [3, 16, 127, 128, 131]) {
        for (let gap = 0; gap < 9; gap++) wrong.push(tryOne(size, start, gap, gap === 8));
      }
    }
    expect(wrong.filter(Boolean)).toEqual([]);
  });

  it.each([65_535, 65_536, 65_537, 131_075])('equals the naive XOR for %i bytes', (size) => {
    expect(tryOne(size, 3, 2, true)).toBeUndefined();
    expect(tryOne(size, 3, 2, false)).toBeUndefined();
  });

  it.each([1, 3, 4, 7, 15, 16, 64, 80, 127, 128, 129, 150, 211, 65_537])(
    'of %i bytes returns 0 if all are ASCII, and not 0 for a single one that is not',
    (size) => {
      const key = hex('37fa213d');
      const text = Buffer.from(Array.from({ length: size }, () => below(128)));
      const flag = (bytes: Buffer): number => {
        // What lies around it is not ASCII and must not count.
        const source = Buffer.concat([hex('ff'), naive(bytes, key), hex('ff')]);
        return way(source, 1, 1 + size, source, 1, readKey(key, 0));
      };
      expect(flag(text)).toBe(0);
      const places = size > 300 ? [0, 40_000, 65_535, 65_536] : text.keys();
      for (const at of places) {
        const one = Buffer.from(text);
        one[at]! |= 0x80;
        expect({ at, flag: flag(one) }).not.toEqual({ at, flag: 0 });
      }
    },
  );

  it('reports zero bytes as ASCII, and writes nothing', () => {
    const bytes = hex('ff ff');
    expect(way(bytes, 1, 1, bytes, 1, 0x55555555)).toBe(0);
    expect(bytes).toEqual(hex('ff ff'));
  });

  it('continues in the middle of a key after any number of bytes', () => {
    for (let cut = 0; cut < 300; cut += 13) {
      const plain = randomBytes(300);
      const key = randomBytes(4);
      const bytes = naive(plain, key);
      way(bytes, 0, cut, bytes, 0, readKey(key, 0));
      way(bytes, cut, 300, bytes, cut, rotateKey(readKey(key, 0), cut));
      expect(bytes).toEqual(plain);
    }
  });

  it('leaves bytes alone when the key is 0, as an unmasked frame has it', () => {
    const bytes = randomBytes(200);
    const before = Buffer.from(bytes);
    way(bytes, 0, 200, bytes, 0, 0);
    expect(bytes).toEqual(before);
  });
});

/** Load mask.ts again, and use it, in a realm with another `WebAssembly` or without one. */
function withWebAssembly(webAssembly: unknown, use: (loaded: typeof mask) => void): void {
  const realm = globalThis as unknown as Record<string, unknown>;
  const { WebAssembly: real } = realm;
  try {
    realm['WebAssembly'] = webAssembly;
    jest.isolateModules(() => {
      use(jest.requireActual<typeof mask>('../../../../src/protocol/framing/mask.js'));
    });
  } finally {
    realm['WebAssembly'] = real;
  }
}

describe('unmask', () => {
  it('uses the kernel from 128 bytes on', () => {
    const lengths: number[] = [];
    const memory = { buffer: new ArrayBuffer(65_536) };
    const xor = (length: number): number => lengths.push(length);
    const watched = {
      Module: Object,
      Instance: class {
        exports = { xor, memory };
      },
    };
    withWebAssembly(watched, (loaded) => {
      const bytes = Buffer.alloc(1000);
      for (const length of [0, 1, 127, 128, 129, 600]) {
        loaded.unmask(bytes, 100, 100 + length, bytes, 100, 1);
        loaded.unmask(bytes, 100, 100 + length, bytes, 100, 0); // nothing to unmask
      }
    });
    expect(lengths).toStrictEqual([128, 129, 600]);
  });

  it.each([
    ['a', 0],
    ['é', 0x80],
  ])('copies what is not masked, and tells whether it is ASCII: %p', (last, seen) => {
    const source = Buffer.from(`${'a'.repeat(200)}${last}`);
    const target = Buffer.alloc(source.length + 2, '-');
    expect(mask.unmask(source, 1, source.length, target, 1, 0)).toBe(seen);
    expect(target.toString()).toBe(`-${'a'.repeat(199)}${last}--`);
    expect(mask.unmask(source, 0, source.length, source, 0, 0)).toBe(seen);
    expect(source.toString()).toBe(`${'a'.repeat(200)}${last}`);
  });
});

describe('loadKernel', () => {
  it('has a kernel here, with 64 KiB of memory', () => {
    expect(loaded?.memory).toHaveLength(65_536);
  });

  it.each([
    ['nothing', ''],
    ['no WebAssembly', '00112233'],
    ['a module that exports nothing', '0061736d01000000'],
  ])('is undefined for %s', (_what, bytes) => {
    expect(loadKernel(hex(bytes))).toBeUndefined();
  });

  it('is not needed without WebAssembly, as under node --jitless', () => {
    withWebAssembly(undefined, (bare) => {
      expect(bare.loadKernel()).toBeUndefined();
      const plain = randomBytes(1000);
      const bytes = naive(plain, hex('37fa213d'));
      expect(bare.unmask(bytes, 0, 1000, bytes, 0, 0x3d21fa37)).not.toBe(0);
      expect(bytes).toEqual(plain);
    });
  });
});
