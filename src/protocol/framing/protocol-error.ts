/**
 * The rules that a peer can break once the connection is open. `closeCode` is the status code that
 * answers a broken rule: 1002 protocol error, 1007 invalid payload, 1008 policy violation or 1009
 * message too big. `section` is the section of RFC 6455 with the rule, or with the close code where
 * the rule is a limit or belongs to RFC 7692.
 * `docs/errors.md` has a cause and a remedy for each; a test keeps the two lists equal.
 */
export const PROTOCOL_ERRORS = {
  ERR_RESERVED_BIT: { closeCode: 1002, section: '5.2' },
  ERR_RESERVED_OPCODE: { closeCode: 1002, section: '5.2' },
  ERR_MASK_REQUIRED: { closeCode: 1002, section: '5.1' },
  ERR_MASK_FORBIDDEN: { closeCode: 1002, section: '5.1' },
  ERR_CONTROL_FRAGMENTED: { closeCode: 1002, section: '5.5' },
  ERR_CONTROL_TOO_LONG: { closeCode: 1002, section: '5.5' },
  ERR_LENGTH_NOT_MINIMAL: { closeCode: 1002, section: '5.2' },
  ERR_LENGTH_TOP_BIT: { closeCode: 1002, section: '5.2' },
  ERR_UNEXPECTED_CONTINUATION: { closeCode: 1002, section: '5.4' },
  ERR_EXPECTED_CONTINUATION: { closeCode: 1002, section: '5.4' },
  ERR_CLOSE_PAYLOAD: { closeCode: 1002, section: '5.5.1' },
  ERR_CLOSE_CODE: { closeCode: 1002, section: '7.4' },
  ERR_INVALID_UTF8: { closeCode: 1007, section: '8.1' },
  ERR_INVALID_DEFLATE: { closeCode: 1007, section: '7.4.1' },
  ERR_MESSAGE_TIMEOUT: { closeCode: 1008, section: '7.4.1' },
  ERR_MESSAGE_RATE: { closeCode: 1008, section: '7.4.1' },
  ERR_MESSAGE_TOO_BIG: { closeCode: 1009, section: '7.4.1' },
} as const;
/** What `ProtocolError.code` can be. */
export type ProtocolErrorCode = keyof typeof PROTOCOL_ERRORS;

/** What the peer sent, as far as the broken rule is about it. */
export interface ProtocolErrorDetail {
  /** The opcode of the frame. */
  readonly opcode?: number;
  /** The reserved bits of the frame (RFC 6455 section 5.2). */
  readonly rsv1?: boolean;
  readonly rsv2?: boolean;
  readonly rsv3?: boolean;
  /** The payload length that the frame announces, in bytes; the value of its first 7 bits where the rest was not read. */
  readonly length?: number;
  /** The status code of a Close frame. */
  readonly closeCode?: number;
}

/**
 * The peer broke the protocol or a limit. Never thrown into an application: the connection fails
 * with `closeCode` (RFC 6455 section 7.1.7) and reports the error as `closeInfo.cause` and as the
 * server's `'connectionError'`. Only code that drives a `FrameDecoder` of its own has to catch it.
 */
export class ProtocolError extends Error {
  /** The name of the class. */
  override readonly name = 'ProtocolError';
  /** Which rule; see `docs/errors.md`. */
  readonly code: ProtocolErrorCode;
  /** The status code for the Close frame (section 7.4.1). */
  readonly closeCode: number;
  /** The numbers of the message, for programs; `{}` where the rule is not about a frame. */
  readonly detail: ProtocolErrorDetail;

  constructor(code: ProtocolErrorCode, message: string, detail: ProtocolErrorDetail = {}) {
    super(message);
    this.code = code;
    this.closeCode = PROTOCOL_ERRORS[code].closeCode;
    this.detail = detail;
  }
}
