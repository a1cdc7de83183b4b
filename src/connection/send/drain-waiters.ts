import { abortReason, onAbort } from '../abort-signal.js';

/** The calls of `drained()` of one connection that wait. Made for the first that has to. */
export class DrainWaiters {
  readonly #waiting = new Set<(isBelow: boolean) => void>();

  /**
   * Wait until {@link settle}.
   *
   * @returns rejects with the signal's reason if that aborts first.
   */
  wait(signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const settle = (isBelow: boolean): void => {
        this.#waiting.delete(settle);
        forget?.();
        resolve(isBelow);
      };
      const forget =
        signal &&
        onAbort(signal, () => {
          this.#waiting.delete(settle);
          reject(abortReason(signal));
        });
      this.#waiting.add(settle);
    });
  }

  /** @param isBelow whether less than the high-water mark waits; otherwise the connection has ended. */
  settle(isBelow: boolean): void {
    for (const settle of this.#waiting) settle(isBelow);
  }
}
