import { randomBytes } from 'node:crypto';
import { callIsolated } from '../../connection/call-isolated.js';
import type { Deadline, Deadlines } from '../../connection/limits/deadlines.js';
import { neutral } from '../../connection/neutral-context.js';
import type { TypedEmitter } from '../../connection/typed-emitter.js';
import { publishBrokerLoss, publishBrokerState } from '../diagnostics.js';
import type { ServerEvents } from '../events.js';
import type { Log } from '../logger.js';
import type { Broker, BrokerNode } from './broker.js';
import { BrokerBuffer, type BrokerBufferLimits, type Kept } from './broker-buffer.js';
import type { BrokerStats } from './broker-stats.js';
import {
  bytesInEnvelope,
  EMPTY_ENVELOPE_BYTES,
  encodeEnvelope,
  type EnvelopeHeader,
  type EnvelopeMessage,
  isFrom,
  readHeader,
  readMessages,
} from './envelope.js';
import { Interest } from './interest.js';
import { JoinWaiters } from './join-waiters.js';
import { Lag } from './lag.js';
import { Losses } from './losses.js';
import { Sequences } from './sequences.js';

/** Milliseconds that a broker has to end. */
const CLOSE_TIMEOUT = 1000;

const NOTHING_KEPT: BrokerBufferLimits = { messages: 0, bytes: 0, age: 0 };

/** Messages of one topic that leave at the end of the tick, as many as fit into an envelope. */
interface Gathered {
  readonly topic: string;
  readonly messages: EnvelopeMessage[];
  bytes: number;
}

/** What comes from other nodes goes here. */
type Deliver = (topic: string, message: EnvelopeMessage) => void;

/**
 * The server's end of its broker. It tells the broker which topics this node wants, gathers what is published in a
 * tick into one envelope for each topic, and counts what was lost.
 */
