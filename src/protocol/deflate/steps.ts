import { Buffer } from 'node:buffer';
import { constants } from 'node:zlib';
import {
  invalidDeflate,
  MAX_STREAMS,
  storedBlockHeader,
  TAIL,
  TOO_MANY_STREAMS,
  TRUNCATED,
} from './format.js';
import { Output, type RawZlib } from './raw-zlib.js';
import { SlidingWindow } from './sliding-window.js';

/**
 * Messages put through an open zlib context in steps of about a millisecond. The caller decides when
 * the next step is taken; the context belongs to the message until then. A short message takes one step.
 */

/** Bytes of input that one step takes. */
export const INPUT_PER_STEP: number = 64 * 1024;
/** A step of decompressing ends when this many bytes have come out. */
export const OUTPUT_PER_STEP: number = 512 * 1024;

/**
 * The tail, and a sentinel byte after it. zlib stops at the end of a block, so the sentinel is unused
 * exactly if the tail was the end of a block. Otherwise the message was truncated.
 */
const TAIL_AND_SENTINEL: Buffer = Buffer.concat([TAIL, Buffer.of(0x00)]);
const NOTHING: Buffer = Buffer.alloc(0);

/** The steps of compressing or decompressing a message. */
export type Steps<Result> = Generator<undefined, Result, undefined>;

/**
 * Compress a message without context takeover. The bytes are the same as those of one call.
 *
 * @param context a compressor.
 * @returns the payload.
 */
export function* deflateSteps(context: RawZlib, message: Uint8Array): Steps<Buffer> {
  const output = new Output();
  context.reset();
  let at = 0;
  for (; message.length - at > INPUT_PER_STEP; at += INPUT_PER_STEP) {
    const input = message.subarray(at, at + INPUT_PER_STEP);
    context.run(constants.Z_NO_FLUSH, input, output, Infinity);
    output.save();
    yield;
  }
  context.run(constants.Z_SYNC_FLUSH, message.subarray(at), output, Infinity);
  return output.take(TAIL.length);
}

/**
 * Decompress a message.
 *
 * @param context a decompressor with a window of this size.
 * @param window what the message may refer to.
 * @param limit most bytes that may come out.
 * @returns the message; `undefined` if it is longer than the limit.
 * @throws ProtocolError if the payload is not a compressed message.
 */
export function* inflateSteps(
  context: RawZlib,
  payload: Uint8Array,
  windowBits: number,
  window: Buffer | undefined,
  limit: number,
): Steps<Buffer | undefined> {
  const output = new Output();
  let rest = payload;
  resetWithWindow(context, window);
  for (let streams = 1; ;) {
    const input = rest.length > INPUT_PER_STEP ? rest.subarray(0, INPUT_PER_STEP) : rest;
    const pause = Math.min(limit, output.length + OUTPUT_PER_STEP);
    const unused = context.run(constants.Z_SYNC_FLUSH, input, output, pause);
    if (output.length > limit) return undefined;
    rest = rest.subarray(input.length - unused);
    if (output.length > pause || (unused === 0 && rest.length > 0)) {
      output.save();
      yield;
    } else if (unused === 0) {
      checkEnd(context, output, limit);
      return output.length > limit ? undefined : output.take();
    } else {
      // A block with BFINAL set ends a DEFLATE stream, but not the message (section 7.2.3.4).
      if (++streams > MAX_STREAMS) throw invalidDeflate(TOO_MANY_STREAMS);
      const reachable = new SlidingWindow(windowBits);
      reachable.slide(window ?? NOTHING);
      reachable.slide(output.last(2 ** windowBits));
      resetWithWindow(context, reachable.contents);
    }
  }
}

/** @throws ProtocolError if what was put through a decompressor ends inside a block. */
export function checkEnd(context: RawZlib, output: Output, limit: number): void {
  const before = output.length;
  const unused = context.run(constants.Z_BLOCK, TAIL_AND_SENTINEL, output, limit);
  const added = output.length - before;
  // After a final block (BFINAL) zlib reads none of the tail. Otherwise only the sentinel may be unused, and
  // nothing may have come out, or exactly the tail where it completed a stored block.
  const isWhole = unused === 1 && (added === 0 || added === TAIL.length);
  if (!isWhole && unused !== TAIL_AND_SENTINEL.length) throw invalidDeflate(TRUNCATED);
}

/** Make a decompressor begin a stream that may refer to a window: it reads the window as a stored block. */
export function resetWithWindow(context: RawZlib, window: Buffer | undefined): void {
  context.reset();
  if (window === undefined) return;
  context.skip(storedBlockHeader(window.length));
  context.skip(window);
}
