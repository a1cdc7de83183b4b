/**
 * Whether to pause the socket.
 *
 * @param mayStop a slow application or the rate limit may pause it. Once the connection is closing they may
 * not, unless the settings have `holdsAfterClose`: the peer's Close and its end must be seen.
 * @param isInflating a message is being decompressed, and nothing after it can be read.
 * @param isRateLimited the peer has sent more messages than it may.
 * @param isFull no more can be held for the application.
 */
export function shouldPause(
  mayStop: boolean,
  isInflating: boolean,
  isRateLimited: boolean,
  isFull: boolean,
): boolean {
  return isInflating || (mayStop && (isRateLimited || isFull));
}
