/**
 * A token bucket: `capacity` tokens may be taken at once, and `perSecond` tokens are added a second.
 *
 * It costs two numbers for each visitor and no timer: the next call computes the tokens that were
 * added meanwhile.
 */
export class TokenBucket {
  #capacity;
  #perSecond;
  #now;
  #tokens;
  #countedAt;

  /** @param {{ capacity: number, perSecond: number, now?: () => number }} options */
  constructor({ capacity, perSecond, now = () => performance.now() }) {
    this.#capacity = capacity;
    this.#perSecond = perSecond;
    this.#now = now;
    this.#tokens = capacity;
    this.#countedAt = now();
  }

  /** Takes one token; `false` if the bucket is empty. */
  take() {
    this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Milliseconds until `take` will succeed. */
  get wait() {
    this.#refill();
    return Math.ceil((Math.max(0, 1 - this.#tokens) / this.#perSecond) * 1000);
  }

  #refill() {
    const now = this.#now();
    const back = ((now - this.#countedAt) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#capacity, this.#tokens + back);
    this.#countedAt = now;
  }
}
