import { NatsBroker, subjectOf } from '../../../../src/adapters/nats/nats-broker.js';
import { FakeNats } from '../../../support/fake-nats.js';
import { FakeNode, settle } from '../../../support/fake-node.js';

function make(): { broker: NatsBroker; connection: FakeNats; node: FakeNode } {
  const connection = new FakeNats();
  return { broker: new NatsBroker(connection, 'p.', 300), connection, node: new FakeNode() };
}

async function up(): Promise<ReturnType<typeof make>> {
  const all = make();
  all.broker.start(all.node);
  await all.connection.flushes.resolve();
  expect(all.node.take()).toEqual(['up']);
  return all;
}

const message = (topic: string, bytes = 1): { topic: string; envelope: Buffer } => ({
  topic,
  envelope: Buffer.alloc(bytes, 'x'),
});

test('a topic is one token of the subject', () => {
  expect(subjectOf('p.', 'news')).toBe('p.news');
  expect(subjectOf('p.', 'a.b* >%ü\r\n')).toBe('p.a%2Eb%2A%20%3E%25%C3%BC%0D%0A');
});

test('is up when the server has answered', async () => {
  const { broker, connection, node } = make();
  broker.start(node);
  expect(broker.publish([message('a')])).toBe(0);
  await connection.flushes.resolve();
  expect(node.take()).toEqual(['up']);
  expect(broker.publish([message('a'), message('b.c')])).toBe(2);
  expect(connection.published).toEqual(['p.a 1', 'p.b%2Ec 1']);
});

test('takes what the server takes, less room for headers', async () => {
  const { broker, connection } = await up();
  expect(broker.maxMessage).toBe(10_000 - 1024);
  connection.info = undefined;
  expect(broker.maxMessage).toBe(10_000 - 1024);
  connection.info = { max_payload: 100 };
  expect(broker.maxMessage).toBe(1);
});

test('subscribes, and joins when a flush has been answered', async () => {
  const { broker, connection, node } = await up();
  broker.join(Array.from({ length: 600 }, (_, i) => `${i}`));
  expect([connection.flushes.open.length, connection.callbacks.size]).toEqual([2, 600]);
  await connection.flushes.resolve();
  expect(node.take()).toHaveLength(2);
  connection.callbacks.get('p.7')!(null, { data: Buffer.from('x') });
  connection.callbacks.get('p.7')!(new Error('refused'), { data: Buffer.from('x') });
  expect(node.take()).toEqual(['deliver 7 x']);
  broker.leave(['7']);
  expect([connection.flushes.open.length, connection.callbacks.has('p.7')]).toEqual([1, false]);
  broker.leave(['never joined']);
});

test('goes down with the server, and up when it has confirmed everything again', async () => {
  const { broker, connection, node } = await up();
  broker.join(['a']);
  await connection.flushes.resolve();
  const callback = connection.callbacks.get('p.a');
  await connection.tell('disconnect');
  await connection.tell('reconnecting');
  await connection.tell('error', new Error('refused'));
  await connection.tell('error');
  expect(node.take()).toEqual(['joined a', 'down natsBroker: the server was lost']);
  expect(broker.publish([message('a')])).toBe(0);
  await connection.tell('reconnect');
  expect(node.take()).toEqual([]);
  await connection.flushes.resolve();
  expect(node.take()).toEqual(['joined a', 'up']);
  expect(connection.callbacks.get('p.a')).toBe(callback);
});

test('answers of a lost session mean nothing', async () => {
  const { broker, connection, node } = make();
  broker.start(node);
  const [first] = connection.flushes.open.splice(0);
  await connection.tell('disconnect');
  await connection.tell('reconnect');
  first!.resolve();
  await settle();
  expect(node.take()).toEqual(['error natsBroker: the server was lost']);
  await connection.flushes.reject(new Error('lost'));
  expect([node.take(), broker.publish([message('a')])]).toEqual([[], 0]);
});

