import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { TypedEmitter } from '../../../../src/connection/typed-emitter.js';
import type { ServerEvents } from '../../../../src/server/events.js';
import { createLog } from '../../../../src/server/logger.js';
import type { Broker } from '../../../../src/server/topics/broker.js';
import type { BrokerBufferLimits } from '../../../../src/server/topics/broker-buffer.js';
import { BrokerLink } from '../../../../src/server/topics/broker-link.js';
import {
  bytesInEnvelope,
  EMPTY_ENVELOPE_BYTES,
  type EnvelopeMessage,
  readHeader,
} from '../../../../src/server/topics/envelope.js';
import { shardBroker, shardOf } from '../../../../src/server/topics/shard-broker.js';
import { envelopeOf, HandBroker, message, words } from '../../../support/hand-broker.js';
import { seededRandom } from '../../../support/random.cjs';
import {
  catchSurfacing,
  deferred,
  HandClock,
  later,
  MemoryLogger,
  settle,
} from '../../../support/server.js';

const open: BrokerLink<undefined>[] = [];

/** A link on a broker of the test's. @param served what the server gets; that broker, if nothing else. */
function linked(limits?: BrokerBufferLimits, broker = new HandBroker(), served: Broker = broker) {
  const server = new TypedEmitter<ServerEvents<undefined>>();
  const clock = new HandClock();
  const logger = new MemoryLogger();
  /** What came from other nodes. */
  const got: string[] = [];
  const messages: EnvelopeMessage[] = [];
  /** The events, in words. */
  const events: string[] = [];
  server.on('brokerState', (state, error) => {
    events.push(error === undefined ? state : `${state} ${error.message}`);
  });
  server.on('brokerLoss', ({ topic, node, count }) =>
    events.push(`lost ${topic} ${node} ${count}`),
  );
  server.on('brokerError', (error) => events.push(`error ${error.message}`));
  const link = new BrokerLink(
    server,
    served,
    limits,
    new Deadlines(clock),
    createLog(logger, clock),
    (topic, each) => {
      got.push(`${topic} ${Buffer.from(each.payload).toString()}`);
      messages.push(each);
    },
  );
  open.push(link);
  const say = (topic: string, ...texts: string[]): void => {
    for (const text of texts) link.publish(topic, message(text));
  };
  return { link, broker, server, clock, logger, got, messages, events, say };
}

/** A link that is up, with topics that are joined and confirmed. */
async function joinedTo(topics: readonly string[], limits?: BrokerBufferLimits) {
  const all = linked(limits);
  for (const topic of topics) all.link.onActive(topic);
  await settle();
  all.broker.node.up();
  all.events.length = all.broker.calls.length = 0;
  return all;
}

/** What a promise has come to, in a word or the message of its error. */
function outcomeOf(promise: Promise<void>): { now: string } {
  const outcome = { now: 'waits' };
  promise.then(
    () => (outcome.now = 'joined'),
    (error: unknown) => {
      const { code, message: text } = error as Error & { code?: unknown };
      outcome.now = code === 'ERR_NOT_SUBSCRIBED' ? code : text;
    },
  );
  return outcome;
}

/** What is published on a channel, until the test is over. */
function heardOn(name: string): unknown[] {
  const heard: unknown[] = [];
  const listener = (payload: unknown): void => void heard.push(payload);
  subscribe(name, listener);
  later(() => unsubscribe(name, listener));
  return heard;
}

const NO_LIMITS = { messages: Infinity, bytes: Infinity, age: Infinity };

afterEach(async () => {
  for (const link of open.splice(0)) await link.close();
});

describe('the topics that the broker is told of', () => {
  it('are told at the end of the tick, in one call', async () => {
    const { link, broker } = linked();
    link.onActive('t');
    link.onActive('u');
    expect(broker.calls).toStrictEqual([]);
    await settle();
    expect(broker.calls).toStrictEqual(['join t u']);
    link.onActive('v');
    await settle();
    expect(broker.calls).toStrictEqual(['join t u', 'join v']);
  });

  it('are not told of when they come and go 1000 times in a tick', async () => {
    const { link, broker, clock } = linked();
    for (let i = 0; i < 1000; i++) {
      link.onActive('t');
      link.onIdle('t');
    }
    await settle();
    clock.advance(60_000);
    await settle();
    expect(broker.calls).toStrictEqual([]);
    expect(link.stats().joinsPending).toBe(0);
  });

  it('are not left when they go and come 1000 times in a tick', async () => {
    const { link, broker, clock } = await joinedTo(['t']);
    for (let i = 0; i < 1000; i++) {
      link.onIdle('t');
      link.onActive('t');
    }
    await settle();
    clock.advance(60_000);
    await settle();
    expect(broker.calls).toStrictEqual([]);
  });

  it('are left after ten seconds, and messages come until then', async () => {
    const { link, broker, clock, got } = await joinedTo(['t']);
    link.onIdle('t');
    clock.advance(9999);
    broker.node.deliver('t', envelopeOf(['a']));
    expect([broker.calls, got]).toStrictEqual([[], ['t a']]);
    clock.advance(1);
    expect(broker.calls).toStrictEqual(['leave t']);
    broker.node.deliver('t', envelopeOf(['b'], { first: 1 }));
    broker.node.deliver('t', Buffer.from('not looked at'));
    expect(got).toStrictEqual(['t a']);
    expect(link.stats()).toMatchObject({ received: 1, joinsPending: 0 });
  });

  it('are not left when a subscriber comes back in time', async () => {
    const { link, broker, clock, got } = await joinedTo(['t']);
    link.onIdle('t');
    clock.advance(9000);
    link.onActive('t');
    await settle();
    clock.advance(60_000);
    broker.node.deliver('t', envelopeOf(['a']));
    expect([broker.calls, got]).toStrictEqual([[], ['t a']]);
  });

  it('are left once a second at most, however they go', async () => {
    const topics = Array.from({ length: 30 }, (_, index) => `t${index}`);
    const { link, broker, clock } = await joinedTo(topics);
    const times: number[] = [];
    broker.onCall = () => times.push(clock.time);
    for (const topic of topics) {
      link.onIdle(topic);
      clock.advance(70);
    }
    clock.advance(60_000);
    expect(broker.calls.flatMap((call) => call.split(' ').slice(1))).toStrictEqual(topics);
    const gaps = times.slice(1).map((time, index) => time - times[index]!);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000);
  });

  it('are told while the broker is down, too', async () => {
    const { link, broker } = linked();
    broker.node.down(new Error('absent'));
    link.onActive('t');
    await settle();
    expect(broker.calls).toStrictEqual(['join t']);
    expect(link.stats()).toMatchObject({ state: 'down', joinsPending: 1 });
  });
});

