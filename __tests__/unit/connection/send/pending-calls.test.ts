import type { Account } from '../../../../src/connection/limits/buffer-budget.js';
import {
  checkOrder,
  type Job,
  PendingCalls,
  type StreamCall,
} from '../../../../src/connection/send/pending-calls.js';

let log: string[];
let calls: PendingCalls;
/** What the account holds. */
let held: Buffer[];
/** What `takes` answers, one after the other; then `true`. */
let room: boolean[];
/** What `takes` was asked. */
let asked: number[];
const account = {
  hold: (buffer: Buffer) => held.push(buffer),
  release: (buffer: Buffer) => held.splice(held.indexOf(buffer), 1),
} as unknown as Account;
beforeEach(() => {
  log = [];
  held = [];
  room = [];
  asked = [];
  calls = new PendingCalls({
    account,
    takes: (bytes) => {
      asked.push(bytes);
      return room.shift() ?? true;
    },
  });
});
/** A call that writes its name down, and the reason if it is refused. */
const call =
  (name: string) =>
  (reason?: Error): void =>
    void log.push(reason === undefined ? name : `${name}: ${reason.message}`);

describe('PendingCalls', () => {
  it('counts the message of the job and the calls that wait for it', () => {
    const job = calls.begin(100);
    expect([calls.bytes, calls.job]).toStrictEqual([100, job]);
    calls.wait(7, call('frame'));
    calls.waitAsMessage({ bytes: 3, call: call('message') });
    expect(calls.bytes).toBe(110);
    expect(log).toStrictEqual([]);
    calls.finish(job, call('job'));
    expect([calls.bytes, calls.job]).toStrictEqual([0, undefined]);
  });

  it('makes the calls in order once the message of the job is sent', () => {
    const job = calls.begin(100);
    for (const name of 'abc') calls.wait(1, call(name));
    calls.finish(job, call('job'));
    expect(log).toStrictEqual(['job', 'a', 'b', 'c']);
    calls.finish(job, call('not a second time'));
    calls.flushUncompressed();
    expect(log).toHaveLength(4);
  });

  it('stops at a call that begins a job of its own', () => {
    const first = calls.begin(100);
    let second: Job | undefined;
    calls.wait(1, call('a'));
    calls.wait(200, () => (second = calls.begin(200)));
    calls.wait(2, call('b'));
    calls.wait(3, call('c'));
    calls.finish(first, call('first'));
    expect(log).toStrictEqual(['first', 'a']);
    expect(calls.bytes).toBe(205);
    calls.finish(second!, call('second'));
    expect(log).toStrictEqual(['first', 'a', 'second', 'b', 'c']);
  });

  it('does not wait for jobs whose messages can be sent as they are', () => {
    calls.begin(100, call('first as it is'));
    calls.wait(1, call('a'));
    calls.wait(1, () => calls.begin(50, call('second as it is')));
    calls.wait(1, () => calls.begin(30));
    calls.wait(1, call('b'));
    calls.flushUncompressed();
    expect(log).toStrictEqual(['first as it is', 'a', 'second as it is']);
    expect(calls.bytes).toBe(31);
  });

  it('lets messages wait for the end of an unfinished one, and frames pass them', () => {
    expect(calls.isUnfinished).toBe(false);
    calls.frameEnds(false);
    calls.frameEnds(true);
    calls.frameEnds(true); // a frame in the middle of it
    expect(calls.isUnfinished).toBe(true);
    calls.waitAsMessage({ bytes: 5, call: call('a') });
    calls.waitAsMessage({ bytes: 5, call: call('b') });
    expect(calls.bytes).toBe(10);
    calls.frameEnds(false);
    expect([calls.isUnfinished, calls.bytes]).toStrictEqual([false, 0]);
    expect(log).toStrictEqual(['a', 'b']);
  });

  it('keeps the order of the wire where a message is unfinished after a job', () => {
    const job = calls.begin(100);
    calls.waitAsMessage({ bytes: 1, call: call('message before') });
    calls.wait(1, call('begin'));
    calls.frameEnds(true);
    calls.waitAsMessage({ bytes: 1, call: call('message after') });
    calls.wait(1, call('ping'));
    calls.wait(1, call('end'));
    calls.frameEnds(false);
    calls.waitAsMessage({ bytes: 1, call: call('last') });
    expect(log).toStrictEqual([]);
    calls.finish(job, call('job'));
    expect(log).toStrictEqual([
      ...['job', 'message before', 'begin', 'ping', 'end', 'message after', 'last'],
    ]);
  });

  it('refuses the messages whose turn cannot come, and no others', () => {
    const job = calls.begin(100);
    calls.rejectMessages(new Error('closing'));
    calls.waitAsMessage({ bytes: 1, call: call('before') });
    calls.frameEnds(true);
    calls.waitAsMessage({ bytes: 1, call: call('after') });
    calls.rejectMessages(new Error('closing'));
    expect(calls.bytes).toBe(101);
    calls.finish(job, call('job'));
    expect(log).toStrictEqual(['after: closing', 'job', 'before']);
  });

  it('refuses the message of the job and all calls, when nothing is sent any more', async () => {
    const reason = new Error('too slow');
    calls.discard(reason);
    for (const callback of [undefined, call('job')]) {
      const job = calls.begin(100);
      job.callback = callback;
      calls.wait(1, call('a'));
      calls.frameEnds(true);
      calls.waitAsMessage({ bytes: 1, call: call('b') });
      calls.discard(reason);
      calls.finish(job, call('not sent'));
      expect([calls.bytes, calls.job, calls.isUnfinished]).toStrictEqual([0, undefined, false]);
    }
    await new Promise(setImmediate);
    expect(log).toStrictEqual([
      ...['a: too slow', 'b: too slow', 'a: too slow', 'b: too slow'],
      'job: too slow', // a user's callback is called in a tick of its own
    ]);
  });

  it('charges the memory of a message while it waits', () => {
    const [one, two] = [Buffer.alloc(1), Buffer.alloc(2)];
    const job = calls.begin(100);
    calls.waitAsMessage({ bytes: 1, call: call('one'), buffer: one });
    calls.frameEnds(true);
    calls.waitAsMessage({ bytes: 2, call: call('two'), buffer: two });
    expect(held).toStrictEqual([one, two]);
    calls.rejectMessages(new Error('closing'));
    expect(held).toStrictEqual([one]);
    calls.finish(job, call('job'));
    expect(held).toStrictEqual([]);
    calls.begin(1);
    calls.waitAsMessage({ bytes: 1, call: call('three'), buffer: one });
    calls.discard(new Error('too slow'));
    expect(held).toStrictEqual([]);
  });

  it('charges nothing without a budget', () => {
    calls = new PendingCalls({ account: undefined, takes: () => true });
    const job = calls.begin(1);
    calls.waitAsMessage({ bytes: 1, call: call('a'), buffer: Buffer.alloc(1) });
    calls.finish(job, call('job'));
    expect(log).toStrictEqual(['job', 'a']);
  });
});

