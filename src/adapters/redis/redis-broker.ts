import type { Broker, BrokerNode, Outgoing } from '../../index.js';
import { AdapterState } from '../link/adapter-state.js';
import { inGroups } from '../link/wanted-topics.js';
import { ChannelLimit } from './channel-limit.js';
import type { Receiver, RedisClient } from './client.js';
import { Publisher } from './publisher.js';
import { slotOf } from './slots.js';

/** Bytes of an envelope. */
const MAX_MESSAGE = 1024 * 1024;

export interface RedisBrokerSettings {
  readonly publisher: RedisClient;
  readonly subscriber: RedisClient;
  readonly isSharded: boolean;
  readonly prefix: string;
}

/** Carries topics over the channels of Redis. */
export class RedisBroker implements Broker {
  readonly maxMessage: number = MAX_MESSAGE;
  readonly #subscriber: RedisClient;
  readonly #isSharded: boolean;
  readonly #prefix: string;
  readonly #limit: ChannelLimit;
  readonly #state: AdapterState;
  readonly #publisher: Publisher;
  #receiver: Receiver | undefined;
  #unfollow: (() => void) | undefined;

  constructor(settings: RedisBrokerSettings, patience: number) {
    const { publisher, subscriber, isSharded, prefix } = settings;
    this.#subscriber = subscriber;
    this.#isSharded = isSharded;
    this.#prefix = prefix;
    this.#limit = new ChannelLimit(
      subscriber.identity,
      isSharded ? subscriber.mostSharded : Infinity,
    );
    const channels = (topics: readonly string[]): string[] => topics.map((topic) => prefix + topic);
    this.#state = new AdapterState(
      'redisBroker',
      {
        groups: (topics) => (isSharded ? bySlot(topics, prefix) : inGroups(topics)),
        subscribe: async (topics) => this.#receiver!.subscribe(channels(topics)),
        unsubscribe: async (topics) => this.#receiver!.unsubscribe(channels(topics)),
        obstacle: () => this.#obstacle(publisher),
      },
      patience,
    );
    const describe = (error: Error): Error =>
      new Error(`the publisher (${publisher.library}): ${error.message}`, { cause: error });
    this.#publisher = new Publisher(publisher, isSharded ? 'SPUBLISH' : 'PUBLISH', patience, {
      ready: () => this.#state.progress(),
      lost: (error) => this.#state.lost(describe(error)),
      fault: (error) => this.#state.fault(describe(error)),
      failed: (error) => this.#state.report(describe(error)),
      writable: () => this.#state.writable(),
    });
  }

  start(node: BrokerNode): void {
    this.#state.start(node);
    const describe = (error: Error): Error =>
      new Error(`the subscriber (${this.#subscriber.library}): ${error.message}`, { cause: error });
    this.#receiver = this.#subscriber.receive(this.#isSharded, {
      deliver: (channel, message) => {
        // Another broker, or the application, may use the client for other channels.
        if (!channel.startsWith(this.#prefix)) return;
        this.#state.deliver(channel.slice(this.#prefix.length), message);
      },
      moved: () => {
        // While it is down, this may be about the SSUBSCRIBE of this broker. It is sent again later.
        if (!this.#state.isUp) return;
        this.#state.disconnected(
          describe(new Error('Redis has moved a sharded channel to another server of its cluster')),
        );
        this.#state.connected();
      },
    });
    this.#unfollow = this.#subscriber.follow({
      ready: () => this.#state.connected(),
      lost: (error) => {
        this.#receiver?.forget();
        this.#state.disconnected(describe(error));
      },
      fault: (error) => this.#state.fault(describe(error)),
    });
    this.#publisher.start();
  }

  join(topics: readonly string[]): void {
    const { admitted, refused } = this.#limit.join(topics);
    this.#state.join(admitted);
    if (refused.length === 0) return;
    const { library, mostSharded } = this.#subscriber;
    this.#state.report(
      new Error(
        `${refused.length} topics, the first of them ${JSON.stringify(refused[0])}, are not joined: a client of the package ${library} does not come back with more than about 500 sharded channels, so it may have ${mostSharded}; use ioredis, or sharded: false, or shardBroker with more subscribers`,
      ),
    );
  }

  leave(topics: readonly string[]): void {
    this.#state.leave(topics);
    this.#state.join(this.#limit.leave(topics));
  }

  publish(batch: readonly Outgoing[]): number {
    return this.#publisher.publish(batch, this.#prefix);
  }

  async close(): Promise<void> {
    this.#publisher.stop();
    this.#limit.close();
    await this.#state.close();
    this.#receiver?.end();
    this.#unfollow?.();
  }

  #obstacle(publisher: RedisClient): string | undefined {
    const subscriber = this.#subscriber;
    if (!subscriber.isReady()) {
      return `the subscriber (${subscriber.library}) is not ready`;
    }
    if (!publisher.isReady()) return `the publisher (${publisher.library}) is not ready`;
    if (!this.#publisher.hasAnswered) return `the publisher (${publisher.library}) gets no answer`;
    return undefined;
  }
}

/** The topics of each slot: SSUBSCRIBE takes channels of one slot only. */
function bySlot(topics: readonly string[], prefix: string): string[][] {
  const groups = new Map<number, string[]>();
  for (const topic of topics) {
    const slot = slotOf(prefix + topic);
    const group = groups.get(slot);
    if (group === undefined) groups.set(slot, [topic]);
    else group.push(topic);
  }
  // A prefix with a hash tag puts everything into one slot.
  return [...groups.values()].flatMap(inGroups);
}
