import { AsyncResource } from 'node:async_hooks';
import type { PermessageDeflate } from '../deflate/permessage-deflate.js';
import type { Deadline } from '../limits/deadlines.js';
import { IncomingDeflate } from '../deflate/incoming.js';
import { publishReceived } from '../diagnostics.js';
import { type AnyMessage, ReceiveQueue } from './receive-queue.js';
import type { ProtocolError } from '../../protocol/framing/protocol-error.js';
import {
  atByte,
  FrameDecoder,
  type FrameDecoderOptions,
} from '../../protocol/framing/frame-decoder.js';
import { type FrameHeader, Opcode } from '../../protocol/framing/frame.js';
import { RateLimiter } from './rate-limiter.js';
import { shouldPause } from './flow-control.js';
import { timeMessage } from './message-timer.js';
import type { ReceiverOwner } from './owner.js';
import { inflatedText, toArrayBuffer } from './received-data.js';

/**
 * The receiving half of a connection: from the socket's chunks through the decoder to the
 * application's listeners or iterator, one message at a time.
 *
 * ```
 * socket 'data' - decoder.push - decoder.next - [inflate] - emit('message')
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
  /** Made for the first bytes: a peer that only listens costs none. */
  #decoder: FrameDecoder | undefined;
  /** Only where permessage-deflate was negotiated. */
  readonly #decompressor: IncomingDeflate | undefined;
  /** Messages that are not delivered yet; `undefined` while listeners take each message at once. */
  #inbox: ReceiveQueue | undefined;
  /** What is discarded: messages without a consumer, after `resume()` or a wait that was too long; everything, after `terminate()`. */
  #discards: 'nothing' | 'messages' | 'everything' = 'nothing';
  /** The loop in {@link read} runs: a listener that calls back must not start a second one. */
  #reading = false;
  /** The decoder has found something that has not been handled yet. */
  #found = false;
  /** The peer's half of the transport has ended, or all of it, and the closing handshake does not know yet. */
  #ended: 'half' | 'whole' | undefined;
  /** The socket is paused. */
  #stopped = false;
  /** Where `messageRate` is set: what the peer may still send. Made with the decoder. */
  #throttle: RateLimiter | undefined;
  /** Runs while a message is unfinished. Made for the first that comes in several reads, and then kept: the others cost nothing. */
  #messageDeadline: Deadline | undefined;

  constructor(owner: ReceiverOwner, decoder: FrameDecoderOptions, compression?: PermessageDeflate) {
    super('hawser.connection');
    this.#owner = owner;
    this.#decoderOptions = decoder;
    if (compression !== undefined) {
      this.#decompressor = new IncomingDeflate(compression, decoder.maxPayload!, () => {
        this.read();
      });
    }
  }

  /** For the budget: bytes held of what has come, whole messages or not. */
  #bytesHeld(): number {
    return (
      (this.#decoder?.bytesHeld ?? 0) +
      (this.#inbox?.heldBytes ?? 0) +
      (this.#decompressor?.bytesHeld ?? 0)
    );
  }

  get isPaused(): boolean {
    return this.#inbox?.paused ?? false;
  }

  /** The socket is paused. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Nothing is delivered any more. */
  get isTerminated(): boolean {
    return this.#discards === 'everything';
  }

  #isOpen(): boolean {
    return this.#owner.state === 'open';
  }

  // From the transport to the application.

  /** Bytes came from the peer. */
  push(chunk: Buffer): void {
    (this.#decoder ?? this.#makeDecoder()).push(chunk);
    this.read();
  }

  /** The peer ended its half; that counts once all it sent before has been handled. */
  end(): void {
    this.#ended ??= 'half';
    this.read();
  }

  /** The transport is gone. No message comes after `'close'`, so all that is not held for the application is delivered first. */
  close(): void {
    this.#ended = 'whole';
    this.scheduleRead();
  }

  /** The application has terminated the connection. Nothing is delivered any more, also of what has come. */
  terminate(): void {
    this.#discards = 'everything';
    this.#decoder?.stop();
    this.discardAll();
  }

  /** Decode nothing more: the connection has failed (RFC 6455 section 7.1.7). */
  stopDecoding(): void {
    // Made if it must be: a peer that has sent nothing yet is not listened to later either.
    (this.#decoder ?? this.#makeDecoder()).stop();
  }

  /** The connection has ended. */
  cancelTimers(): void {
    this.#messageDeadline?.cancel();
    this.#inbox?.consumerDeadline?.cancel();
    this.#throttle?.end();
  }

  /** Hold messages from now on. */
  pause(): void {
    this.#expectConsumer();
    (this.#inbox ??= new ReceiveQueue()).paused = true;
  }

  /** Deliver what is held and go on; without a consumer discard it, as Node's streams do. */
  resume(): void {
    const inbox = this.#inbox;
    if (inbox !== undefined) inbox.paused = false;
    if (this.#owner.emitter.listenerCount('message') === 0 && inbox?.iterating !== true) {
      this.#discardMessages();
    }
    this.scheduleRead();
  }

  /** @throws TypeError if there is another consumer. */
  iterate(): AsyncIterableIterator<AnyMessage, undefined, undefined> {
    if (this.#inbox?.iterating === true || this.#owner.emitter.listenerCount('message') > 0) {
      throw new TypeError(
        "a connection has either 'message' listeners or one iterator; remove the other consumer first",
      );
    }
    this.#expectConsumer();
    const inbox = (this.#inbox ??= new ReceiveQueue());
    const iterator = inbox.iterate(() => {
      this.read();
    });
    this.read();
    return iterator;
  }

  /** A `'message'` listener is about to be added. @throws TypeError while an iterator is at work. */
  assertListenable(): void {
    if (this.#inbox?.iterating === true) {
      throw new TypeError(
        "an iterator is taking this connection's messages; leave its loop before adding a 'message' listener",
      );
    }
    this.#expectConsumer();
    if (this.#inbox !== undefined) this.scheduleRead();
  }

  /** Messages are wanted from now on. Only after `terminate()` there are none. */
  #expectConsumer(): void {
    if (this.#discards === 'messages') this.#discards = 'nothing';
    this.#inbox?.consumerDeadline?.cancel();
  }

  /** Discard the messages that are held, and those that come before there is a consumer. */
  #discardMessages(): void {
    if (this.#discards === 'nothing') this.#discards = 'messages';
    this.#discardHeld();
  }

  #discardHeld(): void {
    const inbox = this.#inbox;
    if (inbox === undefined) return;
    this.#owner.settings.counters.messagesDiscarded += inbox.size;
    inbox.clear();
    inbox.consumerDeadline?.cancel();
  }

  /** Let go of all that has come and has not been delivered. */
  discardAll(): void {
    this.#found = false;
    this.#decoder?.releasePayload();
    if (this.#decoder?.headers !== undefined) this.#decoder.headers.length = 0;
    this.#decompressor?.forget();
    this.#discardHeld();
    this.#owner.onHeld(0);
  }

  /** A `'frame'` listener is about to be added. */
  enableFrameEvents(): void {
    (this.#decoder ?? this.#makeDecoder()).headers ??= [];
  }

  /** {@link read} in a call of its own, as Node's streams deliver what they hold. */
  scheduleRead(): void {
    process.nextTick(() => {
      this.read();
    });
  }

  /** Deliver all there is, as far as it is wanted, in the async context of the connection. */
  read(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.runInAsyncScope(this.#readAll, this);
  }

  #readAll(): void {
    IncomingDeflate.resetTurn();
    let thrown = true;
    const corked = this.#owner.cork(); // what the listeners send leaves in one write
    try {
      while (this.#readOne());
      thrown = false;
    } finally {
      this.#reading = false;
      if (corked) this.#owner.flush();
      // A listener's exception goes up to the application; the messages after it are not lost.
      if (thrown) this.scheduleRead();
    }
    this.#updateFlow();
  }

  /** Pass on the peer's end; stop the socket when enough is held, but never once the connection is closing. */
  #updateFlow(): void {
    const inflating = this.#decompressor?.isBusy === true;
    if (this.#ended === 'half' && !inflating) {
      this.#ended = undefined;
      this.#owner.onEnd();
    }
    if (this.#ended === 'whole' && !inflating) {
      this.#ended = undefined;
      this.scheduleRead(); // for what is left to do, though a listener may throw
      this.#owner.onInputDrained();
      return;
    }
    const { state } = this.#owner;
    if (state === 'closed') {
      // What is still held or undecoded can be taken all the same; a message without its end cannot.
      if (inflating) {
        this.#inbox?.reopen();
      } else {
        this.#inbox?.end();
        if (this.#inbox?.full !== true) this.#decoder?.stop();
      }
      return;
    }
    this.#owner.onHeld(this.#bytesHeld());
    const isRateLimited = this.#throttle?.isWaiting === true;
    const stop = shouldPause(state, inflating, isRateLimited, this.#inbox?.full === true);
    this.#messageDeadline = timeMessage(
      this.#messageDeadline,
      this.#decoder,
      this.#owner.settings,
      this,
    );
    if (this.#inbox !== undefined) this.#awaitConsumer(this.#inbox, state === 'open');
    // A string that is held, say, needs the bytes no more that it was made of.
    if (stop && !this.#found) this.#decoder!.releasePayload();
    if (stop === this.#stopped) return;
    this.#stopped = stop;
    if (stop) this.#owner.pauseSocket(inflating);
    else this.#owner.resumeSocket();
  }

  /** Give messages that wait their time; but a paused connection and a slow iterator may take as long as they like. */
  #awaitConsumer(inbox: ReceiveQueue, isOpen: boolean): void {
    const isAwaited =
      isOpen &&
      inbox.size > 0 &&
      !inbox.paused &&
      !inbox.iterating &&
      this.#owner.emitter.listenerCount('message') === 0;
    const { consumerDeadline: patience } = inbox;
    if (!isAwaited) {
      patience?.cancel();
    } else if (patience === undefined) {
      const { deadlines, heartbeat } = this.#owner.settings;
      inbox.consumerDeadline = deadlines.start(heartbeat.consumerTimeout, () => {
        this.#discardMessages();
        this.#owner.settings.observer?.unread(this.#owner.emitter);
        this.read(); // reading may have stopped, but the peer's Pings, its Close and its end must be seen
      });
    } else if (!patience.isRunning) {
      patience.restart();
    }
  }

  /** For the message timer. */
  onMessageTimeout(error: ProtocolError): void {
    this.scheduleRead(); // reading may have stopped, but the peer's end must be seen
    this.#failed(error);
  }

  /** One message or control frame; `false` when there is nothing to be done now. */
  #readOne(): boolean {
    const inbox = this.#inbox;
    if (inbox !== undefined) {
      const { state } = this.#owner;
      if (inbox.idle) this.#inbox = undefined;
      else if (this.#deliverHeld(inbox)) return true;
      else if (inbox.full && (state === 'open' || state === 'closed' || this.#ended === 'whole')) {
        return false;
      }
    }
    if (this.#decompressor?.isBusy === true) return this.#deliverInflated(this.#decompressor);
    const decoder = this.#decoder;
    if (decoder === undefined) return false;
    if (!this.#found) {
      if (this.#throttle !== undefined && this.#isOpen() && this.#throttle.mustWait()) return false;
      this.#found = this.#decode(decoder);
    }
    // A listener that throws here does not cost the message: the next call goes on with it.
    if (decoder.headers !== undefined) this.#emitHeaders(decoder, decoder.headers);
    if (!this.#found) return false;
    this.#found = false;
    // The next message gets time of its own; but a control frame inside a message is no progress.
    if (this.#messageDeadline?.isRunning === true && !decoder.inProgress) {
      this.#messageDeadline.stop();
    }
    if (decoder.compressed) {
      const decompressor = this.#decompressor!; // or the decoder had refused RSV1
      decompressor.inflate(decoder.payload, decoder.opcode === Opcode.Binary);
      return this.#deliverInflated(decompressor);
    }
    switch (decoder.opcode) {
      case Opcode.Text:
        if (this.#owner.settings.textAs === 'buffer') this.#deliver(decoder.payload, false);
        else return this.#deliverText(decoder);
        break;
      case Opcode.Binary:
        this.#deliver(this.#binary(decoder.payload), true);
        break;
      default:
        this.#owner.onFrame(decoder);
    }
    return true;
  }

  #makeDecoder(): FrameDecoder {
    const { messageRate } = this.#owner.settings;
    if (messageRate !== undefined) this.#throttle = new RateLimiter(messageRate, this);
    return (this.#decoder = new FrameDecoder(this.#decoderOptions));
  }

  #decode(decoder: FrameDecoder): boolean {
    try {
      const found = decoder.next();
      if (this.#throttle !== undefined && this.#isOpen()) this.#throttle.consume(decoder, found);
      return found;
    } catch (error) {
      this.#owner.failProtocol(error as ProtocolError);
      return false;
    }
  }

  /** Deliver a Text message as a string, unless it is too long for one. */
  #deliverText(decoder: FrameDecoder): boolean {
    let text: string;
    try {
      ({ text } = decoder);
    } catch (error) {
      this.#owner.failProtocol(error as ProtocolError);
      return false;
    }
    this.#deliver(text, false);
    return true;
  }

  /** Deliver a decompressed message, if it is done. */
  #deliverInflated(decompressor: IncomingDeflate): boolean {
    let message: ReturnType<IncomingDeflate['take']>;
    let text: string | undefined;
    try {
      message = decompressor.take();
      if (message?.isBinary === false && this.#owner.settings.textAs === 'string') {
        const { data } = message;
        text = inflatedText(data);
      }
    } catch (error) {
      // Neither knows at which byte of the stream.
      return this.#failed(atByte(this.#decoder!.offset, error as ProtocolError));
    }
    if (message === undefined) return false;
    const { data, isBinary } = message;
    this.#deliver(text ?? (isBinary ? this.#binary(data) : data), isBinary);
    return true;
  }

  /** The peer broke a rule that the decoder does not know. */
  #failed(error: ProtocolError): false {
    this.#decoder!.stop();
    this.#owner.failProtocol(error);
    return false;
  }

  /** Hand a held message to the listeners, if there are any and they want it. */
  #deliverHeld(inbox: ReceiveQueue): boolean {
    if (inbox.size === 0 || inbox.paused || inbox.iterating) return false;
    if (this.#owner.emitter.listenerCount('message') === 0) return false;
    const { data, isBinary } = inbox.take()!;
    this.#owner.emitter.emit('message', data, isBinary);
    return true;
  }

  /** The payload of a Binary message as the application wants it. */
  #binary(payload: Buffer): Buffer | ArrayBuffer {
    return this.#owner.settings.binaryAs === 'buffer' ? payload : toArrayBuffer(payload);
  }

  #deliver(data: AnyMessage, isBinary: boolean): void {
    this.#owner.settings.counters.messagesReceived++;
    publishReceived(this.#owner.emitter, data, isBinary);
    this.#owner.markMessageActivity();
    if (
      this.#inbox === undefined &&
      this.#discards !== 'everything' && // a subscriber of the channel may have terminated
      this.#owner.emitter.emit('message', data, isBinary)
    ) {
      return;
    }
    if (this.#discards === 'nothing') {
      const inbox = (this.#inbox ??= new ReceiveQueue());
      // Once we have sent a Close, reading goes on whether or not there is room.
      if (this.#owner.state !== 'closing' || !(inbox.paused || inbox.full)) {
        inbox.put(data, isBinary);
        return;
      }
    }
    this.#owner.settings.counters.messagesDiscarded++;
  }

  #emitHeaders(decoder: FrameDecoder, headers: FrameHeader[]): void {
    if (this.#owner.emitter.listenerCount('frame') === 0) {
      decoder.headers = undefined; // the last listener is gone: headers cost nothing again
      return;
    }
    let shown = 0;
    try {
      while (shown < headers.length) this.#owner.emitter.emit('frame', headers[shown++]!);
    } finally {
      headers.splice(0, shown);
    }
  }
}
