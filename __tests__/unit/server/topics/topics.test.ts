import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { TypedEmitter } from '../../../../src/connection/typed-emitter.js';
import { prepareMessage } from '../../../../src/protocol/framing/prepared-message.js';
import type { ServerEvents } from '../../../../src/server/events.js';
import { RetainedMessages } from '../../../../src/server/topics/retained-messages.js';
import { type Delivery, Topics } from '../../../../src/server/topics/topics.js';
import { connectionOn, Sink, turns, type WorldOptions } from '../../../support/connection.js';
import { parseFrames } from '../../../support/frames.js';
import { catchSurfacing } from '../../../support/server.js';

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
const publish = (name: string, data: string, options: Partial<Delivery<undefined>> = {}): number =>
  topics.publish(name, {
    message: prepareMessage(data),
    compress: undefined,
    droppable: true,
    key: undefined,
    retain: false,
    except: undefined,
    ...options,
  });
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
