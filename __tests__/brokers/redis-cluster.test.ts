/* A real Redis Cluster: a broker of plain clients for each of its servers, as redisBroker says. */
import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { redisBroker } from '../../src/adapters/redis.js';
import type { IoredisClient, NodeRedisClient } from '../../src/adapters/redis.js';
import { slotOf } from '../../src/adapters/redis/slots.js';
import { createConnectionPair, shardBroker, WebSocketServer } from '../../src/index.js';
import { shardOf } from '../../src/server/topics/shard-broker.js';
import {
  askRedis,
  type BrokerProcess,
  hasRedis,
  REDIS,
  redisCluster,
  stopBrokers,
  until,
} from '../support/brokers.js';
import { describeIf } from '../support/requires.js';

const SERVERS = 3;
const open: (() => unknown)[] = [];

/** How each library makes a client of one server. */
const libraries: Record<string, (port: number) => NodeRedisClient | IoredisClient> = {
  ioredis: (port) => {
    const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50 });
    open.push(() => client.disconnect());
    return client;
  },
  'node-redis': (port) => {
    const client = createClient({
      socket: { port, host: '127.0.0.1', reconnectStrategy: () => 50 },
    });
    client.connect().catch(() => undefined);
    open.push(() => client.destroy());
    return client;
  },
};

/** A hash tag for each server, whose slot it has: `redis-cli cluster keyslot` tells the slot. */
const tags = Array.from({ length: SERVERS }, (_, place) => {
  for (let i = 0; ; i++) {
    if (Math.floor((slotOf(`{${i}}`) * SERVERS) / 16384) === place) return `{${i}}:`;
  }
});

/** A server of hawser, whose topics are divided over the servers of the cluster. */
function serve(make: (typeof libraries)[string], servers: readonly BrokerProcess[]) {
  const brokers = servers.map(({ port }, place) =>
    redisBroker({
      publisher: make(port),
      subscriber: make(port),
      sharded: true,
      prefix: tags[place]!,
    }),
  );
  const errors: string[] = [];
  const wss = new WebSocketServer({
    noServer: true,
    broker: shardBroker(brokers),
    logger: { warn: () => undefined, error: () => undefined },
  });
  wss.on('brokerError', ({ message }) => errors.push(message));
  open.push(async () => wss.close({ timeout: 0 }));
  return { wss, errors };
}

/** A subscriber, and what it gets: the texts of each topic. */
async function subscriber(
  wss: WebSocketServer,
  topics: readonly string[],
): Promise<Map<string, string[]>> {
  const got = new Map<string, string[]>();
  const { client, server } = createConnectionPair({ server: wss });
  client.on('message', (data) => {
    const [topic, text] = (data as string).split('|') as [string, string];
    got.set(topic, [...(got.get(topic) ?? []), text]);
  });
  for (const topic of topics) server.subscribe(topic);
  await Promise.all(topics.map(async (topic) => wss.joined(topic)));
  return got;
}

const isUp = async (...all: WebSocketServer[]): Promise<void> =>
  until('up', () => all.every((wss) => wss.stats().broker?.state === 'up'));

describeIf(REDIS, hasRedis)('a Redis Cluster', () => {
  let servers: BrokerProcess[];
  beforeAll(async () => {
    servers = await redisCluster(SERVERS);
  });
  afterEach(async () => {
    for (const end of open.splice(0).reverse()) await end();
  });
  afterAll(stopBrokers);

  describe.each(Object.keys(libraries))('with %s', (library) => {
    const make = libraries[library]!;

    test('each server carries its own topics only, and one that is killed stops no other', async () => {
      const [one, other] = [serve(make, servers), serve(make, servers)];
      await isUp(one.wss, other.wss);
      const topics = Array.from({ length: 30 }, (_, i) => `topic ${i}`);
      const got = await subscriber(other.wss, topics);
      const channels = await Promise.all(
        servers.map(async (server) => askRedis(server, 'PUBSUB', 'SHARDCHANNELS')),
      );
      const ofServer = tags.map((_, place) => topics.filter((t) => shardOf(t, SERVERS) === place));
      expect(channels.map((each) => each.sort())).toEqual(
        ofServer.map((each, place) => each.map((topic) => tags[place]! + topic).sort()),
      );

      let round = 0;
      const publish = (): void => {
        for (const topic of topics) one.wss.publish(topic, `${topic}|${round}`);
        round++;
      };
      const have = async (some: readonly string[]): Promise<void> =>
        until('the messages', () => some.every((t) => got.get(t)?.at(-1) === `${round - 1}`));
      publish();
      publish();
      await have(topics);

      await servers[1]!.kill();
      await until('both down', () =>
        [one, other].every(({ wss }) => wss.stats().broker?.state === 'down'),
      );
      publish();
      const healthy = [...ofServer[0]!, ...ofServer[2]!];
      await have(healthy);
      await servers[1]!.start();
      await isUp(one.wss, other.wss);
      publish();
      await have(topics);
      for (const topic of healthy) expect(got.get(topic)).toEqual(['0', '1', '2', '3']);
      for (const topic of ofServer[1]!) expect(got.get(topic)).toEqual(['0', '1', '3']);
      expect(other.wss.stats().broker?.lost).toBe(ofServer[1]!.length);
    });

    test('a slot that moves to another server is told, and its topics come back with it', async () => {
      const [one, other] = [serve(make, servers), serve(make, servers)];
      await isUp(one.wss, other.wss);
      const topics = ['a', 'b', 'c', 'd', 'e', 'f'];
      const got = await subscriber(other.wss, topics);
      const ids = await Promise.all(
        servers.map(async (server) => (await askRedis(server, 'CLUSTER', 'MYID'))[0]!),
      );
      const move = async (place: number): Promise<void> => {
        for (const server of servers) {
          const slot = String(slotOf(tags[2]!));
          await askRedis(server, 'CLUSTER', 'SETSLOT', slot, 'NODE', ids[place]!);
        }
      };
      await move(0);
      await until('down', () => other.wss.stats().broker?.state === 'down');
      await until('the reason', () => other.errors.some((error) => error.includes('MOVED')));
      const moved = topics.filter((topic) => shardOf(topic, SERVERS) === 2);
      expect(moved.length).toBeGreaterThan(0);
      expect(other.wss.stats().broker?.joinsPending).toBe(moved.length);
      await move(2);
      await isUp(one.wss, other.wss);
      for (const topic of topics) one.wss.publish(topic, `${topic}|again`);
      await until('the messages', () => topics.every((t) => got.get(t)?.at(-1) === 'again'));
    });
  });

  test("a cluster's own client is refused, with what to do instead", async () => {
    const [{ port }] = servers as [BrokerProcess];
    const nodeRedis = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] });
    await nodeRedis.connect();
    open.push(() => nodeRedis.destroy());
    const ioredis = new Cluster([{ host: '127.0.0.1', port }], { lazyConnect: true });
    open.push(() => ioredis.disconnect());
    for (const client of [nodeRedis, ioredis] as unknown as IoredisClient[]) {
      expect(() => redisBroker({ publisher: client, subscriber: client, sharded: true })).toThrow(
        TypeError,
      );
      const other = libraries['ioredis']!(port);
      expect(() => redisBroker({ publisher: other, subscriber: client, sharded: true })).toThrow(
        /client of a cluster; make a broker for each shard, with plain clients, and combine them with shardBroker/,
      );
    }
  });
});
