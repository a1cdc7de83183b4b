/** What one node has published to one topic in a tick, for the other nodes. */
export interface Outgoing {
  readonly topic: string;
  /** The messages with their numbers; see `docs/scaling.md`. At most `maxMessage` bytes. */
  readonly envelope: Uint8Array;
}

/**
 * Carries what is published from one node to the others: an adapter for Redis, NATS or the processes of one
 * machine. It delivers each message at most once and, for one node and topic, in order. One object serves
 * one server.
 */
export interface Broker {
  /**
   * Begin. A broker that cannot be reached is reported to `node`, and tried again.
   *
   * @throws Error if it was called before.
   */
  start(node: BrokerNode): void;
  /** From now on this node wants what is published to these topics: the net change of a tick. */
  join(topics: readonly string[]): void;
  /** It does not any more. */
  leave(topics: readonly string[]): void;
  /**
   * Send to the other nodes, with as few commands as possible.
   *
   * @returns how many, from the first, were taken. The server keeps or drops the rest; after a call of
   * `node.writable()` or `node.up()` it publishes again.
   */
  publish(batch: readonly Outgoing[]): number;
  /** Bytes that an envelope may have. It may change, and is read at each publish. */
  readonly maxMessage: number;
  /** End. The clients that the application made stay open. */
  close(): Promise<void>;
}

/** The server, as its broker sees it. */
export interface BrokerNode {
  /** Distinguishes the node from all others: 16 hexadecimal digits. */
  readonly id: string;
  /** An envelope came. One that this node has published itself is ignored. */
  deliver(topic: string, envelope: Uint8Array): void;
  /** The broker has confirmed that this node gets what is published to these topics. */
  joined(topics: readonly string[]): void;
  /** After a `publish` that took less than all: it takes more now. */
  writable(): void;
  /** The broker can be used, and all topics that were joined are confirmed again. */
  up(): void;
  /** The broker cannot be used. */
  down(error: Error): void;
  /** Something is wrong that does not change the state: `'brokerError'`. */
  error(error: Error): void;
}
