import { Buffer } from 'node:buffer';
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib';
import { type ContextOptions, invalidDeflate } from './format.js';

/**
 * The undocumented members of a zlib stream of Node. Nothing relies on them before
 * {@link isRawZlibSupported} has tried them all; one-shot-zlib.ts needs documented calls only.
 */
interface ZlibInternals {
  readonly _handle: {
    onerror: (message: string, errno: number, code: string) => void;
    reset(): void;
    writeSync(
      flush: number,
      input: Uint8Array,
      inputAt: number,
      inputLength: number,
      output: Uint8Array,
      outputAt: number,
      outputLength: number,
    ): void;
  };
  /** After a call: the bytes of the output, and of the input, that were not used. */
  readonly _writeState: Uint32Array;
  close(): void;
}

/** Bytes that a context puts out at once. */
export const OUTPUT_AT_ONCE: number = 64 * 1024;
/** The output of all contexts gathers here: they run one after the other. */
const scratch = Buffer.allocUnsafeSlow(OUTPUT_AT_ONCE);
/** For output that is not needed; as long as the largest window. */
const discarded = Buffer.allocUnsafeSlow(32 * 1024);
/** With less output available than this, zlib may have to write its end marker twice. */
const MIN_AVAILABLE = 16;
/** The smallest buffer that a stream of Node accepts. It is never used here. */
const NO_CHUNKS = { chunkSize: 64 };

/**
 * A zlib context that stays open and is driven synchronously: neither a stream nor the thread pool
 * stands between a message and its compressed form.
 */
export class RawZlib {
  readonly #zlib: ZlibInternals;
  #error: string | undefined;

  private constructor(zlib: ZlibInternals) {
    this.#zlib = zlib;
    zlib._handle.onerror = (message) => {
      this.#error = message;
    };
  }

  /** Open a compressor. A raw window of 8 bits is one of 9 to zlib, whose distances stay below 256 (see docs/compression.md). */
  static deflate(options: ContextOptions): RawZlib {
    const windowBits = Math.max(9, options.windowBits);
    const zlib = createDeflateRaw({ ...options, ...NO_CHUNKS, windowBits });
    return new RawZlib(zlib as unknown as ZlibInternals);
  }

  /** Open a decompressor. */
  static inflate(options: ContextOptions): RawZlib {
    return new RawZlib(createInflateRaw({ ...options, ...NO_CHUNKS }) as unknown as ZlibInternals);
  }

  /** Start again with an empty window. */
  reset(): void {
    this.#zlib._handle.reset();
  }

  /** Give the memory back. */
  close(): void {
    this.#zlib.close();
  }

  /** Put bytes through and discard the output, which is at most a window long. */
  skip(input: Uint8Array): void {
    const { length } = discarded;
    this.#zlib._handle.writeSync(
      constants.Z_SYNC_FLUSH,
      input,
      0,
      input.length,
      discarded,
      0,
      length,
    );
  }

  /**
   * Put bytes through.
   *
   * @param output where the result is added.
   * @param limit stop when the output is longer.
   * @returns how many bytes of the input were not used: the stream ended before them, or the limit
   * was reached.
   * @throws ProtocolError for data that is not DEFLATE.
   */
  run(flush: number, input: Uint8Array, output: Output, limit: number): number {
    const { _handle: handle, _writeState: state } = this.#zlib;
    let left = input.length;
    for (;;) {
      const available = output.available();
      handle.writeSync(
        flush,
        input,
        input.length - left,
        left,
        scratch,
        scratch.length - available,
        available,
      );
      const error = this.#error;
      if (error !== undefined) {
        this.#error = undefined;
        throw invalidDeflate(error);
      }
      const unused = state[0]!;
      left = state[1]!;
      output.advance(available - unused);
      if (unused > 0 || output.length > limit) return left;
    }
  }
}

/**
 * Collects the output of a context. All of them write to one scratch buffer, so whatever is in there has
 * to be {@link save}d or {@link take}n before another context runs.
 */
export class Output {
  /** Bytes collected. */
  length = 0;
  #filled = 0;
  #full: Buffer[] | undefined;

  /** Bytes available in the scratch buffer, which is emptied first if there are too few. */
  available(): number {
    if (scratch.length - this.#filled < MIN_AVAILABLE) this.save();
    return scratch.length - this.#filled;
  }

  /** The context has written this many bytes. */
  advance(count: number): void {
    this.#filled += count;
    this.length += count;
  }

  /** Copy what is in the scratch buffer to memory of its own. */
  save(): void {
    (this.#full ??= []).push(Buffer.from(scratch.subarray(0, this.#filled)));
    this.#filled = 0;
  }

  /** The last bytes collected, at most `count`. */
  last(count: number): Buffer {
    const pieces: Buffer[] = [scratch.subarray(0, this.#filled)];
    const full = this.#full ?? [];
    let length = this.#filled;
    for (let at = full.length - 1; at >= 0 && length < count; at--) {
      pieces.unshift(full[at]!);
      length += full[at]!.length;
    }
    return Buffer.concat(pieces).subarray(-count);
  }

  /** All that was collected, in a buffer of its own, but for the last bytes. */
  take(withoutLast = 0): Buffer {
    const rest = scratch.subarray(0, this.#filled);
    if (this.#full === undefined) return Buffer.from(rest.subarray(0, this.length - withoutLast));
    return Buffer.concat([...this.#full, rest], this.length - withoutLast);
  }
}

let isSupported: boolean | undefined;

/** Whether this Node's zlib can be driven as above; tried once, when it is first asked. */
export function isRawZlibSupported(): boolean {
  return (isSupported ??= selfTest(RawZlib));
}

/** Try everything that contexts.ts and steps.ts rely on, with data whose result is known. */
export function selfTest(drive: Pick<typeof RawZlib, 'deflate' | 'inflate'>): boolean {
  const { Z_SYNC_FLUSH, Z_BLOCK } = constants;
  try {
    const deflater = drive.deflate({ windowBits: 9, level: 6, memLevel: 5 });
    const inflater = drive.inflate({ windowBits: 9 });
    const put = (context: RawZlib, bytes: Uint8Array, flush = Z_SYNC_FLUSH): [Buffer, number] => {
      const output = new Output();
      const left = context.run(flush, bytes, output, Infinity);
      return [output.take(), left];
    };
    const text = Buffer.from('hawser '.repeat(20));
    const long = Buffer.alloc(3 * scratch.length);
    const marker = Buffer.of(0x00, 0x00, 0xff, 0xff, 0x00);
    try {
      const [first] = put(deflater, text);
      const [second] = put(deflater, text); // refers to the first
      deflater.reset();
      const [again] = put(deflater, text);
      const [compressed] = put(deflater, long);
      const body = first.subarray(0, -4);
      const results = [
        second.length < first.length,
        again.equals(first),
        put(inflater, body)[0].equals(text),
        put(inflater, marker, Z_BLOCK)[1] === 1,
        put(inflater, second)[0].equals(text),
        put(inflater, Buffer.from('030000ff', 'hex'))[1] === 2, // a final block; two bytes after it
      ];
      inflater.reset();
      results.push(put(inflater, again)[0].equals(text), put(inflater, compressed)[0].equals(long));
      return results.every(Boolean) && throws(() => put(inflater, Buffer.of(0xff)));
    } finally {
      deflater.close();
      inflater.close();
    }
  } catch {
    return false;
  }
}

function throws(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch {
    return true;
  }
}
