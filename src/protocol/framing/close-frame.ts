import { Buffer, isUtf8 } from 'node:buffer';
import { ProtocolError } from './protocol-error.js';
import { MAX_7_BIT_LENGTH } from './frame.js';
import { show } from '../option-checks.js';

/** The status codes of RFC 6455 section 7.4.1 and of the IANA registry that followed it. */
export const CloseCode = {
  /** The purpose of the connection is fulfilled. */
  NormalClosure: 1000,
  /** The server shuts down, or the user leaves the page. */
  GoingAway: 1001,
  /** The peer broke the protocol. */
  ProtocolError: 1002,
  /** The endpoint does not accept this kind of data. */
  UnsupportedData: 1003,
  /** Never on the wire: the Close frame had no code. */
  NoStatusReceived: 1005,
  /** Never on the wire: the transport ended without a Close frame. */
  AbnormalClosure: 1006,
  /** The payload does not fit its type: Text that is not UTF-8. */
  InvalidPayload: 1007,
  /** The peer broke a rule that has no code of its own. */
  PolicyViolation: 1008,
  /** A message was longer than the endpoint accepts. */
  MessageTooBig: 1009,
  /** For clients: the server did not accept an extension that is needed. */
  MandatoryExtension: 1010,
  /** The server met an unexpected condition. */
  InternalError: 1011,
  /** The server restarts; connect again. */
  ServiceRestart: 1012,
  /** The server is overloaded; connect again later. */
  TryAgainLater: 1013,
  /** A gateway got an invalid answer from its upstream server. */
  BadGateway: 1014,
} as const;

/**
 * Whether a Close frame may carry this code. 1004, 1005, 1006 and 1015 are reserved, the rest of
 * 1000 to 2999 is unassigned, 3000 to 3999 is for registered libraries and 4000 to 4999 for
 * private use (sections 7.4.1 and 7.4.2).
 */
export function isValidCloseCode(code: number): boolean {
  return (
    (code >= 1000 && code <= 1003) ||
    (code >= 1007 && code <= 1014) ||
    (code >= 3000 && code <= 4999)
  );
}

/** The payload of a Close frame (section 5.5.1): a status code and a reason, both optional. */
export interface ClosePayload {
  /** 1005 when the frame had no payload (section 7.1.5). */
  readonly code: number;
  /** `''` without a reason. */
  readonly reason: string;
}

/** Bytes of a Close frame's status code; the reason follows. */
export const CODE_BYTES = 2;
/** The longest reason, in bytes of UTF-8: a control frame's payload less the code. */
export const MAX_REASON_BYTES: number = MAX_7_BIT_LENGTH - CODE_BYTES;

const EMPTY: ClosePayload = { code: CloseCode.NoStatusReceived, reason: '' };

/**
 * Read the payload of a received Close frame.
 *
 * @param offset position of the payload in the stream, for messages; -1 if it was not received.
 * @throws ProtocolError for one byte of payload, a code that may not be sent, or a reason that is
 * not UTF-8 (sections 5.5.1, 7.4 and 8.1).
 */
export function parseClosePayload(payload: Buffer, offset = -1): ClosePayload {
  if (payload.length === 0) return EMPTY;
  if (payload.length < CODE_BYTES) {
    throw new ProtocolError(
      'ERR_CLOSE_PAYLOAD',
      `${bytePrefix(offset)}the Close frame has 1 byte of payload, 0x${payload.toString('hex')}; it needs 2 for a status code, or none (RFC 6455 section 5.5.1)`,
    );
  }
  const code = payload.readUInt16BE(0);
  checkReceivedCode(code, offset);
  const reason = payload.subarray(CODE_BYTES);
  if (!isUtf8(reason)) throw invalidReason(offset);
  return { code, reason: reason.toString('utf8') };
}

/** @throws ProtocolError for a status code that the peer must not send (section 7.4). */
export function checkReceivedCode(code: number, offset: number): void {
  if (isValidCloseCode(code)) return;
  throw new ProtocolError(
    'ERR_CLOSE_CODE',
    `${bytePrefix(offset)}the Close frame has status code ${code}, which must not be sent; use 1000, or 4000 to 4999 (RFC 6455 section 7.4)`,
    { closeCode: code },
  );
}

/** The error for a reason that is not UTF-8, in a payload at `offset`. */
export function invalidReason(offset: number): ProtocolError {
  return new ProtocolError(
    'ERR_INVALID_UTF8',
    `${bytePrefix(offset < 0 ? offset : offset + CODE_BYTES)}the Close frame has a reason that is not valid UTF-8 (RFC 6455 section 5.5.1)`,
  );
}

/** The beginning of a message about the byte at `offset` of the stream; empty for -1. */
function bytePrefix(offset: number): string {
  return offset < 0 ? '' : `byte ${offset}: `;
}

/**
 * Make the payload of a Close frame.
 *
 * @param code 1005 makes an empty payload: a Close frame without a status code.
 * @throws RangeError for a code that may not be sent or a reason of more than 123 bytes, TypeError
 * for a code that is not a number or a reason that is not a string.
 */
export function formatClosePayload(code: number, reason = ''): Buffer {
  if (typeof code !== 'number') {
    throw new TypeError(`expected the close code to be a number, got ${show(code)}`);
  }
  if (typeof reason !== 'string') {
    const hint = ArrayBuffer.isView(reason) ? '; decode it first' : '';
    throw new TypeError(`expected the close reason to be a string, got ${show(reason)}${hint}`);
  }
  if (code === CloseCode.NoStatusReceived && reason === '') return Buffer.alloc(0);
  if (!Number.isInteger(code) || !isValidCloseCode(code)) {
    throw new RangeError(
      `close code ${code} must not be sent; use 1000 to 1003, 1007 to 1014 or 3000 to 4999 (RFC 6455 section 7.4)`,
    );
  }
  const length = Buffer.byteLength(reason);
  if (length > MAX_REASON_BYTES) {
    throw new RangeError(
      `the close reason is ${length} bytes of UTF-8; a Close frame has room for ${MAX_REASON_BYTES} (RFC 6455 section 5.5)`,
    );
  }
  const payload = Buffer.allocUnsafe(CODE_BYTES + length);
  payload.writeUInt16BE(code, 0);
  payload.write(reason, CODE_BYTES);
  return payload;
}