export class BrokerLink<Context> implements BrokerNode {
  readonly id: string;
  readonly #idBytes: Buffer;
  readonly #server: TypedEmitter<ServerEvents<Context>>;
  readonly #broker: Broker;
  readonly #deadlines: Deadlines;
  readonly #log: Log;
  readonly #deliver: Deliver;
  readonly #interest: Interest;
  readonly #waiters = new JoinWaiters();
  readonly #sequences = new Sequences();
  readonly #losses = new Losses();
  readonly #lag = new Lag();
  readonly #buffer: BrokerBuffer;
  #gathered: Gathered[] = [];
  /** The newest entry of `#gathered` for each topic. */
  readonly #newest = new Map<string, Gathered>();
  #isScheduled = false;
  #state: 'up' | 'down' = 'down';
  #isClosed = false;
  #published = 0;
  #received = 0;
  #lost = 0;
  #interruptions = 0;
  /** Milliseconds for which the broker was down, up to `#downSince`. */
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
    this.#deadlines = deadlines;
    this.#log = log;
    this.#deliver = deliver;
    this.#downSince = deadlines.now();
    this.#buffer = new BrokerBuffer(limits ?? NOTHING_KEPT);
    this.#interest = new Interest(deadlines, {
      join: (topics) => {
        this.#call(() => {
          broker.join(topics);
        });
      },
      leave: (topics) => {
        for (const topic of topics) this.#losses.forget(topic);
        this.#call(() => {
          broker.leave(topics);
        });
      },
    });
    broker.start(this);
  }

  /** A topic has its first local subscriber. */
  onActive(topic: string): void {
    this.#interest.add(topic);
    this.#schedule();
  }

  /** A topic has lost its last local subscriber. */
  onIdle(topic: string): void {
    this.#interest.delete(topic);
    this.#waiters.reject(topic);
  }

  /** Wait until the broker has confirmed a topic that has a local subscriber. */
  async whenJoined(topic: string, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#interest.isConfirmed(topic)) await this.#waiters.wait(topic, signal);
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
    const bytes = bytesInEnvelope(message);
    let gathered = this.#newest.get(topic);
    if (gathered === undefined || gathered.bytes + bytes > this.#broker.maxMessage) {
      gathered = { topic, messages: [], bytes: EMPTY_ENVELOPE_BYTES };
      this.#newest.set(topic, gathered);
      this.#gathered.push(gathered);
    }
    gathered.messages.push(message);
    gathered.bytes += bytes;
    this.#schedule();
  }

  /** Send what was gathered. What the broker does not take is kept as far as `brokerBuffer` allows. */
  flush(): void {
    this.#isScheduled = false;
    this.#interest.flush();
    const gathered = this.#gathered;
    this.#gathered = [];
    this.#newest.clear();
    const now = this.#deadlines.now();
    const batch = gathered.map((each): Kept => {
      const count = each.messages.length;
      const place = this.#sequences.take(each.topic, count);
      const header = { node: this.id, ...place, sentAt: Date.now() };
      const envelope = encodeEnvelope(header, each.messages, each.bytes);
      return { topic: each.topic, envelope, count, madeAt: now };
    });
    if (batch.length === 0) return;
    // What waits longer goes first. A broker that is down is offered the batch too: it may have lost only its subscriber.
    const taken = this.#buffer.isEmpty ? this.#offer(batch) : 0;
    for (const rest of batch.slice(taken)) this.#buffer.push(rest);
  }

  /** See `ServerStats.broker`. */
  stats(): BrokerStats {
    const down = this.#state === 'up' ? 0 : this.#deadlines.now() - this.#downSince;
    return {
      state: this.#state,
      published: this.#published,
      received: this.#received,
      lost: this.#lost,
      interruptions: this.#interruptions,
      secondsDown: (this.#millisecondsDown + down) / 1000,
      buffered: this.#buffer.messages,
      bufferDropped: this.#buffer.dropped,
      joinsPending: this.#interest.pending,
      lag: this.#lag.stats(),
    };
  }

  /** Send what was gathered, and end: a broker that does not answer has a second. */
  async close(): Promise<void> {
    this.flush();
    this.#isClosed = true;
    this.#waiters.rejectAll();
    this.#interest.close();
    let deadline: Deadline | undefined;
    const timeout = new Promise<void>((resolve) => {
      deadline = this.#deadlines.start(CLOSE_TIMEOUT, resolve);
    });
    try {
      await Promise.race([this.#broker.close(), timeout]);
    } catch (error) {
      this.#tellError(error);
    }
    deadline?.cancel();
  }

  // What the broker tells.

  deliver(topic: string, envelope: Uint8Array): void {
    if (this.#isClosed || !this.#interest.has(topic) || isFrom(envelope, this.#idBytes)) return;
    let header: EnvelopeHeader;
    let messages: EnvelopeMessage[];
    try {
      header = readHeader(envelope);
      messages = readMessages(envelope);
    } catch (error) {
      this.#tellError(error);
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

  joined(topics: readonly string[]): void {
    for (const topic of this.#interest.confirm(topics)) this.#waiters.resolve(topic);
  }

  writable(): void {
    this.#drain();
  }

  up(): void {
    for (const topic of this.#interest.confirmAll()) this.#waiters.resolve(topic);
    if (this.#state === 'down') {
      this.#state = 'up';
      this.#millisecondsDown += this.#deadlines.now() - this.#downSince;
      this.#tellState(undefined);
    }
    this.#drain();
  }

  down(error: Error): void {
    this.#interest.unconfirm();
    if (this.#state === 'down') return;
    this.#state = 'down';
    this.#interruptions++;
    this.#downSince = this.#deadlines.now();
    this.#tellState(error);
  }

  error(error: Error): void {
    this.#tellError(error);
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

  #offer(batch: readonly Kept[]): number {
    let taken = 0;
    this.#call(() => {
      const answer = this.#broker.publish(batch);
      if (Number.isInteger(answer) && answer >= 0 && answer <= batch.length) taken = answer;
      else this.#tellError(`publish took ${answer} of ${batch.length} envelopes, which cannot be`);
    });
    for (const { count } of batch.slice(0, taken)) this.#published += count;
    return taken;
  }

  #drain(): void {
    if (!this.#isClosed) {
      this.#buffer.drain(this.#deadlines.now(), (batch) => this.#offer(batch));
    }
  }

  /** Call the broker. What an adapter throws is not the fault of the code that published. */
  #call(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#tellError(error);
    }
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

  #tellError(error: unknown): void {
    const told = error instanceof Error ? error : new Error(String(error));
    this.#log.applicationError(`the broker: ${told.message}`, told);
    callIsolated(() => this.#server.emit('brokerError', told));
  }
}
