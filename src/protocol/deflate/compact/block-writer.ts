import { Buffer } from 'node:buffer';
import { BITS_MASK, COUNT_SHIFT, distanceCode, lengthCodes, literalCodes } from './fixed-codes.js';
import { distanceOf, isLiteral, lengthOf } from './match-finder.js';

/** BFINAL is 0 and BTYPE is 01: three bits, the lowest first (RFC 1951 section 3.2.3). */
const HEADER = 0b010;
const HEADER_BITS = 3;
/** The end of the block is seven zeros, and three more begin the empty one whose rest the peer adds (RFC 7692 section 7.2.1). */
const END_BITS = 7 + 3;

/** Writes the payload of a compressed message as one block in the fixed codes. */
export class FixedBlockWriter {
  readonly #bytes: Buffer;
  readonly #output: DataView;
  // Bits that are not written yet, how many they are, and how many bytes are written.
  #bits = 0;
  #held = 0;
  #at = 0;

  /** @param capacity most bytes that a payload has, and eight. */
  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
    this.#output = new DataView(this.#bytes.buffer);
  }

  /** Forget the message before, and begin a block. */
  begin(): void {
    this.#bits = HEADER;
    this.#held = HEADER_BITS;
    this.#at = 0;
  }

  /**
   * Add the first `count` tokens.
   *
   * @returns how many bytes there are so far, but for a few bits.
   */
  add(tokens: Int32Array, count: number): number {
    const literals = literalCodes();
    const lengths = lengthCodes();
    const output = this.#output;
    let bits = this.#bits;
    let held = this.#held;
    let at = this.#at;
    for (let i = 0; i < count; i++) {
      const token = tokens[i]!;
      if (isLiteral(token)) {
        const literal = literals[token]!;
        bits |= (literal & BITS_MASK) << held;
        held += literal >> COUNT_SHIFT;
        // Stryker disable next-line ConditionalExpression,EqualityOperator: the same bits, written sooner.
        if (held < 16) continue; // room for a length, which takes up to 13
      } else {
        const length = lengths[lengthOf(token)]!;
        bits |= (length & BITS_MASK) << held;
        held += length >> COUNT_SHIFT;
        output.setInt32(at, bits, true);
        at += held >> 3;
        bits >>>= held & ~7;
        held &= 7;
        const distance = distanceCode(distanceOf(token));
        bits |= (distance & BITS_MASK) << held;
        held += distance >> COUNT_SHIFT;
      }
      output.setInt32(at, bits, true);
      at += held >> 3;
      bits >>>= held & ~7;
      held &= 7;
    }
    this.#bits = bits;
    this.#held = held;
    this.#at = at;
    return at;
  }

  /**
   * End the block, and begin the tail.
   *
   * @returns the payload: a view until the next one begins.
   */
  end(): Buffer {
    this.#output.setInt32(this.#at, this.#bits, true);
    return this.#bytes.subarray(0, this.#at + ((this.#held + END_BITS + 7) >> 3));
  }
}
