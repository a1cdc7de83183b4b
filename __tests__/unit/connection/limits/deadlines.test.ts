import { AsyncLocalStorage } from 'node:async_hooks';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { HandClock } from '../../../support/connection.js';

let clock: HandClock;
let deadlines: Deadlines;
let log: string[];
const note = (words: string) => () => void log.push(words);

beforeEach(() => {
  clock = new HandClock();
  deadlines = new Deadlines(clock);
  log = [];
});

/** The waits of the timers that are set. */
const waits = (): number[] => [...clock.timers.values()].map(({ wait }) => wait);

describe('Deadlines', () => {
  it('tell the time of their clock', () => {
    clock.advance(5);
    expect(deadlines.now()).toBe(clock.now());
  });

  it('use one timer, however many there are', () => {
    for (let i = 0; i < 1000; i++) deadlines.start(100 + (i % 5), note(`${i}`));
    expect(clock.timers.size).toBe(1);
    expect(waits()).toEqual([100]);
  });

  it('set no timer while none is running', () => {
    expect(clock.timers.size).toBe(0);
    deadlines.start(100, note('done'));
    clock.advance(100);
    expect(log).toEqual(['done']);
    expect(clock.timers.size).toBe(0);
  });

  it('expire at their times and not a millisecond before', () => {
    deadlines.start(300, note('third'));
    deadlines.start(100, note('first'));
    deadlines.start(200, note('second'));
    clock.advance(99);
    expect(log).toEqual([]);
    clock.advance(1);
    expect(log).toEqual(['first']);
    clock.advance(99);
    expect(log).toEqual(['first']);
    clock.advance(101);
    expect(log).toEqual(['first', 'second', 'third']);
  });

  it('expire in the order in which they were started, if their durations are equal', () => {
    deadlines.start(100, note('first'));
    clock.advance(10);
    deadlines.start(100, note('second'));
    clock.advance(90);
    expect(log).toEqual(['first']);
    expect(waits()).toEqual([10]);
    clock.advance(10);
    expect(log).toEqual(['first', 'second']);
  });

  it('move the timer forward for an earlier deadline, and leave it for a later one', () => {
    deadlines.start(100, note('later'));
    deadlines.start(50, note('earlier'));
    expect(waits()).toEqual([50]);
    deadlines.start(70, note('between'));
    expect(waits()).toEqual([50]);
    clock.advance(100);
    expect(log).toEqual(['earlier', 'between', 'later']);
  });

  it('all expire that are due when the timer is late', () => {
    deadlines.start(100, note('a'));
    deadlines.start(200, note('b'));
    clock.time += 250; // the process was busy
    clock.advance(0);
    expect(log).toEqual(['a', 'b']);
  });

  it('never expire after they are cancelled; the last one clears the timer', () => {
    const first = deadlines.start(100, note('first'));
    const second = deadlines.start(100, note('second'));
    const third = deadlines.start(200, note('third'));
    first.cancel();
    expect(clock.timers.size).toBe(1);
    second.cancel();
    expect(clock.timers.size).toBe(1);
    clock.advance(150);
    third.cancel();
    expect(clock.timers.size).toBe(0);
    clock.advance(1000);
    expect(log).toEqual([]);
  });

  it('expire when another of the same duration is cancelled', () => {
    const first = deadlines.start(100, note('first'));
    deadlines.start(100, note('second'));
    first.cancel();
    clock.advance(100);
    expect(log).toEqual(['second']);
  });

  it('can be started after all were cancelled', () => {
    deadlines.start(100, note('cancelled')).cancel();
    deadlines.start(200, note('kept'));
    expect(waits()).toEqual([200]);
    clock.advance(200);
    expect(log).toEqual(['kept']);
  });

  it('can be cancelled twice, and after they expired, without effect', () => {
    const deadline = deadlines.start(100, note('once'));
    clock.advance(100);
    const other = deadlines.start(100, note('other'));
    deadline.cancel();
    deadline.cancel();
    clock.advance(100);
    expect(log).toEqual(['once', 'other']);
    other.cancel();
  });

  it('do not expire if another cancels them at the same moment', () => {
    deadlines.start(100, () => {
      victim.cancel();
    });
    const victim = deadlines.start(100, note('too late'));
    clock.advance(100);
    expect(log).toEqual([]);
  });

  it('can start another when they expire', () => {
    deadlines.start(100, () => deadlines.start(100, note('again')));
    clock.advance(100);
    expect(log).toEqual([]);
    clock.advance(100);
    expect(log).toEqual(['again']);
  });

  describe('that are stopped and restarted', () => {
    it('expire one duration after the last start, on a timer that is set once for each time it fires', () => {
      const timers = jest.spyOn(clock, 'setTimeout');
      const deadline = deadlines.start(100, note('done'));
      for (let i = 0; i < 50; i++) {
        clock.advance(1);
        deadline.stop();
        expect(deadline.isRunning).toBe(false);
        deadline.restart();
        expect(deadline.isRunning).toBe(true);
      }
      expect(timers).toHaveBeenCalledTimes(1);
      clock.advance(99);
      expect(timers).toHaveBeenCalledTimes(2);
      expect(log).toEqual([]);
      clock.advance(1);
      expect(log).toEqual(['done']);
      expect(deadline.isRunning).toBe(false);
    });

    it('expire after those of the same duration that were started meanwhile', () => {
      const first = deadlines.start(100, note('first'));
      deadlines.start(100, note('second'));
      first.stop();
      first.restart();
      clock.advance(100);
      expect(log).toEqual(['second', 'first']);
    });

    it('do not expire while they are stopped, and set no further timer', () => {
      const deadline = deadlines.start(100, note('stopped'));
      deadline.stop();
      deadline.stop();
      expect(clock.timers.size).toBe(1);
      clock.advance(100);
      expect(clock.timers.size).toBe(0);
      deadline.restart();
      expect(waits()).toEqual([100]);
      deadline.cancel();
      expect(clock.timers.size).toBe(0);
      clock.advance(1000);
      expect(log).toEqual([]);
    });

    it('clear the timer when they are cancelled and no other is running', () => {
      const one = deadlines.start(100, note('one'));
      const other = deadlines.start(100, note('other'));
      one.stop();
      other.stop();
      expect(clock.timers.size).toBe(1);
      one.cancel();
      expect(clock.timers.size).toBe(0);
      other.restart();
      one.cancel();
      clock.advance(100);
      expect(log).toEqual(['other']);
    });

    it('can be stopped and restarted while others expire', () => {
      const again: number[] = [];
      const deadline = deadlines.start(100, () => {
        again.push(clock.now());
        deadline.restart();
      });
      deadlines.start(100, () => {
        deadline.stop();
        deadline.restart();
      });
      clock.advance(350);
      expect(again).toEqual([1100, 1200, 1300]);
    });

    it('never expire if their duration is Infinity', () => {
      const never = deadlines.start(Infinity, note('never'));
      never.stop();
      never.restart();
      expect(never.isRunning).toBe(false);
      expect(clock.timers.size).toBe(0);
    });
  });

  it('expire after another of the same duration has thrown, unless they are cancelled meanwhile', () => {
    deadlines.start(100, () => {
      throw new Error('mine');
    });
    const cancelled = deadlines.start(100, note('cancelled'));
    const stopped = deadlines.start(100, note('stopped'));
    deadlines.start(100, note('kept'));
    expect(() => clock.advance(100)).toThrow('mine');
    cancelled.cancel();
    stopped.stop();
    clock.advance(0);
    expect(log).toEqual(['kept']);
  });

  it('never expire if their duration is Infinity, and need no timer', () => {
    const never = deadlines.start(Infinity, note('never'));
    expect(clock.timers.size).toBe(0);
    never.cancel();
    clock.advance(1e9);
    expect(log).toEqual([]);
  });

  it('last at least the millisecond that a Node timer takes, even for zero and less', () => {
    deadlines.start(0, note('zero'));
    deadlines.start(-5, note('less'));
    expect(waits()).toEqual([1]);
    clock.advance(1);
    expect(log).toEqual(['zero', 'less']);
  });

  it('can start another of zero each time, without an endless loop', () => {
    const again = (): void => {
      log.push(`${clock.time}`);
      deadlines.start(0, again);
    };
    deadlines.start(0, again);
    clock.advance(3);
    expect(log).toEqual(['1001', '1002', '1003']);
  });

  it('round a fraction of a millisecond up, so that the timer never fires before the deadline', () => {
    deadlines.start(0.25, note('done'));
    expect(waits()).toEqual([1]);
  });

  it('can be longer than a Node timer: 2^31 ms and more', () => {
    deadlines.start(2 ** 31 + 10, note('25 days'));
    expect(waits()).toEqual([2_147_483_647]);
    clock.advance(2_147_483_647);
    expect(log).toEqual([]);
    expect(waits()).toEqual([11]);
    clock.advance(11);
    expect(log).toEqual(['25 days']);
  });

  it('let the exception of one surface, and the others still expire', () => {
    const fail = (words: string) => () => {
      throw new Error(words);
    };
    deadlines.start(100, note('before'));
    deadlines.start(100, fail('mine'));
    deadlines.start(100, note('between'));
    deadlines.start(100, fail('mine too'));
    deadlines.start(100, note('after'));
    deadlines.start(200, note('much later'));
    expect(() => clock.advance(100)).toThrow('mine');
    expect(log).toEqual(['before']);
    expect(() => clock.advance(0)).toThrow('mine too');
    clock.advance(0);
    expect(log).toEqual(['before', 'between', 'after']);
    clock.advance(100);
    expect(log).toEqual(['before', 'between', 'after', 'much later']);
  });

  it('let the exception of the last one surface, and leave no timer', () => {
    deadlines.start(100, () => {
      throw new Error('mine');
    });
    expect(() => clock.advance(100)).toThrow('mine');
    expect(clock.timers.size).toBe(0);
  });
});

