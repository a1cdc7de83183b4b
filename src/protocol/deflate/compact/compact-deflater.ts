import { Buffer } from 'node:buffer';
import type { Deflater } from '../contexts.js';
import { FixedBlockWriter } from './block-writer.js';
import { MatchFinder } from './match-finder.js';

/** Up to here, in bytes, the fixed codes are as good as any. */
const SHORT = 2048;
/** Longer messages are written in pieces of so many bytes, … */
const PIECE = 512;
/** … as long as at least so many times as much went in as came out: then they resemble what came before. */
const WORTH_IT = 8;
/** The longest that is tried so. */
const LONGEST = 64 * 1024;
/** What a block that is stored takes beside its data: three bits padded to a byte, LEN and NLEN, and one byte for the empty block. */
const STORED_OVERHEAD = 6;

/** All deflaters work one after the other. */
const tokens = new Int32Array(SHORT);
/** Of a short message at most nine bits for each byte are written, of a long one an eighth and a piece. */
const writer = new FixedBlockWriter(16 * 1024);

/**
 * Compresses messages that resemble each other, with context takeover: in JavaScript, and in a fifth of
 * the memory of a context of zlib's, which spends most of its time on Huffman codes for each message.
 * Here there is nothing but matches and the fixed codes.
 */
export class CompactDeflater implements Deflater {
  readonly #windowBits: number;
  readonly #long: Deflater;
  #finder: MatchFinder | undefined;

  /**
   * @param windowBits 8 to 15.
   * @param long compresses messages of more than 2 KiB that do not resemble what came before; it must
   * not refer to that.
   */
  constructor(windowBits: number, long: Deflater) {
    this.#windowBits = windowBits;
    this.#long = long;
  }

  /** Bytes of memory that one takes. */
  static bytesOf(windowBits: number): number {
    return MatchFinder.bytesOf(windowBits, SHORT);
  }

  deflate(message: Uint8Array): Buffer {
    const finder = (this.#finder ??= new MatchFinder(this.#windowBits, SHORT));
    if (message.length > SHORT) return this.#deflateLong(finder, message);
    writer.begin();
    writer.add(tokens, finder.parse(message, tokens));
    const payload = writer.end();
    return payload.length > message.length + STORED_OVERHEAD
      ? stored(message)
      : Buffer.from(payload);
  }

  release(): void {
    this.#finder = undefined;
  }

  #deflateLong(finder: MatchFinder, message: Uint8Array): Buffer {
    const { length } = message;
    let end = 0;
    if (length <= LONGEST) {
      writer.begin();
      for (let resembles = true; resembles;) {
        const piece = message.subarray(end, end + PIECE);
        end += piece.length;
        resembles = writer.add(tokens, finder.parse(piece, tokens)) * WORTH_IT <= end;
        if (resembles && end === length) return Buffer.from(writer.end());
      }
    }
    finder.pass(message.subarray(end));
    return this.#long.deflate(message);
  }
}

/** A block that is not compressed (RFC 1951 section 3.2.4), and the beginning of the tail. */
function stored(message: Uint8Array): Buffer {
  const payload = Buffer.alloc(message.length + STORED_OVERHEAD);
  payload.writeUInt16LE(message.length, 1);
  payload.writeUInt16LE(message.length ^ 0xffff, 3);
  payload.set(message, 5);
  return payload;
}
