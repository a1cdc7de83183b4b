import { Buffer, constants } from 'node:buffer';
import { allocateOwn, freeMemory, freeOwn, isWhole } from './own-memory.js';

/**
 * The longest message that can be joined, in bytes, under any `maxPayload`. A longer Buffer is
 * impossible in some versions of Node, and in the others zlib and `copy` count in 32 bits.
 */
export const LONGEST_MESSAGE: number = Math.min(constants.MAX_LENGTH, 0xffff_ffff);
/** The smallest block worth allocating, in bytes. */
const MIN_CAPACITY = 64;
/** The list of a message that keeps no piece, which is most messages: one for all of them. */
const NONE: Buffer[] = [];

/**
 * A buffer for the pieces of a message.
 *
 * Small pieces are copied into one growing block. Its capacity follows the bytes that have arrived,
 * never the bytes that were announced: it is at most twice what it holds (or 64 bytes). A hundred
 * thousand one-byte fragments therefore cost two hundred kilobytes, not a hundred thousand objects,
 * and a header that promises four megabytes costs nothing. Growing by doubling keeps the copying
 * linear in the bytes received.
 *
 * A large piece can be kept as it is instead. It is then copied once, by `take`.
 *
 * What was copied elsewhere is freed at once: blocks that became too small, and kept pieces if all of them
 * are ours.
 */
export class MessageBuffer {
  /** Large pieces, and blocks that were complete before one; in order. */
  #kept: Buffer[] = NONE;
  #keptLength = 0;
  /** Nothing else refers to the memory of the kept pieces. */
  #ownsKept = true;
  #block: Buffer | undefined;
  #filled = 0;

  /** Bytes gathered. */
  get length(): number {
    return this.#keptLength + this.#filled;
  }

  /** Bytes allocated. */
  get capacity(): number {
    return this.#keptLength + (this.#block?.length ?? 0);
  }

  /** Bytes in the growing block. */
  get filled(): number {
    return this.#filled;
  }

  /**
   * Whether the block for `count` more bytes will have to grow again: the message is, or may be,
   * more than twice as long as the bytes so far. A large piece is better kept than copied then.
   */
  willGrowAgain(count: number, total: number): boolean {
    return total > (this.length + count) * 2;
  }

  /**
   * Make room for `count` more bytes and count them as gathered. The caller writes them into the
   * returned block, up to the index that `filled` has after the call.
   *
   * @param total length of the whole message, if it is known. As soon as half of the message has
   * arrived, it gets one block with room for all of it.
   * @throws RangeError if there is no memory for so long a block.
   */
  extend(count: number, total: number = Infinity): Buffer {
    let block = this.#block;
    if (block === undefined || block.length < this.#filled + count) {
      const whole = !this.willGrowAgain(count, total);
      const needed = this.#filled + count;
      const ahead = Math.min(needed * 2, LONGEST_MESSAGE);
      block = allocateOwn(whole ? total : Math.max(MIN_CAPACITY, needed, ahead));
      let at = whole ? this.#moveKept(block) : 0;
      if (this.#block !== undefined) {
        at += this.#block.copy(block, at, 0, this.#filled);
        freeOwn(this.#block);
      }
      this.#block = block;
      this.#filled = at;
    }
    this.#filled += count;
    return block;
  }

  /** Add bytes by copying them. */
  append(bytes: Buffer, start: number, end: number): void {
    const block = this.extend(end - start);
    bytes.copy(block, this.#filled - (end - start), start, end);
  }

  /**
   * Add bytes by keeping them where they are.
   *
   * @param owned nothing else refers to their memory: it can be freed when they are copied.
   */
  keep(piece: Buffer, owned = false): void {
    if (this.#kept === NONE) this.#kept = [];
    this.#closeBlock();
    this.#kept.push(piece);
    this.#keptLength += piece.length;
    this.#ownsKept &&= owned;
  }

  /**
   * The gathered bytes as one buffer, which now belongs to the caller. The MessageBuffer is empty
   * again.
   *
   * @throws RangeError if there is no memory for so long a buffer.
   */
  take(): Buffer {
    let bytes: Buffer;
    if (this.#kept === NONE) {
      bytes = this.#block?.subarray(0, this.#filled) ?? Buffer.alloc(0);
    } else {
      this.#closeBlock();
      bytes = allocateOwn(this.#keptLength);
      this.#moveKept(bytes);
    }
    this.#block = undefined;
    this.#filled = 0;
    return bytes;
  }

  /** Copy the kept pieces to a block. @returns how many bytes they were. */
  #moveKept(block: Buffer): number {
    let at = 0;
    for (const piece of this.#kept) {
      at += piece.copy(block, at);
      if (this.#ownsKept) freeMemory(piece.buffer);
    }
    this.#kept = NONE;
    this.#keptLength = 0;
    this.#ownsKept = true;
    return at;
  }

  #closeBlock(): void {
    if (this.#block === undefined) return;
    this.#ownsKept &&= isWhole(this.#block);
    this.#kept.push(this.#block.subarray(0, this.#filled));
    this.#keptLength += this.#filled;
    this.#block = undefined;
    this.#filled = 0;
  }
}