describe('Deadlines that have passed', () => {
  /** Callbacks that wait for the poll. */
  let polls: (() => void)[];
  /** The event loop polls once. */
  const poll = (): void => {
    for (const callback of polls.splice(0)) callback();
  };
  beforeEach(() => {
    polls = [];
    clock.afterPoll = (callback) => void polls.push(callback);
  });

  it.each([0, 1, 20, 10_000])('expire after a poll, if the timer is %d ms late', (late) => {
    const met = deadlines.start(100, note('met'));
    deadlines.start(100, note('expired'));
    clock.time += 100 + late;
    clock.advance(0);
    expect(log).toEqual([]);
    met.cancel(); // the poll has read what it waited for
    poll();
    expect(log).toEqual(['expired']);
  });

  it('expire after a poll of their own if they passed during another one', () => {
    deadlines.start(100, note('first'));
    deadlines.start(150, note('second'));
    clock.advance(100);
    clock.time += 80; // the duration of the poll
    poll();
    expect(log).toEqual(['first']);
    expect(waits()).toEqual([0]);
    clock.advance(0);
    expect(log).toEqual(['first']);
    expect(polls).toHaveLength(1);
    poll();
    expect(log).toEqual(['first', 'second']);
  });

  it('wait for one poll, and no timer is set meanwhile', () => {
    const deadline = deadlines.start(100, note('restarted'));
    deadlines.start(100, note('due'));
    clock.advance(100);
    deadline.stop();
    deadline.restart();
    deadlines.start(5, note('started meanwhile'));
    expect(clock.timers.size).toBe(0);
    expect(polls).toHaveLength(1);
    clock.advance(10);
    poll();
    expect(log).toEqual(['due']);
    expect(clock.timers.size).toBe(1);
    clock.advance(0);
    poll();
    expect(log).toEqual(['due', 'started meanwhile']);
    clock.advance(90);
    poll();
    expect(log).toEqual(['due', 'started meanwhile', 'restarted']);
    expect(clock.timers.size).toBe(0);
  });

  it('can be cancelled during the poll, and others started, which expire', () => {
    const cancelled = deadlines.start(100, note('cancelled'));
    clock.advance(100);
    cancelled.cancel();
    deadlines.start(100, note('other'));
    poll();
    expect(log).toEqual([]);
    expect(waits()).toEqual([100]);
    clock.advance(100);
    poll();
    expect(log).toEqual(['other']);
    expect(clock.timers.size + polls.length).toBe(0);
  });

  it('leave no timer and no poll if all are cancelled during the poll', () => {
    const cancelled = deadlines.start(100, note('cancelled'));
    clock.advance(100);
    cancelled.cancel();
    poll();
    expect(log).toEqual([]);
    expect(clock.timers.size + polls.length).toBe(0);
  });

  it('expire after another poll if one of them throws', () => {
    deadlines.start(100, () => {
      throw new Error('mine');
    });
    deadlines.start(100, note('other'));
    clock.advance(100);
    expect(poll).toThrow('mine');
    expect(log).toEqual([]);
    clock.advance(0);
    poll();
    expect(log).toEqual(['other']);
  });

  it('need no poll if they were stopped before', () => {
    deadlines.start(100, note('stopped')).stop();
    deadlines.start(200, note('later'));
    clock.advance(100);
    expect(polls).toHaveLength(0);
    expect(waits()).toEqual([100]);
  });

  it('expire at once with a clock that has no afterPoll', () => {
    delete clock.afterPoll;
    deadlines.start(100, note('expired'));
    clock.advance(100);
    expect(log).toEqual(['expired']);
  });
});

it('sets its timer outside the async context of the caller, the first time and later', () => {
  const user = new AsyncLocalStorage<string>();
  const stores: unknown[] = [];
  const setTimeout = jest.spyOn(clock, 'setTimeout').mockImplementation((...args) => {
    stores.push(user.getStore());
    return HandClock.prototype.setTimeout.apply(clock, args);
  });
  user.run('ann', () => {
    deadlines.start(10, note('one'));
    deadlines.start(20, note('other'));
    clock.advance(20);
  });
  expect(log).toStrictEqual(['one', 'other']);
  expect(stores).toStrictEqual([undefined, undefined]);
  setTimeout.mockRestore();
});

it('uses the clock of the process by default', async () => {
  const before = performance.now();
  await new Promise<void>((resolve) => {
    new Deadlines().start(5, resolve);
  });
  expect(performance.now()).toBeGreaterThanOrEqual(before + 5);
});
