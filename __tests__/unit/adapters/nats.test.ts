import {
  natsBroker,
  type NatsBrokerOptions,
  type NatsConnection,
} from '../../../src/adapters/nats.js';
import { FakeNats } from '../../support/fake-nats.js';
import { FakeNode, settle } from '../../support/fake-node.js';

const make = (connection: unknown, options?: unknown): unknown =>
  natsBroker(connection as NatsConnection, options as NatsBrokerOptions);

test.each([
  [undefined, 'hawser.news'],
  [{ prefix: 'app.topics.' }, 'app.topics.news'],
  [{ prefix: '' }, 'news'],
  [{ prefix: 'ü-' }, 'ü-news'],
])('makes a broker with %j', async (options, subject) => {
  const connection = new FakeNats();
  const broker = natsBroker(connection, options);
  broker.start(new FakeNode());
  broker.join(['news']);
  expect([...connection.callbacks.keys()]).toEqual([subject]);
  await connection.flushes.resolve();
  const closed = broker.close();
  await settle();
  await connection.flushes.resolve();
  await closed;
});

test.each([
  [undefined, /expected a connection of NATS, got undefined .*pass what connect\(\)/],
  [null, /got null/],
  ['nats://host', /got nats:\/\/host/],
  [{ publish: () => 1 }, /got an object; pass what connect\(\)/],
  [Promise.resolve(1), /await the promise first/],
])('refuses %p as a connection', (connection, message) => {
  expect(() => make(connection)).toThrow(TypeError);
  expect(() => make(connection)).toThrow(message);
});

test.each([
  [{ subject: 'a' }, /unknown option subject/],
  [{ prefix: 1 }, /expected option prefix to be a string that begins a subject/],
])('refuses %j', (options, message) => {
  expect(() => make(new FakeNats(), options)).toThrow(TypeError);
  expect(() => make(new FakeNats(), options)).toThrow(message);
});

test.each(['a b', 'a.*.', '>', '.a', 'a..b'])('refuses the prefix %j', (prefix) => {
  expect(() => make(new FakeNats(), { prefix })).toThrow(TypeError);
  expect(() => make(new FakeNats(), { prefix })).toThrow(
    /option prefix: .* cannot begin a subject/,
  );
});
