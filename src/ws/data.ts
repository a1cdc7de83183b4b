import { Buffer } from 'node:buffer';
import { toArrayBuffer } from '../connection/receive/received-data.js';
import { MAX_7_BIT_LENGTH } from '../protocol/framing/frame.js';
import {
  type BlobLike,
  bytesOf,
  isBlob,
  type Payload,
  toBytes,
} from '../protocol/framing/payload.js';

/** What `send` takes. Numbers are sent as text, arrays and objects as `Buffer.from` reads them. */
export type Sendable =
  Payload | BlobLike | number | readonly number[] | object | false | null | undefined;

/** What a `'message'` listener gets; which one `binaryType` decides. With `'blob'` it is a Blob, which the types of ws do not say. */
export type RawData = Buffer | ArrayBuffer | Buffer[];
/** The `data` of a MessageEvent: a string for Text. */
export type Data = string | RawData;

/** How Binary messages are delivered. */
export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob';
export const BINARY_TYPES: readonly BinaryType[] = [
  'nodebuffer',
  'arraybuffer',
  'fragments',
  'blob',
];

const EMPTY = Buffer.alloc(0);

/**
 * Data as hawser sends it. `null`, `undefined` and `false` are an empty message, as in ws.
 *
 * @throws TypeError for an object without bytes.
 */
export function toPayload(data: Sendable): Payload | BlobLike {
  if (typeof data === 'string') return data;
  if (typeof data === 'number') return String(data);
  if (!data) return EMPTY;
  if (bytesOf(data) !== undefined || isBlob(data)) return data as Payload | BlobLike;
  return Buffer.from(data as readonly number[]);
}

/**
 * {@link toPayload} of the payload of a control frame, which cannot be a Blob.
 *
 * @throws RangeError in ws's words for more than 125 bytes.
 */
export function toControlPayload(data: Sendable): Uint8Array {
  const bytes = toBytes(toPayload(data));
  if (bytes.length > MAX_7_BIT_LENGTH) {
    throw new RangeError(`The data size must not be greater than ${MAX_7_BIT_LENGTH} bytes`);
  }
  return bytes;
}

/** The size in bytes, for `bufferedAmount`. */
export function sizeOf(data: Sendable): number {
  const payload = toPayload(data);
  if (isBlob(payload)) return payload.size;
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength;
}

/** A Binary message as `binaryType` wants it. */
export function toBinaryType(data: Buffer, type: BinaryType): RawData | Blob {
  switch (type) {
    case 'nodebuffer':
      return data;
    case 'arraybuffer':
      return toArrayBuffer(data);
    case 'fragments':
      return data.length === 0 ? [] : [data];
    case 'blob':
      return new Blob([data]);
  }
}
