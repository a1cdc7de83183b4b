import type { Buffer } from 'node:buffer';
import { ConnectionError } from './close-info.js';

/** For whom bytes are kept: a connection. */
export interface BudgetMember {
  /** The pieces that it keeps, once for each place. */
  readonly pieces: readonly Buffer[];
  /** Let go of all of it at once: the server has no room for it. */
  giveUp(error: ConnectionError): void;
}

/**
 * `maxTotalBuffered`: how much the connections of a server may hold together of what they could not
 * send yet and of what has come and was not taken yet. Whoever has the largest part of it goes first; of a
 * piece that is kept in several places each has a part, or a peer with a message of its own could
 * have all those cut for whom the same broadcast waits, which frees little.
 *
 * Counted are the pieces that wait in a send queue, those that were handed to a socket which then
 * wanted no more, the memory of incomplete messages, messages that wait for the application (a string
 * by its length), and compressed ones that wait for the thread pool. A piece in several queues counts
 * once. Not counted are, for each connection, up to 16 KiB that a socket takes before it is behind, up
 * to 16 KiB of small frames that are not a piece yet, and up to 64 KiB that Node has read of a socket
 * that is paused; nor what the four messages on the thread pool are becoming.
 */
export class BufferBudget {
  readonly #limit: number;
  #total = 0;
  /** In how many places each piece is kept. */
  readonly #pieces = new Map<Buffer, number>();
  /** The connections, each with what is counted of what came from its peer. */
  readonly #members = new Map<BudgetMember, number>();
  /** At the end of this tick the total will be looked at. */
  #due = false;

  /** @param limit in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes counted now. */
  get total(): number {
    return this.#total;
  }

  join(member: BudgetMember): void {
    this.#members.set(member, 0);
  }

  leave(member: BudgetMember): void {
    this.received(member, 0);
    this.#members.delete(member);
  }

  /** A piece is kept in one place more. */
  hold(piece: Buffer): void {
    const places = this.#pieces.get(piece) ?? 0;
    this.#pieces.set(piece, places + 1);
    if (places === 0) this.#add(piece.length);
  }

  /** A piece is kept in one place less. */
  release(piece: Buffer): void {
    const places = this.#pieces.get(piece)! - 1;
    if (places > 0) {
      this.#pieces.set(piece, places);
    } else {
      this.#pieces.delete(piece);
      this.#add(-piece.length);
    }
  }

  /** So many bytes are now held of what has come from the member's peer. */
  received(member: BudgetMember, bytes: number): void {
    const before = this.#members.get(member);
    if (before === undefined || before === bytes) return;
    this.#members.set(member, bytes);
    this.#add(bytes - before);
  }

  #add(bytes: number): void {
    this.#total += bytes;
    if (this.#total <= this.#limit || this.#due) return;
    this.#due = true;
    // Not now: the call that holds a piece more is in the middle of its work.
    process.nextTick(() => {
      this.#due = false;
      this.#makeRoom();
    });
  }

  #makeRoom(): void {
    if (this.#total <= this.#limit) return;
    const largestFirst = Array.from(this.#members, ([member, bytes]) => ({
      member,
      part: member.pieces.reduce((sum, piece) => sum + this.#partOf(piece), bytes),
    }))
      .filter(({ part }) => part > 0)
      .sort((one, other) => other.part - one.part);
    for (const { member, part } of largestFirst) {
      if (this.#total <= this.#limit) return;
      const detail = `its part of what all connections hold is the largest, ${Math.round(part)} of ${this.#total} bytes, and maxTotalBuffered is ${this.#limit}`;
      member.giveUp(new ConnectionError('ERR_SLOW_CONSUMER', { detail }));
    }
  }

  /** What of a piece falls to each place that it is kept in. */
  #partOf(piece: Buffer): number {
    return piece.length / this.#pieces.get(piece)!;
  }
}
