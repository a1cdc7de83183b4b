import { Buffer } from 'node:buffer';
import type { ConnectionErrorCode } from '../connection/close/connection-error.js';
import { COPY_UP_TO } from '../connection/send/backlog.js';
import { Fifo } from '../connection/send/fifo.js';
import { type SendCallback, bindToCall } from '../connection/send/send-callbacks.js';
import type { SendOptions } from '../connection/send/send-options.js';
import { takeMemory } from '../protocol/framing/own-memory.js';
import {
  checkText,
  checkTransfer,
  isBlob,
  toBytes,
  type BlobLike,
  type Payload,
} from '../protocol/framing/payload.js';
import { asPrepared, checkPrepared, type Data } from '../protocol/framing/prepared-message.js';

/** A message that waits for a connection. */
interface WaitingMessage {
  readonly data: Data | BlobLike;
  readonly options: SendOptions | undefined;
  readonly callback: SendCallback | undefined;
  readonly size: number;
}

/** Called with each message that will not be sent, and why. The error of a code is made only where it is wanted. */
export type MessageLost = (
  data: Data | BlobLike,
  callback: SendCallback | undefined,
  reason: ConnectionErrorCode | Error,
) => void;

/** What takes the messages: a connection. */
interface Receiver {
  readonly readyState: string;
  send(data: Data | BlobLike, options?: SendOptions, callback?: SendCallback): boolean;
}

/** The messages that were sent while there was no connection, within limits. */
export class WaitingMessages {
  #limits: { readonly messages: number; readonly bytes: number } | undefined;
  readonly #lost: MessageLost;
  readonly #waiting = new Fifo<WaitingMessage>();
  #count = 0;
  #bytes = 0;

  /** @param limits `undefined` to keep nothing. */
  constructor(
    limits: { readonly messages: number; readonly bytes: number } | undefined,
    lost: MessageLost,
  ) {
    this.#limits = limits;
    this.#lost = lost;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Keep a message, or tell why not.
   *
   * @throws TypeError as `send` of a connection.
   */
  add(data: Data | BlobLike, options?: SendOptions, callback?: SendCallback): void {
    const size = sizeOf(data, options?.binary);
    if (options?.transfer === true) {
      checkTransfer('send', data);
      data = takeMemory(toBytes(data));
    }
    const limits = this.#limits;
    if (
      limits === undefined ||
      this.#count >= limits.messages ||
      this.#bytes + size > limits.bytes
    ) {
      const isOff = limits === undefined;
      this.#lost(data, callback, isOff ? 'ERR_CONNECTION_NOT_OPEN' : 'ERR_OUTBOX_FULL');
      return;
    }
    this.#count++;
    this.#bytes += size;
    // As `send` does: the application may use the memory of a small message again at once.
    if (size <= COPY_UP_TO && isBytes(data)) data = Buffer.from(toBytes(data));
    this.#waiting.push({ data, options, callback: callback && bindToCall(callback), size });
  }

  /** Hand the messages to a connection, in their order. If it ends meanwhile, the others wait for the next. */
  flush(receiver: Receiver): void {
    while (receiver.readyState === 'open') {
      const message = this.#take();
      if (message === undefined) return;
      const { data, options, callback } = message;
      try {
        receiver.send(data, options, callback);
      } catch (error) {
        // Its bytes were changed meanwhile: they are not UTF-8 any more, for example.
        this.#lost(data, callback, error as Error);
      }
    }
  }

  /** There will be no connection: nothing is kept from now on. */
  discard(): void {
    this.#limits = undefined;
    for (let message; (message = this.#take()) !== undefined;) {
      this.#lost(message.data, message.callback, 'ERR_CONNECTION_NOT_OPEN');
    }
  }

  #take(): WaitingMessage | undefined {
    const message = this.#waiting.take();
    if (message !== undefined) {
      this.#count--;
      this.#bytes -= message.size;
    }
    return message;
  }
}

function isBytes(data: Data | BlobLike): data is Payload {
  return typeof data !== 'string' && !isBlob(data) && asPrepared(data) === undefined;
}

/** @throws TypeError for what cannot be sent. */
function sizeOf(data: Data | BlobLike, binary: boolean | undefined): number {
  if (isBlob(data)) return data.size;
  const prepared = typeof data === 'string' ? undefined : asPrepared(data);
  if (prepared !== undefined) {
    checkPrepared(prepared, binary);
    return prepared.payloadLength;
  }
  const bytes = toBytes(data);
  if (binary === false && typeof data !== 'string') checkText(bytes);
  return bytes.length;
}
