/** Where time comes from. The default is Node's own; tests inject one that they move by hand. */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /** Call `callback` once, after this time. @returns what `clearTimeout` takes. */
  setTimeout(callback: () => void, milliseconds: number): unknown;
  /** Do not call it after all. */
  clearTimeout(timer: unknown): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, milliseconds) => {
    // A deadline alone is no reason for the process to stay alive: the socket it guards is.
    return setTimeout(callback, milliseconds).unref();
  },
  clearTimeout: (timer) => {
    clearTimeout(timer as NodeJS.Timeout);
  },
};

/** One thing that must happen by a certain time, unless it is cancelled. */
export interface Deadline {
  cancel(): void;
}

interface Entry {
  readonly at: number;
  /** `undefined` once cancelled. */
  expire: (() => void) | undefined;
}

/** A timer waits at most this long (2^31 - 1 ms); then the rest is waited for anew. */
const MAX_TIMEOUT = 0x7fff_ffff;

/**
 * All the deadlines of a server, on one timer.
 *
 * Deadlines of the same duration expire in the order they were started, so each duration has a
 * queue of its own (a `Set` keeps its order and forgets an entry in constant time) and only the
 * first of each queue matters. A server has a handful of durations: its options.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #queues = new Map<number, Set<Entry>>();
  #timer: unknown;
  #timerAt = Infinity;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Call `expire` once `milliseconds` have passed; never, if that is Infinity. */
  start(milliseconds: number, expire: () => void): Deadline {
    if (milliseconds === Infinity) return { cancel: () => undefined };
    let queue = this.#queues.get(milliseconds);
    if (queue === undefined) this.#queues.set(milliseconds, (queue = new Set()));
    const entry: Entry = { at: this.#clock.now() + milliseconds, expire };
    queue.add(entry);
    this.#arm(entry.at);
    return {
      cancel: () => {
        entry.expire = undefined;
        // The timer is left as it is, unless it is the last: it finds nothing due and goes on.
        if (!queue.delete(entry) || queue.size > 0) return;
        this.#queues.delete(milliseconds);
        if (this.#queues.size === 0) this.#disarm();
      },
    };
  }

  #arm(at: number): void {
    if (at >= this.#timerAt) return;
    this.#disarm();
    this.#timerAt = at;
    const wait = Math.min(Math.max(0, Math.ceil(at - this.#clock.now())), MAX_TIMEOUT);
    this.#timer = this.#clock.setTimeout(() => {
      this.#sweep();
    }, wait);
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Infinity;
  }

  #sweep(): void {
    this.#disarm();
    const now = this.#clock.now();
    const due: Entry[] = [];
    for (const [milliseconds, queue] of this.#queues) {
      for (const entry of queue) {
        if (entry.at > now) {
          this.#arm(entry.at);
          break;
        }
        queue.delete(entry);
        due.push(entry);
      }
      if (queue.size === 0) this.#queues.delete(milliseconds);
    }
    this.#expire(due, 0);
  }

  #expire(due: readonly Entry[], from: number): void {
    let next = from;
    try {
      while (next < due.length) due[next++]!.expire?.();
    } finally {
      // `expire` can reach a listener of the application; one that throws must not keep the
      // others' deadlines from being met.
      if (next < due.length) {
        const rest = next;
        this.#clock.setTimeout(() => {
          this.#expire(due, rest);
        }, 0);
      }
    }
  }
}
