import { Fifo } from './fifo.js';
import { refuse, type SendCallback } from './send-callbacks.js';

/** A call of the application that waits: make it now or, with a reason, refuse it. */
export type DeferredCall = (reason?: Error) => void;

interface Waiting {
  readonly bytes: number;
  readonly call: DeferredCall;
}

/** A message that is not ready to be sent: it is being compressed on the thread pool, or read from a Blob. */
export interface Job {
  readonly bytes: number;
  /** Sends the message as it is; `undefined` where only the end of the job makes that possible. */
  readonly sendNow: (() => void) | undefined;
  /** The message's. */
  callback: SendCallback | undefined;
}

/**
 * The calls of one connection that wait, in the order in which their frames go out. They wait for a
 * {@link Job}; messages wait for the end of a message that `sendFrame` left unfinished, too. Made for
 * the first call that has to wait.
 */
export class PendingCalls {
  /** Bytes of the job's message and of all the calls that wait. */
  bytes = 0;
  /** The closing handshake is over but for what waits here; then the socket is ended. */
  ending = false;
  #job: Job | undefined;
  #calls: Fifo<Waiting> | undefined;
  /** Messages that wait for the end of the unfinished message; all of `#calls` comes before them. */
  #messages: Fifo<Waiting> | undefined;

  /** The message that all calls wait for. */
  get job(): Job | undefined {
    return this.#job;
  }

  /** After all the calls that wait, a message is unfinished: only its further frames can follow. */
  get isUnfinished(): boolean {
    return this.#messages !== undefined;
  }

  /** A message needs time. What is called meanwhile has to {@link wait}. */
  begin(bytes: number, sendNow?: () => void): Job {
    const job: Job = { bytes, sendNow, callback: undefined };
    this.#job = job;
    this.bytes += bytes;
    return job;
  }

  /**
   * Send the message that a job was about, and make the calls that waited for it.
   *
   * @param send sends it; not called if the job was finished or discarded before.
   */
  finish(job: Job, send: () => void): void {
    if (this.#job !== job) return;
    this.#job = undefined;
    this.bytes -= job.bytes;
    send();
    this.#makeCalls();
  }

  /** Send what can be sent without waiting for the end of its job. */
  hurry(): void {
    while (this.#job?.sendNow !== undefined) this.finish(this.#job, this.#job.sendNow);
  }

  /** Let a frame wait for the job. */
  wait(bytes: number, call: DeferredCall): void {
    (this.#calls ??= new Fifo()).push({ bytes, call });
    this.bytes += bytes;
  }

  /** Let a message wait: for the job, and for the end of a message that is unfinished. */
  waitAsMessage(bytes: number, call: DeferredCall): void {
    (this.#messages ?? (this.#calls ??= new Fifo())).push({ bytes, call });
    this.bytes += bytes;
  }

  /** A frame that was sent, or that waits, leaves its message unfinished, or finishes it. */
  frameEnds(isUnfinished: boolean): void {
    if (isUnfinished) {
      this.#messages ??= new Fifo();
      return;
    }
    const messages = this.#messages;
    this.#messages = undefined;
    if (messages === undefined) return;
    for (let each; (each = messages.take()) !== undefined;) {
      (this.#calls ??= new Fifo()).push(each);
    }
    this.#makeCalls();
  }

  /** Refuse the messages that wait for the end of one that is unfinished: it will not be finished. */
  refuseMessages(reason: Error): void {
    const messages = this.#messages;
    this.#messages = undefined;
    for (let each; (each = messages?.take()) !== undefined;) {
      this.bytes -= each.bytes;
      each.call(reason);
    }
  }

  /** Refuse the message and all the calls, for this reason. */
  discard(reason: Error): void {
    const job = this.#job;
    const calls = this.#calls;
    this.#job = this.#calls = undefined;
    if (job?.callback !== undefined) refuse(job.callback, reason);
    for (let each; (each = calls?.take()) !== undefined;) each.call(reason);
    this.refuseMessages(reason);
    this.bytes = 0;
  }

  /** Make the calls that wait, up to one that begins a job. */
  #makeCalls(): void {
    while (this.#job === undefined) {
      const next = this.#calls?.take();
      if (next === undefined) {
        this.#calls = undefined;
        return;
      }
      this.bytes -= next.bytes;
      next.call();
    }
  }
}
