import { Schedule } from '../../../../src/cli/load/schedule.js';

describe('a schedule', () => {
  it('has as many messages as the rate has in the time, evenly spread', () => {
    const schedule = new Schedule(4, 1000);
    expect(schedule.total).toBe(4);
    expect([0, 1, 2, 3].map((message) => schedule.plannedAt(message))).toEqual([0, 250, 500, 750]);
  });

  it('lets messages leave when they are due, and all that are late at once', () => {
    const schedule = new Schedule(4, 1000);
    expect(schedule.take(0)).toBe(0);
    expect(schedule.take(249)).toBeUndefined();
    expect(schedule.wait(200)).toBe(50);
    // The process was away for a while. No message is left out.
    expect([schedule.take(600), schedule.take(600), schedule.take(600)]).toEqual([1, 2, undefined]);
    expect(schedule.wait(800)).toBe(0);
    expect(schedule.isDone).toBe(false);
    expect(schedule.take(800)).toBe(3);
    expect(schedule.isDone).toBe(true);
    expect(schedule.taken).toBe(4);
    expect(schedule.take(9000)).toBeUndefined();
  });

  it('may be empty', () => {
    const schedule = new Schedule(0, 1000);
    expect([schedule.total, schedule.isDone, schedule.take(9000)]).toEqual([0, true, undefined]);
  });
});
