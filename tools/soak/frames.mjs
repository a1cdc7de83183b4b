// Frames written and read without hawser (RFC 6455 section 5.2): a mistake in its own encoder or decoder
// must not hide itself.
import { randomFillSync } from 'node:crypto';

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;
/** Of the three reserved bits, the one that marks a compressed message (RFC 7692 section 6). */
export const RSV1 = 4;

const KEY_BYTES = 4;
/** Masking keys have to be hard to guess for proxies in between; here there are none, and one draw of bytes serves many frames. */
const keys = Buffer.alloc(64 * 1024);
let nextKey = keys.length;

/**
 * A masked frame.
 *
 * @param {number} opcode
 * @param {Uint8Array} [payload]
 * @param {{ fin?: boolean, rsv?: number, length?: number }} [forged] `length` announces another one than the payload's
 */
export function frame(opcode, payload = new Uint8Array(0), forged = {}) {
  const { fin = true, rsv = 0, length = payload.length } = forged;
  const lengthBytes = length < 126 ? 0 : length < 0x1_0000 ? 2 : 8;
  const start = 2 + lengthBytes + KEY_BYTES;
  const bytes = Buffer.allocUnsafe(start + payload.length);
  bytes[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  bytes[1] = 0x80 | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) bytes.writeUInt16BE(length, 2);
  if (lengthBytes === 8) bytes.writeBigUInt64BE(BigInt(length), 2);
  if (nextKey === keys.length) {
    randomFillSync(keys);
    nextKey = 0;
  }
  const key = keys.subarray(nextKey, (nextKey += KEY_BYTES));
  bytes.set(key, start - KEY_BYTES);
  for (let i = 0; i < payload.length; i++) {
    bytes[start + i] = /** @type {number} */ (payload[i]) ^ /** @type {number} */ (key[i & 3]);
  }
  return bytes;
}

/**
 * A masked Close frame.
 *
 * @param {number} code
 */
export function closeFrame(code) {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return frame(CLOSE, payload);
}

/** Gathers what a server sends and hands out its frames. */
export class FrameReader {
  #bytes = /** @type {Buffer} */ (Buffer.alloc(0));
  /** Whether permessage-deflate was negotiated. */
  mayCompress = false;

  /** @returns {number} bytes that are not a whole frame yet */
  get rest() {
    return this.#bytes.length;
  }

  /**
   * @param {Buffer} chunk
   * @returns {{ opcode: number, compressed: boolean, payload: Buffer }[]}
   * @throws for what a server must not send
   */
  push(chunk) {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const frames = [];
    for (let one = this.#next(); one !== undefined; one = this.#next()) frames.push(one);
    return frames;
  }

  #next() {
    const bytes = this.#bytes;
    if (bytes.length < 2) return undefined;
    const [first = 0, second = 0] = bytes;
    const opcode = first & 0x0f;
    const compressed = this.mayCompress && opcode < CLOSE && (first & 0x40) !== 0;
    // hawser never fragments a message, and nothing but compression gives a reserved bit a meaning.
    if ((first & 0xf0) !== (compressed ? 0xc0 : 0x80))
      throw new Error(`a frame begins with 0x${first.toString(16)}`);
    if (second > 127) throw new Error('a frame from the server is masked');
    const start = second < 126 ? 2 : second === 126 ? 4 : 10;
    if (bytes.length < start) return undefined;
    const length =
      second < 126
        ? second
        : second === 126
          ? bytes.readUInt16BE(2)
          : Number(bytes.readBigUInt64BE(2));
    if (bytes.length < start + length) return undefined;
    this.#bytes = bytes.subarray(start + length);
    return { opcode, compressed, payload: bytes.subarray(start, start + length) };
  }
}
