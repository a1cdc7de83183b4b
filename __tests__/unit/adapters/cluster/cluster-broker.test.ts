import { EventEmitter } from 'node:events';
import { ClusterBroker } from '../../../../src/adapters/cluster/cluster-broker.js';
import {
  type Notice,
  type Operation,
  type ToPrimary,
  toWorker,
} from '../../../../src/adapters/cluster/wire.js';
import { WorkerChannel } from '../../../../src/adapters/cluster/worker-channel.js';
import { FakeNode, settle } from '../../../support/fake-node.js';

/** A worker whose primary is the test. */
class FakeWorker extends EventEmitter {
  connected = true;
  readonly operations: (readonly [string, Operation])[] = [];
  readonly callbacks: ((error: Error | null) => void)[] = [];

  send(
    message: ToPrimary,
    _h: undefined,
    _o: undefined,
    callback: (error: Error | null) => void,
  ): boolean {
    this.operations.push(...message.operations);
    this.callbacks.push(callback);
    return true;
  }

  tell(...notices: Notice[]): void {
    this.emit('message', toWorker(notices));
  }

  /** The operations since the last call. */
  async take(): Promise<(readonly [string, Operation])[]> {
    await settle();
    return this.operations.splice(0);
  }
}

function make(): { broker: ClusterBroker; worker: FakeWorker; node: FakeNode } {
  const worker = new FakeWorker();
  const broker = new ClusterBroker(new WorkerChannel(worker), 'me', 'p:', 300);
  return { broker, worker, node: new FakeNode() };
}

async function up(): Promise<ReturnType<typeof make>> {
  const all = make();
  all.broker.start(all.node);
  expect(await all.worker.take()).toEqual([['me', ['hello', Uint8Array.of(1)]]]);
  all.worker.tell(['welcome', 'me']);
  expect(all.node.take()).toEqual(['up']);
  return all;
}

const envelope = Buffer.from('x');

test('says hello, and is up when it is welcome', async () => {
  const { broker, worker, node } = make();
  broker.start(node);
  broker.join(['a', 'b']);
  expect(broker.publish([{ topic: 'a', envelope }])).toBe(0);
  worker.tell(['welcome', 'another'], ['joined', 'another', 1]);
  expect(await worker.take()).toHaveLength(1);
  worker.tell(['ready']);
  expect(await worker.take()).toEqual([['me', ['hello', Uint8Array.of(1)]]]);
  worker.tell(['welcome', 'me'], ['welcome', 'me'], ['ready']);
  expect(await worker.take()).toEqual([['me', ['join', 1, ['p:a', 'p:b']]]]);
  worker.tell(['joined', 'me', 1], ['joined', 'me', 1]);
  await settle();
  expect(node.take()).toEqual(['joined a b', 'up']);
});

test('publishes, and delivers what others publish', async () => {
  const { broker, worker, node } = await up();
  expect(broker.maxMessage).toBe(1024 * 1024);
  broker.join(['a']);
  broker.publish([
    { topic: 'a', envelope },
    { topic: 'b', envelope },
  ]);
  broker.leave(['b', 'a']);
  expect(await worker.take()).toEqual([
    ['me', ['join', 1, ['p:a']]],
    ['me', ['publish', 'p:a', envelope]],
    ['me', ['publish', 'p:b', envelope]],
    ['me', ['leave', ['p:a']]],
  ]);
  broker.join(['a']);
  worker.tell(
    ['message', 'me', 'p:a', Buffer.from('own')],
    ['message', 'other', 'p:a', Buffer.from('1')],
    ['message', 'other', 'q:a', Buffer.from('2')],
    ['message', 'other', 'p:b', Buffer.from('3')],
  );
  expect(node.take()).toEqual(['deliver a 1']);
});

test('takes 16 MiB that the primary has not read', async () => {
  const { broker, worker, node } = await up();
  const batch = Array.from({ length: 20 }, () => ({ topic: 'a', envelope: Buffer.alloc(2 ** 20) }));
  expect(broker.publish(batch.slice(0, 8))).toBe(8);
  await worker.take();
  expect(broker.publish(batch)).toBe(8);
  expect(broker.publish(batch)).toBe(0);
  await worker.take();
  worker.callbacks[0]!(null);
  expect(node.take()).toEqual([]);
  worker.callbacks[1]!(null);
  expect(node.take()).toEqual(['writable']);
  worker.callbacks[2]!(null);
  expect(node.take()).toEqual([]);
});

test('tells what is wrong, and says hello again', async () => {
  const { broker, worker, node } = make();
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
  broker.start(node);
  await worker.take();
  jest.advanceTimersByTime(300);
  expect(node.take()).toEqual([expect.stringContaining('call relayTopics() of hawser/cluster')]);
  expect(await worker.take()).toHaveLength(1);
  worker.tell(['unusable', 'me']);
  expect(node.take()).toEqual([expect.stringContaining('turns bytes into JSON')]);
  jest.advanceTimersByTime(300);
  expect(node.take()).toEqual([expect.stringContaining('turns bytes into JSON')]);
  worker.tell(['welcome', 'me']);
  broker.join(['a']);
  await worker.take();
  jest.advanceTimersByTime(300);
  expect(await worker.take()).toEqual([['me', ['join', 2, ['p:a']]]]);
  jest.useRealTimers();
});

test('a primary that is gone is a loss', async () => {
  const { broker, worker, node } = await up();
  broker.join(['a']);
  await worker.take();
  worker.connected = false;
  worker.emit('disconnect');
  expect(node.take()).toEqual(['down clusterBroker: the primary process is gone']);
  expect(broker.publish([{ topic: 'a', envelope }])).toBe(0);
  await settle();
  const late = make();
  late.worker.connected = false;
  late.broker.start(late.node);
  expect(late.node.take()).toEqual(['error clusterBroker: the primary process is gone']);
});

test('close() says goodbye and stops listening', async () => {
  const { broker, worker } = await up();
  broker.join(['a']);
  await worker.take();
  await broker.close();
  expect(await worker.take()).toEqual([
    ['me', ['leave', ['p:a']]],
    ['me', ['bye']],
  ]);
  expect(worker.eventNames()).toEqual([]);
  const unused = make();
  await unused.broker.close();
  expect(await unused.worker.take()).toEqual([]);
});
