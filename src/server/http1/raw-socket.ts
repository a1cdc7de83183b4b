import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** A transport, with what a `net.Socket` has beyond a Duplex. */
export interface RawSocket extends Duplex {
  readonly remoteAddress?: string | undefined;
  readonly bytesWritten?: number;
  setNoDelay?(on: boolean): unknown;
  setTimeout?(milliseconds: number): unknown;
  /** Node's own: the response that is being written. */
  readonly _httpMessage?: ServerResponse | null;
}

/**
 * The socket of a request. It is not always what an `'upgrade'` listener gets: newer Node passes a
 * stand-in while the request has a body that is not complete, and a stand-in has no address, no
 * timers and no count of bytes.
 *
 * @param socket what stands for the socket where the request, made by hand, has none.
 */
export function rawSocketOf(request: IncomingMessage, socket: Duplex): RawSocket {
  const own = request.socket as unknown;
  const isTransport = typeof (own as Partial<Duplex> | null | undefined)?.write === 'function';
  return isTransport ? (own as RawSocket) : socket;
}

/**
 * The address at the other end. Node forgets it when a socket is closed, unless it was asked before:
 * so it is asked at the first moment.
 */
export function peerAddressOf(request: IncomingMessage, socket: Duplex): string | undefined {
  return rawSocketOf(request, socket).remoteAddress ?? (socket as RawSocket).remoteAddress;
}

/** How much was written to a transport so far, with what waits. It grows when a listener writes. */
export function writtenTo(request: IncomingMessage, socket: Duplex): number {
  const raw = rawSocketOf(request, socket);
  return count(raw) + (raw === socket ? 0 : count(socket));
}

function count(socket: RawSocket): number {
  return socket.bytesWritten ?? socket.writableLength;
}

/** Small frames must not wait for others, and silence is what the connection's own limits are for. */
export function tuneSocket(request: IncomingMessage, socket: Duplex): void {
  for (const each of new Set<RawSocket>([rawSocketOf(request, socket), socket])) {
    each.setNoDelay?.(true);
    each.setTimeout?.(0);
  }
}