describe('publish', () => {
  it('sends one envelope for each topic at the end of the tick, in one call', async () => {
    const { broker, link, say } = await joinedTo([]);
    say('t', 'a');
    say('u', 'b');
    say('t', 'c', 'd');
    expect(broker.offers).toStrictEqual([]);
    await settle();
    expect(broker.offers).toStrictEqual([2]);
    expect(broker.sent.map(words)).toStrictEqual(['t 0: a c d', 'u 0: b']);
    say('t', 'e');
    await settle();
    say('t', 'f');
    say('u', 'g');
    await settle();
    expect(broker.sent.slice(2).map(words)).toStrictEqual(['t 3: e', 't 4: f', 'u 1: g']);
    const headers = broker.sent.map(({ envelope }) => readHeader(envelope));
    expect(new Set(headers.map(({ node }) => node))).toStrictEqual(new Set([link.id]));
    expect(new Set(headers.map(({ epoch }) => epoch)).size).toBe(2);
    expect(link.stats()).toMatchObject({ published: 7, buffered: 0, bufferDropped: 0 });
  });

  it('sends nothing when nothing was published', async () => {
    const { broker, link } = await joinedTo([]);
    link.onActive('t');
    await settle();
    link.flush();
    expect(broker.offers).toStrictEqual([]);
  });

  it('tells the broker of new topics first', async () => {
    const { broker, link, say } = await joinedTo([]);
    const order: string[] = [];
    broker.onCall = (method) => order.push(method);
    say('t', 'a');
    link.onActive('t');
    await settle();
    expect(order).toStrictEqual(['join', 'publish']);
  });

  it('cuts at maxMessage, and keeps the order', async () => {
    const { broker, say } = await joinedTo([]);
    const each = bytesInEnvelope(message('12345'));
    broker.maxMessage = EMPTY_ENVELOPE_BYTES + 3 * each;
    say('t', 'aaaaa', 'bbbbb', 'ccccc', 'ddddd');
    say('u', 'xxxxx');
    say('t', 'eeeee', 'fffff', 'ggggg');
    await settle();
    expect(broker.offers).toStrictEqual([4]);
    expect(broker.sent.map(words)).toStrictEqual([
      't 0: aaaaa bbbbb ccccc',
      't 3: ddddd eeeee fffff',
      'u 0: xxxxx',
      't 6: ggggg',
    ]);
    const lengths = broker.sent.map(({ envelope }) => envelope.length);
    expect(Math.max(...lengths)).toBe(broker.maxMessage);
  });

  it('reads maxMessage each time', async () => {
    const { broker, say } = await joinedTo([]);
    const each = bytesInEnvelope(message('a'));
    broker.maxMessage = EMPTY_ENVELOPE_BYTES + 2 * each;
    say('t', 'a', 'b', 'c');
    broker.maxMessage = EMPTY_ENVELOPE_BYTES + 3 * each;
    say('t', 'd', 'e', 'f');
    await settle();
    expect(broker.sent.map(words)).toStrictEqual(['t 0: a b', 't 2: c d e', 't 5: f']);
  });

  it('throws nothing when the broker is down, and drops what it cannot send', async () => {
    const { broker, link, say, events } = linked();
    say('t', 'a', 'b');
    say('u', 'c');
    await settle();
    broker.node.up();
    expect(broker.offers).toStrictEqual([]);
    expect(link.stats()).toMatchObject({ published: 0, buffered: 0, bufferDropped: 3 });
    expect(events).toStrictEqual(['up']);
    say('t', 'd'); // the others see that two are lost
    await settle();
    expect(broker.sent.map(words)).toStrictEqual(['t 2: d']);
  });

  it('does not keep the async context of the call', async () => {
    const { broker, say } = await joinedTo([]);
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    broker.onCall = () => seen.push(storage.getStore());
    storage.run('of a request', () => {
      say('t', 'a');
    });
    await settle();
    expect(seen).toStrictEqual([undefined]);
  });

  it('takes what is published while the broker is called for the next tick', async () => {
    const { broker, say } = await joinedTo([]);
    broker.onCall = () => {
      broker.onCall = () => undefined;
      say('t', 'b');
    };
    say('t', 'a');
    await settle();
    expect(broker.sent.map(words)).toStrictEqual(['t 0: a', 't 1: b']);
  });
});

describe('check', () => {
  it('refuses a message that does not fit into an envelope alone', async () => {
    const { broker, link } = await joinedTo([]);
    const each = message('12345', { key: 'é' });
    broker.maxMessage = EMPTY_ENVELOPE_BYTES + bytesInEnvelope(each);
    link.check(each);
    broker.maxMessage--;
    const check = (): void => {
      link.check(each);
    };
    expect(check).toThrow(RangeError);
    expect(check).toThrow(
      'publish: the message takes 40 bytes in an envelope, and the broker takes 39; publish where it can be fetched instead',
    );
    await settle();
    expect(broker.offers).toStrictEqual([]);
  });
});

