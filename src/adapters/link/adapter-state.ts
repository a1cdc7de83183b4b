import type { BrokerNode } from '../../index.js';
import { WantedTopics, type Subscriptions } from './wanted-topics.js';

/** How an adapter reaches its broker. */
export interface Carrier extends Subscriptions {
  /** What keeps the broker from being used, topics apart; `undefined` if nothing does. */
  obstacle(): string | undefined;
  /** Nothing has happened for {@link PATIENCE}: try what can be tried. */
  nudge?(): void;
}

/** Without progress for this long, a broker that is not up is reported, and asked again, in ms. */
export const PATIENCE = 5000;

/**
 * The state of an adapter: *up* from the moment when all topics are confirmed and nothing else is missing,
 * until the connection is lost. While something is missing, a report follows every 5 s without progress.
 */
export class AdapterState {
  readonly #name: string;
  readonly #carrier: Carrier;
  readonly #wanted: WantedTopics;
  readonly #patience: number;
  #node: BrokerNode | undefined;
  #isUp = false;
  #isClosed = false;
  #watch: NodeJS.Timeout | undefined;
  /** The last failure, until there is progress. It is reported once. */
  #failure: Error | undefined;
  /** Ends the wait of {@link close}. */
  #stopWaiting: (() => void) | undefined;

  /** @param name the function that made the adapter. It begins each message. */
  constructor(name: string, carrier: Carrier, patience: number) {
    this.#name = name;
    this.#carrier = carrier;
    this.#patience = patience;
    this.#wanted = new WantedTopics(carrier, {
      confirmed: (topics) => {
        this.#node!.joined(topics);
        this.progress();
      },
      failed: (error) => {
        this.fault(error);
      },
    });
  }

  /** @throws Error if it was called before. */
  start(node: BrokerNode): void {
    if (this.#node !== undefined) {
      throw new Error(
        `${this.#name}: this broker serves a server already; make one broker for each server, with clients that they may share`,
      );
    }
    this.#node = node;
    this.progress();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  join(topics: readonly string[]): void {
    this.#wanted.join(topics);
    this.#guard();
  }

  leave(topics: readonly string[]): void {
    this.#wanted.leave(topics);
    this.progress();
  }

  /** A message came. */
  deliver(topic: string, envelope: Uint8Array): void {
    if (this.#wanted.has(topic)) this.#node!.deliver(topic, envelope);
  }

  /** What did not fit is wanted now. */
  writable(): void {
    if (this.#isUp) this.#node!.writable();
  }

  /** Subscriptions can be made, on a new connection. */
  connected(): void {
    this.#wanted.connected();
    this.progress();
  }

  /** The connection of the subscriptions is lost. */
  disconnected(error: Error): void {
    this.#wanted.disconnected();
    this.#stopWaiting?.();
    this.lost(error);
  }

  /** Something without which the broker cannot be used is lost. */
  lost(error: Error): void {
    if (this.#isClosed) return;
    if (this.#isUp) {
      this.#isUp = false;
      this.#failure = error;
      this.#node!.down(this.#named(error));
      this.#guard();
    } else {
      this.fault(error);
    }
  }

  /** Something is wrong. It is told once until there is progress. */
  fault(error: Error): void {
    if (this.#isClosed) return;
    const isNew = this.#failure === undefined;
    this.#failure = error;
    if (isNew) this.report(error);
  }

  /** Report what does not change the state. */
  report(error: Error): void {
    if (!this.#isClosed) this.#node!.error(this.#named(error));
  }

  #named({ message, cause }: Error): Error {
    return new Error(`${this.#name}: ${message}`, cause === undefined ? {} : { cause });
  }

  /** Something has been achieved: see whether that was all. */
  progress(): void {
    if (this.#isClosed) return;
    this.#failure = undefined;
    if (!this.#isUp && this.#wanted.isRestored && this.#carrier.obstacle() === undefined) {
      this.#isUp = true;
      this.#node!.up();
    }
    this.#watch?.refresh();
    this.#guard();
  }

  /** @returns when nothing is subscribed any more, or the broker is lost or does not answer for {@link PATIENCE}. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isUp = false;
    clearTimeout(this.#watch);
    let timer: NodeJS.Timeout | undefined;
    const waited = new Promise<void>((done) => {
      this.#stopWaiting = done;
      timer = setTimeout(done, this.#patience);
    });
    await Promise.race([this.#wanted.close(), waited]);
    clearTimeout(timer);
  }

  /** Let a timer run while something is missing. */
  #guard(): void {
    const isMissing = !this.#isUp || this.#wanted.confirmed < this.#wanted.total;
    if (isMissing && this.#node !== undefined && !this.#isClosed) {
      this.#watch ??= setTimeout(() => {
        this.#stalled();
      }, this.#patience).unref();
    } else {
      clearTimeout(this.#watch);
      this.#watch = undefined;
    }
  }

  #stalled(): void {
    this.#watch = undefined;
    const { confirmed, total } = this.#wanted;
    const obstacle = this.#carrier.obstacle() ?? 'the broker does not confirm what was asked';
    const reason = this.#failure === undefined ? '' : ` (${this.#failure.message})`;
    this.report(
      new Error(
        `no progress for ${this.#patience / 1000} s: ${obstacle}${reason}; ${confirmed} of ${total} topics are confirmed; asking again`,
        { cause: this.#failure },
      ),
    );
    this.#carrier.nudge?.();
    this.#wanted.again();
    this.#guard();
  }
}
