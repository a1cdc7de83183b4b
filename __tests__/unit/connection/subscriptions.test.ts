import {
  Subscriptions,
  type TopicRegistry,
  UnpublishedTopics,
} from '../../../src/connection/subscriptions.js';

const connection = {};
let log: string[];
let registry: TopicRegistry;
let subscriptions: Subscriptions;

beforeEach(() => {
  log = [];
  const noteCall = (call: string) => (topic: string, subscriber: unknown) =>
    void log.push(subscriber === connection ? `${call} ${topic}` : 'another connection');
  registry = {
    maxTopicsPerConnection: 2,
    add: noteCall('add'),
    delete: noteCall('delete'),
    announceIdle: () => void log.push('announce'),
  };
  subscriptions = new Subscriptions(registry, connection);
});

describe('Subscriptions', () => {
  it('tells whether a topic is new', () => {
    expect([subscriptions.add('a'), subscriptions.add('a'), subscriptions.add('b')]).toStrictEqual([
      true,
      false,
      true,
    ]);
    expect([...subscriptions.names]).toStrictEqual(['a', 'b']);
    expect(log).toStrictEqual(['add a', 'add b']);
  });

  it('refuses one topic too many, but not one that it has', () => {
    subscriptions.add('a');
    subscriptions.add('b');
    expect(subscriptions.add('b')).toBe(false);
    expect(() => subscriptions.add('c')).toThrow(
      new RangeError(
        'subscribe: the connection has 2 topics, as many as maxTopicsPerConnection allows; unsubscribe from some, or raise it',
      ),
    );
    subscriptions.delete('a');
    expect(subscriptions.add('c')).toBe(true);
  });

  it('tells whether it had a topic that it leaves', () => {
    subscriptions.add('a');
    expect([subscriptions.delete('a'), subscriptions.delete('a')]).toStrictEqual([true, false]);
    expect(log).toStrictEqual(['add a', 'delete a', 'announce']);
  });

  it('leaves all topics at the end, and keeps their names until it is closed', () => {
    subscriptions.add('a');
    subscriptions.add('b');
    subscriptions.leave();
    expect(log.slice(2)).toStrictEqual(['delete a', 'delete b']);
    subscriptions.announce();
    expect(log.at(-1)).toBe('announce');
    expect(subscriptions.names.size).toBe(2);
    subscriptions.clear();
    expect(subscriptions.names.size).toBe(0);
  });
});

describe('UnpublishedTopics', () => {
  it('lets connections have as many topics as it is told', () => {
    const limited = new Subscriptions(new UnpublishedTopics(1), connection);
    expect([limited.add('a'), limited.add('a')]).toStrictEqual([true, false]);
    expect(() => limited.add('b')).toThrow(/as many as maxTopicsPerConnection allows/);
    expect(limited.delete('a')).toBe(true);
    expect(limited.add('b')).toBe(true);
  });
});
