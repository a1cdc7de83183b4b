import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { rawSocketOf } from './raw-socket.js';

/** The sockets that were given to any WebSocketServer of this process, upgraded or rejected. */
const taken = new WeakSet<Duplex>();

/** Whether a socket was given to a WebSocketServer before: it cannot be upgraded a second time. */
export function isTaken(request: IncomingMessage, socket: Duplex): boolean {
  return taken.has(socket) || taken.has(rawSocketOf(request, socket));
}

/** Take a socket for good. */
export function takeSocket(request: IncomingMessage, socket: Duplex): void {
  taken.add(socket).add(rawSocketOf(request, socket));
  // Where anything listens for 'readable' Node's streams never flow, and no 'data' comes.
  if (socket.listenerCount('readable') > 0) socket.removeAllListeners('readable');
}
