import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { TypedEmitter } from '../../../../src/connection/typed-emitter.js';
import { FrameEncoder } from '../../../../src/protocol/framing/frame-encoder.js';
import {
  type Data,
  PreparedMessage,
  prepareMessage,
} from '../../../../src/protocol/framing/prepared-message.js';
import { type DeliveryOptions, Publication } from '../../../../src/server/topics/publication.js';
import type { ServerEvents } from '../../../../src/server/events.js';
import { createLog } from '../../../../src/server/logger.js';
import type { Broker, BrokerNode, Outgoing } from '../../../../src/server/topics/broker.js';
import { RetainedMessages } from '../../../../src/server/topics/retained-messages.js';
import { Topics } from '../../../../src/server/topics/topics.js';
import {
  connectionOn,
  HandClock,
  Sink,
  turns,
  type WorldOptions,
} from '../../../support/connection.js';
import { parseFrames } from '../../../support/frames.js';
import { catchSurfacing, deferred, later, MemoryLogger } from '../../../support/server.js';

let server: TypedEmitter<ServerEvents<undefined>>;
let topics: Topics<undefined>;
let log: string[];
let sinks: Sink[];

beforeEach(() => {
  log = [];
  sinks = [];
  server = new TypedEmitter();
  server.on('topicActive', (topic) => log.push(`active ${topic}`));
  server.on('topicIdle', (topic) => log.push(`idle ${topic}`));
  topics = new Topics(server, 128, new RetainedMessages(1e6, undefined));
});

function connect(options: WorldOptions = {}): WebSocketConnection {
  const sink = new Sink();
  sinks.push(sink);
  return connectionOn(sink, { topics, ...options });
}
const publish = (
  name: string,
  data: Data,
  options: Partial<DeliveryOptions<undefined>> = {},
): number =>
  topics.publish(
    name,
    Publication.of(data, undefined, {
      compress: undefined,
      droppable: true,
      key: undefined,
      retain: false,
      ...options,
    }),
  );
/** The texts that each connection got. */
async function got(): Promise<string[]> {
  await turns();
  return sinks.map(({ bytes }) =>
    parseFrames(bytes)
      .map(({ payload }) => payload.toString())
      .join(' '),
  );
}

