import { append, emptyRing, isEmpty, type Link, remove } from './ring.js';

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

/** A timer waits at most this long (2^31 - 1 ms); then the rest is waited for anew. */
const MAX_TIMEOUT = 0x7fff_ffff;
/** A timer that is later than this, in milliseconds, comes after the process stood still. */
const LATE = 50;

/** What stands in a queue. */
interface Queued extends Link {
  /** When it expires; milliseconds of the clock. */
  readonly at: number;
  readonly expire: () => void;
}

/** One thing that must happen by a certain time, unless it is stopped or cancelled before. */
export class Deadline implements Queued {
  before: Link | undefined;
  after: Link | undefined;
  at = 0;
  /** How long it runs. */
  readonly milliseconds: number;
  readonly expire: () => void;
  readonly #deadlines: Deadlines;

  constructor(deadlines: Deadlines, milliseconds: number, expire: () => void) {
    this.#deadlines = deadlines;
    this.milliseconds = milliseconds;
    this.expire = expire;
  }

  get isRunning(): boolean {
    return this.after !== undefined;
  }

  /** Let it run anew, from its beginning. It must not be running. */
  restart(): void {
    this.#deadlines.run(this);
  }

  /** It will be started again: the timer is left as it is, and finds nothing due if it comes first. */
  stop(): void {
    remove(this);
  }

  /** It is not needed any more. The timer goes with the last one. */
  cancel(): void {
    remove(this);
    this.#deadlines.tidy(this);
  }
}

/**
 * All the deadlines of a server, on one timer.
 *
 * Deadlines of the same duration expire in the order they were started, so each duration has a
 * queue of its own (a ring through the deadlines: one begins and ends in constant time, without
 * memory) and only the first of each queue matters. A server has a handful of durations: its options.
 *
 * Where the process stood still while time ran out, what peers have sent meanwhile waits in the kernel.
 * It is read first: a peer must not pay for that.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #queues = new Map<number, Link>();
  #timer: unknown;
  #timerAt = Infinity;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Call `expire` once `milliseconds` have passed; never, if that is Infinity. */
  start(milliseconds: number, expire: () => void): Deadline {
    const deadline = new Deadline(this, milliseconds, expire);
    this.run(deadline);
    return deadline;
  }

  /** For the deadline. */
  run(deadline: Deadline): void {
    const { milliseconds } = deadline;
    if (milliseconds === Infinity) return;
    let queue = this.#queues.get(milliseconds);
    if (queue === undefined) this.#queues.set(milliseconds, (queue = emptyRing()));
    deadline.at = this.#clock.now() + milliseconds;
    append(queue, deadline);
    this.#arm(deadline.at);
  }

  /** For the deadline: it has left its queue, perhaps as the last, and may have left others empty by stopping. */
  tidy({ milliseconds }: Deadline): void {
    const queue = this.#queues.get(milliseconds);
    if (queue !== undefined && isEmpty(queue)) this.#queues.delete(milliseconds);
    if (this.#queues.size === 0) this.#disarm();
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
    const late = this.#clock.now() - this.#timerAt;
    this.#disarm();
    if (late < LATE) this.#expireDue();
    else
      setImmediate(() => {
        this.#expireDue();
      }); // behind the reading (libuv's poll phase)
  }

  #expireDue(): void {
    const now = this.#clock.now();
    try {
      for (const queue of this.#queues.values()) {
        for (let first; (first = queue.after!) !== queue && (first as Queued).at <= now;) {
          remove(first);
          (first as Queued).expire();
        }
      }
    } finally {
      // `expire` can reach a listener of the application; one that throws must not keep the
      // others' deadlines from being met.
      this.#goOn();
    }
  }

  /** Set the timer for the first of each queue, and forget the queues that are empty. */
  #goOn(): void {
    for (const [milliseconds, queue] of this.#queues) {
      if (isEmpty(queue)) this.#queues.delete(milliseconds);
      else this.#arm((queue.after as Queued).at);
    }
  }
}
