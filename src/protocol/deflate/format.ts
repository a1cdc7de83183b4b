import { Buffer } from 'node:buffer';
import { ProtocolError } from '../framing/protocol-error.js';

/** The parts of the compressed form of a message that all ways of making and reading it share. */

/** The end of a flushed DEFLATE block: a sender removes it, a receiver adds it (RFC 7692 sections 7.2.1 and 7.2.2). */
export const TAIL: Buffer = Buffer.of(0x00, 0x00, 0xff, 0xff);

/** Bytes before the data of a stored block. */
export const STORED_HEADER = 5;

/** The header of a stored block of up to 65,535 bytes (RFC 1951 section 3.2.4). */
export function storedBlockHeader(length: number): Buffer {
  const header = Buffer.alloc(STORED_HEADER);
  header.writeUInt16LE(length, 1);
  header.writeUInt16LE(length ^ 0xffff, 3);
  return header;
}

/**
 * The most DEFLATE streams that one message may consist of. A block with BFINAL set ends a stream, and
 * the rest of the message needs a new context. Senders that set it do so once in a message; with many,
 * two bytes of input would cost a context each.
 */
export const MAX_STREAMS = 16;

export const TRUNCATED = 'it ends inside a block';
export const TOO_MANY_STREAMS: string = `it consists of more than ${MAX_STREAMS} DEFLATE streams`;

/** Options of a zlib context. */
export interface ContextOptions {
  /** 8 to 15. */
  readonly windowBits: number;
  /** 0 to 9; for a compressor. */
  readonly level?: number;
  /** 1 to 9; for a compressor. */
  readonly memLevel?: number;
  /** The sliding window so far. */
  readonly dictionary?: Buffer | undefined;
}

/** The error for a payload that cannot be decompressed. */
export function invalidDeflate(why: string): ProtocolError {
  return new ProtocolError(
    'ERR_INVALID_DEFLATE',
    `a compressed message cannot be decompressed: ${why} (RFC 7692 section 7.2.2)`,
  );
}
