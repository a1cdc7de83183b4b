import { Buffer } from 'node:buffer';
import type { Deflater } from './deflate.js';
import { BITS_MASK, COUNT_SHIFT, distanceCode, LENGTHS, LITERALS } from './fixed-codes.js';
import { distanceOf, isLiteral, lengthOf, MatchFinder } from './match-finder.js';

/** A longer message gains more by codes of its own than by what came before: zlib compresses it. */
const LONGEST = 2048;
/** BFINAL is 0 and BTYPE is 01: three bits, the lowest first (RFC 1951 section 3.2.3). */
const FIXED_BLOCK = 0b010;
const FIXED_BLOCK_BITS = 3;
/** The end of the block is seven zeros, and three more begin the empty one whose rest the peer adds (RFC 7692 section 7.2.1). */
const END_BITS = 7 + 3;
/** What a block that is stored takes beside its data: three bits padded to a byte, LEN and NLEN, and one byte for the empty block. */
const STORED_OVERHEAD = 6;

/** All deflaters work one after the other. */
const tokens = new Int32Array(LONGEST);
/** More than enough: a byte takes at most nine bits. */
const scratch = Buffer.allocUnsafeSlow(2 * LONGEST);
const output = new DataView(scratch.buffer);

/**
 * Compresses short messages that resemble each other, with context takeover: in JavaScript, and in a
 * fifth of the memory of a context of zlib's, which spends most of its time on Huffman codes for each
 * message. Here there is nothing but matches and the fixed codes.
 */
export class FixedDeflater implements Deflater {
  readonly #windowBits: number;
  readonly #long: Deflater;
  #finder: MatchFinder | undefined;

  /**
   * @param windowBits 8 to 15.
   * @param long compresses messages of more than 2 KiB; it must not refer to what came before.
   */
  constructor(windowBits: number, long: Deflater) {
    this.#windowBits = windowBits;
    this.#long = long;
  }

  /** Bytes of memory that one takes. */
  static bytesOf(windowBits: number): number {
    return MatchFinder.bytesOf(windowBits, LONGEST);
  }

  deflate(message: Uint8Array): Buffer {
    const finder = (this.#finder ??= new MatchFinder(this.#windowBits, LONGEST));
    if (message.length > LONGEST) {
      finder.pass(message);
      return this.#long.deflate(message);
    }
    const length = write(finder.parse(message, tokens));
    if (length > message.length + STORED_OVERHEAD) return stored(message);
    return Buffer.from(scratch.subarray(0, length));
  }

  release(): void {
    this.#finder = undefined;
  }
}

/** Write so many tokens as one block, and the beginning of the tail. @returns how many bytes that is. */
function write(count: number): number {
  const literals = LITERALS;
  const lengths = LENGTHS;
  let bits = FIXED_BLOCK;
  let held = FIXED_BLOCK_BITS;
  let at = 0;
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
  output.setInt32(at, bits, true);
  return at + ((held + END_BITS + 7) >> 3);
}

/** A block that is not compressed (RFC 1951 section 3.2.4), and the beginning of the tail. */
function stored(message: Uint8Array): Buffer {
  const payload = Buffer.alloc(message.length + STORED_OVERHEAD);
  payload.writeUInt16LE(message.length, 1);
  payload.writeUInt16LE(message.length ^ 0xffff, 3);
  payload.set(message, 5);
  return payload;
}
