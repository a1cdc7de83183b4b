import {
  distanceOf,
  isLiteral,
  lengthOf,
  MatchFinder,
} from '../../../../../src/protocol/deflate/compact/match-finder.js';
import { random } from '../../../../support/bytes.js';

const LONGEST = 2048;
const next = random(11);
/** Nothing in it repeats. */
const NOISE = Buffer.from(Uint8Array.from({ length: 200_000 }, () => next() * 256));

/** A literal as itself, a match as what it says; what follows from them has to be the message. */
type Part = string | readonly [length: number, distance: number];

class Reader {
  readonly finder: MatchFinder;
  readonly #tokens = new Int32Array(LONGEST);
  #history: number[] = [];

  constructor(windowBits = 12) {
    this.finder = new MatchFinder(windowBits, LONGEST);
  }

  /** The parts of a message, literals in a row as one. */
  parse(message: Uint8Array | string): Part[] {
    const bytes = Buffer.from(message);
    const count = this.finder.parse(bytes, this.#tokens);
    const parts: Part[] = [];
    const history = this.#history;
    const start = history.length;
    for (const token of this.#tokens.subarray(0, count)) {
      if (isLiteral(token)) {
        history.push(token);
        const character = String.fromCharCode(token);
        if (typeof parts.at(-1) === 'string') parts.push(`${parts.pop() as string}${character}`);
        else parts.push(character);
        continue;
      }
      const [length, distance] = [lengthOf(token), distanceOf(token)];
      for (let i = 0; i < length; i++) history.push(history[history.length - distance]!);
      parts.push([length, distance]);
    }
    if (!Buffer.from(history.slice(start)).equals(bytes))
      throw new Error('that is another message');
    return parts;
  }

  skip(message: Buffer): void {
    this.finder.skip(message);
    for (const byte of message) this.#history.push(byte);
  }

  /** The length and distance of the matches in a message. */
  matches(message: Uint8Array | string): Part[] {
    return this.parse(message).filter((part) => typeof part !== 'string');
  }
}

describe('MatchFinder, in a message', () => {
  it.each<[string, string, Part[]]>([
    ['nothing', '', []],
    ['what is too short', 'abc', ['abc']],
    ['what does not repeat', 'abcdefgh', ['abcdefgh']],
    ['three bytes that repeat', 'abcXabc', ['abcXabc']],
    ['four bytes that repeat', 'abcdabcd', ['abcd', [4, 4]]],
    ['four bytes and one after them', 'abcdXabcdY', ['abcdX', [4, 5], 'Y']],
    ['a run', 'aaaaaaaa', ['a', [7, 1]]],
    ['a run of the longest match', 'a'.repeat(259), ['a', [258, 1]]],
    ['a run of more than that', 'a'.repeat(300), ['a', [258, 1], [41, 1]]],
    ['the nearer of two as long', 'abcd1abcd2abcd', ['abcd1', [4, 5], '2', [4, 5]]],
    ['the longer of two', 'abcdef1abcd2abcdefg', ['abcdef1', [4, 7], '2', [6, 12], 'g']],
    ['a place inside a match', 'abcdefgh1abcdefgh2cdefgX', ['abcdefgh1', [8, 9], '2', [5, 7 + 9 - 9], 'X']], // prettier-ignore
    ['the last four bytes', 'abcdXXabcd', ['abcdXX', [4, 6]]],
    ['bytes beyond ASCII', 'äöäö', ['\u00c3\u00a4\u00c3\u00b6', [4, 4]]],
  ])('finds %s', (_what, message, parts) => {
    expect(new Reader().parse(message)).toStrictEqual(parts);
  });

  it('tries the eight nearest places', () => {
    // The oldest one is the only one that goes on in the right way.
    const places = (count: number): string =>
      Array.from({ length: count }, (_, i) => `wxyz${String.fromCharCode(48 + i)}`).join('');
    const longest = (count: number): Part | undefined =>
      new Reader().matches(`wxyz!${places(count)}wxyz!`).at(-1);
    expect(longest(7)).toStrictEqual([5, 40]);
    expect(longest(8)).toStrictEqual([4, 5]);
  });

  it('does not take one that only looks longer', () => {
    // The furthest has the right byte where the best so far ends, and a wrong one before.
    expect(new Reader().parse('abcdXfg1abcdef2abcdefg')).toStrictEqual([
      'abcdXfg1',
      [4, 8],
      'ef2',
      [6, 7],
      'g',
    ]);
  });

  it('stops at a match that nothing can surpass', () => {
    // Four places: the nearest goes on to the end of the message.
    expect(new Reader().matches('abcde1abcde2abcde')).toStrictEqual([
      [5, 6],
      [5, 6],
    ]);
  });
});

describe('MatchFinder, over messages', () => {
  it('refers to those before', () => {
    const reader = new Reader();
    expect(reader.parse('hawser moors')).toStrictEqual(['hawser moors']);
    expect(reader.parse('hawser holds')).toStrictEqual([[7, 12], 'holds']);
    expect(reader.parse('hawser moors')).toStrictEqual([[12, 24]]);
  });

  it('remembers each place from which four bytes are left', () => {
    const reader = new Reader();
    reader.parse('1abcdefgh2abcdefgh');
    expect(reader.parse('efgh')).toStrictEqual([[4, 4]]); // the end of a match
    reader.parse('new: stuvwx');
    expect(reader.parse('uvwx')).toStrictEqual([[4, 4]]); // the end of literals
    reader.skip(Buffer.from('passed: jklmno'));
    expect(reader.parse('lmno')).toStrictEqual([[4, 4]]);
  });

  it.each([8, 9, 12, 15])(
    'refers as far back as a window of %i bits, and no further',
    (windowBits) => {
      const size = 2 ** windowBits;
      const wanted = Buffer.from('-what is wanted-');
      const distances = (between: number): Part[] => {
        const reader = new Reader(windowBits);
        reader.parse(wanted);
        for (let left = between, at = 0; left > 0; left -= LONGEST, at += LONGEST) {
          reader.parse(NOISE.subarray(at, at + Math.min(left, LONGEST)));
        }
        return reader.matches(wanted);
      };
      expect(distances(size - 16)).toStrictEqual([[16, size]]);
      expect(distances(size - 15)).toStrictEqual([]);
    },
  );

  it('goes on doing so however much has gone through', () => {
    const reader = new Reader(10);
    for (let at = 0; at + 500 < NOISE.length; at += 500) {
      const message = NOISE.subarray(at, at + 500);
      expect(reader.matches(message)).toStrictEqual([]);
      expect(reader.parse(message)).toStrictEqual([
        [258, 500],
        [242, 500],
      ]);
    }
  });

  it('is not misled by what stood in the same place long ago', () => {
    // 2^16 bytes later positions are the same again, and here the bytes as well, in part.
    const reader = new Reader(15);
    const turns = Array.from({ length: 40 }, (_, i) => (i % 2 ? NOISE.subarray(0, 1987) : NOISE.subarray(1500 + i, 3400))); // prettier-ignore
    for (let round = 0; round < 3; round++) for (const turn of turns) reader.parse(turn); // which compares
    expect(reader.matches(turns.at(-1)!).length).toBeGreaterThan(0);
  });

  it('refers to what was passed', () => {
    const reader = new Reader();
    reader.parse('one hawser, ');
    reader.skip(Buffer.from('two hawsers, '));
    expect(reader.matches('two hawsers')).toStrictEqual([[11, 13]]);
    reader.skip(Buffer.from('abc')); // too short to be found, but there
    expect(reader.matches('hawsers')).toStrictEqual([[7, 10]]);
  });

  it('keeps the last window of what was passed', () => {
    const reader = new Reader(12);
    const long = NOISE.subarray(0, 20_000);
    reader.skip(long);
    expect(reader.matches(long.subarray(-4096, -3600))).toStrictEqual([
      [258, 4096],
      [238, 4096],
    ]);
    reader.skip(long);
    expect(reader.matches(long.subarray(0, 2000))).toStrictEqual([]);
  });

  it('takes as much memory as it says', () => {
    const made: number[] = [];
    const { Uint8Array: Bytes, Uint16Array: Words } = globalThis;
    globalThis.Uint8Array = class extends Bytes { constructor(length: number) { super(length); made.push(this.byteLength); } } as typeof Bytes; // prettier-ignore
    globalThis.Uint16Array = class extends Words { constructor(length: number) { super(length); made.push(this.byteLength); } } as typeof Words; // prettier-ignore
    try {
      new MatchFinder(13, LONGEST).skip(Buffer.alloc(0));
    } finally {
      Object.assign(globalThis, { Uint8Array: Bytes, Uint16Array: Words });
    }
    expect(made).toHaveLength(3);
    expect(made.reduce((sum, each) => sum + each)).toBe(MatchFinder.bytesOf(13, LONGEST));
  });
});
