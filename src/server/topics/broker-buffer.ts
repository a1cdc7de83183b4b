import type { Buffer } from 'node:buffer';
import { Fifo } from '../../connection/send/fifo.js';
import { unpooled } from '../../protocol/framing/own-memory.js';
import type { Outgoing } from './broker.js';

/** How much is kept for brokers that take nothing. */
export interface BrokerBufferLimits {
  /** Messages. */
  readonly messages: number;
  /** Bytes of their envelopes. */
  readonly bytes: number;
  /** Milliseconds. */
  readonly age: number;
}

/** An envelope that waits for the broker. */
export interface Kept extends Outgoing {
  readonly envelope: Buffer;
  /** Messages in it. */
  readonly count: number;
  /** When it was made, in milliseconds of the clock. */
  readonly madeAt: number;
}

/**
 * The envelopes that wait, in a queue for each broker. The limits are those of all queues together: above them the
 * oldest envelope is dropped, from any queue. What is too old is dropped when its queue is drained.
 */
export class BrokerBuffer {
  /** Messages that wait. */
  messages = 0;
  /** Messages that were dropped. */
  dropped = 0;
  readonly #limits: BrokerBufferLimits;
  readonly #queues: readonly Fifo<Kept>[];
  #bytes = 0;

  /** @param queues how many brokers there are. They are numbered from 0. */
  constructor(limits: BrokerBufferLimits, queues: number) {
    this.#limits = limits;
    this.#queues = Array.from({ length: queues }, () => new Fifo<Kept>());
  }

  isEmpty(queue: number): boolean {
    return this.#queues[queue]!.first === undefined;
  }

  push(queue: number, kept: Kept): void {
    this.#queues[queue]!.push({ ...kept, envelope: unpooled(kept.envelope) });
    this.messages += kept.count;
    this.#bytes += kept.envelope.length;
    while (this.messages > this.#limits.messages || this.#bytes > this.#limits.bytes) {
      this.#drop(this.#queues.reduce((one, other) => (madeAt(other) < madeAt(one) ? other : one)));
    }
  }

  /**
   * Offer what waits in a queue, the oldest first.
   *
   * @param now milliseconds of the clock.
   * @param offer see `Broker.publish`; called once at most.
   */
  drain(queue: number, now: number, offer: (batch: readonly Kept[]) => number): void {
    const waiting = this.#queues[queue]!;
    while (now - madeAt(waiting) > this.#limits.age) this.#drop(waiting);
    const batch: Kept[] = [];
    for (let next; (next = this.#take(waiting)) !== undefined;) batch.push(next);
    if (batch.length === 0) return;
    for (const rest of batch.slice(offer(batch))) this.push(queue, rest);
  }

  #take(waiting: Fifo<Kept>): Kept | undefined {
    const kept = waiting.take();
    if (kept === undefined) return undefined;
    this.messages -= kept.count;
    this.#bytes -= kept.envelope.length;
    return kept;
  }

  #drop(waiting: Fifo<Kept>): void {
    this.dropped += this.#take(waiting)!.count;
  }
}

/** When the oldest envelope of a queue was made. */
const madeAt = ({ first }: Fifo<Kept>): number => first?.madeAt ?? Infinity;
