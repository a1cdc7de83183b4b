import { AsyncResource, executionAsyncId } from 'node:async_hooks';
import type { Duplex } from 'node:stream';
import type { PermessageDeflate } from '../deflate/permessage-deflate.js';
import { IncomingDeflate } from '../deflate/incoming.js';
import { publishReceived } from '../diagnostics.js';
import { adoptSocket, NO_CONTEXT } from '../socket-context.js';
import type { FrameDecoderOptions } from '../../protocol/framing/frame-decoder.js';
import { Delivery } from './delivery.js';
import { bytesHeld, mustHold, mustStop } from './flow-control.js';
import { MessageReader } from './message-reader.js';
import type { ReceiverOwner } from './owner.js';
import type { AnyMessage } from './receive-queue.js';
import type { MessageStream } from '../stream/message-stream.js';
import type { ProtocolError } from '../../protocol/framing/protocol-error.js';
import type { IncomingOptions } from '../stream/stream-options.js';

/**
 * The receiving half of a connection: from the socket's chunks through the decoder to the
 * application's listeners or iterator, one message at a time.
 *
 * ```
 * socket 'data' - reader.push - reader.next: decode, [inflate] - emit('message')
 * ```
 *
 * Pausing, closing and a listener that throws are all the same to it: `next()` is not called.
 *
 * It is the connection's async resource: everything is delivered in the context in which it was made. A
 * resource of its own would cost each connection 32 bytes more.
 */
export class Receiver extends AsyncResource {
  readonly #owner: ReceiverOwner;
  readonly #decoderOptions: FrameDecoderOptions;
  readonly #compression: PermessageDeflate | undefined;
  /** Made for the first bytes. */
  #reader: MessageReader | undefined;
  /** `undefined` while listeners take each message at once. */
  #delivery: Delivery | undefined;
  /** The loop in {@link read} runs: a listener that calls back must not start a second one. */
  #reading = false;
  /** The peer's half of the transport, or the whole transport, has ended, and the closing handshake has not been told yet. */
  #ended: 'half' | 'whole' | undefined;
  /** The socket is paused. */
  #stopped = false;
  /** The async id of the socket's callbacks, if they run in the connection's context. */
  #socketContext = NO_CONTEXT;

  constructor(owner: ReceiverOwner, decoder: FrameDecoderOptions, compression?: PermessageDeflate) {
    super('hawser.connection');
    this.#owner = owner;
    this.#decoderOptions = decoder;
    this.#compression = compression;
  }

  get isPaused(): boolean {
    return this.#delivery?.isPaused === true;
  }

