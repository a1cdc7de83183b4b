/**
 * The vocabulary of a frame (RFC 6455 section 5.2): opcodes, header bits and sizes.
 *
 * ```
 *  0               1               2               3
 *  0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7
 * +-+-+-+-+-------+-+-------------+-------------------------------+
 * |F|R|R|R| opcode|M| payload len |  extended payload length      |
 * |I|S|S|S|  (4)  |A|     (7)     |  (0, 16 or 64 bits), then the |
 * |N|V|V|V|       |S|             |  masking key (0 or 32 bits)   |
 * | |1|2|3|       |K|             |  and the payload data         |
 * +-+-+-+-+-------+-+-------------+-------------------------------+
 * ```
 */

/** Our end of the connection. The client masks its frames, the server does not (section 5.1). */
export type Role = 'server' | 'client';

/** The opcodes of section 5.2 and 11.8; every other value is reserved. */
export const Opcode = {
  /** A further fragment of a message. */
  Continuation: 0x0,
  /** A message of UTF-8, or its first fragment. */
  Text: 0x1,
  /** A message of bytes, or its first fragment. */
  Binary: 0x2,
  /** The closing handshake, with a code and a reason. */
  Close: 0x8,
  /** Asks the peer for a Pong. */
  Ping: 0x9,
  /** Answers a Ping, or comes unasked. */
  Pong: 0xa,
} as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/** First byte: this is the final fragment of its message. */
export const FIN = 0x80;
/** First byte: reserved for extensions; permessage-deflate uses it as "Per-Message Compressed". */
export const RSV1 = 0x40;
export const RSV2 = 0x20;
export const RSV3 = 0x10;
/** Second byte: a masking key follows and the payload is masked. */
export const MASK = 0x80;

/** A payload of at most this many bytes has its length in the second byte (and no control frame may be longer: section 5.5). */
export const MAX_7_BIT_LENGTH = 125;
/** A payload of at most this many bytes has its length in 16 bits. */
export const MAX_16_BIT_LENGTH = 0xffff;
/** Second byte's length value that announces a 16-bit length. */
export const LENGTH_16 = 126;
/** Second byte's length value that announces a 64-bit length. */
export const LENGTH_64 = 127;

/** Bytes of a frame's masking key (section 5.3). */
export const MASKING_KEY_BYTES = 4;
/** Size of the longest header: two bytes, a 64-bit length, a masking key. */
export const MAX_HEADER_BYTES = 14;

/** Close, Ping and Pong are control frames: the opcode's top bit is set (section 5.5). */
export function isControl(opcode: number): boolean {
  return (opcode & 0x8) !== 0;
}

/** The fields of a frame header as the peer sent it, for the `'frame'` event. */
export interface FrameHeader {
  /** What kind of frame it is. */
  readonly opcode: Opcode;
  /** Whether it is the last fragment of its message. */
  readonly fin: boolean;
  /** The first bit reserved for extensions. */
  readonly rsv1: boolean;
  /** The second. */
  readonly rsv2: boolean;
  /** The third. */
  readonly rsv3: boolean;
  /** Payload length in bytes. */
  readonly length: number;
}
