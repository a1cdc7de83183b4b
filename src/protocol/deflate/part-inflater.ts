import { Buffer } from 'node:buffer';
import { constants } from 'node:zlib';
import type { Inflater } from './contexts.js';
import { invalidDeflate, MAX_STREAMS, TOO_MANY_STREAMS } from './format.js';
import { Output, OUTPUT_AT_ONCE, RawZlib } from './raw-zlib.js';
import { ProtocolError } from '../framing/protocol-error.js';
import { SlidingWindow } from './sliding-window.js';
import { checkEnd, resetWithWindow } from './steps.js';

const NOTHING: Buffer = Buffer.alloc(0);

/** Decompresses messages part by part (RFC 7692 section 7.2.2), one after the other. */
export interface PartInflater {
  /** See `Inflater`. */
  readonly takeover: boolean;
  /** Bytes of input that have not been used. */
  readonly bytesLeft: number;
  /** A message begins. */
  begin(): void;
  /** Add a part of its compressed form. */
  push(input: Buffer): void;
  /**
   * @returns the next part of the message, at most 64 KiB; `undefined` if more input is needed.
   * @throws ProtocolError if the input is not a compressed message.
   */
  next(): Buffer | undefined;
  /**
   * The message is complete; `next` has returned `undefined`.
   *
   * @returns its last part, which may be empty.
   * @throws ProtocolError if it ends inside a block.
   */
  end(): Buffer;
  /** Release the memory. */
  close(): void;
}

/** Drives a context of its own, because a message in parts leaves it in the middle of a block. */
export class RawPartInflater implements PartInflater {
  readonly #windowBits: number;
  /** That of the connection; it knows what a message may refer to. */
  readonly #inflater: Inflater;
  readonly #context: RawZlib;
  #window: SlidingWindow;
  #inputs: Buffer[] = [];
  #streams = 1;
  /** The context may have more output without more input. */
  #isFull = false;

  constructor(windowBits: number, inflater: Inflater) {
    this.#windowBits = windowBits;
    this.#inflater = inflater;
    this.#context = RawZlib.inflate({ windowBits });
    this.#window = new SlidingWindow(windowBits);
  }

  get takeover(): boolean {
    return this.#inflater.takeover;
  }

  get bytesLeft(): number {
    let bytes = 0;
    for (const input of this.#inputs) bytes += input.length;
    return bytes;
  }

  begin(): void {
    this.#window = new SlidingWindow(this.#windowBits);
    this.#window.slide(this.#inflater.window ?? NOTHING);
    this.#inputs = [];
    this.#streams = 1;
    this.#isFull = false;
    resetWithWindow(this.#context, this.#window.contents);
  }

  push(input: Buffer): void {
    if (input.length > 0) this.#inputs.push(input);
  }

  next(): Buffer | undefined {
    while (this.#isFull || this.#inputs.length > 0) {
      const output = new Output();
      const input = this.#inputs[0] ?? NOTHING;
      const unused = this.#context.run(constants.Z_SYNC_FLUSH, input, output, 0);
      this.#isFull = output.length === OUTPUT_AT_ONCE;
      if (unused > 0) this.#inputs[0] = input.subarray(input.length - unused);
      else this.#inputs.shift();
      const part = output.take();
      this.#window.slide(part);
      // A block with BFINAL set ends a DEFLATE stream, but not the message (section 7.2.3.4).
      if (unused > 0 && !this.#isFull) {
        if (++this.#streams > MAX_STREAMS) throw invalidDeflate(TOO_MANY_STREAMS);
        resetWithWindow(this.#context, this.#window.contents);
      }
      if (part.length > 0) return part;
    }
    return undefined;
  }

  end(): Buffer {
    const output = new Output();
    checkEnd(this.#context, output, Infinity);
    const last = output.take();
    this.#window.slide(last);
    this.#inflater.advanceWindow(this.#window.contents ?? NOTHING);
    return last;
  }

  close(): void {
    this.#context.close();
  }
}

/**
 * Decompresses a message at its end, where zlib cannot be driven: it is held in memory until then, and has a
 * limit of its own.
 */
export class WholePartInflater implements PartInflater {
  /** All that has come is held, and that must not stop the reading. */
  readonly bytesLeft = 0;
  readonly #inflater: Inflater;
  readonly #limit: number;
  #inputs: Buffer[] = [];
  #length = 0;

  /** @param limit most bytes that a message may have, before it is decompressed and after. */
  constructor(inflater: Inflater, limit: number) {
    this.#inflater = inflater;
    this.#limit = limit;
  }

  get takeover(): boolean {
    return this.#inflater.takeover;
  }

  begin(): void {
    this.#inputs = [];
    this.#length = 0;
  }

  push(input: Buffer): void {
    this.#length += input.length;
    if (this.#length > this.#limit) throw this.#tooBig();
    this.#inputs.push(input);
  }

  next(): undefined {
    return undefined;
  }

  end(): Buffer {
    const message = this.#inflater.inflate(Buffer.concat(this.#inputs), this.#limit);
    this.begin();
    if (message === undefined) throw this.#tooBig();
    return message;
  }

  close(): void {
    this.begin();
  }

  #tooBig(): ProtocolError {
    return new ProtocolError(
      'ERR_MESSAGE_TOO_BIG',
      `a compressed message is longer than maxPayload, which is ${this.#limit} bytes where zlib cannot decompress it part by part`,
    );
  }
}