describe('PendingCalls with keys', () => {
  const replaced = 'a newer message with the same key took the place of this one';
  const wait = (name: string, key?: string, topic?: string, bytes = 1): boolean =>
    calls.waitAsMessage({ bytes, call: call(name), key, topic, buffer: Buffer.alloc(bytes) });

  it('gives a newer message the place of the older one with the same key', () => {
    const job = calls.begin(100);
    expect(wait('price 1', 'price', undefined, 10)).toBe(false);
    expect(wait('size 1', 'size')).toBe(false);
    expect(calls.olderThan(undefined, 'price')?.bytes).toBe(10);
    expect(wait('price 2', 'price', undefined, 30)).toBe(true);
    expect(calls.bytes).toBe(131);
    expect(held.map(({ length }) => length)).toStrictEqual([1, 30]);
    calls.finish(job, call('job'));
    expect(log).toStrictEqual([`price 1: ${replaced}`, 'job', 'price 2', 'size 1']);
    expect([calls.bytes, held]).toStrictEqual([0, []]);
  });

  it('distinguishes the keys of topics, and of what is sent', () => {
    calls.begin(100);
    expect(wait('sent', 'k')).toBe(false);
    expect(wait('in a', 'k', 'a')).toBe(false);
    expect(wait('in b', 'k', 'b')).toBe(false);
    expect(wait('in a again', 'k', 'a')).toBe(true);
    expect(log).toStrictEqual([`in a: ${replaced}`]);
  });

  it('lets nothing overtake a message without a key that was sent to the connection', () => {
    calls.begin(100);
    wait('sent 1', 'k');
    wait('published 1', 'k', 'a');
    wait('no key');
    expect(wait('sent 2', 'k')).toBe(false);
    expect(wait('published 2', 'k', 'a')).toBe(false);
    expect(wait('published 3', 'k', 'a')).toBe(true); // they wait again
    expect(log).toStrictEqual([`published 2: ${replaced}`]);
  });

  it('lets nothing of a topic overtake a message without a key that was published to it', () => {
    calls.begin(100);
    wait('a 1', 'k', 'a');
    wait('b 1', 'k', 'b');
    wait('a without', undefined, 'a');
    expect(wait('a 2', 'k', 'a')).toBe(false);
    expect(wait('b 2', 'k', 'b')).toBe(true);
  });

  it('lets nothing overtake a frame that the sender names as a fence', () => {
    calls.begin(100);
    wait('1', 'k');
    calls.fence(undefined);
    expect(wait('2', 'k')).toBe(false);
  });

  it('makes calls only as the transport takes them, once there is a key', () => {
    const job = calls.begin(100);
    calls.wait(5, call('frame'));
    wait('a', 'a', undefined, 6);
    wait('b', undefined, 'another topic', 7);
    room = [true, false];
    calls.finish(job, call('job'));
    expect([log, asked]).toStrictEqual([
      ['job', 'frame'],
      [5, 6],
    ]);
    expect(calls.areWaiting).toBe(true);
    expect(wait('a 2', 'a', undefined, 60)).toBe(true); // it still waits
    calls.makeCalls();
    expect(log).toStrictEqual(['job', 'frame', `a: ${replaced}`, 'a 2', 'b']);
    expect(asked).toStrictEqual([5, 6, 60, 7]);
    expect([calls.areWaiting, calls.bytes]).toStrictEqual([false, 0]);
    const later = calls.begin(1);
    calls.wait(8, call('without a key'));
    calls.finish(later, call('later'));
    expect(asked).toHaveLength(4); // that is over
  });

  it('keeps to that while messages wait for the end of an unfinished one', () => {
    calls.frameEnds(true);
    wait('a', 'a');
    calls.makeCalls();
    expect(wait('b', 'a')).toBe(true);
    room = [false];
    calls.frameEnds(false);
    expect(log).toStrictEqual([`a: ${replaced}`]);
    expect(wait('c', 'a')).toBe(true);
    calls.makeCalls();
    expect(log.at(-1)).toBe('c');
  });

  it('waits for the transport no more, when no newer message can come', () => {
    room = [false];
    const job = calls.begin(100);
    wait('a', 'a');
    wait('b', 'b');
    calls.finish(job, call('job'));
    calls.stopReplacing();
    expect(log).toStrictEqual(['job', 'a', 'b']);
    expect(asked).toHaveLength(1);
  });

  it('makes no call that was discarded because the write before it failed', () => {
    calls = new PendingCalls({
      account,
      takes: () => {
        calls.discard(new Error('detached'));
        return true;
      },
    });
    const job = calls.begin(100);
    wait('a', 'a');
    calls.finish(job, call('job'));
    expect(log).toStrictEqual(['job', 'a: detached']);
  });
});

