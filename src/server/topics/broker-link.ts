import { randomBytes } from 'node:crypto';
import { callIsolated } from '../../connection/call-isolated.js';
import type { Deadline, Deadlines } from '../../connection/limits/deadlines.js';
import { neutral } from '../../connection/neutral-context.js';
import type { TypedEmitter } from '../../connection/typed-emitter.js';
import { publishBrokerLoss, publishBrokerState } from '../diagnostics.js';
import type { ServerEvents } from '../events.js';
import type { Log } from '../logger.js';
import type { Broker } from './broker.js';
import { BrokerBuffer, type BrokerBufferLimits } from './broker-buffer.js';
import type { BrokerStats } from './broker-stats.js';
import {
  bytesInEnvelope,
  EMPTY_ENVELOPE_BYTES,
  type EnvelopeHeader,
  type EnvelopeMessage,
  isFrom,
  readHeader,
  readMessages,
} from './envelope.js';
import { JoinWaiters } from './join-waiters.js';
import { Lag } from './lag.js';
import { Losses } from './losses.js';
import { Sequences } from './sequences.js';
import { shardOf, takeShards } from './shard-broker.js';
import { ShardLink, type ShardLinkOwner } from './shard-link.js';

/** Milliseconds that a broker has to end. */
const CLOSE_TIMEOUT = 1000;

const NOTHING_KEPT: BrokerBufferLimits = { messages: 0, bytes: 0, age: 0 };

/** What comes from other nodes goes here. */
type Deliver = (topic: string, message: EnvelopeMessage) => void;

/**
 * The server's end of its broker, or of the several brokers of `shardBroker`. It passes on what comes from other
 * nodes, counts what was lost, and emits the events.
 */
export class BrokerLink<Context> implements ShardLinkOwner {
  readonly id: string;
  readonly deadlines: Deadlines;
  readonly sequences: Sequences = new Sequences();
  readonly buffer: BrokerBuffer;
  readonly #idBytes: Buffer;
  readonly #server: TypedEmitter<ServerEvents<Context>>;
  readonly #broker: Broker;
  readonly #log: Log;
  readonly #deliver: Deliver;
  /** A link for each broker. */
  readonly #shards: readonly ShardLink[];
  readonly #waiters = new JoinWaiters();
  readonly #losses = new Losses();
  readonly #lag = new Lag();
  #isScheduled = false;
  /** Up while all brokers are. */
  #state: 'up' | 'down' = 'down';
  #isClosed = false;
  #received = 0;
  #lost = 0;
  /** Milliseconds for which a broker was down, up to `#downSince`. */
  #millisecondsDown = 0;
  #downSince: number;

  /** @param server emits `'brokerState'`, `'brokerLoss'` and `'brokerError'`. */
  constructor(
    server: TypedEmitter<ServerEvents<Context>>,
    broker: Broker,
    limits: BrokerBufferLimits | undefined,
    deadlines: Deadlines,
    log: Log,
    deliver: Deliver,
  ) {
    this.#idBytes = randomBytes(8);
    this.id = this.#idBytes.toString('hex');
    this.#server = server;
    this.#broker = broker;
    this.deadlines = deadlines;
    this.#log = log;
    this.#deliver = deliver;
    this.#downSince = deadlines.now();
    const brokers = takeShards(broker);
    this.buffer = new BrokerBuffer(limits ?? NOTHING_KEPT, brokers.length);
    this.#shards = brokers.map((each, place) => new ShardLink(this, each, place, brokers.length));
    this.#start();
  }

  /** A topic has its first local subscriber. */
  onActive(topic: string): void {
    this.#shardOf(topic).onActive(topic);
    this.#schedule();
  }

  /** A topic has lost its last local subscriber. */
  onIdle(topic: string): void {
    this.#shardOf(topic).onIdle(topic);
    this.#waiters.reject(topic);
  }

  /** Wait until the broker has confirmed a topic that has a local subscriber. */
  async whenJoined(topic: string, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#shardOf(topic).isConfirmed(topic)) await this.#waiters.wait(topic, signal);
  }

  /**
   * Check that a message fits into an envelope.
   *
   * @throws RangeError if it does not.
   */
  check(message: EnvelopeMessage): void {
    const bytes = EMPTY_ENVELOPE_BYTES + bytesInEnvelope(message);
    const { maxMessage } = this.#broker;
    if (bytes <= maxMessage) return;
    throw new RangeError(
      `publish: the message takes ${bytes} bytes in an envelope, and the broker takes ${maxMessage}; publish where it can be fetched instead`,
    );
  }

