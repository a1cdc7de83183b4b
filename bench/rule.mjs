// The rule of `--against`: which rows are compared, and when one of them passes.
import { median, pairedRatio } from './statistics.mjs';

/** The interval is at most this wide before a row is judged. */
export const WIDEST = 0.08;
/** A row passes if its interval begins at or below this. */
export const HIGHEST = 1.03;

/** The two that are compared, as peers are named. */
export const NOW = 'hawser';
export const THEN = 'hawser-then';

/** The rows that no change may make worse. */
export const ROWS = [
  'echo-64-text',
  'echo-64-binary',
  'echo-4k',
  'echo-64k',
  'echo-64k-unicode',
  'echo-1m-binary',
  'echo-1m-string',
  'pipelined-64-text',
  'pipelined-64-binary',
  'stream',
  'broadcast-16',
  'idle',
];

/**
 * @typedef {object} Measured
 * @property {string} name
 * @property {{ now: number, then: number }[]} pairs a pair for each round
 * @property {string[]} errors of rounds that did not come to an end
 */

/**
 * How a row stands.
 *
 * @param {Measured} row
 */
export function verdictOf({ name, pairs, errors }) {
  const row = { name, rounds: pairs.length, errors };
  if (pairs.length === 0) {
    return { ...row, now: NaN, then: NaN, measured: NaN, low: NaN, high: NaN, narrow: false };
  }
  const now = pairs.map((pair) => pair.now);
  const then = pairs.map((pair) => pair.then);
  const compared = pairedRatio(now, then);
  const narrow = compared.high - compared.low <= WIDEST;
  return { ...row, now: median(now), then: median(then), ...compared, narrow };
}