describe('PendingCalls, messages that are sent in parts', () => {
  /** A message in parts that writes down what it is told. */
  const stream = (name: string, isBegun = true): StreamCall => ({
    isBegun,
    begin: () => log.push(`begin ${name}`),
    othersWait: () => log.push(`others wait for ${name}`),
    end: ({ message }) => log.push(`end ${name}: ${message}`),
  });
  const message = (name: string): unknown => calls.waitAsMessage({ bytes: 1, call: call(name) });

  it('begins the first at once, and the others in their turn', () => {
    const [one, two] = [stream('one'), stream('two')];
    expect(calls.isStreaming).toBe(false);
    calls.addStream(one);
    expect([calls.isStreaming, calls.isUnfinished, calls.areHeld]).toStrictEqual([
      true,
      true,
      false,
    ]);
    calls.addStream(two);
    message('m');
    expect(calls.areHeld).toBe(true);
    calls.endStream(one);
    expect(calls.isStreaming).toBe(true);
    calls.endStream(two);
    expect(log).toStrictEqual([
      'begin one',
      'others wait for one',
      'others wait for one',
      'begin two',
      'm',
    ]);
    expect([calls.isStreaming, calls.isUnfinished, calls.bytes]).toStrictEqual([false, false, 0]);
  });

  it('waits for a job; then control frames go on, and messages wait again', () => {
    const job = calls.begin(100);
    const one = stream('one');
    calls.addStream(one);
    expect(calls.isStreaming).toBe(true);
    message('m');
    calls.wait(2, call('ping'), true);
    calls.finish(job, call('job'));
    expect(log).toStrictEqual(['job', 'ping', 'begin one']);
    expect(calls.bytes).toBe(1);
    calls.endStream(one);
    expect(log.at(-1)).toBe('m');
  });

  it('waits for an unfinished message of sendFrame, which may go on', () => {
    calls.frameEnds(true);
    calls.addStream(stream('one'));
    expect(calls.isStreaming).toBe(false);
    calls.frameEnds(false);
    expect(log).toStrictEqual(['begin one']);
  });

  it('passes over one that ended while it waited', () => {
    const [one, two] = [stream('one'), stream('two')];
    calls.addStream(one);
    calls.addStream(two);
    message('m');
    calls.endStream(two);
    calls.endStream(one);
    expect(log.slice(-2)).toStrictEqual(['others wait for one', 'm']);
  });

  it('ends all, and sends nothing after one that was begun', () => {
    calls.addStream(stream('one'));
    calls.addStream(stream('two'));
    message('m');
    log = [];
    calls.endStreams(new Error('closed'));
    expect(log).toStrictEqual(['end one: closed', 'end two: closed']);
    calls.endStream(stream('other'));
    expect(calls.areHeld).toBe(true);
    calls.rejectMessages(new Error('closed'));
    expect(log.slice(2)).toStrictEqual(['end two: closed', 'm: closed']); // it knows already
  });

  it('ends all, and sends what comes after one that was not begun', () => {
    calls.addStream(stream('one', false));
    calls.addStream(stream('two', false));
    message('m');
    log = [];
    calls.endStreams(new Error('closed'));
    expect(log).toStrictEqual(['end one: closed', 'end two: closed', 'm']);
  });

  it('discards them with the rest', () => {
    calls.endStreams(new Error('nothing to end'));
    const job = calls.begin(100);
    calls.addStream(stream('one', false));
    message('m');
    calls.discard(new Error('lost'));
    calls.finish(job, call('job'));
    expect(log).toStrictEqual(['end one: lost', 'm: lost', 'end one: lost']);
    expect(calls.bytes).toBe(0);
  });
});

