import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** A transport, with the members of a `net.Socket` that a Duplex may lack. */
export interface RawSocket extends Duplex {
  readonly remoteAddress?: string | undefined;
  readonly bytesWritten?: number;
  setNoDelay?(on: boolean): unknown;
  setTimeout?(milliseconds: number): unknown;
  /** The response that is being written. Private to Node. */
  readonly _httpMessage?: ServerResponse | null;
  /** What the kernel's bytes come through. Private to Node. */
  readonly _handle?: { readonly reading?: boolean } | null | undefined;
}

/**
 * The socket of a request. An `'upgrade'` listener does not always get it: Node 26 passes a stand-in
 * while the request's body is incomplete, and a stand-in has no address, no timers and no byte count.
 *
 * @param socket returned if the request has no socket, because the application made it.
 */
export function rawSocketOf(request: IncomingMessage, socket: Duplex): RawSocket {
  const own = request.socket as unknown;
  const isTransport = typeof (own as Partial<Duplex> | null | undefined)?.write === 'function';
  return isTransport ? (own as RawSocket) : socket;
}

/**
 * The address of the peer. Node forgets it when a socket is closed unless it was read before, so it
 * is read as early as possible.
 */
export function peerAddressOf(request: IncomingMessage, socket: Duplex): string | undefined {
  return rawSocketOf(request, socket).remoteAddress ?? (socket as RawSocket).remoteAddress;
}

/** The bytes written to a transport so far, buffered bytes included. It grows when a listener writes. */
export function writtenTo(request: IncomingMessage, socket: Duplex): number {
  const raw = rawSocketOf(request, socket);
  return count(raw) + (raw === socket ? 0 : count(socket));
}

function count(socket: RawSocket): number {
  return socket.bytesWritten ?? socket.writableLength;
}

/**
 * Let a socket read again that Node's parser has stopped. It stops where requests come faster than their responses leave,
 * and an upgrade among them keeps it from starting again. `resume()` does nothing, because the stream believes that it reads.
 */
export function restartReading(socket: RawSocket): void {
  if (socket._handle?.reading === false) socket._read(0);
}

/** Turn off Nagle's algorithm and the socket's time-out, which the heartbeat replaces, and {@link restartReading}. */
export function tuneSocket(request: IncomingMessage, socket: Duplex): void {
  const raw = rawSocketOf(request, socket);
  tune(raw);
  if (raw !== socket) tune(socket);
}

/** {@link tuneSocket} without a request. */
export function tune(socket: RawSocket): void {
  socket.setNoDelay?.(true);
  socket.setTimeout?.(0);
  restartReading(socket);
}
