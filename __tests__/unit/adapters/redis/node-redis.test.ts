import { NodeRedis } from '../../../../src/adapters/redis/node-redis.js';
import { settle } from '../../../support/fake-node.js';
import { FakeIoredis, FakeNodeRedis } from '../../../support/fake-redis.js';

function make(isSharded: boolean): {
  fake: FakeNodeRedis;
  receiver: ReturnType<NodeRedis['receive']>;
  lines: string[];
} {
  const fake = new FakeNodeRedis();
  const lines: string[] = [];
  const receiver = new NodeRedis(fake).receive(isSharded, {
    deliver: (channel, message) => lines.push(`${channel} ${message.toString()}`),
    moved: () => lines.push('moved'),
  });
  return { fake, receiver, lines };
}

test('knows a client of the package redis', () => {
  expect(NodeRedis.is(new FakeNodeRedis())).toBe(true);
  expect(NodeRedis.is(new FakeIoredis())).toBe(false);
});

test('follows the connection and sends commands', () => {
  const fake = new FakeNodeRedis();
  const client = new NodeRedis(fake);
  expect([client.library, client.mostSharded, client.identity]).toEqual(['redis', 450, fake]);
  const lines: string[] = [];
  const stop = client.follow({
    ready: () => lines.push('ready'),
    lost: () => lines.push('lost'),
    fault: () => lines.push('fault'),
  });
  fake.isReady = true;
  fake.emit('ready');
  expect(client.isReady()).toBe(true);
  fake.isReady = false;
  fake.emit('reconnecting');
  expect(lines).toEqual(['ready', 'lost']);
  void client.send(['PUBLISH', 'a', Buffer.from('x')]);
  expect(fake.calls.take()).toEqual(['send PUBLISH a x']);
  stop();
});

test.each([
  [false, 'CHANNELS', 'subscribe', 'unsubscribe'],
  [true, 'SHARDED', 'sSubscribe', 'sUnsubscribe'],
] as const)('sharded: %s', async (isSharded, type, subscribe, unsubscribe) => {
  const { fake, receiver, lines } = make(isSharded);
  void receiver.subscribe(['a', 'b']);
  expect(fake.calls.take()).toEqual([`${subscribe} a b`]);
  const [, listener, bufferMode] = fake.calls.open[0]!.args;
  expect(bufferMode).toBe(true);
  (listener as (message: Buffer, channel: Buffer) => void)(Buffer.from('x'), Buffer.from('a'));
  fake.emit('sharded-channel-moved', 'a', {});
  expect(lines).toEqual(['a x', 'moved']);

  // The client knows `a`, and `b` of another listener: it would send nothing for `a`.
  fake.channels.set('a', { buffers: new Set([listener]), strings: new Set() });
  fake.channels.set('b', { buffers: new Set([listener, () => 1]), strings: new Set() });
  fake.channels.set('c', { buffers: new Set(), strings: new Set([() => 1]) });
  let isDone = false;
  void receiver.subscribe(['a', 'd']).then(() => (isDone = true));
  expect(fake.calls.take()).toEqual([`${unsubscribe} a`, `${subscribe} a d`]);
  await fake.calls.resolve();
  expect(isDone).toBe(true);

  receiver.forget();
  expect([...fake.channels.keys()]).toEqual(['b', 'c']);
  expect(fake.channels.get('b')!.buffers.size).toBe(1);
  expect(new Set(fake.asked)).toEqual(new Set([type]));

  void receiver.unsubscribe(['a']);
  expect(fake.calls.take()).toEqual([`${unsubscribe} a`]);
  receiver.end();
  await settle();
});
