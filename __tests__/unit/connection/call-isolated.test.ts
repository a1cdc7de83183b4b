import { callIsolated } from '../../../src/connection/call-isolated.js';
import { catchSurfacing, settle } from '../../support/server.js';

describe('callIsolated', () => {
  it('calls the code at once', () => {
    const order: string[] = [];
    callIsolated(() => order.push('inside'));
    order.push('after');
    expect(order).toEqual(['inside', 'after']);
  });

  it('rethrows the error in a later tick, unchanged', async () => {
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
