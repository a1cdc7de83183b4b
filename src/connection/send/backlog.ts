import type { Buffer } from 'node:buffer';
import type { Account } from '../limits/buffer-budget.js';
import { Fifo } from './fifo.js';
import { LongFrame } from './long-frame.js';
import { Slab } from './slab.js';

/** Longest payload, in bytes, that is copied after its header; a longer one is written as it is. */
export const COPY_UP_TO: number = 16 * 1024;
/** Bytes of the slab of a connection whose socket is backpressured. */
const OWN_SLAB_SIZE = COPY_UP_TO + 16;

/** What a connection hands its socket: whole frames. */
export type Piece = Buffer | LongFrame;

/**
 * What waits because a connection's socket is backpressured. Made when that happens: the socket of most
 * connections never is.
 */
export class Backlog {
  readonly #account: Account | undefined;
  /** The newest of the waiting Pongs, as a whole frame: it must not keep the chunk that its Ping came in. */
  pong: Buffer | undefined;
  #slab: Slab | undefined;
  readonly #pieces = new Fifo<Piece>();
  /** How many of the pieces are long frames. */
  #longFrames = 0;
  /** For the budget: what was written to the socket and is not with the kernel yet. */
  #inFlight: Buffer[] = [];

  /** @param account where the pieces are counted, from `push` until they are written. */
  constructor(account: Account | undefined) {
    this.#account = account;
  }

  /** Where small frames are written: a waiting frame must not keep the slab that all connections share. */
  get slab(): Slab {
    return (this.#slab ??= new Slab(OWN_SLAB_SIZE));
  }

  /** Whether a payload of the application is waiting. */
  get hasLongFrame(): boolean {
    return this.#longFrames > 0;
  }

  push(piece: Piece): void {
    this.#pieces.push(piece);
    if (piece instanceof LongFrame) this.#longFrames++;
    this.#hold(piece);
  }

  /** Take the next piece out. */
  take(): Piece | undefined {
    const piece = this.#pieces.take();
    if (piece === undefined) return undefined;
    if (piece instanceof LongFrame) this.#longFrames--;
    this.#release(piece);
    return piece;
  }

  /** For the budget: bytes were written to the socket, and it became backpressured. */
  addInFlight(bytes: Buffer): void {
    if (this.#account === undefined) return;
    this.#account.hold(bytes);
    this.#inFlight.push(bytes);
  }

  /** All that was written to the socket is with the kernel, or never will be. */
  settled(): void {
    for (const bytes of this.#inFlight.splice(0)) this.#account!.release(bytes);
  }

  /** Discard what waits. */
  clear(): void {
    this.pong = undefined;
    while (this.take() !== undefined);
  }

  #hold(piece: Piece): void {
    if (this.#account === undefined) return;
    for (const bytes of buffersOf(piece)) this.#account.hold(bytes);
  }

  #release(piece: Piece): void {
    if (this.#account === undefined) return;
    for (const bytes of buffersOf(piece)) this.#account.release(bytes);
  }
}

function buffersOf(piece: Piece): Buffer[] {
  return piece instanceof LongFrame ? [piece.head, piece.payload] : [piece];
}
