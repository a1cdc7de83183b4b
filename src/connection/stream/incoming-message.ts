import type { Buffer } from 'node:buffer';
import { Fifo } from '../send/fifo.js';
import { type AnyMessage, MAX_HELD_BYTES } from '../receive/receive-queue.js';
import { MessageBuffer } from '../../protocol/framing/message-buffer.js';

/** Shorter parts are gathered up to this length: a flood of fragments of one byte is not one of chunks. */
const GATHER_UP_TO = 4 * 1024;

/** What a message that is taken in parts needs of its owner. */
interface MessageOwner {
  /** There is room again, or a message that was discarded can go on. */
  onTaken(): void;
  /** Every chunk was taken, or discarded. */
  onFinished(): void;
}

/** A call that waits for bytes. */
interface Waiting {
  readonly resolve: (chunk: AnyMessage | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** The chunks of one message that have come and are not taken yet. */
export class IncomingMessage {
  readonly isBinary: boolean;
  /** The application has begun to take it. */
  isTouched = false;
  readonly #owner: MessageOwner;
  readonly #chunks = new Fifo<AnyMessage>();
  /** Short parts that came one after the other. */
  #gathered: MessageBuffer | undefined;
  #heldBytes = 0;
  #isDiscarded = false;
  #isComplete = false;
  #isFinished = false;
  #failure: Error | undefined;
  /** A part was lost: nothing more is given. */
  #isBroken = false;
  #waiting: Waiting | undefined;
  #isWaking = false;

  constructor(owner: MessageOwner, isBinary: boolean) {
    this.#owner = owner;
    this.isBinary = isBinary;
  }

  /** Bytes that have come and are not taken. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Enough is held that reading should stop. */
  get isFull(): boolean {
    return this.#heldBytes >= MAX_HELD_BYTES;
  }

  /** What comes is not wanted. */
  get isDiscarded(): boolean {
    return this.#isDiscarded;
  }

  /** The last part has come. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Add bytes. */
  push(bytes: Buffer): void {
    if (this.#isDiscarded || this.#isBroken || bytes.length === 0) return;
    if (bytes.length >= GATHER_UP_TO) {
      this.#closeGathered();
      this.#chunks.push(bytes);
    } else {
      this.#gathered ??= new MessageBuffer();
      this.#gathered.append(bytes, 0, bytes.length);
      if (this.#gathered.length >= GATHER_UP_TO) this.#closeGathered();
    }
    this.#heldBytes += bytes.length;
    this.#wake();
  }

  /** Add the whole message, as it is. */
  pushWhole(data: AnyMessage): void {
    if (sizeOf(data) > 0) this.#chunks.push(data);
    this.#heldBytes = sizeOf(data);
    this.complete();
  }

  /** The last part has come. */
  complete(): void {
    this.#isComplete = !this.#isBroken;
    if (this.#isDiscarded) this.#finish();
    else this.#wake();
  }

  /** A part was lost: what is held is still given, and then the message waits for {@link fail}. */
  break(): void {
    this.#isBroken = true;
    this.#isComplete = false;
  }

  /** The rest of the message will not come. */
  fail(error: Error): void {
    if (this.#isComplete) return;
    this.#failure = error;
    if (this.#isDiscarded) this.#finish();
    else this.#wake();
  }

  /**
   * Take the next chunk.
   *
   * @returns `undefined` at the end. Rejects if the rest of the message will not come, or is discarded: it
   * must not look whole.
   */
  take(): Promise<AnyMessage | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#isDiscarded) {
        reject(discarded());
        return;
      }
      this.#waiting = { resolve, reject };
      this.#serve();
    });
  }

  /** Take no more. What comes is skipped. */
  discard(): void {
    if (this.#isFinished || this.#isDiscarded) return;
    this.#isDiscarded = true;
    this.clear();
    this.#waiting?.reject(discarded());
    this.#waiting = undefined;
    if (this.#isComplete || this.#failure !== undefined) this.#finish();
    else this.#owner.onTaken();
  }

  /** Discard what is held. */
  clear(): void {
    while (this.#chunks.take() !== undefined);
    this.#gathered = undefined;
    this.#heldBytes = 0;
  }

  /** Serve the call that waits when the read that brings the bytes has ended. */
  #wake(): void {
    if (this.#waiting === undefined || this.#isWaking) return;
    this.#isWaking = true;
    process.nextTick(() => {
      this.#isWaking = false;
      if (this.#waiting !== undefined) this.#serve();
    });
  }

  #serve(): void {
    const waiting = this.#waiting!;
    if (this.#chunks.first === undefined) this.#closeGathered();
    const chunk = this.#chunks.take();
    if (chunk === undefined && !this.#isComplete && this.#failure === undefined) return;
    this.#waiting = undefined;
    if (chunk !== undefined) {
      const wasFull = this.isFull;
      this.#heldBytes -= sizeOf(chunk);
      waiting.resolve(chunk);
      if (wasFull) this.#owner.onTaken();
    } else if (this.#failure !== undefined) {
      waiting.reject(this.#failure);
      this.#finish();
    } else {
      waiting.resolve(undefined);
      this.#finish();
    }
  }

  #closeGathered(): void {
    const bytes = this.#gathered?.take();
    this.#gathered = undefined;
    if (bytes !== undefined) this.#chunks.push(bytes);
  }

  #finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#owner.onFinished();
  }
}

/** The error for a message that is read after it was discarded. */
export function discarded(): TypeError {
  return new TypeError(
    'the message was discarded: discard() was called, or the loop over incoming() was left or went on before the message was read',
  );
}

/** A string counts by its length. */
function sizeOf(data: AnyMessage): number {
  return typeof data === 'string' ? data.length : data.byteLength;
}
