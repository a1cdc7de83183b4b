import { getEventListeners } from 'node:events';
import { DrainWaiters } from '../../../../src/connection/send/drain-waiters.js';

describe('DrainWaiters', () => {
  it.each([true, false])('tells all that wait that it is %s', async (isBelow) => {
    const waiters = new DrainWaiters();
    const both = Promise.all([waiters.wait(undefined), waiters.wait(new AbortController().signal)]);
    waiters.settle(isBelow);
    expect(await both).toEqual([isBelow, isBelow]);
  });

  it('rejects with the reason of a signal, tells only the others, and lets go of the signals', async () => {
    const waiters = new DrainWaiters();
    const [first, second] = [new AbortController(), new AbortController()];
    const aborted = waiters.wait(first.signal);
    const settled = waiters.wait(second.signal);
    first.abort(new Error('no more'));
    await expect(aborted).rejects.toThrow('no more');
    waiters.settle(true);
    expect(await settled).toBe(true);
    expect(getEventListeners(second.signal, 'abort')).toHaveLength(0);
  });
});
