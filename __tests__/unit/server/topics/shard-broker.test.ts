import type { Broker, BrokerNode, Outgoing } from '../../../../src/server/topics/broker.js';
import { shardBroker, shardOf, takeShards } from '../../../../src/server/topics/shard-broker.js';
import { FakeNode } from '../../../support/fake-node.js';

/** A broker that takes as much as the test lets it. */
class FakeBroker implements Broker {
  node: BrokerNode | undefined;
  maxMessage = 1000;
  room = Infinity;
  joined: string[] = [];
  left: string[] = [];
  readonly published: string[] = [];
  /** How often something was published. */
  calls = 0;
  isClosed = false;

  start(node: BrokerNode): void {
    this.node = node;
  }
  join(topics: readonly string[]): void {
    this.joined.push(...topics);
  }
  leave(topics: readonly string[]): void {
    this.left.push(...topics);
  }
  publish(batch: readonly Outgoing[]): number {
    this.calls++;
    const taken = batch.slice(0, this.room);
    this.room -= taken.length;
    for (const { topic, envelope } of taken) {
      this.published.push(`${topic} ${Buffer.from(envelope).toString()}`);
    }
    return taken.length;
  }
  async close(): Promise<void> {
    this.isClosed = true;
  }
}

function make(count: number): { broker: Broker; shards: FakeBroker[]; node: FakeNode } {
  const shards = Array.from({ length: count }, () => new FakeBroker());
  const broker = shardBroker(shards);
  const node = new FakeNode();
  broker.start(node);
  return { broker, shards, node };
}

function up(count: number): ReturnType<typeof make> {
  const all = make(count);
  for (const { node } of all.shards) node!.up();
  expect(all.node.take()).toEqual(['up']);
  return all;
}

/** Topics of these shards, of three. */
const topicsOf = (...shards: number[]): string[] => {
  const used = new Set<string>();
  return shards.map((shard) => {
    for (let i = 0; ; i++) {
      const topic = `t${i}`;
      if (shardOf(topic, 3) !== shard || used.has(topic)) continue;
      used.add(topic);
      return topic;
    }
  });
};
const batch = (topics: readonly string[], text = '1'): Outgoing[] =>
  topics.map((topic) => ({ topic, envelope: Buffer.from(text) }));

describe('the hash', () => {
  const topics = Array.from({ length: 30_000 }, (_, i) => `topic ${i}`);

  test.each([1, 2, 3, 10])('gives each of %i shards the same share', (shards) => {
    const counts = Array.from({ length: shards }, () => 0);
    for (const topic of topics) counts[shardOf(topic, shards)]!++;
    for (const count of counts) {
      // Four standard deviations of a fair draw.
      const share = topics.length / shards;
      expect(Math.abs(count - share)).toBeLessThanOrEqual(4 * Math.sqrt(share));
    }
  });

  test('moves topics to a new shard only, and their share', () => {
    let moved = 0;
    for (const topic of topics) {
      const [before, after] = [shardOf(topic, 4), shardOf(topic, 5)];
      if (before === after) continue;
      expect(after).toBe(4);
      moved++;
    }
    expect(Math.abs(moved - topics.length / 5)).toBeLessThan(300);
  });

  test('is the same in every version', () => {
    expect(['', 'news', 'ü 😀'].map((topic) => shardOf(topic, 100))).toEqual([87, 25, 65]);
  });
});

test('each topic goes to its broker, messages in order', () => {
  const { broker, shards } = up(3);
  const topics = topicsOf(0, 1, 0, 2);
  broker.join(topics);
  broker.leave(topics.slice(0, 1));
  expect(shards.map(({ joined }) => joined)).toEqual([
    [topics[0], topics[2]],
    [topics[1]],
    [topics[3]],
  ]);
  expect(shards.map(({ left }) => left)).toEqual([[topics[0]], [], []]);
  expect(broker.publish([...batch(topics), ...batch(topics.slice(0, 1), '2')])).toBe(5);
  expect(shards.map(({ published }) => published)).toEqual([
    [`${topics[0]!} 1`, `${topics[2]!} 1`, `${topics[0]!} 2`],
    [`${topics[1]!} 1`],
    [`${topics[3]!} 1`],
  ]);
});

