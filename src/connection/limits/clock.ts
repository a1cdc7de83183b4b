/** A source of time. The default is Node's own; tests pass one that they advance by hand. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /** Call `callback` once, after this time. @returns the timer, for `clearTimeout`. */
  setTimeout(callback: () => void, milliseconds: number): unknown;
  /** Cancel a timer. */
  clearTimeout(timer: unknown): void;
  /**
   * Call `callback` once, after the event loop has read what peers have sent by now: a deadline
   * that has passed waits for that. Node's own clock uses `setImmediate`.
   * @default at once: a test that advances time by hand sees what has expired
   */
  afterPoll?(callback: () => void): void;
}

/** The clock of the process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, milliseconds) => {
    // A deadline does not keep the process alive: the socket that it guards does.
    return setTimeout(callback, milliseconds).unref();
  },
  clearTimeout: (timer) => {
    clearTimeout(timer as NodeJS.Timeout);
  },
  afterPoll: (callback) => {
    setImmediate(callback); // after libuv's poll phase
  },
};
