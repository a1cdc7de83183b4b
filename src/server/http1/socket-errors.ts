import type { Duplex } from 'node:stream';

/**
 * Let a socket fail without an uncaught exception: until a connection has it, a reset is nobody's
 * news. One function for all sockets, and never twice on one.
 */
export function ignoreErrors(socket: Duplex): void {
  stopIgnoringErrors(socket);
  socket.on('error', ignore);
}

/** A connection listens for the socket's errors now. */
export function stopIgnoringErrors(socket: Duplex): void {
  socket.off('error', ignore);
}

function ignore(): void {
  // the socket's 'close' follows, and tells whoever waits for it
}
