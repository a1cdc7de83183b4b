import { Buffer } from 'node:buffer';
import type { Account } from './buffer-budget.js';
import { Fifo } from './fifo.js';
import { Slab } from './slab.js';

/** Up to this many bytes a payload is copied behind its header; a longer one goes out as it is. */
export const COPY_UP_TO: number = 16 * 1024;
/** Bytes of the slab of a connection whose socket is behind. */
const OWN_SLAB_SIZE = COPY_UP_TO + 16;

/**
 * Stands between two pieces of one frame. The second is handed to the socket with the first, behind
 * or not: what waits therefore always begins with a frame, and can be discarded at any time.
 */
export const GOES_ON: Buffer = Buffer.alloc(0);

/**
 * What waits because a connection's socket is behind. Made when that happens: the socket of most
 * connections never is.
 */
export class SendQueue {
  readonly #account: Account | undefined;
  /** The newest of the pongs that wait, as a whole frame: it must not keep the chunk that its Ping came in. */
  pong: Buffer | undefined;
  #slab: Slab | undefined;
  readonly #pieces = new Fifo<Buffer>();
  /** For the budget: what the socket was handed and has not written. */
  #handed: Buffer[] = [];

  /** @param account where the pieces are counted, from `push` until they are written. */
  constructor(account: Account | undefined) {
    this.#account = account;
  }

  /** Where small frames are written: one that waits must not keep the slab that all connections share. */
  get slab(): Slab {
    return (this.#slab ??= new Slab(OWN_SLAB_SIZE));
  }

  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#account?.hold(piece);
  }

  /**
   * Take the next piece out.
   *
   * @param behind the socket wants no more: only what is left of a frame that was begun.
   */
  take(behind: boolean): Buffer | undefined {
    if (this.#pieces.first === GOES_ON) this.#take();
    else if (behind) return undefined;
    return this.#take();
  }

  /** For the budget: the socket was handed a piece and wants no more until that is written. */
  handed(piece: Buffer): void {
    if (this.#account === undefined) return;
    this.#account.hold(piece);
    this.#handed.push(piece);
  }

  /** All that was handed to the socket is written, or never will be. */
  settled(): void {
    for (const piece of this.#handed.splice(0)) this.#account!.release(piece);
  }

  /** Forget what waits. */
  clear(): void {
    this.pong = undefined;
    while (this.#take() !== undefined);
  }

  #take(): Buffer | undefined {
    const piece = this.#pieces.take();
    if (piece !== undefined) this.#account?.release(piece);
    return piece;
  }
}