  /** Publish to the other nodes, at the end of this tick. */
  publish(topic: string, message: EnvelopeMessage): void {
    this.#shardOf(topic).gather(topic, message, this.#broker.maxMessage);
    this.#schedule();
  }

  /** Send what was published in this tick, after the changes of interest. */
  flush(): void {
    this.#isScheduled = false;
    for (const shard of this.#shards) shard.flush();
  }

  /** See `ServerStats.broker`. */
  stats(): BrokerStats {
    const down = this.#state === 'up' ? 0 : this.deadlines.now() - this.#downSince;
    const sum = (of: (shard: ShardLink) => number): number =>
      this.#shards.reduce((all, shard) => all + of(shard), 0);
    return {
      state: this.#state,
      published: sum(({ published }) => published),
      received: this.#received,
      lost: this.#lost,
      interruptions: sum(({ interruptions }) => interruptions),
      secondsDown: (this.#millisecondsDown + down) / 1000,
      buffered: this.buffer.messages,
      bufferDropped: this.buffer.dropped,
      joinsPending: sum(({ joinsPending }) => joinsPending),
      lag: this.#lag.stats(),
    };
  }

  /** Send what was gathered, and end: brokers that do not answer have a second. */
  async close(): Promise<void> {
    this.flush();
    this.#isClosed = true;
    this.#waiters.rejectAll();
    for (const shard of this.#shards) shard.stop();
    let deadline: Deadline | undefined;
    const timeout = new Promise<void>((resolve) => {
      deadline = this.deadlines.start(CLOSE_TIMEOUT, resolve);
    });
    let isOver = false;
    const ends = this.#shards.map(async (shard) => {
      await shard.close().catch((error: unknown) => {
        if (!isOver) shard.error(error);
      });
    });
    await Promise.race([Promise.all(ends), timeout]);
    isOver = true;
    deadline?.cancel();
  }

  // What the brokers tell.

  deliver(topic: string, envelope: Uint8Array): void {
    if (isFrom(envelope, this.#idBytes)) return;
    let header: EnvelopeHeader;
    let messages: EnvelopeMessage[];
    try {
      header = readHeader(envelope);
      messages = readMessages(envelope);
    } catch (error) {
      this.error(error as Error);
      return;
    }
    this.#lag.add(Date.now() - header.sentAt);
    const { lost, seen } = this.#losses.receive(topic, header, messages.length);
    if (lost > 0) this.#tellLoss(topic, header.node, lost);
    for (const message of messages.slice(seen)) {
      this.#received++;
      this.#deliver(topic, message);
    }
  }

  confirmed(topics: readonly string[]): void {
    for (const topic of topics) this.#waiters.resolve(topic);
  }

  left(topics: readonly string[]): void {
    for (const topic of topics) this.#losses.forget(topic);
  }

  up(): void {
    if (!this.#shards.every(({ isUp }) => isUp)) return;
    this.#state = 'up';
    this.#millisecondsDown += this.deadlines.now() - this.#downSince;
    this.#tellState(undefined);
  }

  down(error: Error): void {
    if (this.#state === 'down') {
      // Another broker is down already, so the state does not change.
      if (!this.#isClosed) this.error(error);
      return;
    }
    this.#state = 'down';
    this.#downSince = this.deadlines.now();
    this.#tellState(error);
  }

  error(error: Error): void {
    this.#log.applicationError(`the broker: ${error.message}`, error);
    callIsolated(() => this.#server.emit('brokerError', error));
  }

  /** Start all brokers. @throws Error if one serves another server; those before it are ended. */
  #start(): void {
    for (const [place, shard] of this.#shards.entries()) {
      try {
        shard.start();
      } catch (error) {
        this.#isClosed = true;
        for (const started of this.#shards.slice(0, place)) {
          started.stop();
          started.close().catch((fault: unknown) => {
            started.error(fault);
          });
        }
        throw error;
      }
    }
  }

  #shardOf(topic: string): ShardLink {
    const shards = this.#shards;
    return shards.length === 1 ? shards[0]! : shards[shardOf(topic, shards.length)]!;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    neutral.runInAsyncScope(() => {
      process.nextTick(() => {
        if (!this.#isClosed) this.flush();
      });
    });
  }

  #tellState(error: Error | undefined): void {
    if (this.#isClosed) return;
    publishBrokerState(this.#server, this.#state, error);
    callIsolated(() => this.#server.emit('brokerState', this.#state, error));
  }

  #tellLoss(topic: string, node: string, count: number): void {
    this.#lost += count;
    publishBrokerLoss(this.#server, topic, node, count);
    callIsolated(() => this.#server.emit('brokerLoss', { topic, node, count }));
  }
}
