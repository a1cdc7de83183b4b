/** A message as the application gets it, unless `binaryAs` says otherwise. */
export type Message = string | Buffer;
/** A message as the application gets it, under any `textAs` and `binaryAs`. */
export type AnyMessage = Message | ArrayBuffer;

interface HeldMessage {
  readonly data: AnyMessage;
  readonly isBinary: boolean;
}

/** Bytes of messages held before reading stops. */
export const MAX_HELD_BYTES: number = 64 * 1024;
/** Bytes that holding a message costs in addition to its content. Without it empty messages would be free. */
const HELD_OVERHEAD = 64;

/**
 * Messages that are not taken yet: there is no consumer, or it paused, or it is an iterator that is
 * slower than the peer. A connection whose listeners keep up has no queue.
 */
export class ReceiveQueue {
  /** The application called `pause()`. */
  paused = false;
  /** The one consumer is an iterator. */
  iterating = false;

  #held: HeldMessage[] = [];
  #heldBytes = 0;
  /** Calls of the iterator's `next()` that wait for a message. */
  #waiting: ((result: IteratorResult<AnyMessage, undefined>) => void)[] = [];
  #ended = false;

  /** Messages held. */
  get size(): number {
    return this.#held.length;
  }

  /** Bytes held: a string counts by its length, and each message 64 more. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Enough is held that reading should stop. */
  get full(): boolean {
    return this.#heldBytes >= MAX_HELD_BYTES;
  }

  /** There is no state left: the connection can drop this object. */
  get idle(): boolean {
    return !this.paused && !this.iterating && this.#held.length === 0;
  }

  /** Hand a message to the iterator that waits for it, or hold it. */
  put(data: AnyMessage, isBinary: boolean): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting({ done: false, value: data });
      return;
    }
    this.#held.push({ data, isBinary });
    this.#heldBytes += sizeOf(data) + HELD_OVERHEAD;
  }

  /** The oldest message held. */
  take(): HeldMessage | undefined {
    const message = this.#held.shift();
    if (message !== undefined) this.#heldBytes -= sizeOf(message.data) + HELD_OVERHEAD;
    return message;
  }

  /** Discard the messages held. */
  clear(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }

  /** Another message will come: it was not decoded yet when the connection ended. */
  reopen(): void {
    this.#ended = false;
  }

  /** No message will come any more. */
  end(): void {
    this.#ended = true;
    // A waiting loop has taken everything and ends now. A later loop may still begin and ends at once.
    if (this.#waiting.length > 0) this.iterating = false;
    this.#release();
  }

  /**
   * The one iterator over the messages.
   *
   * @param continueReading called when there is room again.
   */
  iterate(continueReading: () => void): AsyncIterableIterator<AnyMessage, undefined, undefined> {
    this.iterating = true;
    let left = false;
    const iterator: AsyncIterableIterator<AnyMessage, undefined, undefined> = {
      next: () => {
        if (left) return Promise.resolve({ done: true, value: undefined });
        if (this.#held.length === 0) continueReading(); // messages may be left to decode
        const message = this.take();
        if (message !== undefined) {
          continueReading();
          return Promise.resolve({ done: false, value: message.data });
        }
        if (this.#ended) return iterator.return!(); // the last message was taken: another iterator may begin
        return new Promise((resolve) => this.#waiting.push(resolve));
      },
      return: () => {
        if (!left) {
          left = true;
          this.iterating = false;
          this.#release();
          continueReading();
        }
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Resolve every pending `next()` with `done: true`. */
  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve({ done: true, value: undefined });
  }
}

/** A string counts by its length. */
function sizeOf(data: AnyMessage): number {
  return typeof data === 'string' ? data.length : data.byteLength;
}
