import type { PermessageDeflate } from '../deflate/permessage-deflate.js';
import type { Deadline } from '../limits/deadlines.js';
import { Incoming, type PartReader } from '../stream/incoming.js';
import type { MessageStream } from '../stream/message-stream.js';
import type { ReceiverOwner } from './owner.js';
import { type AnyMessage, ReceiveQueue } from './receive-queue.js';

/** What a delivery needs of the receiver. */
interface Reader {
  /** Continue reading: there is room, or nothing more to wait for. */
  read(): void;
}

/**
 * Handles the messages that no listener takes at once: they are held for a consumer, or discarded
 * without one. A connection whose listeners keep up has no such object.
 */
export class Delivery {
  readonly #owner: ReceiverOwner;
  readonly #reader: Reader;
  readonly #queue = new ReceiveQueue();
  /** What is discarded. After `resume()`, or a wait that was too long: messages without a consumer. After `terminate()`: everything. */
  #discards: 'nothing' | 'messages' | 'everything' = 'nothing';
  /** Runs while messages wait and there is no consumer. */
  #consumerDeadline: Deadline | undefined;
  /** The consumer that takes messages in parts. */
  #incoming: Incoming | undefined;

  constructor(owner: ReceiverOwner, reader: Reader) {
    this.#owner = owner;
    this.#reader = reader;
  }

  /** There is no state left: the connection can drop this object. */
  get isIdle(): boolean {
    return this.#discards === 'nothing' && this.#queue.idle && this.incoming === undefined;
  }

  get isPaused(): boolean {
    return this.#queue.paused;
  }

  /** Enough is held that reading should stop. */
  get isFull(): boolean {
    return this.#queue.full || this.#incoming?.isFull === true;
  }

  /** What takes the messages in parts, and what skips the rest of one. */
  get incoming(): Incoming | undefined {
    if (this.#incoming?.isIdle === true) {
      this.#incoming.close();
      this.#incoming = undefined;
    }
    return this.#incoming;
  }

  /** Nothing is delivered any more. */
  get isTerminated(): boolean {
    return this.#discards === 'everything';
  }

  get bytesHeld(): number {
    return this.#queue.heldBytes + (this.#incoming?.bytesHeld ?? 0);
  }

  /** Give a message to the iterator, hold it for a consumer, or discard it. */
  deliver(data: AnyMessage, isBinary: boolean): void {
    if (this.#discards === 'nothing') {
      const queue = this.#queue;
      const { state, settings } = this.#owner;
      // Once we have sent a Close, reading goes on whether or not there is room, unless it may stop.
      if (state !== 'closing' || settings.holdsAfterClose || !(queue.paused || queue.full)) {
        queue.put(data, isBinary);
        this.#incoming?.onQueued();
        return;
      }
    }
    this.#owner.settings.counters.messagesDiscarded++;
  }

  /** Hand a held message to the listeners, if there are any and they want it. */
  deliverHeld(): boolean {
    const queue = this.#queue;
    if (queue.size === 0 || queue.paused || queue.iterating) return false;
    if (this.#owner.emitter.listenerCount('message') === 0) return false;
    const { data, isBinary } = queue.take()!;
    this.#owner.emitter.emit('message', data, isBinary);
    return true;
  }

  /** Hold messages from now on. */
  pause(): void {
    this.#expectConsumer();
    this.#queue.paused = true;
  }

  /** Deliver from now on what is held; without a consumer discard it, as Node's streams do. */
  resume(): void {
    this.#queue.paused = false;
    if (this.#owner.emitter.listenerCount('message') === 0 && !this.#queue.iterating) {
      this.#discardMessages();
    }
  }

  /** @throws TypeError if there is another consumer. */
  iterate(): AsyncIterableIterator<AnyMessage, undefined, undefined> {
    this.#assertNoConsumer();
    return this.#queue.iterate(() => {
      this.#reader.read();
    });
  }

  /** Take messages in parts. @throws TypeError if there is another consumer. */
  iterateParts(
    reader: PartReader,
    maxPayload: number,
    compression: PermessageDeflate | undefined,
  ): AsyncIterableIterator<MessageStream<AnyMessage>, undefined, undefined> {
    this.#assertNoConsumer();
    this.#incoming ??= new Incoming(this.#owner, reader, this.#queue, compression);
    return this.#incoming.iterate(maxPayload);
  }

  /** A `'message'` listener is about to be added. @throws TypeError while an iterator is at work. */
  assertListenable(): void {
    if (this.#queue.iterating) {
      throw new TypeError(
        "an iterator is taking this connection's messages; leave its loop before adding a 'message' listener",
      );
    }
    this.#expectConsumer();
  }

  /** Discard everything from now on. */
  terminate(): void {
    this.#discards = 'everything';
    this.discardHeld();
  }

  /** Discard and count the messages that are held. */
  discardHeld(): void {
    this.#owner.settings.counters.messagesDiscarded += this.#queue.size;
    this.#queue.clear();
    this.#incoming?.clear();
    this.#consumerDeadline?.cancel();
  }

  /** No message will come any more, after those that are held. */
  end(): void {
    this.#queue.end();
    if (this.#incoming?.isFull === false) this.#incoming.end();
  }

  /** Another message will come: it was not decoded yet when the connection ended. */
  reopen(): void {
    this.#queue.reopen();
  }

  /** The connection has ended. */
  cancelTimers(): void {
    this.#consumerDeadline?.cancel();
  }

  #assertNoConsumer(): void {
    if (this.#queue.iterating || this.#owner.emitter.listenerCount('message') > 0) {
      throw new TypeError(
        "a connection has either 'message' listeners or one iterator; remove the other consumer first",
      );
    }
    this.#expectConsumer();
  }

  /** Start the deadline for waiting messages, unless the application paused or reads with an iterator: these have no deadline. */
  awaitConsumer(): void {
    const queue = this.#queue;
    const deadline = this.#consumerDeadline;
    const isAwaited =
      this.#owner.state === 'open' &&
      queue.size > 0 &&
      !queue.paused &&
      !queue.iterating &&
      this.#owner.emitter.listenerCount('message') === 0;
    if (!isAwaited) {
      deadline?.cancel();
    } else if (deadline === undefined) {
      const { deadlines, heartbeat } = this.#owner.settings;
      this.#consumerDeadline = deadlines.start(heartbeat.consumerTimeout, () => {
        this.#discardMessages();
        this.#owner.settings.observer?.unread(this.#owner.emitter);
        this.#reader.read(); // reading may have stopped, but the peer's Pings, its Close and its end must be seen
      });
    } else if (!deadline.isRunning) {
      deadline.restart();
    }
  }

  /** Hold messages from now on, unless `terminate()` was called: a consumer comes, or the application paused. */
  #expectConsumer(): void {
    if (this.#discards === 'messages') this.#discards = 'nothing';
    this.#consumerDeadline?.cancel();
  }

  /** Discard the messages that are held, and those that come before there is a consumer. */
  #discardMessages(): void {
    if (this.#discards === 'nothing') this.#discards = 'messages';
    this.discardHeld();
  }
}