describe('Topics', () => {
  it('delivers to the subscribers of a topic, and to no others', async () => {
    const [one, two] = [connect(), connect(), connect()];
    one.subscribe('news');
    two.subscribe('news');
    two.subscribe('sport');
    expect([publish('news', 'a'), publish('sport', 'b'), publish('weather', 'c')]).toStrictEqual([
      2, 1, 0,
    ]);
    expect(await got()).toStrictEqual(['a', 'a b', '']);
    expect(topics.counters).toStrictEqual({ published: 3, offered: 3 });
    expect([topics.size, topics.subscriptions, [...topics.names()]]).toStrictEqual([
      2,
      3,
      ['news', 'sport'],
    ]);
    expect([topics.has('news'), topics.has('weather')]).toStrictEqual([true, false]);
  });

  it('writes what a tick has once to each subscriber, and the same bytes to all', async () => {
    for (const connection of [connect(), connect(), connect()]) connection.subscribe('t');
    for (let i = 0; i < 16; i++) publish('t', `message ${i}`.padEnd(200));
    await turns();
    expect(sinks.map(({ writes }) => writes.length)).toStrictEqual([1, 1, 1]);
    const [first, ...others] = sinks.map(({ writes }) => writes[0]!);
    for (const other of others) {
      expect(other).toHaveLength(first!.length);
      expect(other.every((piece, i) => piece === first![i])).toBe(true);
    }
  });

  it('keeps the order of the calls with send', async () => {
    const connection = connect();
    connection.subscribe('t');
    connection.send('1');
    publish('t', '2');
    connection.send('3');
    publish('t', '4');
    expect(await got()).toStrictEqual(['1 2 3 4']);
  });

  it('looks at the subscribers of the topic alone, however many others there are', () => {
    let looks = 0;
    const all = Array.from({ length: 300 }, () => connect());
    for (const [i, connection] of all.entries()) {
      connection.subscribe(i < 3 ? 't' : `other ${i}`);
      Object.defineProperty(connection, 'readyState', { get: () => (looks++, 'open') });
    }
    expect(publish('t', 'x')).toBe(3);
    expect(looks).toBe(3);
  });

  it('gives all subscribers the same prepared message, which is encoded and compressed once', () => {
    const given: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      const connection = connect();
      connection.subscribe('t');
      connection.send = (data: unknown) => given.push(data) > 0;
    }
    publish('t', 'x');
    expect(given[0]).toBeInstanceOf(PreparedMessage);
    expect(given).toStrictEqual([given[0], given[0], given[0]]);
    expect(new Set(given).size).toBe(1);
  });

  it('makes no frame of a message without subscribers here', () => {
    const encode = jest.spyOn(FrameEncoder.prototype, 'encodeFrame');
    publish('t', 'x');
    expect(encode).not.toHaveBeenCalled();
    connect().subscribe('t');
    publish('t', 'x');
    expect(encode).toHaveBeenCalledTimes(1);
    jest.restoreAllMocks();
  });

  it('visits no subscriber when another comes, goes, or is asked for', () => {
    const all = Array.from({ length: 300 }, () => connect());
    for (const each of all) each.subscribe('t');
    const visits = [
      jest.spyOn(Set.prototype, Symbol.iterator as never),
      jest.spyOn(Set.prototype, 'forEach'),
      jest.spyOn(Set.prototype, 'values'),
    ];
    const [one] = all;
    one!.unsubscribe('t');
    topics.subscribers('t');
    one!.subscribe('t');
    const counts = visits.map(({ mock }) => mock.calls.length);
    jest.restoreAllMocks();
    expect(counts).toStrictEqual([0, 0, 0]);
    expect(topics.subscribers('t').size).toBe(300);
  });

  it('leaves out those in except', async () => {
    const [one, two] = [connect(), connect()];
    for (const each of [one, two]) each.subscribe('t');
    expect(publish('t', 'a', { except: new Set([one]) })).toBe(1);
    expect(await got()).toStrictEqual(['', 'a']);
  });

  it('tells of the first and the last subscriber of a topic', () => {
    const [one, two] = [connect(), connect()];
    one.subscribe('t');
    two.subscribe('t');
    one.unsubscribe('t');
    two.subscribe('u');
    expect(log).toStrictEqual(['active t', 'active u']);
    two.terminate();
    expect(log.slice(2)).toStrictEqual(['idle t', 'idle u']);
    expect([topics.size, topics.subscriptions]).toStrictEqual([0, 0]);
    topics.delete('t', two);
    topics.announceIdle();
    expect(log).toHaveLength(4);
  });

  it('lets no exception of a listener reach the caller', async () => {
    const connection = connect();
    server.on('topicActive', () => {
      throw new Error('active');
    });
    server.on('topicIdle', () => {
      throw new Error('idle');
    });
    const surfaced = catchSurfacing();
    expect(connection.subscribe('t')).toBe(true);
    expect(connection.unsubscribe('t')).toBe(true);
    await turns();
    expect(surfaced.map((error) => (error as Error).message)).toStrictEqual(['active', 'idle']);
  });

  it('delivers to those that were subscribed at the call, whatever a listener does meanwhile', async () => {
    const slow = { maxBufferedAmount: 10, highWaterMark: 5, slowConsumer: 'drop' } as const;
    const [one, two, three] = [connect(slow), connect(), connect()];
    one.subscribe('t');
    two.subscribe('t');
    one.on('dropped', () => {
      two.unsubscribe('t');
      three.subscribe('t');
    });
    sinks[0]!.backpressured = true;
    one.send('x'.repeat(20));
    expect(publish('t', 'a')).toBe(2);
    expect((await got()).slice(1)).toStrictEqual(['a', '']);
    expect([...topics.subscribers('t')]).toStrictEqual([one, three]);
  });

  it('skips a connection that ends while the message is delivered', async () => {
    const slow = { maxBufferedAmount: 10, highWaterMark: 5, slowConsumer: 'drop' } as const;
    const [one, two] = [connect(slow), connect()];
    for (const each of [one, two]) each.subscribe('t');
    one.on('dropped', () => {
      two.terminate();
    });
    sinks[0]!.backpressured = true;
    one.send('x'.repeat(20));
    expect(publish('t', 'a')).toBe(1);
    expect((await got())[1]).toBe('');
  });

  it('gives new subscribers what was retained, before anything else', async () => {
    publish('t', 'a1', { key: 'a', retain: true });
    publish('t', 'b1', { key: 'b', retain: true });
    publish('t', 'a2', { key: 'a', retain: true });
    const connection = connect();
    server.on('topicActive', (topic) => publish(topic, 'live'));
    connection.subscribe('t');
    expect(await got()).toStrictEqual(['b1 a2 live']);
    expect(topics.counters).toStrictEqual({ published: 4, offered: 3 });
  });

  it('replaces, for a slow subscriber, what waits with the same key', async () => {
    const connection = connect();
    connection.subscribe('t');
    connection.subscribe('u');
    sinks[0]!.backpressured = true;
    connection.send('x'.repeat(20_000));
    await turns();
    for (const price of ['1', '2', '3']) {
      publish('t', `t${price}`, { key: 'k', droppable: false });
      publish('u', `u${price}`, { key: 'k', droppable: false });
    }
    sinks[0]!.backpressured = false;
    sinks[0]!.release();
    expect((await got())[0]!.slice(20_000)).toBe(' t3 u3');
  });
});

