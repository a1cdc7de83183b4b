import type { Clock } from '../connection/limits/clock.js';
import type { Log } from './logger.js';

/** The milliseconds between two hints. A server without a listener has a cause with every connection. */
const EVERY = 60_000;

/** The hint that messages are discarded because the application does not take them. */
export class UnreadHint {
  readonly #log: Pick<Log, 'hint'>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #waitedMs: number;
  #toldAt = -Infinity;
  /** The connections whose messages were discarded since the last hint. */
  #others = 0;

  /** @param waitedMs milliseconds that the messages have waited. */
  constructor(log: Pick<Log, 'hint'>, clock: Pick<Clock, 'now'>, waitedMs: number) {
    this.#log = log;
    this.#clock = clock;
    this.#waitedMs = waitedMs;
  }

  /** Report that the messages of a connection are discarded. */
  tell(remoteAddress: string | undefined): void {
    const now = this.#clock.now();
    if (now - this.#toldAt < EVERY) {
      this.#others++;
      return;
    }
    this.#toldAt = now;
    const others = this.#others === 0 ? '' : `, as were those of ${this.#others} others`;
    this.#others = 0;
    this.#log.hint(
      `messages of ${remoteAddress ?? 'a connection'} are discarded${others}: they waited ${this.#waitedMs} ms ` +
        `for a consumer; add a 'message' listener or loop over the connection to get them, ` +
        `call pause() to hold them for longer, or resume() to discard them without this hint`,
    );
  }
}
