import { Buffer } from 'node:buffer';
import { CloseCode, isValidCloseCode, MAX_REASON_BYTES } from '../protocol/framing/close-frame.js';
import { bytesOf } from '../protocol/framing/payload.js';
import { show } from '../protocol/option-checks.js';

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
  const reason = reasonOf(data);
  if (Buffer.byteLength(reason) > MAX_REASON_BYTES) {
    throw new RangeError(`The message must not be greater than ${MAX_REASON_BYTES} bytes`);
  }
  return [code, reason];
}

/** As in ws, what has no length is no reason. */
function reasonOf(data: unknown): string {
  if (typeof data === 'string') return data;
  if (!(data as { length?: unknown } | null | undefined)?.length) return '';
  const bytes = bytesOf(data);
  if (bytes !== undefined) return Buffer.from(bytes).toString();
  throw new TypeError(`close: expected the reason to be a string or bytes, got ${show(data)}`);
}
