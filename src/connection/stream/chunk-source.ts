import { bytesOf, isBlob } from '../../protocol/framing/payload.js';
import { isObject, show } from '../../protocol/option-checks.js';

/** A part of a message: all of a message's chunks are strings, or all are bytes. */
export type Chunk = string | ArrayBuffer | SharedArrayBuffer | ArrayBufferView;

/** What a web `ReadableStream` has that is needed to read it; those of polyfills have it too. */
export interface ReadableStreamLike<T> {
  /** Locks the stream. */
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: T | undefined }>;
    cancel(reason?: unknown): Promise<unknown>;
    releaseLock(): void;
  };
}

/** What `sendStream` takes: an iterable, an async iterable (a `Readable` of Node is one), or a web `ReadableStream`. */
export type StreamSource = Iterable<Chunk> | AsyncIterable<Chunk> | ReadableStreamLike<Chunk>;

/** The next chunk, or the end. */
export interface Step {
  readonly done?: boolean | undefined;
  readonly value?: unknown;
}

/** A source that is being read. */
export interface ChunkSource {
  /** @throws what the source throws. */
  next(): Step | Promise<Step>;
  /** No more chunks are wanted, for this reason. Called once at most, and never after the end. */
  cancel(reason: Error): void;
}

/**
 * Open the source of `sendStream`. A web stream is locked by it.
 *
 * @throws TypeError for anything else, and for a web stream that is locked.
 */
export function openSource(source: unknown): ChunkSource {
  if (isObject(source) || Array.isArray(source)) {
    const {
      getReader,
      [Symbol.asyncIterator]: async,
      [Symbol.iterator]: sync,
    } = source as Partial<ReadableStreamLike<unknown> & AsyncIterable<unknown> & Iterable<unknown>>;
    if (typeof getReader === 'function') return readStream(source as never);
    // The elements of a Buffer are numbers.
    if (!ArrayBuffer.isView(source)) {
      if (typeof async === 'function') return iterate(async.call(source));
      if (typeof sync === 'function') return iterate(sync.call(source));
    }
  }
  throw new TypeError(
    `sendStream: expected an iterable, an async iterable or a ReadableStream of strings or bytes, got ${show(source)}; ${remedy(source)}`,
  );
}

function remedy(source: unknown): string {
  if (isBlob(source)) return 'pass its stream()';
  const isData = bytesOf(source) !== undefined;
  return isData ? 'use send for a message that is there already' : 'pass one of these';
}

function readStream(stream: ReadableStreamLike<unknown>): ChunkSource {
  const reader = stream.getReader();
  return {
    next: async () => {
      const step = await reader.read();
      if (step.done) reader.releaseLock();
      return step;
    },
    cancel: (reason) => {
      ignore(() => reader.cancel(reason));
    },
  };
}

function iterate(iterator: Iterator<unknown> | AsyncIterator<unknown>): ChunkSource {
  return {
    next: () => iterator.next(),
    cancel: () => {
      ignore(() => iterator.return?.());
    },
  };
}

/** Ignore how the source takes its end: the promise of `sendStream` has the reason, which came before. */
function ignore(end: () => unknown): void {
  try {
    Promise.resolve(end()).catch(() => undefined);
  } catch {
    // See above.
  }
}
