import type { PermessageDeflate } from './permessage-deflate.js';
import { type DeferredCall, PendingCalls } from '../send/pending-calls.js';
import type { ConnectionEmitter } from '../events.js';
import type { Outbox } from '../send/outbox.js';
import { FIN, Opcode, RSV1 } from '../../protocol/framing/frame.js';
import { PreparedMessage } from '../../protocol/framing/prepared-message.js';
import { encodeText } from '../../protocol/text/utf8-codec.js';
import type { SendCallback } from '../send/send-callbacks.js';

const TEXT: number = FIN | Opcode.Text;

/** A message as the application gave it, if it gave text or bytes. */
type Message = string | Uint8Array | PreparedMessage;

/**
 * Between `send` and the outbox, where permessage-deflate was negotiated: which messages are
 * compressed, and what waits while a long one is on the thread pool.
 */
export class OutgoingDeflate {
  readonly #connection: ConnectionEmitter;
  readonly #outbox: Outbox;
  readonly #compression: PermessageDeflate;
  /** Our frames are masked, so nobody can share them. */
  readonly #masks: boolean;
  /** While a long message is being compressed. */
  #pending: PendingCalls | undefined;

  /** @param connection what `filter` is asked about. */
  constructor(
    connection: ConnectionEmitter,
    outbox: Outbox,
    compression: PermessageDeflate,
    masks: boolean,
  ) {
    this.#connection = connection;
    this.#outbox = outbox;
    this.#compression = compression;
    this.#masks = masks;
  }

  /** A long message is on the thread pool: what is sent now has to {@link wait}. */
  get isBusy(): boolean {
    return this.#pending !== undefined;
  }

  /** Bytes of that message and of what waits behind it. */
  get waitingBytes(): number {
    return this.#pending?.bytes ?? 0;
  }

  /** Whether the application's `filter` has to be asked about a message. */
  asks(message: Message, compress: boolean | undefined): boolean {
    const { threshold, filter } = this.#compression;
    return compress === undefined && filter !== undefined && lengthOf(message) >= threshold;
  }

  /** What `filter` says. It may call whatever it likes: see {@link askAndSend}. */
  ask(message: Message): boolean {
    const asked = message instanceof PreparedMessage ? message.payload : message;
    const { length } = asked;
    const answer: unknown = this.#compression.filter!(asked, this.#connection);
    if (asked.length !== length) {
      throw new TypeError('filter took the memory of a message away; let it look at a copy');
    }
    return Boolean(answer); // one that forgets to answer has not asked for compression
  }

  /**
   * Send a message when `filter` has been asked about it. What the filter calls on this connection
   * waits behind the message, or, if that cannot wait, makes it go out uncompressed at once; then it
   * has been sent even if the filter throws afterwards.
   */
  askAndSend(
    message: Message,
    callback: SendCallback | undefined,
    send: (compress: boolean) => void,
  ): void {
    const lane = this.#begin(lengthOf(message), () => {
      send(false);
    });
    lane.callback = callback;
    try {
      const compress = this.ask(message);
      this.#finish(lane, () => {
        send(compress);
      });
    } catch (error) {
      lane.callback = undefined;
      this.#finish(lane, () => undefined);
      throw error;
    }
  }

  // Each of these says whether it has sent the message, or will. If not, it is to go out as it is.

  text(text: string, compress: boolean | undefined): boolean {
    // A character is one to three bytes: mostly there is no need to count them.
    if (compress === undefined && text.length * 3 < this.#compression.threshold) return false;
    if (compress === false) return false;
    const bytes = encodeText(text);
    return this.#isWanted(bytes.length, compress) && this.#send(TEXT, bytes, true);
  }

  bytes(byte0: number, bytes: Uint8Array, compress: boolean | undefined): boolean {
    return this.#isWanted(bytes.length, compress) && this.#send(byte0, bytes, false);
  }

  /** Compressed once for all who need no context of their own. */
  prepared(message: PreparedMessage, compress: boolean | undefined): boolean {
    if (!this.#isWanted(message.payloadLength, compress)) return false;
    const compression = this.#compression;
    if (this.#masks || !compression.isShareable) {
      return this.#send(FIN | message.opcode, message.payload, false);
    }
    const frame = compression.compressFrame(message);
    if (frame !== undefined) {
      this.#outbox.frame(frame);
      return true;
    }
    const lane = this.#begin(message.payloadLength, () => {
      this.#outbox.frame(message.frame);
    });
    compression.compressFrameAsync(message, (compressed) => {
      this.#finish(lane, () => {
        this.#outbox.frame(compressed);
      });
    });
    return true;
  }

  /** Call back when the message that was sent last is with the kernel. */
  whenWritten(callback: SendCallback): void {
    if (this.#pending === undefined) this.#outbox.whenWritten(callback);
    else this.#pending.callback = callback;
  }

  /** Let a call wait for the message on the thread pool; only while there is one. */
  wait(bytes: number, call: DeferredCall): void {
    this.#pending!.wait(bytes, call);
  }

  /** There is no time to compress what is on its way through the thread pool. */
  flushUncompressed(): void {
    while (this.#pending !== undefined) {
      const lane = this.#pending;
      this.#finish(lane, () => {
        lane.sendAsItIs();
      });
    }
  }

  /** Nothing of what waits will be sent, for this reason. */
  discard(reason: Error): void {
    this.#pending?.discard(reason);
    this.#pending = undefined;
  }

  /** The connection is gone. */
  close(): void {
    this.#compression.close();
  }

  /** Whether a message is to be compressed, if it becomes shorter; the filter has been asked. */
  #isWanted(length: number, compress: boolean | undefined): boolean {
    return compress ?? length >= this.#compression.threshold;
  }

  /** @param isOurs nobody else has the bytes. */
  #send(byte0: number, bytes: Uint8Array, isOurs: boolean): boolean {
    const compression = this.#compression;
    const payload = compression.deflate(bytes);
    if (payload !== undefined) {
      // Where nothing will refer to it, what does not shrink may as well go out as it is.
      if (payload.length >= bytes.length && compression.isShareable) return false;
      this.#outbox.bytes(byte0 | RSV1, payload);
      return true;
    }
    // The application may detach its bytes, and then zlib ends the process.
    const message = isOurs ? bytes : Buffer.from(bytes);
    const sendAsItIs = (): void => {
      this.#outbox.bytes(byte0, message);
    };
    const lane = this.#begin(message.length, sendAsItIs);
    compression.deflateAsync(message, (compressed) => {
      this.#finish(lane, () => {
        if (compressed === undefined || compressed.length >= message.length) sendAsItIs();
        else this.#outbox.bytes(byte0 | RSV1, compressed);
      });
    });
    return true;
  }

  #begin(bytes: number, sendAsItIs: () => void): PendingCalls {
    return (this.#pending = new PendingCalls(bytes, sendAsItIs));
  }

  /** Send the message that a lane has waited for, and what has come behind it. */
  #finish(lane: PendingCalls, send: () => void): void {
    if (this.#pending !== lane) return; // there was no time to wait for it
    this.#pending = undefined;
    send();
    if (lane.callback !== undefined) this.whenWritten(lane.callback);
    lane.resume(() => this.#pending);
  }
}

function lengthOf(message: Message): number {
  if (typeof message === 'string') return Buffer.byteLength(message);
  return message instanceof PreparedMessage ? message.payloadLength : message.length;
}
