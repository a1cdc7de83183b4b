/* What redisBroker promises, with a real Redis and real clients of both libraries. */
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { redisBroker, type RedisBrokerOptions } from '../../src/adapters/redis.js';
import { Ioredis, type IoredisClient } from '../../src/adapters/redis/ioredis.js';
import { NodeRedis, type NodeRedisClient } from '../../src/adapters/redis/node-redis.js';
import { RedisBroker } from '../../src/adapters/redis/redis-broker.js';
import type { Broker } from '../../src/index.js';
import {
  askRedis,
  batch,
  BrokerProcess,
  churn,
  expectOnly,
  hasRedis,
  publishAll,
  REDIS,
  SilentServer,
  stopBrokers,
  TestNode,
  until,
} from '../support/brokers.js';
import { describeIf } from '../support/requires.js';

type Client = NodeRedisClient | IoredisClient;
interface Account {
  readonly username?: string;
  readonly password?: string;
}
/** A library: how a test makes a client, and ends it. */
interface Library {
  /** It need not be connected when this returns. */
  readonly make: (port: number, account?: Account) => Client;
  readonly get: (client: Client, key: string) => Promise<unknown>;
}

const open: (() => void)[] = [];
/** The listeners that the broker has to have removed are counted against these. */
const events = [
  'ready',
  'error',
  'end',
  'close',
  'reconnecting',
  'messageBuffer',
  'smessageBuffer',
];
const listeners = (client: Client): number[] =>
  events.map((event) => (client as unknown as Redis).listenerCount(event));

const libraries: Record<string, Library> = {
  ioredis: {
    make: (port, account = {}) => {
      const client = new Redis({
        port,
        host: '127.0.0.1',
        retryStrategy: () => 50,
        maxRetriesPerRequest: null,
        ...account,
      });
      open.push(() => client.disconnect());
      return client;
    },
    get: async (client, key) => (client as unknown as Redis).get(key),
  },
  'node-redis': {
    make: (port, account = {}) => {
      const client = createClient({
        socket: { port, host: '127.0.0.1', reconnectStrategy: () => 50 },
        ...account,
      });
      client.connect().catch(() => undefined);
      open.push(() => client.destroy());
      return client;
    },
    get: async (client, key) => (client as unknown as ReturnType<typeof createClient>).get(key),
  },
  'node-redis with RESP 2': {
    make: (port) => {
      const client = createClient({
        RESP: 2,
        socket: { port, host: '127.0.0.1', reconnectStrategy: () => 50 },
      });
      client.connect().catch(() => undefined);
      open.push(() => client.destroy());
      return client;
    },
    get: async (client, key) => (client as unknown as ReturnType<typeof createClient>).get(key),
  },
};

const closing: Broker[] = [];

/** Starts a broker with two new clients. */
function begin(
  { make }: Library,
  port: number,
  options: Partial<RedisBrokerOptions> & { account?: Account } = {},
): { broker: Broker; node: TestNode; publisher: Client; subscriber: Client } {
  const { account, ...rest } = options;
  const publisher = make(port, account);
  const subscriber = make(port, account);
  const broker = redisBroker({ publisher, subscriber, ...rest });
  closing.push(broker);
  const node = new TestNode();
  broker.start(node);
  return { broker, node, publisher, subscriber };
}

/** The same with a shorter patience than the 5 s. */
function beginImpatiently(
  publisher: Client,
  subscriber: Client,
): { broker: Broker; node: TestNode } {
  const wrap = (client: Client): NodeRedis | Ioredis =>
    NodeRedis.is(client) ? new NodeRedis(client) : new Ioredis(client);
  const settings = { publisher: wrap(publisher), subscriber: wrap(subscriber) };
  const broker = new RedisBroker({ ...settings, isSharded: false, prefix: 'hawser:' }, 300);
  closing.push(broker);
  const node = new TestNode();
  broker.start(node);
  return { broker, node };
}

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `topic ${i}`);

afterEach(async () => {
  await Promise.all(closing.splice(0).map((broker) => broker.close()));
  for (const end of open.splice(0)) end();
});
afterAll(stopBrokers);

