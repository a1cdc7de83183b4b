import { ConnectionError } from '../close/connection-error.js';
import type { PermessageDeflate } from '../deflate/permessage-deflate.js';
import type { ReceiverOwner } from '../receive/owner.js';
import type { AnyMessage, ReceiveQueue } from '../receive/receive-queue.js';
import { LONGEST_MESSAGE } from '../../protocol/framing/message-buffer.js';
import { ProtocolError } from '../../protocol/framing/protocol-error.js';
import { IncomingInflate } from './incoming-inflate.js';
import { IncomingMessage } from './incoming-message.js';
import { createMessageStream, type MessageStream, type StreamFormat } from './message-stream.js';

/** The receiver, as far as it concerns messages that are taken in parts. */
export interface PartReader {
  /** Continue reading: there is room, or nothing more to wait for. */
  read(): void;
  /** Whether the next byte that arrived begins a message. */
  isAtMessage(): boolean;
  /** See `FrameDecoder.takeParts`. */
  takeParts(maxPayload: number | undefined): void;
  /** Fail the connection: the peer broke a rule. */
  fail(error: ProtocolError): void;
}

/** What comes with a part. */
export interface Part {
  readonly payload: Buffer;
  readonly isBinary: boolean;
  readonly isCompressed: boolean;
  readonly isLast: boolean;
}

type Result = IteratorResult<MessageStream<AnyMessage>, undefined>;

/**
 * The messages of one connection that are taken in parts, one at a time: the consumer that `incoming()` makes.
 * Reading goes on up to the next message, and so handles Pings. The message is read when the loop asks for it.
 */
export class Incoming implements StreamFormat {
  readonly #owner: ReceiverOwner;
  readonly #reader: PartReader;
  readonly #compression: PermessageDeflate | undefined;
  /** Whole messages that are held. */
  readonly #queue: ReceiveQueue;
  /** Made for the first compressed message. */
  #inflate: IncomingInflate | undefined;
  #maxPayload = 0;
  /** The message that is being taken, or discarded. */
  #current: IncomingMessage | undefined;
  /** The parts of a message are coming. */
  #isArriving = false;
  /** They belong to no message that is wanted, or to one that has lost a part. */
  #isSkipping = false;
  /** Calls of the loop's `next()` that wait. */
  #waiting: ((result: Result) => void)[] = [];
  #isLooping = false;
  #isEnded = false;

  constructor(
    owner: ReceiverOwner,
    reader: PartReader,
    queue: ReceiveQueue,
    compression: PermessageDeflate | undefined,
  ) {
    this.#owner = owner;
    this.#reader = reader;
    this.#queue = queue;
    this.#compression = compression;
  }

  get textAs(): 'string' | 'buffer' {
    return this.#owner.settings.textAs;
  }

  get binaryAs(): 'buffer' | 'arraybuffer' {
    return this.#owner.settings.binaryAs;
  }

