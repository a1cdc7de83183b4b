import { AsyncResource } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Deadlines } from '../connection/limits/deadlines.js';
import type { Admitted } from './admission/admission.js';

/** The most bytes that are read from a client before its upgrade is decided. */
const MAX_EARLY_BYTES = 64 * 1024;

/** Why an upgrade came to nothing before `authorize` had answered. */
export type PendingOutcome = 'left' | 'timeout' | 'closing';

/**
 * An admitted upgrade request that is not decided yet. The client's bytes are read meanwhile: only
 * a transport that is read reports that its client has left, and the bytes must not be lost.
 */
export class PendingRequest<Transport extends Duplex = Duplex> {
  /** The async context of the upgrade, in which listeners of `signal` are called. */
  readonly #context = new AsyncResource('hawser.upgrade');
  readonly request: IncomingMessage;
  readonly socket: Transport;
  readonly admitted: Admitted;
  readonly #early: Buffer[];
  #earlyBytes: number;
  #controller: AbortController | undefined;
  #outcome: PendingOutcome | undefined;
  #aborted: Promise<void> | undefined;
  #settle: (() => void) | undefined;
  #answered: Promise<void> | undefined;
  #isAsked = false;

  /** @param first bytes that came with the request. */
  constructor(request: IncomingMessage, socket: Transport, first: Buffer, admitted: Admitted) {
    this.request = request;
    this.socket = socket;
    this.admitted = admitted;
    this.#early = [first];
    this.#earlyBytes = first.length;
  }

  /** Aborts when the client leaves, time is up, or the server closes. Made on first use. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#outcome !== undefined) this.#controller.abort();
    return this.#controller.signal;
  }

  /** Why the upgrade came to nothing; `undefined` while it may still succeed. */
  get outcome(): PendingOutcome | undefined {
    return this.#outcome;
  }

  /** Resolves if the upgrade comes to nothing. */
  get aborted(): Promise<void> {
    if (this.#outcome !== undefined) return Promise.resolve();
    return (this.#aborted ??= new Promise((resolve) => (this.#settle = resolve)));
  }

  /**
   * Resolves when `authorize` has answered, or its time is up. A client that leaves does not end
   * the work that was begun for it, so it does not make room for the next client either.
   */
  get answered(): Promise<void> | undefined {
    return this.#answered;
  }

  /** Whether `authorize` has been called. */
  get isAsked(): boolean {
    return this.#isAsked;
  }

  /** `authorize` is about to be called. */
  markAsked(): void {
    this.#isAsked = true;
  }

  /** Whether it is too late: the transport is gone, or another listener has ended it. */
  isServed(): boolean {
    return !this.socket.writable;
  }

  /** Wait until the request may be answered. @returns `undefined` if that is now. */
  ready(): Promise<void> | undefined {
    return undefined;
  }

  /**
   * Watch the client until {@link release}.
   *
   * @param answer the promise of what `authorize` returned.
   * @param timeout milliseconds.
   */
  watch(answer: Promise<unknown>, deadlines: Deadlines, timeout: number): void {
    this.#answered = new Promise((resolve) => {
      const deadline = deadlines.start(timeout, () => {
        this.abort('timeout');
        resolve();
      });
      const answered = (): void => {
        deadline.cancel();
        resolve();
      };
      answer.then(answered, answered);
    });
    this.socket.on('data', this.#onData).on('end', this.#onGone).on('close', this.#onGone);
    this.socket.resume();
  }

  /** End the upgrade without a connection. The first outcome of several holds. */
  abort(outcome: PendingOutcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#settle?.(); // before the signal, on which `authorize` may reject
    this.#context.runInAsyncScope(() => this.#controller?.abort());
  }

  /** Stop watching the client. @returns the bytes that it has sent; they are not kept. */
  release(): Buffer {
    this.socket.off('data', this.#onData).off('end', this.#onGone).off('close', this.#onGone);
    // Another listener that reads goes on reading.
    if (this.socket.listenerCount('data') === 0) this.socket.pause();
    const early = this.#early.splice(0);
    return early.length === 1 ? early[0]! : Buffer.concat(early);
  }

  /** What is for the connection of bytes that came from the client. */
  protected takeEarly(chunk: Buffer): Buffer {
    return chunk;
  }

  readonly #onData = (chunk: Buffer): void => {
    const early = this.takeEarly(chunk);
    if (early.length === 0) return;
    this.#early.push(early);
    this.#earlyBytes += early.length;
    if (this.#earlyBytes >= MAX_EARLY_BYTES) this.socket.pause();
  };

  readonly #onGone = (): void => {
    this.abort('left');
  };
}
