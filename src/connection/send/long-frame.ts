import type { Buffer } from 'node:buffer';
import type { ConnectionError } from '../close/connection-error.js';
import { asBuffer } from '../../protocol/framing/frame-encoder.js';
import { freeOwn } from '../../protocol/framing/own-memory.js';

/**
 * A frame whose payload is too long to be copied. The payload is the application's memory, which it
 * can detach or resize until the kernel has taken it; a header must not go out without its bytes. Or it is
 * ours, and freed when the kernel has taken it.
 */
export class LongFrame {
  /** Whole frames that stand before this one, and its header. */
  readonly head: Buffer;
  readonly payload: Buffer;
  /** Nothing else refers to the payload's memory. */
  readonly isOwned: boolean;
  /** Bytes of payload that the header announces. */
  readonly payloadLength: number;
  /** Bytes of `head` and of the payload, as it was when it was sent. */
  readonly length: number;
  /** Bytes of the frame: its header and its payload. */
  readonly frameLength: number;
  /** Where in the stream it ends; known when it is written. */
  end = 0;

  /** @param headerLength bytes at the end of `head` that are this frame's. */
  constructor(head: Buffer, headerLength: number, payload: Uint8Array, isOwned = false) {
    this.head = head;
    this.payload = asBuffer(payload);
    this.isOwned = isOwned;
    this.payloadLength = payload.length;
    this.length = head.length + payload.length;
    this.frameLength = headerLength + payload.length;
  }

  /** The payload is not what the header says any more. */
  get isBroken(): boolean {
    return this.payload.length !== this.payloadLength;
  }

  /** The kernel has the payload: free it, if it is ours. */
  free(): void {
    if (this.isOwned) freeOwn(this.payload);
  }

  /** The frames that stand before this one. */
  get before(): Buffer {
    return this.head.subarray(0, this.length - this.frameLength);
  }
}

/** What only a connection needs that has sent a long frame. */
export class LongFrames {
  /** The frames that were written and that the kernel may not have accepted yet. */
  inFlight: LongFrame[] = [];
  /** The payload of a frame was detached; the connection has not been told yet. */
  broken: ConnectionError | undefined;
  /** The socket is to be ended once the waiting frames are written. */
  ending = false;
  /** The transport does not read the bytes of a write again once the write is done. */
  readonly #frees: boolean;

  constructor(frees: boolean) {
    this.#frees = frees;
  }

  /** The kernel has all that was written. */
  allLeft(): void {
    if (this.#frees) for (const frame of this.inFlight) frame.free();
    // The array is kept. Where each frame gets a new one, V8 comes to allocate them in its old space, and
    // a dead one keeps its payload until a full garbage collection.
    this.inFlight.length = 0;
  }

  /**
   * The kernel has taken a part of the stream.
   *
   * @returns the next frame in it whose payload was detached meanwhile: it may have left as other bytes.
   */
  nextBroken(left: number): LongFrame | undefined {
    while (this.inFlight[0] !== undefined && this.inFlight[0].end <= left) {
      const frame = this.inFlight.shift()!;
      if (frame.isBroken) return frame;
      if (this.#frees) frame.free();
    }
    return undefined;
  }
}
