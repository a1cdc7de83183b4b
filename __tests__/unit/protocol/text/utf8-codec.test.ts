import type { ProtocolError } from '../../../../src/protocol/framing/protocol-error.js';
import type * as codec from '../../../../src/protocol/text/utf8-codec.js';
import {
  decodeText,
  encodeText,
  kernelBelow,
  loadTextKernel,
  textOf,
  type TextKernel,
  writeText,
} from '../../../../src/protocol/text/utf8-codec.js';
import { random } from '../../../support/bytes.js';

const kernel = loadTextKernel()!;
/** Text through Node, and through the kernel whatever the version of Node. */
const WAYS: [string, TextKernel | undefined][] = [
  ['Node', undefined],
  ['the kernel', kernel],
];

const next = random(3629);
const below = (count: number): number => Math.floor(next() * count);
/** From each length of UTF-8 its first and last character, those beside the surrogates, and others. */
const CHARACTERS = Array.from(
  '\u0000\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{40000}\u{fffff}\u{10ffff}' +
    'aZ0 é߿Ж€漢\ufeff\ufffd\u{1f680}',
);
/** Text in which runs of the same character are as likely as changes. */
function randomText(characters: number, of: readonly string[] = CHARACTERS): string {
  let text = '';
  let character = of[0]!;
  for (let i = 0; i < characters; i++) {
    if (next() < 0.5) character = of[below(of.length)]!;
    text += character;
  }
  return text;
}

/** Text of each kind and of every length around those at which the way changes. */
const TEXTS: string[] = [
  '',
  ...CHARACTERS.flatMap((character) => [1, 70, 200].map((count) => character.repeat(count))),
  ...Array.from({ length: 300 }, (_, length) => randomText(length)),
  ...Array.from({ length: 40 }, (_, i) => `${'a'.repeat(100 + i)}🚀${'b'.repeat(i)}`),
  // longer than a piece, with characters of each length across its end
  ...[0, 1, 2, 3].flatMap((before) =>
    ['é', '€', '🚀'].map((character) => 'x'.repeat(before) + character.repeat(40_000)),
  ),
  randomText(100_000),
];

describe.each(WAYS)('Text by %s', (_name, by) => {
  it('is decoded as TextDecoder does it, anywhere in a buffer', () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const wrong = TEXTS.filter((text) => {
      const utf8 = new TextEncoder().encode(text);
      const start = below(20);
      // The bytes before and after it are not ASCII, so a read beyond it changes the result.
      const bytes = Buffer.alloc(start + utf8.length + 40, '€');
      bytes.set(utf8, start);
      const before = Buffer.from(bytes);
      const decoded = decodeText(bytes, start, start + utf8.length, by);
      return decoded !== decoder.decode(utf8) || !bytes.equals(before);
    });
    expect(wrong).toStrictEqual([]);
  });

  it('is decoded whole without a start and an end', () => {
    const text = '漢字'.repeat(50);
    expect(decodeText(Buffer.from(text), undefined, undefined, by)).toBe(text);
  });

  const LONELY = ['\ud800', '\udbff', '\udc00', '\udfff', 'a', 'é', '漢', '🚀'];
  /** Halves of pairs too, at the ends of steps and pieces. */
  const WITH_LONELY = [
    ...TEXTS,
    ...Array.from({ length: 300 }, (_, length) => randomText(length, LONELY)),
    ...['\ud800', '\udc00'].flatMap((half) =>
      [16_382, 16_383, 16_384, 16_385].map((at) => `${'é'.repeat(at)}${half}${'漢'.repeat(9)}`),
    ),
    randomText(50_000, LONELY),
  ];

  it('is encoded as TextEncoder does it, in a buffer of its size', () => {
    const wrong = WITH_LONELY.filter((text) => {
      const bytes = encodeText(text, by);
      return !bytes.equals(new TextEncoder().encode(text));
    });
    expect(wrong).toStrictEqual([]);
  });

  it('is written as by TextEncoder, without a change to the bytes around it', () => {
    const wrong = WITH_LONELY.filter((text) => {
      const utf8 = new TextEncoder().encode(text);
      const at = below(20);
      const target = Buffer.alloc(at + text.length * 3 + 20, 0xff);
      const expected = Buffer.from(target);
      expected.set(utf8, at);
      return writeText(text, target, at, by) !== utf8.length || !target.equals(expected);
    });
    expect(wrong).toStrictEqual([]);
  });
});

describe('What is not UTF-8', () => {
  it('becomes a string of some kind, without a read beyond the given bytes', () => {
    const bytes = Buffer.alloc(120_000, 0x80);
    bytes[10] = 0xc2;
    for (const start of [0, 10, 11]) {
      expect(typeof decodeText(bytes, start, 110_000, kernel)).toBe('string');
    }
  });
});

