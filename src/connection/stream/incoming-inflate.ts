import { invalidText } from '../deflate/incoming.js';
import { type PermessageDeflate, tooBig } from '../deflate/permessage-deflate.js';
import type { PartInflater } from '../../protocol/deflate/part-inflater.js';
import type { ProtocolError } from '../../protocol/framing/protocol-error.js';
import { Utf8Validator } from '../../protocol/text/utf8-validator.js';
import type { IncomingMessage } from './incoming-message.js';

/** When this many bytes have come out in one turn of the event loop, the other connections get theirs. */
const MAX_INFLATED_PER_TURN = 1024 * 1024;
/** What has come out in this turn, of all connections. */
let inflatedThisTurn = 0;
/** Called in the next turn. */
let waiting: (() => void)[] = [];

/** Call back in the next turn of the event loop. */
function inNextTurn(callback: () => void): void {
  if (waiting.push(callback) > 1) return;
  setImmediate(() => {
    inflatedThisTurn = 0;
    const due = waiting;
    waiting = [];
    for (const each of due) each();
  });
}

/** What the decompression of messages in parts needs of its owner. */
interface InflateOwner {
  /** There may be room for more input. */
  onInflated(): void;
  /** The peer broke a rule. */
  fail(error: ProtocolError): void;
}

/**
 * Decompresses the messages of one connection that are taken in parts: as much as there is room for, and
 * about two milliseconds in a turn of the event loop.
 */
export class IncomingInflate {
  readonly #owner: InflateOwner;
  readonly #inflater: PartInflater;
  #maxPayload = 0;
  #message: IncomingMessage | undefined;
  #validator: Utf8Validator | undefined;
  /** Bytes that have come out of the message. */
  #length = 0;
  /** All input of the message is there. */
  #isEnded = false;
  #isWaiting = false;

  /** @param maxCollected see `StreamFormat`. */
  constructor(owner: InflateOwner, compression: PermessageDeflate, maxCollected: number) {
    this.#owner = owner;
    this.#inflater = compression.openInflater(maxCollected);
  }

  /** There is input that was not decompressed: no more should be read. */
  get isBusy(): boolean {
    return this.#message !== undefined && (this.#inflater.bytesLeft > 0 || this.#isWaiting);
  }

  /** Bytes of that input. */
  get bytesHeld(): number {
    return this.#inflater.bytesLeft;
  }

  /** A compressed message begins. @param maxPayload most bytes that may come out. */
  begin(message: IncomingMessage, maxPayload: number): void {
    this.#message = message;
    this.#maxPayload = maxPayload;
    this.#validator = message.isBinary ? undefined : new Utf8Validator();
    this.#length = 0;
    this.#isEnded = false;
    this.#inflater.begin();
  }

  /** Add a part of the message. @param isLast whether that completes it. */
  push(input: Buffer, isLast: boolean): void {
    const message = this.#message!;
    this.#isEnded = isLast;
    if (message.isDiscarded && !this.#inflater.takeover) {
      // Nothing will refer to it.
      this.#inflater.begin();
      if (isLast) this.#complete(message);
      return;
    }
    try {
      this.#inflater.push(input);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.fill();
  }

  /** Decompress until the message is full. */
  fill(): void {
    const message = this.#message;
    if (message === undefined || this.#isWaiting) return;
    try {
      while (!message.isFull) {
        if (inflatedThisTurn >= MAX_INFLATED_PER_TURN) {
          this.#continueLater();
          return;
        }
        const part = this.#inflater.next();
        if (part !== undefined) {
          inflatedThisTurn += part.length;
          this.#give(message, part);
        } else {
          if (!this.#isEnded) return;
          this.#give(message, this.#inflater.end());
          if (this.#validator?.complete === false) throw invalidText();
          this.#complete(message);
          return;
        }
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The connection takes no more messages in parts. */
  close(): void {
    this.#message = undefined;
    this.#inflater.close();
  }

  #give(message: IncomingMessage, part: Buffer): void {
    this.#length += part.length;
    if (this.#length > this.#maxPayload) {
      throw tooBig(this.#maxPayload);
    }
    if (this.#validator?.push(part, 0, part.length) === false) throw invalidText();
    message.push(part);
  }

  #continueLater(): void {
    this.#isWaiting = true;
    inNextTurn(() => {
      this.#isWaiting = false;
      this.fill();
      this.#owner.onInflated();
    });
  }

  #complete(message: IncomingMessage): void {
    this.#message = undefined;
    message.complete();
  }

  #fail(error: unknown): void {
    this.#message = undefined;
    this.#owner.fail(error as ProtocolError);
  }
}
