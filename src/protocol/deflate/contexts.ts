import { Buffer } from 'node:buffer';
import { constants } from 'node:zlib';
import { type ContextOptions, TAIL } from './format.js';
import { deflateSync, inflateSync } from './one-shot-zlib.js';
import { isRawZlibSupported, Output, RawZlib } from './raw-zlib.js';
import { SlidingWindow } from './sliding-window.js';
import { inflateSteps } from './steps.js';

/**
 * Turns messages into their compressed form and back (RFC 7692 section 7.2): one message in, one message
 * out, synchronously.
 *
 * There are two ways to the same result. Where this runtime's zlib can be driven (see raw-zlib.ts) a
 * context stays open. Elsewhere each message is a documented call of its own, which gets the sliding
 * window as a preset dictionary.
 */

/** The payload of an empty message: an empty block without its tail (section 7.2.3.6). */
const EMPTY_MESSAGE: Buffer = Buffer.of(0x00);

/** Compresses what one endpoint sends. */
export interface Deflater {
  /** The payload of a compressed message, in a buffer of its own. */
  deflate(message: Uint8Array): Buffer;
  /** Forget the earlier messages: nothing will refer to them. Releases the memory until the next message. */
  release(): void;
}

/** Decompresses what one endpoint receives. */
export interface Inflater {
  /**
   * @param limit most bytes that may come out.
   * @returns the message; `undefined` if it is longer than the limit. The sliding window is then as
   * it was before.
   * @throws ProtocolError if the payload is not a compressed message.
   */
  inflate(payload: Uint8Array, limit: number): Buffer | undefined;
  /** A message was decompressed elsewhere: later messages may refer to it. */
  advanceWindow(message: Uint8Array): void;
  /** The sliding window; `undefined` while nothing is in it, or when it is not kept. */
  readonly window: Buffer | undefined;
  /** Whether later messages may refer to this one: what is not wanted has to be decompressed all the same. */
  readonly takeover: boolean;
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
    this.#context.run(constants.Z_SYNC_FLUSH, message, output, Infinity);
    return output.take(TAIL.length);
  }

  release(): void {
    this.#context?.close();
    this.#context = undefined;
  }
}

/**
 * Decompressors by the size of the window. All connections share them: what a connection has of its own
 * is the window, which the context reads before each message.
 */
const inflateContexts = new Map<number, RawZlib>();

class RawZlibInflater implements Inflater {
  readonly #windowBits: number;
  readonly #window: SlidingWindow | undefined;

  constructor({ windowBits, takeover }: DeflateContextOptions) {
    if (!inflateContexts.has(windowBits)) {
      inflateContexts.set(windowBits, RawZlib.inflate({ windowBits }));
    }
    this.#windowBits = windowBits;
    this.#window = takeover ? new SlidingWindow(windowBits) : undefined;
  }

  get window(): Buffer | undefined {
    return this.#window?.contents;
  }

  get takeover(): boolean {
    return this.#window !== undefined;
  }

  inflate(payload: Uint8Array, limit: number): Buffer | undefined {
    const bits = this.#windowBits;
    const context = inflateContexts.get(bits)!;
    const steps = inflateSteps(context, payload, bits, this.window, limit);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    const message = step.value;
    if (message !== undefined) this.#window?.slide(message);
    return message;
  }

  advanceWindow(message: Uint8Array): void {
    this.#window?.slide(message);
  }
}

/** Compresses each message with a call of its own. */
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

/** Decompresses each message with a call of its own. */
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

  get takeover(): boolean {
    return this.#window !== undefined;
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
