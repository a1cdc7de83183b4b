import { neutral } from '../neutral-context.js';
import { type Clock, systemClock } from './clock.js';
import { append, emptyList, isEmpty, type ListNode, remove } from './linked-list.js';

/** The longest wait of a Node timer (2^31 - 1 ms); a longer deadline takes several. */
const MAX_TIMEOUT = 0x7fff_ffff;
/**
 * The shortest deadline, in milliseconds, as for a Node timer: one that restarts itself when it
 * expires is not an endless loop.
 */
const MIN_TIMEOUT = 1;

/** A member of a queue. */
interface Queued extends ListNode {
  /** The time when it expires, in milliseconds of the clock. */
  readonly at: number;
  readonly expire: () => void;
}

/** A function that is called after a time, unless the deadline is stopped (to be restarted) or cancelled before. */
export class Deadline implements Queued {
  prev: ListNode | undefined;
  next: ListNode | undefined;
  at = 0;
  /** Its duration. */
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

  /** Start it again, for its whole duration. It must not be running. */
  restart(): void {
    this.#deadlines.run(this);
  }

  /**
   * Stop it, to be restarted later. The timer stays set: a deadline that stops and restarts for each
   * message must not set a timer each time. A timer that finds nothing due does nothing.
   */
  stop(): void {
    remove(this);
  }

  /** Stop it for good. The timer is cleared with the last deadline. */
  cancel(): void {
    remove(this);
    this.#deadlines.removeIfEmpty(this);
  }
}

/**
 * All the deadlines of a server, on one timer.
 *
 * Deadlines of the same duration expire in the order in which they were started. Each duration
 * therefore has a queue, and only the first deadline of each queue matters. A queue is a linked list
 * of the deadlines themselves: starting and stopping take constant time and no memory. A server has
 * a handful of durations: its options.
 *
 * A deadline that has passed expires only after the event loop has polled once more. If the process
 * was busy, what peers have sent in time is still in the kernel, and a peer must not pay for that.
 * Only deadlines that had passed before the poll expire after it; those that pass during it wait for
 * another poll.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #queues = new Map<number, ListNode>();
  #timer: unknown;
  #timerAt = Infinity;
  /** Whether deadlines wait for the poll or are expiring now. The timer is set after that. */
  #expiring = false;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** The clock's time, in milliseconds. */
  now(): number {
    return this.#clock.now();
  }

  /** Call `expire` after `milliseconds`, at least 1; never, if that is Infinity. */
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

  /**
   * Called by `Deadline.cancel` only. Its queue may be empty now; others may be because their
   * deadlines were stopped.
   */
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
    // All deadlines share the timer: it must not keep the async context of the call that sets it.
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

  /** @param now the time before the poll: what had passed by then expires. */
  #expireDue(now: number): void {
    try {
      for (const queue of this.#queues.values()) {
        for (let first; (first = queue.next!) !== queue && (first as Queued).at <= now;) {
          remove(first);
          (first as Queued).expire();
        }
      }
    } finally {
      // `expire` can call a listener of the application. If that throws, the other deadlines
      // still expire.
      this.#expiring = false;
      this.#rearm();
    }
  }

  /** Set the timer for the first deadline of all queues, and remove the empty queues. */
  #rearm(): void {
    for (const [milliseconds, queue] of this.#queues) {
      if (isEmpty(queue)) this.#queues.delete(milliseconds);
      else this.#arm((queue.next as Queued).at);
    }
  }
}
