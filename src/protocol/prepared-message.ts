import { Buffer, isUtf8 } from 'node:buffer';
import { FrameEncoder, headerSize } from './frame-encoder.js';
import { Opcode } from './frame.js';
import { encodeText } from './text.js';

/** What an application can send: a string, or bytes. */
export type Payload = string | ArrayBuffer | SharedArrayBuffer | ArrayBufferView;

/** What `send` takes. A string goes out as Text, bytes as Binary. */
export type Data = Payload | PreparedMessage;

/** Up to this many bytes a frame is better copied than kept, where it has to wait. */
export const SMALL_FRAME = 128;

const encoder = new FrameEncoder();

/**
 * A message that is encoded once and may be sent to any number of connections, which then all
 * share its bytes. Made by `wss.prepare()`.
 */
export class PreparedMessage {
  /** Text or Binary. */
  readonly opcode: typeof Opcode.Text | typeof Opcode.Binary;
  /** The whole frame as a server sends it. */
  readonly frame: Buffer;
  /** Bytes of payload data. */
  readonly payloadLength: number;
  /**
   * The frames with a compressed payload, by the size of the window that a peer needs. Made by whoever
   * needs one first; while it is on its way, a list of those who wait for it.
   */
  compressed: Map<number, Buffer | ((frame: Buffer) => void)[]> | undefined;

  constructor(opcode: typeof Opcode.Text | typeof Opcode.Binary, data: string | Uint8Array) {
    const payload = toBytes(data);
    this.opcode = opcode;
    this.frame = unpooled(encoder.encode(opcode, payload));
    this.payloadLength = payload.length;
  }

  /** The payload data alone, for connections that have to mask or compress it for themselves. */
  get payload(): Buffer {
    return this.frame.subarray(headerSize(this.payloadLength));
  }
}

/** Node cuts short buffers from a pool of 8 KiB, and a frame that waits for a slow peer must not keep that. */
function unpooled(frame: Buffer): Buffer {
  // Stryker disable next-line EqualityOperator: no server's frame is exactly 128 bytes long
  if (frame.length <= SMALL_FRAME) return frame;
  if (frame.buffer.byteLength === frame.length) return frame;
  const own = Buffer.allocUnsafeSlow(frame.length);
  frame.copy(own);
  return own;
}

/**
 * Encode a message once.
 *
 * @param binary send as Binary or as Text whatever the data's type.
 * @throws TypeError for data that is neither string nor bytes, or bytes that are to be sent as Text
 * and are not UTF-8.
 */
export function prepareMessage(
  data: Payload,
  binary: boolean = typeof data !== 'string',
): PreparedMessage {
  const payload = toBytes(data);
  if (!binary && typeof data !== 'string') checkText(payload);
  return new PreparedMessage(binary ? Opcode.Binary : Opcode.Text, payload);
}

/**
 * The bytes of a payload, not copied; those of a string are its UTF-8.
 *
 * @throws TypeError for what is neither a string nor bytes.
 */
export function toBytes(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (typeof data === 'string') return encodeText(data);
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return new Uint8Array(data);
  throw new TypeError(
    `expected data to be a string, Buffer, typed array, DataView or ArrayBuffer, got ${
      data === null ? 'null' : typeof data
    }`,
  );
}

/** @throws TypeError for bytes that cannot be sent as Text (RFC 6455 section 5.6). */
export function checkText(bytes: Uint8Array): void {
  if (!isUtf8(bytes)) {
    throw new TypeError(
      `${bytes.length} bytes were to be sent as Text but are not valid UTF-8; send them as Binary`,
    );
  }
}
