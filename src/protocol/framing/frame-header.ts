import type { Buffer } from 'node:buffer';
import { ProtocolError, type ProtocolErrorCode } from './protocol-error.js';
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
import { readKey } from './mask.js';
import { LONGEST_MESSAGE } from './message-buffer.js';

/** What the decoder knows that decides whether the next header is legal. */
export interface HeaderContext {
  /** Our role: a server's peer must mask, a client's must not. */
  readonly role: Role;
  /** An extension was negotiated that gives RSV1 a meaning. */
  readonly rsv1: boolean;
  /** Longest message in bytes, all fragments. */
  readonly maxPayload: number;
}

/**
 * The header that {@link parseHeader} has just read. It is one object for all decoders: they copy
 * what they need before anything else can run, and no connection pays for an object of its own.
 */
// Stryker disable next-line ObjectLiteral: nobody reads it before the first header has set all of it
export const header = {
  // Stryker disable next-line BooleanLiteral: likewise
  fin: true,
  opcode: Opcode.Continuation as Opcode,
  /** RSV1 to RSV3, where the header's first byte has them. */
  rsv: 0,
  /** Payload length in bytes. */
  length: 0,
  /** The masking key, or 0 for an unmasked frame: XOR with 0 changes nothing. */
  key: 0,
};

/**
 * Read the frame header at `at` into {@link header}, checking every rule of section 5 that a
 * header can break.
 *
 * @param available bytes there are from `at` on.
 * @param gathered bytes of the fragmented message in progress, or -1 if there is none.
 * @param offset where in the stream the header stands; for messages only.
 * @param compressed whether the fragmented message in progress is compressed.
 * @returns the header's size in bytes, or 0 if more bytes are needed to know.
 * @throws ProtocolError for a fault, as soon as the header's first two bytes, or its length, prove it.
 */
export function parseHeader(
  bytes: Buffer,
  at: number,
  available: number,
  gathered: number,
  offset: number,
  context: HeaderContext,
  compressed: boolean = false,
): number {
  if (available < 2) return 0;
  const byte0 = bytes[at]!;
  const byte1 = bytes[at + 1]!;
  const opcode = byte0 & 0x0f;
  const fin = (byte0 & FIN) !== 0;
  const rsv = byte0 & (RSV1 | RSV2 | RSV3);
  const masked = (byte1 & MASK) !== 0;

  if (rsv !== 0) {
    // Section 5.2: RSV bits MUST be 0 unless an extension defines them. RFC 7692 section 6.1
    // defines RSV1, and only on the first frame of a data message.
    if (rsv !== RSV1 || !context.rsv1 || isControl(opcode) || opcode === Opcode.Continuation) {
      throw fault(
        'ERR_RESERVED_BIT',
        `${rsvNames(rsv)} set on ${opcodeName(opcode)}, but no extension defines it; is another listener writing to this socket?`,
        '5.2',
        bytes,
        at,
        offset,
      );
    }
  }
  if (isControl(opcode)) {
    if (opcode > Opcode.Pong) throw reserved(bytes, at, offset);
    if (!fin) {
      throw fault(
        'ERR_CONTROL_FRAGMENTED',
        `${opcodeName(opcode)} is fragmented; control frames are sent whole`,
        '5.5',
        bytes,
        at,
        offset,
      );
    }
    if ((byte1 & 0x7f) > MAX_7_BIT_LENGTH) {
      throw fault(
        'ERR_CONTROL_TOO_LONG',
        `${opcodeName(opcode)} announces more than ${MAX_7_BIT_LENGTH} bytes of payload; send a message instead`,
        '5.5',
        bytes,
        at,
        offset,
      );
    }
  } else if (opcode > Opcode.Binary) {
    throw reserved(bytes, at, offset);
  }
  if (masked !== (context.role === 'server')) {
    throw masked
      ? fault(
          'ERR_MASK_FORBIDDEN',
          'a frame from the server is masked; only clients mask',
          '5.1',
          bytes,
          at,
          offset,
        )
      : fault(
          'ERR_MASK_REQUIRED',
          'a frame from the client is not masked; clients mask every frame',
          '5.1',
          bytes,
          at,
          offset,
        );
  }
  if (!isControl(opcode) && (opcode === Opcode.Continuation) !== gathered >= 0) {
    throw gathered < 0
      ? fault(
          'ERR_UNEXPECTED_CONTINUATION',
          'a continuation frame continues no message; a first fragment has opcode 1 or 2',
          '5.4',
          bytes,
          at,
          offset,
        )
      : fault(
          'ERR_EXPECTED_CONTINUATION',
          `${opcodeName(opcode)} begins inside a fragmented message, of which ${gathered} bytes have come; its fragments have opcode 0`,
          '5.4',
          bytes,
          at,
          offset,
        );
  }

  let size = 2;
  let length = byte1 & 0x7f;
  if (length === LENGTH_16) {
    size = 4;
    if (available < size) return 0;
    length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    if (length <= MAX_7_BIT_LENGTH)
      throw fault('ERR_LENGTH_NOT_MINIMAL', minimal(length, 16), '5.2', bytes, at, offset, size);
  } else if (length === LENGTH_64) {
    size = 10;
    if (available < size) return 0;
    // Section 5.2: "the most significant bit MUST be 0". Above 2^53 the sum is not exact, which
    // does no harm: no limit can be that high.
    if (bytes[at + 2]! > 0x7f) {
      throw fault(
        'ERR_LENGTH_TOP_BIT',
        'the 64-bit payload length has its top bit set; was it computed with a sign?',
        '5.2',
        bytes,
        at,
        offset,
        size,
      );
    }
    length = bytes.readUInt32BE(at + 2) * 0x1_0000_0000 + bytes.readUInt32BE(at + 6);
    if (length <= MAX_16_BIT_LENGTH)
      throw fault('ERR_LENGTH_NOT_MINIMAL', minimal(length, 64), '5.2', bytes, at, offset, size);
  }
  if (!isControl(opcode) && length + Math.max(gathered, 0) > context.maxPayload) {
    const total = length + Math.max(gathered, 0);
    const { maxPayload } = context;
    const isCompressed = opcode === Opcode.Continuation ? compressed : rsv === RSV1;
    if (!isCompressed || total > Math.min(longestCompressed(maxPayload), LONGEST_MESSAGE)) {
      throw fault(
        'ERR_MESSAGE_TOO_BIG',
        `the ${isCompressed ? 'compressed message' : 'message'} is at least ${total} bytes long; ${maxPayload === LONGEST_MESSAGE ? 'the longest that can be joined has' : 'maxPayload is'} ${maxPayload}`,
        '7.4.1',
        bytes,
        at,
        offset,
        size,
      );
    }
  }
  if (masked) {
    size += MASKING_KEY_BYTES;
    if (available < size) return 0;
  }
  header.fin = fin;
  header.opcode = opcode as Opcode;
  header.rsv = rsv;
  header.length = length;
  header.key = masked ? readKey(bytes, at + size - MASKING_KEY_BYTES) : 0;
  return size;
}

