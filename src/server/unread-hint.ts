import type { Clock } from '../connection/limits/clock.js';
import type { Log } from './logger.js';

/** There is at most one hint in so many milliseconds: a server that never listens has as many causes as connections. */
const EVERY = 60_000;

/** The hint that a server discards messages because no part of the application takes them. */
export class UnreadHint {
  readonly #log: Pick<Log, 'hint'>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #patience: number;
  #toldAt = -Infinity;
  /** Connections since then. */
  #others = 0;

  /** @param patience milliseconds that the messages have waited. */
  constructor(log: Pick<Log, 'hint'>, clock: Pick<Clock, 'now'>, patience: number) {
    this.#log = log;
    this.#clock = clock;
    this.#patience = patience;
  }

  /** The messages of one more connection are discarded. */
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
      `messages of ${remoteAddress ?? 'a connection'} are discarded${others}: they waited ${this.#patience} ms ` +
        `for a consumer; add a 'message' listener or loop over the connection to get them, ` +
        `call pause() to hold them for longer, or resume() to discard them without this hint`,
    );
  }
}
