import { callIsolated } from '../../../src/connection/call-isolated.js';
import { catchSurfacing, settle } from '../server/harness.js';

describe('throwLater', () => {
  it('runs the code at once', () => {
    const order: string[] = [];
    callIsolated(() => order.push('inside'));
    order.push('after');
    expect(order).toEqual(['inside', 'after']);
  });

  it('lets what it throws surface in a call of its own, as it is', async () => {
    const surfaced = catchSurfacing();
    const mistake = new Error('a listener made a mistake');
    callIsolated(() => {
      throw mistake;
    });
    expect(surfaced).toEqual([]);
    await settle();
    expect(surfaced).toHaveLength(1);
    expect(surfaced[0]).toBe(mistake);
  });
});
