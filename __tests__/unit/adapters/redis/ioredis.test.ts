import { Ioredis } from '../../../../src/adapters/redis/ioredis.js';
import { FakeIoredis, FakeNodeRedis } from '../../../support/fake-redis.js';

test('knows a client of the package ioredis', () => {
  expect(Ioredis.is(new FakeIoredis())).toBe(true);
  expect(Ioredis.is(new FakeNodeRedis())).toBe(false);
});

test('follows the connection and sends commands', () => {
  const fake = new FakeIoredis();
  const client = new Ioredis(fake);
  expect([client.library, client.mostSharded, client.identity]).toEqual([
    'ioredis',
    Infinity,
    fake,
  ]);
  const lines: string[] = [];
  client.follow({
    ready: () => lines.push('ready'),
    lost: () => lines.push('lost'),
    fault: () => lines.push('fault'),
  });
  fake.status = 'ready';
  fake.emit('ready');
  expect(client.isReady()).toBe(true);
  fake.status = 'close';
  fake.emit('close');
  expect(lines).toEqual(['ready', 'lost']);
  void client.send(['PUBLISH', 'a', Buffer.from('x')]);
  expect(fake.calls.take()).toEqual(['PUBLISH a x']);
});

test.each([
  [false, 'messageBuffer', 'subscribe', 'unsubscribe'],
  [true, 'smessageBuffer', 'ssubscribe', 'sunsubscribe'],
] as const)('sharded: %s', (isSharded, event, subscribe, unsubscribe) => {
  const fake = new FakeIoredis();
  const lines: string[] = [];
  const receiver = new Ioredis(fake).receive(isSharded, {
    deliver: (channel, message) => lines.push(`${channel} ${message.toString()}`),
    moved: () => lines.push('moved'),
  });
  void receiver.subscribe(['a', 'b']);
  void receiver.unsubscribe(['b']);
  expect(fake.calls.take()).toEqual([`${subscribe} a b`, `${unsubscribe} b`]);
  fake.emit(event, Buffer.from('a'), Buffer.from('x'));
  fake.emit('moved');
  expect(lines).toEqual(['a x', 'moved']);
  receiver.forget();
  receiver.end();
  expect(fake.eventNames()).toEqual([]);
});
