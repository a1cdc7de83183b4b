import { Buffer, kMaxLength } from 'node:buffer';
import {
  constants,
  createInflateRaw,
  deflateRaw,
  deflateRawSync,
  inflateRawSync,
  type ZlibOptions,
} from 'node:zlib';
import { ProtocolError } from '../framing/protocol-error.js';
import { LONGEST_MESSAGE } from '../framing/message-buffer.js';
import { SlidingWindow } from './sliding-window.js';
import {
  type ContextOptions,
  invalidDeflate,
  MAX_STREAMS,
  STORED_HEADER,
  storedBlockHeader,
  TAIL,
  TOO_MANY_STREAMS,
  TRUNCATED,
} from './format.js';

/**
 * Compresses and decompresses messages by documented calls of zlib, each message with a context of its
 * own: synchronously, or on zlib's thread pool.
 */

/** The tail, an empty final block, and a sentinel byte that zlib must leave unread. */
const TAIL_AND_END: Buffer = Buffer.concat([TAIL, Buffer.from('010000ffff00', 'hex')]);
/** The same with one more empty block before the final one. */
const TAIL_AND_LONGER_END: Buffer = Buffer.concat([
  TAIL,
  Buffer.from('000000ffff', 'hex'),
  TAIL_AND_END.subarray(TAIL.length),
]);
/** What a truncated stored block takes as its last data, if that is exactly as long. */
const END_WITHOUT_SENTINEL: Buffer = TAIL_AND_END.subarray(0, -1);
/**
 * How many bytes of {@link TAIL_AND_END} zlib leaves unread if the message is complete: the sentinel; or
 * all after the tail, which ended a final block; or all, because a final block ended before the tail.
 */
const UNREAD_IF_COMPLETE: readonly number[] = [
  1,
  TAIL_AND_END.length - TAIL.length,
  TAIL_AND_END.length,
];
/** Bytes of output of one task on the thread pool. */
const CHUNK_SIZE = 128 * 1024;
/**
 * A longer payload and its tail are written one after the other. The second write takes one more turn,
 * about 50 µs. Joining them would copy a payload whose length the peer chooses.
 */
const MAX_JOINED = 256 * 1024;

/** Called with the message, with `undefined` if it is too long, or with what is wrong with the payload. */
export type InflateCallback = (
  error: ProtocolError | undefined,
  message: Buffer | undefined,
) => void;

/** Compress a message. */
export function deflateSync(message: Uint8Array, options: ContextOptions): Buffer {
  return withoutTail(deflateRawSync(message, deflateOptions(options)));
}

/** Compress a message on the thread pool. The callback gets `undefined` if there is no memory for it. */
export function deflateAsync(
  message: Uint8Array,
  options: ContextOptions,
  callback: (payload: Buffer | undefined) => void,
): void {
  deflateRaw(
    message,
    { ...deflateOptions(options), chunkSize: CHUNK_SIZE },
    (error, compressed) => {
      callback(error === null ? withoutTail(compressed) : undefined);
    },
  );
}

/**
 * Decompress a message.
 *
 * @returns `undefined` if more than `limit` bytes came out.
 * @throws ProtocolError if it is not DEFLATE data.
 */
export function inflateSync(
  payload: Uint8Array,
  options: ContextOptions,
  limit: number,
  primes: boolean = needsPrimer(),
): Buffer | undefined {
  const calls = inflateCalls(payload, options, limit, primes);
  let step = calls.next();
  while (step.done !== true) {
    const { primer, data, tail, zlib, most } = step.value;
    let result: Inflated;
    try {
      result = inflateRawSync(Buffer.concat([primer, data, tail]), {
        ...zlib,
        info: true,
        maxOutputLength: Math.max(1, Math.min(most, kMaxLength)),
      }) as unknown as Inflated;
    } catch (error) {
      if (isTooLong(error as Error)) return undefined;
      throw invalidDeflate((error as Error).message);
    }
    step = calls.next(result);
  }
  return step.value;
}

/** {@link inflateSync} on the thread pool. */
export function inflateAsync(
  payload: Uint8Array,
  options: ContextOptions,
  limit: number,
  callback: InflateCallback,
  primes: boolean = needsPrimer(),
): void {
  const calls = inflateCalls(payload, options, limit, primes);
  const advance = (inflated?: Inflated): void => {
    let step: IteratorResult<InflateCall, Buffer | undefined>;
    try {
      step = calls.next(inflated!); // the first step ignores it
    } catch (error) {
      // Any other error is a failed allocation while joining the pieces.
      callback(error instanceof ProtocolError ? error : undefined, undefined);
      return;
    }
    if (step.done === true) {
      callback(undefined, step.value);
      return;
    }
    inflatePieces(step.value, (error, inflated) => {
      if (inflated !== undefined) advance(inflated);
      else callback(error && invalidDeflate(error.message), undefined);
    });
  };
  advance();
}

