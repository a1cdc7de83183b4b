import type { CloseState } from '../../protocol/framing/closing-handshake.js';

/**
 * Whether the socket is to be paused: never for what the application does not take once the
 * connection is closing, because the peer's Close and its end must be seen.
 *
 * @param isInflating a message is being decompressed, and nothing after it can be read.
 * @param isRateLimited the peer has sent more messages than it may.
 * @param isFull as much is held as may be.
 */
export function shouldPause(
  state: CloseState,
  isInflating: boolean,
  isRateLimited: boolean,
  isFull: boolean,
): boolean {
  return isInflating || (state === 'open' && (isRateLimited || isFull));
}