describe('what comes', () => {
  it('arrives on another node as it was published', async () => {
    const [one, other] = [await joinedTo(['t', 'u']), await joinedTo(['t'])];
    const given = [
      message('text'),
      message('\0\u0001', { binary: true, compress: true, droppable: false }),
      message('retained', { key: 'é', retain: true, compress: false, droppable: false }),
      message(''),
    ];
    for (const each of given) one.link.publish('t', each);
    one.say('u', 'elsewhere');
    other.say('t', 'back');
    await settle();
    for (const { topic, envelope } of one.broker.sent) {
      one.broker.node.deliver(topic, envelope);
      other.broker.node.deliver(topic, envelope);
    }
    for (const { topic, envelope } of other.broker.sent) one.broker.node.deliver(topic, envelope);
    expect(other.messages).toStrictEqual(given);
    expect(one.got).toStrictEqual(['t back']);
    expect(one.link.id).toMatch(/^[0-9a-f]{16}$/);
    expect(one.link.id).not.toBe(other.link.id);
    expect(other.link.stats()).toMatchObject({ published: 1, received: 4, lost: 0 });
    expect(one.link.stats()).toMatchObject({ published: 5, received: 1, lost: 0 });
    expect([one.events, other.events]).toStrictEqual([[], []]);
  });

  it('is ignored if this node has published it, also with a gap', async () => {
    const { broker, link, got, say, events } = await joinedTo(['t']);
    for (const text of ['a', 'b', 'c', 'd']) {
      say('t', text);
      await settle();
    }
    const [one, two, , four] = broker.sent.map(({ envelope }) => envelope);
    for (const envelope of [one, two, two, four]) broker.node.deliver('t', envelope!);
    expect([got, events]).toStrictEqual([[], []]);
    expect(link.stats()).toMatchObject({ received: 0, lost: 0 });
  });

  it('is ignored if it is of no topic that this node has joined', async () => {
    const { broker, link, got, events } = await joinedTo(['t']);
    broker.node.deliver('u', envelopeOf(['a']));
    link.onActive('u');
    broker.node.deliver('u', envelopeOf(['b']));
    expect([got, events, link.stats().received]).toStrictEqual([[], [], 0]);
  });

  it('has a gap: it is counted, told and published on the channel', async () => {
    const heard = heardOn('hawser.broker.lost');
    const { broker, link, server, got, events } = await joinedTo(['t', 'u']);
    const node = 'ab'.repeat(8);
    const other = { node: 'cd'.repeat(8) };
    broker.node.deliver('t', envelopeOf(['a'], { first: 7 }));
    broker.node.deliver('t', envelopeOf(['b', 'c'], { first: 8 }));
    broker.node.deliver('u', envelopeOf(['d'], { first: 99 }));
    broker.node.deliver('t', envelopeOf(['e'], { first: 50, ...other }));
    expect([events, heard]).toStrictEqual([[], []]);
    broker.node.deliver('t', envelopeOf(['f'], { first: 15 }));
    broker.node.deliver('t', envelopeOf(['g'], { first: 52, ...other }));
    broker.node.deliver('t', envelopeOf(['h'], { first: 16 }));
    expect(events).toStrictEqual([`lost t ${node} 5`, `lost t ${other.node} 1`]);
    expect(heard).toStrictEqual([
      { server, topic: 't', node, count: 5 },
      { server, topic: 't', node: other.node, count: 1 },
    ]);
    expect(got.map((each) => each.slice(2)).join('')).toBe('abcdefgh');
    expect(link.stats()).toMatchObject({ received: 8, lost: 6 });
  });

  it('is not missed while the topic was left', async () => {
    const { broker, link, clock, events } = await joinedTo(['t']);
    broker.node.deliver('t', envelopeOf(['a'], { first: 0 }));
    link.onIdle('t');
    clock.advance(10_000);
    link.onActive('t');
    await settle();
    broker.node.deliver('t', envelopeOf(['b'], { first: 50 }));
    broker.node.deliver('t', envelopeOf(['c'], { first: 52 }));
    expect(events).toStrictEqual([`lost t ${'ab'.repeat(8)} 1`]);
  });

  it('is missed after an interruption', async () => {
    const { broker, link } = await joinedTo(['t']);
    broker.node.deliver('t', envelopeOf(['a'], { first: 0 }));
    broker.node.down(new Error('reset'));
    broker.node.up();
    broker.node.deliver('t', envelopeOf(['b'], { first: 4 }));
    expect(link.stats()).toMatchObject({ received: 2, lost: 3 });
  });

  it('counts again from each epoch, and what is of an older one has come before', async () => {
    const { broker, link, got, events } = await joinedTo(['t']);
    broker.node.deliver('t', envelopeOf(['a'], { epoch: 2, first: 1000 }));
    broker.node.deliver('t', envelopeOf(['b'], { epoch: 5, first: 0 }));
    broker.node.deliver('t', envelopeOf(['old'], { epoch: 2, first: 1001 }));
    broker.node.deliver('t', envelopeOf(['c'], { epoch: 5, first: 1 }));
    expect([got, events]).toStrictEqual([['t a', 't b', 't c'], []]);
    expect(link.stats()).toMatchObject({ received: 3, lost: 0 });
  });

  it('is delivered once, although it comes twice', async () => {
    const { broker, link, got, events } = await joinedTo(['t']);
    const [one, two] = [envelopeOf(['a', 'b', 'c']), envelopeOf(['c', 'd'], { first: 2 })];
    for (const envelope of [one, one, two, one, two]) broker.node.deliver('t', envelope);
    expect([got, events]).toStrictEqual([['t a', 't b', 't c', 't d'], []]);
    expect(link.stats()).toMatchObject({ received: 4, lost: 0 });
  });

  it('says how long it was on its way, and never less than nothing', async () => {
    const { broker, link } = await joinedTo(['t']);
    expect(link.stats().lag).toStrictEqual({ p50: undefined, p99: undefined });
    const now = jest.spyOn(Date, 'now').mockReturnValue(1_000_000);
    const arrive = (first: number, sentAt: number): void => {
      broker.node.deliver('t', envelopeOf(['a'], { first, sentAt }));
    };
    arrive(0, 1_000_500); // the clock of that machine is ahead
    expect(link.stats().lag).toStrictEqual({ p50: 0, p99: 0 });
    for (let first = 1; first <= 3; first++) arrive(first, 1_000_000 - first * 10);
    expect(link.stats().lag).toStrictEqual({ p50: 10, p99: 30 });
    now.mockReturnValue(0); // the clock was set back
    for (let first = 4; first < 20; first++) arrive(first, 5);
    expect(link.stats().lag).toStrictEqual({ p50: 0, p99: 30 });
  });

  it.each([Number.NaN, -Infinity, Infinity])(
    'leaves the lag a number, whatever another node says: %p',
    async (sentAt) => {
      const { broker, link } = await joinedTo(['t']);
      broker.node.deliver('t', envelopeOf(['a'], { sentAt: Date.now() }));
      for (let first = 1; first < 4; first++) {
        broker.node.deliver('t', envelopeOf(['b'], { first, sentAt }));
      }
      const { p50, p99 } = link.stats().lag;
      expect([Number.isFinite(p50), Number.isFinite(p99)]).toStrictEqual([true, true]);
    },
  );
});

