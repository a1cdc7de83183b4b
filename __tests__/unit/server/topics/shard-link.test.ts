import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { BrokerBuffer } from '../../../../src/server/topics/broker-buffer.js';
import {
  bytesInEnvelope,
  EMPTY_ENVELOPE_BYTES,
  readHeader,
} from '../../../../src/server/topics/envelope.js';
import { Sequences } from '../../../../src/server/topics/sequences.js';
import { ShardLink } from '../../../../src/server/topics/shard-link.js';
import { envelopeOf, HandBroker, message, words } from '../../../support/hand-broker.js';
import { HandClock } from '../../../support/server.js';

const NO_LIMITS = { messages: Infinity, bytes: Infinity, age: Infinity };

/** A link on a broker of the test's, which is the second of so many. */
function linked({ count = 2, limits = NO_LIMITS } = {}) {
  const clock = new HandClock();
  /** What the owner was told, in words. */
  const told: string[] = [];
  const errors: Error[] = [];
  const owner = {
    id: 'ab'.repeat(8),
    deadlines: new Deadlines(clock),
    sequences: new Sequences(),
    buffer: new BrokerBuffer(limits, count),
    deliver: (topic: string) => told.push(`deliver ${topic}`),
    confirmed: (topics: readonly string[]) => told.push(`confirmed ${topics.join(' ')}`),
    left: (topics: readonly string[]) => told.push(`left ${topics.join(' ')}`),
    up: () => told.push('up'),
    down: (error: Error) => told.push(`down ${error.message}`),
    error: (error: Error) => {
      errors.push(error);
      told.push(`error ${error.message}`);
    },
  };
  const broker = new HandBroker();
  const link = new ShardLink(owner, broker, count - 1, count);
  link.start();
  const say = (topic: string, ...texts: string[]): void => {
    for (const text of texts) link.gather(topic, message(text), broker.maxMessage);
  };
  /** What was told, and what the broker has sent, since the last call. */
  const news = (): [string[], string[]] => [told.splice(0), broker.sent.splice(0).map(words)];
  return { link, broker, clock, owner, say, news, errors };
}