describe('Topics.subscribers', () => {
  it('is always the same set, and live', () => {
    const [one, two] = [connect(), connect()];
    const set = topics.subscribers('t');
    expect(set.size).toBe(0);
    one.subscribe('t');
    expect([...set]).toStrictEqual([one]);
    one.unsubscribe('t');
    expect(set.size).toBe(0);
    two.subscribe('t');
    expect([...set]).toStrictEqual([two]);
    expect(topics.subscribers('t')).toBe(set);
    two.subscribe('u');
    const later = topics.subscribers('u');
    two.unsubscribe('u');
    one.subscribe('u');
    expect([...later]).toStrictEqual([one]);
  });

  it('keeps no set that the application has let go', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    let onCollected: ((name: string) => void) | undefined;
    const Registry = FinalizationRegistry;
    jest.spyOn(globalThis, 'FinalizationRegistry').mockImplementation((callback) => {
      onCollected = callback;
      return new Registry(() => undefined);
    });
    topics = new Topics(server, 128, new RetainedMessages(1e6, undefined));
    const ask = (): WeakRef<object> => new WeakRef(topics.subscribers('t'));
    const gone = ask();
    await turns(); // a WeakRef keeps its target until the end of the turn in which it was made
    collectGarbage();
    expect(gone.deref()).toBeUndefined();
    const set = topics.subscribers('t');
    onCollected!('t'); // for the first set, when there is another already
    expect(topics.subscribers('t')).toBe(set);
    onCollected!('u');
    connect({ topics }).subscribe('t');
    expect(set.size).toBe(1);
  });
});

/** A broker that takes everything, and writes down what it is told. */
class RecordingBroker implements Broker {
  readonly calls: string[] = [];
  readonly sent: Outgoing[] = [];
  node!: BrokerNode;
  maxMessage = 1000;
  ended: Promise<void> = Promise.resolve();

  start(node: BrokerNode): void {
    this.node = node;
    node.up();
  }
  join(names: readonly string[]): void {
    this.calls.push(`join ${names.join(' ')}`);
  }
  leave(names: readonly string[]): void {
    this.calls.push(`leave ${names.join(' ')}`);
  }
  publish(batch: readonly Outgoing[]): number {
    this.calls.push(`publish ${batch.map(({ topic }) => topic).join(' ')}`);
    this.sent.push(...batch);
    return batch.length;
  }
  close(): Promise<void> {
    this.calls.push('close');
    return this.ended;
  }
}

/** Share `shared` through a new broker. */
function share(shared = topics, clock = new HandClock()): RecordingBroker {
  const broker = new RecordingBroker();
  shared.connect({ broker }, new Deadlines(clock), createLog(new MemoryLogger(), clock));
  return broker;
}

describe('Topics.connect', () => {
  it('does nothing without a broker', () => {
    topics.connect({}, new Deadlines(new HandClock()), createLog(undefined, new HandClock()));
    expect(topics.link).toBeUndefined();
  });

  it('tells the broker of the first and the last subscriber of a topic', async () => {
    const clock = new HandClock();
    const broker = share(topics, clock);
    const [one, two] = [connect(), connect()];
    one.subscribe('t');
    two.subscribe('t');
    two.subscribe('u');
    await turns();
    expect(broker.calls).toStrictEqual(['join t u']);
    one.unsubscribe('t');
    clock.advance(20_000);
    expect(broker.calls).toHaveLength(1);
    two.terminate();
    clock.advance(20_000);
    expect(broker.calls.slice(1)).toStrictEqual(['leave t u']);
  });

  it('gives the limits of brokerBuffer to the link', async () => {
    const broker = new RecordingBroker();
    const clock = new HandClock();
    topics.connect(
      { broker, brokerBuffer: { messages: 2, bytes: 1e6, age: 1e6 } },
      new Deadlines(clock),
      createLog(undefined, clock),
    );
    broker.publish = () => 0;
    for (const data of ['a', 'b', 'c']) {
      publish('t', data);
      await turns(1);
    }
    expect(topics.link!.stats()).toMatchObject({ buffered: 2, bufferDropped: 1 });
  });
});

