import { systemClock } from '../../../../src/connection/limits/clock.js';

describe('systemClock', () => {
  it('tells the milliseconds of the process, which never go back', () => {
    const before = performance.now();
    const now = systemClock.now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(performance.now());
  });

  it('calls back once the event loop has polled', async () => {
    const log: string[] = [];
    systemClock.afterPoll!(() => void log.push('polled'));
    await Promise.resolve();
    expect(log).toEqual([]);
    await new Promise(setImmediate);
    expect(log).toEqual(['polled']);
  });

  it('calls back after a time', async () => {
    const alive = setTimeout(() => undefined, 60_000); // the clock's own timers do not keep it so
    const called = await new Promise<string>((resolve) => {
      systemClock.setTimeout(() => {
        resolve('called');
      }, 5);
    });
    clearTimeout(alive);
    expect(called).toBe('called');
  });

  it('does not keep the process alive, and clears its timers', () => {
    const timer = systemClock.setTimeout(() => undefined, 5) as NodeJS.Timeout;
    expect(timer.hasRef()).toBe(false);
    systemClock.clearTimeout(timer);
    expect((timer as unknown as { _destroyed: boolean })._destroyed).toBe(true);
  });
});