test('a server takes the brokers themselves, once, and starts them', () => {
  const shards = [new FakeBroker(), new FakeBroker()];
  const broker = shardBroker(shards);
  expect(takeShards(broker)).toEqual(shards);
  expect(shards.map(({ node }) => node)).toEqual([undefined, undefined]);
  expect(() => takeShards(broker)).toThrow('serves a server already');
  expect(() => broker.start(new FakeNode())).toThrow('serves a server already');
  const other = new FakeBroker();
  expect(takeShards(other)).toEqual([other]);
});

describe('for code that wraps it', () => {
  test('is up when all are up, and down when any is', () => {
    const { shards, node } = make(3);
    const [one, other, third] = shards.map((shard) => shard.node!);
    expect(one!.id).toBe(node.id);
    one!.up();
    other!.up();
    other!.down(new Error('refused'));
    third!.up();
    expect(node.take()).toEqual(['error broker 2 of 3: refused']);
    other!.up();
    expect(node.take()).toEqual(['up']);
    third!.down(new Error('reset'));
    one!.down(new Error('reset'));
    one!.up();
    expect(node.take()).toEqual(['down broker 3 of 3: reset', 'error broker 1 of 3: reset']);
    third!.up();
    one!.error(new Error('odd'));
    one!.joined(['a']);
    one!.deliver('a', Buffer.from('x'));
    expect(node.take()).toEqual(['up', 'error broker 1 of 3: odd', 'joined a', 'deliver a x']);
  });

  test('takes a batch up to the first envelope that is not taken', () => {
    const { broker, shards, node } = up(3);
    const topics = topicsOf(0, 0, 1, 1, 0);
    shards[1]!.room = 1;
    expect(broker.publish(batch(topics))).toBe(3);
    expect(shards.map(({ published }) => published)).toEqual([
      [`${topics[0]!} 1`, `${topics[1]!} 1`],
      [`${topics[2]!} 1`],
      [],
    ]);
    expect(shards.map(({ calls }) => calls)).toEqual([1, 1, 0]);
    shards[1]!.room = Infinity;
    shards[1]!.node!.writable();
    expect(node.take()).toEqual(['writable']);
    expect(broker.publish(batch(topics.slice(3)))).toBe(2);
    expect(shards[0]!.published.at(-1)).toBe(`${topics[4]!} 1`);
  });

  test('asks for the rest when one broker is back and another is not', () => {
    const { broker, shards, node } = up(3);
    for (const each of [0, 1]) shards[each]!.node!.down(new Error('reset'));
    node.take();
    shards[0]!.node!.up();
    expect(node.take()).toEqual([]);
    shards[0]!.node!.down(new Error('reset'));
    shards[0]!.room = 0;
    expect(broker.publish(batch(topicsOf(0)))).toBe(0);
    node.take();
    shards[0]!.node!.up();
    expect(node.take()).toEqual(['writable']);
  });
});

test('an envelope has to fit each of them', () => {
  const { broker, shards } = make(3);
  shards[2]!.maxMessage = 10;
  expect(broker.maxMessage).toBe(10);
  shards[2]!.maxMessage = 5000;
  expect(broker.maxMessage).toBe(1000);
});

test('close() closes all', async () => {
  const { broker, shards } = up(3);
  await broker.close();
  expect(shards.map(({ isClosed }) => isClosed)).toEqual([true, true, true]);
});

test.each([
  [undefined, /expected an array of brokers.*got undefined/],
  [[], /expected an array of brokers.*got \[\]/],
  [new FakeBroker(), /expected an array of brokers/],
  [[new FakeBroker(), {}], /expected a broker as number 2 of the array, got an object/],
  [[null], /expected a broker as number 1 of the array, got null/],
  [[Object.assign(new FakeBroker(), { maxMessage: '1' })], /expected a broker as number 1/],
])('refuses %p', (brokers, message) => {
  expect(() => shardBroker(brokers as Broker[])).toThrow(TypeError);
  expect(() => shardBroker(brokers as Broker[])).toThrow(message);
});

test('refuses a broker that is in it twice', () => {
  const broker = new FakeBroker();
  expect(() => shardBroker([new FakeBroker(), broker, broker])).toThrow(
    /brokers 2 and 3 of the array are the same/,
  );
});
