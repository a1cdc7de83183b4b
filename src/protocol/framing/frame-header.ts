import type { Buffer } from 'node:buffer';
import { PROTOCOL_ERRORS, ProtocolError, type ProtocolErrorCode } from './protocol-error.js';
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

/** The decoder's settings that decide whether a header is legal. */
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
// Stryker disable next-line ObjectLiteral: it is not read before the first header has set all of it
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

const RSV_BITS = RSV1 | RSV2 | RSV3;

/**
 * Read the frame header at `at` into {@link header}, checking every rule of section 5 that a
 * header can break.
 *
 * @param available number of bytes from `at` on.
 * @param gathered bytes of the fragmented message in progress, or -1 without such a message.
 * @param offset position of the header in the stream; for messages only.
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
  try {
    return readHeader(bytes, at, available, gathered, context, compressed);
  } catch (error) {
    throw describe(error as HeaderFault, bytes, at, gathered, offset, context.maxPayload);
  }
}

/** {@link parseHeader} of at least two bytes: one rule of section 5 a line. @throws HeaderFault */
function readHeader(
  bytes: Buffer,
  at: number,
  available: number,
  gathered: number,
  context: HeaderContext,
  compressed: boolean,
): number {
  const byte0 = bytes[at]!;
  const byte1 = bytes[at + 1]!;
  const opcode = byte0 & 0x0f;
  const fin = (byte0 & FIN) !== 0;
  const rsv = byte0 & RSV_BITS;
  const control = isControl(opcode);
  const masked = (byte1 & MASK) !== 0;
  let length = byte1 & 0x7f;

  // Section 5.2: the RSV bits MUST be 0 unless an extension defines them. RFC 7692 section 6.1
  // defines RSV1, on the first frame of a data message only.
  const startsMessage = !control && opcode !== Opcode.Continuation;
  const rsvIsDefined = rsv === RSV1 && context.rsv1 && startsMessage;
  if (rsv !== 0 && !rsvIsDefined) throw new HeaderFault('ERR_RESERVED_BIT');
  if (opcode > (control ? Opcode.Pong : Opcode.Binary))
    throw new HeaderFault('ERR_RESERVED_OPCODE');
  if (control && !fin) throw new HeaderFault('ERR_CONTROL_FRAGMENTED');
  if (control && length > MAX_7_BIT_LENGTH) throw new HeaderFault('ERR_CONTROL_TOO_LONG');
  if (masked && context.role === 'client') throw new HeaderFault('ERR_MASK_FORBIDDEN');
  if (!masked && context.role === 'server') throw new HeaderFault('ERR_MASK_REQUIRED');
  if (startsMessage && gathered >= 0) throw new HeaderFault('ERR_EXPECTED_CONTINUATION');
  if (!startsMessage && !control && gathered < 0)
    throw new HeaderFault('ERR_UNEXPECTED_CONTINUATION');

  let size = 2;
  if (length === LENGTH_16) {
    size = 4;
    if (available < size) return 0;
    length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    if (length <= MAX_7_BIT_LENGTH) throw new HeaderFault('ERR_LENGTH_NOT_MINIMAL', size, length);
  } else if (length === LENGTH_64) {
    size = 10;
    if (available < size) return 0;
    // Section 5.2: "the most significant bit MUST be 0". Above 2^53 the sum is not exact, which
    // does no harm: no limit can be that high.
    if (bytes[at + 2]! > 0x7f) throw new HeaderFault('ERR_LENGTH_TOP_BIT', size);
    length = bytes.readUInt32BE(at + 2) * 0x1_0000_0000 + bytes.readUInt32BE(at + 6);
    if (length <= MAX_16_BIT_LENGTH) throw new HeaderFault('ERR_LENGTH_NOT_MINIMAL', size, length);
  }
  if (!control) {
    const total = length + Math.max(gathered, 0);
    if (total > context.maxPayload) {
      const isCompressed = startsMessage ? rsv === RSV1 : compressed;
      const limit = isCompressed ? longestCompressed(context.maxPayload) : context.maxPayload;
      if (total > limit) throw new HeaderFault('ERR_MESSAGE_TOO_BIG', size, length, isCompressed);
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
 * The longest compressed form that a message of `length` bytes may have. Data that does not compress
 * grows, most of all in the fixed Huffman code: a literal takes up to 9 bits there, and each block has
 * a header of 3 bits and an end of 7 (RFC 1951 sections 3.2.3 and 3.2.6). zlib may write blocks of as few as 255 literals this way even if a stored block would be shorter (see its
 * `deflateBound`). The 10 bits per 255 bytes are less than a 128th. The extra KiB covers short messages and senders that flush often.
 */
function longestCompressed(length: number): number {
  const longest = length + length / 8 + length / 128 + 1024;
  // A message that is taken in parts may be longer than one that is joined.
  return length > LONGEST_MESSAGE ? longest : Math.min(longest, LONGEST_MESSAGE);
}

/** The error of a rule that a header breaks, before {@link describe} adds what the peer sent. */
class HeaderFault extends Error {
  readonly rule: keyof typeof FAULTS;
  /** Bytes of the header that prove it. */
  readonly size: number;
  /** The payload length, where the rule is about it. */
  readonly length: number;
  readonly isCompressed: boolean;

  constructor(rule: keyof typeof FAULTS, size = 2, length = 0, isCompressed = false) {
    super(rule);
    this.rule = rule;
    this.size = size;
    this.length = length;
    this.isCompressed = isCompressed;
  }
}

/** The values that a message about a header can name. */
interface HeaderFacts extends Pick<HeaderFault, 'size' | 'length' | 'isCompressed'> {
  readonly opcode: number;
  readonly rsv: number;
  readonly gathered: number;
  readonly maxPayload: number;
}

/** What is wrong, by rule, and a hint where there is one; it has to fit into a Close frame. */
const FAULTS = {
  ERR_RESERVED_BIT: ({ rsv, opcode }) =>
    `${rsvNames(rsv)} set on ${opcodeName(opcode)}, but no extension defines it; is another listener writing to this socket?`,
  ERR_RESERVED_OPCODE: ({ opcode }) =>
    `opcode 0x${opcode.toString(16)} is reserved; was an earlier frame not as long as it said?`,
  ERR_CONTROL_FRAGMENTED: ({ opcode }) =>
    `${opcodeName(opcode)} is fragmented; control frames are sent whole`,
  ERR_CONTROL_TOO_LONG: ({ opcode }) =>
    `${opcodeName(opcode)} announces more than ${MAX_7_BIT_LENGTH} bytes of payload; send a message instead`,
  ERR_MASK_FORBIDDEN: () => 'a frame from the server is masked; only clients mask',
  ERR_MASK_REQUIRED: () => 'a frame from the client is not masked; clients mask every frame',
  ERR_EXPECTED_CONTINUATION: ({ opcode, gathered }) =>
    `${opcodeName(opcode)} begins inside a fragmented message, of which ${gathered} bytes have come; its fragments have opcode 0`,
  ERR_UNEXPECTED_CONTINUATION: () =>
    'a continuation frame continues no message; a first fragment has opcode 1 or 2',
  ERR_LENGTH_NOT_MINIMAL: ({ length, size }) =>
    `payload length ${length} was sent in ${size === 4 ? 16 : 64} bits, not in the shortest form`,
  ERR_LENGTH_TOP_BIT: () =>
    'the 64-bit payload length has its top bit set; was it computed with a sign?',
  ERR_MESSAGE_TOO_BIG: ({ isCompressed, length, gathered, maxPayload }) =>
    `the ${isCompressed ? 'compressed message' : 'message'} is at least ${length + Math.max(gathered, 0)} bytes long; ${maxPayload === LONGEST_MESSAGE ? 'the longest that can be joined has' : 'maxPayload is'} ${maxPayload}`,
} satisfies Partial<Record<ProtocolErrorCode, (facts: HeaderFacts) => string>>;

/** The error for the peer: position, what is wrong, the bytes that prove it, and the section. */
function describe(
  { rule, size, length, isCompressed }: HeaderFault,
  bytes: Buffer,
  at: number,
  gathered: number,
  offset: number,
  maxPayload: number,
): ProtocolError {
  const opcode = bytes[at]! & 0x0f;
  const rsv = bytes[at]! & RSV_BITS;
  const facts = { opcode, rsv, size, length, isCompressed, gathered, maxPayload };
  const shown = bytes.toString('hex', at, at + size).replaceAll(/..(?=.)/g, '$& ');
  const { section } = PROTOCOL_ERRORS[rule];
  return new ProtocolError(
    rule,
    `byte ${offset}: ${FAULTS[rule](facts)} (header ${shown}; RFC 6455 section ${section})`,
    {
      opcode,
      rsv1: (rsv & RSV1) !== 0,
      rsv2: (rsv & RSV2) !== 0,
      rsv3: (rsv & RSV3) !== 0,
      length: length > 0 ? length : bytes[at + 1]! & 0x7f,
    },
  );
}

function opcodeName(opcode: number): string {
  const name = Object.entries(Opcode).find(([, value]) => value === opcode)?.[0];
  return name === undefined ? `a frame with opcode 0x${opcode.toString(16)}` : `a ${name} frame`;
}

function rsvNames(rsv: number): string {
  const names = ['RSV1', 'RSV2', 'RSV3'].filter((_, bit) => (rsv & (RSV1 >> bit)) !== 0);
  return names.join(' and ') + (names.length > 1 ? ' are' : ' is');
}
