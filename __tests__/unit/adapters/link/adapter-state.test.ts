import { AdapterState, type Carrier } from '../../../../src/adapters/link/adapter-state.js';
import { Calls, FakeNode, settle } from '../../../support/fake-node.js';

function make(extra: Partial<Carrier> = {}): {
  link: AdapterState;
  calls: Calls;
  node: FakeNode;
  state: { obstacle: string | undefined };
} {
  const calls = new Calls();
  const node = new FakeNode();
  const state: { obstacle: string | undefined } = { obstacle: undefined };
  const carrier: Carrier = {
    groups: (topics) => (topics.length === 0 ? [] : [topics]),
    subscribe: calls.call('sub'),
    unsubscribe: calls.call('unsub'),
    obstacle: () => state.obstacle,
    ...extra,
  };
  return { link: new AdapterState('someBroker', carrier, 5000), calls, node, state };
}

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate'] });
});
afterEach(() => jest.useRealTimers());

test('serves one server', () => {
  const { link, node } = make();
  link.start(node);
  expect(() => link.start(node)).toThrow('someBroker: this broker serves a server already');
});

test('is up when all topics are confirmed and nothing is in the way', async () => {
  const { link, calls, node, state } = make();
  link.start(node);
  link.join(['a']);
  state.obstacle = 'the publisher is not ready';
  link.connected();
  await calls.resolve();
  expect([node.take(), link.isUp]).toEqual([['joined a'], false]);
  link.writable();
  state.obstacle = undefined;
  link.progress();
  expect([node.take(), link.isUp]).toEqual([['up'], true]);
  link.writable();
  expect(node.take()).toEqual(['writable']);
  link.deliver('a', Buffer.from('x'));
  link.deliver('not wanted', Buffer.from('x'));
  expect(node.take()).toEqual(['deliver a x']);
  link.leave(['a']);
  link.deliver('a', Buffer.from('x'));
  expect(node.take()).toEqual([]);
});

test('goes down once, and up when everything is confirmed again', async () => {
  const { link, calls, node } = make();
  link.start(node);
  link.join(['a', 'b']);
  link.connected();
  await calls.resolve();
  expect(node.take()).toEqual(['joined a b', 'up']);
  link.disconnected(new Error('the subscriber: reset'));
  link.lost(new Error('the publisher: reset'));
  link.fault(new Error('the publisher: refused'));
  expect(node.take()).toEqual(['down someBroker: the subscriber: reset']);
  link.connected();
  expect(node.take()).toEqual([]);
  await calls.resolve();
  expect(node.take()).toEqual(['joined a b', 'up']);
});

test('reports a failure once until there is progress', async () => {
  const { link, calls, node } = make();
  link.start(node);
  link.lost(new Error('refused', { cause: 'the reason' }));
  link.fault(new Error('refused'));
  expect(node.take()).toEqual(['error someBroker: refused']);
  link.connected();
  link.join(['a']);
  await calls.reject(new Error('NOPERM'));
  expect(node.take()).toEqual(['up', 'error someBroker: NOPERM']);
});

test('reports every 5 s without progress, and asks again', async () => {
  let nudges = 0;
  const { link, calls, node, state } = make({ nudge: () => nudges++ });
  state.obstacle = 'the client is not ready';
  link.start(node);
  link.join(['a', 'b']);
  jest.advanceTimersByTime(4999);
  expect(node.take()).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(node.take()).toEqual([
    'error someBroker: no progress for 5 s: the client is not ready; 0 of 2 topics are confirmed; asking again',
  ]);
  state.obstacle = undefined;
  link.connected();
  expect(calls.take()).toEqual(['sub a b']);
  jest.advanceTimersByTime(5000);
  expect(node.take()).toEqual([
    'error someBroker: no progress for 5 s: the broker does not confirm what was asked; 0 of 2 topics are confirmed; asking again',
  ]);
  expect(calls.take()).toEqual(['sub a b']);
  link.fault(new Error('odd'));
  expect(node.take()).toEqual(['error someBroker: odd']);
  jest.advanceTimersByTime(5000);
  expect(node.take()).toEqual([
    expect.stringContaining('does not confirm what was asked (odd); 0'),
  ]);
  await calls.resolve();
  expect(node.take()).toEqual(['joined a b', 'up']);
  jest.advanceTimersByTime(50_000);
  expect([node.take(), nudges]).toEqual([[], 3]);
  // A join that is never confirmed, while the rest is up.
  link.join(['c']);
  jest.advanceTimersByTime(5000);
  expect(node.take()).toEqual([expect.stringContaining('2 of 3 topics')]);
});

test('a carrier need not have a nudge', () => {
  const { link, node } = make();
  link.start(node);
  jest.advanceTimersByTime(5000);
  expect(node.take()).toHaveLength(1);
});

test('close() waits for the answers, for 5 s at most, and reports nothing afterwards', async () => {
  const { link, calls, node } = make();
  link.start(node);
  link.join(['a']);
  link.connected();
  await calls.resolve();
  node.take();
  let isClosed = false;
  const closed = link.close().then(() => (isClosed = true));
  await settle();
  expect(isClosed).toBe(false);
  link.fault(new Error('late'));
  link.report(new Error('late'));
  link.progress();
  link.lost(new Error('late'));
  link.join(['b']);
  jest.advanceTimersByTime(5000);
  await closed;
  await link.close();
  expect([node.take(), link.isUp]).toEqual([[], false]);
});

test('close() waits no longer when the connection is lost', async () => {
  const { link, calls, node } = make();
  link.start(node);
  link.join(['a']);
  link.connected();
  await calls.resolve();
  const closed = link.close();
  link.disconnected(new Error('reset'));
  await closed;
  expect(node.take()).toEqual(['joined a', 'up']);
});

test('a broker that was never started can be closed', async () => {
  const { link } = make();
  link.join(['a']);
  await link.close();
  expect(jest.getTimerCount()).toBe(0);
});
