import type { Broker, BrokerNode, Outgoing } from '../../index.js';
import { AdapterState } from '../link/adapter-state.js';
import type { Notice } from './wire.js';
import type { Member, WorkerChannel } from './worker-channel.js';

/** Bytes of an envelope. */
const MAX_MESSAGE = 1024 * 1024;
/** Bytes that the primary has not read. With more of them it is slow, and the channel would keep them all. */
const MOST_BACKLOG = 16 * 1024 * 1024;
const NO_ANSWER =
  'the primary process does not answer; call relayTopics() of hawser/cluster there, once';
const NOT_ADVANCED =
  "the channel to the primary process turns bytes into JSON; call cluster.setupPrimary({ serialization: 'advanced' }) before cluster.fork()";
const GONE = 'the primary process is gone';

/** A call of the carrier that waits for the primary. */
interface Request {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Carries topics between the processes of one machine, through their primary. */
export class ClusterBroker implements Broker, Member {
  readonly maxMessage: number = MAX_MESSAGE;
  readonly id: string;
  readonly #channel: WorkerChannel;
  readonly #prefix: string;
  readonly #state: AdapterState;
  readonly #requests = new Map<number, Request>();
  #request = 0;
  #isWelcome = false;
  #obstacle = NO_ANSWER;
  #wasShort = false;

  /** @param id distinguishes it from all other brokers of the machine. */
  constructor(channel: WorkerChannel, id: string, prefix: string, patience: number) {
    this.#channel = channel;
    this.id = id;
    this.#prefix = prefix;
    const channels = (topics: readonly string[]): string[] => topics.map((topic) => prefix + topic);
    this.#state = new AdapterState(
      'clusterBroker',
      {
        groups: (topics) => (topics.length === 0 ? [] : [topics]),
        subscribe: async (topics) => this.#join(channels(topics)),
        unsubscribe: async (topics) => {
          this.#channel.post(this, ['leave', channels(topics)]);
        },
        obstacle: () => (this.#isWelcome ? undefined : this.#obstacle),
        nudge: () => {
          if (!this.#isWelcome) this.#hello();
        },
      },
      patience,
    );
  }

  start(node: BrokerNode): void {
    this.#state.start(node);
    this.#channel.add(this);
    if (this.#channel.isConnected) this.#hello();
    else this.disconnected();
  }

  join(topics: readonly string[]): void {
    this.#state.join(topics);
  }

  leave(topics: readonly string[]): void {
    this.#state.leave(topics);
  }

  publish(batch: readonly Outgoing[]): number {
    let taken = 0;
    while (this.#isWelcome && this.#channel.isConnected && taken < batch.length) {
      if (this.#channel.backlog >= MOST_BACKLOG) {
        this.#wasShort = true;
        break;
      }
      const { topic, envelope } = batch[taken]!;
      this.#channel.post(this, ['publish', this.#prefix + topic, envelope]);
      taken++;
    }
    return taken;
  }

  async close(): Promise<void> {
    await this.#state.close();
    if (this.#isWelcome) this.#channel.post(this, ['bye']);
    this.#isWelcome = false;
    this.#channel.remove(this);
  }

  /** The primary tells something, which may be for another broker. */
  notice(notice: Notice): void {
    const [kind, broker] = notice;
    if (kind === 'message') {
      const [, from, channel, envelope] = notice;
      if (from === this.id || !channel.startsWith(this.#prefix)) return;
      this.#state.deliver(channel.slice(this.#prefix.length), envelope);
    } else if (kind === 'ready') {
      if (!this.#isWelcome) this.#hello();
    } else if (broker !== this.id) {
      return;
    } else if (kind === 'joined') {
      this.#requests.get(notice[2])?.resolve();
      this.#requests.delete(notice[2]);
    } else if (kind === 'unusable') {
      this.#obstacle = NOT_ADVANCED;
      this.#state.fault(new Error(NOT_ADVANCED));
    } else if (!this.#isWelcome) {
      this.#isWelcome = true;
      this.#state.connected();
    }
  }

  sent(): void {
    if (!this.#wasShort || this.#channel.backlog > MOST_BACKLOG / 2) return;
    this.#wasShort = false;
    this.#state.writable();
  }

  disconnected(): void {
    this.#isWelcome = false;
    this.#obstacle = GONE;
    for (const { reject } of this.#requests.values()) reject(new Error(GONE));
    this.#requests.clear();
    this.#state.disconnected(new Error(GONE));
  }

  #hello(): void {
    this.#channel.post(this, ['hello', Uint8Array.of(1)]);
  }

  async #join(channels: readonly string[]): Promise<void> {
    const request = ++this.#request;
    this.#channel.post(this, ['join', request, channels]);
    return new Promise((resolve, reject) => {
      this.#requests.set(request, { resolve, reject });
    });
  }
}
