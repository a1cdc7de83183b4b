import type { PermessageDeflate } from '../deflate/permessage-deflate.js';
import { IncomingDeflate } from '../deflate/incoming.js';
import type { Deadline } from '../limits/deadlines.js';
import type { ProtocolError } from '../../protocol/framing/protocol-error.js';
import {
  atByte,
  FrameDecoder,
  type FrameDecoderOptions,
} from '../../protocol/framing/frame-decoder.js';
import { type FrameHeader, isControl, Opcode } from '../../protocol/framing/frame.js';
import type { Incoming, PartReader } from '../stream/incoming.js';
import { answerControlFrame } from './control-frames.js';
import { timeMessage } from './message-timer.js';
import type { ReceiverOwner } from './owner.js';
import { RateLimiter } from './rate-limiter.js';
import type { AnyMessage } from './receive-queue.js';
import { inflatedText, toArrayBuffer } from './received-data.js';

/** What a message reader needs of the receiver. */
interface MessageReceiver {
  /** A message is complete. */
  deliver(data: AnyMessage, isBinary: boolean): void;
  /** Continue reading: the wait is over. */
  read(): void;
  scheduleRead(): void;
}

/**
 * Finds the messages in the bytes received: it decodes, decompresses, and enforces `messageRate` and
 * `messageTimeout`. It is made for the first bytes, so a peer that only listens does not cost one.
 */
export class MessageReader implements PartReader {
  readonly #owner: ReceiverOwner;
  readonly #receiver: MessageReceiver;
  readonly #decoder: FrameDecoder;
  /** Only where permessage-deflate was negotiated. */
  readonly #decompressor: IncomingDeflate | undefined;
  /** Only with `messageRate`: what the peer may still send. */
  readonly #rateLimiter: RateLimiter | undefined;
  /** The decoder has found something that has not been handled yet. */
  #found = false;
  /** Runs while a message is incomplete. See {@link timeMessage}. */
  #messageDeadline: Deadline | undefined;

