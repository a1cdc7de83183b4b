import { neutral } from '../neutral-context.js';

/**
 * Jobs run at once on zlib's thread pool. Each has a zlib context of up to 300 KiB and its output so
 * far; a thousand connections that send a long message at once must not have a thousand of them.
 */
const AT_ONCE = 4;

/** Something that is done on the thread pool. It calls `done` once. */
type Job = (done: () => void) => void;

/** The long messages of a server, on their way through the thread pool a few at a time. */
export class ThreadPool {
  readonly #waiting: Job[] = [];
  #running = 0;

  /** Jobs that have not begun. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Run a job as soon as it is its turn; perhaps at once. */
  run(job: Job): void {
    if (this.#running === AT_ONCE) {
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
