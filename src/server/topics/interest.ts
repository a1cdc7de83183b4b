import type { Deadline, Deadlines } from '../../connection/limits/deadlines.js';

/** Milliseconds for which a topic is kept after its last subscriber left, in case one reconnects. */
const GRACE = 10_000;
/** Milliseconds between two checks for topics that can be left. */
const LEAVE_INTERVAL = 1000;

/** Learns which topics this node wants. */
interface InterestOwner {
  /** The topics that are new after a tick; not one that was added and removed again. */
  join(topics: readonly string[]): void;
  leave(topics: readonly string[]): void;
}

/**
 * Which topics this node wants from the broker: those with a subscriber, and those that lost their last one
 * less than ten seconds ago. New topics are reported once a tick, topics to leave at most once a second.
 */
export class Interest {
  readonly #deadlines: Deadlines;
  readonly #owner: InterestOwner;
  /** Topics that were reported. */
  readonly #joined = new Set<string>();
  /** Topics that became wanted in this tick. */
  readonly #new = new Set<string>();
  /** Topics without a subscriber, and when they are left. */
  readonly #leaving = new Map<string, number>();
  /** Topics that the broker has confirmed. */
  readonly #confirmed = new Set<string>();
  #timer: Deadline | undefined;

  constructor(deadlines: Deadlines, owner: InterestOwner) {
    this.#deadlines = deadlines;
    this.#owner = owner;
  }

  /** Topics that the broker has not confirmed. */
  get pending(): number {
    return this.#joined.size + this.#new.size - this.#confirmed.size;
  }

  /** Whether messages of a topic are wanted. */
  has(topic: string): boolean {
    return this.#joined.has(topic);
  }

  isConfirmed(topic: string): boolean {
    return this.#confirmed.has(topic);
  }

  /** A topic has its first subscriber. */
  add(topic: string): void {
    if (this.#leaving.delete(topic) || this.#joined.has(topic)) return;
    this.#new.add(topic);
  }

  /** A topic has lost its last subscriber. */
  delete(topic: string): void {
    if (this.#new.delete(topic)) return; // the broker never knew
    this.#leaving.set(topic, this.#deadlines.now() + GRACE);
    this.#timer ??= this.#deadlines.start(LEAVE_INTERVAL, () => {
      this.#leaveDue();
    });
  }

  /** Report the new topics. */
  flush(): void {
    if (this.#new.size === 0) return;
    const topics = [...this.#new];
    this.#new.clear();
    for (const topic of topics) this.#joined.add(topic);
    this.#owner.join(topics);
  }

  /** The broker delivers these topics. @returns those that were not confirmed before. */
  confirm(topics: Iterable<string>): string[] {
    const confirmed = [...topics].filter(
      (topic) => this.#joined.has(topic) && !this.#confirmed.has(topic),
    );
    for (const topic of confirmed) this.#confirmed.add(topic);
    return confirmed;
  }

  /** The broker delivers all topics that it was told of. */
  confirmAll(): string[] {
    return this.confirm(this.#joined);
  }

  /** The broker delivers nothing any more. */
  unconfirm(): void {
    this.#confirmed.clear();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #leaveDue(): void {
    const now = this.#deadlines.now();
    const topics: string[] = [];
    for (const [topic, dueAt] of this.#leaving) if (dueAt <= now) topics.push(topic);
    for (const topic of topics) {
      this.#leaving.delete(topic);
      this.#joined.delete(topic);
      this.#confirmed.delete(topic);
    }
    this.#timer = undefined;
    if (this.#leaving.size > 0) {
      this.#timer = this.#deadlines.start(LEAVE_INTERVAL, () => {
        this.#leaveDue();
      });
    }
    if (topics.length > 0) this.#owner.leave(topics);
  }
}
