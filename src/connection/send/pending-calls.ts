import type { SendCallback } from './send-callbacks.js';

/** Something the application has called: make it now or, with a reason, refuse it. */
export type DeferredCall = (reason?: Error) => void;

interface Waiting {
  readonly bytes: number;
  readonly call: DeferredCall;
}

/**
 * A long message is being compressed on the thread pool. The order of calls is the order on the
 * wire, so what is called meanwhile waits here.
 */
export class PendingCalls {
  /** Bytes of the message, and of all that waits behind it. */
  bytes: number;
  /** The message's. */
  callback: SendCallback | undefined;
  readonly #sendAsItIs: () => void;
  readonly #waiting: Waiting[] = [];

  /** @param sendUncompressed sends the message without compressing it. */
  constructor(bytes: number, sendUncompressed: () => void) {
    this.bytes = bytes;
    this.#sendAsItIs = sendUncompressed;
  }

  /** Let a call wait for the message. */
  wait(bytes: number, call: DeferredCall): void {
    this.#waiting.push({ bytes, call });
    this.bytes += bytes;
  }

  /** Do not wait for the compression. */
  sendAsItIs(): void {
    this.#sendAsItIs();
  }

  /** Nothing of this will be sent, for this reason. */
  discard(reason: Error): void {
    if (this.callback !== undefined) process.nextTick(this.callback, reason);
    for (const { call } of this.#waiting) call(reason);
  }

  /**
   * The message has been sent: make the calls that waited.
   *
   * @param next the lane of a long message among them, if it was one; the rest then waits there.
   */
  resume(next: () => PendingCalls | undefined): void {
    const waiting = this.#waiting;
    let made = 0;
    while (made < waiting.length) {
      waiting[made++]!.call();
      const lane = next();
      if (lane === undefined) continue;
      for (const { bytes, call } of waiting.slice(made)) lane.wait(bytes, call);
      return;
    }
  }
}
