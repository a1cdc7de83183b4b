import { type Job, PendingCalls } from '../../../../src/connection/send/pending-calls.js';

let log: string[];
let calls: PendingCalls;
beforeEach(() => {
  log = [];
  calls = new PendingCalls();
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
    calls.waitAsMessage(3, call('message'));
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
    calls.hurry();
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
    calls.hurry();
    expect(log).toStrictEqual(['first as it is', 'a', 'second as it is']);
    expect(calls.bytes).toBe(31);
  });

  it('lets messages wait for the end of an unfinished one, and frames pass them', () => {
    expect(calls.isUnfinished).toBe(false);
    calls.frameEnds(false);
    calls.frameEnds(true);
    calls.frameEnds(true); // a frame in the middle of it
    expect(calls.isUnfinished).toBe(true);
    calls.waitAsMessage(5, call('a'));
    calls.waitAsMessage(5, call('b'));
    expect(calls.bytes).toBe(10);
    calls.frameEnds(false);
    expect([calls.isUnfinished, calls.bytes]).toStrictEqual([false, 0]);
    expect(log).toStrictEqual(['a', 'b']);
  });

  it('keeps the order of the wire where a message is unfinished after a job', () => {
    const job = calls.begin(100);
    calls.waitAsMessage(1, call('message before'));
    calls.wait(1, call('begin'));
    calls.frameEnds(true);
    calls.waitAsMessage(1, call('message after'));
    calls.wait(1, call('ping'));
    calls.wait(1, call('end'));
    calls.frameEnds(false);
    calls.waitAsMessage(1, call('last'));
    expect(log).toStrictEqual([]);
    calls.finish(job, call('job'));
    expect(log).toStrictEqual([
      ...['job', 'message before', 'begin', 'ping', 'end', 'message after', 'last'],
    ]);
  });

  it('refuses the messages whose turn cannot come, and no others', () => {
    const job = calls.begin(100);
    calls.refuseMessages(new Error('closing'));
    calls.waitAsMessage(1, call('before'));
    calls.frameEnds(true);
    calls.waitAsMessage(1, call('after'));
    calls.refuseMessages(new Error('closing'));
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
      calls.waitAsMessage(1, call('b'));
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
});