/**
 * How long the compressed form of a message of so many bytes may be. What cannot be compressed grows:
 * in the fixed Huffman code most of all, where a literal may take 9 bits, and each block its header
 * of 3 and an end of 7 (RFC 1951 sections 3.2.3 and 3.2.6). 255 literals is the shortest block that
 * zlib may write so although a stored one were shorter (see its `deflateBound`): 10 bits for each
 * 255 bytes are less than a 128th. The KiB is for short messages, and for a sender that flushes.
 */
function longestCompressed(length: number): number {
  return length + length / 8 + length / 128 + 1024;
}

function opcodeName(opcode: number): string {
  const name = Object.entries(Opcode).find(([, value]) => value === opcode)?.[0];
  return name === undefined ? `a frame with opcode 0x${opcode.toString(16)}` : `a ${name} frame`;
}

/**
 * @param what what is wrong, and a hint where there is one; the peer gets as much of it as fits into
 * a Close frame.
 * @param size bytes of the header that prove it.
 */
function fault(
  code: ProtocolErrorCode,
  what: string,
  section: string,
  bytes: Buffer,
  at: number,
  offset: number,
  size = 2,
): ProtocolError {
  const shown = bytes.toString('hex', at, at + size).replaceAll(/..(?=.)/g, '$& ');
  return new ProtocolError(
    code,
    `byte ${offset}: ${what} (header ${shown}; RFC 6455 section ${section})`,
  );
}

function reserved(bytes: Buffer, at: number, offset: number): ProtocolError {
  const opcode = (bytes[at]! & 0x0f).toString(16);
  return fault(
    'ERR_RESERVED_OPCODE',
    `opcode 0x${opcode} is reserved; was an earlier frame not as long as it said?`,
    '5.2',
    bytes,
    at,
    offset,
  );
}

function rsvNames(rsv: number): string {
  const names: string[] = [];
  if ((rsv & RSV1) !== 0) names.push('RSV1');
  if ((rsv & RSV2) !== 0) names.push('RSV2');
  if ((rsv & RSV3) !== 0) names.push('RSV3');
  return names.join(' and ') + (names.length > 1 ? ' are' : ' is');
}

function minimal(length: number, bits: number): string {
  return `payload length ${length} was sent in ${bits} bits, not in the shortest form`;
}
