import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { isWhole, OWNED_FROM } from '../protocol/framing/own-memory.js';

/** What carries a connection. */
export type TransportKind = 'http1' | 'http2' | 'pair' | 'other';

/**
 * A transport that is a socket of Node's own class, over TCP or TLS. Each of its chunks has an ArrayBuffer to
 * itself, and it does not read the bytes of a write again once the write is done. Any other Duplex may.
 */
export type NodeSocket = 'tcp' | 'tls';

/** How a transport ends that is not a socket. */
export interface TransportEnds {
  /** Cut the transport off, in both directions. */
  reset(transport: Duplex): void;
  /** Our half has ended, and nothing more is expected of the peer. */
  readonly release: (this: Duplex) => void;
}

/** The property of a transport with its own {@link TransportEnds}. A transport without it is destroyed, and read to its end. */
export const TRANSPORT_ENDS: unique symbol = Symbol('hawser transport ends');
type Transport = Duplex & { readonly [TRANSPORT_ENDS]?: TransportEnds };

/** Whether a transport has ends of its own: it is a stream of a session that others share. */
export function hasOwnEnds(transport: Transport): boolean {
  return transport[TRANSPORT_ENDS] !== undefined;
}

/** Cut a transport off. */
export function resetTransport(transport: Transport): void {
  const ends = transport[TRANSPORT_ENDS];
  if (ends === undefined) transport.destroy();
  else ends.reset(transport);
}

/** Do not wait for the peer's end once our half has ended, if the transport can do without it. */
export function releaseWhenFinished(transport: Transport): void {
  const ends = transport[TRANSPORT_ENDS];
  if (ends !== undefined) transport.once('finish', ends.release);
}

/**
 * A chunk in memory that is its own for the most part. The chunks of the streams of one HTTP/2 session are
 * views of one read, and a message that the application keeps must not keep all of it.
 */
export function ownChunk(chunk: Buffer): Buffer {
  return chunk.length * 2 < chunk.buffer.byteLength ? Buffer.from(chunk) : chunk;
}

/** Whether a chunk is all of its ArrayBuffer, and long enough that freeing its memory at once is a gain. */
export function isWorthFreeing(chunk: Buffer): boolean {
  return chunk.length >= OWNED_FROM && isWhole(chunk);
}
