/**
 * Whether the socket is to be paused.
 *
 * @param mayStop whether it may be for what the application does not take. Not once the connection is closing,
 * because the peer's Close and its end must be seen, unless the settings have `holdsAfterClose`.
 * @param isInflating a message is being decompressed, and nothing after it can be read.
 * @param isRateLimited the peer has sent more messages than it may.
 * @param isFull as much is held as may be.
 */
export function shouldPause(
  mayStop: boolean,
  isInflating: boolean,
  isRateLimited: boolean,
  isFull: boolean,
): boolean {
  return isInflating || (mayStop && (isRateLimited || isFull));
}
