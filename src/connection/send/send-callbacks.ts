import { AsyncResource } from 'node:async_hooks';
import { freeOwn } from '../../protocol/framing/own-memory.js';
import { Fifo } from './fifo.js';

/** Called once the bytes are with the kernel, or with the reason why they never will be. */
export type SendCallback = (error?: Error) => void;

/**
 * The callback, bound to the async context of this call. `callback` may be called much later, where
 * the context is that of another call.
 */
export function bindToCall(callback: SendCallback): SendCallback {
  const call = new AsyncResource('hawser.send');
  return (error) => {
    if (error === undefined) call.runInAsyncScope(callback);
    else call.runInAsyncScope(callback, undefined, error);
  };
}

/** A callback that frees the memory of its message, and then calls the application's. */
export function freeing(bytes: Uint8Array, callback: SendCallback | undefined): SendCallback {
  return (error) => {
    freeOwn(bytes);
    callback?.(error);
  };
}

/** Tell a callback, in a call of its own, why its message is not sent. */
export function rejectCallback(callback: SendCallback, reason: Error): void {
  process.nextTick(callback, reason);
}

/** Call the callbacks from an index on. One that throws does not cost the others theirs. */
function callAll(callbacks: readonly SendCallback[], from: number): void {
  let next = from;
  try {
    while (next < callbacks.length) callbacks[next++]!();
  } finally {
    if (next < callbacks.length) process.nextTick(callAll, callbacks, next);
  }
}

/** The callbacks of one connection's messages, each with the end of its message in the stream. */
export class SendCallbacks {
  #waiting = new Fifo<{ readonly at: number; readonly callback: SendCallback }>();

  /** All have been called. */
  get isEmpty(): boolean {
    return this.#waiting.first === undefined;
  }

  /** @param at bytes of the stream up to the message's end; never less than in the call before. */
  add(at: number, callback: SendCallback): void {
    this.#waiting.push({ at, callback });
  }

  /** The kernel has taken this many bytes of the stream. */
  written(bytes: number): void {
    const due: SendCallback[] = [];
    while (this.#waiting.first !== undefined && this.#waiting.first.at <= bytes) {
      due.push(this.#waiting.take()!.callback);
    }
    if (due.length > 0) process.nextTick(callAll, due, 0);
  }

  /** Bytes after this position in the stream, up to `end`, will never be sent. */
  rejectAfter(position: number, reason: Error, end: number = Infinity): void {
    const kept = new Fifo<{ readonly at: number; readonly callback: SendCallback }>();
    for (let next; (next = this.#waiting.take()) !== undefined;) {
      if (next.at <= position || next.at > end) kept.push(next);
      else rejectCallback(next.callback, reason);
    }
    this.#waiting = kept;
  }
}