/** One call on the thread pool. The callback gets neither an error nor a result if too much comes out. */
function inflatePieces(
  { primer, data, tail, zlib, most }: InflateCall,
  callback: (error: Error | undefined, inflated: Inflated | undefined) => void,
): void {
  const engine = createInflateRaw({ ...zlib, chunkSize: CHUNK_SIZE });
  const pieces: Buffer[] = [];
  let length = 0;
  engine.on('data', (piece: Buffer) => {
    length += piece.length;
    pieces.push(piece);
    if (length <= most) return;
    engine.destroy();
    callback(undefined, undefined);
  });
  engine.on('error', (error) => {
    callback(error, undefined);
  });
  engine.on('end', () => {
    let buffer: Buffer;
    try {
      buffer = joined(pieces, length);
    } catch {
      callback(undefined, undefined); // there is no memory for it
      return;
    }
    callback(undefined, { buffer, engine });
  });
  if (data.length <= MAX_JOINED) {
    engine.end(Buffer.concat([primer, data, tail]));
  } else {
    if (primer.length > 0) engine.write(primer);
    engine.write(data);
    engine.end(tail);
  }
}

/** One call of zlib that decompresses. */
interface InflateCall {
  /** What goes before the payload, so that zlib knows the window; empty where zlib takes a dictionary. */
  readonly primer: Buffer;
  /** The payload, or what is left of it, … */
  readonly data: Uint8Array;
  /** … and what has to follow it. */
  readonly tail: Buffer;
  readonly zlib: ZlibOptions;
  /** Most bytes that may come out. */
  readonly most: number;
}

/** What zlib answers with the option `info`. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

/** The calls that a message takes: one, unless blocks with BFINAL set end a stream inside it. */
function* inflateCalls(
  payload: Uint8Array,
  { windowBits, dictionary }: ContextOptions,
  limit: number,
  primes: boolean,
): Generator<InflateCall, Buffer | undefined, Inflated> {
  const window = new SlidingWindow(windowBits);
  if (dictionary !== undefined) window.slide(dictionary);
  const pieces: Buffer[] = [];
  let length = 0;
  let data = payload;
  while (pieces.length < MAX_STREAMS) {
    const history = window.contents;
    const primer =
      primes && history !== undefined
        ? Buffer.concat([storedBlockHeader(history.length), history])
        : NOTHING;
    const known = Math.max(0, primer.length - STORED_HEADER);
    const zlib = {
      windowBits,
      finishFlush: constants.Z_SYNC_FLUSH,
      dictionary: primes ? undefined : history,
    };
    const longest = Math.min(limit, LONGEST_MESSAGE);
    const most = longest - length + known;
    const inflated = yield { primer, data, tail: TAIL_AND_END, zlib, most };
    const buffer = inflated.buffer.subarray(known);
    const used = inflated.engine.bytesWritten - primer.length;
    pieces.push(buffer);
    length += buffer.length;
    if (length > longest) return undefined;
    const left = data.length + TAIL_AND_END.length - used;
    if (UNREAD_IF_COMPLETE.includes(left)) {
      if (
        left === 1 &&
        buffer.subarray(-END_WITHOUT_SENTINEL.length).equals(END_WITHOUT_SENTINEL)
      ) {
        // The message may really end with these bytes. Or a truncated final stored block has taken them
        // as its data. A second call with a longer end tells the two apart: a truncated block takes the
        // same number of bytes from it, and leaves more than the sentinel.
        const again = yield { primer, data, tail: TAIL_AND_LONGER_END, zlib, most };
        const usedAgain = again.engine.bytesWritten - primer.length;
        const leftAgain = data.length + TAIL_AND_LONGER_END.length - usedAgain;
        if (leftAgain !== 1) throw invalidDeflate(TRUNCATED);
      }
      return joined(pieces, length);
    }
    if (left < TAIL_AND_END.length) throw invalidDeflate(TRUNCATED);
    window.slide(buffer);
    data = data.subarray(used);
  }
  throw invalidDeflate(TOO_MANY_STREAMS);
}

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Whether zlib's raw contexts take a dictionary. Deno ignores it: references to the window then fail with
 * "too far back", so the window is fed to zlib as a stored block.
 */
export function takesDictionary(inflate: typeof inflateRawSync = inflateRawSync): boolean {
  // "hawser", as a copy of six bytes from the dictionary.
  const copy = Buffer.of(0x82, 0x90, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff);
  try {
    const options = {
      dictionary: Buffer.from('hawser hawser'),
      finishFlush: constants.Z_SYNC_FLUSH,
    };
    return inflate(copy, options).toString() === 'hawser';
  } catch {
    return false;
  }
}

/** Whether zlib does not take a dictionary; `undefined` until it was first asked. */
let primesByDefault: boolean | undefined;

function needsPrimer(): boolean {
  return (primesByDefault ??= !takesDictionary());
}

function deflateOptions({ windowBits, level, memLevel, dictionary }: ContextOptions): ZlibOptions {
  return {
    finishFlush: constants.Z_SYNC_FLUSH,
    windowBits: Math.max(9, windowBits), // as in RawZlib.deflate
    level,
    memLevel,
    dictionary,
  };
}

/** Join the pieces. A single piece is not copied, unless it is short. */
function joined(pieces: Buffer[], length: number): Buffer {
  return pieces.length === 1 ? unpinned(pieces[0]!) : Buffer.concat(pieces, length);
}

function withoutTail(compressed: Buffer): Buffer {
  return unpinned(compressed.subarray(0, compressed.length - TAIL.length));
}

/** A copy of a short result, which must not keep zlib's whole chunk in memory. */
function unpinned(bytes: Buffer): Buffer {
  if (bytes.length * 2 >= bytes.buffer.byteLength) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}

function isTooLong(error: Error & { code?: string }): boolean {
  return error.code === 'ERR_BUFFER_TOO_LARGE';
}
