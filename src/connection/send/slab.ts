import { Buffer } from 'node:buffer';
import { headerSize, writeHeader } from '../../protocol/framing/frame-encoder.js';
import { writeText } from '../../protocol/text/utf8-codec.js';

/** Bytes of the slab that all connections share. */
const SHARED_SIZE = 64 * 1024;

/**
 * A block into which small frames are written one after the other, so that the frames of a tick
 * are one buffer and one write. Bytes that were handed out are not overwritten, unless they are
 * taken back: a full slab is replaced, and the garbage collector takes it when the last write is
 * done.
 */
export class Slab {
  readonly #size: number;
  bytes: Buffer;
  /** Where the next frame goes. */
  at = 0;

  constructor(size: number) {
    this.#size = size;
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  /** Begin a new block if `count` bytes do not fit any more; `count` is at most the slab's size. */
  reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    this.bytes = Buffer.allocUnsafeSlow(this.#size);
    this.at = 0;
  }

  /**
   * Write the header of a frame that is not masked, and return where its payload goes. This and
   * what follows leave `at` where it is: the frame is not handed out yet.
   */
  header(byte0: number, payloadLength: number): number {
    return writeHeader(this.bytes, this.at, byte0, payloadLength);
  }

  /** Write a frame that is not masked, and return its end. */
  frame(byte0: number, payload: Uint8Array): number {
    const start = this.header(byte0, payload.length);
    this.bytes.set(payload, start);
    return start + payload.length;
  }

  /** {@link frame} whose payload is text; there must be room for three bytes a character. */
  text(byte0: number, text: string): number {
    // The bytes are counted by writing them, after the header that as many ASCII characters would have.
    const start = this.at + headerSize(text.length);
    const length = writeText(text, this.bytes, start);
    const shift = headerSize(length) - headerSize(text.length);
    if (shift > 0) this.bytes.copyWithin(start + shift, start, start + length);
    return this.header(byte0, length) + length;
  }

  /** Use the bytes of `piece` again: its write is done. Only if nothing was written after it. */
  reclaim(piece: Buffer, start: number, end: number): void {
    if (this.at === end && this.bytes.buffer === piece.buffer) this.at = start;
  }
}

/** For frames that leave at the end of this tick. */
export const sharedSlab: Slab = new Slab(SHARED_SIZE);