describe('Topics.publish with a broker', () => {
  /** Topics of another node. */
  let others: Topics<undefined>;
  let here: RecordingBroker;
  let there: RecordingBroker;
  beforeEach(() => {
    others = new Topics(new TypedEmitter(), 128, new RetainedMessages(1e6, undefined));
    [here, there] = [share(), share(others)];
  });
  /** A connection of the other node, the last of `sinks`. */
  const connectThere = (): WebSocketConnection => connect({ topics: others });
  /** What was sent arrives there. */
  async function carry(): Promise<void> {
    await turns();
    for (const { topic, envelope } of here.sent.splice(0)) there.node.deliver(topic, envelope);
  }

  it('delivers here at once, and to the other nodes at the end of the tick', async () => {
    const [one, far] = [connect(), connectThere()];
    one.subscribe('t');
    far.subscribe('t');
    await turns();
    expect(publish('t', 'a', { except: new Set([one]) })).toBe(0);
    expect(publish('t', 'b')).toBe(1);
    expect(here.calls).toStrictEqual(['join t']);
    await carry();
    expect(here.calls).toStrictEqual(['join t', 'publish t']);
    expect(await got()).toStrictEqual(['b', 'a b']);
    expect(topics.counters).toStrictEqual({ published: 2, offered: 1 });
    expect(others.counters).toStrictEqual({ published: 0, offered: 2 });
  });

  it('sends in the order of the calls, even if a listener publishes during one', async () => {
    const slow = { maxBufferedAmount: 10, highWaterMark: 5, slowConsumer: 'drop' } as const;
    const [near, far] = [connect(slow), connectThere()];
    near.subscribe('t');
    far.subscribe('t');
    await turns();
    sinks[0]!.backpressured = true;
    near.send('x'.repeat(20));
    near.once('dropped', () => publish('t', 'second'));
    publish('t', 'first');
    await carry();
    expect((await got())[1]).toBe('first second');
  });

  it('publishes what no connection of this process has subscribed to', async () => {
    connectThere().subscribe('t');
    await turns();
    expect(publish('t', 'a')).toBe(0);
    await carry();
    expect(await got()).toStrictEqual(['a']);
  });

  it('carries Text and Binary, what is retained, and its key', async () => {
    connectThere().subscribe('t');
    await turns();
    publish('t', Buffer.from([1, 2]));
    publish('t', 'k1', { key: 'k', retain: true });
    publish('t', 'k2', { key: 'k', retain: true, compress: false });
    publish('t', 'gone', { key: 'l', retain: true });
    publish('t', 'not retained', { key: 'l' });
    await carry();
    await turns();
    const frames = parseFrames(sinks[0]!.bytes);
    expect(frames.map(({ opcode }) => opcode)).toStrictEqual([2, 1, 1, 1, 1]);
    expect(frames[0]!.payload).toStrictEqual(Buffer.from([1, 2]));
    const [kept, ...more] = others.retained.of('t');
    expect([kept!.key, kept!.message.payload.toString(), kept!.compress, more]).toStrictEqual([
      'k',
      'k2',
      false,
      [],
    ]);
    connectThere().subscribe('t');
    await turns();
    expect(parseFrames(sinks[1]!.bytes).map(({ payload }) => payload.toString())).toStrictEqual([
      'k2',
    ]);
  });

  it('refuses a message that is too long for the broker before it goes anywhere', async () => {
    const connection = connect();
    connection.subscribe('t');
    here.maxMessage = 50;
    publish('t', 'x'.repeat(18)); // with 27 bytes of the envelope and 5 of the message
    const before = { ...topics.counters };
    const heard: unknown[] = [];
    const listener = (payload: unknown): void => void heard.push(payload);
    subscribe('hawser.topic.published', listener);
    later(() => unsubscribe('hawser.topic.published', listener));
    const tooLong = (): number => publish('t', 'y'.repeat(19), { key: 'k', retain: true });
    expect(tooLong).toThrow(RangeError);
    expect(tooLong).toThrow('publish: the message takes 53 bytes in an envelope, and the broker');
    expect([topics.counters, heard, topics.retained.bytes]).toStrictEqual([before, [], 0]);
    expect(await got()).toStrictEqual(['x'.repeat(18)]);
    expect(here.sent).toHaveLength(1);
  });

  it('never throws for a broker that is down or fails', async () => {
    const connection = connect();
    connection.subscribe('t');
    here.node.down(new Error('reset'));
    expect(publish('t', 'a')).toBe(1);
    await turns();
    here.node.up();
    here.publish = () => {
      throw new Error('failed');
    };
    expect(publish('t', 'b')).toBe(1);
    expect(await got()).toStrictEqual(['a b']);
  });
});

