import type { Duplex } from 'node:stream';

/**
 * Ignore the errors of a socket until a connection has it: without a listener, a reset would be an
 * uncaught exception. A second call for the same socket changes nothing.
 */
export function ignoreErrors(socket: Duplex): void {
  stopIgnoringErrors(socket);
  socket.on('error', ignore);
}

/** Stop, because a connection or a parser listens for the socket's errors now. */
export function stopIgnoringErrors(socket: Duplex): void {
  socket.off('error', ignore);
}

function ignore(): void {
  // the socket's 'close' follows
}
