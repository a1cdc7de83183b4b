import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { rawSocketOf } from './raw-socket.js';

/**
 * Marks the sockets that were given to a WebSocketServer, upgraded or rejected. A WeakSet would cost each
 * connection six times as much memory. The symbol is registered, so two copies of hawser in one process
 * see each other's mark.
 */
export const TAKEN: unique symbol = Symbol.for('hawser.taken');
type Markable = Duplex & { [TAKEN]?: true };

/** Whether a socket was given to a WebSocketServer before, and so cannot be upgraded again. */
export function isTaken(request: IncomingMessage, socket: Duplex): boolean {
  return [socket, rawSocketOf(request, socket)].some((each: Markable) => each[TAKEN] === true);
}

/**
 * Take a socket for good. Listeners for `'readable'` are removed, because they would take the bytes of
 * the connection: with one of them a stream never flows, and emits no `'data'`.
 */
export function takeSocket(request: IncomingMessage, socket: Duplex): void {
  (socket as Markable)[TAKEN] = true;
  (rawSocketOf(request, socket) as Markable)[TAKEN] = true;
  if (socket.listenerCount('readable') > 0) socket.removeAllListeners('readable');
}
