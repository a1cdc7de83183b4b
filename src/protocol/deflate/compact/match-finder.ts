import { LONGEST_MATCH } from './fixed-codes.js';

/** Shorter repetitions are not looked for: three literals are seldom more bits than a match. */
const MIN_MATCH = 4;
/** Earlier places that are tried for a match, the nearest first. */
const MAX_CHAIN = 8;
/** Positions are kept in 16 bits: distances up to 65535 are unambiguous, twice the largest window. */
const POSITION_MASK = 0xffff;
/** Knuth's multiplicative hash: 2^32 divided by the golden ratio. */
const MULTIPLIER = 0x9e37_79b1;
/** A match is a token with the length in its low bits and the distance above them. */
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
 * Finds repetitions in the messages of one direction (LZ77, RFC 1951 section 4). It has the sliding
 * window; for each hash of four bytes its latest position (`head`, as in zlib); and for each position the
 * previous one with the same hash (`prev`).
 *
 * Positions are stored modulo 2^16 and never cleared, so they may be stale. The bytes themselves are
 * compared before a match is used.
 */
export class MatchFinder {
  readonly #windowSize: number;
  readonly #longest: number;
  /** A window, and after it room for a message. */
  readonly #bytes: Uint8Array;
  readonly #words: DataView;
  /** How many of these bytes are in use. */
  #end = 0;
  /** The position of the first of these bytes. */
  #first = 0;
  readonly #head: Uint16Array;
  readonly #prev: Uint16Array;
  readonly #hashShift: number;

  /**
   * @param windowBits the window size as a power of two; 8 to 15.
   * @param longest most bytes of a message that is parsed.
   */
  constructor(windowBits: number, longest: number) {
    this.#windowSize = 1 << windowBits; // a shift, because V8 would calculate 2 ** windowBits in floating point
    this.#longest = longest;
    this.#bytes = new Uint8Array(this.#windowSize + longest);
    this.#words = new DataView(this.#bytes.buffer);
    this.#head = new Uint16Array(this.#windowSize / 2);
    this.#prev = new Uint16Array(this.#windowSize);
    this.#hashShift = 33 - windowBits;
  }

  /** Bytes of memory that a match finder takes. */
  static bytesOf(windowBits: number, longest: number): number {
    return 4 * 2 ** windowBits + longest;
  }

  /**
   * Add a message to the window.
   *
   * @param tokens receives its tokens: literals, and matches at most one window back.
   * @returns the number of tokens; at most one for each byte.
   */
  parse(message: Uint8Array, tokens: Int32Array): number {
    let at = this.#append(message);
    // The fields are copied to local variables: reading them from `this` for each byte takes twice as long.
    const bytes = this.#bytes;
    const words = this.#words;
    const head = this.#head;
    const prev = this.#prev;
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
      let candidate = head[hash]!;
      head[hash] = position;
      prev[position & mask] = candidate;

      const most = Math.min(LONGEST_MATCH, end - at);
      const furthest = Math.min(at, windowSize);
      let length = 0;
      let distance = 0;
      let back = 0;
      for (let tried = 0; ;) {
        const further = (position - candidate) & POSITION_MASK;
        if (further <= back || further > furthest) break; // there is no earlier place
        back = further;
        const other = at - back;
        // Only a longer match is of use, so the byte after the longest so far is compared first.
        // Stryker disable next-line ConditionalExpression: without it the search only takes longer.
        if (bytes[other + length] === bytes[at + length] && words.getInt32(other, true) === four) {
          let equal = MIN_MATCH;
          while (equal < most && bytes[other + equal] === bytes[at + equal]) equal++;
          // Stryker disable next-line EqualityOperator: the byte at `length` is equal, so `equal` is never the same as `length`.
          if (equal > length) {
            length = equal;
            distance = back;
            // Stryker disable next-line ConditionalExpression: no match can be longer; without it the search only takes longer.
            if (equal === most) break;
          }
        }
        if (++tried === MAX_CHAIN) break;
        candidate = prev[candidate & mask]!;
      }

      if (length === 0) {
        tokens[count++] = bytes[at++]!;
        continue;
      }
      tokens[count++] = (distance << LENGTH_BITS) | length;
      const next = at + length;
      this.#index(at + 1, Math.min(next, last + 1));
      at = next;
    }
    while (at < end) tokens[count++] = bytes[at++]!;
    return count;
  }

  /** Add a message of any length that was compressed elsewhere to the window. */
  skip(message: Uint8Array): void {
    const kept = message.subarray(-this.#windowSize);
    // Stryker disable next-line EqualityOperator: nothing is left to be added.
    for (let at = 0; at < kept.length; at += this.#longest) {
      const start = this.#append(kept.subarray(at, at + this.#longest));
      this.#index(start, this.#end - MIN_MATCH + 1);
    }
  }

  /** Add a message to the bytes. @returns the index at which it begins. */
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

  /** Index the positions from `from` to `to`, so that later messages can refer to them. */
  #index(from: number, to: number): void {
    const words = this.#words;
    const head = this.#head;
    const prev = this.#prev;
    const hashShift = this.#hashShift;
    const first = this.#first;
    const mask = this.#windowSize - 1;
    for (let at = from; at < to; at++) {
      const hash = Math.imul(words.getInt32(at, true), MULTIPLIER) >>> hashShift;
      const position = first + at;
      prev[position & mask] = head[hash]!;
      head[hash] = position;
    }
  }
}
