import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { rawSocketOf } from './raw-socket.js';

/** The sockets that were given to a WebSocketServer of this process, upgraded or rejected. */
const taken = new WeakSet<Duplex>();

/** Whether a socket was given to a WebSocketServer before, and so cannot be upgraded again. */
export function isTaken(request: IncomingMessage, socket: Duplex): boolean {
  return taken.has(socket) || taken.has(rawSocketOf(request, socket));
}

/**
 * Take a socket for good. Listeners for `'readable'` are removed, because they would take the bytes of
 * the connection: with one of them a stream never flows, and emits no `'data'`.
 */
export function takeSocket(request: IncomingMessage, socket: Duplex): void {
  taken.add(socket).add(rawSocketOf(request, socket));
  if (socket.listenerCount('readable') > 0) socket.removeAllListeners('readable');
}
