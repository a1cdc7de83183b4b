import { redisBroker, type RedisBrokerOptions } from '../../../src/adapters/redis.js';
import { FakeNode } from '../../support/fake-node.js';
import { FakeIoredis, FakeNodeRedis } from '../../support/fake-redis.js';

const make = (options: unknown): unknown => redisBroker(options as RedisBrokerOptions);

test('takes clients of both packages', async () => {
  const clients = { publisher: new FakeNodeRedis(), subscriber: new FakeIoredis() };
  const broker = redisBroker({ ...clients, sharded: true, prefix: '' });
  broker.start(new FakeNode());
  for (const client of Object.values(clients)) expect(client.listenerCount('error')).toBe(1);
  await broker.close();
  for (const client of Object.values(clients)) expect(client.eventNames()).toEqual([]);
  expect(redisBroker(clients)).toHaveProperty('maxMessage');
});

test.each([
  [{}, /expected option publisher to be a client of the package redis .* make two clients/],
  [{ publisher: null }, /option publisher .* got null/],
  [{ publisher: 'redis://host' }, /option publisher to be a client .* got redis:\/\/host/],
  [{ publisher: new FakeIoredis() }, /option subscriber .* got undefined/],
  [{ publisher: {}, subscriber: new FakeIoredis() }, /option publisher .* got an object$/],
  [{ publisher: { isCluster: true } }, /a client of a cluster; make a broker for each shard/],
  [{ publisher: { masters: [] } }, /a client of a cluster/],
  [{ url: 'redis://host' }, /unknown option url .*make two clients/],
  [{ pubClient: {} }, /unknown option pubClient .*write publisher/],
  [{ shraded: true }, /unknown option shraded .*did you mean sharded/],
  [{ sharded: 1 }, /expected option sharded to be a boolean, got 1/],
  [{ prefix: 1 }, /expected option prefix to be a string, got 1/],
])('refuses %j', (options, message) => {
  expect(() => make(options)).toThrow(TypeError);
  expect(() => make(options)).toThrow(message);
});

test('refuses one client in both places', () => {
  const client = new FakeNodeRedis();
  expect(() => make({ publisher: client, subscriber: client })).toThrow(
    /publisher and subscriber are the same client.*client\.duplicate\(\)/,
  );
});

test('refuses the keyPrefix of ioredis for sharded channels only', () => {
  const subscriber = new FakeIoredis();
  subscriber.options.keyPrefix = 'app:';
  const options = { publisher: new FakeIoredis(), subscriber };
  expect(() => make({ ...options, sharded: true })).toThrow(/option subscriber has a keyPrefix/);
  expect(() => make(options)).not.toThrow();
});
