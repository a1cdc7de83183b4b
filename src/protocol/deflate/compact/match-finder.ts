import { LONGEST_MATCH } from './fixed-codes.js';

/** Shorter repetitions are not looked for: three literals are seldom more bits than a match. */
const MIN_MATCH = 4;
/** Earlier places that are tried for a match, the nearest first. */
const MAX_CHAIN = 8;
/** Positions are kept in 16 bits: a distance of up to 65535 can be told, twice the largest window. */
const POSITION_MASK = 0xffff;
/** Knuth's multiplicative hash: 2^32 divided by the golden ratio. */
const MULTIPLIER = 0x9e37_79b1;
/** In a token, the length is below the distance. */
const LENGTH_BITS = 9;
const LENGTH_MASK = 0x1ff;

/** Whether a token is a literal byte, not a match. */
// Stryker disable next-line EqualityOperator: 256 is neither.
export const isLiteral = (token: number): boolean => token < 256;
/** The length of a match. */
export const lengthOf = (match: number): number => match & LENGTH_MASK;
/** How far back a match is. */
export const distanceOf = (match: number): number => match >> LENGTH_BITS;

/**
 * What repeats what, in the messages of one direction (LZ77, RFC 1951 section 4): the sliding window,
 * and for each hash of four bytes the last position where it was, and for each position the one before
 * it with the same hash.
 *
 * These positions are hints. They are kept modulo 2^16 and never taken back, so they may be of bytes
 * that are long gone; whether there is a match, is told by comparing the bytes themselves.
 */
export class MatchFinder {
  readonly #windowSize: number;
  readonly #longest: number;
  /** A window, and after it room for a message. */
  readonly #bytes: Uint8Array;
  readonly #words: DataView;
  /** How much of it is filled. */
  #end = 0;
  /** The position of the first of them. */
  #first = 0;
  readonly #latest: Uint16Array;
  readonly #earlier: Uint16Array;
  readonly #hashShift: number;

  /**
   * @param windowBits nothing is further back than 2 to this power; 8 to 15.
   * @param longest most bytes that a message has.
   */
  constructor(windowBits: number, longest: number) {
    this.#windowSize = 1 << windowBits; // not 2 ** windowBits: V8 would reckon with fractions
    this.#longest = longest;
    this.#bytes = new Uint8Array(this.#windowSize + longest);
    this.#words = new DataView(this.#bytes.buffer);
    this.#latest = new Uint16Array(this.#windowSize / 2);
    this.#earlier = new Uint16Array(this.#windowSize);
    this.#hashShift = 33 - windowBits;
  }

  /** Bytes of memory that one takes. */
  static bytesOf(windowBits: number, longest: number): number {
    return 4 * 2 ** windowBits + longest;
  }

  /**
   * Add a message to the window.
   *
   * @param tokens what it consists of: literals, and matches of what is at most a window further back.
   * @returns how many they are; at most one for each byte.
   */
  parse(message: Uint8Array, tokens: Int32Array): number {
    let at = this.#append(message);
    // All of it in variables of one function: looked up in `this` for each byte it takes twice as long.
    const bytes = this.#bytes;
    const words = this.#words;
    const latest = this.#latest;
    const earlier = this.#earlier;
    const hashShift = this.#hashShift;
    const first = this.#first;
    const end = this.#end;
    const windowSize = this.#windowSize;
    const mask = windowSize - 1;
    const last = end - MIN_MATCH;
    let count = 0;
    while (at <= last) {
      const four = words.getInt32(at, true);
      const hash = Math.imul(four, MULTIPLIER) >>> hashShift;
      const position = first + at;
      let candidate = latest[hash]!;
      latest[hash] = position;
      earlier[position & mask] = candidate;

      const most = Math.min(LONGEST_MATCH, end - at);
      const furthest = Math.min(at, windowSize);
      let length = 0;
      let distance = 0;
      let back = 0;
      for (let tried = 0; ;) {
        const further = (position - candidate) & POSITION_MASK;
        if (further <= back || further > furthest) break; // no earlier place any more
        back = further;
        const other = at - back;
        // Only a longer one is of use, so the byte after the longest so far is the first to compare.
        // Stryker disable next-line ConditionalExpression: without that it only takes longer.
        if (bytes[other + length] === bytes[at + length] && words.getInt32(other, true) === four) {
          let equal = MIN_MATCH;
          while (equal < most && bytes[other + equal] === bytes[at + equal]) equal++;
          // Stryker disable next-line EqualityOperator: as the byte after `length` is equal, it is more or less, never as much.
          if (equal > length) {
            length = equal;
            distance = back;
            // Stryker disable next-line ConditionalExpression: nothing can be longer, it only takes longer to see that.
            if (equal === most) break;
          }
        }
        if (++tried === MAX_CHAIN) break;
        candidate = earlier[candidate & mask]!;
      }

      if (length === 0) {
        tokens[count++] = bytes[at++]!;
        continue;
      }
      tokens[count++] = (distance << LENGTH_BITS) | length;
      const next = at + length;
      this.#remember(at + 1, Math.min(next, last + 1));
      at = next;
    }
    while (at < end) tokens[count++] = bytes[at++]!;
    return count;
  }

  /** Add a message of any length to the window, which went another way. */
  pass(message: Uint8Array): void {
    const kept = message.subarray(-this.#windowSize);
    // Stryker disable next-line EqualityOperator: nothing is left to be added.
    for (let at = 0; at < kept.length; at += this.#longest) {
      const start = this.#append(kept.subarray(at, at + this.#longest));
      this.#remember(start, this.#end - MIN_MATCH + 1);
    }
  }

  /** @returns where it begins. */
  #append(message: Uint8Array): number {
    // Stryker disable next-line ConditionalExpression,EqualityOperator: a window is kept however often it is moved.
    if (this.#end + message.length > this.#bytes.length) {
      const gone = this.#end - this.#windowSize;
      this.#bytes.copyWithin(0, gone, this.#end);
      this.#first = (this.#first + gone) & POSITION_MASK;
      this.#end = this.#windowSize;
    }
    const start = this.#end;
    this.#bytes.set(message, start);
    this.#end += message.length;
    return start;
  }

  /** Later messages may refer to what is from here to there. */
  #remember(from: number, to: number): void {
    const words = this.#words;
    const latest = this.#latest;
    const earlier = this.#earlier;
    const hashShift = this.#hashShift;
    const first = this.#first;
    const mask = this.#windowSize - 1;
    for (let at = from; at < to; at++) {
      const hash = Math.imul(words.getInt32(at, true), MULTIPLIER) >>> hashShift;
      const position = first + at;
      earlier[position & mask] = latest[hash]!;
      latest[hash] = position;
    }
  }
}
