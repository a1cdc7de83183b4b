import { isObject, show } from '../protocol/option-checks.js';
import { callIsolated } from './call-isolated.js';

/** What waits for one signal to abort. */
interface Waiting {
  readonly calls: Set<() => void>;
  /** The one listener on the signal. */
  readonly listener: () => void;
}

/**
 * The signals that something waits for. An application may give one signal to thousands of calls,
 * and Node warns of more than ten listeners: so a signal has one listener, while anything waits.
 */
const signals = new WeakMap<AbortSignal, Waiting>();

/** Whether a value can be used as an AbortSignal; one of another realm and a polyfill can. */
export function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
  return (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
  );
}

/** @throws TypeError for what is not an AbortSignal. */
export function checkSignal(who: string, signal: unknown): void {
  if (isAbortSignal(signal)) return;
  const hint =
    isObject(signal) && isAbortSignal(signal['signal']) ? '; pass its signal, not the object' : '';
  throw new TypeError(`${who}: expected signal to be an AbortSignal, got ${show(signal)}${hint}`);
}

/** What to reject with when a signal has aborted. Polyfills of the first AbortSignal have no `reason`. */
export function abortReason(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  if (reason === undefined) return new DOMException('This operation was aborted', 'AbortError');
  return reason as Error; // mostly it is one
}

/**
 * Call back when a signal aborts that has not aborted yet.
 *
 * @returns stops waiting; when nothing waits any more, no listener is left on the signal.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const { calls } = signals.get(signal) ?? listen(signal);
  // A function of its own, so that the same callback may wait twice.
  const call = (): void => {
    callback();
  };
  calls.add(call);
  return () => {
    if (calls.delete(call) && calls.size === 0) stop(signal);
  };
}

function listen(signal: AbortSignal): Waiting {
  const calls = new Set<() => void>();
  const listener = (): void => {
    stop(signal);
    for (const call of calls) {
      // One that throws must not cost the others theirs.
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
  if (waiting === undefined) return; // it has aborted
  signal.removeEventListener('abort', waiting.listener);
  signals.delete(signal);
}