describe('an envelope that is malformed', () => {
  it("is told as 'brokerError' and logged, and nothing of it arrives", async () => {
    const { broker, link, got, logger, events } = await joinedTo(['t']);
    const wrong = envelopeOf(['a']);
    wrong[0] = 2;
    broker.node.deliver('t', wrong);
    broker.node.deliver('t', new Uint8Array(0));
    broker.node.deliver('t', envelopeOf(['a', 'b']).subarray(0, -1));
    expect(events).toHaveLength(3);
    expect(events.map((each) => each.slice(0, 60))).toStrictEqual([
      'error the envelope has format 2, and this node reads 1 only',
      'error an envelope has at least 27 bytes, this one 0',
      'error the envelope ends in the middle of a message',
    ]);
    expect(logger.lines).toStrictEqual(
      events.map((each) => each.replace('error ', 'error the broker: ')),
    );
    for (const cause of logger.causes) expect(cause).toBeInstanceOf(Error);
    broker.node.deliver('t', envelopeOf(['c'])); // with the number that those had
    expect(got).toStrictEqual(['t c']);
    expect(link.stats()).toMatchObject({ state: 'up', received: 1, lost: 0, interruptions: 0 });
  });

  it('may end anywhere', async () => {
    const messages = [message('first', { key: 'key' }), message('second'), message('third')];
    const whole = envelopeOf(messages);
    const ends = [0, 1, 2, 3].map((count) => envelopeOf(messages.slice(0, count)).length);
    for (let length = 0; length <= whole.length; length++) {
      const { broker, got, events } = await joinedTo(['t']);
      broker.node.deliver('t', whole.subarray(0, length));
      // Where a message ends, the envelope of fewer messages ends, too.
      const count = ends.indexOf(length);
      expect([length, got.length, events.length]).toStrictEqual([
        length,
        Math.max(0, count),
        count < 0 ? 1 : 0,
      ]);
    }
  });

  it('may be anything at all', async () => {
    const { broker, link, events, got } = await joinedTo(['t']);
    const random = seededRandom(7);
    let malformed = 0;
    for (let round = 0; round < 3000; round++) {
      const bytes = Uint8Array.from({ length: random() * 80 }, () => random() * 256);
      if (round % 2 === 0 && bytes.length > 0) bytes[0] = 1; // the version, at least
      const before = [events.length, got.length];
      broker.node.deliver('t', bytes);
      const isError = events[before[0]!]?.startsWith('error ') === true;
      if (isError) malformed++;
      // Nothing arrives of what is told as an error.
      if (isError) expect(got).toHaveLength(before[1]!);
    }
    expect(malformed).toBeGreaterThan(2500);
    expect(link.stats().state).toBe('up');
  });

  it('needs no listener', async () => {
    const { broker, server, logger, got } = await joinedTo(['t']);
    server.removeAllListeners();
    broker.node.deliver('t', Buffer.alloc(3));
    broker.node.error(new Error('of the broker'));
    broker.node.down(new Error('reset'));
    broker.node.up();
    for (const first of [0, 5]) broker.node.deliver('t', envelopeOf(['a'], { first }));
    expect(logger.lines).toHaveLength(2);
    expect(got).toHaveLength(2);
  });

  it('throws nothing into the broker, even if a listener throws', async () => {
    const { broker, server, got } = await joinedTo(['t']);
    const events = ['brokerError', 'brokerLoss', 'brokerState'] as const;
    for (const event of events) {
      server.on(event, () => {
        throw new Error(event);
      });
    }
    const surfaced = catchSurfacing();
    broker.node.deliver('t', Buffer.alloc(3));
    for (const first of [0, 5]) broker.node.deliver('t', envelopeOf(['a'], { first }));
    broker.node.down(new Error('reset'));
    await settle();
    expect(surfaced.map((error) => (error as Error).message)).toStrictEqual([...events]);
    expect(got).toHaveLength(2);
  });
});

