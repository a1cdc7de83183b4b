import { Buffer } from 'node:buffer';
import { constants } from 'node:zlib';
import { invalidDeflate } from './invalid-deflate.js';
import {
  CUT_SHORT,
  deflateSync,
  inflateSync,
  MOST_STREAMS,
  TAIL,
  TOO_MANY_STREAMS,
} from './one-shot-zlib.js';
import { SlidingWindow } from './sliding-window.js';
import { isRawZlibSupported, type ContextOptions, Output, RawZlib } from './raw-zlib.js';

/**
 * Messages into their compressed form and back (RFC 7692 section 7.2): one message in, one message
 * out, synchronously.
 *
 * There are two ways to the same bytes. Where this Node's zlib can be driven (see zlib-drive.ts) a
 * context stays open. Elsewhere each message is a documented call of its own, which gets the sliding
 * window as a preset dictionary.
 */

const { Z_SYNC_FLUSH, Z_BLOCK } = constants;

/**
 * The tail and one byte that must not be read: zlib is told to stop at the end of a block, and the
 * byte is left over only if the tail was indeed the end of one. Otherwise the message was cut short.
 */
const TAIL_AND_SENTINEL: Buffer = Buffer.concat([TAIL, Buffer.of(0x00)]);
const NOTHING: Buffer = Buffer.alloc(0);
/** "A message with no data": an empty block without its tail (section 7.2.3.6). */
const EMPTY_MESSAGE: Buffer = Buffer.of(0x00);

/** Compresses what one endpoint sends. */
export interface Deflater {
  /** The payload of a compressed message, in a buffer of its own. */
  deflate(message: Uint8Array): Buffer;
  /** Forget what came before: nothing will refer to it. Gives the memory back until the next message. */
  release(): void;
}

/** Decompresses what one endpoint receives. */
export interface Inflater {
  /**
   * @param limit most bytes that may come out.
   * @returns the message; `undefined` if it is longer than the limit. The sliding window is then as
   * it was before.
   * @throws ProtocolError if the payload is no compressed message.
   */
  inflate(payload: Uint8Array, limit: number): Buffer | undefined;
  /** A message went through elsewhere: what follows may refer to it. */
  advanceWindow(message: Uint8Array): void;
  /** The sliding window; `undefined` while nothing is in it, or when it is not kept. */
  readonly window: Buffer | undefined;
}

/** How a context is made. */
export interface DeflateContextOptions extends ContextOptions {
  /** Whether a message may refer to those before it (context takeover, section 7.1.1). */
  readonly takeover: boolean;
}

/** @param drive whether to drive an open zlib context; by default where that is possible. */
export function createDeflater(
  options: DeflateContextOptions,
  drive: boolean = isRawZlibSupported(),
): Deflater {
  return drive ? new RawZlibDeflater(options) : new OneShotDeflater(options);
}

/** @param drive see {@link createDeflater}. */
export function createInflater(
  options: DeflateContextOptions,
  drive: boolean = isRawZlibSupported(),
): Inflater {
  return drive ? new RawZlibInflater(options) : new OneShotInflater(options);
}

class RawZlibDeflater implements Deflater {
  readonly #options: DeflateContextOptions;
  #context: RawZlib | undefined;

  constructor(options: DeflateContextOptions) {
    this.#options = options;
  }