describe('checkOrder', () => {
  const STREAM = 'sendFrame: a message of sendStream is not finished; wait for its promise';
  const NOTHING = 'sendFrame: there is no unfinished message to continue';
  const UNFINISHED =
    'sendFrame: the message that an earlier sendFrame left unfinished must be finished first';

  it('lets a frame begin a message after a whole one, and continue one that is unfinished', () => {
    const refused = (isContinuation: boolean, given: PendingCalls | undefined = calls): string => {
      try {
        checkOrder(given, isContinuation);
        return '';
      } catch (error) {
        return `${(error as Error).name}: ${(error as Error).message}`;
      }
    };
    expect([refused(false, undefined), refused(true, undefined)]).toStrictEqual([
      '',
      `RangeError: ${NOTHING}`,
    ]);
    expect([refused(false), refused(true)]).toStrictEqual(['', `RangeError: ${NOTHING}`]);
    calls.frameEnds(true);
    expect([refused(false), refused(true)]).toStrictEqual([`RangeError: ${UNFINISHED}`, '']);
    calls.frameEnds(false);
    expect(refused(false)).toBe('');
    const streaming = { isStreaming: true, isUnfinished: true } as unknown as PendingCalls;
    expect([refused(false, streaming), refused(true, streaming)]).toStrictEqual([
      `RangeError: ${STREAM}`,
      `RangeError: ${STREAM}`,
    ]);
  });
});