  get maxCollected(): number {
    return Math.min(this.#owner.settings.decoder.maxPayload!, this.#maxPayload, LONGEST_MESSAGE);
  }

  /** There is no state left: the connection can drop this object. */
  get isIdle(): boolean {
    return !this.#isLooping && !this.#isSkipping && this.#current === undefined;
  }

  /** Enough is held that reading should stop, or a message comes that the loop has not asked for. */
  get isFull(): boolean {
    if (this.#isCrowded()) return true;
    const isWanted = this.#waiting.length > 0 && this.#current === undefined;
    return this.#isLooping && !isWanted && this.#reader.isAtMessage();
  }

  get bytesHeld(): number {
    return (this.#current?.heldBytes ?? 0) + (this.#inflate?.bytesHeld ?? 0);
  }

  /** The loop over the messages. There is one at a time. */
  iterate(
    maxPayload: number,
  ): AsyncIterableIterator<MessageStream<AnyMessage>, undefined, undefined> {
    this.#maxPayload = maxPayload;
    this.#isLooping = this.#queue.iterating = true;
    this.#reader.takeParts(maxPayload);
    let left = false;
    const end = { done: true, value: undefined } as const;
    const iterator: AsyncIterableIterator<MessageStream<AnyMessage>, undefined, undefined> = {
      next: () => {
        if (left) return Promise.resolve(end);
        return new Promise((resolve) => {
          this.#waiting.push(resolve);
          // The loop goes on without having read the current message: its rest is not wanted.
          if (this.#current?.isTouched === false) this.#current.discard();
          this.#serve();
          this.#reader.read();
        });
      },
      return: () => {
        if (!left) {
          left = true;
          this.#leave();
        }
        return Promise.resolve(end);
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** A part of a message has come. */
  push({ payload, isBinary, isCompressed, isLast }: Part): void {
    this.#owner.markMessageActivity();
    const isFirst = !this.#isArriving;
    if (isFirst) {
      // It comes unasked only while the connection is closing: reading goes on then, because of the peer's Close.
      if (this.#waiting.length === 0 || this.#current !== undefined) {
        this.#owner.settings.counters.messagesDiscarded++;
        this.#isSkipping = true;
      } else {
        this.#begin(isBinary, isCompressed);
      }
    }
    const message = this.#current!;
    if (!this.#isSkipping && this.#isCrowded()) {
      // Likewise: the message has lost a part.
      message.break();
      this.#isSkipping = true;
    }
    this.#isArriving = !isLast;
    if (this.#isSkipping) {
      this.#isSkipping = !isLast;
      return;
    }
    if (isCompressed) {
      this.#inflate!.push(payload, isLast);
      return;
    }
    message.push(payload);
    if (isLast) message.complete();
  }

  /** A whole message was put into the queue. */
  onQueued(): void {
    this.#serve();
  }

  /** Discard what is held. */
  clear(): void {
    this.#current?.clear();
  }

  /** Everything that came has been read. */
  end(): void {
    this.#isEnded = true;
    if (this.#current?.isComplete === false) {
      const { cause } = this.#owner;
      this.#current.fail(new ConnectionError('ERR_MESSAGE_INCOMPLETE', { cause }));
    }
    this.#serve();
  }

  /** The connection has ended. */
  close(): void {
    this.#inflate?.close();
    this.#inflate = undefined;
  }

  tooLong(): void {
    this.#reader.fail(
      new ProtocolError(
        'ERR_MESSAGE_TOO_BIG',
        `the message is longer than maxPayload, which is ${this.maxCollected} bytes for text() and bytes()`,
      ),
    );
  }

  // For the message and its decompression.

  onTaken(): void {
    this.#inflate?.fill();
    this.#reader.read();
  }

  onInflated(): void {
    this.#reader.read();
  }

  fail(error: ProtocolError): void {
    this.#reader.fail(error);
  }

  onFinished(): void {
    this.#current = undefined;
    this.#serve();
    this.#reader.read();
  }

  /** No more can be held. */
  #isCrowded(): boolean {
    return this.#current?.isFull === true || this.#inflate?.isBusy === true;
  }

  #begin(isBinary: boolean, isCompressed: boolean): void {
    this.#owner.settings.counters.messagesReceived++;
    const message = new IncomingMessage(this, isBinary);
    if (isCompressed) {
      // Compression was negotiated, or the decoder would have rejected RSV1.
      this.#inflate ??= new IncomingInflate(this, this.#compression!, this.maxCollected);
      this.#inflate.begin(message, this.#maxPayload);
    }
    this.#give(message);
  }

  /** Give a message to the call that waits for it. */
  #give(message: IncomingMessage): void {
    this.#current = message;
    this.#waiting.shift()!({ done: false, value: createMessageStream(message, this) });
  }

  /** Give a held message to the call that waits, or end the loop. */
  #serve(): void {
    if (this.#waiting.length === 0 || this.#current !== undefined) return;
    const held = this.#queue.take();
    if (held !== undefined) {
      const message = new IncomingMessage(this, held.isBinary);
      message.pushWhole(held.data);
      this.#give(message);
    } else if (this.#isEnded) {
      this.#leave();
    }
  }

  #leave(): void {
    this.#isLooping = this.#queue.iterating = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve({ done: true, value: undefined });
    this.#current?.discard();
    this.#reader.takeParts(undefined);
    this.#reader.read();
  }
}
