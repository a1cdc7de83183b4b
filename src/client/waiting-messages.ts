import { Buffer } from 'node:buffer';
import { ConnectionError } from '../connection/close/connection-error.js';
import {
  rejectCallback,
  type SendCallback,
  bindToCall,
} from '../connection/send/send-callbacks.js';
import { COPY_UP_TO } from '../connection/send/backlog.js';
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
}

/** What takes the messages: a connection. */
interface Receiver {
  send(data: Data | BlobLike, options?: SendOptions, callback?: SendCallback): boolean;
}

/** The messages that were sent while there was no connection, within limits. */
export class WaitingMessages {
  readonly #limits: { readonly messages: number; readonly bytes: number } | undefined;
  #waiting: WaitingMessage[] = [];
  #bytes = 0;

  /** @param limits `undefined` to keep nothing. */
  constructor(limits: { readonly messages: number; readonly bytes: number } | undefined) {
    this.#limits = limits;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Keep a message, or tell its callback why not.
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
      this.#waiting.length >= limits.messages ||
      this.#bytes + size > limits.bytes
    ) {
      const code = limits === undefined ? 'ERR_CONNECTION_NOT_OPEN' : 'ERR_OUTBOX_FULL';
      if (callback !== undefined) rejectCallback(callback, new ConnectionError(code));
      return;
    }
    this.#bytes += size;
    // As `send` does: the application may use the memory of a small message again at once.
    if (size <= COPY_UP_TO && isBytes(data)) data = Buffer.from(toBytes(data));
    this.#waiting.push({ data, options, callback: callback && bindToCall(callback) });
  }

  /** Hand all messages to a connection, in their order. */
  flush(receiver: Receiver): void {
    for (const { data, options, callback } of this.#take()) {
      try {
        receiver.send(data, options, callback);
      } catch (error) {
        // Its memory was transferred meanwhile.
        if (callback !== undefined) rejectCallback(callback, error as Error);
      }
    }
  }

  /** There will be no connection. */
  discard(): void {
    for (const { callback } of this.#take()) {
      const error = new ConnectionError('ERR_CONNECTION_NOT_OPEN');
      if (callback !== undefined) rejectCallback(callback, error);
    }
  }

  #take(): WaitingMessage[] {
    const taken = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    return taken;
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