test('a refused subscription is reported and made again', async () => {
  const { broker, connection, node } = await up();
  jest.useFakeTimers({ doNotFake: ['setImmediate'] });
  connection.refused.add('p.b');
  broker.join(['a', 'b']);
  await connection.flushes.resolve();
  expect(node.take()).toEqual(['error natsBroker: the server refuses the subscription to "p.b"']);
  connection.refused.clear();
  jest.advanceTimersByTime(1000);
  jest.useRealTimers();
  await connection.flushes.resolve();
  expect(node.take().at(-1)).toBe('joined a b');
});

test('a subscription that is closed because its topic was left is not a refusal', async () => {
  const { broker, connection, node } = await up();
  broker.join(['a', 'b']);
  broker.leave(['b']);
  connection.refused.add('p.b');
  await connection.flushes.resolve();
  expect(node.take()).toEqual(['joined a']);
});

test('a closed subscription is made again with the next connection', async () => {
  const { broker, connection, node } = await up();
  broker.join(['a']);
  await connection.flushes.resolve();
  const callback = connection.callbacks.get('p.a');
  connection.refused.add('p.a');
  await connection.tell('disconnect');
  await connection.tell('reconnect');
  expect(connection.callbacks.get('p.a')).not.toBe(callback);
  expect(node.take()).toEqual(['joined a', 'down natsBroker: the server was lost']);
});

test('asks after each MiB, and takes 16 MiB that are not confirmed', async () => {
  const { broker, connection, node } = await up();
  const batch = Array.from({ length: 20 }, () => message('a', 1024 * 1024));
  expect(broker.publish(batch.slice(0, 2))).toBe(2);
  expect(connection.flushes.open).toHaveLength(1);
  expect(broker.publish(batch)).toBe(14);
  expect(broker.publish(batch)).toBe(0);
  expect(connection.flushes.open).toHaveLength(1);
  await connection.flushes.resolve();
  expect(node.take()).toEqual(['writable']);
  expect(connection.flushes.open).toHaveLength(1);
  await connection.flushes.resolve();
  expect(node.take()).toEqual([]);
  broker.publish(batch.slice(0, 1));
  await connection.flushes.reject(new Error('lost'));
  await connection.tell('disconnect');
  await connection.tell('reconnect');
  await connection.flushes.resolve();
  broker.publish(batch.slice(0, 1));
  const [old] = connection.flushes.open.splice(0);
  await connection.tell('disconnect');
  old!.resolve();
  await settle();
  expect(node.take().at(-1)).toMatch(/^down/);
});

test('what the client refuses is not taken, and reported', async () => {
  const { broker, connection, node } = await up();
  connection.failure = new Error('max_payload');
  expect(broker.publish([message('a'), message('b')])).toBe(0);
  expect(node.take()).toEqual(['error natsBroker: max_payload']);
});

test.each([
  [undefined, ''],
  [new Error('gave up'), ' (gave up)'],
])('a connection that closes for good tells what to do: %p', async (reason, why) => {
  const { connection, node } = await up();
  await connection.end(reason);
  expect(node.take()).toEqual([
    'down natsBroker: the connection was closed',
    expect.stringContaining(`closed for good${why}; the application has to make another`),
  ]);
});

test('a connection that was closed before start() is reported, and never used', async () => {
  const { broker, connection, node } = make();
  await connection.end();
  broker.start(node);
  await settle();
  expect(connection.flushes.open).toEqual([]);
  expect(node.take()).toHaveLength(2);
});

test('close() unsubscribes and stops listening', async () => {
  const { broker, connection, node } = await up();
  broker.join(['a']);
  await connection.flushes.resolve();
  const closed = broker.close();
  await settle();
  await connection.flushes.resolve();
  await closed;
  await connection.end();
  expect([connection.callbacks.size, connection.isStopped]).toEqual([0, true]);
  expect(node.take()).toEqual(['joined a']);
  await make().broker.close();
});
