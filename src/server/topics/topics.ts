import { abortReason } from '../../connection/abort-signal.js';
import { callIsolated } from '../../connection/call-isolated.js';
import type { WebSocketConnection } from '../../connection/connection.js';
import type { Deadlines } from '../../connection/limits/deadlines.js';
import { CheckedSendOptions } from '../../connection/send/send-options.js';
import type { TopicRegistry } from '../../connection/subscriptions.js';
import type { TypedEmitter } from '../../connection/typed-emitter.js';
import { publishPublished } from '../diagnostics.js';
import type { ServerEvents } from '../events.js';
import type { Log } from '../logger.js';
import type { ServerOptions } from '../options/options.js';
import { BrokerLink } from './broker-link.js';
import type { EnvelopeMessage } from './envelope.js';
import { notSubscribed } from './join-waiters.js';
import { Publication } from './publication.js';
import type { Retained, RetainedMessages } from './retained-messages.js';

/** The connections that have subscribed to one topic. */
class Topic<Context> {
  readonly subscribers: Set<WebSocketConnection<Context>>;
  /** The subscribers as an array, until they change: a message goes to those that are subscribed when it is published. */
  snapshot: readonly WebSocketConnection<Context>[] | undefined;

  constructor(subscribers: Set<WebSocketConnection<Context>>) {
    this.subscribers = subscribers;
  }
}

type BrokerOptions = Pick<ServerOptions, 'broker' | 'brokerBuffer'>;

/** What `publish` has done in this process; see `ServerStats`. */
interface TopicCounters {
  published: number;
  offered: number;
}

/** The topics of one server in this process: which connections have subscribed to what, and what was retained. */
export class Topics<Context> implements TopicRegistry {
  readonly maxTopicsPerConnection: number;
  readonly counters: TopicCounters = { published: 0, offered: 0 };
  readonly retained: RetainedMessages;
  /** Only with a broker. */
  link: BrokerLink<Context> | undefined;
  readonly #server: TypedEmitter<ServerEvents<Context>>;
  /** The topics that have subscribers. */
  readonly #topics = new Map<string, Topic<Context>>();
  #subscriptions = 0;
  /** Topics that lost their last subscriber, for {@link announceIdle}. */
  #idle: string[] = [];
  /** The sets that the application has asked for, so that it always gets the same one. */
  readonly #asked = new Map<string, WeakRef<Set<WebSocketConnection<Context>>>>();
  readonly #forget = new FinalizationRegistry<string>((name) => {
    if (this.#asked.get(name)?.deref() === undefined) this.#asked.delete(name);
  });

  /** @param server emits `'topicActive'` and `'topicIdle'`. */
  constructor(
    server: TypedEmitter<ServerEvents<Context>>,
    maxTopicsPerConnection: number,
    retained: RetainedMessages,
  ) {
    this.#server = server;
    this.maxTopicsPerConnection = maxTopicsPerConnection;
    this.retained = retained;
  }

  /** How many topics have subscribers. */
  get size(): number {
    return this.#topics.size;
  }

  /** How many subscriptions there are. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  has(name: string): boolean {
    return this.#topics.has(name);
  }

  /** The names of the topics that have subscribers. */
  names(): Iterable<string> {
    return this.#topics.keys();
  }

  /** See `WebSocketServer.subscribers`. */
  subscribers(name: string): ReadonlySet<WebSocketConnection<Context>> {
    const set = this.#setOf(name) ?? new Set();
    if (this.#asked.get(name)?.deref() === set) return set;
    this.#asked.set(name, new WeakRef(set));
    this.#forget.register(set, name);
    return set;
  }

  add(name: string, subscriber: unknown): void {
    const connection = subscriber as WebSocketConnection<Context>;
    let topic = this.#topics.get(name);
    const isFirst = topic === undefined;
    if (topic === undefined) {
      topic = new Topic(this.#setOf(name) ?? new Set());
      this.#topics.set(name, topic);
    }
    topic.subscribers.add(connection);
    topic.snapshot = undefined;
    this.#subscriptions++;
    for (const kept of this.retained.of(name)) this.#sendRetained(connection, name, kept);
    if (!isFirst) return;
    this.link?.onActive(name);
    callIsolated(() => this.#server.emit('topicActive', name));
  }

  delete(name: string, subscriber: unknown): void {
    const topic = this.#topics.get(name);
    if (topic?.subscribers.delete(subscriber as WebSocketConnection<Context>) !== true) return;
    topic.snapshot = undefined;
    this.#subscriptions--;
    if (topic.subscribers.size > 0) return;
    this.#topics.delete(name);
    this.link?.onIdle(name);
    this.#idle.push(name);
  }

  announceIdle(): void {
    if (this.#idle.length === 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const name of idle) callIsolated(() => this.#server.emit('topicIdle', name));
  }

  /** Begin to share the topics with other nodes, if there is a broker. */
  connect({ broker, brokerBuffer }: BrokerOptions, deadlines: Deadlines, log: Log): void {
    if (broker === undefined) return;
    const deliver = (name: string, message: EnvelopeMessage): void => {
      this.deliver(name, new Publication(message.payload, message.binary, message));
    };
    this.link = new BrokerLink(this.#server, broker, brokerBuffer, deadlines, log, deliver);
  }

  /** See `WebSocketServer.publish`. */
  publish(name: string, publication: Publication<Context>): number {
    this.link?.check(publication);
    this.counters.published++;
    // Gathered before it is delivered here: what a listener publishes meanwhile comes after it on every node.
    this.link?.publish(name, publication);
    const count = this.deliver(name, publication);
    publishPublished(this.#server, name, publication, count);
    return count;
  }

  /** See `WebSocketServer.joined`. */
  joined(name: string, signal: AbortSignal | undefined, isClosing: boolean): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(abortReason(signal));
    if (isClosing || !this.#topics.has(name)) return Promise.reject(notSubscribed(name));
    return this.link?.whenJoined(name, signal) ?? Promise.resolve();
  }

  /** The server is closed. */
  async close(): Promise<void> {
    this.retained.close();
    await this.link?.close();
  }

  /** Offer a message to the subscribers of a topic. @returns how many that are. */
  deliver(name: string, publication: Publication<Context>): number {
    this.retained.onPublished(name, publication);
    const topic = this.#topics.get(name);
    if (topic === undefined) return 0;
    const { message, compress, droppable, key, except } = publication;
    const options = new CheckedSendOptions(compress, droppable, key, name);
    let count = 0;
    for (const connection of (topic.snapshot ??= [...topic.subscribers])) {
      // It may have ended since the snapshot was made.
      if (connection.readyState !== 'open' || except?.has(connection) === true) continue;
      connection.send(message, options);
      count++;
    }
    this.counters.offered += count;
    return count;
  }

  #setOf(name: string): Set<WebSocketConnection<Context>> | undefined {
    return this.#topics.get(name)?.subscribers ?? this.#asked.get(name)?.deref();
  }

  #sendRetained(connection: WebSocketConnection<Context>, name: string, kept: Retained): void {
    this.counters.offered++;
    connection.send(kept.message, new CheckedSendOptions(kept.compress, false, kept.key, name));
  }
}
