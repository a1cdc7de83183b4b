/**
 * What a peer can do wrong once the connection is open, and the close code that answers it
 * (RFC 6455 section 7.4.1: 1002 protocol error, 1007 invalid payload, 1008 policy violation, 1009
 * message too big).
 * `docs/errors.md` has a cause and a remedy for each; a test keeps the two lists equal.
 */
export const PROTOCOL_ERRORS = {
  ERR_RESERVED_BIT: 1002,
  ERR_RESERVED_OPCODE: 1002,
  ERR_MASK_REQUIRED: 1002,
  ERR_MASK_FORBIDDEN: 1002,
  ERR_CONTROL_FRAGMENTED: 1002,
  ERR_CONTROL_TOO_LONG: 1002,
  ERR_LENGTH_NOT_MINIMAL: 1002,
  ERR_LENGTH_TOP_BIT: 1002,
  ERR_UNEXPECTED_CONTINUATION: 1002,
  ERR_EXPECTED_CONTINUATION: 1002,
  ERR_CLOSE_PAYLOAD: 1002,
  ERR_CLOSE_CODE: 1002,
  ERR_INVALID_UTF8: 1007,
  ERR_INVALID_DEFLATE: 1007,
  ERR_MESSAGE_TIMEOUT: 1008,
  ERR_MESSAGE_RATE: 1008,
  ERR_MESSAGE_TOO_BIG: 1009,
} as const;
/** What `ProtocolError.code` can be. */
export type ProtocolErrorCode = keyof typeof PROTOCOL_ERRORS;

/**
 * The peer broke the protocol or a limit. Never thrown into an application: the connection fails
 * with `closeCode` (RFC 6455 section 7.1.7) and reports this as `closeInfo.cause` and as the
 * server's `'connectionError'`. Only those who drive a `FrameDecoder` themselves catch it.
 */
export class ProtocolError extends Error {
  /** The name of the class. */
  override readonly name = 'ProtocolError';
  /** Which rule; see `docs/errors.md`. */
  readonly code: ProtocolErrorCode;
  /** The status code for the Close frame (section 7.4.1). */
  readonly closeCode: number;

  constructor(code: ProtocolErrorCode, message: string) {
    super(message);
    this.code = code;
    this.closeCode = PROTOCOL_ERRORS[code];
  }
}
