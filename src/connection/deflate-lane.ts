import type { SendCallback } from './send-callbacks.js';

/** Something the application has called while a long message was being compressed. */
interface Call {
  readonly bytes: number;
  /** Make it; with a reason, refuse it. */
  readonly run: (reason?: Error) => void;
}

/**
 * A long message is being compressed on the thread pool. The order of calls is the order on the
 * wire, so what is called meanwhile waits here.
 */
export class DeflateLane {
  /** Bytes of the message, and of all that waits behind it. */
  bytes: number;
  /** The message's. */
  callback: SendCallback | undefined;
  readonly #sendAsItIs: () => void;
  readonly #waiting: Call[] = [];

  /** @param sendAsItIs sends the message without compressing it. */
  constructor(bytes: number, sendAsItIs: () => void) {
    this.bytes = bytes;
    this.#sendAsItIs = sendAsItIs;
  }

  /** Let a call wait for the message. */
  wait(bytes: number, run: Call['run']): void {
    this.#waiting.push({ bytes, run });
    this.bytes += bytes;
  }

  /** Do not wait for the compression. */
  sendAsItIs(): void {
    this.#sendAsItIs();
  }

  /** Nothing of this will be sent, for this reason. */
  discard(reason: Error): void {
    if (this.callback !== undefined) process.nextTick(this.callback, reason);
    for (const { run } of this.#waiting) run(reason);
  }

  /**
   * The message has been sent: make the calls that waited.
   *
   * @param next the lane of a long message among them, if it was one; the rest then waits there.
   */
  leave(next: () => DeflateLane | undefined): void {
    const waiting = this.#waiting;
    let made = 0;
    while (made < waiting.length) {
      waiting[made++]!.run();
      const lane = next();
      if (lane === undefined) continue;
      for (const { bytes, run } of waiting.slice(made)) lane.wait(bytes, run);
      return;
    }
  }
}
