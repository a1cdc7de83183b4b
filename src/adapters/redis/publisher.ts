import type { Outgoing } from '../../index.js';
import type { Argument, RedisClient } from './client.js';

/** Messages, and bytes of them, that one script publishes. Redis does nothing else meanwhile. */
const SCRIPT_MESSAGES = 512;
const SCRIPT_BYTES = 1024 * 1024;
/** Bytes that Redis has not confirmed. With more of them it is slow, and a client would keep them all. */
const MOST_UNCONFIRMED = 16 * 1024 * 1024;

/**
 * Publishes all its arguments: channel, message, channel, message, and so on. It goes on after one that is refused,
 * and tells the last refusal.
 *
 * It is sent whole with each batch. EVALSHA would save 100 bytes, but it needs a second try when Redis has forgotten
 * the script, and by then later messages of the same topic would have been published first.
 */
const script = (command: string): string =>
  `local e for i=1,#ARGV,2 do local r=redis.pcall('${command}',ARGV[i],ARGV[i+1]) if type(r)=='table' then e=r end end return e`;

export interface PublisherEvents {
  /** Messages can be published, on a new connection. */
  ready(): void;
  lost(error: Error): void;
  /** The client told of something, or cannot connect. */
  fault(error: Error): void;
  /** Redis has refused to publish. */
  failed(error: Error): void;
  /** There is room again for what was not taken. */
  writable(): void;
}

/** Publishes batches with few commands: one script for up to 512 messages, or a PUBLISH for a single one. */
export class Publisher {
  readonly #client: RedisClient;
  readonly #command: string;
  readonly #script: string;
  readonly #patience: number;
  readonly #events: PublisherEvents;
  #unfollow: (() => void) | undefined;
  /** Identifies the connection. */
  #connection: object | undefined;
  /** How several messages are published; `undefined` until Redis has told whether it runs scripts. */
  #method: 'script' | 'single' | undefined;
  #unconfirmed = 0;
  #wasShort = false;
  /** When a failure was last told. */
  #toldAt = -Infinity;

  constructor(
    client: RedisClient,
    command: 'PUBLISH' | 'SPUBLISH',
    patience: number,
    events: PublisherEvents,
  ) {
    this.#client = client;
    this.#command = command;
    this.#script = script(command);
    this.#patience = patience;
    this.#events = events;
  }

  start(): void {
    this.#unfollow = this.#client.follow({
      ready: () => {
        void this.#connected();
      },
      lost: (error) => {
        this.#connection = undefined;
        this.#method = undefined;
        this.#events.lost(error);
      },
      fault: (error) => {
        this.#events.fault(error);
      },
    });
  }

  stop(): void {
    this.#connection = undefined;
    this.#method = undefined;
    this.#unfollow?.();
  }

  /** Whether Redis has answered on this connection. */
  get hasAnswered(): boolean {
    return this.#method !== undefined;
  }

  /** @returns how many of the batch, from the first, were handed to the client. */
  publish(batch: readonly Outgoing[], prefix: string): number {
    let taken = 0;
    // What is handed to a client that is not ready is kept without bound, and comes seconds late.
    while (this.#method !== undefined && this.#client.isReady() && taken < batch.length) {
      if (this.#unconfirmed >= MOST_UNCONFIRMED) {
        this.#wasShort = true;
        break;
      }
      taken += this.#publishSome(batch, taken, prefix);
    }
    return taken;
  }

  /** Publish with one command. @returns how many, from `first`. */
  #publishSome(batch: readonly Outgoing[], first: number, prefix: string): number {
    const most = this.#method === 'script' ? Math.min(batch.length, first + SCRIPT_MESSAGES) : 0;
    const args: Argument[] = [];
    let bytes = 0;
    let next = first;
    do {
      const { topic, envelope } = batch[next]!;
      args.push(prefix + topic, asBuffer(envelope));
      bytes += envelope.byteLength;
      next++;
    } while (next < most && bytes + batch[next]!.envelope.byteLength <= SCRIPT_BYTES);
    const count = next - first;
    const command = count === 1 ? [this.#command] : ['EVAL', this.#script, '0'];
    void this.#send(command.concat(args as string[]), count, bytes);
    return count;
  }

  async #send(command: Argument[], count: number, bytes: number): Promise<void> {
    const connection = this.#connection;
    this.#unconfirmed += bytes;
    try {
      await this.#client.send(command);
    } catch (error) {
      if (connection === this.#connection) this.#failed(error as Error, command, count);
    }
    this.#unconfirmed -= bytes;
    if (this.#wasShort && this.#unconfirmed <= MOST_UNCONFIRMED / 2) {
      this.#wasShort = false;
      this.#events.writable();
    }
  }

  /**
   * The messages are lost: later ones have been published meanwhile, and their order is promised. The nodes that
   * get those count the loss.
   */
  #failed(error: Error, command: readonly Argument[], count: number): void {
    if (command[0] === 'EVAL' && forbidsScripts(error)) this.#method = 'single';
    const now = performance.now();
    if (now - this.#toldAt < this.#patience) return;
    this.#toldAt = now;
    this.#events.failed(
      new Error(`Redis refused to publish ${count} messages: ${error.message}`, { cause: error }),
    );
  }

  /** See whether Redis answers, and runs the script. It publishes nothing here. */
  async #connected(): Promise<void> {
    const connection = {};
    this.#connection = connection;
    this.#method = undefined;
    let method: 'script' | 'single' = 'script';
    try {
      await this.#client.send(['EVAL', this.#script, '0']);
    } catch (error) {
      if (connection !== this.#connection) return;
      method = 'single';
      if (!forbidsScripts(error as Error)) this.#events.failed(error as Error);
    }
    if (connection !== this.#connection) return;
    this.#method = method;
    this.#events.ready();
  }
}

/** Whether an access list, or a server without scripts, has refused. */
const forbidsScripts = (error: Error): boolean => /NOPERM|unknown command/i.test(error.message);

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
