import { isUtf8 } from 'node:buffer';
import type { PermessageDeflate } from './permessage-deflate.js';
import { ProtocolError } from '../../protocol/framing/protocol-error.js';

/** When this many bytes have come out in one turn of the event loop, after about two milliseconds, the other connections get theirs. */
const MAX_INFLATED_PER_TURN = 1024 * 1024;
/** What has come out since a connection began to read; they read one after the other. */
let inflatedThisTurn = 0;

/** A compressed message, decompressed; or what is wrong with it. */
interface Inflating {
  readonly isBinary: boolean;
  /** The compressed payload; `undefined` once it is decompressed or discarded. */
  payload: Buffer | undefined;
  /** Bytes held: the payload's, and then the message's. */
  bytes: number;
  /** `undefined` until it is done. */
  result: Buffer | ProtocolError | undefined;
}

/**
 * The step between the decoder and `'message'` where permessage-deflate was negotiated: it decompresses
 * one message at a time, a short one at once, a long one by `LongMessages`.
 */
export class IncomingDeflate {
  readonly #compression: PermessageDeflate;
  readonly #maxPayload: number;
  readonly #continueReading: () => void;
  #inflating: Inflating | undefined;

  /** @param continueReading called when a message that could not be {@link take}n is there. */
  constructor(compression: PermessageDeflate, maxPayload: number, continueReading: () => void) {
    this.#compression = compression;
    this.#maxPayload = maxPayload;
    this.#continueReading = continueReading;
  }

  /** A connection begins to read what has come. */
  static resetTurn(): void {
    inflatedThisTurn = 0;
  }

  /** There is a message that was not taken. Nothing after it may be read. */
  get isBusy(): boolean {
    return this.#inflating !== undefined;
  }

  /** Bytes held of the message that was not taken. */
  get bytesHeld(): number {
    return this.#inflating?.bytes ?? 0;
  }

  /** Begin with the payload of a compressed message (RFC 7692 section 6.2). */
  inflate(payload: Buffer, isBinary: boolean): void {
    const inflating: Inflating = { isBinary, payload, bytes: payload.length, result: undefined };
    this.#inflating = inflating;
    try {
      const message = this.#compression.inflate(payload, this.#maxPayload);
      if (message === undefined) {
        this.#inflateLong(inflating);
        return;
      }
      inflatedThisTurn += message.length;
      if (inflatedThisTurn <= MAX_INFLATED_PER_TURN) {
        inflating.result = message;
        return;
      }
      inflating.bytes = message.length;
      setImmediate(() => {
        inflating.result = message;
        this.#continueReading();
      });
    } catch (error) {
      inflating.result = error as ProtocolError;
    }
  }

  /**
   * Take the message, if it is done.
   *
   * @throws ProtocolError if the payload was not DEFLATE data, or the message is too long, or is Text
   * that is not UTF-8. Only now can that be checked (RFC 7692 section 6.2).
   */
  take(): { readonly data: Buffer; readonly isBinary: boolean } | undefined {
    const { isBinary, result } = this.#inflating!;
    if (result === undefined) return undefined;
    this.#inflating = undefined;
    if (result instanceof ProtocolError) throw result;
    if (!isBinary && !isUtf8(result)) throw invalidText();
    return { data: result, isBinary };
  }

  /** Discard the message that was not taken. One that waits for its turn is never decompressed. */
  discard(): void {
    if (this.#inflating !== undefined) this.#inflating.payload = undefined;
    this.#inflating = undefined;
  }

  #inflateLong(inflating: Inflating): void {
    const payloadNow = (): Buffer | undefined => inflating.payload;
    this.#compression.inflateAsync(payloadNow, this.#maxPayload, (error, message) => {
      inflating.payload = undefined;
      inflating.bytes = message?.length ?? 0;
      inflating.result = error ?? message;
      // Not on zlib's stack: an error made there would keep all that came out, until it is read.
      process.nextTick(this.#continueReading);
    });
  }
}

/** The error for a compressed Text message that is not UTF-8. */
export function invalidText(): ProtocolError {
  return new ProtocolError(
    'ERR_INVALID_UTF8',
    'a compressed Text message has bytes that are not UTF-8 (RFC 6455 section 8.1)',
  );
}
