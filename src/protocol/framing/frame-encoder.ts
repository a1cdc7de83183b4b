import { Buffer } from 'node:buffer';
import { randomFillSync } from 'node:crypto';
import {
  FIN,
  isControl,
  LENGTH_16,
  LENGTH_64,
  MASK,
  MASKING_KEY_BYTES,
  MAX_16_BIT_LENGTH,
  MAX_7_BIT_LENGTH,
  Opcode,
  type Role,
  RSV1,
  RSV2,
  RSV3,
} from './frame.js';
import { readKey, unmask } from './mask.js';
import { allocateOwn } from './own-memory.js';
import { anyFunction, isBoolean, checkOptions, oneOf, type Rules, show } from '../option-checks.js';
import { type Payload, toBytes } from './payload.js';

/** The bits of a frame that are not its opcode. */
export interface FrameFlags {
  /** Whether this is the last fragment of its message. @default true */
  readonly fin?: boolean;
  /** For an extension: permessage-deflate's "Per-Message Compressed". @default false */
  readonly rsv1?: boolean;
  /** For an extension. @default false */
  readonly rsv2?: boolean;
  /** For an extension. @default false */
  readonly rsv3?: boolean;
}

/** Options of a `FrameEncoder`. */
export interface FrameEncoderOptions {
  /** Our role: a client masks what it sends, a server does not (section 5.1). @default 'server' */
  readonly role?: Role;
  /** Writes a masking key of four bytes, which must be unpredictable (section 5.3). @default random */
  readonly maskingKey?: (target: Buffer) => void;
}

const OPTION_RULES: Rules<FrameEncoderOptions> = {
  role: oneOf('server', 'client'),
  maskingKey: anyFunction,
};

/** The rules for the flags of a frame. */
export const FLAG_RULES: Rules<FrameFlags> = {
  fin: isBoolean,
  rsv1: isBoolean,
  rsv2: isBoolean,
  rsv3: isBoolean,
};

/** The header's first byte. */
export function firstByte(opcode: Opcode, flags: FrameFlags = {}): number {
  return (
    opcode |
    (flags.fin === false ? 0 : FIN) |
    (flags.rsv1 === true ? RSV1 : 0) |
    (flags.rsv2 === true ? RSV2 : 0) |
    (flags.rsv3 === true ? RSV3 : 0)
  );
}

/** The size in bytes of an unmasked frame's header (section 5.2). */
export function headerSize(payloadLength: number): number {
  if (payloadLength <= MAX_7_BIT_LENGTH) return 2;
  return payloadLength <= MAX_16_BIT_LENGTH ? 4 : 10;
}

/** Write the header of an unmasked frame and return the index at which its payload begins. */
export function writeHeader(
  target: Buffer,
  at: number,
  byte0: number,
  payloadLength: number,
): number {
  target[at] = byte0;
  if (payloadLength <= MAX_7_BIT_LENGTH) {
    target[at + 1] = payloadLength;
    return at + 2;
  }
  if (payloadLength <= MAX_16_BIT_LENGTH) {
    target[at + 1] = LENGTH_16;
    target[at + 2] = payloadLength >>> 8;
    target[at + 3] = payloadLength & 0xff;
    return at + 4;
  }
  target[at + 1] = LENGTH_64;
  target.writeUInt32BE(Math.floor(payloadLength / 0x1_0000_0000), at + 2);
  target.writeUInt32BE(payloadLength >>> 0, at + 6);
  return at + 10;
}

/**
 * Turns an opcode and a payload into the bytes of one frame (RFC 6455 section 5.2). Pure and
 * without state: one encoder serves every connection, and its frames may be sent to all of them.
 */
export class FrameEncoder {
  readonly #masks: boolean;
  readonly #maskingKey: (target: Buffer) => void;

  /** @throws TypeError for an option that is unknown or has a wrong value. */
  constructor(options: FrameEncoderOptions = {}) {
    checkOptions('FrameEncoder', options, OPTION_RULES);
    const { role, maskingKey = takeRandomKey } = options;
    this.#masks = role === 'client';
    this.#maskingKey = maskingKey;
  }

  /**
   * Encode one frame; nothing is fragmented. A string is encoded as UTF-8 for every opcode.
   *
   * @throws RangeError for a control frame that is fragmented or has more than 125 bytes, TypeError
   * for a payload that is neither string nor bytes, and for flags that are unknown or not boolean.
   */
  encode(opcode: Opcode, payload: Payload, flags?: FrameFlags): Buffer {
    const bytes = toBytes(payload);
    if (flags !== undefined) checkOptions('encode', flags, FLAG_RULES);
    checkFrame(opcode, bytes.length, flags);
    return this.encodeFrame(firstByte(opcode, flags), bytes);
  }

