// Two measurements side by side, of which only one works at a time. Both have their processes and their
// connections; they take turns in the order A B B A, in parts of a window so short that a machine that
// is busy with something else is as busy for the one as for the other.

const ORDER = [0, 1, 1, 0];

/**
 * @typedef {object} Turn
 * @property {number} parts of a window
 * @property {number} warmUp microseconds of the server's CPU time, at least
 * @property {number} part the same for one part, about
 * @property {<T>(work: () => Promise<T>) => Promise<T>} take work when it is our turn
 */

export class Turns {
  #length;
  #first;
  #taken = 0;
  /** @type {unknown} */
  #failure;
  /** @type {Set<() => void>} */
  #waiting = new Set();

  /**
   * @param {Omit<Turn, 'take'>} length
   * @param {0 | 1} first
   */
  constructor(length, first) {
    this.#length = length;
    this.#first = first;
  }

  /**
   * Both measurements, each with its turns. If one fails, so does the other, and nothing is left running.
   *
   * @template T
   * @param {[(turn: Turn) => Promise<T>, (turn: Turn) => Promise<T>]} measurements
   * @returns {Promise<T[]>}
   */
  async both(measurements) {
    /** @type {T[]} */
    const results = [];
    // The one that works first is also the one whose processes start first.
    const sides = /** @type {const} */ ([this.#first, this.#first === 0 ? 1 : 0]);
    await Promise.all(
      sides.map(async (side) => {
        try {
          results[side] = await measurements[side](this.#turnOf(side));
        } catch (error) {
          this.#failure ??= error;
          this.#wake();
        }
      }),
    );
    if (this.#failure !== undefined) throw this.#failure;
    return results;
  }

  /** @returns {Turn} */
  #turnOf(/** @type {number} */ side) {
    return {
      ...this.#length,
      take: async (work) => {
        while (this.#failure === undefined && this.#next() !== side) {
          await /** @type {Promise<void>} */ (new Promise((resolve) => this.#waiting.add(resolve)));
        }
        if (this.#failure !== undefined) throw this.#failure;
        const result = await work();
        this.#taken++;
        this.#wake();
        return result;
      },
    };
  }

  #next() {
    return (ORDER[this.#taken % ORDER.length] ?? 0) ^ this.#first;
  }

  #wake() {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
