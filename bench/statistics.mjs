import { linearRegression, mean, median, quantile } from 'simple-statistics';
import { seededRandom } from '../__tests__/support/random.cjs';

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

/** Of the lowest and of the highest, this part is left out of a mean. */
const TRIMMED = 0.2;

/**
 * The mean of the ratios of pairs, with its bootstrap interval. Where the two sides of a pair are measured
 * side by side, most of the noise is common to both and is not in their ratio: it is much narrower than
 * the ratio of two medians. The mean is a geometric one, without the outermost pairs.
 *
 * @param {number[]} of
 * @param {number[]} to
 */
export function pairedRatio(of, to) {
  const random = seededRandom(1);
  const logs = of.map((value, at) => Math.log(value / (to[at] ?? NaN)));
  const drawn = Array.from({ length: RESAMPLES }, () =>
    trimmedMean(logs.map(() => logs[Math.floor(random() * logs.length)] ?? NaN)),
  );
  const tail = (1 - CONFIDENCE) / 2;
  return {
    measured: Math.exp(trimmedMean(logs)),
    low: Math.exp(quantile(drawn, tail)),
    high: Math.exp(quantile(drawn, 1 - tail)),
  };
}

function trimmedMean(/** @type {number[]} */ values) {
  const left = Math.floor(values.length * TRIMMED);
  return mean([...values].sort((a, b) => a - b).slice(left, values.length - left));
}

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

/** How many times `y` doubles when `x` doubles: 1 is linear growth, 0 means no growth. */
export function logLogSlope(/** @type {{ x: number, y: number }[]} */ points) {
  return linearRegression(points.map(({ x, y }) => [Math.log(x), Math.log(y)])).m;
}
