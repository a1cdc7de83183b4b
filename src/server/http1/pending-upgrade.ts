import { AsyncResource } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { Deadlines } from '../../connection/limits/deadlines.js';
import type { UpgradeBody } from './upgrade-body.js';

/** Bytes read from a client whose upgrade is still being decided. */
const MAX_EARLY_BYTES = 64 * 1024;

/** Why an upgrade came to nothing before `authorize` had answered. */
export type PendingOutcome = 'left' | 'timeout' | 'closing';

/**
 * An upgrade that `authorize` is still thinking about. The client's bytes are read meanwhile: only
 * so can it be noticed that the client left, and what it sent early is not lost.
 */
export class PendingUpgrade {
  /** Of the call that asked for the upgrade: listeners of `signal` are called in it. */
  readonly #context = new AsyncResource('hawser.upgrade');
  readonly #socket: Duplex;
  readonly #early: Buffer[];
  #earlyBytes: number;
  #controller: AbortController | undefined;
  #outcome: PendingOutcome | undefined;
  #undone: Promise<void> | undefined;
  #settle: (() => void) | undefined;
  #answered: Promise<void> | undefined;
  readonly #body: UpgradeBody | undefined;
  /**
   * How much had been written to the transport when `authorize` was asked; `undefined` before that.
   * What is more was written by another listener, which has served the request then.
   */
  writtenBefore: number | undefined;

  /** @param body the chunked body that comes before the first frame; an empty one, or there is no upgrade. */
  constructor(socket: Duplex, head: Buffer, body?: UpgradeBody) {
    this.#socket = socket;
    this.#body = body;
    const first = body === undefined ? head : body.take(head);
    this.#early = [first];
    this.#earlyBytes = first.length;
  }

  /** Aborts when the client leaves, time is up, or the server closes. Made when first asked for. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#outcome !== undefined) this.#controller.abort();
    return this.#controller.signal;
  }

  /** Why the upgrade came to nothing; `undefined` as long as it may still succeed. */
  get outcome(): PendingOutcome | undefined {
    return this.#outcome;
  }

  /** Resolves if the upgrade comes to nothing. */
  get undone(): Promise<void> {
    if (this.#outcome !== undefined) return Promise.resolve();
    return (this.#undone ??= new Promise((resolve) => (this.#settle = resolve)));
  }

  /**
   * Resolves when `authorize` has answered, or has had its time. A client that leaves does not end
   * what was begun for it; so it does not make room for the next one either.
   */
  get answered(): Promise<void> | undefined {
    return this.#answered;
  }

  /**
   * Watch the client until {@link release}.
   *
   * @param answer what `authorize` will answer.
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
    this.#socket.on('data', this.#onData).on('end', this.#onGone).on('close', this.#onGone);
    this.#socket.resume();
  }

  abort(outcome: PendingOutcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#settle?.(); // before `authorize`, which may reject when its signal aborts, is heard
    this.#context.runInAsyncScope(() => this.#controller?.abort());
  }

  /** Stop watching the client. @returns what it has sent so far; nothing of that is kept. */
  release(): Buffer {
    this.#socket.off('data', this.#onData).off('end', this.#onGone).off('close', this.#onGone);
    // Where another listener reads too, it goes on.
    if (this.#socket.listenerCount('data') === 0) this.#socket.pause();
    const early = this.#early.splice(0);
    return early.length === 1 ? early[0]! : Buffer.concat(early);
  }

  readonly #onData = (chunk: Buffer): void => {
    const early = this.#body === undefined ? chunk : this.#body.take(chunk);
    if (early.length === 0) return;
    this.#early.push(early);
    this.#earlyBytes += early.length;
    if (this.#earlyBytes >= MAX_EARLY_BYTES) this.#socket.pause();
  };

  readonly #onGone = (): void => {
    this.abort('left');
  };
}
