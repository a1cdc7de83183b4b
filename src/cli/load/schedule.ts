/**
 * When each message is to leave. It does not depend on the answers: an open loop. A generator that waits for a slow answer
 * before it sends again leaves the worst moments out of its figures ("coordinated omission"), so latencies count from
 * the planned time.
 */
export class Schedule {
  /** The number of messages. */
  readonly total: number;
  readonly #interval: number;
  #taken = 0;

  /** @param rate messages per second. @param time for how long, in ms. */
  constructor(rate: number, time: number) {
    this.#interval = 1000 / rate;
    this.total = Math.round((rate * time) / 1000);
  }

  /** How many messages have been taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Whether all messages have been taken. */
  get isDone(): boolean {
    return this.#taken === this.total;
  }

  /** When a message is to leave, in ms from the start. */
  plannedAt(message: number): number {
    return message * this.#interval;
  }

  /** Take the next message if it is due. @returns its number; `undefined` if none is due. */
  take(elapsed: number): number | undefined {
    if (this.isDone || this.plannedAt(this.#taken) > elapsed) return undefined;
    return this.#taken++;
  }

  /** Milliseconds until the next message is due. */
  wait(elapsed: number): number {
    return Math.max(0, this.plannedAt(this.#taken) - elapsed);
  }
}