  constructor(
    owner: ReceiverOwner,
    receiver: MessageReceiver,
    decoder: FrameDecoderOptions,
    compression: PermessageDeflate | undefined,
  ) {
    this.#owner = owner;
    this.#receiver = receiver;
    this.#decoder = new FrameDecoder(decoder);
    if (compression !== undefined) {
      this.#decompressor = new IncomingDeflate(compression, decoder.maxPayload!, () => {
        receiver.read();
      });
    }
    const { messageRate } = owner.settings;
    if (messageRate !== undefined) this.#rateLimiter = new RateLimiter(messageRate, receiver);
  }

  /** Bytes held of messages that are not delivered yet. */
  get bytesHeld(): number {
    return this.#decoder.bytesHeld + (this.#decompressor?.bytesHeld ?? 0);
  }

  /** A message is being decompressed, and nothing after it can be read. */
  get isInflating(): boolean {
    return this.#decompressor?.isBusy === true;
  }

  /** Reading is paused: the peer has sent more than `messageRate`. */
  get isRateLimited(): boolean {
    return this.#rateLimiter?.isWaiting === true;
  }

  /** @param owned see `FrameDecoder.pushOwned`. */
  push(chunk: Buffer, owned: boolean): void {
    if (owned) this.#decoder.pushOwned(chunk);
    else this.#decoder.push(chunk);
  }

  /** Decode nothing more (RFC 6455 section 7.1.7). */
  stop(): void {
    this.#decoder.stop();
  }

  /** Discard everything that has arrived and is not delivered. */
  discard(): void {
    this.#found = false;
    this.#decoder.releasePayload();
    if (this.#decoder.headers !== undefined) this.#decoder.headers.length = 0;
    this.#decompressor?.discard();
  }

  /** Release the bytes of the message that was delivered: a string that is held, for example, does not need them. */
  releaseDelivered(): void {
    if (!this.#found) this.#decoder.releasePayload();
  }

  /** Collect the header of every frame for `'frame'`. */
  collectHeaders(): void {
    this.#decoder.headers ??= [];
  }

  /** Start or stop the timer of the incomplete message. */
  timeMessage(): void {
    const { settings } = this.#owner;
    this.#messageDeadline = timeMessage(this.#messageDeadline, this.#decoder, settings, this);
  }

  /** Start the timer of a message that is taken in parts again, if more of it is being read. */
  timeParts(isReading: boolean): void {
    this.#messageDeadline?.stop();
    if (isReading) this.timeMessage();
  }

  /** For the message timer. */
  onMessageTimeout(error: ProtocolError): void {
    this.#receiver.scheduleRead(); // reading may have stopped, but the peer's end must be seen
    this.#failed(error);
  }

  /** The connection has ended. */
  cancelTimers(): void {
    this.#messageDeadline?.cancel();
    this.#rateLimiter?.end();
  }

  /** Handle one message or control frame. @returns `false` if there is nothing to do now. */
  next(): boolean {
    if (this.#decompressor?.isBusy === true) return this.#deliverInflated(this.#decompressor);
    const decoder = this.#decoder;
    if (!this.#find(decoder)) return false;
    // The next message gets its own time. A control frame inside a message is not progress.
    if (this.#messageDeadline?.isRunning === true && !decoder.inProgress) {
      this.#messageDeadline.stop();
    }
    if (decoder.compressed) {
      const decompressor = this.#decompressor!; // or the decoder would have rejected RSV1
      decompressor.inflate(decoder.payload, decoder.opcode === Opcode.Binary);
      return this.#deliverInflated(decompressor);
    }
    switch (decoder.opcode) {
      case Opcode.Text:
        if (this.#owner.settings.textAs === 'buffer') {
          this.#receiver.deliver(decoder.payload, false);
        } else if (!this.#deliverText()) {
          return false;
        }
        break;
      case Opcode.Binary:
        this.#receiver.deliver(this.#binary(decoder.payload), true);
        break;
      default:
        answerControlFrame(this.#owner, decoder);
    }
    // Most reads end where their message ends: then no further call is needed. With a rate limiter one is,
    // because it decides whether to stop the socket.
    return this.#rateLimiter !== undefined || !decoder.releaseIfRead();
  }

  /** Handle one part of a message, or one control frame. @returns `false` if there is nothing to do now. */
  nextPart(incoming: Incoming): boolean {
    if (this.#decompressor?.isBusy === true) return this.#deliverInflated(this.#decompressor);
    const decoder = this.#decoder;
    if (!this.#find(decoder)) return false;
    const { opcode, compressed, payload, parts } = decoder;
    if (isControl(opcode)) {
      answerControlFrame(this.#owner, decoder);
    } else {
      const isBinary = opcode === Opcode.Binary;
      const isLast = parts?.isLast !== false;
      incoming.push({ payload, isBinary, isCompressed: compressed, isLast });
    }
    return true;
  }

  // See `PartReader`.

  read(): void {
    this.#receiver.read();
  }

  isAtMessage(): boolean {
    if (this.#found) return !isControl(this.#decoder.opcode);
    return !this.isInflating && this.#decoder.isAtMessage();
  }

  takeParts(maxPayload: number | undefined): void {
    this.#decoder.takeParts(maxPayload);
  }

  fail(error: ProtocolError): void {
    this.#failed(atByte(this.#decoder.offset, error));
  }

  /** Find the next message or control frame. */
  #find(decoder: FrameDecoder): boolean {
    if (!this.#found) {
      if (this.#rateLimiter !== undefined && this.#isOpen() && this.#rateLimiter.mustWait())
        return false;
      this.#found = this.#decode();
    }
    // If a listener throws here the message is not lost: the next call continues with it.
    if (decoder.headers !== undefined) this.#emitHeaders(decoder.headers);
    if (!this.#found) return false;
    this.#found = false;
    return true;
  }

  #isOpen(): boolean {
    return this.#owner.state === 'open';
  }

  #decode(): boolean {
    const decoder = this.#decoder;
    try {
      const found = decoder.next();
      if (this.#rateLimiter !== undefined && this.#isOpen())
        this.#rateLimiter.consume(decoder, found);
      return found;
    } catch (error) {
      this.#owner.failProtocol(error as ProtocolError);
      return false;
    }
  }

  /** Deliver a Text message as a string, unless it is too long for one. */
  #deliverText(): boolean {
    let text: string;
    try {
      ({ text } = this.#decoder);
    } catch (error) {
      this.#owner.failProtocol(error as ProtocolError);
      return false;
    }
    this.#decoder.freePayload();
    this.#receiver.deliver(text, false);
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
      // Neither the decompressor nor the decoding of text knows the position in the stream.
      return this.#failed(atByte(this.#decoder.offset, error as ProtocolError));
    }
    if (message === undefined) return false;
    const { data, isBinary } = message;
    this.#receiver.deliver(text ?? (isBinary ? this.#binary(data) : data), isBinary);
    return true;
  }

  /** Fail the connection: the peer broke a rule that the decoder does not know. */
  #failed(error: ProtocolError): false {
    this.#decoder.stop();
    this.#owner.failProtocol(error);
    return false;
  }

  /** The payload of a Binary message as the application wants it. */
  #binary(payload: Buffer): Buffer | ArrayBuffer {
    return this.#owner.settings.binaryAs === 'buffer' ? payload : toArrayBuffer(payload);
  }

  #emitHeaders(headers: FrameHeader[]): void {
    if (this.#owner.emitter.listenerCount('frame') === 0) {
      this.#decoder.headers = undefined; // the last listener was removed: stop collecting headers
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