describe('ShardLink', () => {
  it('tells the broker which topics are wanted, and of those no more ten seconds later', () => {
    const { link, broker, clock, news } = linked();
    link.onActive('t');
    link.onActive('u');
    expect([broker.calls, link.joinsPending]).toStrictEqual([[], 2]);
    link.flush();
    link.onIdle('u');
    clock.advance(10_000);
    expect([broker.calls, link.joinsPending]).toStrictEqual([['join t u', 'leave u'], 1]);
    expect(news()).toStrictEqual([['left u'], []]);
  });

  it('passes on the confirmations of topics that are wanted, each once', () => {
    const { link, broker, news } = linked();
    for (const topic of ['t', 'u', 'v']) link.onActive(topic);
    link.flush();
    broker.node.joined(['t', 'unknown']);
    broker.node.joined(['t']);
    expect([link.isConfirmed('t'), link.isConfirmed('u')]).toStrictEqual([true, false]);
    broker.node.up();
    expect(news()).toStrictEqual([['confirmed t', 'confirmed ', 'confirmed u v', 'up'], []]);
    broker.node.down(new Error('reset'));
    expect([link.isConfirmed('t'), link.joinsPending]).toStrictEqual([false, 3]);
  });

  it('is up and down as its broker is, and counts its interruptions', () => {
    const { link, broker, news } = linked();
    broker.node.down(new Error('absent'));
    expect([link.isUp, link.interruptions, news()]).toStrictEqual([false, 0, [[], []]]);
    broker.node.up();
    broker.node.up();
    broker.node.down(new Error('reset'));
    broker.node.down(new Error('refused'));
    expect([link.isUp, link.interruptions]).toStrictEqual([false, 1]);
    expect(news()[0]).toStrictEqual([
      'confirmed ',
      'up',
      'confirmed ',
      'down broker 2 of 2: reset',
    ]);
  });

  it('passes on what comes of topics that are wanted, until it is stopped', () => {
    const { link, broker, news } = linked();
    link.onActive('t');
    link.flush();
    broker.node.deliver('t', envelopeOf(['a']));
    broker.node.deliver('u', envelopeOf(['a']));
    expect(news()[0]).toStrictEqual(['deliver t']);
    link.stop();
    broker.node.deliver('t', envelopeOf(['a']));
    expect(news()[0]).toStrictEqual([]);
  });

  it('gathers one envelope for each topic, and cuts it at maxMessage', () => {
    const { link, broker, say, news, owner } = linked();
    broker.node.up();
    broker.maxMessage = EMPTY_ENVELOPE_BYTES + 2 * bytesInEnvelope(message('a'));
    say('t', 'a');
    say('u', 'b');
    say('t', 'c', 'd');
    link.flush();
    link.flush();
    expect(broker.offers).toStrictEqual([3]);
    for (const { envelope } of broker.sent) expect(readHeader(envelope).node).toBe(owner.id);
    expect(news()[1]).toStrictEqual(['t 0: a c', 'u 0: b', 't 2: d']);
    say('t', 'e');
    link.flush();
    expect([news()[1], link.published]).toStrictEqual([['t 3: e'], 5]);
  });

  it('keeps in its own queue what the broker does not take, and offers it first', () => {
    const { link, broker, say, news, owner } = linked();
    owner.buffer.push(0, { topic: 'x', envelope: Buffer.alloc(1), count: 1, madeAt: 0 });
    broker.node.up();
    broker.takes = 1;
    say('t', 'a');
    say('u', 'b', 'c');
    link.flush();
    broker.takes = Infinity;
    say('v', 'd');
    link.flush();
    expect([news()[1], owner.buffer.messages]).toStrictEqual([['t 0: a'], 4]);
    broker.node.writable();
    expect([news()[1], owner.buffer.messages]).toStrictEqual([['u 0: b c', 'v 0: d'], 1]);
    broker.takes = 0;
    say('t', 'e');
    link.flush();
    broker.takes = Infinity;
    broker.node.up();
    expect([news()[1], link.published]).toStrictEqual([['t 1: e'], 5]);
    broker.takes = 0;
    say('t', 'f');
    link.flush();
    broker.takes = Infinity;
    link.stop();
    broker.node.writable();
    expect(news()[1]).toStrictEqual([]);
  });

  it('offers nothing that is older than the limit', () => {
    const { link, broker, say, news, clock, owner } = linked({
      limits: { ...NO_LIMITS, age: 100 },
    });
    say('t', 'a');
    link.flush();
    clock.advance(60);
    say('t', 'b');
    link.flush();
    clock.advance(60);
    broker.node.up();
    expect([news()[1], owner.buffer.dropped]).toStrictEqual([['t 1: b'], 1]);
  });

  it.each([undefined, -1, 2, 0.5, NaN])('%p taken of one counts as nothing', (answer) => {
    const { link, broker, say, owner, errors } = linked();
    broker.publish = () => answer as number;
    say('t', 'a');
    link.flush();
    expect([link.published, owner.buffer.messages]).toStrictEqual([0, 1]);
    expect(errors.map((error) => error.message)).toStrictEqual([
      `broker 2 of 2: publish took ${answer} of 1 envelopes, which cannot be`,
    ]);
  });

  it('reports what the broker throws, and which broker it is where there are several', () => {
    const { link, broker, clock, errors } = linked();
    const failure = new Error('join failed');
    broker.onCall = (method) => {
      if (method === 'join') throw failure;
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- an adapter may throw anything
      throw `${method} failed`;
    };
    link.onActive('t');
    link.flush();
    link.onIdle('t');
    clock.advance(10_000);
    expect(errors.map((error) => error.message)).toStrictEqual([
      'broker 2 of 2: join failed',
      'broker 2 of 2: leave failed',
    ]);
    expect(errors[0]!.cause).toBe(failure);
    const alone = linked({ count: 1 });
    alone.broker.node.error(failure);
    expect(alone.errors).toStrictEqual([failure]);
    expect(alone.errors[0]).toBe(failure);
  });

  it('ends its broker, and leaves no timer', async () => {
    const { link, broker, clock } = linked();
    link.onActive('t');
    link.flush();
    link.onIdle('t');
    link.stop();
    await link.close();
    expect([broker.calls, clock.timers.size]).toStrictEqual([['join t', 'close'], 0]);
    broker.ended = Promise.reject(new Error('rejected'));
    await expect(link.close()).rejects.toThrow('rejected');
  });

  it('throws what start throws', () => {
    const { link, broker } = linked();
    broker.onCall = () => {
      throw new Error('it was started before');
    };
    expect(() => link.start()).toThrow('it was started before');
  });
});
