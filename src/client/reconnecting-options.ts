import type { Clock } from '../connection/limits/clock.js';
import {
  anyFunction,
  byteCount,
  checkOptions,
  isObject,
  milliseconds,
  nonNegativeInteger,
  type Rules,
} from '../protocol/option-checks.js';
import { clockRule } from '../server/options/resolve-options.js';
import { connectionsWith } from './client-connections.js';
import { type ConnectOptions, resolveConnectOptions } from './connect-options.js';
import type { ReconnectFailure } from './retry.js';

/** Options of `reconnecting`. */
export interface ReconnectingOptions {
  /**
   * The options of each `connect`, or a function that makes them, for a fresh token for example. `attempt` is 1 for the
   * first and after each connection that was open for 10 s. If the function fails, so has the attempt.
   * @default none
   */
  readonly connect?:
    | ConnectOptions
    | ((attempt: number, last?: ReconnectFailure) => ConnectOptions | Promise<ConnectOptions>);
  /**
   * The wait before the next attempt, in ms: a random part of `min`, which doubles with each failure up to `max`. It begins
   * again after 10 s with a connection. `Retry-After` is respected up to `max`. No wait is longer than 2^31 - 1 ms, which
   * is 24 days.
   * @default { min: 500, max: 30_000 }
   */
  readonly delay?: { readonly min?: number; readonly max?: number };
  /**
   * Whether to connect again. It answers at once. If it throws, or returns a promise, the client gives up, and the error
   * is an uncaught exception.
   * @default no for the statuses 4xx other than 408, 425 and 429, the close codes 1000, 1002, 1003 and 1007 to 1010, and certificate errors
   */
  readonly retry?: (last: ReconnectFailure) => boolean;
  /** What `send` keeps while there is no connection. Keep `bytes` below `maxBufferedAmount`. @default nothing */
  readonly outbox?: { readonly messages: number; readonly bytes: number };
  /** The source of time for the waits, for tests. @default Node's timers, which keep the process running */
  readonly clock?: Clock;
}

/** Options after the check, with their defaults. */
export interface ResolvedReconnectingOptions extends Pick<
  ReconnectingOptions,
  'connect' | 'retry' | 'outbox' | 'clock'
> {
  readonly delay: { readonly min: number; readonly max: number };
}

const OPTIONS: Rules<ReconnectingOptions> = {
  connect: {
    expected: 'an object with the options of connect, or a function',
    accepts: (value) => isObject(value) || typeof value === 'function',
  },
  delay: { expected: 'an object with min and max', accepts: isObject },
  retry: anyFunction,
  outbox: {
    expected: 'an object with messages and bytes',
    accepts: (value) =>
      isObject(value) && value['messages'] !== undefined && value['bytes'] !== undefined,
  },
  clock: clockRule,
};
const DELAY: Rules<{ min: number; max: number }> = { min: milliseconds, max: milliseconds };
const OUTBOX: Rules<{ messages: number; bytes: number }> = {
  messages: nonNegativeInteger,
  bytes: byteCount,
};

const DEFAULT_DELAY = { min: 500, max: 30_000 };

/**
 * Check the options of `reconnecting`, those of `connect` in it too: later nothing but `'giveUp'` could tell.
 *
 * @throws TypeError with the option, what was expected and what was given.
 */
export function resolveReconnectingOptions(
  options: ReconnectingOptions,
): ResolvedReconnectingOptions {
  const given = checkOptions('reconnecting', options, OPTIONS) as ReconnectingOptions;
  const { connect, outbox } = given;
  if (isObject(connect)) connectionsWith(resolveConnectOptions(connect).connection);
  if (outbox !== undefined) checkOptions('reconnecting', outbox, OUTBOX, 'outbox.');
  return { ...given, delay: resolveDelay(given.delay ?? {}) };
}

/** @throws TypeError for a first wait that is longer than the longest. */
function resolveDelay(options: object): { readonly min: number; readonly max: number } {
  const given = checkOptions('reconnecting', options, DELAY, 'delay.');
  const delay = { ...DEFAULT_DELAY, ...given };
  // Without `min` a small `max` says enough: each wait is up to `max`.
  if (given['min'] !== undefined && delay.min > delay.max) {
    throw new TypeError(
      `reconnecting: option delay.min is ${delay.min} ms, above delay.max of ${delay.max} ms; give a larger max`,
    );
  }
  return delay;
}
