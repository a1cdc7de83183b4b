/* That the compiler accepts the real clients as they are. `npm run typecheck` is the judge, and Jest shows that it runs. */
import { type NatsConnection } from '@nats-io/transport-node';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { natsBroker } from '../../src/adapters/nats.js';
import { redisBroker } from '../../src/adapters/redis.js';
import type { Broker } from '../../src/index.js';

test('clients of redis and ioredis need no cast', () => {
  const publisher = createClient({ url: 'redis://127.0.0.1:6379' });
  const brokers: Broker[] = [redisBroker({ publisher, subscriber: publisher.duplicate() })];
  brokers.push(
    redisBroker({
      publisher: createClient({ RESP: 2 }),
      subscriber: new Redis({ lazyConnect: true }),
    }),
  );
  // @ts-expect-error -- not a client
  expect(() => redisBroker({ publisher: 'redis://127.0.0.1', subscriber: publisher })).toThrow(
    TypeError,
  );
  expect(brokers).toHaveLength(2);
});

test('a connection of @nats-io/transport-node needs no cast', () => {
  const make = (connection: NatsConnection): Broker => natsBroker(connection, { prefix: 'app.' });
  expect(make).toBeInstanceOf(Function);
});
