import type { Buffer } from 'node:buffer';
import { FrameEncoder, headerSize } from './frame-encoder.js';
import { FIN, Opcode } from './frame.js';
import { unpooled } from './own-memory.js';
import { checkText, type Payload, toBytes } from './payload.js';

/** What `send` takes. A string goes out as Text, bytes as Binary. */
export type Data = Payload | PreparedMessage;

/** The most bytes of a frame that is copied, not kept, when it has to wait. */
export const SMALL_FRAME = 128;

const encoder = new FrameEncoder();
/** Marks a prepared message of any copy of the package: an application may have loaded two. */
const BRAND = Symbol.for('hawser.PreparedMessage');

/**
 * A message that is encoded once and may be sent to any number of connections, which then all
 * share its bytes. Made by `wss.prepare()`.
 */
export class PreparedMessage {
  /** Text or Binary. */
  readonly opcode: typeof Opcode.Text | typeof Opcode.Binary;
  /** The whole frame as a server sends it. @internal */
  frame: Buffer;
  /** Bytes of payload data. */
  readonly payloadLength: number;
  static {
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }

  /** @internal */
  constructor(opcode: typeof Opcode.Text | typeof Opcode.Binary, data: string | Uint8Array) {
    const payload = toBytes(data);
    this.opcode = opcode;
    this.payloadLength = payload.length;
    // A longer frame that waits for a slow peer must not keep Node's pool.
    // Stryker disable next-line EqualityOperator: no server's frame is exactly 128 bytes long
    const isPooled = headerSize(payload.length) + payload.length <= SMALL_FRAME;
    this.frame = encoder.encodeFrame(FIN | opcode, payload, isPooled);
  }

  /** The payload data alone, for connections that mask or compress it themselves. @internal */
  get payload(): Buffer {
    return this.frame.subarray(headerSize(this.payloadLength));
  }

  /** Give a short frame, too, memory of its own: it will be kept for long. @internal */
  unpool(): void {
    this.frame = unpooled(this.frame);
  }
}

/** Messages that another copy of the package has prepared, and their equivalents here. */
const adopted = new WeakMap<object, PreparedMessage>();

/**
 * A prepared message of this copy of the package, or of another.
 *
 * @returns `undefined` for anything else.
 */
export function asPrepared(data: unknown): PreparedMessage | undefined {
  if (data instanceof PreparedMessage) return data;
  if (typeof data !== 'object' || data === null || !(BRAND in data)) return undefined;
  let message = adopted.get(data);
  if (message === undefined) {
    const { opcode, payload } = data as unknown as PreparedMessage;
    adopted.set(data, (message = new PreparedMessage(opcode, payload)));
  }
  return message;
}

/** @throws TypeError if `binary` contradicts what was prepared, or the memory was transferred. */
export function checkPrepared(message: PreparedMessage, binary: boolean | undefined): void {
  const isBinary = message.opcode === Opcode.Binary;
  if (binary !== undefined && binary !== isBinary) {
    throw new TypeError(
      `the message was prepared as ${isBinary ? 'Binary' : 'Text'}; prepare it with binary: ${binary}`,
    );
  }
  if (message.frame.length === 0) {
    throw new TypeError('the memory of the prepared message is gone: its buffer was transferred');
  }
}

/**
 * A prepared message of this copy of the package, or of another.
 *
 * @throws TypeError for anything else, or if it cannot be sent so.
 */
export function requirePrepared(data: unknown, binary: boolean | undefined): PreparedMessage {
  const message = asPrepared(data);
  if (message === undefined) toBytes(data); // says what is wrong
  checkPrepared(message!, binary);
  return message!;
}

/**
 * The prepared message that was given in place of data.
 *
 * @returns `undefined` for data.
 * @throws TypeError if `binary` contradicts what was prepared, or the memory was transferred.
 */
export function givenPrepared(data: Data, binary?: boolean): PreparedMessage | undefined {
  const prepared = typeof data === 'string' ? undefined : asPrepared(data);
  if (prepared !== undefined) checkPrepared(prepared, binary);
  return prepared;
}

/**
 * Encode a message once. One that is prepared already is returned as it is.
 *
 * @param binary send as Binary or as Text for data of any type.
 * @throws TypeError for data that is neither string nor bytes, for bytes that are to be sent as Text
 * and are not UTF-8, and for a `binary` that contradicts what was prepared.
 */
export function prepareMessage(data: Data, binary?: boolean): PreparedMessage {
  const prepared = givenPrepared(data, binary);
  if (prepared !== undefined) return prepared;
  const payload = toPayload(data as Payload, binary);
  const isBinary = binary ?? typeof data !== 'string';
  return new PreparedMessage(isBinary ? Opcode.Binary : Opcode.Text, payload);
}

/**
 * The payload of a message that is sent as Text or as Binary, whichever its data is of.
 *
 * @throws TypeError for data that is neither string nor bytes, and for bytes that are to be sent as Text and are not UTF-8.
 */
export function toPayload(data: Payload, binary?: boolean): Uint8Array {
  const payload = toBytes(data);
  if (binary === false && typeof data !== 'string') checkText(payload);
  return payload;
}
