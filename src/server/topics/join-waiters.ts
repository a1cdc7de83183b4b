import { abortReason, onAbort } from '../../connection/abort-signal.js';
import { ConnectionError } from '../../connection/close/connection-error.js';

/** A call of `joined` that waits. */
interface Waiter {
  resolve(): void;
  reject(reason: Error): void;
}

/** The calls of `joined` that wait for the broker to confirm a topic. */
export class JoinWaiters {
  readonly #topics = new Map<string, Set<Waiter>>();

  /** Wait for a topic. @returns a promise that rejects with the signal's reason, or when the topic is not wanted any more. */
  wait(topic: string, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(abortReason(signal));
    return new Promise((resolve, reject) => {
      const waiters = this.#topics.get(topic) ?? new Set<Waiter>();
      this.#topics.set(topic, waiters);
      const waiter: Waiter = {
        resolve: () => {
          forget?.();
          resolve();
        },
        reject: (reason) => {
          forget?.();
          reject(reason);
        },
      };
      const forget =
        signal &&
        onAbort(signal, () => {
          waiters.delete(waiter);
          if (waiters.size === 0) this.#topics.delete(topic);
          reject(abortReason(signal));
        });
      waiters.add(waiter);
    });
  }

  /** The broker has confirmed a topic. */
  resolve(topic: string): void {
    for (const waiter of this.#take(topic)) waiter.resolve();
  }

  /** A topic has no subscriber any more. */
  reject(topic: string): void {
    for (const waiter of this.#take(topic)) waiter.reject(notSubscribed(topic));
  }

  /** The server closes. */
  rejectAll(): void {
    for (const topic of [...this.#topics.keys()]) this.reject(topic);
  }

  #take(topic: string): Iterable<Waiter> {
    const waiters = this.#topics.get(topic) ?? [];
    this.#topics.delete(topic);
    return waiters;
  }
}

/** Why `joined` waits for nothing. */
export function notSubscribed(topic: string): ConnectionError {
  const detail = `${JSON.stringify(topic)}; subscribe first`;
  return new ConnectionError('ERR_NOT_SUBSCRIBED', { detail });
}