  deflate(message: Uint8Array): Buffer {
    if (message.length === 0) return EMPTY_MESSAGE;
    if (this.#context === undefined) this.#context = RawZlib.deflate(this.#options);
    else if (!this.#options.takeover) this.#context.reset();
    const output = new Output();
    this.#context.run(Z_SYNC_FLUSH, message, output, Infinity);
    return output.take(TAIL.length);
  }

  release(): void {
    this.#context?.close();
    this.#context = undefined;
  }
}

/**
 * Contexts that decompress, by the size of the window. All connections share them: what a connection
 * has of its own is the window, and a context gets to know it as a block that is not compressed.
 */
const contexts = new Map<number, RawZlib>();

class RawZlibInflater implements Inflater {
  readonly #context: RawZlib;
  readonly #windowBits: number;
  readonly #window: SlidingWindow | undefined;

  constructor({ windowBits, takeover }: DeflateContextOptions) {
    let context = contexts.get(windowBits);
    if (context === undefined)
      contexts.set(windowBits, (context = RawZlib.inflate({ windowBits })));
    this.#context = context;
    this.#windowBits = windowBits;
    this.#window = takeover ? new SlidingWindow(windowBits) : undefined;
  }

  get window(): Buffer | undefined {
    return this.#window?.contents;
  }

  inflate(payload: Uint8Array, limit: number): Buffer | undefined {
    const output = new Output();
    if (!this.#run(payload, output, limit)) return undefined;
    const message = output.take();
    this.#window?.slide(message);
    return message;
  }

  advanceWindow(message: Uint8Array): void {
    this.#window?.slide(message);
  }

  /** @returns whether that was all, within the limit. */
  #run(payload: Uint8Array, output: Output, limit: number): boolean {
    const context = this.#context;
    let rest = payload;
    this.#resetWithWindow(this.window);
    for (let streams = 1; streams <= MOST_STREAMS; streams++) {
      const unused = context.run(Z_SYNC_FLUSH, rest, output, limit);
      if (output.length > limit) return false;
      if (unused === 0) {
        const before = output.length;
        const left = context.run(Z_BLOCK, TAIL_AND_SENTINEL, output, limit);
        const more = output.length - before;
        // All of it is left if the message ended with a final block. Nothing comes out of it, but
        // where it is the end of a stored block. Else it was taken for something that was cut off.
        const whole = left === 1 && (more === 0 || more === TAIL.length);
        if (!whole && left !== TAIL_AND_SENTINEL.length) throw invalidDeflate(CUT_SHORT);
        return output.length <= limit;
      }
      // A block with BFINAL set ends a DEFLATE stream, but not the message (section 7.2.3.4).
      rest = rest.subarray(rest.length - unused);
      const window = new SlidingWindow(this.#windowBits);
      window.slide(this.window ?? NOTHING);
      window.slide(output.take());
      this.#resetWithWindow(window.contents);
    }
    throw invalidDeflate(TOO_MANY_STREAMS);
  }

  /** Begin anew, with what may be referred to. */
  #resetWithWindow(window: Buffer | undefined): void {
    const context = this.#context;
    context.reset();
    if (window === undefined) return;
    const header = Buffer.of(0x00, 0x00, 0x00, 0xff, 0xff); // a stored block (RFC 1951 section 3.2.4)
    header.writeUInt16LE(window.length, 1);
    header.writeUInt16LE(window.length ^ 0xffff, 3);
    context.skip(header);
    context.skip(window);
  }
}

/** Each message a call of its own. */
class OneShotDeflater implements Deflater {
  readonly #options: DeflateContextOptions;
  #window: SlidingWindow | undefined;

  constructor(options: DeflateContextOptions) {
    this.#options = options;
  }

  deflate(message: Uint8Array): Buffer {
    const dictionary = this.#window?.contents;
    const compressed = deflateSync(message, { ...this.#options, dictionary });
    if (this.#options.takeover) {
      (this.#window ??= new SlidingWindow(this.#options.windowBits)).slide(message);
    }
    return compressed;
  }

  release(): void {
    this.#window = undefined;
  }
}

/** Each message a call of its own. */
class OneShotInflater implements Inflater {
  readonly #windowBits: number;
  readonly #window: SlidingWindow | undefined;

  constructor({ windowBits, takeover }: DeflateContextOptions) {
    this.#windowBits = windowBits;
    this.#window = takeover ? new SlidingWindow(windowBits) : undefined;
  }

  get window(): Buffer | undefined {
    return this.#window?.contents;
  }

  inflate(payload: Uint8Array, limit: number): Buffer | undefined {
    const options = { windowBits: this.#windowBits, dictionary: this.window };
    const message = inflateSync(payload, options, limit);
    if (message !== undefined) this.#window?.slide(message);
    return message;
  }

  advanceWindow(message: Uint8Array): void {
    this.#window?.slide(message);
  }
}
