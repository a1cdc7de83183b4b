import type { Broker, BrokerNode, Outgoing } from '../../index.js';
import { AdapterState } from '../link/adapter-state.js';
import { inGroups } from '../link/wanted-topics.js';

/** What the broker uses of a connection of the package `@nats-io/transport-node`. */
export interface NatsConnection {
  readonly info?: { readonly max_payload: number } | undefined;
  publish(subject: string, payload: Uint8Array): void;
  subscribe(
    subject: string,
    options: {
      callback: (error: Error | null, message: { readonly data: Uint8Array }) => void;
    },
  ): NatsSubscription;
  /** Resolves when the server has handled everything that was sent before. */
  flush(): Promise<void>;
  status(): AsyncIterable<{ readonly type: string; readonly error?: Error | undefined }>;
  closed(): Promise<unknown>;
  isClosed(): boolean;
}

export interface NatsSubscription {
  unsubscribe(): void;
  isClosed(): boolean;
}

/** The server's own default. */
const MAX_PAYLOAD = 1024 * 1024;
/** Room for headers: a stream that republishes what it has stored adds some. */
const HEADERS = 1024;
/** Bytes after which the server is asked whether it has handled them. */
const FLUSH_EVERY = 1024 * 1024;
/** Bytes that the server has not handled. With more of them it is slow, and the client would keep them all. */
const MOST_UNCONFIRMED = 16 * 1024 * 1024;

/**
 * The subject of a topic: the prefix and one token, which is the topic with percent-encoding, where what has a meaning
 * in a subject (`.`, `*`, `>`, a space) is encoded, too.
 */
export const subjectOf = (prefix: string, topic: string): string =>
  prefix + encodeURIComponent(topic).replaceAll('.', '%2E').replaceAll('*', '%2A');

/** Carries topics over the subjects of NATS. */
export class NatsBroker implements Broker {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #state: AdapterState;
  readonly #subscriptions = new Map<string, NatsSubscription>();
  #stop: (() => void) | undefined;
  /** Identifies the connection to a server, between 'reconnect' and 'disconnect'. */
  #session: object | undefined;
  /** Whether the server has answered in this session. */
  #hasAnswered = false;
  #obstacle = 'the connection has no server';
  #maxPayload = MAX_PAYLOAD;
  /** Bytes since the last flush began, and those before that are not confirmed. */
  #unflushed = 0;
  #flushing = 0;
  #wasShort = false;

  constructor(connection: NatsConnection, prefix: string, patience: number) {
    this.#connection = connection;
    this.#prefix = prefix;
    const carrier = {
      groups: inGroups,
      subscribe: async (topics: readonly string[]) => this.#subscribe(topics),
      unsubscribe: async (topics: readonly string[]) => this.#unsubscribe(topics),
      obstacle: () => (this.#hasAnswered ? undefined : this.#obstacle),
    };
    this.#state = new AdapterState('natsBroker', carrier, patience);
  }

  get maxMessage(): number {
    this.#maxPayload = this.#connection.info?.max_payload ?? this.#maxPayload;
    return Math.max(1, this.#maxPayload - HEADERS);
  }

  start(node: BrokerNode): void {
    this.#state.start(node);
    const statuses = this.#connection.status();
    this.#stop = () => (statuses as { stop?: () => void }).stop?.();
    void this.#follow(statuses);
    void this.#connection.closed().then((reason) => {
      const why = reason instanceof Error ? ` (${reason.message})` : '';
      this.#obstacle = `the connection was closed for good${why}; the application has to make another, with maxReconnectAttempts: -1 if it is to survive longer interruptions, and a server with it`;
      this.#lost(new Error('the connection was closed'));
      this.#state.report(new Error(this.#obstacle));
    });
    if (!this.#connection.isClosed()) this.#connected();
  }

  join(topics: readonly string[]): void {
    this.#state.join(topics);
  }

  leave(topics: readonly string[]): void {
    this.#state.leave(topics);
  }

  publish(batch: readonly Outgoing[]): number {
    let taken = 0;
    // Without a server the client keeps what it is given, and throws it away when it has one.
    while (this.#hasAnswered && taken < batch.length) {
      if (this.#unflushed + this.#flushing >= MOST_UNCONFIRMED) {
        this.#wasShort = true;
        break;
      }
      const { topic, envelope } = batch[taken]!;
      try {
        this.#connection.publish(subjectOf(this.#prefix, topic), envelope);
      } catch (error) {
        // The connection was closed, or the server takes less since a moment. What is not taken is kept or counted.
        this.#state.fault(error as Error);
        break;
      }
      this.#unflushed += envelope.byteLength;
      taken++;
    }
    if (this.#unflushed >= FLUSH_EVERY && this.#flushing === 0) void this.#flush();
    return taken;
  }

  async close(): Promise<void> {
    this.#hasAnswered = false;
    this.#session = undefined;
    await this.#state.close();
    this.#stop?.();
  }

  async #follow(statuses: ReturnType<NatsConnection['status']>): Promise<void> {
    for await (const { type, error } of statuses) {
      if (type === 'disconnect') {
        this.#obstacle = 'the connection has no server';
        this.#lost(new Error('the server was lost'));
      } else if (type === 'reconnect') {
        this.#connected();
      } else if (type === 'error' && error !== undefined) {
        this.#state.fault(error);
      }
    }
  }

  #connected(): void {
    const session = {};
    this.#session = session;
    this.#hasAnswered = false;
    this.#unflushed = 0;
    this.#flushing = 0;
    this.#obstacle = 'the server does not answer';
    this.#state.connected();
    this.#connection.flush().then(
      () => {
        if (session !== this.#session) return;
        this.#hasAnswered = true;
        this.#state.progress();
      },
      () => undefined, // the connection is lost, and #follow hears of it
    );
  }

  #lost(error: Error): void {
    this.#session = undefined;
    this.#hasAnswered = false;
    this.#state.disconnected(error);
  }

  async #subscribe(topics: readonly string[]): Promise<void> {
    const subscriptions = topics.map((topic) => {
      // The client keeps its subscriptions, and makes them again on a new connection.
      const known = this.#subscriptions.get(topic);
      if (known !== undefined && !known.isClosed()) return known;
      const subscription = this.#connection.subscribe(subjectOf(this.#prefix, topic), {
        callback: (error, message) => {
          if (error === null) this.#state.deliver(topic, message.data);
        },
      });
      this.#subscriptions.set(topic, subscription);
      return subscription;
    });
    await this.#connection.flush();
    // A refusal comes before the answer to the flush.
    const refused = subscriptions.findIndex((each) => each.isClosed());
    if (refused === -1) return;
    const topic = topics[refused]!;
    if (this.#subscriptions.get(topic) !== subscriptions[refused]) return; // left meanwhile
    throw new Error(
      `the server refuses the subscription to ${JSON.stringify(subjectOf(this.#prefix, topic))}`,
    );
  }

  async #unsubscribe(topics: readonly string[]): Promise<void> {
    for (const topic of topics) {
      this.#subscriptions.get(topic)?.unsubscribe();
      this.#subscriptions.delete(topic);
    }
    await this.#connection.flush();
  }

  async #flush(): Promise<void> {
    const session = this.#session;
    this.#flushing = this.#unflushed;
    this.#unflushed = 0;
    try {
      await this.#connection.flush();
    } catch {
      return; // the connection is lost
    }
    if (session !== this.#session) return;
    this.#flushing = 0;
    if (this.#unflushed >= FLUSH_EVERY) void this.#flush();
    if (!this.#wasShort) return;
    this.#wasShort = false;
    this.#state.writable();
  }
}
