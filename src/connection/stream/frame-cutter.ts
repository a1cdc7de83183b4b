import { Buffer } from 'node:buffer';
import { COPY_UP_TO } from '../send/backlog.js';
import { bytesOf } from '../../protocol/framing/payload.js';

/** The longest payload of a frame: a frame of 100 MB would keep Pings and the Close waiting for it. */
export const MAX_FRAME: number = 64 * 1024;

const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Cuts the bytes of a message into the payloads of its frames. Small chunks of one tick are gathered,
 * so that a thousand of ten bytes are not a thousand frames; long ones are cut.
 *
 * What is not known to be followed by more is held back: the last frame has FIN set, and none is empty.
 */
export class FrameCutter {
  /** Whether a character of UTF-8 stays in one frame. */
  #isText = false;
  /** Where small chunks are gathered; made for the first. */
  #block: Buffer | undefined;
  #gathered = 0;
  #isSealed = false;
  /** A payload that was not gathered. */
  #held: Uint8Array | undefined;
  /** What was added and is not held yet. */
  #rest: Uint8Array = EMPTY;
  /** Bytes of it. */
  #left = 0;

  /** Nothing is held back. */
  get isEmpty(): boolean {
    return this.#gathered === 0 && this.#held === undefined;
  }

  /** Add bytes. `next` has to be called until it returns nothing. */
  add(bytes: Uint8Array, isText: boolean): void {
    this.#rest = bytes;
    this.#left = bytes.length;
    this.#isText = isText;
  }

  /** The tick is over: what is gathered is not joined with what comes later. */
  seal(): void {
    this.#isSealed = this.#gathered > 0;
  }

  /**
   * The payload of a frame that more will follow; to be used before the next call.
   *
   * @throws TypeError if the memory of a chunk was transferred meanwhile.
   */
  next(): Uint8Array | undefined {
    while (this.#left > 0) {
      bytesOf(this.#rest); // throws
      const length = this.#left;
      if (this.#held !== undefined) return this.#takeHeld(this.#held);
      if (this.#gathered > 0 && (this.#isSealed || this.#gathered + length > COPY_UP_TO)) {
        return this.#takeGathered();
      }
      if (length <= COPY_UP_TO) {
        // A copy: a source may use the memory of a small chunk again for the next.
        (this.#block ??= Buffer.allocUnsafeSlow(COPY_UP_TO)).set(this.#rest, this.#gathered);
        this.#gathered += length;
        this.#left = 0;
        this.#rest = EMPTY;
      } else {
        const end = this.#endOfFrame();
        this.#held = this.#rest.subarray(0, end);
        this.#rest = this.#rest.subarray(end);
        this.#left -= end;
      }
    }
    return undefined;
  }

  /** The payload of the last frame. @throws as {@link next}. */
  last(): Uint8Array {
    return this.#held === undefined ? this.#takeGathered() : this.#takeHeld(this.#held);
  }

  #takeHeld(held: Uint8Array): Uint8Array {
    bytesOf(held); // throws
    this.#held = undefined;
    return held;
  }

  #takeGathered(): Uint8Array {
    const payload = this.#block?.subarray(0, this.#gathered) ?? EMPTY;
    this.#gathered = 0;
    this.#isSealed = false;
    return payload;
  }

  #endOfFrame(): number {
    const bytes = this.#rest;
    if (bytes.length <= MAX_FRAME) return bytes.length;
    let end = MAX_FRAME;
    if (this.#isText) while ((bytes[end]! & 0xc0) === 0x80) end--; // valid UTF-8: at most three times
    return end;
  }
}
