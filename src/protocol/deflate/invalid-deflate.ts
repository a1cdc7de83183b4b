import { ProtocolError } from '../framing/protocol-error.js';

/** The error for a payload that is not a compressed message (RFC 7692 section 7.2.2). */
export function invalidDeflate(why: string): ProtocolError {
  return new ProtocolError(
    'ERR_INVALID_DEFLATE',
    `a compressed message cannot be decompressed: ${why} (RFC 7692 section 7.2.2)`,
  );
}
