import {
  SharedLimits,
  isSharedLimits,
  sharesOf,
} from '../../../../src/server/admission/shared-limits.js';

describe('SharedLimits', () => {
  it('keeps its limits, and no budget of bytes unless there is a limit of them', () => {
    expect(sharesOf(new SharedLimits({ maxConnections: 5 }))).toMatchObject({
      maxConnections: 5,
      budget: undefined,
    });
    const shares = sharesOf(new SharedLimits({ maxTotalBuffered: 5, maxConnectionsPerAddress: 1 }));
    expect(shares.maxConnections).toBe(Infinity);
    expect(shares.budget?.total).toBe(0);
    shares.addresses.add('192.0.2.1');
    expect(shares.addresses.isFull('192.0.2.1')).toBe(true);
  });

  it('has the number of connections', () => {
    const limits = new SharedLimits({ maxConnections: 5 });
    sharesOf(limits).addresses.add(undefined);
    expect(limits.connections).toBe(1);
  });

  it.each<[unknown, string]>([
    [undefined, 'SharedLimits: expected options to be an object, got undefined (undefined)'],
    [
      {},
      'SharedLimits: expected at least one of maxConnections, maxConnectionsPerAddress, maxTotalBuffered',
    ],
    [{ maxConnections: undefined }, 'SharedLimits: expected at least one of maxConnections'],
    [
      { maxConections: 1 },
      'SharedLimits: unknown option maxConections (got 1 (number)); did you mean maxConnections?',
    ],
    [
      { maxPendingUpgrades: 1 },
      'SharedLimits: unknown option maxPendingUpgrades (got 1 (number)); expected one of maxConnections, maxConnectionsPerAddress, maxTotalBuffered',
    ],
    [
      { maxConnections: -1 },
      'SharedLimits: expected option maxConnections to be a whole number from 0, or Infinity, got -1 (number)',
    ],
    [
      { maxTotalBuffered: 0 },
      'SharedLimits: expected option maxTotalBuffered to be a number of bytes above 0, or Infinity, got 0 (number)',
    ],
  ])('rejects %p', (options, message) => {
    const make = (): unknown => new SharedLimits(options as object);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });
});

it('recognizes a SharedLimits', () => {
  const values = [new SharedLimits({ maxConnections: 1 }), { maxConnections: 1 }, null, 5];
  expect(values.map(isSharedLimits)).toEqual([true, false, false, false]);
});