describe('what the broker does not take', () => {
  it('is dropped by default, and counted', async () => {
    const { broker, link, say } = await joinedTo([]);
    broker.takes = 1;
    say('t', 'a', 'b');
    say('u', 'c');
    say('v', 'd', 'e');
    await settle();
    expect(broker.sent.map(words)).toStrictEqual(['t 0: a b']);
    expect(link.stats()).toMatchObject({ published: 2, buffered: 0, bufferDropped: 3 });
    broker.takes = Infinity;
    broker.node.writable();
    say('u', 'f');
    await settle();
    expect(broker.sent.slice(1).map(words)).toStrictEqual(['u 1: f']);
    expect(broker.offers).toStrictEqual([3, 1]);
  });

  it('is kept by brokerBuffer, and offered again in order when it is writable', async () => {
    const { broker, link, say } = await joinedTo([], NO_LIMITS);
    broker.takes = 1;
    say('t', 'a');
    say('u', 'b');
    say('v', 'c');
    await settle();
    expect(link.stats()).toMatchObject({ published: 1, buffered: 2 });
    say('t', 'd', 'e');
    say('u', 'f');
    await settle();
    expect(broker.offers).toStrictEqual([3]); // it was not writable yet
    expect(link.stats()).toMatchObject({ published: 1, buffered: 5 });
    broker.takes = 2;
    broker.node.writable();
    expect(link.stats()).toMatchObject({ published: 3, buffered: 3 });
    broker.takes = Infinity;
    broker.node.writable();
    broker.node.writable();
    expect(broker.offers).toStrictEqual([3, 4, 2]);
    expect(broker.sent.map(words)).toStrictEqual([
      't 0: a',
      'u 0: b',
      'v 0: c',
      't 1: d e',
      'u 1: f',
    ]);
    expect(link.stats()).toMatchObject({ published: 6, buffered: 0, bufferDropped: 0 });
    say('t', 'g');
    await settle();
    expect(broker.sent.slice(5).map(words)).toStrictEqual(['t 3: g']);
  });

  it('waits while the broker is down, and goes out when it is up', async () => {
    const { broker, link, say } = linked(NO_LIMITS);
    say('t', 'a');
    await settle();
    say('t', 'b');
    say('u', 'c');
    await settle();
    broker.node.writable();
    expect([broker.offers, link.stats().buffered]).toStrictEqual([[], 3]);
    broker.node.up();
    expect(broker.sent.map(words)).toStrictEqual(['t 0: a', 't 1: b', 'u 0: c']);
    broker.node.down(new Error('reset'));
    say('t', 'd');
    await settle();
    expect(broker.sent).toHaveLength(3);
    broker.node.up();
    expect(broker.sent.slice(3).map(words)).toStrictEqual(['t 2: d']);
    expect(link.stats()).toMatchObject({ published: 4, buffered: 0, bufferDropped: 0 });
  });

  it('is offered again after up(), as after writable(), also if the broker was not down', async () => {
    const { broker, say } = await joinedTo([], NO_LIMITS);
    broker.takes = 0;
    say('t', 'a');
    await settle();
    broker.takes = Infinity;
    broker.node.up();
    expect(broker.sent.map(words)).toStrictEqual(['t 0: a']);
  });

  it('is kept up to so many messages, of which the oldest go', async () => {
    const { broker, link, say } = linked({ ...NO_LIMITS, messages: 3 });
    for (const text of ['a', 'b', 'c', 'd', 'e']) {
      say('t', text);
      await settle();
    }
    expect(link.stats()).toMatchObject({ buffered: 3, bufferDropped: 2 });
    broker.node.up();
    expect(broker.sent.map(words)).toStrictEqual(['t 2: c', 't 3: d', 't 4: e']);
    expect(link.stats()).toMatchObject({ published: 3, buffered: 0, bufferDropped: 2 });
  });

  it('is kept up to so many bytes, of which the oldest go', async () => {
    const { length } = envelopeOf(['a']);
    const { broker, link, say } = linked({ ...NO_LIMITS, bytes: 2 * length });
    for (const text of ['a', 'b', 'c']) {
      say('t', text);
      await settle();
    }
    expect(link.stats()).toMatchObject({ buffered: 2, bufferDropped: 1 });
    broker.node.up();
    expect(broker.sent.map(words)).toStrictEqual(['t 1: b', 't 2: c']);
  });

  it('is kept for so long', async () => {
    const { broker, link, clock, say } = linked({ ...NO_LIMITS, age: 100 });
    say('t', 'a');
    await settle();
    clock.advance(50);
    say('t', 'b');
    await settle();
    clock.advance(75);
    broker.node.up();
    expect(broker.sent.map(words)).toStrictEqual(['t 1: b']);
    expect(link.stats()).toMatchObject({ published: 1, buffered: 0, bufferDropped: 1 });
  });

  it('is not offered in the middle of an offer', async () => {
    const { broker, say } = await joinedTo([], NO_LIMITS);
    broker.takes = 0;
    say('t', 'a');
    await settle();
    broker.takes = Infinity;
    broker.onCall = () => {
      broker.node.writable();
    };
    broker.node.writable();
    expect(broker.offers).toStrictEqual([1, 1]);
    expect(broker.sent.map(words)).toStrictEqual(['t 0: a']);
  });

  it('waits if the broker finds out that it is down by being called', async () => {
    const { broker, link, say } = await joinedTo([], NO_LIMITS);
    broker.onCall = () => {
      broker.takes = 0;
      broker.node.down(new Error('reset'));
    };
    say('t', 'a');
    await settle();
    expect(link.stats()).toMatchObject({ state: 'down', published: 0, buffered: 1 });
    broker.onCall = () => undefined;
    broker.takes = Infinity;
    broker.node.up();
    expect(broker.sent.map(words)).toStrictEqual(['t 0: a']);
  });
});

