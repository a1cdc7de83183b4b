import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** The percentiles of some durations, in ms. */
export interface Summary {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly 'p99.9': number;
  readonly max: number;
}

/** An hour, in µs. */
const HIGHEST = 3_600_000_000;

/** Durations by their frequency: any number of them takes the same memory, and a percentile is exact to three digits. */
export class Histogram {
  readonly #microseconds: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: HIGHEST,
    figures: 3,
  });

  /** Add a duration in ms, from 1 µs to an hour; what is beyond counts as the nearest. */
  record(milliseconds: number): void {
    const microseconds = Math.round(milliseconds * 1000);
    this.#microseconds.record(Math.min(Math.max(microseconds, 1), HIGHEST));
  }

  /** The percentiles so far; `undefined` without any duration. */
  summary(): Summary | undefined {
    const { count, max } = this.#microseconds;
    if (count === 0) return undefined;
    const at = (percent: number): number => this.#microseconds.percentile(percent) / 1000;
    return {
      count,
      p50: at(50),
      p90: at(90),
      p99: at(99),
      'p99.9': at(99.9),
      max: max / 1000,
    };
  }
}
