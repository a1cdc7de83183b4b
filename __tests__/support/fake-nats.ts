import type { NatsConnection, NatsSubscription } from '../../src/adapters/nats.js';
import { Calls, settle } from './fake-node.js';

type Callback = (error: Error | null, message: { readonly data: Uint8Array }) => void;

/** A connection whose server is the test. */
export class FakeNats implements NatsConnection {
  info: { max_payload: number } | undefined = { max_payload: 10_000 };
  readonly flushes: Calls = new Calls();
  readonly published: string[] = [];
  readonly callbacks = new Map<string, Callback>();
  /** Subjects whose subscription is closed. */
  readonly refused = new Set<string>();
  isStopped = false;
  hasClosed = false;
  failure: Error | undefined;
  #end!: (reason?: Error) => void;
  readonly #closed = new Promise<unknown>((done) => (this.#end = done));
  #statuses: { type: string; error?: Error }[] = [];
  #wake: (() => void) | undefined;

  publish(subject: string, payload: Uint8Array): void {
    if (this.failure !== undefined) throw this.failure;
    this.published.push(`${subject} ${payload.byteLength}`);
  }

  subscribe(subject: string, { callback }: { callback: Callback }): NatsSubscription {
    this.callbacks.set(subject, callback);
    return {
      unsubscribe: () => this.callbacks.delete(subject),
      isClosed: () => this.refused.has(subject),
    };
  }

  readonly flush = this.flushes.call('flush') as () => Promise<void>;

  status(): AsyncIterable<{ type: string; error?: Error }> {
    const next = async (): Promise<IteratorResult<{ type: string; error?: Error }>> => {
      while (this.#statuses.length === 0 && !this.isStopped) {
        await new Promise<void>((wake) => (this.#wake = wake));
      }
      const value = this.#statuses.shift();
      return value === undefined ? { done: true, value } : { done: false, value };
    };
    const stop = (): void => {
      this.isStopped = true;
      this.#wake?.();
    };
    return Object.assign({ [Symbol.asyncIterator]: () => ({ next }) }, { stop });
  }

  async closed(): Promise<unknown> {
    return this.#closed;
  }

  isClosed(): boolean {
    return this.hasClosed;
  }

  /** What the client tells of its connection. */
  async tell(type: string, error?: Error): Promise<void> {
    this.#statuses.push(error === undefined ? { type } : { type, error });
    this.#wake?.();
    await settle();
  }

  async end(reason?: Error): Promise<void> {
    this.hasClosed = true;
    this.#end(reason);
    await settle();
  }
}
