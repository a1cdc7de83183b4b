import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { rawSocketOf } from './raw-socket.js';

/**
 * Marks the transports that were given to a WebSocketServer, upgraded or rejected. A WeakSet would cost each
 * connection six times as much memory. The symbol is registered, so two copies of hawser in one process
 * see each other's mark.
 */
const TAKEN: unique symbol = Symbol.for('hawser.taken');
type Markable = Duplex & { [TAKEN]?: true };

/** Whether a transport was given to a WebSocketServer before, and so cannot be upgraded again. */
export function isMarked(transport: Markable): boolean {
  return transport[TAKEN] === true;
}

/**
 * Take a transport for good. Listeners for `'readable'` are removed, because they would take the bytes of
 * the connection: with one of them a stream never flows, and emits no `'data'`.
 */
export function mark(transport: Markable): void {
  transport[TAKEN] = true;
  if (transport.listenerCount('readable') > 0) transport.removeAllListeners('readable');
}

/**
 * {@link isMarked} for the socket of a request, or what stands in for it. A socket that ws has upgraded is
 * taken too: a second 101 on it would be read as frames.
 */
export function isTaken(request: IncomingMessage, socket: Duplex): boolean {
  const raw = rawSocketOf(request, socket);
  return isMarked(socket) || isMarked(raw) || isOfWs(socket) || isOfWs(raw);
}

/** Whether ws has upgraded a socket. It marks it with a symbol that is private, by which it finds a second call of its own. */
function isOfWs(socket: Duplex): boolean {
  return Object.getOwnPropertySymbols(socket).some(
    ({ description }) => description === 'websocket',
  );
}

/** {@link mark} for the socket of a request, and what stands in for it. */
export function takeSocket(request: IncomingMessage, socket: Duplex): void {
  (rawSocketOf(request, socket) as Markable)[TAKEN] = true;
  mark(socket);
}
