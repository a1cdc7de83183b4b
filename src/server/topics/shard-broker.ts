import { show } from '../../protocol/option-checks.js';
import { type Broker, type BrokerNode, isBroker, type Outgoing } from './broker.js';

/**
 * Divide topics over several brokers, to carry more than one of them can. Each topic has its broker by a jump
 * consistent hash of its name: all servers have to name the same brokers in the same order. A broker that is added
 * at the end takes over its share of the topics, and all others stay where they are.
 *
 * While a broker is down, only its topics stop: the others are delivered as before, and `joined(topic)` waits for the
 * topic's own broker alone. `'brokerState'` is `'down'` with the first broker that is down, which its error names, and
 * `'up'` when all brokers are up.
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

/**
 * The brokers that a server has to start, in place of the one that it was given: those of a `shardBroker`. A server
 * keeps each of them apart, so that one which is down stops its own topics only.
 *
 * @throws Error if they serve a server already.
 */
export function takeShards(broker: Broker): readonly Broker[] {
  return broker instanceof ShardBroker ? broker.take() : [broker];
}

/**
 * Several brokers as one. A server asks for the brokers themselves; the methods are for code that wraps a broker, which
 * sees one state for all.
 */
class ShardBroker implements Broker {
  readonly #brokers: readonly Broker[];
  /** For each broker, whether it is up. */
  readonly #areUp: boolean[];
  #isTaken = false;
  /** The last batch was not taken whole. */
  #wasShort = false;

  constructor(brokers: readonly Broker[]) {
    this.#brokers = brokers;
    this.#areUp = brokers.map(() => false);
  }

  get maxMessage(): number {
    return Math.min(...this.#brokers.map(({ maxMessage }) => maxMessage));
  }

  take(): readonly Broker[] {
    if (this.#isTaken) {
      throw new Error('shardBroker: this broker serves a server already; make one for each server');
    }
    this.#isTaken = true;
    return this.#brokers;
  }

  start(node: BrokerNode): void {
    this.take().forEach((broker, place) => {
      broker.start(this.#nodeOf(place, node));
    });
  }

  join(topics: readonly string[]): void {
    for (const [broker, part] of this.#divide(topics)) broker.join(part);
  }

  leave(topics: readonly string[]): void {
    for (const [broker, part] of this.#divide(topics)) broker.leave(part);
  }

  /**
   * What is taken has to be counted from the first. So neighbours of one broker go to it together, and nothing is
   * published after the first envelope that is not taken.
   */
  publish(batch: readonly Outgoing[]): number {
    let taken = 0;
    while (taken < batch.length) {
      const broker = this.#brokerOf(batch[taken]!.topic);
      let end = taken + 1;
      while (end < batch.length && this.#brokerOf(batch[end]!.topic) === broker) end++;
      const count = broker.publish(batch.slice(taken, end));
      taken += count;
      if (taken < end) break;
    }
    this.#wasShort = taken < batch.length;
    return taken;
  }

  async close(): Promise<void> {
    await Promise.all(this.#brokers.map(async (broker) => broker.close()));
  }

  /** The node, as one of the brokers sees it. */
  #nodeOf(place: number, node: BrokerNode): BrokerNode {
    const named = (error: Error): Error =>
      new Error(`broker ${place + 1} of ${this.#brokers.length}: ${error.message}`, {
        cause: error,
      });
    return {
      id: node.id,
      deliver: (topic, envelope) => {
        node.deliver(topic, envelope);
      },
      joined: (topics) => {
        node.joined(topics);
      },
      writable: () => {
        node.writable();
      },
      up: () => {
        this.#areUp[place] = true;
        if (this.#areUp.every(Boolean)) node.up();
        else if (this.#wasShort) node.writable();
      },
      down: (error) => {
        const wereUp = this.#areUp.every(Boolean);
        this.#areUp[place] = false;
        if (wereUp) node.down(named(error));
        else node.error(named(error));
      },
      error: (error) => {
        node.error(named(error));
      },
    };
  }

  #brokerOf(topic: string): Broker {
    return this.#brokers[shardOf(topic, this.#brokers.length)]!;
  }

  #divide(topics: readonly string[]): Map<Broker, string[]> {
    const parts = new Map<Broker, string[]>();
    for (const topic of topics) {
      const broker = this.#brokerOf(topic);
      const part = parts.get(broker);
      if (part === undefined) parts.set(broker, [topic]);
      else part.push(topic);
    }
    return parts;
  }
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