describe('the state', () => {
  it("is told by 'brokerState' and on the channel when it changes", () => {
    const heard = heardOn('hawser.broker.state');
    const { broker, link, server, events } = linked();
    expect(link.stats().state).toBe('down');
    broker.node.up();
    broker.node.up();
    expect([events, link.stats().state]).toStrictEqual([['up'], 'up']);
    const error = new Error('reset');
    broker.node.down(error);
    broker.node.down(new Error('refused'));
    expect([events, link.stats().state]).toStrictEqual([['up', 'down reset'], 'down']);
    broker.node.up();
    expect(events).toStrictEqual(['up', 'down reset', 'up']);
    expect(heard).toStrictEqual([
      { server, state: 'up', error: undefined },
      { server, state: 'down', error },
      { server, state: 'up', error: undefined },
    ]);
  });

  it('may be up from the start', () => {
    const broker = new HandBroker();
    broker.onCall = () => {
      broker.node.up();
    };
    const { link, clock } = linked(undefined, broker);
    clock.advance(5000);
    expect(link.stats()).toMatchObject({ state: 'up', secondsDown: 0, interruptions: 0 });
  });

  it('counts interruptions, and the seconds of them all', () => {
    const { broker, link, clock } = linked();
    const figures = (): [number, number] => {
      const { interruptions, secondsDown } = link.stats();
      return [interruptions, secondsDown];
    };
    expect(figures()).toStrictEqual([0, 0]);
    clock.advance(1500);
    expect(figures()).toStrictEqual([0, 1.5]);
    broker.node.down(new Error('still absent'));
    clock.advance(500);
    broker.node.up();
    clock.advance(60_000);
    broker.node.up();
    expect(figures()).toStrictEqual([0, 2]);
    broker.node.down(new Error('reset'));
    expect(figures()).toStrictEqual([1, 2]);
    clock.advance(250);
    broker.node.down(new Error('refused'));
    expect(figures()).toStrictEqual([1, 2.25]);
    broker.node.up();
    broker.node.down(new Error('reset'));
    clock.advance(1000);
    expect(figures()).toStrictEqual([2, 3.25]);
  });

  it('includes the confirmations: they are gone when it is down, and there again when it is up', async () => {
    const { broker, link } = linked();
    const pending = (): number => link.stats().joinsPending;
    for (const topic of ['t', 'u', 'v']) link.onActive(topic);
    expect(pending()).toBe(3);
    await settle();
    broker.node.joined(['t', 'unknown']);
    broker.node.joined(['t']);
    expect(pending()).toBe(2);
    broker.node.up();
    expect(pending()).toBe(0);
    broker.node.down(new Error('reset'));
    expect(pending()).toBe(3);
    broker.node.joined(['u']);
    expect(pending()).toBe(2);
    broker.node.up();
    expect(pending()).toBe(0);
    link.onActive('w');
    await settle();
    expect(pending()).toBe(1);
    broker.node.up();
    expect(pending()).toBe(0);
  });

  it('does not change with an error, which is told and logged', () => {
    const { broker, link, events, logger } = linked();
    broker.node.up();
    const error = new Error('a command was refused');
    broker.node.error(error);
    expect([events, link.stats().state]).toStrictEqual([
      ['up', 'error a command was refused'],
      'up',
    ]);
    expect(logger.lines).toStrictEqual(['error the broker: a command was refused']);
    expect(logger.causes).toStrictEqual([error]);
  });
});

describe('whenJoined', () => {
  it('waits for the confirmation of the topic', async () => {
    const { broker, link } = linked();
    link.onActive('t');
    link.onActive('u');
    const before = outcomeOf(link.whenJoined('t', undefined));
    await settle();
    const after = outcomeOf(link.whenJoined('t', new AbortController().signal));
    const other = outcomeOf(link.whenJoined('u', undefined));
    broker.node.joined(['unknown']);
    await settle();
    expect([before.now, after.now, other.now]).toStrictEqual(['waits', 'waits', 'waits']);
    broker.node.joined(['t']);
    await settle();
    expect([before.now, after.now, other.now]).toStrictEqual(['joined', 'joined', 'waits']);
    broker.node.up();
    await settle();
    expect(other.now).toBe('joined');
    await expect(link.whenJoined('t', undefined)).resolves.toBeUndefined();
  });

  it('waits again when the broker is down', async () => {
    const { broker, link } = await joinedTo(['t']);
    broker.node.down(new Error('reset'));
    const outcome = outcomeOf(link.whenJoined('t', undefined));
    await settle();
    expect(outcome.now).toBe('waits');
    broker.node.up();
    await settle();
    expect(outcome.now).toBe('joined');
  });

  it('goes on waiting through an interruption', async () => {
    const { broker, link } = linked();
    broker.node.up();
    link.onActive('t');
    const outcome = outcomeOf(link.whenJoined('t', undefined));
    await settle();
    broker.node.down(new Error('reset'));
    await settle();
    expect(outcome.now).toBe('waits');
    broker.node.up();
    await settle();
    expect(outcome.now).toBe('joined');
  });

  it('resolves at once for a topic that comes back within the ten seconds', async () => {
    const { link, clock } = await joinedTo(['t']);
    link.onIdle('t');
    clock.advance(5000);
    link.onActive('t');
    await expect(link.whenJoined('t', undefined)).resolves.toBeUndefined();
  });

  it('rejects when the topic has lost its last subscriber, before or after the tick', async () => {
    const { link } = linked();
    link.onActive('t');
    const before = outcomeOf(link.whenJoined('t', undefined));
    link.onIdle('t');
    link.onActive('t');
    await settle();
    const after = outcomeOf(link.whenJoined('t', undefined));
    link.onIdle('t');
    await settle();
    expect([before.now, after.now]).toStrictEqual(['ERR_NOT_SUBSCRIBED', 'ERR_NOT_SUBSCRIBED']);
  });

  it('rejects with the reason of its signal', async () => {
    const { broker, link } = linked();
    link.onActive('t');
    await settle();
    const controller = new AbortController();
    const aborted = outcomeOf(link.whenJoined('t', controller.signal));
    const other = outcomeOf(link.whenJoined('t', undefined));
    controller.abort(new Error('enough'));
    const already = outcomeOf(link.whenJoined('t', AbortSignal.abort(new Error('before'))));
    await settle();
    expect([aborted.now, other.now, already.now]).toStrictEqual(['enough', 'waits', 'before']);
    broker.node.joined(['t']);
    await settle();
    expect([aborted.now, other.now]).toStrictEqual(['enough', 'joined']);
  });

  it('rejects when the server closes', async () => {
    const { link } = linked();
    link.onActive('t');
    const outcome = outcomeOf(link.whenJoined('t', undefined));
    await link.close();
    await settle();
    expect(outcome.now).toBe('ERR_NOT_SUBSCRIBED');
  });
});

