import { Buffer } from 'node:buffer';

/** The smallest block worth allocating, in bytes. */
const MIN_CAPACITY = 64;

/**
 * One growing block in which the pieces of a message gather.
 *
 * Its capacity follows the bytes that have arrived, never the bytes that were announced: it is at
 * most twice the length (or 64 bytes). A hundred thousand one-byte fragments therefore cost two
 * hundred kilobytes, not a hundred thousand objects, and a header that promises four megabytes
 * costs nothing. Growing by doubling keeps the copying linear in the bytes received.
 */
export class MessageBuffer {
  #block: Buffer | undefined;
  #length = 0;

  /** Bytes gathered. */
  get length(): number {
    return this.#length;
  }

  /** Bytes allocated. */
  get capacity(): number {
    return this.#block?.length ?? 0;
  }

  /**
   * Make room for `count` more bytes and count them as gathered. The caller writes them into the
   * returned block, from the index that `length` had before.
   *
   * @param total length the whole message will have, if that is known: a block that may have it
   * gets it exactly.
   */
  extend(count: number, total: number = Infinity): Buffer {
    const needed = this.#length + count;
    let block = this.#block;
    if (block === undefined || block.length < needed) {
      const capacity = Math.max(MIN_CAPACITY, Math.min(total, needed * 2));
      const grown = Buffer.allocUnsafe(capacity);
      if (block !== undefined) block.copy(grown, 0, 0, this.#length);
      this.#block = block = grown;
    }
    this.#length = needed;
    return block;
  }

  /** Add bytes as they are. */
  append(bytes: Buffer, start: number, end: number): void {
    const at = this.#length;
    bytes.copy(this.extend(end - start), at, start, end);
  }

  /** The gathered bytes, which now belong to the caller; the buffer starts anew. */
  take(): Buffer {
    const bytes = this.#block?.subarray(0, this.#length) ?? Buffer.alloc(0);
    this.#block = undefined;
    this.#length = 0;
    return bytes;
  }
}