  /** The socket is paused. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Bytes that have arrived and are not delivered yet. A held message counts 64 more than its own. */
  get bytesHeld(): number {
    return bytesHeld(this.#reader, this.#delivery);
  }

  /** Nothing is delivered any more. */
  get isTerminated(): boolean {
    return this.#delivery?.isTerminated === true;
  }

  /** The socket is one of Node's own. */
  adoptSocket(socket: Duplex): void {
    this.#socketContext = adoptSocket(socket, this);
  }

  // From the transport to the application.

  /** Bytes came from the peer. @param owned see `FrameDecoder.pushOwned`. */
  push(chunk: Buffer, owned = false): void {
    this.requireReader().push(chunk, owned);
    // What comes from elsewhere, for example because the socket was resumed, comes in a callback with another id.
    if (executionAsyncId() !== this.#socketContext) this.read();
    else if (!this.#reading) this.readAll();
  }

  /** The peer ended its half. It takes effect once everything it sent before has been handled. */
  end(): void {
    this.#ended ??= 'half';
    this.read();
  }

  /** The transport has closed. No message comes after `'close'`, so everything that is not held for the application is delivered first. */
  close(): void {
    this.#ended = 'whole';
    this.scheduleRead();
  }

  /** The application has terminated the connection. Nothing is delivered any more, not even what has already arrived. */
  terminate(): void {
    this.requireDelivery().terminate();
    this.#reader?.stop();
    this.discardAll();
  }

  /** Decode nothing more: the connection has failed (RFC 6455 section 7.1.7). */
  stopDecoding(): void {
    // The reader is created if needed, so that bytes of a peer that has sent nothing yet are ignored too.
    this.requireReader().stop();
  }

  /** The connection has ended. */
  cancelTimers(): void {
    this.#reader?.cancelTimers();
    this.#delivery?.cancelTimers();
  }

  /** Hold messages from now on. */
  pause(): void {
    this.requireDelivery().pause();
  }

  /** Deliver what is held and go on; without a consumer discard it, as Node's streams do. */
  resume(): void {
    this.requireDelivery().resume();
    this.scheduleRead();
  }

  /** @throws TypeError if there is another consumer. */
  iterate(): AsyncIterableIterator<AnyMessage, undefined, undefined> {
    const iterator = this.requireDelivery().iterate();
    this.read();
    return iterator;
  }

  /** Take messages in parts. @throws TypeError if there is another consumer. */
  incoming({ maxPayload }: IncomingOptions): AsyncIterable<MessageStream<AnyMessage>> {
    const most = maxPayload ?? this.#decoderOptions.maxPayload!;
    return this.requireDelivery().iterateParts(this.requireReader(), most, this.#compression);
  }

  /** Fail the connection: a message cannot be delivered. */
  fail(error: ProtocolError): void {
    this.requireReader().fail(error);
  }

  /** A `'message'` listener is about to be added. @throws TypeError while an iterator is at work. */
  assertListenable(): void {
    if (this.#delivery === undefined) return;
    this.#delivery.assertListenable();
    this.scheduleRead();
  }

  /** Discard everything that has arrived and has not been delivered. */
  discardAll(): void {
    this.#reader?.discard();
    this.#delivery?.discardHeld();
    this.#owner.onHeld(0);
  }

  /** A `'frame'` listener is about to be added. */
  enableFrameEvents(): void {
    this.requireReader().collectHeaders();
  }

  /** Call {@link read} in the next tick, as Node's streams do. */
  scheduleRead(): void {
    process.nextTick(() => {
      this.read();
    });
  }

  /** Deliver everything that has arrived and is wanted, in the async context of the connection. */
  read(): void {
    if (this.#reading) return;
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with `this`
    this.runInAsyncScope(this.readAll, this);
  }

  private readAll(): void {
    this.#reading = true;
    if (this.#compression !== undefined) IncomingDeflate.resetTurn();
    let thrown = true;
    const corked = this.#owner.cork(); // what the listeners send leaves in one write
    try {
      while (this.readOne());
      thrown = false;
    } finally {
      this.#reading = false;
      if (corked) this.#owner.flush();
      // A listener's exception goes up to the application; the messages after it are not lost.
      if (thrown) this.scheduleRead();
    }
    this.updateFlow();
  }

  /** Handle one message or control frame. @returns `false` if there is nothing to do now. */
  private readOne(): boolean {
    const delivery = this.#delivery;
    if (delivery !== undefined) {
      if (delivery.isIdle) this.#delivery = undefined;
      else if (delivery.deliverHeld()) return true;
      else if (delivery.isFull && mustHold(this.#owner, this.#ended === 'whole')) return false;
      const { incoming } = delivery;
      if (incoming !== undefined) return this.requireReader().nextPart(incoming);
    }
    return this.#reader !== undefined && this.#reader.next();
  }

  /** For the reader: a message is complete. */
  deliver(data: AnyMessage, isBinary: boolean): void {
    const { emitter, settings } = this.#owner;
    settings.counters.messagesReceived++;
    publishReceived(emitter, data, isBinary);
    this.#owner.markMessageActivity();
    // A subscriber of the channel may have paused or terminated.
    if (this.#delivery === undefined && emitter.emit('message', data, isBinary)) return;
    this.requireDelivery().deliver(data, isBinary);
  }

  /** Report the peer's end. Pause the socket when enough is held, but never once the connection is closing. */
  private updateFlow(): void {
    const reader = this.#reader;
    if (this.#ended !== undefined && reader?.isInflating !== true && this.passOnEnd()) return;
    const stop = mustStop(this.#owner, reader, this.#delivery) ?? this.#stopped;
    if (stop === this.#stopped) return;
    this.#stopped = stop;
    if (stop) this.#owner.pauseSocket(reader!.isInflating);
    else this.#owner.resumeSocket();
  }

  /** Pass on the peer's end. @returns whether the transport is gone: the socket is not read again. */
  private passOnEnd(): boolean {
    if (this.#ended === 'half') {
      this.#ended = undefined;
      this.#owner.onEnd();
    }
    if (this.#ended !== 'whole') return false;
    this.#ended = undefined;
    this.scheduleRead(); // for what is left to do, though a listener may throw
    this.#owner.onInputDrained();
    return true;
  }

  private requireReader(): MessageReader {
    return (this.#reader ??= new MessageReader(
      this.#owner,
      this,
      this.#decoderOptions,
      this.#compression,
    ));
  }

  private requireDelivery(): Delivery {
    return (this.#delivery ??= new Delivery(this.#owner, this));
  }
}
