// Random choices that can be repeated: the same seed gives the same choices.
import { seededRandom } from '../../__tests__/support/random.cjs';

/** Random numbers from 0 up to 1, and choices made with them. */
export class Random {
  /** A number from 0 up to 1. */
  next;

  /** @param {number} seed */
  constructor(seed) {
    this.next = seededRandom(seed);
  }

  /**
   * A whole number.
   *
   * @param {number} from
   * @param {number} to included
   */
  between(from, to) {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  /**
   * @template T
   * @param {readonly T[]} choices
   * @returns {T}
   */
  of(choices) {
    return /** @type {T} */ (choices[this.between(0, choices.length - 1)]);
  }

  /** @param {number} length */
  bytes(length) {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at++) bytes[at] = this.next() * 256;
    return bytes;
  }
}
