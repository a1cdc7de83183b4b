import { isObject, show } from '../protocol/option-checks.js';
import { callIsolated } from './call-isolated.js';

/** The callbacks that wait for one signal. */
interface Waiting {
  readonly calls: Set<() => void>;
  /** The only listener on the signal. */
  readonly listener: () => void;
}

/**
 * The signals for which callbacks wait. An application may pass one signal to thousands of calls, and
 * Node warns of more than ten listeners, so each signal gets a single one.
 */
const signals = new WeakMap<AbortSignal, Waiting>();

/** Whether a value can be used as an AbortSignal. A signal of another realm and a polyfill can. */
export function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
  return (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
  );
}

/** @throws TypeError if `signal` is not an AbortSignal. `caller` begins the message. */
export function checkSignal(caller: string, signal: unknown): void {
  if (isAbortSignal(signal)) return;
  const hint =
    isObject(signal) && isAbortSignal(signal['signal']) ? '; pass its signal, not the object' : '';
  throw new TypeError(
    `${caller}: expected signal to be an AbortSignal, got ${show(signal)}${hint}`,
  );
}

/** @returns the error for a call whose signal has aborted. Early polyfills have no `reason`. */
export function abortReason(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  if (reason === undefined) return new DOMException('This operation was aborted', 'AbortError');
  return reason as Error; // usually it is one
}

/**
 * Call `callback` when the signal aborts, which has not aborted yet.
 *
 * @returns a function that stops waiting. The last one removes the listener from the signal.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const { calls } = signals.get(signal) ?? listen(signal);
  // A new function, so that the same callback can wait twice.
  const call = (): void => {
    callback();
  };
  calls.add(call);
  return () => {
    if (calls.delete(call) && calls.size === 0) stop(signal);
  };
}

/**
 * Abort `controller` when the signal aborts or has aborted, with its reason. `AbortSignal.any` would keep an object for each
 * call on a signal that lives on, in Node 20 and 22, and takes no signal of another realm or polyfill.
 *
 * @returns a function that stops that.
 */
export function abortWith(signal: AbortSignal, controller: AbortController): () => void {
  const abort = (): void => {
    controller.abort(abortReason(signal));
  };
  if (!signal.aborted) return onAbort(signal, abort);
  abort();
  return () => undefined;
}

function listen(signal: AbortSignal): Waiting {
  const calls = new Set<() => void>();
  const listener = (): void => {
    stop(signal);
    for (const call of calls) {
      // The others are called even if one throws.
      callIsolated(call);
      calls.delete(call);
    }
  };
  const waiting: Waiting = { calls, listener };
  signals.set(signal, waiting);
  signal.addEventListener('abort', listener);
  return waiting;
}

function stop(signal: AbortSignal): void {
  const waiting = signals.get(signal);
  if (waiting === undefined) return; // the signal has aborted
  signal.removeEventListener('abort', waiting.listener);
  signals.delete(signal);
}
