import { RedisBroker } from '../../../../src/adapters/redis/redis-broker.js';
import { FakeNode, settle } from '../../../support/fake-node.js';
import { FakeRedisClient } from '../../../support/fake-redis.js';

function make(isSharded = false): {
  broker: RedisBroker;
  node: FakeNode;
  publisher: FakeRedisClient;
  subscriber: FakeRedisClient;
} {
  const publisher = new FakeRedisClient();
  const subscriber = new FakeRedisClient();
  const broker = new RedisBroker({ publisher, subscriber, isSharded, prefix: 'p:' }, 300);
  return { broker, node: new FakeNode(), publisher, subscriber };
}

async function up(isSharded = false): Promise<ReturnType<typeof make>> {
  const all = make(isSharded);
  all.broker.start(all.node);
  all.subscriber.connect();
  all.publisher.connect();
  await all.publisher.commands.resolve();
  expect(all.node.take()).toEqual(['up']);
  return all;
}

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `t${i}`);

test('is up when both clients are ready and the publisher has an answer', async () => {
  const { broker, node, publisher, subscriber } = make();
  expect(broker.maxMessage).toBe(1024 * 1024);
  broker.start(node);
  broker.join(['a']);
  subscriber.connect();
  await subscriber.subscriptions.resolve();
  expect(node.take()).toEqual(['joined a']);
  publisher.connect();
  expect(node.take()).toEqual([]);
  await publisher.commands.resolve();
  expect(node.take()).toEqual(['up']);
});

test('delivers what comes with its prefix, and publishes with it', async () => {
  const { broker, node, publisher, subscriber } = await up();
  broker.join(['a']);
  subscriber.received!.deliver('p:a', Buffer.from('x'));
  subscriber.received!.deliver('q:a', Buffer.from('x'));
  subscriber.received!.deliver('p:b', Buffer.from('x'));
  expect(node.take()).toEqual(['deliver a x']);
  publisher.commands.take();
  expect(broker.publish([{ topic: 'a', envelope: Buffer.from('x') }])).toBe(1);
  expect(publisher.commands.take()).toEqual(['send PUBLISH p:a x']);
});

test('subscribes plain channels in groups of 512', async () => {
  const { broker, subscriber } = await up();
  broker.join(names(1100));
  expect(subscriber.subscriptions.take().map((line) => line.split(' ').length - 1)).toEqual([
    512, 512, 76,
  ]);
  broker.leave(['t1', 't2']);
  expect(subscriber.subscriptions.take()).toEqual(['unsub p:t1 p:t2']);
});

test('subscribes the sharded channels of each slot with one command', async () => {
  const { broker, subscriber } = await up(true);
  expect(subscriber.isSharded).toBe(true);
  broker.join(['{x}1', 'y', '{x}2']);
  expect(subscriber.subscriptions.take()).toEqual(['sub p:{x}1 p:{x}2', 'sub p:y']);
});

test('refuses sharded channels above the limit of the client, until others are left', async () => {
  const { broker, node, subscriber } = await up(true);
  broker.join(names(452));
  expect(node.take()).toEqual([
    expect.stringMatching(/^error redisBroker: 2 topics, the first of them "t450", are not joined/),
  ]);
  while (subscriber.subscriptions.open.length > 0) await subscriber.subscriptions.resolve();
  subscriber.subscriptions.take();
  broker.leave(['t0']);
  expect(subscriber.subscriptions.take()).toEqual(['unsub p:t0', 'sub p:t450']);
});

test('is down when a sharded channel was moved, until all are confirmed again', async () => {
  const { broker, node, subscriber } = await up(true);
  broker.join(['a', 'b']);
  await subscriber.subscriptions.resolve();
  subscriber.subscriptions.take();
  node.take();
  // Redis tells it of each channel, and ioredis of each refused SSUBSCRIBE.
  subscriber.received!.moved();
  subscriber.received!.moved();
  expect(node.take()).toEqual([
    'down redisBroker: the subscriber (redis): Redis has moved a sharded channel to another server of its cluster',
  ]);
  expect(subscriber.subscriptions.take()).toEqual(['sub p:a', 'sub p:b']);
  subscriber.received!.moved();
  await subscriber.subscriptions.reject(new Error('MOVED 1 127.0.0.1:2'));
  expect(node.take()).toEqual(['error redisBroker: MOVED 1 127.0.0.1:2']);
});

test('is down when either client is lost, and says which', async () => {
  const { broker, node, publisher, subscriber } = await up();
  subscriber.lose('reset');
  expect(node.take()).toEqual(['down redisBroker: the subscriber (redis): reset']);
  expect(subscriber.forgotten).toBe(1);
  subscriber.connect();
  expect(node.take()).toEqual(['up']);
  publisher.lose('reset');
  publisher.events!.fault(new Error('refused'));
  expect(node.take()).toEqual(['down redisBroker: the publisher (redis): reset']);
  publisher.connect();
  await publisher.commands.resolve();
  expect(node.take()).toEqual(['up']);
  subscriber.events!.fault(new Error('odd'));
  publisher.events!.fault(new Error('odd'));
  expect(node.take()).toEqual(['error redisBroker: the subscriber (redis): odd']);
  broker.publish([{ topic: 'a', envelope: Buffer.from('x') }]);
  await publisher.commands.reject(new Error('OOM'));
  expect(node.take()).toEqual([
    'error redisBroker: the publisher (redis): Redis refused to publish 1 messages: OOM',
  ]);
  const batch = Array.from({ length: 17 }, () => ({ topic: 'a', envelope: Buffer.alloc(2 ** 20) }));
  expect(broker.publish(batch)).toBe(16);
  await publisher.commands.resolve();
  expect(node.take()).toEqual(['writable']);
});

test('names what is missing', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate'] });
  const { broker, node, publisher, subscriber } = make();
  broker.start(node);
  const report = (): string => {
    jest.advanceTimersByTime(300);
    return node.take().join();
  };
  expect(report()).toContain('the subscriber (redis) is not ready');
  subscriber.connect();
  expect(report()).toContain('the publisher (redis) is not ready');
  publisher.connect();
  expect(report()).toContain('the publisher (redis) gets no answer');
  jest.useRealTimers();
  await publisher.commands.resolve();
  expect(node.take()).toEqual(['up']);
});

test('close() leaves the channels and removes every listener', async () => {
  const { broker, node, publisher, subscriber } = await up();
  broker.join(['a']);
  await subscriber.subscriptions.resolve();
  subscriber.subscriptions.take();
  const closed = broker.close();
  expect(subscriber.subscriptions.take()).toEqual(['unsub p:a']);
  await subscriber.subscriptions.resolve();
  await closed;
  expect([subscriber.received, subscriber.events, publisher.events]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(broker.publish([{ topic: 'a', envelope: Buffer.from('x') }])).toBe(0);
  expect(node.take()).toEqual(['joined a']);
  const unused = make();
  await unused.broker.close();
  await settle();
});