describe('a broker that throws', () => {
  const fail = (method: string, error: unknown = new Error(`${method} failed`)) => {
    return (called: string): void => {
      if (called === method) throw error;
    };
  };

  it('in start makes the constructor throw', () => {
    const broker = new HandBroker();
    broker.onCall = fail('start', new Error('it was started before'));
    expect(() => linked(undefined, broker)).toThrow('it was started before');
  });

  it('in join, leave, publish or close is told, and throws into no other code', async () => {
    const { broker, link, clock, logger, events, say, got } = await joinedTo(['t']);
    broker.onCall = fail('join');
    link.onActive('u');
    say('t', 'a');
    await settle();
    broker.onCall = fail('leave');
    link.onIdle('u');
    clock.advance(10_000);
    broker.onCall = fail('publish');
    say('t', 'b', 'c');
    await settle();
    broker.onCall = () => undefined;
    say('t', 'd');
    await settle();
    broker.node.deliver('t', envelopeOf(['e']));
    broker.onCall = fail('close');
    await link.close();
    const all = ['join', 'leave', 'publish', 'close'].map((method) => `error ${method} failed`);
    expect(events).toStrictEqual(all);
    expect(logger.lines).toStrictEqual(
      all.map((each) => each.replace('error ', 'error the broker: ')),
    );
    expect(broker.sent.map(words)).toStrictEqual(['t 0: a', 't 3: d']);
    expect(got).toStrictEqual(['t e']);
    expect(link.stats()).toMatchObject({ published: 2, bufferDropped: 2, state: 'up' });
  });

  it('in publish has taken nothing: it is kept', async () => {
    const { broker, link, events, say } = await joinedTo([], NO_LIMITS);
    broker.onCall = fail('publish');
    say('t', 'a');
    await settle();
    broker.node.writable();
    expect(events).toStrictEqual(['error publish failed', 'error publish failed']);
    expect(link.stats()).toMatchObject({ published: 0, buffered: 1 });
    broker.onCall = () => undefined;
    broker.node.writable();
    expect(broker.sent.map(words)).toStrictEqual(['t 0: a']);
  });

  it('may throw what is not an error, and reject', async () => {
    const { broker, link, events, logger } = await joinedTo([]);
    broker.onCall = fail('join', 'text');
    link.onActive('t');
    await settle();
    broker.onCall = () => undefined;
    broker.ended = Promise.reject(new Error('rejected'));
    await link.close();
    expect(events).toStrictEqual(['error text', 'error rejected']);
    for (const cause of logger.causes) expect(cause).toBeInstanceOf(Error);
  });
});

describe('stats', () => {
  it('has every figure from the beginning', () => {
    expect(linked().link.stats()).toStrictEqual({
      state: 'down',
      published: 0,
      received: 0,
      lost: 0,
      interruptions: 0,
      secondsDown: 0,
      buffered: 0,
      bufferDropped: 0,
      joinsPending: 0,
      lag: { p50: undefined, p99: undefined },
    });
  });
});

describe('a broker that takes what cannot be', () => {
  it.each([undefined, -1, 2, 0.5, NaN])(
    '%p: the batch counts as not taken, and it is told',
    async (answer) => {
      const { broker, link, events, say } = await joinedTo([]);
      broker.publish = () => answer as number;
      say('t', 'a');
      await settle();
      expect(events).toStrictEqual([
        `error publish took ${answer} of 1 envelopes, which cannot be`,
      ]);
      expect(link.stats()).toMatchObject({ published: 0, bufferDropped: 1 });
    },
  );
});

describe('close', () => {
  it('sends what was gathered, and waits for the end of the broker', async () => {
    const { broker, link, say } = await joinedTo([]);
    const end = deferred<void>();
    broker.ended = end.promise;
    say('t', 'a');
    const closed = outcomeOf(link.close());
    expect(broker.sent.map(words)).toStrictEqual(['t 0: a']);
    await settle();
    expect([broker.calls, closed.now]).toStrictEqual([['close'], 'waits']);
    end.resolve();
    await settle();
    expect(closed.now).toBe('joined');
  });

  it('waits a second for a broker that does not answer', async () => {
    const { broker, link, clock } = await joinedTo([]);
    broker.ended = new Promise(() => undefined);
    const closed = outcomeOf(link.close());
    clock.advance(999);
    await settle();
    expect(closed.now).toBe('waits');
    clock.advance(1);
    await settle();
    expect([closed.now, clock.timers.size]).toStrictEqual(['joined', 0]);
    broker.ended = Promise.resolve(); // the link is closed once more after the test
  });

  it('waits a second for a broker that does not end', async () => {
    const { broker, link, clock, events } = await joinedTo([]);
    const end = deferred<void>();
    broker.ended = end.promise;
    const closed = outcomeOf(link.close());
    clock.advance(999);
    await settle();
    expect(closed.now).toBe('waits');
    clock.advance(1);
    await settle();
    expect(closed.now).toBe('joined');
    end.reject(new Error('too late'));
    await settle();
    expect([events, clock.timers.size]).toStrictEqual([[], 0]);
  });

  it('is the end of messages, events, offers and timers', async () => {
    const { broker, link, clock, got, events, say } = await joinedTo(['t', 'u'], NO_LIMITS);
    link.onIdle('u');
    broker.takes = 0;
    say('t', 'a');
    await settle();
    await link.close();
    broker.takes = Infinity;
    const calls = [...broker.calls];
    const offers = [...broker.offers];
    broker.node.deliver('t', envelopeOf(['a']));
    broker.node.deliver('t', Buffer.alloc(3));
    broker.node.writable();
    broker.node.down(new Error('closed'));
    broker.node.up();
    broker.node.joined(['t']);
    say('t', 'b');
    link.onActive('v');
    await settle();
    clock.advance(60_000);
    expect([got, events, broker.sent, broker.offers]).toStrictEqual([[], [], [], offers]);
    expect([broker.calls, clock.timers.size]).toStrictEqual([calls, 0]);
  });
});

