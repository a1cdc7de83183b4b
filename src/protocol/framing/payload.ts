import { isUtf8 } from 'node:buffer';
import {
  isAnyArrayBuffer,
  isBoxedPrimitive,
  isPromise,
  isSharedArrayBuffer,
  isUint8Array,
} from 'node:util/types';
import { encodeText } from '../text/utf8-codec.js';

/** Data that an application can send: a string, or bytes. */
export type Payload = string | ArrayBuffer | SharedArrayBuffer | ArrayBufferView;

const at: (this: Uint8Array, index: number) => number | undefined = Reflect.get(
  Uint8Array.prototype,
  'at',
);

/**
 * The bytes of a payload, not copied; of a string, its UTF-8. Values of another realm, such as those
 * of a test runner, count like our own.
 *
 * @returns `undefined` for a value that is neither a string nor bytes.
 * @throws TypeError for bytes whose buffer was transferred or made smaller.
 */
export function bytesOf(data: unknown): Uint8Array | undefined {
  if (typeof data === 'string') return encodeText(data);
  const isBytes = data instanceof Uint8Array || isUint8Array(data);
  if (isBytes && data.length > 0) return data;
  if (!isBytes && !ArrayBuffer.isView(data) && !isAnyArrayBuffer(data)) return undefined;
  try {
    if (isBytes)
      at.call(data, 0); // throws if the buffer was transferred or made smaller
    else if (!ArrayBuffer.isView(data)) return bytesIn(data, 0, data.byteLength);
    else return bytesIn(data.buffer, data.byteOffset, data.byteLength);
    return data;
  } catch {
    throw new TypeError(
      'the memory of data is gone: its buffer was transferred or made smaller; send it before that, or send a copy',
    );
  }
}

/** A view of fixed length: without a length it would grow with a resizable buffer. */
function bytesIn(buffer: ArrayBufferLike, start: number, length: number): Uint8Array {
  return new Uint8Array(buffer, start, length);
}

/**
 * {@link bytesOf} a value that must be data.
 *
 * @throws TypeError for a value that is neither a string nor bytes, with what to do.
 */
export function toBytes(data: unknown): Uint8Array {
  const bytes = bytesOf(data);
  if (bytes !== undefined) return bytes;
  throw new TypeError(
    `expected data to be a string, Buffer, typed array, DataView or ArrayBuffer, got ${describe(data)}`,
  );
}

/**
 * Check data whose memory is to be handed over.
 *
 * @throws TypeError for data that has no memory of its own, with what to do.
 */
export function checkTransfer(caller: string, data: unknown): void {
  const reason = whyNotTransferable(data);
  if (reason === undefined) return;
  throw new TypeError(`${caller}: transfer: ${reason}`);
}

function whyNotTransferable(data: unknown): string | undefined {
  if (!ArrayBuffer.isView(data) && !isAnyArrayBuffer(data)) {
    const given = typeof data === 'string' ? 'a string' : 'this';
    return `${given} has no ArrayBuffer to hand over; leave transfer out`;
  }
  const { buffer, byteLength } = ArrayBuffer.isView(data)
    ? data
    : { buffer: data, byteLength: data.byteLength };
  if (isSharedArrayBuffer(buffer)) {
    return 'a SharedArrayBuffer has several owners; send a copy of its bytes';
  }
  if (buffer.byteLength === byteLength) return undefined;
  return `the data is ${byteLength} of the ${buffer.byteLength} bytes of its ArrayBuffer, and the others may be in use; send a copy made by Buffer.allocUnsafeSlow, or leave transfer out`;
}

/** @throws TypeError for bytes that cannot be sent as Text (RFC 6455 section 5.6). */
export function checkText(bytes: Uint8Array): void {
  if (!isUtf8(bytes)) {
    throw new TypeError(
      `${bytes.length} bytes were to be sent as Text but are not valid UTF-8; send them as Binary`,
    );
  }
}

/** What a Blob has that is needed to send it; a File and those of polyfills have it too. */
export interface BlobLike {
  /** Bytes. */
  readonly size: number;
  /** Its content. */
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** Whether a value is a Blob, of any realm or library. */
export function isBlob(value: unknown): value is BlobLike {
  if (typeof value !== 'object' || value === null) return false;
  const { size, arrayBuffer } = value as Partial<BlobLike>;
  return (
    typeof size === 'number' &&
    typeof arrayBuffer === 'function' &&
    /^\[object (Blob|File)\]$/.test(Object.prototype.toString.call(value))
  );
}

/** The value that was given instead of data, and what to do about it. */
function describe(data: unknown): string {
  if (data === undefined || data === null) return String(data);
  if (typeof data === 'function' || typeof data === 'symbol') return `a ${typeof data}`;
  if (typeof data !== 'object') return `a ${typeof data}; send String(data)`;
  if (isBoxedPrimitive(data)) return 'a boxed primitive; send String(data)';
  if (isPromise(data)) return 'a promise; await it first';
  if (isBlob(data)) return 'a Blob; await its arrayBuffer() first';
  if (Symbol.asyncIterator in data || 'getReader' in data) {
    return 'a stream; a message is sent whole: read it first';
  }
  return `${Array.isArray(data) ? 'an array' : 'an object'}; send JSON.stringify(data)`;
}
