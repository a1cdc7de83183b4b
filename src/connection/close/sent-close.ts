import { Buffer } from 'node:buffer';
import { type ClosePayload, parseClosePayload } from '../../protocol/framing/close-frame.js';

/**
 * Parse the payload of a Close frame that the application sends with `sendFrame`.
 *
 * @throws RangeError for a fault in it: it is the caller's, not the peer's.
 */
export function parseSentClose(payload: Uint8Array): ClosePayload {
  try {
    return parseClosePayload(Buffer.from(payload));
  } catch (error) {
    throw new RangeError(`sendFrame: ${(error as Error).message}`, { cause: error });
  }
}
