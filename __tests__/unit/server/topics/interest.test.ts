import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { Interest } from '../../../../src/server/topics/interest.js';
import { HandClock } from '../../../support/connection.js';

let clock: HandClock;
let calls: string[];
let interest: Interest;
beforeEach(() => {
  clock = new HandClock();
  calls = [];
  interest = new Interest(new Deadlines(clock), {
    join: (topics) => calls.push(`join ${topics.join(' ')}`),
    leave: (topics) => calls.push(`${clock.time} leave ${topics.join(' ')}`),
  });
});

/** Topics that the broker knows and has confirmed. */
function joined(...topics: string[]): void {
  for (const topic of topics) interest.add(topic);
  interest.flush();
  interest.confirm(topics);
  calls = [];
}

describe('Interest', () => {
  it('tells of all topics that are new at once, and of each once', () => {
    interest.add('t');
    interest.add('u');
    expect([calls, interest.has('t'), interest.pending]).toStrictEqual([[], false, 2]);
    interest.flush();
    interest.flush();
    expect([calls, interest.has('t'), interest.pending]).toStrictEqual([['join t u'], true, 2]);
    interest.add('t');
    interest.add('v');
    interest.flush();
    expect(calls).toStrictEqual(['join t u', 'join v']);
  });

  it('tells nothing of a topic that comes and goes in a tick', () => {
    for (let i = 0; i < 1000; i++) {
      interest.add('t');
      interest.delete('t');
    }
    interest.flush();
    clock.advance(60_000);
    expect([calls, interest.pending, clock.timers.size]).toStrictEqual([[], 0, 0]);
  });

  it('tells nothing of a topic that goes and comes in a tick', () => {
    joined('t');
    for (let i = 0; i < 1000; i++) {
      interest.delete('t');
      interest.add('t');
    }
    interest.flush();
    clock.advance(60_000);
    expect([calls, interest.has('t'), clock.timers.size]).toStrictEqual([[], true, 0]);
  });

  it('leaves a topic ten seconds after its last subscriber', () => {
    joined('t');
    interest.delete('t');
    clock.advance(9999);
    expect([calls, interest.has('t'), interest.isConfirmed('t')]).toStrictEqual([[], true, true]);
    clock.advance(1);
    expect(calls).toStrictEqual(['11000 leave t']);
    expect([interest.has('t'), interest.isConfirmed('t'), interest.pending]).toStrictEqual([
      false,
      false,
      0,
    ]);
    expect(clock.timers.size).toBe(0);
    interest.add('t');
    interest.flush();
    expect(calls.slice(1)).toStrictEqual(['join t']);
    expect(interest.pending).toBe(1);
    interest.delete('t');
    clock.advance(60_000);
    expect(calls.slice(2)).toStrictEqual(['21000 leave t']);
  });

  it('counts the ten seconds from the last time that a subscriber has gone', () => {
    joined('t');
    interest.delete('t');
    clock.advance(9000);
    interest.add('t');
    interest.delete('t');
    clock.advance(9999);
    expect(calls).toStrictEqual([]);
    clock.advance(1);
    expect(calls).toStrictEqual(['20000 leave t']);
  });

  it('leaves at most once a second, all topics that are due', () => {
    const topics = Array.from({ length: 40 }, (_, index) => `t${index}`);
    joined(...topics);
    for (const topic of topics) {
      interest.delete(topic);
      clock.advance(100);
    }
    clock.advance(60_000);
    expect(calls.flatMap((call) => call.split(' ').slice(2))).toStrictEqual(topics);
    const times = calls.map((call) => Number.parseInt(call, 10));
    expect(times.length).toBeLessThanOrEqual(5);
    for (const [index, time] of times.slice(1).entries()) {
      expect(time - times[index]!).toBeGreaterThanOrEqual(1000);
    }
    // Nothing is late by more than a second.
    for (const [index, call] of calls.entries()) {
      for (const topic of call.split(' ').slice(2)) {
        const since = times[index]! - (1000 + 100 * topics.indexOf(topic));
        expect(since).toBeGreaterThanOrEqual(10_000);
        expect(since).toBeLessThanOrEqual(11_000);
      }
    }
  });

  it('knows what is confirmed: each topic once, and none that it does not want', () => {
    interest.add('t');
    interest.add('u');
    expect(interest.confirm(['t'])).toStrictEqual([]); // the broker was not told yet
    interest.flush();
    expect(interest.confirm(['t', 'unknown'])).toStrictEqual(['t']);
    expect(interest.confirm(['t'])).toStrictEqual([]);
    expect([interest.isConfirmed('t'), interest.isConfirmed('u'), interest.pending]).toStrictEqual([
      true,
      false,
      1,
    ]);
    interest.add('v');
    expect(interest.confirmAll()).toStrictEqual(['u']);
    expect(interest.pending).toBe(1);
  });

  it('has nothing confirmed while the broker is away', () => {
    joined('t', 'u');
    expect(interest.pending).toBe(0);
    interest.unconfirm();
    expect([interest.pending, interest.isConfirmed('t'), interest.has('t')]).toStrictEqual([
      2,
      false,
      true,
    ]);
    expect(interest.confirmAll()).toStrictEqual(['t', 'u']);
    expect(calls).toStrictEqual([]);
  });

  it('takes a confirmation that comes during the call', () => {
    const confirmed: string[] = [];
    const eager = new Interest(new Deadlines(clock), {
      join: (topics) => confirmed.push(...eager.confirm(topics)),
      leave: () => undefined,
    });
    eager.add('t');
    eager.flush();
    expect([confirmed, eager.pending]).toStrictEqual([['t'], 0]);
  });

  it('has no timer when it is closed', () => {
    interest.close();
    joined('t');
    interest.delete('t');
    interest.close();
    clock.advance(60_000);
    expect([calls, clock.timers.size]).toStrictEqual([[], 0]);
  });
});
