import { show } from '../protocol/option-checks.js';
import type { SendCallback } from '../connection/send/send-callbacks.js';

/**
 * Checks of what programs without types pass. A value that works in ws works here. One that would fail later there, or in
 * a callback of Node's, is a TypeError at the call.
 */

/**
 * The last argument of a call, which may be a callback. As in ws, a value that is falsy counts as left out.
 *
 * @throws TypeError for another value that is not a function.
 */
export function callbackOf<Callback = SendCallback>(
  method: string,
  given: Callback | null | undefined,
): Callback | undefined {
  if (typeof given === 'function') return given;
  if (!given) return undefined;
  throw new TypeError(`${method}: expected the callback to be a function, got ${show(given)}`);
}

/** {@link callbackOf} the last of several arguments of which any may be the callback. @throws TypeError */
export function lastCallback(method: string, ...given: unknown[]): SendCallback | undefined {
  const found = given.find((each) => typeof each === 'function') as SendCallback | undefined;
  return found ?? callbackOf(method, given.at(-1) as SendCallback | undefined);
}

/**
 * An option that is a function. As in ws, a value that is falsy counts as left out.
 *
 * @throws TypeError for another value.
 */
export function functionOf<F>(option: string, given: F | null | undefined): F | undefined {
  if (typeof given === 'function') return given;
  if (!given) return undefined;
  throw new TypeError(`hawser/ws: expected option ${option} to be a function, got ${show(given)}`);
}

/**
 * An option as a number, `NaN` for what has none. Programs pass strings that they have read from the environment.
 *
 * @throws TypeError for a value that JavaScript does not convert.
 */
export function numberOf(option: string, given: unknown): number {
  if (typeof given === 'number') return given;
  try {
    return Number(given);
  } catch (cause) {
    throw new TypeError(`hawser/ws: expected option ${option} to be a number, got ${show(given)}`, {
      cause,
    });
  }
}

/**
 * The time limit of a client's handshake.
 *
 * @throws TypeError, RangeError for what is not a time; Node throws them for its own option.
 */
export function timeoutOf(given: unknown): number | undefined {
  if (given === undefined) return undefined;
  const problem = `hawser/ws: expected option handshakeTimeout to be a number of milliseconds, got ${show(given)}`;
  if (typeof given !== 'number') throw new TypeError(problem);
  if (Number.isNaN(given) || given < 0) throw new RangeError(problem);
  return given;
}
