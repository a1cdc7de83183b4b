/** The topics of a server, as one of its connections sees them. */
export interface TopicRegistry {
  /** How many topics a connection may have; Infinity for no limit. */
  readonly maxTopicsPerConnection: number;
  /** The connection, which was not subscribed, now is. */
  add(topic: string, connection: unknown): void;
  /**
   * The connection, which was subscribed, is not any more. {@link announceIdle} must follow.
   *
   * @param connection the WebSocketConnection; only the server knows what context it has.
   */
  delete(topic: string, connection: unknown): void;
  /** Emit `'topicIdle'` for the topics that have lost their last subscriber since the last call. */
  announceIdle(): void;
}

/** The topics of connections that belong to no server. Nothing is published to them, so no list of subscribers is kept. */
export class UnpublishedTopics implements TopicRegistry {
  readonly maxTopicsPerConnection: number;

  constructor(maxTopicsPerConnection: number) {
    this.maxTopicsPerConnection = maxTopicsPerConnection;
  }

  add(): void {
    // nothing is kept
  }

  delete(): void {
    // nothing was kept
  }

  announceIdle(): void {
    // no server is told
  }
}

/** The topics of one connection. Made for the first of them. */
export class Subscriptions {
  readonly names: Set<string> = new Set<string>();
  readonly #registry: TopicRegistry;
  readonly #connection: unknown;

  constructor(registry: TopicRegistry, connection: unknown) {
    this.#registry = registry;
    this.#connection = connection;
  }

  /** See `WebSocketConnection.subscribe`. */
  add(topic: string): boolean {
    const { names } = this;
    if (names.has(topic)) return false;
    const { maxTopicsPerConnection } = this.#registry;
    if (names.size >= maxTopicsPerConnection) {
      throw new RangeError(
        `subscribe: the connection has ${names.size} topics, as many as maxTopicsPerConnection allows; unsubscribe from some, or raise it`,
      );
    }
    names.add(topic);
    this.#registry.add(topic, this.#connection);
    return true;
  }

  /** See `WebSocketConnection.unsubscribe`. */
  delete(topic: string): boolean {
    if (!this.names.delete(topic)) return false;
    this.#registry.delete(topic, this.#connection);
    this.#registry.announceIdle();
    return true;
  }

  /** The connection ends: its topics lose it. It still has their names, until {@link clear}. */
  leave(): void {
    for (const topic of this.names) this.#registry.delete(topic, this.#connection);
  }

  /** After {@link leave}, when listeners can be called. */
  announce(): void {
    this.#registry.announceIdle();
  }

  /** The connection is closed. */
  clear(): void {
    this.names.clear();
  }
}
