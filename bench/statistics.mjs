import { linearRegression, median, quantile } from 'simple-statistics';
import { seededRandom } from './payloads.mjs';

export { median };

const RESAMPLES = 10_000;
const CONFIDENCE = 0.95;

/**
 * The ratio of two medians with its bootstrap interval.
 *
 * @param {number[]} of one figure a round
 * @param {number[]} to the same rounds
 */
export const ratio = (of, to) => compared(of, to, (one, other) => one / other);

/** The difference likewise. */
export const difference = (/** @type {number[]} */ of, /** @type {number[]} */ to) =>
  compared(of, to, (one, other) => one - other);

/**
 * Two medians compared. Rounds are drawn as pairs: the two sides of
 * one round ran next to each other, on a machine that was equally busy.
 *
 * @param {number[]} of
 * @param {number[]} to
 * @param {(of: number, to: number) => number} compare
 */
function compared(of, to, compare) {
  const random = seededRandom(1);
  const rounds = Math.min(of.length, to.length);
  const drawnRounds = Array.from({ length: RESAMPLES }, () => {
    const drawn = Array.from({ length: rounds }, () => Math.floor(random() * rounds));
    const drawnFrom = (/** @type {number[]} */ side) =>
      median(drawn.map((round) => side[round] ?? NaN));
    return compare(drawnFrom(of), drawnFrom(to));
  });
  const tail = (1 - CONFIDENCE) / 2;
  return {
    measured: compare(median(of), median(to)),
    low: quantile(drawnRounds, tail),
    high: quantile(drawnRounds, 1 - tail),
  };
}

/** How many times `y` doubles when `x` doubles: 1 is linear growth, 0 is none. */
export function logLogSlope(/** @type {{ x: number, y: number }[]} */ points) {
  return linearRegression(points.map(({ x, y }) => [Math.log(x), Math.log(y)])).m;
}