describe('several brokers', () => {
  /** A topic of each broker: `a` of the first, and so on. */
  const [a, b, c] = [0, 1, 2].map((place) => {
    for (let i = 0; ; i++) if (shardOf(`t${i}`, 3) === place) return `t${i}`;
  }) as [string, string, string];

  /** A link on three brokers, with the topics joined. The places are those of the brokers that are up. */
  async function sharded(places: readonly number[], limits?: BrokerBufferLimits) {
    const brokers = [new HandBroker(), new HandBroker(), new HandBroker()];
    const all = linked(limits, brokers[0], shardBroker(brokers));
    for (const topic of [a, b, c]) all.link.onActive(topic);
    await settle();
    for (const place of places) brokers[place]!.node.up();
    /** What each was told, or has sent, since the last call. */
    const calls = (): string[][] => brokers.map((each) => each.calls.splice(0));
    const sent = (): string[][] => brokers.map((each) => each.sent.splice(0).map(words));
    return { ...all, brokers, calls, sent };
  }

  it('each get their own topics and messages', async () => {
    const { calls, sent, say, clock, link, got, brokers } = await sharded([0, 1, 2]);
    expect(calls()).toStrictEqual([[`join ${a}`], [`join ${b}`], [`join ${c}`]]);
    say(a, '1', '2');
    say(c, '3');
    say(a, '4');
    await settle();
    expect(sent()).toStrictEqual([[`${a} 0: 1 2 4`], [], [`${c} 0: 3`]]);
    brokers[1]!.node.deliver(b, envelopeOf(['x']));
    brokers[1]!.node.deliver(a, envelopeOf(['not its topic']));
    expect(got).toStrictEqual([`${b} x`]);
    link.onIdle(b);
    clock.advance(11_000);
    expect(calls()).toStrictEqual([[], [`leave ${b}`], []]);
    expect(link.stats()).toMatchObject({ published: 4, received: 1, state: 'up' });
  });

  it('go on when one is down: only its own topics stop', async () => {
    const { brokers, sent, say, link, got, events } = await sharded([0, 1, 2], NO_LIMITS);
    brokers[1]!.node.down(new Error('reset'));
    say(a, '1');
    say(b, '2');
    say(c, '3');
    await settle();
    say(b, '4');
    say(c, '5');
    await settle();
    expect(sent()).toStrictEqual([[`${a} 0: 1`], [], [`${c} 0: 3`, `${c} 1: 5`]]);
    brokers[2]!.node.deliver(c, envelopeOf(['x']));
    expect(got).toStrictEqual([`${c} x`]);
    expect(link.stats()).toMatchObject({
      state: 'down',
      published: 3,
      buffered: 2,
      bufferDropped: 0,
      joinsPending: 1,
      interruptions: 1,
    });
    await link.whenJoined(a, undefined);
    const joined = outcomeOf(link.whenJoined(b, undefined));
    await settle();
    expect(joined.now).toBe('waits');
    brokers[1]!.node.up();
    await settle();
    expect([joined.now, sent()]).toStrictEqual(['joined', [[], [`${b} 0: 2`, `${b} 1: 4`], []]]);
    expect(events).toStrictEqual(['up', 'down broker 2 of 3: reset', 'up']);
    expect(link.stats()).toMatchObject({ state: 'up', published: 5, buffered: 0, joinsPending: 0 });
  });

  it('may be absent from the start: the topics of the others are joined and delivered', async () => {
    const { brokers, sent, say, link, events } = await sharded([0, 2]);
    brokers[1]!.node.error(new Error('refused'));
    await link.whenJoined(a, undefined);
    await link.whenJoined(c, undefined);
    say(a, '1');
    say(b, '2');
    await settle();
    expect(sent()).toStrictEqual([[`${a} 0: 1`], [], []]);
    expect(link.stats()).toMatchObject({ state: 'down', bufferDropped: 1, interruptions: 0 });
    expect(events).toStrictEqual(['error broker 2 of 3: refused']);
  });

  it('are up together when all are, and their seconds down are counted once', async () => {
    const { brokers, clock, link, events } = await sharded([0, 1, 2]);
    const first = new Error('reset');
    brokers[0]!.node.down(first);
    clock.advance(1000);
    brokers[2]!.node.down(new Error('refused'));
    clock.advance(1000);
    brokers[0]!.node.up();
    clock.advance(1000);
    brokers[2]!.node.up();
    clock.advance(1000);
    expect(events).toStrictEqual([
      'up',
      'down broker 1 of 3: reset',
      'error broker 3 of 3: refused',
      'up',
    ]);
    expect(link.stats()).toMatchObject({ state: 'up', interruptions: 2, secondsDown: 3 });
  });

  it('share the limits of brokerBuffer', async () => {
    const { say, clock, brokers, sent, link } = await sharded([0], {
      ...NO_LIMITS,
      messages: 2,
    });
    for (const topic of [b, c, b]) {
      say(topic, 'x');
      await settle();
      clock.advance(1);
    }
    expect(link.stats()).toMatchObject({ buffered: 2, bufferDropped: 1 });
    brokers[1]!.node.up();
    brokers[2]!.node.up();
    expect(sent()).toStrictEqual([[], [`${b} 1: x`], [`${c} 0: x`]]);
  });

  it('have one limit for a message: that of the smallest', async () => {
    const { brokers, link } = await sharded([]);
    brokers[2]!.maxMessage = 100;
    expect(() => link.check(message('x'.repeat(101)))).toThrow(/the broker takes 100;/);
  });

  it('all end, and each that rejects is told', async () => {
    const { brokers, link, events, calls } = await sharded([0, 1, 2]);
    calls();
    const end = deferred<void>();
    brokers[0]!.ended = Promise.reject(new Error('rejected'));
    brokers[1]!.ended = end.promise;
    const closed = outcomeOf(link.close());
    await settle();
    expect([calls(), closed.now]).toStrictEqual([[['close'], ['close'], ['close']], 'waits']);
    brokers[1]!.node.down(new Error('closed'));
    brokers[2]!.node.down(new Error('closed'));
    end.resolve();
    await settle();
    expect([closed.now, events]).toStrictEqual(['joined', ['up', 'error broker 1 of 3: rejected']]);
    brokers[0]!.ended = Promise.resolve(); // the link is closed once more after the test
  });

  it('that have started are ended when a later one serves another server', async () => {
    const brokers = [new HandBroker(), new HandBroker(), new HandBroker()];
    brokers[0]!.ended = Promise.reject(new Error('rejected'));
    brokers[1]!.onCall = () => {
      throw new Error('it was started before');
    };
    expect(() => linked(undefined, brokers[0], shardBroker(brokers))).toThrow(
      'it was started before',
    );
    await settle();
    expect(brokers.map(({ calls }) => calls)).toStrictEqual([['close'], [], []]);
  });
});
