import { Buffer } from 'node:buffer';
import { CloseCode, isValidCloseCode, MAX_REASON_BYTES } from '../protocol/framing/close-frame.js';

/**
 * Read the arguments of ws's `close`.
 *
 * @returns the code, 1005 for none, and the reason.
 * @throws TypeError, RangeError in ws's words, which programs compare.
 */
export function closeArguments(
  code: number | undefined,
  data: string | Uint8Array | undefined,
): [code: number, reason: string] {
  if (code === undefined) return [CloseCode.NoStatusReceived, ''];
  // Programs without types pass strings.
  if (!Number.isInteger(code) || !isValidCloseCode(code)) {
    throw new TypeError('First argument must be a valid error code number');
  }
  const reason = typeof data === 'string' ? data : Buffer.from(data ?? []).toString();
  if (Buffer.byteLength(reason) > MAX_REASON_BYTES) {
    throw new RangeError(`The message must not be greater than ${MAX_REASON_BYTES} bytes`);
  }
  return [code, reason];
}
