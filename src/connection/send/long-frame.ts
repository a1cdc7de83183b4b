import { Buffer } from 'node:buffer';
import type { ConnectionError } from '../close/connection-error.js';
import { headerSize } from '../../protocol/framing/frame-encoder.js';

/**
 * A frame whose payload is too long to be copied. The payload is the application's memory, which it
 * can detach or resize until the kernel has taken it; a header must not go out without its bytes.
 */
export class LongFrame {
  /** Whole frames that stand before this one, and its header. */
  readonly head: Buffer;
  readonly payload: Buffer;
  /** Bytes of payload that the header announces. */
  readonly payloadLength: number;
  /** Bytes of `head` and of the payload, as it was when it was sent. */
  readonly length: number;
  /** Where in the stream it ends; known when it is written. */
  end = 0;

  constructor(head: Buffer, payload: Uint8Array) {
    this.head = head;
    this.payload = asBuffer(payload);
    this.payloadLength = payload.length;
    this.length = head.length + payload.length;
  }

  /** The payload is not what the header says any more. */
  get isBroken(): boolean {
    return this.payload.length !== this.payloadLength;
  }

  /** Bytes of the frame: its header and its payload. */
  get frameLength(): number {
    return headerSize(this.payloadLength) + this.payloadLength;
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

  /**
   * The kernel has taken a part of the stream.
   *
   * @returns the next frame in it whose payload was detached meanwhile: it may have left as other bytes.
   */
  nextBroken(left: number): LongFrame | undefined {
    while (this.inFlight[0] !== undefined && this.inFlight[0].end <= left) {
      const frame = this.inFlight.shift()!;
      if (frame.isBroken) return frame;
    }
    return undefined;
  }
}

/** The same memory, in a view whose length does not follow that of its buffer. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
