import { Buffer } from 'node:buffer';

/** Bytes of the slab that all connections share. */
const SHARED_SIZE = 64 * 1024;

/**
 * A block into which small frames are written one behind the other, so that the frames of a tick
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

  /** Use the bytes of `piece` again: its write is done, and if nothing stands behind it, it is as if it had never been. */
  takeBack(piece: Buffer, start: number, end: number): void {
    if (this.at === end && this.bytes.buffer === piece.buffer) this.at = start;
  }
}

/** For frames that leave at the end of this tick. */
export const sharedSlab: Slab = new Slab(SHARED_SIZE);