it('publishes on the channel what was published, after the delivery', async () => {
  const connection = connect();
  connection.subscribe('t');
  const heard: unknown[] = [];
  const listener = (payload: unknown): void => {
    heard.push(payload, topics.counters.offered);
  };
  subscribe('hawser.topic.published', listener);
  later(() => unsubscribe('hawser.topic.published', listener));
  const message = prepareMessage('a');
  publish('t', message);
  publish('u', message);
  expect(heard).toStrictEqual([
    { server, topic: 't', data: message, count: 1 },
    1,
    { server, topic: 'u', data: message, count: 0 },
    1,
  ]);
  expect(await got()).toStrictEqual(['a']);
});

describe('Topics.joined', () => {
  const notSubscribed = { name: 'ConnectionError', code: 'ERR_NOT_SUBSCRIBED' };

  it('resolves at once without a broker', async () => {
    connect().subscribe('t');
    await expect(topics.joined('t', undefined, false)).resolves.toBeUndefined();
  });

  it('waits for the broker to confirm the topic', async () => {
    const broker = share();
    connect().subscribe('t');
    const joined = jest.fn();
    const promise = topics.joined('t', undefined, false).then(joined);
    await turns();
    expect(joined).not.toHaveBeenCalled();
    broker.node.joined(['t']);
    await promise;
  });

  it('rejects when the last subscriber goes while it waits', async () => {
    share();
    const connection = connect();
    connection.subscribe('t');
    const joined = topics.joined('t', undefined, false);
    connection.terminate();
    await expect(joined).rejects.toMatchObject(notSubscribed);
  });

  it.each([false, true])('rejects with a broker (%p) as without', async (withBroker) => {
    if (withBroker) share();
    await expect(topics.joined('t', undefined, false)).rejects.toMatchObject(notSubscribed);
    connect().subscribe('t');
    await expect(topics.joined('t', undefined, true)).rejects.toMatchObject(notSubscribed);
    await expect(topics.joined('u', undefined, false)).rejects.toThrow(
      'no connection of this process is subscribed to the topic: "u"; subscribe first',
    );
    const reason = new Error('enough');
    for (const [name, isClosing] of [
      ['t', false],
      ['t', true],
      ['u', false],
    ] as const) {
      const joined = topics.joined(name, AbortSignal.abort(reason), isClosing);
      await expect(joined).rejects.toBe(reason);
    }
  });

  it('rejects with the reason of a signal that aborts while it waits', async () => {
    share();
    connect().subscribe('t');
    const controller = new AbortController();
    const joined = topics.joined('t', controller.signal, false);
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(joined).rejects.toBe(reason);
  });
});

describe('Topics.close', () => {
  it('forgets what was retained', async () => {
    publish('t', 'a', { key: 'k', retain: true });
    await topics.close();
    expect(topics.retained.bytes).toBe(0);
  });

  it('sends what was published, closes the broker and waits for it', async () => {
    const broker = share();
    const end = deferred<void>();
    broker.ended = end.promise;
    connect().subscribe('t');
    const joined = topics.joined('t', undefined, false);
    publish('t', 'a', { key: 'k', retain: true });
    const closed = jest.fn();
    const closing = topics.close().then(closed);
    await expect(joined).rejects.toMatchObject({ code: 'ERR_NOT_SUBSCRIBED' });
    await turns();
    expect(broker.calls).toStrictEqual(['join t', 'publish t', 'close']);
    expect(closed).not.toHaveBeenCalled();
    end.resolve();
    await closing;
  });
});
