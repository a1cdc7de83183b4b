import type { Deadlines } from '../../connection/limits/deadlines.js';
import type { Broker, BrokerNode } from './broker.js';
import type { BrokerBuffer, Kept } from './broker-buffer.js';
import { bytesInEnvelope, type EnvelopeMessage, EnvelopeWriter } from './envelope.js';
import { Interest } from './interest.js';
import type { Sequences } from './sequences.js';

/** What the links of a server's brokers share. */
export interface ShardLinkOwner {
  /** The server as a node: 16 hexadecimal digits. */
  readonly id: string;
  readonly deadlines: Deadlines;
  readonly sequences: Sequences;
  readonly buffer: BrokerBuffer;
  /** An envelope came, of a topic that this node wants. */
  deliver(topic: string, envelope: Uint8Array): void;
  /** The broker has confirmed these topics. */
  confirmed(topics: readonly string[]): void;
  /** The node does not want these topics any more. */
  left(topics: readonly string[]): void;
  /** The broker has become usable. */
  up(): void;
  /** The broker has become unusable. */
  down(error: Error): void;
  error(error: Error): void;
}

/** Messages of one topic that leave at the end of the tick, as many as fit into an envelope. */
class Gathered extends EnvelopeWriter {
  readonly topic: string;

  constructor(topic: string) {
    super();
    this.topic = topic;
  }
}

/**
 * The server's end of one broker, which may be one of several: see `shardBroker`. Its topics depend on no other
 * broker. It tells the broker which of them this node wants, and sends what is published to them.
 */
export class ShardLink implements BrokerNode {
  readonly id: string;
  isUp = false;
  /** Messages that the broker took. */
  published = 0;
  /** How often it became unusable after it had been usable. */
  interruptions = 0;
  readonly #owner: ShardLinkOwner;
  readonly #broker: Broker;
  /** The number of its queue in the buffer. */
  readonly #queue: number;
  /** Begins each of its errors. */
  readonly #name: string;
  readonly #interest: Interest;
  #gathered: Gathered[] = [];
  /** The newest entry of `#gathered` for each topic. */
  readonly #newest = new Map<string, Gathered>();
  #isStopped = false;

  /**
   * @param place its number among the brokers, from 0.
   * @param count how many brokers there are.
   */
  constructor(owner: ShardLinkOwner, broker: Broker, place: number, count: number) {
    this.id = owner.id;
    this.#owner = owner;
    this.#broker = broker;
    this.#queue = place;
    this.#name = count === 1 ? '' : `broker ${place + 1} of ${count}: `;
    this.#interest = new Interest(owner.deadlines, {
      join: (topics) => {
        this.#call(() => {
          broker.join(topics);
        });
      },
      leave: (topics) => {
        owner.left(topics);
        this.#call(() => {
          broker.leave(topics);
        });
      },
    });
  }

  /** Topics that the broker has not confirmed. */
  get joinsPending(): number {
    return this.#interest.pending;
  }

  isConfirmed(topic: string): boolean {
    return this.#interest.isConfirmed(topic);
  }

  /** A topic has its first local subscriber. */
  onActive(topic: string): void {
    this.#interest.add(topic);
  }

  /** A topic has lost its last local subscriber. */
  onIdle(topic: string): void {
    this.#interest.delete(topic);
  }

  /** Copy a message for {@link flush}. @param maxMessage bytes that an envelope may have. */
  gather(topic: string, message: EnvelopeMessage, maxMessage: number): void {
    const size = bytesInEnvelope(message);
    let gathered = this.#newest.get(topic);
    if (gathered === undefined || gathered.bytes + size > maxMessage) {
      gathered = new Gathered(topic);
      this.#newest.set(topic, gathered);
      this.#gathered.push(gathered);
    }
    gathered.add(message, size);
  }

  /** Send what was gathered. What the broker does not take is kept as far as `brokerBuffer` allows. */
  flush(): void {
    this.#interest.flush();
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    this.#gathered = [];
    this.#newest.clear();
    const { sequences, buffer, deadlines } = this.#owner;
    const now = deadlines.now();
    const sentAt = Date.now();
    const batch = gathered.map((each): Kept => {
      const { topic, count } = each;
      const { epoch, first } = sequences.take(topic, count);
      const envelope = each.finish({ node: this.id, epoch, first, sentAt });
      return { topic, envelope, count, madeAt: now };
    });
    // What waits longer goes first. A broker that is down is offered the batch too: it may have lost only its subscriber.
    const taken = buffer.isEmpty(this.#queue) ? this.#offer(batch) : 0;
    for (const rest of batch.slice(taken)) buffer.push(this.#queue, rest);
  }

  /** Nothing is passed on from now on, and no topic is left. */
  stop(): void {
    this.#isStopped = true;
    this.#interest.close();
  }

  /** End the broker. */
  async close(): Promise<void> {
    await this.#broker.close();
  }

  // What the broker tells.

  deliver(topic: string, envelope: Uint8Array): void {
    if (!this.#isStopped && this.#interest.has(topic)) this.#owner.deliver(topic, envelope);
  }

  joined(topics: readonly string[]): void {
    this.#owner.confirmed(this.#interest.confirm(topics));
  }

  writable(): void {
    this.#drain();
  }

  up(): void {
    this.#owner.confirmed(this.#interest.confirmAll());
    if (!this.isUp) {
      this.isUp = true;
      this.#owner.up();
    }
    this.#drain();
  }

  down(error: Error): void {
    this.#interest.unconfirm();
    if (!this.isUp) return;
    this.isUp = false;
    this.interruptions++;
    this.#owner.down(this.#named(error));
  }

  error(error: unknown): void {
    this.#owner.error(this.#named(error));
  }

  /** Begin. @throws Error if the broker serves another server. */
  start(): void {
    this.#broker.start(this);
  }

  #offer(batch: readonly Kept[]): number {
    let taken = 0;
    this.#call(() => {
      const answer = this.#broker.publish(batch);
      if (Number.isInteger(answer) && answer >= 0 && answer <= batch.length) taken = answer;
      else this.error(`publish took ${answer} of ${batch.length} envelopes, which cannot be`);
    });
    for (const { count } of batch.slice(0, taken)) this.published += count;
    return taken;
  }

  #drain(): void {
    if (this.#isStopped) return;
    const { buffer, deadlines } = this.#owner;
    buffer.drain(this.#queue, deadlines.now(), (batch) => this.#offer(batch));
  }

  /** Call the broker. What an adapter throws is not the fault of the code that published. */
  #call(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.error(error);
    }
  }

  /** Which broker it is, if there are several. */
  #named(error: unknown): Error {
    const told = error instanceof Error ? error : new Error(String(error));
    if (this.#name === '') return told;
    return new Error(this.#name + told.message, { cause: told });
  }
}
