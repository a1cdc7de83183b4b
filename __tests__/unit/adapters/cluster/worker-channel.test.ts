import { EventEmitter } from 'node:events';
import { type Notice, type ToPrimary, toWorker } from '../../../../src/adapters/cluster/wire.js';
import {
  type Member,
  WorkerChannel,
  type WorkerProcess,
} from '../../../../src/adapters/cluster/worker-channel.js';
import { settle } from '../../../support/fake-node.js';

class FakeProcess extends EventEmitter implements WorkerProcess {
  connected = true;
  readonly sent: ToPrimary[] = [];
  readonly callbacks: ((error: Error | null) => void)[] = [];

  send(
    message: ToPrimary,
    _handle: undefined,
    _options: undefined,
    callback: (error: Error | null) => void,
  ): boolean {
    this.sent.push(message);
    this.callbacks.push(callback);
    return true;
  }
}

function member(id: string): Member & { lines: string[] } {
  const lines: string[] = [];
  return {
    id,
    lines,
    notice: ([kind]: Notice) => lines.push(kind),
    sent: () => lines.push('sent'),
    disconnected: () => lines.push('disconnected'),
  };
}

test('sends what all brokers posted in a tick as one message, and counts its bytes', async () => {
  const fake = new FakeProcess();
  const channel = new WorkerChannel(fake);
  const [one, other] = [member('1'), member('2')];
  channel.add(one);
  channel.add(other);
  expect([channel.isConnected, channel.backlog]).toEqual([true, 0]);
  const envelope = Buffer.alloc(10);
  channel.post(one, ['join', 1, ['a']]);
  channel.post(other, ['publish', 'a', envelope]);
  expect([fake.sent, channel.backlog]).toEqual([[], 10]);
  await settle();
  expect(fake.sent).toEqual([
    {
      hawser: 'topics/1',
      operations: [
        ['1', ['join', 1, ['a']]],
        ['2', ['publish', 'a', envelope]],
      ],
    },
  ]);
  expect(channel.backlog).toBe(10);
  fake.callbacks[0]!(null);
  expect([channel.backlog, one.lines, other.lines]).toEqual([0, ['sent'], ['sent']]);
  channel.post(one, ['bye']);
  await settle();
  expect(fake.sent).toHaveLength(2);
});

test('hands on what the primary tells, and nothing else', () => {
  const fake = new FakeProcess();
  const channel = new WorkerChannel(fake);
  const [one, other] = [member('1'), member('2')];
  channel.add(one);
  channel.add(other);
  fake.emit('message', toWorker([['ready'], ['welcome', '1']]));
  fake.emit('message', { hawser: 'the name of an application' });
  fake.emit('disconnect');
  const lines = ['ready', 'welcome', 'disconnected'];
  expect([one.lines, other.lines]).toEqual([lines, lines]);
});

test('listens while it has members', () => {
  const fake = new FakeProcess();
  const channel = new WorkerChannel(fake);
  const [one, other] = [member('1'), member('2')];
  channel.remove(one);
  channel.add(one);
  channel.add(other);
  expect(fake.listenerCount('message')).toBe(1);
  channel.remove(one);
  expect(fake.listenerCount('disconnect')).toBe(1);
  channel.remove(other);
  expect(fake.eventNames()).toEqual([]);
});

test('sends nothing without a primary', async () => {
  const fake = new FakeProcess();
  const channel = new WorkerChannel(fake);
  fake.connected = false;
  channel.post(member('1'), ['bye']);
  await settle();
  expect([fake.sent, channel.isConnected]).toEqual([[], false]);
  // The process of a program that was not forked has no send().
  const alone = Object.assign(new EventEmitter(), { connected: true });
  new WorkerChannel(alone).post(member('1'), ['bye']);
  await settle();
});
