import { EventEmitter } from 'node:events';
import type {
  ClientEvents,
  Receiver,
  ReceiverEvents,
  RedisClient,
} from '../../src/adapters/redis/client.js';
import { Calls } from './fake-node.js';

/** A client whose connection and answers are the test's. */
export class FakeRedisClient implements RedisClient {
  readonly identity: object = {};
  readonly library = 'redis';
  readonly mostSharded: number = 450;
  /** The commands that were sent. */
  readonly commands: Calls = new Calls();
  readonly subscriptions: Calls = new Calls();
  isConnected = false;
  isSharded: boolean | undefined;
  events: ClientEvents | undefined;
  received: ReceiverEvents | undefined;
  forgotten = 0;

  isReady(): boolean {
    return this.isConnected;
  }

  follow(events: ClientEvents): () => void {
    this.events = events;
    return () => (this.events = undefined);
  }

  readonly send: (command: (string | Buffer)[]) => Promise<unknown> = this.commands.call('send');

  receive(isSharded: boolean, events: ReceiverEvents): Receiver {
    this.isSharded = isSharded;
    this.received = events;
    return {
      subscribe: this.subscriptions.call('sub'),
      unsubscribe: this.subscriptions.call('unsub'),
      forget: () => this.forgotten++,
      end: () => (this.received = undefined),
    };
  }

  connect(): void {
    this.isConnected = true;
    this.events?.ready();
  }

  lose(message: string): void {
    this.isConnected = false;
    this.events?.lost(new Error(message));
  }
}

/** An emitter with what a client of the package `redis` has. */
export class FakeNodeRedis extends EventEmitter {
  isReady = false;
  readonly calls: Calls = new Calls();
  readonly channels = new Map<string, { buffers: Set<unknown>; strings: Set<unknown> }>();
  readonly sendCommand = this.calls.call('send');
  readonly subscribe = this.calls.call('subscribe');
  readonly unsubscribe = this.calls.call('unsubscribe');
  readonly sSubscribe = this.calls.call('sSubscribe');
  readonly sUnsubscribe = this.calls.call('sUnsubscribe');
  readonly asked: string[] = [];

  getPubSubListeners(type: 'CHANNELS' | 'SHARDED'): typeof this.channels {
    this.asked.push(type);
    return this.channels;
  }
}

/** An emitter with what a client of the package `ioredis` has. */
export class FakeIoredis extends EventEmitter {
  status = 'connecting';
  readonly options: { keyPrefix?: string } = {};
  readonly calls: Calls = new Calls();
  readonly subscribe = this.#variadic('subscribe');
  readonly unsubscribe = this.#variadic('unsubscribe');
  readonly ssubscribe = this.#variadic('ssubscribe');
  readonly sunsubscribe = this.#variadic('sunsubscribe');

  async call(command: string, args: (string | Buffer)[]): Promise<unknown> {
    return this.calls.call(command)(args);
  }

  #variadic(name: string): (...channels: string[]) => Promise<unknown> {
    return async (...channels) => this.calls.call(name)(channels);
  }
}
