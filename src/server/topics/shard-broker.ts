import { show } from '../../protocol/option-checks.js';
import { type Broker, type BrokerNode, isBroker, type Outgoing } from './broker.js';

/**
 * Divide topics over several brokers, to carry more than one of them can. Each topic has its broker by a jump
 * consistent hash of its name: all servers have to name the same brokers in the same order. A broker that is added
 * at the end takes over its share of the topics, and all others stay where they are.
 *
 * It is up when all brokers are up, and down when any is down.
 *
 * ```ts
 * const brokers = urls.map((url) => {
 *   return redisBroker({ publisher: new Redis(url), subscriber: new Redis(url) });
 * });
 * const wss = new WebSocketServer(server, { broker: shardBroker(brokers) });
 * ```
 *
 * @throws TypeError for an empty list, for a broker that is in it twice, and for what is not a broker.
 */
export function shardBroker(brokers: readonly Broker[]): Broker {
  const given: unknown = brokers;
  if (!Array.isArray(given) || given.length === 0) {
    throw new TypeError(
      `shardBroker: expected an array of brokers, such as [redisBroker(…), redisBroker(…)], got ${show(given)}`,
    );
  }
  const list: readonly unknown[] = given;
  list.forEach((broker, index) => {
    if (!isBroker(broker)) {
      throw new TypeError(
        `shardBroker: expected a broker as number ${index + 1} of the array, got ${show(broker)}`,
      );
    }
    const first = list.indexOf(broker);
    if (first < index) {
      throw new TypeError(
        `shardBroker: brokers ${first + 1} and ${index + 1} of the array are the same; make one for each place`,
      );
    }
  });
  return new ShardBroker([...brokers]);
}

/** A broker and what it is asked. */
interface Shard {
  readonly broker: Broker;
  isUp: boolean;
  /** What it did not take of the last batch. It is offered again before any other. */
  held: readonly Outgoing[];
}

class ShardBroker implements Broker {
  readonly #shards: readonly Shard[];
  #node: BrokerNode | undefined;
  #isUp = false;
  /** A batch was refused because something was held. */
  #wasShort = false;

  constructor(brokers: readonly Broker[]) {
    this.#shards = brokers.map((broker) => ({ broker, isUp: false, held: [] }));
  }

  get maxMessage(): number {
    return Math.min(...this.#shards.map(({ broker }) => broker.maxMessage));
  }

  start(node: BrokerNode): void {
    if (this.#node !== undefined) {
      throw new Error('shardBroker: this broker serves a server already; make one for each server');
    }
    this.#node = node;
    this.#shards.forEach((shard, index) => {
      shard.broker.start(this.#nodeOf(shard, index, node));
    });
  }

  join(topics: readonly string[]): void {
    for (const [{ broker }, group] of this.#divide(topics, itself)) broker.join(group);
  }

  leave(topics: readonly string[]): void {
    for (const [{ broker }, group] of this.#divide(topics, itself)) broker.leave(group);
  }

  /**
   * All or nothing. What one broker does not take of its part is held here, and nothing else is taken until it has
   * gone: otherwise "the first so many were taken" would be wrong for the parts of the others. So what is held is
   * never more than one batch, and messages of a topic stay in order.
   */
  publish(batch: readonly Outgoing[]): number {
    if (!this.#isUp) return 0;
    if (this.#isHolding()) {
      this.#wasShort = true;
      return 0;
    }
    for (const [shard, part] of this.#divide(batch, ({ topic }) => topic)) offer(shard, part);
    return batch.length;
  }

  async close(): Promise<void> {
    this.#isUp = false;
    for (const shard of this.#shards) shard.held = [];
    await Promise.all(this.#shards.map(async ({ broker }) => broker.close()));
  }

  /** The server, as one of the brokers sees it. */
  #nodeOf(shard: Shard, index: number, node: BrokerNode): BrokerNode {
    const named = ({ message, cause }: Error): Error =>
      new Error(`broker ${index + 1} of ${this.#shards.length}: ${message}`, { cause });
    return {
      id: node.id,
      deliver: (topic, envelope) => {
        node.deliver(topic, envelope);
      },
      joined: (topics) => {
        node.joined(topics);
      },
      writable: () => {
        this.#offerHeld(shard);
      },
      up: () => {
        shard.isUp = true;
        this.#offerHeld(shard);
        if (this.#isUp || !this.#shards.every(({ isUp }) => isUp)) return;
        this.#isUp = true;
        node.up();
      },
      down: (error) => {
        shard.isUp = false;
        const lost = shard.held.length;
        shard.held = [];
        if (lost > 0) {
          // Those that get later messages count what is missing.
          node.error(named(new Error(`${lost} envelopes that it had not taken yet are lost`)));
        }
        if (!this.#isUp) {
          node.error(named(error));
          return;
        }
        this.#isUp = false;
        node.down(named(error));
      },
      error: (error) => {
        node.error(named(error));
      },
    };
  }

  #isHolding(): boolean {
    return this.#shards.some(({ held }) => held.length > 0);
  }

  #offerHeld(shard: Shard): void {
    if (shard.held.length > 0) offer(shard, shard.held);
    if (!this.#wasShort || this.#isHolding()) return;
    this.#wasShort = false;
    // When it is down, the batch is offered again once it is up.
    if (this.#isUp) this.#node!.writable();
  }

  /** What belongs to each shard, in order. */
  #divide<T>(all: readonly T[], topicOf: (each: T) => string): Map<Shard, T[]> {
    const parts = new Map<Shard, T[]>();
    for (const each of all) {
      const shard = this.#shards[shardOf(topicOf(each), this.#shards.length)]!;
      const part = parts.get(shard);
      if (part === undefined) parts.set(shard, [each]);
      else part.push(each);
    }
    return parts;
  }
}

const itself = (topic: string): string => topic;

function offer(shard: Shard, part: readonly Outgoing[]): void {
  shard.held = part.slice(shard.broker.publish(part));
}

/**
 * The shard of a topic, by the jump consistent hash of Lamping and Veach (2014): of `n` shards each gets the same
 * share, and one more takes 1/(n+1) of the topics from all others. Their generator has 64 bits, which JavaScript has
 * as slow BigInts only; this one has 32.
 */
export function shardOf(topic: string, shards: number): number {
  // FNV-1a over the UTF-16 code units.
  let state = 0x811c9dc5;
  for (let at = 0; at < topic.length; at++) {
    state = Math.imul(state ^ topic.charCodeAt(at), 0x01000193);
  }
  let shard = 0;
  for (let next = 0; next < shards;) {
    shard = next;
    state = (state + 0x9e3779b9) | 0; // a Weyl sequence, mixed
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    mixed ^= mixed >>> 15;
    next = Math.floor(((shard + 1) * 2 ** 32) / ((mixed >>> 0) + 1));
  }
  return shard;
}
