import { AsyncLocalStorage } from 'node:async_hooks';
import { Deadlines, systemClock } from '../../../../src/connection/limits/deadlines.js';
import { HandClock } from '../support.js';

let clock: HandClock;
let deadlines: Deadlines;
let log: string[];
const note = (words: string) => () => void log.push(words);

beforeEach(() => {
  clock = new HandClock();
  deadlines = new Deadlines(clock);
  log = [];
});

/** How long the one timer will wait. */
const waits = (): number[] => [...clock.timers.values()].map(({ wait }) => wait);

describe('Deadlines', () => {
  it('tells the time of its clock', () => {
    clock.advance(5);
    expect(deadlines.now()).toBe(clock.now());
  });

  it('has one timer, however many deadlines there are', () => {
    for (let i = 0; i < 1000; i++) deadlines.start(100 + (i % 5), note(`${i}`));
    expect(clock.timers.size).toBe(1);
    expect(waits()).toEqual([100]);
  });

  it('has no timer while there is nothing to wait for', () => {
    expect(clock.timers.size).toBe(0);
    deadlines.start(100, note('done'));
    clock.advance(100);
    expect(log).toEqual(['done']);
    expect(clock.timers.size).toBe(0);
  });

  it('expires each at its time and not a millisecond before, in the order of the times', () => {
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

  it('expires deadlines of one duration in the order they were started', () => {
    deadlines.start(100, note('first'));
    clock.advance(10);
    deadlines.start(100, note('second'));
    clock.advance(90);
    expect(log).toEqual(['first']);
    expect(waits()).toEqual([10]);
    clock.advance(10);
    expect(log).toEqual(['first', 'second']);
  });

  it('moves its timer forward for an earlier deadline, and leaves it for a later one', () => {
    deadlines.start(100, note('later'));
    deadlines.start(50, note('earlier'));
    expect(waits()).toEqual([50]);
    deadlines.start(70, note('between'));
    expect(waits()).toEqual([50]);
    clock.advance(100);
    expect(log).toEqual(['earlier', 'between', 'later']);
  });

  it('expires all that is due when its timer comes late', () => {
    deadlines.start(100, note('a'));
    deadlines.start(200, note('b'));
    clock.time += 250; // the process was busy
    clock.advance(0);
    expect(log).toEqual(['a', 'b']);
  });

  it('forgets a cancelled deadline, and its timer with the last one', () => {
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

  it('still meets the others of the same duration when one is cancelled', () => {
    const first = deadlines.start(100, note('first'));
    deadlines.start(100, note('second'));
    first.cancel();
    clock.advance(100);
    expect(log).toEqual(['second']);
  });

  it('starts anew after all were cancelled', () => {
    deadlines.start(100, note('cancelled')).cancel();
    deadlines.start(200, note('kept'));
    expect(waits()).toEqual([200]);
    clock.advance(200);
    expect(log).toEqual(['kept']);
  });

  it('does nothing when one is cancelled twice, or after it expired', () => {
    const deadline = deadlines.start(100, note('once'));
    clock.advance(100);
    const other = deadlines.start(100, note('other'));
    deadline.cancel();
    deadline.cancel();
    clock.advance(100);
    expect(log).toEqual(['once', 'other']);
    other.cancel();
  });

  it('does not expire one that another cancels at the same moment', () => {
    deadlines.start(100, () => {
      victim.cancel();
    });
    const victim = deadlines.start(100, note('too late'));
    clock.advance(100);
    expect(log).toEqual([]);
  });

  it('lets an expired deadline start another', () => {
    deadlines.start(100, () => deadlines.start(100, note('again')));
    clock.advance(100);
    expect(log).toEqual([]);
    clock.advance(100);
    expect(log).toEqual(['again']);
  });

  describe('that are stopped and started again', () => {
    it('expire so long after the last start, on a timer that is set once for each time it fires', () => {
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

    it('go behind those of the same duration that were started meanwhile', () => {
      const first = deadlines.start(100, note('first'));
      deadlines.start(100, note('second'));
      first.stop();
      first.restart();
      clock.advance(100);
      expect(log).toEqual(['second', 'first']);
    });

    it('do not expire while they are stopped, and leave no timer behind the one that was set', () => {
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

    it('take the timer with them when they are cancelled, and nothing else is waited for', () => {
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

    it('may do so while others expire, each at its time', () => {
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

    it('are never met if they are of Infinity', () => {
      const never = deadlines.start(Infinity, note('never'));
      never.stop();
      never.restart();
      expect(never.isRunning).toBe(false);
      expect(clock.timers.size).toBe(0);
    });
  });

  it('goes on with the others of an exception’s duration that are not cancelled meanwhile', () => {
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

  it('never expires one of Infinity, and needs no timer for it', () => {
    const never = deadlines.start(Infinity, note('never'));
    expect(clock.timers.size).toBe(0);
    never.cancel();
    clock.advance(1e9);
    expect(log).toEqual([]);
  });

  it('gives one of zero, or of less, the millisecond that a timer takes at least', () => {
    deadlines.start(0, note('zero'));
    deadlines.start(-5, note('less'));
    expect(waits()).toEqual([1]);
    clock.advance(1);
    expect(log).toEqual(['zero', 'less']);
  });

  it('lets one of zero start itself anew without end, each time on another timer', () => {
    const again = (): void => {
      log.push(`${clock.time}`);
      deadlines.start(0, again);
    };
    deadlines.start(0, again);
    clock.advance(3);
    expect(log).toEqual(['1001', '1002', '1003']);
  });

  it('rounds a fraction of a millisecond up, so that the timer never comes before the deadline', () => {
    deadlines.start(0.25, note('done'));
    expect(waits()).toEqual([1]);
  });

  it('waits longer than a timer can: 2^31 ms and more', () => {
    deadlines.start(2 ** 31 + 10, note('25 days'));
    expect(waits()).toEqual([2_147_483_647]);
    clock.advance(2_147_483_647);
    expect(log).toEqual([]);
    expect(waits()).toEqual([11]);
    clock.advance(11);
    expect(log).toEqual(['25 days']);
  });

  it('lets the exception of one surface, and still meets the others’ deadlines', () => {
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

  it('lets the exception of the last one surface, with nothing left to do', () => {
    deadlines.start(100, () => {
      throw new Error('mine');
    });
    expect(() => clock.advance(100)).toThrow('mine');
    expect(clock.timers.size).toBe(0);
  });
});

describe('Deadlines, what is due', () => {
  /** Callbacks that wait for the reading. */
  let readings: (() => void)[];
  /** The event loop has read once. */
  const read = (): void => {
    for (const callback of readings.splice(0)) callback();
  };
  beforeEach(() => {
    readings = [];
    clock.afterPoll = (callback) => void readings.push(callback);
  });

  it.each([0, 1, 20, 10_000])(
    'waits until what has come was read, if its timer is %d ms late',
    (late) => {
      const met = deadlines.start(100, note('met'));
      deadlines.start(100, note('expired'));
      clock.time += 100 + late;
      clock.advance(0);
      expect(log).toEqual([]);
      met.cancel(); // what it waited for was there
      read();
      expect(log).toEqual(['expired']);
    },
  );

  it('is only what was due before the reading; what fell due meanwhile has one of its own', () => {
    deadlines.start(100, note('first'));
    deadlines.start(150, note('second'));
    clock.advance(100);
    clock.time += 80; // so long the reading took
    read();
    expect(log).toEqual(['first']);
    expect(waits()).toEqual([0]);
    clock.advance(0);
    expect(log).toEqual(['first']);
    expect(readings).toHaveLength(1);
    read();
    expect(log).toEqual(['first', 'second']);
  });

  it('waits once, and no timer is set beside it', () => {
    const deadline = deadlines.start(100, note('restarted'));
    deadlines.start(100, note('due'));
    clock.advance(100);
    deadline.stop();
    deadline.restart();
    deadlines.start(5, note('started meanwhile'));
    expect(clock.timers.size).toBe(0);
    expect(readings).toHaveLength(1);
    clock.advance(10);
    read();
    expect(log).toEqual(['due']);
    expect(clock.timers.size).toBe(1);
    clock.advance(0);
    read();
    expect(log).toEqual(['due', 'started meanwhile']);
    clock.advance(90);
    read();
    expect(log).toEqual(['due', 'started meanwhile', 'restarted']);
    expect(clock.timers.size).toBe(0);
  });

  it('may all be cancelled before the reading is over, and others started: they are met', () => {
    const cancelled = deadlines.start(100, note('cancelled'));
    clock.advance(100);
    cancelled.cancel();
    deadlines.start(100, note('other'));
    read();
    expect(log).toEqual([]);
    expect(waits()).toEqual([100]);
    clock.advance(100);
    read();
    expect(log).toEqual(['other']);
    expect(clock.timers.size + readings.length).toBe(0);
  });

  it('leaves nothing behind when all are cancelled before the reading is over', () => {
    const cancelled = deadlines.start(100, note('cancelled'));
    clock.advance(100);
    cancelled.cancel();
    read();
    expect(log).toEqual([]);
    expect(clock.timers.size + readings.length).toBe(0);
  });

  it('goes on behind an exception, after another reading', () => {
    deadlines.start(100, () => {
      throw new Error('mine');
    });
    deadlines.start(100, note('other'));
    clock.advance(100);
    expect(read).toThrow('mine');
    expect(log).toEqual([]);
    clock.advance(0);
    read();
    expect(log).toEqual(['other']);
  });

  it('needs no reading where it was stopped before its time', () => {
    deadlines.start(100, note('stopped')).stop();
    deadlines.start(200, note('later'));
    clock.advance(100);
    expect(readings).toHaveLength(0);
    expect(waits()).toEqual([100]);
  });

  it('happens at once with a clock that does not say when what has come was read', () => {
    delete clock.afterPoll;
    deadlines.start(100, note('expired'));
    clock.advance(100);
    expect(log).toEqual(['expired']);
  });
});

describe('systemClock', () => {
  it('is the default: real time passes', async () => {
    const before = systemClock.now();
    await new Promise<void>((resolve) => {
      new Deadlines().start(5, resolve);
    });
    expect(systemClock.now()).toBeGreaterThanOrEqual(before + 5);
  });

  it('says that what has come was read after a turn of the event loop', async () => {
    systemClock.afterPoll!(note('read'));
    await Promise.resolve();
    expect(log).toEqual([]);
    await new Promise(setImmediate);
    expect(log).toEqual(['read']);
  });

  it('does not keep the process alive for a deadline, and clears its timers', () => {
    const timer = systemClock.setTimeout(note('never'), 5) as NodeJS.Timeout;
    expect(timer.hasRef()).toBe(false);
    systemClock.clearTimeout(timer);
    expect((timer as unknown as { _destroyed: boolean })._destroyed).toBe(true);
  });
});

it('sets its timer in no context of a call that needs it, the first time and again', () => {
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
