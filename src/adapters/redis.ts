/// <reference types="node" preserve="true" />
import type { Broker } from '../index.js';
import { checkOptions, isBoolean, type Rules, show } from '../protocol/option-checks.js';
import { PATIENCE } from './link/adapter-state.js';
import type { RedisClient } from './redis/client.js';
import { Ioredis, type IoredisClient } from './redis/ioredis.js';
import { NodeRedis, type NodeRedisClient } from './redis/node-redis.js';
import { RedisBroker } from './redis/redis-broker.js';

export type { IoredisClient, NodeRedisClient };

/** Options of {@link redisBroker}. */
export interface RedisBrokerOptions {
  /** Publishes. The application may use it for other commands, too. */
  publisher: NodeRedisClient | IoredisClient;
  /** Subscribes. Another client than the publisher: a connection that subscribes can do nothing else in RESP2. */
  subscriber: NodeRedisClient | IoredisClient;
  /**
   * Use sharded channels (Redis 7, SSUBSCRIBE and SPUBLISH), which one shard of a Redis Cluster keeps to itself.
   * If Redis moves one of them to another shard, the broker is down until it is back.
   * @default false
   */
  sharded?: boolean;
  /** Begins the name of each channel. Servers with the same prefix share their topics. @default 'hawser:' */
  prefix?: string;
}

const RULES: Rules<RedisBrokerOptions> = {
  publisher: clientRule(),
  subscriber: clientRule(),
  sharded: isBoolean,
  prefix: { expected: 'a string', accepts: (value) => typeof value === 'string' },
};
const BRING_CLIENTS =
  'make two clients of the package redis or ioredis, and pass them as publisher and subscriber';
const ADVICE = {
  url: BRING_CLIENTS,
  host: BRING_CLIENTS,
  port: BRING_CLIENTS,
  client: BRING_CLIENTS,
  pubClient: 'write publisher',
  subClient: 'write subscriber',
};

/**
 * Carry topics between servers with Redis.
 *
 * ```ts
 * const publisher = createClient({ url }), subscriber = publisher.duplicate(); // of redis, or new Redis(url) of ioredis
 * void publisher.connect(), subscriber.connect();
 * const wss = new WebSocketServer(server, { broker: redisBroker({ publisher, subscriber }) });
 * ```
 *
 * The clients stay the application's: the broker makes, connects and closes none. While a client is not ready
 * nothing is handed to it. After a lost connection every topic is subscribed again by the broker, in groups of 512
 * channels (sharded: one command for each slot), and the broker is up when Redis has confirmed each of them.
 *
 * Several clients have limits:
 * - A subscriber of the package `redis` may have 450 sharded channels. With more than about 500 of them, version
 *   6.3.1 never becomes ready after a lost connection. What is above is not joined, and reported.
 * - A cluster's client is refused: it does not tell when a shard is lost. To use several shards or servers, make a
 *   broker of two plain clients for each and combine them with `shardBroker`; on a Redis Cluster, give each `sharded:
 *   true` and a prefix with a hash tag whose slot the shard has, such as `{a}:`. `docs/scaling.md` has an example.
 * - An ioredis publisher sends what was not confirmed a second time after a lost connection, and receivers drop it
 *   by its number. With `autoResendUnfulfilledCommands: false` it does not.
 *
 * @throws TypeError for an unknown option, for what is not a client, and for one client in both places.
 */
export function redisBroker(options: RedisBrokerOptions): Broker {
  const given = checkOptions(
    'redisBroker',
    options,
    RULES,
    '',
    ADVICE,
  ) as Partial<RedisBrokerOptions>;
  const { publisher, subscriber, sharded = false, prefix = 'hawser:' } = given;
  if (publisher !== undefined && publisher === subscriber) {
    throw new TypeError(
      'redisBroker: publisher and subscriber are the same client, and a connection that subscribes cannot publish; pass a second one: client.duplicate()',
    );
  }
  const settings = {
    publisher: adapt('publisher', publisher, sharded),
    subscriber: adapt('subscriber', subscriber, sharded),
    isSharded: sharded,
    prefix,
  };
  return new RedisBroker(settings, PATIENCE);
}

function clientRule(): { expected: string; accepts: (value: unknown) => boolean } {
  // What kind of object it is, adapt() finds out.
  return {
    expected: 'a client of redis or ioredis',
    accepts: (value) => typeof value === 'object',
  };
}

function adapt(option: string, client: unknown, isSharded: boolean): RedisClient {
  const advice = (text: string): TypeError =>
    new TypeError(
      `redisBroker: expected option ${option} to be a client of the package redis (from 5) or ioredis (from 5), got ${show(client)}${text}`,
    );
  if (typeof client !== 'object' || client === null) throw advice(`; ${BRING_CLIENTS}`);
  const { isCluster, masters, options } = client as Record<string, unknown>;
  if (isCluster === true || masters !== undefined) {
    throw advice(
      ', which is a client of a cluster; make a broker for each shard, with plain clients, and combine them with shardBroker',
    );
  }
  if (NodeRedis.is(client)) return new NodeRedis(client);
  if (!Ioredis.is(client)) throw advice('');
  if (isSharded && Boolean((options as IoredisClient['options']).keyPrefix)) {
    throw new TypeError(
      `redisBroker: the client of option ${option} has a keyPrefix, which ioredis puts before the names of some sharded channels only; make a client without it, and use the option prefix of redisBroker`,
    );
  }
  return new Ioredis(client);
}
