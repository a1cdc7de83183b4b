import { inGroups, WantedTopics } from '../../../../src/adapters/link/wanted-topics.js';
import { Calls, settle } from '../../../support/fake-node.js';

/** An WantedTopics whose commands name two topics each. */
function make(): { interest: WantedTopics; calls: Calls; lines: string[] } {
  const calls = new Calls();
  const lines: string[] = [];
  const interest = new WantedTopics(
    {
      groups: (topics) =>
        topics.flatMap((topic, i) => (i % 2 === 0 ? [[topic, ...topics.slice(i + 1, i + 2)]] : [])),
      subscribe: calls.call('sub'),
      unsubscribe: calls.call('unsub'),
    },
    {
      confirmed: (topics) => lines.push(`confirmed ${topics.join(' ')}`),
      failed: ({ message }) => lines.push(`failed ${message}`),
    },
  );
  return { interest, calls, lines };
}

afterEach(() => jest.useRealTimers());

test('groups have 512 topics', () => {
  const topics = Array.from({ length: 1100 }, (_, i) => `${i}`);
  expect(inGroups(topics).map(({ length }) => length)).toEqual([512, 512, 76]);
  expect(inGroups(topics).flat()).toEqual(topics);
  expect(inGroups([])).toEqual([]);
});

test('asks in groups once there is a connection, and counts what is confirmed', async () => {
  const { interest, calls, lines } = make();
  interest.join(['a', 'b', 'c']);
  expect(interest.isRestored).toBe(false);
  expect(calls.take()).toEqual([]);
  interest.connected();
  expect(calls.take()).toEqual(['sub a b', 'sub c']);
  expect([interest.confirmed, interest.total, interest.isRestored]).toEqual([0, 3, false]);
  await calls.resolve();
  expect(lines).toEqual(['confirmed a b', 'confirmed c']);
  expect([interest.confirmed, interest.total, interest.isRestored]).toEqual([3, 3, true]);
  interest.join(['c', 'd']);
  expect(calls.take()).toEqual(['sub d']);
  expect([interest.has('d'), interest.has('e')]).toEqual([true, false]);
  // What comes later is not part of what a connection has to bring back.
  expect([interest.confirmed, interest.total, interest.isRestored]).toEqual([3, 4, true]);
});

test('leaves: at once, or after the connection has come back', async () => {
  const { interest, calls } = make();
  interest.join(['a', 'b', 'c', 'd']);
  interest.connected();
  await calls.resolve();
  calls.take();
  interest.leave(['a', 'unknown']);
  expect(calls.take()).toEqual(['unsub a']);
  interest.disconnected();
  interest.leave(['b', 'c']);
  interest.join(['c']);
  interest.connected();
  expect(calls.take()).toEqual(['unsub b', 'sub d c']);
});

test('a topic that was never asked for needs no leaving', () => {
  const { interest, calls } = make();
  interest.join(['a', 'b']);
  interest.leave(['a']);
  interest.connected();
  expect(calls.take()).toEqual(['sub b']);
});

test('an unsubscription that fails is made again with the next connection, unless it is wanted', async () => {
  const { interest, calls } = make();
  interest.join(['a', 'b']);
  interest.connected();
  await calls.resolve();
  interest.leave(['a', 'b']);
  interest.join(['b']);
  await calls.reject(new Error('lost'));
  calls.take();
  interest.connected();
  expect(calls.take()).toEqual(['unsub a', 'sub b']);
});

test('a topic that is left and joined again needs a confirmation of its own', async () => {
  const { interest, calls, lines } = make();
  interest.connected();
  interest.join(['a']);
  interest.leave(['a']);
  interest.join(['a']);
  expect(calls.take()).toEqual(['sub a', 'unsub a', 'sub a']);
  const [first, , second] = calls.open;
  first!.resolve();
  await settle();
  expect([lines, interest.confirmed]).toEqual([[], 0]);
  second!.resolve();
  await settle();
  expect(lines).toEqual(['confirmed a']);
});

test('leaving what was not confirmed yet is enough for the rest to be restored', async () => {
  const { interest, calls } = make();
  interest.join(['a', 'b', 'c']);
  interest.connected();
  calls.open.shift()!.resolve();
  await settle();
  expect(interest.isRestored).toBe(false);
  interest.leave(['c']);
  expect(interest.isRestored).toBe(true);
  interest.leave(['a']);
  expect([interest.confirmed, interest.total]).toEqual([1, 1]);
});

test('answers of an earlier connection mean nothing', async () => {
  const { interest, calls, lines } = make();
  interest.join(['a']);
  interest.connected();
  const [old] = calls.open;
  interest.connected();
  old!.resolve();
  await settle();
  expect([lines, interest.confirmed]).toEqual([[], 0]);
  await calls.resolve();
  expect(lines).toEqual(['confirmed a']);
});

test('what failed is asked again after a second, unless it was left or the connection is lost', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate'] });
  const { interest, calls, lines } = make();
  interest.connected();
  interest.join(['a', 'b', 'c']);
  await calls.reject(new Error('LOADING'));
  expect(lines).toEqual(['failed LOADING', 'failed LOADING']);
  interest.leave(['b']);
  calls.take();
  jest.advanceTimersByTime(1000);
  expect(calls.take()).toEqual(['sub a c']);
  await calls.reject(new Error('LOADING'));
  interest.disconnected();
  jest.advanceTimersByTime(1000);
  expect(calls.take()).toEqual([]);
});

test('keeps 64 commands in flight', async () => {
  const { interest, calls } = make();
  interest.connected();
  const topics = Array.from({ length: 200 }, (_, i) => `${i}`);
  interest.join(topics);
  expect(calls.take()).toHaveLength(64);
  // Left before its turn: no command.
  interest.leave(['128', '129']);
  calls.take();
  for (const call of calls.open.splice(0, 64)) call.resolve();
  await settle();
  expect(calls.take()).toHaveLength(100 - 64 - 1);
});

test('asks again for what is not confirmed, until the connection is stuck', async () => {
  const { interest, calls } = make();
  interest.again();
  interest.connected();
  interest.join(['a', 'b', 'c']);
  calls.open.shift()!.resolve();
  await settle();
  calls.take();
  for (let round = 0; round < 300; round++) interest.again();
  expect(calls.take()).toEqual(Array.from({ length: 255 }, () => 'sub c'));
});

test('close() leaves what was asked for, and waits for it if there is a connection', async () => {
  const { interest, calls } = make();
  interest.join(['a', 'b']);
  interest.connected();
  await calls.resolve();
  calls.take();
  let isClosed = false;
  void interest.close().then(() => (isClosed = true));
  expect(calls.take()).toEqual(['unsub a b']);
  await settle();
  expect(isClosed).toBe(false);
  await calls.reject(new Error('lost'));
  expect([isClosed, interest.total]).toEqual([true, 0]);
  const unconnected = make();
  unconnected.interest.join(['a']);
  await unconnected.interest.close();
  expect(unconnected.calls.take()).toEqual([]);
});
