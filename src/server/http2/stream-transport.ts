import type { Buffer } from 'node:buffer';
import type { Http2Stream } from 'node:http2';
import { type Duplex, Writable } from 'node:stream';
import { callIsolated } from '../../connection/call-isolated.js';
import { ConnectionError } from '../../connection/close/connection-error.js';
import { TRANSPORT_ENDS, type TransportEnds } from '../../connection/transport.js';
import { ErrorCode, errorName } from './error-codes.js';

/**
 * Make a stream of HTTP/2 end as a connection expects it of its transport: a connection that is cut off resets
 * the stream with CANCEL, which is to a stream what a reset is to a socket (RFC 8441 section 5); a connection
 * that has closed does not wait for the peer's END_STREAM; and a reset by the peer, or the end of the session,
 * is an error. A long message leaves the stream a piece at a time.
 */
export function adaptStream(stream: Http2Stream): void {
  const adaptable = stream as unknown as Adaptable;
  adaptable[TRANSPORT_ENDS] = STREAM_ENDS;
  adaptable.write = writePieces;
  adaptable._writev = undefined; // hands all that waits to the session at once
  stream.on('aborted', onAborted).on('end', destroyIfClosed);
}

type Write = (this: Writable, bytes: Buffer, callback?: (error?: Error | null) => void) => boolean;

interface Adaptable {
  [TRANSPORT_ENDS]?: TransportEnds;
  write: Write;
  _writev: undefined;
}

/**
 * The most bytes that a stream hands to its session at once. What the session holds for streams that are not
 * read counts against `maxSessionMemory` (10 MB by default), above which Node refuses new streams on it. With
 * this limit 256 such streams stay below.
 */
const MAX_PIECE = 32 * 1024;

// One object and functions for all streams: closures would cost each idle connection.

function writePieces(
  this: Writable,
  bytes: Buffer,
  callback?: (error?: Error | null) => void,
): boolean {
  // Node ends our half at a reset, and what the peer has sent before it is still read. A write would be an error
  // that keeps the stream from closing.
  if (this.writableEnded) return false;
  const { write } = Writable.prototype as unknown as Pick<Adaptable, 'write'>;
  let at = 0;
  for (; bytes.length - at > MAX_PIECE; at += MAX_PIECE) {
    write.call(this, bytes.subarray(at, at + MAX_PIECE));
  }
  const last = at === 0 ? bytes : bytes.subarray(at);
  return write.call(this, last, callback);
}

const STREAM_ENDS: TransportEnds = {
  reset: (transport) => {
    cancelStream(transport as Http2Stream);
  },
  release(this: Duplex) {
    (this as Http2Stream).close(ErrorCode.NO_ERROR);
  },
};

/** Reset a stream with CANCEL, and destroy it. */
export function cancelStream(stream: Http2Stream): void {
  stream.close(ErrorCode.CANCEL);
  stream.destroy();
}

/**
 * Node reports most resets by `'aborted'` alone. A listener that throws must not interrupt it: the stream would never
 * close, and with the end of a session the others would not either.
 */
function onAborted(this: Http2Stream): void {
  const error = isSessionGone(this)
    ? new ConnectionError('ERR_SESSION_LOST')
    : new ConnectionError('ERR_STREAM_RESET', {
        detail: `RST_STREAM with ${errorName(this.rstCode)}`,
      });
  callIsolated(() => this.emit('error', error));
  if (this.readableEnded) this.destroy();
}

/**
 * A listener of `'end'` that destroys a stream which the peer has reset with NO_ERROR. Node destroys it only when its
 * writes are done, and what waits for a window, or was written in the turn of the reset, is never written. As long as
 * the stream is there, the session stays too, and does not notice that its socket has ended.
 */
export function destroyIfClosed(this: Http2Stream): void {
  if (this.closed) this.destroy();
}

function isSessionGone({ session }: Http2Stream): boolean {
  return session === undefined || session.destroyed || session.socket.destroyed;
}

/** The address of the peer; `undefined` for a Unix socket, and once the session is gone. */
export function peerAddressOfStream(stream: Http2Stream): string | undefined {
  return isSessionGone(stream) ? undefined : stream.session!.socket.remoteAddress;
}
