import { Histogram } from '../../../../src/cli/load/histogram.js';

describe('a histogram', () => {
  it('has percentiles that are exact to three digits', () => {
    const histogram = new Histogram();
    for (let i = 1; i <= 1000; i++) histogram.record(i);
    const summary = histogram.summary()!;
    expect(summary.count).toBe(1000);
    const rows = [
      [summary.p50, 500],
      [summary.p90, 900],
      [summary.p99, 990],
      [summary['p99.9'], 999],
      [summary.max, 1000],
    ] as const;
    for (const [value, exact] of rows) expect(Math.abs(value - exact)).toBeLessThan(exact / 500);
  });

  it('takes any duration', () => {
    const histogram = new Histogram();
    expect(histogram.summary()).toBeUndefined();
    // A timer may be early.
    histogram.record(-1);
    histogram.record(1e12);
    const { count, p50, max } = histogram.summary()!;
    expect({ count, p50 }).toEqual({ count: 2, p50: 0.001 });
    expect(Math.round(max / 3_600_000)).toBe(1);
  });
});
