import { ConnectionError } from '../close/connection-error.js';
import { type BlobLike, checkText, toBytes } from '../../protocol/framing/payload.js';

/** Bytes that a Blob counts while it waits. One of the application's own making may claim anything. */
export function sizeOf({ size }: BlobLike): number {
  return Number.isSafeInteger(size) && size > 0 ? size : 0;
}

/**
 * The content of a Blob.
 *
 * @throws ConnectionError if it cannot be read, or is to be sent as Text and is not UTF-8.
 */
export async function readBlob(blob: BlobLike, isText: boolean): Promise<Uint8Array> {
  try {
    const bytes = toBytes(await blob.arrayBuffer());
    if (isText) checkText(bytes);
    return bytes;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new ConnectionError('ERR_BLOB_UNREADABLE', { detail, cause: error });
  }
}