  /**
   * {@link encode} with the header's first byte as given, and without its checks. @internal
   *
   * @param isPooled whether the frame may be a part of Node's pool.
   */
  encodeFrame(byte0: number, payload: Uint8Array, isPooled = true): Buffer {
    const { length } = payload;
    const unmaskedSize = headerSize(length);
    const start = this.#masks ? unmaskedSize + MASKING_KEY_BYTES : unmaskedSize;
    const frame = isPooled
      ? Buffer.allocUnsafe(start + length)
      : Buffer.allocUnsafeSlow(start + length);
    writeHeader(frame, 0, byte0, length);
    if (this.#masks) {
      const key = this.#addKey(frame, 0, unmaskedSize);
      unmask(asBuffer(payload), 0, length, frame, start, key);
    } else {
      frame.set(payload, start);
    }
    return frame;
  }

  /**
   * Mask a frame that was written to `target` without a mask, from `at` to `end`. The payload moves by the masking key,
   * for which there must be room. @internal
   *
   * @returns the new end.
   */
  maskFrame(target: Buffer, at: number, end: number): number {
    const length = target[at + 1]!;
    const keyAt = at + (length < LENGTH_16 ? 2 : length === LENGTH_16 ? 4 : 10);
    const start = keyAt + MASKING_KEY_BYTES;
    target.copyWithin(start, keyAt, end);
    const key = this.#addKey(target, at, keyAt);
    unmask(target, start, end + MASKING_KEY_BYTES, target, start, key);
    return end + MASKING_KEY_BYTES;
  }

  /**
   * Mask a payload apart from its unmasked header, which is in `target` from `at` to `end`. The masking key is added to
   * the header; there must be room for it. @internal
   *
   * @param isOwned nothing else refers to the payload's memory: it is masked where it is.
   * @returns the masked payload, in memory of its own.
   */
  maskApart(
    target: Buffer,
    at: number,
    end: number,
    payload: Uint8Array,
    isOwned: boolean,
  ): Buffer {
    const source = asBuffer(payload);
    const masked = isOwned ? source : allocateOwn(source.length);
    unmask(source, 0, source.length, masked, 0, this.#addKey(target, at, end));
    return masked;
  }

  /** Add a masking key to an unmasked header in `target`, from `at` to `end`. @returns the key. */
  #addKey(target: Buffer, at: number, end: number): number {
    this.#maskingKey(target.subarray(end, end + MASKING_KEY_BYTES));
    target[at + 1]! |= MASK;
    return readKey(target, end);
  }
}

/** The same memory as a Buffer, whose length does not follow that of its ArrayBuffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Random bytes for masking keys, each used once: a call for four of them costs as much as for thousands. */
const randomKeys: Buffer = Buffer.allocUnsafeSlow(8192);
let keysAt = randomKeys.length;

function takeRandomKey(target: Buffer): void {
  if (keysAt === randomKeys.length) {
    randomFillSync(randomKeys);
    keysAt = 0;
  }
  for (let index = 0; index < MASKING_KEY_BYTES; index++) target[index] = randomKeys[keysAt++]!;
}

/**
 * Reject a frame that RFC 6455 forbids to send (section 5.5), or a number that is not an opcode.
 *
 * @throws RangeError with the numbers, TypeError for an opcode that is not a number.
 */
export function checkFrame(opcode: Opcode, length: number, flags: FrameFlags = {}): void {
  if (typeof opcode !== 'number') {
    throw new TypeError(`expected opcode to be one of Opcode, got ${show(opcode)}`);
  }
  if (!OPCODES.has(opcode)) {
    throw new RangeError(`opcode ${String(opcode)} is not one of Opcode (RFC 6455 section 5.2)`);
  }
  if (!isControl(opcode)) return;
  if (flags.fin === false) {
    throw new RangeError('a control frame must not be fragmented (RFC 6455 section 5.5)');
  }
  if (length > MAX_7_BIT_LENGTH) {
    throw new RangeError(
      `a control frame has at most ${MAX_7_BIT_LENGTH} bytes of payload, not ${length} (RFC 6455 section 5.5)`,
    );
  }
}

const OPCODES: ReadonlySet<number> = new Set(Object.values(Opcode));
