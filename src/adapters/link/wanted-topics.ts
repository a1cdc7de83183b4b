/** How an adapter subscribes. Both calls name the topics of one group. */
export interface Subscriptions {
  /** Divide topics into groups, one command each. */
  groups(topics: readonly string[]): readonly (readonly string[])[];
  /** Resolves when the broker has confirmed all of them, whether they were subscribed before or not. */
  subscribe(topics: readonly string[]): Promise<unknown>;
  /** Resolves when the broker has confirmed that they are not subscribed any more. */
  unsubscribe(topics: readonly string[]): Promise<unknown>;
}

/** How many topics one command names. */
const GROUP = 512;

/** Divide topics into groups of 512. */
export function inGroups(topics: readonly string[]): string[][] {
  const groups: string[][] = [];
  for (let from = 0; from < topics.length; from += GROUP) {
    groups.push(topics.slice(from, from + GROUP));
  }
  return groups;
}

/** What a {@link WantedTopics} reports. */
export interface WantedTopicsEvents {
  /** The broker has confirmed these topics. */
  confirmed(topics: readonly string[]): void;
  /** A command failed. It is sent again after {@link RETRY}. */
  failed(error: Error): void;
}

/** How many commands may wait for an answer at the same time. A client keeps each in memory until then. */
const WINDOW = 64;
/** With this many commands unanswered, the connection is stuck and more of them would only use memory. */
const MOST_UNANSWERED = 4 * WINDOW;
/** From a command that failed until it is sent again, in ms. */
const RETRY = 1000;

/** A topic that the node wants. Leaving and joining it again makes another. */
interface Wish {
  readonly topic: string;
  /** A command for it was sent at some time, so a client may know it. */
  isAsked: boolean;
  confirmed: boolean;
  /** It was wanted when the connection was made, and has not been confirmed since. */
  isOld: boolean;
}

/** The topics that a node wants from its broker, and which of them the present connection has confirmed. */
export class WantedTopics {
  readonly #subscriptions: Subscriptions;
  readonly #events: WantedTopicsEvents;
  readonly #wishes = new Map<string, Wish>();
  /** Topics that were left and may still be subscribed: a client subscribes again after a lost connection. */
  readonly #left = new Set<string>();
  /** Groups that wait for their command. */
  #queue: (readonly Wish[])[] = [];
  /** Topics whose command failed; the timer asks for them again. */
  #failed: Wish[] = [];
  #retry: NodeJS.Timeout | undefined;
  /** Identifies the connection and the round on it; answers of an earlier round are ignored. */
  #round: object | undefined;
  #inFlight = 0;
  #unanswered = 0;
  #confirmed = 0;
  #old = 0;

  constructor(subscriptions: Subscriptions, events: WantedTopicsEvents) {
    this.#subscriptions = subscriptions;
    this.#events = events;
  }

  get total(): number {
    return this.#wishes.size;
  }

  get confirmed(): number {
    return this.#confirmed;
  }

  /** Whether all that was wanted when the connection was made is confirmed. */
  get isRestored(): boolean {
    return this.#round !== undefined && this.#old === 0;
  }

  has(topic: string): boolean {
    return this.#wishes.has(topic);
  }

