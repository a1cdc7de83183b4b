import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type ConnectOptions, HandshakeError } from '../../client/index.js';
import type { WebSocketConnection } from '../../index.js';
import { Histogram, type Summary } from './histogram.js';

/** How many times each of some reasons was met. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  /** The counts, the greatest first. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([, one], [, other]) => other - one));
  }
}

/** The connections of a load. */
export class Fleet {
  readonly handshakes: Histogram = new Histogram();
  readonly failures: Tally = new Tally();
  readonly closedEarly: Tally = new Tally();
  readonly closed: Tally = new Tally();
  /** The first failure, to be explained. */
  firstFailure: HandshakeError | undefined;
  opened = 0;
  readonly #url: string;
  readonly #options: ConnectOptions;
  readonly #onMessage: (data: string | Buffer) => void;
  readonly #giveUp = new AbortController();
  readonly #open: WebSocketConnection[] = [];
  #isClosing = false;

  constructor(url: string, options: ConnectOptions, onMessage: (data: string | Buffer) => void) {
    this.#url = url;
    this.#options = { ...options, signal: this.#giveUp.signal };
    this.#onMessage = onMessage;
  }

  /** The connections that are open. */
  get size(): number {
    return this.#open.length;
  }

  /** The percentiles of the handshakes. */
  get handshake(): Summary | undefined {
    return this.handshakes.summary();
  }

  /** Begin no further attempt, and give up those in progress. */
  stop(): void {
    this.#giveUp.abort();
  }

  /**
   * Open so many connections, spread evenly over `ramp` ms. It does not wait for the earlier ones.
   *
   * @throws TypeError for wrong options.
   */
  async open(count: number, ramp: number): Promise<void> {
    const start = performance.now();
    const attempts: Promise<void>[] = [];
    const { signal } = this.#giveUp;
    for (let each = 0; each < count; each++) {
      const wait = start + (each * ramp) / count - performance.now();
      // Rejects when the signal aborts.
      if (wait > 0) await sleep(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      attempts.push(this.#openOne());
    }
    await Promise.all(attempts);
  }

  async #openOne(): Promise<void> {
    const start = performance.now();
    let connection: WebSocketConnection;
    try {
      connection = await connect(this.#url, this.#options);
    } catch (error) {
      if (this.#giveUp.signal.aborted) return;
      if (!(error instanceof HandshakeError)) throw error;
      this.firstFailure ??= error;
      this.failures.add(reasonOf(error));
      return;
    }
    this.handshakes.record(performance.now() - start);
    this.opened++;
    this.#open.push(connection);
    connection.on('message', this.#onMessage);
    connection.on('close', (code) => {
      // The last one takes its place: the order means nothing.
      const last = this.#open.pop()!;
      if (last !== connection) this.#open[this.#open.indexOf(connection)] = last;
      (this.#isClosing ? this.closed : this.closedEarly).add(String(code));
    });
  }

  /** Send on one of the open connections, in turn. @returns `false` without any. */
  send(turn: number, data: string): boolean {
    const connection = this.#open[turn % this.#open.length];
    // What is sent on a connection that is closing is lost, and counts as that.
    connection?.send(data);
    return connection !== undefined;
  }

  /** Close all connections, and wait for their end. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#open.map((connection) => connection.close()));
  }

  /** Terminate all connections. */
  terminate(): void {
    for (const connection of this.#open) connection.terminate();
  }
}

function reasonOf({ status, cause, code }: HandshakeError): string {
  const of = (cause ?? {}) as { readonly code?: unknown };
  if (status !== undefined) return `status ${status}`;
  return typeof of.code === 'string' ? of.code : code;
}
