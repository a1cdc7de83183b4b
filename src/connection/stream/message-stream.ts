import { Buffer, isAscii, isUtf8 } from 'node:buffer';
import type { AnyMessage, Message } from '../receive/receive-queue.js';
import { toArrayBuffer } from '../receive/received-data.js';
import { LONGEST_STRING, stringTooLong, textOf } from '../../protocol/text/utf8-codec.js';
import { discarded, type IncomingMessage } from './incoming-message.js';
import { wholeCharacters } from './whole-characters.js';

/** How a message is given. */
export interface StreamFormat {
  readonly textAs: 'string' | 'buffer';
  readonly binaryAs: 'buffer' | 'arraybuffer';
  /** The longest message that `text()` and `bytes()` collect, in bytes. */
  readonly maxCollected: number;
  /** A message that is to be collected is too long: fail the connection. */
  tooLong(): void;
}

/** Makes a stream, for the connection that receives it. @internal */
export let createMessageStream: (message: IncomingMessage, format: StreamFormat) => MessageStream;

const NOTHING: Buffer = Buffer.alloc(0);
const END = { done: true, value: undefined } as const;

/**
 * One message that is taken while it arrives: a loop over its chunks, `readable`, `text()` or `bytes()`, one of
 * them and once. What is not taken to its end is skipped: after `break`, `discard()`, or when the loop over
 * `incoming()` goes on and the message was not touched.
 *
 * @typeParam Received what a chunk is; see `WebSocketConnection`.
 */
export class MessageStream<Received extends AnyMessage = Message> {
  /** Whether it is Binary; known from its first frame. */
  readonly binary: boolean;
  readonly #message: IncomingMessage;
  readonly #format: StreamFormat;
  #readable: ReadableStream<Received> | undefined;

  /** Streams are made by `incoming()`. */
  private constructor(message: IncomingMessage, format: StreamFormat) {
    this.binary = message.isBinary;
    this.#message = message;
    this.#format = format;
  }

  /**
   * The chunks: strings for Text, cut between characters only (Buffers with `textAs: 'buffer'`), Buffers for Binary
   * (ArrayBuffers with `binaryAs: 'arraybuffer'`). They have nothing to do with the frames of the peer. The loop
   * throws ConnectionError (`ERR_MESSAGE_INCOMPLETE`) if the connection ends before the message does.
   *
   * @throws TypeError if the message is being read already.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Received, undefined, undefined> {
    this.#touch();
    const chunks = this.#chunks();
    let isLeft = false;
    const iterator: AsyncIterableIterator<Received, undefined, undefined> = {
      next: () => (isLeft ? Promise.resolve(END) : chunks()),
      return: () => {
        isLeft = true;
        this.discard();
        return Promise.resolve(END);
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** The chunks as a web stream. Cancelling it skips the rest. @throws TypeError if the message is being read in another way. */
  get readable(): ReadableStream<Received> {
    if (this.#readable !== undefined) return this.#readable;
    const iterator = this[Symbol.asyncIterator]();
    this.#readable = new ReadableStream<Received>(
      {
        pull: async (controller) => {
          const step = await iterator.next();
          if (step.done === true) controller.close();
          else controller.enqueue(step.value);
        },
        cancel: () => {
          this.discard();
        },
      },
      { highWaterMark: 0 },
    );
    return this.#readable;
  }

  /**
   * The whole message as a string; bytes of Binary that are not UTF-8 become U+FFFD. A message longer than the
   * server's `maxPayload` closes the connection with 1009, even if `incoming()` allows more.
   *
   * @throws ConnectionError if the connection ends before the message does; ProtocolError for one that is longer than
   * a string can be; TypeError if it is being read already.
   */
  async text(): Promise<string> {
    const bytes = await this.#collect();
    try {
      // Text was checked while it came.
      const isValid = !this.binary || isUtf8(bytes);
      if (isValid) return textOf(bytes, 0, bytes.length, isAscii(bytes));
      if (bytes.length <= LONGEST_STRING) return bytes.toString();
    } catch {
      // It is too long.
    }
    throw stringTooLong('the message', bytes.length, 'take it with bytes()');
  }

  /** The whole message as bytes, of Text its UTF-8. Limits and errors as for `text()`. */
  async bytes(): Promise<Buffer> {
    return this.#collect();
  }

  /** Skip the rest, which is not kept in memory. */
  discard(): void {
    this.#message.discard();
  }

  static {
    createMessageStream = (message, format) => new this(message, format);
  }

  #touch(): void {
    if (this.#message.isDiscarded) throw discarded();
    if (this.#message.isTouched) {
      throw new TypeError('the message is being read already; a message can be read once');
    }
    this.#message.isTouched = true;
  }

  /** Takes one chunk after the other, in the form that the application wants. */
  #chunks(): () => Promise<IteratorResult<Received, undefined>> {
    const { textAs, binaryAs } = this.#format;
    let cut = NOTHING; // the beginning of a character
    let calls = 0;
    let last: Promise<unknown>;
    /** A chunk as the application gets it; `undefined` if it is only a part of a character. */
    const formatted = (chunk: AnyMessage): AnyMessage | undefined => {
      if (!Buffer.isBuffer(chunk)) return chunk;
      if (this.binary) return binaryAs === 'buffer' ? chunk : toArrayBuffer(chunk);
      if (textAs === 'buffer') return chunk;
      const bytes = cut.length === 0 ? chunk : Buffer.concat([cut, chunk]);
      const end = wholeCharacters(bytes);
      cut = Buffer.from(bytes.subarray(end));
      return end === 0 ? undefined : textOf(bytes, 0, end, isAscii(bytes.subarray(0, end)));
    };
    const take = async (): Promise<IteratorResult<Received, undefined>> => {
      try {
        for (;;) {
          const chunk = await this.#message.take();
          if (chunk === undefined) return END;
          const value = formatted(chunk);
          if (value !== undefined) return { done: false, value: value as Received };
        }
      } finally {
        calls--;
      }
    };
    return () => {
      // A call waits for the one before it.
      const result = calls++ === 0 ? take() : last.then(take, take);
      last = result;
      return result;
    };
  }

  async #collect(): Promise<Buffer> {
    this.#touch();
    const { maxCollected } = this.#format;
    const chunks: Buffer[] = [];
    let length = 0;
    for (;;) {
      const chunk = await this.#message.take();
      if (chunk === undefined) return Buffer.concat(chunks, length);
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk as string);
      length += bytes.length;
      chunks.push(bytes);
      if (length <= maxCollected) continue;
      chunks.length = length = 0;
      this.#message.clear();
      this.#message.break(); // it must not end as a shorter one
      this.#format.tooLong();
    }
  }
}
