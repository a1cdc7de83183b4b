import { Fifo } from '../../connection/send/fifo.js';
import type { Outgoing } from './broker.js';

/** How much is kept for a broker that takes nothing. */
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
  /** Messages in it. */
  readonly count: number;
  /** When it was made, in milliseconds of the clock. */
  readonly madeAt: number;
}

/** The envelopes that wait for the broker, the oldest first. What is too old or too much is dropped from there. */
export class BrokerBuffer {
  /** Messages that wait. */
  messages = 0;
  /** Messages that were dropped. */
  dropped = 0;
  readonly #limits: BrokerBufferLimits;
  #kept = new Fifo<Kept>();
  #bytes = 0;

  constructor(limits: BrokerBufferLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#kept.first === undefined;
  }

  push(kept: Kept): void {
    this.#kept.push(kept);
    this.messages += kept.count;
    this.#bytes += kept.envelope.length;
    while (this.messages > this.#limits.messages || this.#bytes > this.#limits.bytes) this.#drop();
  }

  /**
   * Offer what waits, the oldest first.
   *
   * @param now milliseconds of the clock.
   * @param offer see `Broker.publish`; called once at most.
   */
  drain(now: number, offer: (batch: readonly Kept[]) => number): void {
    for (let first; (first = this.#kept.first) !== undefined;) {
      if (now - first.madeAt <= this.#limits.age) break;
      this.#drop();
    }
    const batch: Kept[] = [];
    for (let next; (next = this.#take()) !== undefined;) batch.push(next);
    if (batch.length === 0) return;
    for (const rest of batch.slice(offer(batch))) this.push(rest);
  }

  #take(): Kept | undefined {
    const kept = this.#kept.take();
    if (kept === undefined) return undefined;
    this.messages -= kept.count;
    this.#bytes -= kept.envelope.length;
    return kept;
  }

  #drop(): void {
    this.dropped += this.#take()!.count;
  }
}
