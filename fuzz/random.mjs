// Whole random numbers with a seed: the same seed gives the same run.
import { seededRandom } from '../__tests__/support/random.cjs';

/** @param {number} seed @returns {(below: number) => number} whole numbers from 0 to `below` - 1 */
export function seeded(seed) {
  const next = seededRandom(seed);
  return (below) => Math.floor(next() * below);
}
