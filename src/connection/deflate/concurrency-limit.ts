import { neutral } from '../neutral-context.js';

/**
 * Jobs in progress at a time. Each has a zlib context of up to 300 KiB and its output so far; a thousand
 * connections that send a long message at the same time must not have a thousand of them.
 */
const MAX_JOBS = 4;

/** The work on one long message. It calls `done` once. */
type Job = (done: () => void) => void;

/** Limits how many long messages of a server are compressed or decompressed at a time. */
export class ConcurrencyLimit {
  readonly #waiting: Job[] = [];
  #running = 0;

  /** Jobs that have not begun. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Run a job immediately if fewer than four are in progress, and otherwise in its turn. */
  run(job: Job): void {
    if (this.#running === MAX_JOBS) {
      this.#waiting.push(job);
      return;
    }
    this.#running++;
    // One job begins where another ends; that must not be in the async context of the other.
    neutral.runInAsyncScope(job, undefined, () => {
      this.#running--;
      const next = this.#waiting.shift();
      if (next !== undefined) this.run(next);
    });
  }
}
