import { isAscii } from 'node:buffer';
import { freeOwn, OWNED_FROM } from '../../protocol/framing/own-memory.js';
import { textOf } from '../../protocol/text/utf8-codec.js';

/**
 * A decompressed Text message as a string. The memory of a long one is freed: nothing else refers to it.
 *
 * @throws ProtocolError for one that is too long to be a string.
 */
export function inflatedText(data: Buffer): string {
  const text = textOf(data, 0, data.length, isAscii(data));
  if (data.length >= OWNED_FROM) freeOwn(data);
  return text;
}

/** An ArrayBuffer that has these bytes and no others, and that nothing else refers to. */
export function toArrayBuffer({ buffer, byteOffset, length }: Buffer): ArrayBuffer {
  // Nothing that comes from a socket, or from zlib, is in shared memory. Empty Buffers may be one and the same.
  const memory = buffer as ArrayBuffer;
  const isOwn = length > 0 && memory.byteLength === length;
  return isOwn ? memory : memory.slice(byteOffset, byteOffset + length);
}