describe('The kernel', () => {
  /** Counts what is asked of the kernel. */
  const counted = () => {
    const calls = { decode: 0, encode: 0 };
    const by: TextKernel = {
      memory: kernel.memory,
      decode: (...args) => (calls.decode++, kernel.decode(...args)),
      encode: (...args) => (calls.encode++, kernel.encode(...args)),
    };
    return { calls, by };
  };

  it.each([
    [62, 0],
    [64, 1],
    [32_768, 1],
    [32_770, 2],
  ])('decodes %i bytes in %i pieces', (length, pieces) => {
    const { calls, by } = counted();
    expect(decodeText(Buffer.alloc(length, 'é'), 0, length, by)).toBe('é'.repeat(length / 2));
    expect(calls.decode).toBe(pieces);
  });

  it.each([
    [63, 0, 0],
    [64, 1, 1],
    [16_384, 1, 1],
    [16_385, 2, 0],
  ])('encodes %i characters in %i pieces, and writes them in %i', (length, encoded, written) => {
    const { calls, by } = counted();
    const text = 'é'.repeat(length);
    encodeText(text, by);
    expect(calls.encode).toBe(encoded);
    calls.encode = 0;
    writeText(text, Buffer.alloc(length * 3), 0, by);
    expect(calls.encode).toBe(written);
  });

  it.each([
    ['ASCII', 'a'.repeat(200), 0],
    ['one character in a hundred', `${'a'.repeat(99)}é`.repeat(2), 0],
    ['one character in three', 'ab漢'.repeat(67), 1],
  ])('is asked to encode %s or not', (_what, text, calls) => {
    const used = counted();
    encodeText(text, used.by);
    writeText(text, Buffer.alloc(text.length * 3), 0, used.by);
    expect(used.calls.encode).toBe(calls * 2);
  });

  it('is used on the versions of Node that are slower', () => {
    expect(kernelBelow(24, '20.20.2')).toBeDefined();
    expect(kernelBelow(24, '23.11.0')).toBeDefined();
    expect(kernelBelow(24, '24.0.0')).toBeUndefined();
    expect(kernelBelow(24, '100.0.0')).toBeUndefined();
  });

  it('is undefined where WebAssembly cannot load it', () => {
    expect(loadTextKernel(Buffer.from('no module'))).toBeUndefined();
  });

  it('is not needed without WebAssembly, as under node --jitless', () => {
    const realm = globalThis as unknown as Record<string, unknown>;
    const { WebAssembly: real } = realm;
    try {
      realm['WebAssembly'] = undefined;
      jest.isolateModules(() => {
        const bare = jest.requireActual<typeof codec>(
          '../../../../src/protocol/text/utf8-codec.js',
        );
        expect(bare.kernelBelow(24, '20.20.2')).toBeUndefined();
        expect(bare.kernelBelow(24, '20.20.2')).toBeUndefined();
        const text = 'ab漢'.repeat(67);
        expect(bare.decodeText(bare.encodeText(text))).toBe(text);
        const target = Buffer.alloc(1000);
        expect(bare.writeText(text, target, 0)).toBe(Buffer.byteLength(text));
      });
    } finally {
      realm['WebAssembly'] = real;
    }
  });
});

describe('Text that is long', () => {
  it.each(WAYS)('is the same when %s decodes it in pieces, cut between characters', (_name, by) => {
    for (const text of TEXTS) {
      const bytes = Buffer.from(text);
      expect(decodeText(bytes, 0, bytes.length, by, 61) === text).toBe(true);
    }
  });

  /** `textOf` where a string can have 100 code units. */
  const limited = (): typeof textOf => {
    let found: typeof textOf | undefined;
    jest.isolateModules(() => {
      jest.doMock('node:buffer', () => ({
        ...jest.requireActual<object>('node:buffer'),
        constants: { MAX_LENGTH: 2 ** 32, MAX_STRING_LENGTH: 100 },
      }));
      ({ textOf: found } = jest.requireActual<{ textOf: typeof textOf }>(
        '../../../../src/protocol/text/utf8-codec.js',
      ));
    });
    jest.dontMock('node:buffer');
    return found!;
  };

  it.each([
    ['a', 100, 101],
    ['é', 100, 101],
    ['漢', 100, 101],
    ['🚀', 50, 51],
    ['a漢é🚀', 20, 21],
  ])('is measured in UTF-16 code units, not in bytes: of %s', (characters, most, tooMany) => {
    const of = limited();
    const take = (count: number): string => {
      const bytes = Buffer.from(`..${characters.repeat(count)}..`);
      return of(bytes, 2, bytes.length - 2, characters === 'a');
    };
    expect(take(most)).toBe(characters.repeat(most));
    expect(() => take(tooMany)).toThrow(
      expect.objectContaining<Partial<ProtocolError>>({
        code: 'ERR_MESSAGE_TOO_BIG',
        closeCode: 1009,
        message: `a Text message of ${Buffer.byteLength(characters) * tooMany} bytes is longer than a string can be, 100 UTF-16 code units; take it as bytes (textAs: 'buffer'), or send less at a time`,
      }) as Error,
    );
  });

  it('is refused without reading it if its bytes alone are too many', () => {
    const bytes = new Proxy(Buffer.alloc(0), {});
    expect(() => limited()(bytes, 0, 301, false)).toThrow(/of 301 bytes/);
  });

  it('is refused in the same way if the string cannot be allocated', () => {
    const bytes = Buffer.from('text');
    bytes.toString = () => {
      throw new RangeError('out of memory');
    };
    let caught: unknown;
    try {
      textOf(bytes, 0, 4, false);
    } catch (error) {
      caught = error;
    }
    expect((caught as ProtocolError).code).toBe('ERR_MESSAGE_TOO_BIG');
    expect(() => textOf(bytes, 0, 4, true)).toThrow(/^a Text message of 4 bytes is longer/);
  });
});
