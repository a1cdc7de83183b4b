// What a well-behaved peer finds out about the messages that come.

/**
 * The numbers of one series, which have to come one after the other: each once, and none left out.
 */
export class Series {
  #next;
  /** @type {Set<number>} */
  #missing = new Set();

  /** @param {number} first the number that comes first */
  constructor(first) {
    this.#next = first;
  }

  /** The number that is to come next. */
  get next() {
    return this.#next;
  }

  /** How many were passed over and have not come. */
  get missing() {
    return this.#missing.size;
  }

  /**
   * @param {number} number
   * @returns {'right' | 'early' | 'late' | 'repeated'} early: others were passed over; late: it was one of those
   */
  take(number) {
    if (number >= this.#next) {
      const early = number > this.#next;
      while (this.#next < number) this.#missing.add(this.#next++);
      this.#next++;
      return early ? 'early' : 'right';
    }
    return this.#missing.delete(number) ? 'late' : 'repeated';
  }
}

/** Durations in buckets that are 5 % wide, so that a million of them take a few hundred numbers. */
export class Durations {
  #counts = /** @type {number[]} */ ([]);
  #total = 0;

  /** @param {number} milliseconds */
  add(milliseconds) {
    const bucket = Math.max(0, Math.ceil(Math.log(milliseconds / 0.01) / Math.log(1.05)));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total++;
  }

  /**
   * @param {number} share from 0 to 1
   * @returns {number | null} milliseconds, the bucket's upper end; `null` without any duration
   */
  quantile(share) {
    let left = share * this.#total;
    for (const [bucket, count = 0] of this.#counts.entries()) {
      left -= count;
      if (left <= 0 && count > 0) return 0.01 * 1.05 ** bucket;
    }
    return null;
  }

  clear() {
    this.#counts = [];
    this.#total = 0;
  }
}
