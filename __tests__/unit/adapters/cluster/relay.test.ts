import { Relay, type RelayWorker } from '../../../../src/adapters/cluster/relay.js';
import {
  type Notice,
  type Operation,
  toPrimary,
  type ToWorker,
} from '../../../../src/adapters/cluster/wire.js';
import { settle } from '../../../support/fake-node.js';

class FakeWorker implements RelayWorker {
  readonly id: number;
  isAlive = true;
  readonly messages: ToWorker[] = [];
  readonly callbacks: ((error: Error | null) => void)[] = [];
  constructor(id: number) {
    this.id = id;
  }
  isConnected(): boolean {
    return this.isAlive;
  }
  send(
    message: ToWorker,
    _h: undefined,
    _o: undefined,
    callback: (error: Error | null) => void,
  ): boolean {
    this.messages.push(message);
    this.callbacks.push(callback);
    return true;
  }
  /** The notices of each message since the last call. */
  async take(): Promise<(readonly Notice[])[]> {
    await settle();
    return this.messages.splice(0).map(({ notices }) => notices);
  }
}

const warnings: string[] = [];
let relay: Relay;
let one: FakeWorker;
let other: FakeWorker;
const say = (worker: FakeWorker, broker: string, ...operations: Operation[]): void => {
  relay.receive(worker, toPrimary(operations.map((each) => [broker, each])));
};
const envelope = Buffer.from('x');

beforeEach(() => {
  warnings.length = 0;
  relay = new Relay((message) => warnings.push(message));
  one = new FakeWorker(1);
  other = new FakeWorker(2);
});

test('welcomes a broker, unless bytes do not survive', async () => {
  relay.greet(one);
  say(one, 'a', ['hello', Uint8Array.of(1)]);
  say(one, 'b', ['hello', { 0: 1 } as unknown as Uint8Array]);
  relay.receive(one, { hawser: 'the name of an application' });
  expect(await one.take()).toEqual([[['ready'], ['welcome', 'a'], ['unusable', 'b']]]);
});

test('forwards to those that joined, one message each', async () => {
  say(one, 'a', ['join', 1, ['x', 'y']]);
  say(other, 'b', ['join', 7, ['x']]);
  expect(await one.take()).toEqual([[['joined', 'a', 1]]]);
  expect(await other.take()).toEqual([[['joined', 'b', 7]]]);
  say(one, 'a', ['publish', 'x', envelope], ['publish', 'y', envelope], ['publish', 'z', envelope]);
  say(other, 'b', ['publish', 'y', envelope]);
  expect(await other.take()).toEqual([[['message', 'a', 'x', envelope]]]);
  expect(await one.take()).toEqual([[['message', 'b', 'y', envelope]]]);
});

test('a second broker of the worker gets what the first publishes', async () => {
  say(one, 'a', ['join', 1, ['x']]);
  say(one, 'b', ['join', 1, ['x']]);
  await one.take();
  say(one, 'a', ['publish', 'x', envelope]);
  expect(await one.take()).toEqual([[['message', 'a', 'x', envelope]]]);
  say(one, 'b', ['bye'], ['bye']);
  say(one, 'a', ['publish', 'x', envelope]);
  expect(await one.take()).toEqual([]);
});

test('what was left gets no more', async () => {
  say(one, 'a', ['join', 1, ['x']]);
  say(other, 'b', ['join', 1, ['x']]);
  say(one, 'a', ['leave', ['x', 'never joined']]);
  say(other, 'unknown', ['leave', ['x']]);
  await one.take();
  await other.take();
  say(other, 'c', ['publish', 'x', envelope]);
  expect([await one.take(), await other.take()]).toEqual([[], [[['message', 'c', 'x', envelope]]]]);
  say(other, 'b', ['leave', ['x']]);
  say(one, 'a', ['publish', 'x', envelope]);
  expect(await other.take()).toEqual([]);
});

test('a worker that has ended is forgotten; what it sent before is forwarded', async () => {
  say(one, 'a', ['join', 1, ['x']]);
  say(other, 'b', ['join', 1, ['x']]);
  await one.take();
  await other.take();
  say(other, 'b', ['publish', 'x', envelope]);
  one.isAlive = false;
  expect(await one.take()).toEqual([]);
  relay.remove(one);
  relay.remove(new FakeWorker(3));
  say(other, 'b', ['publish', 'x', envelope]);
  expect(await one.take()).toEqual([]);
  say(one, 'a', ['publish', 'x', envelope], ['join', 2, ['x']]);
  expect(await other.take()).toEqual([[['message', 'a', 'x', envelope]]]);
  one.isAlive = true;
  say(other, 'b', ['publish', 'x', envelope]);
  expect(await one.take()).toEqual([]);
});

test('a worker that does not read loses messages above 64 MiB, with one warning', async () => {
  say(one, 'a', ['join', 1, ['x']]);
  const large = Buffer.alloc(1024 * 1024);
  const publish = (count: number): void => {
    say(other, 'b', ...Array.from({ length: count }, () => ['publish', 'x', large] as const));
  };
  publish(60);
  await settle();
  publish(10);
  publish(1);
  expect(warnings).toEqual([
    'hawser: worker 1 does not read what other workers publish; messages for it are lost until it does',
  ]);
  expect((await one.take()).map((notices) => notices.length)).toEqual([61, 4]);
  one.callbacks[1]!(null);
  publish(5);
  expect((await one.take())[0]).toHaveLength(4);
  expect(warnings).toHaveLength(1);
  one.callbacks[0]!(null);
  publish(70);
  expect(warnings).toHaveLength(2);
});
