import { Buffer } from 'node:buffer';
import type { Deflater } from '../contexts.js';
import { FixedBlockWriter } from './block-writer.js';
import { MatchFinder } from './match-finder.js';

/** Up to this length, in bytes, dynamic Huffman codes gain nothing over the fixed codes. */
const MAX_SHORT_LENGTH = 2048;
/** Longer messages are written in pieces of this many bytes, … */
const PIECE_LENGTH = 512;
/** … as long as the input so far is at least this many times as long as the output: then they resemble earlier messages. */
const MIN_RATIO = 8;
/** The longest message that is tried in pieces. */
const MAX_TRIED_LENGTH = 64 * 1024;
/** What a stored block takes in addition to its data: three bits padded to a byte, LEN and NLEN, and one byte for the empty block. */
const STORED_OVERHEAD = 6;

/** Shared by all deflaters, which work one after the other. */
const tokens = new Int32Array(MAX_SHORT_LENGTH);
/** Has room for nine bits per byte of a short message, or for an eighth of a long one and one piece. */
const writer = new FixedBlockWriter(16 * 1024);

/**
 * Compresses messages that resemble each other, with context takeover: in JavaScript, and in a fifth of
 * the memory of a zlib context. zlib spends most of its time on building Huffman codes for each message;
 * this writes matches in the fixed codes and nothing else.
 */
export class CompactDeflater implements Deflater {
  readonly #windowBits: number;
  readonly #long: Deflater;
  #finder: MatchFinder | undefined;

  /**
   * @param windowBits 8 to 15.
   * @param long compresses messages of more than 2 KiB that do not resemble earlier ones; its output
   * must not refer to earlier messages.
   */
  constructor(windowBits: number, long: Deflater) {
    this.#windowBits = windowBits;
    this.#long = long;
  }

  /** Bytes of memory that a compressor takes. */
  static bytesOf(windowBits: number): number {
    return MatchFinder.bytesOf(windowBits, MAX_SHORT_LENGTH);
  }

  deflate(message: Uint8Array): Buffer {
    const finder = (this.#finder ??= new MatchFinder(this.#windowBits, MAX_SHORT_LENGTH));
    if (message.length > MAX_SHORT_LENGTH) return this.#deflateLong(finder, message);
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
    if (length <= MAX_TRIED_LENGTH) {
      writer.begin();
      for (let resembles = true; resembles;) {
        const piece = message.subarray(end, end + PIECE_LENGTH);
        end += piece.length;
        resembles = writer.add(tokens, finder.parse(piece, tokens)) * MIN_RATIO <= end;
        if (resembles && end === length) return Buffer.from(writer.end());
      }
    }
    finder.skip(message.subarray(end));
    return this.#long.deflate(message);
  }
}

/** A stored block (RFC 1951 section 3.2.4), and the beginning of the tail. */
function stored(message: Uint8Array): Buffer {
  const payload = Buffer.alloc(message.length + STORED_OVERHEAD);
  payload.writeUInt16LE(message.length, 1);
  payload.writeUInt16LE(message.length ^ 0xffff, 3);
  payload.set(message, 5);
  return payload;
}
