import { LoopDelay } from '../../../../src/cli/load/loop-delay.js';

describe('the delay of the event loop', () => {
  it('is what timers were late', async () => {
    const delay = new LoopDelay();
    const end = performance.now() + 100;
    while (performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(delay.stop()!.max).toBeGreaterThan(80);
  });

  it('is not known without a look', () => {
    expect(new LoopDelay().stop()).toBeUndefined();
  });
});
