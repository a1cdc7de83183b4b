import { Histogram, type Summary } from './histogram.js';

/** The time between two looks, in ms. */
const INTERVAL = 10;

/** How late the timers of this process are: what its own work adds to every figure that it measures. */
export class LoopDelay {
  readonly #delays = new Histogram();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#delays.record(now - last - INTERVAL);
      last = now;
    }, INTERVAL);
  }

  /** Stop looking. @returns the delays; `undefined` if there was no look. */
  stop(): Summary | undefined {
    clearInterval(this.#timer);
    return this.#delays.summary();
  }
}
