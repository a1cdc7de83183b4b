import cluster, { type Worker } from 'node:cluster';
import {
  clusterBroker,
  type ClusterBrokerOptions,
  relayTopics,
} from '../../../src/adapters/cluster.js';
import { toPrimary } from '../../../src/adapters/cluster/wire.js';
import { settle } from '../../support/fake-node.js';

/** Properties of `cluster` that a test has replaced. */
const replaced: { restore(): void }[] = [];
const replace = (name: 'isWorker' | 'isPrimary' | 'worker' | 'workers', value: unknown): void => {
  const before: unknown = cluster[name];
  Object.assign(cluster, { [name]: value });
  replaced.push({ restore: () => Object.assign(cluster, { [name]: before }) });
};
afterEach(() => {
  for (const each of replaced.splice(0)) each.restore();
});

test('makes a broker in a worker, each with an id of its own', async () => {
  replace('isWorker', true);
  replace('worker', { id: 7 });
  const [one, other] = [clusterBroker(), clusterBroker({ prefix: 'p:' })];
  const { id } = one as unknown as { id: string };
  expect(id).toMatch(/^7-[0-9a-f]{16}$/);
  expect((other as unknown as { id: string }).id).not.toBe(id);
  await one.close();
});

test('refuses an unknown option, and a process that is not a worker', () => {
  expect(() => clusterBroker({ topics: 1 } as ClusterBrokerOptions)).toThrow(
    /unknown option topics/,
  );
  expect(() => clusterBroker({ prefix: 1 } as unknown as ClusterBrokerOptions)).toThrow(
    /prefix to be a string/,
  );
  expect(() => clusterBroker()).toThrow(/not a worker of node:cluster/);
});

test('relays in the primary, once, with channels that carry bytes', async () => {
  replace('isPrimary', false);
  expect(() => relayTopics()).toThrow(/this process is a worker/);
  replaced.pop()!.restore();
  replace('workers', undefined);
  expect(() => relayTopics()).toThrow(/call cluster\.setupPrimary/);
  cluster.setupPrimary({ serialization: 'advanced' });

  const sent: unknown[] = [];
  const worker = {
    id: 1,
    isConnected: () => true,
    send: (message: unknown, _h: undefined, _o: undefined, callback: () => void) => {
      sent.push(message);
      callback();
    },
  } as unknown as Worker;
  Object.assign(cluster, { workers: { 1: worker } });
  const listeners = ['message', 'exit'].map((event) => cluster.listeners(event));
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  try {
    relayTopics();
    await settle();
    expect(sent).toEqual([{ hawser: 'topics/1', notices: [['ready']] }]);
    expect(() => relayTopics()).toThrow(/called before/);
    cluster.emit('message', worker, toPrimary([['a', ['join', 1, ['x']]]]));
    const large = Buffer.alloc(65 * 1024 * 1024);
    const publish = toPrimary([
      ['b', ['publish', 'x', large]],
      ['b', ['publish', 'x', large]],
    ]);
    cluster.emit('message', worker, publish);
    expect(warn).toHaveBeenCalledTimes(1);
    cluster.emit('exit', worker);
    sent.length = 0;
    cluster.emit('message', worker, publish);
    await settle();
    expect(sent).toHaveLength(1); // what was queued before the exit
  } finally {
    ['message', 'exit'].forEach((event, i) => {
      for (const each of cluster.listeners(event)) {
        if (!listeners[i]!.includes(each)) cluster.off(event, each as () => void);
      }
    });
    warn.mockRestore();
  }
});

test('counts calls of other copies of this package, too, and does without workers', () => {
  const marks = cluster as unknown as Record<symbol, unknown>;
  const mark = Symbol.for('hawser.relayTopics');
  expect(marks[mark]).toBe(true);
  Reflect.deleteProperty(marks, mark);
  replace('workers', undefined);
  const before = cluster.listenerCount('message');
  relayTopics();
  expect(cluster.listenerCount('message')).toBe(before + 1);
  cluster.removeAllListeners('message').removeAllListeners('exit');
  Reflect.deleteProperty(marks, mark);
});