  join(topics: readonly string[]): void {
    const wishes: Wish[] = [];
    for (const topic of topics) {
      if (this.#wishes.has(topic)) continue;
      const wish = { topic, isAsked: false, confirmed: false, isOld: false };
      this.#wishes.set(topic, wish);
      this.#left.delete(topic);
      wishes.push(wish);
    }
    if (this.#round !== undefined) this.#ask(wishes);
  }

  leave(topics: readonly string[]): void {
    const left = topics.filter((topic) => {
      const wish = this.#wishes.get(topic);
      if (wish === undefined) return false;
      if (wish.confirmed) this.#confirmed--;
      if (wish.isOld) this.#old--;
      this.#wishes.delete(topic);
      return wish.isAsked;
    });
    if (this.#round === undefined) for (const topic of left) this.#left.add(topic);
    else this.#unsubscribe(left);
  }

  /** There is a new connection. Nothing is confirmed on it. */
  connected(): void {
    this.disconnected();
    this.#old = this.#wishes.size;
    for (const wish of this.#wishes.values()) wish.isOld = true;
    this.#restart();
  }

  /** The connection is lost. */
  disconnected(): void {
    this.#round = undefined;
    this.#confirmed = 0;
    this.#old = 0;
    for (const wish of this.#wishes.values()) wish.confirmed = wish.isOld = false;
  }

  /** Ask again for what the connection has not confirmed. */
  again(): void {
    if (this.#round === undefined || this.#unanswered >= MOST_UNANSWERED) return;
    this.#restart();
  }

  /** Forget everything. @returns when the broker, if connected, has confirmed that nothing is subscribed. */
  async close(): Promise<void> {
    const asked = [...this.#wishes.values()].filter(({ isAsked }) => isAsked);
    const topics = [...asked.map(({ topic }) => topic), ...this.#left];
    const isConnected = this.#round !== undefined;
    this.#wishes.clear();
    this.#left.clear();
    this.disconnected();
    clearTimeout(this.#retry);
    const groups = this.#subscriptions.groups(topics);
    // A client without a connection may send the commands once it has one.
    const done = Promise.allSettled(groups.map((group) => this.#subscriptions.unsubscribe(group)));
    if (isConnected) await done;
  }

  #restart(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#failed = [];
    this.#queue = [];
    this.#round = {};
    this.#inFlight = 0;
    const left = [...this.#left];
    this.#left.clear();
    this.#unsubscribe(left);
    this.#ask([...this.#wishes.values()].filter(({ confirmed }) => !confirmed));
  }

  #unsubscribe(topics: readonly string[]): void {
    for (const group of this.#subscriptions.groups(topics)) {
      this.#subscriptions.unsubscribe(group).catch(() => {
        // Try again on the next connection, or when the topics are asked for again.
        for (const topic of group) if (!this.#wishes.has(topic)) this.#left.add(topic);
      });
    }
  }

  #isCurrent(wish: Wish): boolean {
    return this.#wishes.get(wish.topic) === wish;
  }

  #ask(wishes: readonly Wish[]): void {
    for (const group of this.#subscriptions.groups(wishes.map(({ topic }) => topic))) {
      this.#queue.push(group.map((topic) => this.#wishes.get(topic)!));
    }
    this.#pump();
  }

  /** Send commands while the window has room. */
  #pump(): void {
    while (this.#inFlight < WINDOW) {
      const group = this.#queue.shift();
      if (group === undefined) return;
      const wishes = group.filter((wish) => this.#isCurrent(wish));
      if (wishes.length > 0) void this.#send(wishes);
    }
  }

  async #send(wishes: readonly Wish[]): Promise<void> {
    const round = this.#round;
    for (const wish of wishes) wish.isAsked = true;
    this.#inFlight++;
    this.#unanswered++;
    let failure: Error | undefined;
    try {
      await this.#subscriptions.subscribe(wishes.map(({ topic }) => topic));
    } catch (error) {
      failure = error as Error;
    }
    this.#unanswered--;
    if (round !== this.#round) return;
    this.#inFlight--;
    if (failure === undefined) this.#confirm(wishes);
    else this.#fail(wishes, failure);
    this.#pump();
  }

  #confirm(wishes: readonly Wish[]): void {
    const topics: string[] = [];
    for (const wish of wishes) {
      if (!this.#isCurrent(wish)) continue;
      if (wish.isOld) this.#old--;
      wish.isOld = false;
      wish.confirmed = true;
      this.#confirmed++;
      topics.push(wish.topic);
    }
    if (topics.length > 0) this.#events.confirmed(topics);
  }

  #fail(wishes: readonly Wish[], error: Error): void {
    this.#failed.push(...wishes);
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      const failed = this.#failed.filter((wish) => this.#isCurrent(wish));
      this.#failed = [];
      if (this.#round !== undefined) this.#ask(failed);
    }, RETRY).unref();
    this.#events.failed(error);
  }
}
