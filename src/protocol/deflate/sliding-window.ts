import { Buffer } from 'node:buffer';

/**
 * The LZ77 sliding window of one direction (RFC 7692 section 7.1): the last bytes that went through,
 * as far back as a compressed message may refer. With it a zlib context can be made again in the
 * middle of a connection.
 */
export class SlidingWindow {
  readonly #size: number;
  #bytes: Buffer = Buffer.alloc(0);
  #filled = 0;

  /** @param windowBits its size is 2 to this power, in bytes. */
  constructor(windowBits: number) {
    this.#size = 2 ** windowBits;
  }

  /** Bytes of memory held. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** What is in the window, oldest first: a view until the next {@link slide}. `undefined` if nothing is. */
  get contents(): Buffer | undefined {
    return this.#filled === 0 ? undefined : this.#bytes.subarray(0, this.#filled);
  }

  /** Add what went through; what is too far back now is forgotten. */
  slide(bytes: Uint8Array): void {
    const { length } = bytes;
    // Stryker disable next-line EqualityOperator: as many bytes as it holds push out all others below, too.
    if (length >= this.#size) {
      this.#reserve(this.#size);
      this.#bytes.set(bytes.subarray(length - this.#size));
      this.#filled = this.#size;
      return;
    }
    const kept = Math.min(this.#filled, this.#size - length);
    this.#reserve(kept + length);
    // Stryker disable next-line ConditionalExpression,EqualityOperator: else it would be copied onto itself.
    if (kept < this.#filled) this.#bytes.copyWithin(0, this.#filled - kept, this.#filled);
    this.#bytes.set(bytes, kept);
    this.#filled = kept + length;
  }

  /** Capacity follows what went through: a connection of few words keeps few. */
  #reserve(count: number): void {
    if (count <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#size, Math.max(256, count * 2)));
    this.#bytes.copy(grown, 0, 0, this.#filled);
    this.#bytes = grown;
  }
}