describeIf(REDIS, hasRedis)('redisBroker', () => {
  describe.each([
    ['ioredis', false],
    ['ioredis', true],
    ['node-redis', false],
    ['node-redis', true],
    ['node-redis with RESP 2', false],
    ['node-redis with RESP 2', true],
  ] as const)('with %s, sharded: %s', (library, sharded) => {
    const { make, get } = libraries[library]!;
    let redis: BrokerProcess;
    const two = async (): Promise<[ReturnType<typeof begin>, ReturnType<typeof begin>]> => {
      const one = begin(libraries[library]!, redis.port, { sharded });
      const other = begin(libraries[library]!, redis.port, { sharded });
      await Promise.all([one.node.isUp(), other.node.isUp()]);
      return [one, other];
    };

    beforeAll(async () => {
      redis = await BrokerProcess.redis();
    });
    afterAll(async () => redis.stop());

    test('carries messages in order from one server to another, and only to those that joined', async () => {
      const [one, other] = await two();
      other.broker.join(['a', 'b']);
      await other.node.hasJoined('a', 'b');
      const sent: string[] = [];
      for (let tick = 0; tick < 200; tick++) {
        sent.push(`${tick}`);
        const messages = batch(['a', `${tick}`], ['b', `${tick}`], ['not joined', `${tick}`]);
        // A batch of one takes another way than a batch of several.
        await publishAll(one.broker, one.node, tick % 3 === 0 ? messages : messages.slice(0, 1));
      }
      await until('all messages', () => other.node.texts('a').length === 200);
      expect(other.node.texts('a')).toEqual(sent);
      expect(other.node.texts('b')).toEqual(sent.filter((_, tick) => tick % 3 === 0));
      expect(new Set(other.node.delivered.map(([topic]) => topic))).toEqual(new Set(['a', 'b']));
      expect(one.node.delivered).toEqual([]);
    });

    test('carries a binary message of 1 MiB, and many of them', async () => {
      const [one, other] = await two();
      const bytes = Buffer.alloc(one.broker.maxMessage);
      for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 7 + (at >> 8)) & 0xff;
      other.broker.join(['big']);
      await other.node.hasJoined('big');
      for (let count = 0; count < 24; count++) {
        await publishAll(one.broker, one.node, batch(['big', bytes]));
      }
      await until('24 messages', () => other.node.delivered.length === 24);
      expect(other.node.delivered.every(([, each]) => each.equals(bytes))).toBe(true);
    });

    test('takes topics with any name', async () => {
      const [one, other] = await two();
      const topics = [' ', '\n\r\n', '*', 'a{b}c', '{}', '{', 'ü 😀', '__proto__', 'x'.repeat(255)];
      other.broker.join(topics);
      await other.node.hasJoined(...topics);
      await publishAll(one.broker, one.node, batch(...topics.map((t) => [t, t] as const)));
      await until('all messages', () => other.node.delivered.length === topics.length);
      expect(other.node.delivered.map(([topic, each]) => [topic, each.toString()])).toEqual(
        topics.map((topic) => [topic, topic]),
      );
    });

    test('keeps a topic that is left and joined again, and gets no more of one that is left', async () => {
      const [one, other] = await two();
      other.broker.join(['back', 'gone', 'kept']);
      await other.node.hasJoined('back', 'gone', 'kept');
      other.node.joinedTopics.clear();
      for (let round = 0; round < 20; round++) {
        other.broker.leave(['back', 'gone']);
        other.broker.join(['back']);
      }
      await other.node.hasJoined('back');
      await publishAll(one.broker, one.node, batch(['gone', '1'], ['back', '2'], ['kept', '3']));
      await until('the last message', () => other.node.texts('kept').length === 1);
      expect(other.node.delivered.map(([topic]) => topic)).toEqual(['back', 'kept']);
    });

    test('of 1000 topics that come and go for 50 ticks exactly those are there that are wanted', async () => {
      const [one, other] = await two();
      const wanted = await churn(other.broker, names(1000));
      expect(wanted.size).toBeGreaterThan(100);
      await expectOnly(wanted, names(1000), one, other);
      const list = sharded ? 'SHARDCHANNELS' : 'CHANNELS';
      const channels = [...wanted].map((topic) => `hawser:${topic}`).sort();
      await until('what was left to be unsubscribed', async () => {
        const all = await askRedis(redis, 'PUBSUB', list, 'hawser:*');
        return all.sort().join() === channels.join();
      });
      expect(other.node.errors).toEqual([]);
    });

    test('comes back after Redis was killed, with every topic and every message once', async () => {
      const topics = names(library !== 'ioredis' && sharded ? 450 : 3000);
      const [one, other] = await two();
      other.broker.join(topics);
      await other.node.hasJoined(...topics);
      other.broker.leave(['topic 7']);
      await redis.kill();
      await until('both down', () =>
        [one, other].every(({ node }) => node.states.join() === 'up,down'),
      );
      // It may be down because of its subscriber, a moment before its publisher is found lost.
      await until('nothing is taken', () => one.broker.publish(batch(['not joined', 'x'])) === 0);
      other.broker.leave(['topic 8']);
      other.broker.join(['topic 7']);
      const wanted = topics.filter((topic) => topic !== 'topic 8');
      await redis.start();
      await Promise.all([one.node.isUp(), other.node.isUp()]);
      await other.node.hasJoined('topic 7');
      expect([...other.node.joinedTopics].sort()).toEqual([...wanted].sort());
      for (const text of ['1', '2']) {
        await publishAll(one.broker, one.node, batch(...topics.map((t) => [t, text] as const)));
      }
      await until('all', () => other.node.delivered.length >= 2 * wanted.length);
      await publishAll(one.broker, one.node, batch(['topic 0', 'last']));
      await until('the last', () => other.node.texts('topic 0').includes('last'));
      expect(other.node.delivered).toHaveLength(2 * wanted.length + 1);
      for (const topic of wanted.slice(1)) expect(other.node.texts(topic)).toEqual(['1', '2']);
      expect(other.node.states.join()).toBe('up,down,up');
      expect(other.node.losses[0]?.message).toMatch(/^redisBroker: the (publisher|subscriber) \(/);
    });

    test('survives a Redis that is not there yet, and joins when it is', async () => {
      const later = await BrokerProcess.redis();
      await later.kill();
      const { broker, node } = begin(libraries[library]!, later.port, { sharded });
      broker.join(['a']);
      await until('an error', () => node.errors.length > 0);
      expect(node.errors[0]?.message).toMatch(/redisBroker: the (publisher|subscriber) .*ECONN/);
      expect(broker.publish(batch(['a', '1'], ['b', '2']))).toBe(0);
      await later.start();
      await node.isUp();
      expect([...node.joinedTopics]).toEqual(['a']);
    });

    test('close() leaves the clients as they were', async () => {
      const publisher = make(redis.port);
      const subscriber = make(redis.port);
      const before = [listeners(publisher), listeners(subscriber)];
      const broker = redisBroker({ publisher, subscriber, sharded });
      const node = new TestNode();
      broker.start(node);
      broker.join(names(1000).slice(0, 400));
      await node.isUp();
      await node.hasJoined(...names(400));
      await broker.close();
      expect([listeners(publisher), listeners(subscriber)]).toEqual(before);
      const channels = libraries['ioredis']!.make(redis.port);
      const left = await (channels as IoredisClient).call('PUBSUB', [
        sharded ? 'SHARDCHANNELS' : 'CHANNELS',
        'hawser:*',
      ]);
      expect(left).toEqual([]);
      expect(await get(publisher, 'key')).toBeNull();
      expect(await get(subscriber, 'key')).toBeNull();
      expect(broker.publish(batch(['topic 1', 'x']))).toBe(0);
    });
  });

  test.each(['ioredis', 'node-redis'])(
    '%s: delivers where scripts are forbidden',
    async (library) => {
      const redis = await BrokerProcess.redis();
      const admin = new Redis(redis.port, '127.0.0.1');
      await admin.call(
        'ACL',
        'SETUSER',
        'plain',
        'on',
        '>word',
        '+@all',
        '-@scripting',
        '&*',
        '~*',
      );
      admin.disconnect();
      const account = { username: 'plain', password: 'word' };
      const { broker, node } = begin(libraries[library]!, redis.port, { account });
      broker.join(names(20));
      await node.isUp();
      await node.hasJoined(...names(20));
      await publishAll(broker, node, batch(...names(20).map((topic) => [topic, topic] as const)));
      await until('all', () => node.delivered.length === 20);
      expect(node.delivered.map(([topic]) => topic)).toEqual(names(20));
      expect(node.errors).toEqual([]);
    },
  );

  test.each(['ioredis', 'node-redis'])(
    '%s: a server that accepts and never answers is reported, with numbers, again and again',
    async (library) => {
      const silent = await SilentServer.listen();
      const { make } = libraries[library]!;
      const { broker, node } = beginImpatiently(make(silent.port), make(silent.port));
      broker.join(names(7));
      await until('two reports', () => node.errors.length >= 2);
      for (const { message } of node.errors) {
        expect(message).toMatch(
          /^redisBroker: no progress for 0\.3 s: the subscriber \((redis|ioredis)\) is not ready.*; 0 of 7 topics are confirmed; asking again$/,
        );
      }
      expect(broker.publish(batch(['topic 1', 'x']))).toBe(0);
      expect(node.states).toEqual([]);
      await broker.close();
      await silent.close();
    },
  );

  test.each(['ioredis', 'node-redis'])(
    '%s: a Redis that stops answering is reported, and what is published meanwhile is bounded',
    async (library) => {
      const redis = await BrokerProcess.redis();
      const { make } = libraries[library]!;
      const { broker, node } = beginImpatiently(make(redis.port), make(redis.port));
      broker.join(['a']);
      await node.isUp();
      await node.hasJoined('a');
      node.errors.length = 0; // a busy machine may have made no progress for 0.3 s before
      redis.freeze();
      broker.join(['b']);
      await until('a report', () => node.errors.length > 0);
      expect(node.errors[0]?.message).toContain('1 of 2 topics are confirmed');
      const message = Buffer.alloc(1024 * 1024);
      let taken = 0;
      while (broker.publish(batch(['a', message])) === 1) taken++;
      expect(taken).toBeGreaterThan(4);
      expect(taken).toBeLessThan(40);
      redis.thaw();
      await until('writable', () => node.states.includes('writable'));
      await node.hasJoined('b');
      await until('what was taken', () => node.texts('a').length === taken);
    },
  );

  test.each(['ioredis', 'node-redis'])(
    '%s: a subscriber that Redis has cut for being slow comes back',
    async (library) => {
      const redis = await BrokerProcess.redis('--client-output-buffer-limit', 'pubsub 200kb 0 0');
      const { broker, node } = begin(libraries[library]!, redis.port);
      const publisher = begin(libraries[library]!, redis.port);
      await Promise.all([node.isUp(), publisher.node.isUp()]);
      broker.join(['flood']);
      await node.hasJoined('flood');
      // Redis writes each MiB to the subscriber at once, and the kernel takes less than the whole of it.
      const message = Buffer.alloc(1024 * 1024);
      let rest = batch(...Array.from({ length: 40 }, () => ['flood', message] as const));
      while (rest.length > 0 && !node.states.includes('down')) {
        rest = rest.slice(publisher.broker.publish(rest));
        await new Promise((done) => setTimeout(done, 5));
      }
      await until('down and up again', () => node.states.join().startsWith('up,down,up'));
      expect(node.losses[0]?.message).toContain('the subscriber');
      // What was published before may cut it again, so one message is not enough.
      await until('a message after it', async () => {
        await publishAll(publisher.broker, publisher.node, batch(['flood', 'after']));
        return node.texts('flood').includes('after');
      });
    },
  );

  test('node-redis: more than 450 sharded channels are refused and reported', async () => {
    const redis = await BrokerProcess.redis();
    const { broker, node } = begin(libraries['node-redis']!, redis.port, { sharded: true });
    await node.isUp();
    broker.join(names(500));
    await node.hasJoined(...names(450));
    expect(node.errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/50 topics, the first of them "topic 450", are not joined: .*450/),
    ]);
    broker.leave(['topic 0']);
    await node.hasJoined('topic 450');
  });

  test('two brokers share their clients, each with its prefix', async () => {
    const redis = await BrokerProcess.redis();
    const { make } = libraries['node-redis']!;
    const clients = { publisher: make(redis.port), subscriber: make(redis.port) };
    const nodes = ['one:', 'other:'].map((prefix) => {
      const broker = redisBroker({ ...clients, prefix });
      closing.push(broker);
      const node = new TestNode();
      broker.start(node);
      return { broker, node };
    });
    const [one, other] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    for (const { broker, node } of nodes) {
      broker.join(['a']);
      await node.isUp();
      await node.hasJoined('a');
    }
    await publishAll(one.broker, one.node, batch(['a', 'x']));
    await until('the message', () => one.node.texts('a').length === 1);
    expect(other.node.delivered).toEqual([]);
    await other.broker.close();
    await publishAll(one.broker, one.node, batch(['a', 'y']));
    await until('the second', () => one.node.texts('a').length === 2);
    expect(one.node.texts('a')).toEqual(['x', 'y']);
  });

  test("a client's 'error' is reported and never thrown", async () => {
    const redis = await BrokerProcess.redis();
    const { node, publisher, subscriber } = begin(libraries['ioredis']!, redis.port);
    await node.isUp();
    for (const client of [publisher, subscriber]) {
      (client as unknown as Redis).emit('error', new Error('odd'));
    }
    await until('both', () => node.errors.length > 0);
    expect(node.errors[0]?.message).toBe('redisBroker: the publisher (ioredis): odd');
    expect(node.states).toEqual(['up']);
  });

  test('a process without listeners of its own outlives a killed Redis', async () => {
    const redis = await BrokerProcess.redis();
    const { node, publisher } = begin(libraries['node-redis']!, redis.port);
    await node.isUp();
    const lost = once(publisher as unknown as Redis, 'error');
    await redis.kill();
    await lost;
    expect(node.states).toEqual(['up', 'down']);
  });
});
