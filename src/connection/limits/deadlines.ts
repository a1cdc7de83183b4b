import { neutral } from '../neutral-context.js';
import { append, emptyList, isEmpty, type ListNode, remove } from './linked-list.js';

/** Where time comes from. The default is Node's own; tests inject one that they move by hand. */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /** Call `callback` once, after this time. @returns what `clearTimeout` takes. */
  setTimeout(callback: () => void, milliseconds: number): unknown;
  /** Do not call it after all. */
  clearTimeout(timer: unknown): void;
  /**
   * Call `callback` once, when what has come from peers by now has been read: what is due waits for
   * that. Node's own does it by `setImmediate`.
   * @default at once: a test that moves time by hand sees what has expired
   */
  afterPoll?(callback: () => void): void;
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
  afterPoll: (callback) => {
    setImmediate(callback); // behind libuv's poll phase
  },
};

/** A timer waits at most this long (2^31 - 1 ms); then the rest is waited for anew. */
const MAX_TIMEOUT = 0x7fff_ffff;
/** A deadline runs at least so long, in milliseconds, as a timer does: one that starts itself anew when it expires is no endless loop. */
const MIN_TIMEOUT = 1;

/** What stands in a queue. */
interface Queued extends ListNode {
  /** When it expires; milliseconds of the clock. */
  readonly at: number;
  readonly expire: () => void;
}

/** One thing that must happen by a certain time, unless it is stopped before, to be started anew, or cancelled for good. */
export class Deadline implements Queued {
  prev: ListNode | undefined;
  next: ListNode | undefined;
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
    return this.next !== undefined;
  }

  /** For its owner: let it run anew, from its beginning. It must not be running. */
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
    this.#deadlines.removeIfEmpty(this);
  }
}

/**
 * All the deadlines of a server, on one timer.
 *
 * Deadlines of the same duration expire in the order they were started, so each duration has a
 * queue of its own (a ring through the deadlines: one begins and ends in constant time, without
 * memory) and only the first of each queue matters. A server has a handful of durations: its options.
 *
 * What is due waits until the event loop has read once more: if the process was busy, what peers have
 * sent in time is still with the kernel, and a peer must not pay for that. Only what was due before
 * that reading expires behind it; what became due meanwhile has a reading of its own.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #queues = new Map<number, ListNode>();
  #timer: unknown;
  #timerAt = Infinity;
  /** Something is due and waits for the reading, or is expiring; the timer is set when that is done. */
  #expiring = false;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Milliseconds of the clock. */
  now(): number {
    return this.#clock.now();
  }

  /** Call `expire` once `milliseconds` have passed, at least 1; never, if that is Infinity. */
  start(milliseconds: number, expire: () => void): Deadline {
    const deadline = new Deadline(this, milliseconds, expire);
    this.run(deadline);
    return deadline;
  }

  /** Called by `start` and `Deadline.restart` only. */
  run(deadline: Deadline): void {
    const { milliseconds } = deadline;
    if (milliseconds === Infinity) return;
    let queue = this.#queues.get(milliseconds);
    if (queue === undefined) this.#queues.set(milliseconds, (queue = emptyList()));
    deadline.at = this.#clock.now() + Math.max(milliseconds, MIN_TIMEOUT);
    append(queue, deadline);
    this.#arm(deadline.at);
  }

  /** Called by `Deadline.cancel` only: it has left its queue, perhaps as the last, and may have left others empty by stopping. */
  removeIfEmpty({ milliseconds }: Deadline): void {
    const queue = this.#queues.get(milliseconds);
    if (queue !== undefined && isEmpty(queue)) this.#queues.delete(milliseconds);
    if (this.#queues.size === 0) this.#disarm();
  }

  #arm(at: number): void {
    if (this.#expiring || at >= this.#timerAt) return;
    this.#disarm();
    this.#timerAt = at;
    const wait = Math.min(Math.max(0, Math.ceil(at - this.#clock.now())), MAX_TIMEOUT);
    // The timer is everybody's: it must not keep the async context of the call that needs it first.
    neutral.runInAsyncScope(() => {
      this.#timer = this.#clock.setTimeout(() => {
        this.#sweep();
      }, wait);
    });
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Infinity;
  }

  #sweep(): void {
    this.#disarm();
    const now = this.#clock.now();
    if (!this.#isDue(now)) {
      this.#rearm();
      return;
    }
    this.#expiring = true;
    const expire = (): void => {
      this.#expireDue(now);
    };
    if (this.#clock.afterPoll === undefined) expire();
    else this.#clock.afterPoll(expire);
  }

  #isDue(now: number): boolean {
    for (const queue of this.#queues.values()) {
      if (!isEmpty(queue) && (queue.next as Queued).at <= now) return true;
    }
    return false;
  }

  /** @param now when it was found that something is due, before the reading. */
  #expireDue(now: number): void {
    try {
      for (const queue of this.#queues.values()) {
        for (let first; (first = queue.next!) !== queue && (first as Queued).at <= now;) {
          remove(first);
          (first as Queued).expire();
        }
      }
    } finally {
      // `expire` can reach a listener of the application; one that throws must not keep the
      // others' deadlines from being met.
      this.#expiring = false;
      this.#rearm();
    }
  }

  /** Set the timer for the first of each queue, and forget the queues that are empty. */
  #rearm(): void {
    for (const [milliseconds, queue] of this.#queues) {
      if (isEmpty(queue)) this.#queues.delete(milliseconds);
      else this.#arm((queue.next as Queued).at);
    }
  }
}
