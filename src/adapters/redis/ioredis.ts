import {
  type Argument,
  type ClientEvents,
  type Emitter,
  followReadiness,
  type Receiver,
  type ReceiverEvents,
  type RedisClient,
} from './client.js';

/** What the broker uses of a client of the package `ioredis`. */
export interface IoredisClient extends Emitter {
  readonly status: string;
  readonly options: { readonly keyPrefix?: string | Buffer | undefined };
  call(command: string, args: (string | Buffer)[]): Promise<unknown>;
  subscribe(...channels: string[]): Promise<unknown>;
  unsubscribe(...channels: string[]): Promise<unknown>;
  ssubscribe(...channels: string[]): Promise<unknown>;
  sunsubscribe(...channels: string[]): Promise<unknown>;
}

/** A client of the package `ioredis`. */
export class Ioredis implements RedisClient {
  readonly library = 'ioredis';
  readonly identity: object;
  readonly mostSharded: number = Infinity;
  readonly #client: IoredisClient;

  constructor(client: IoredisClient) {
    this.#client = client;
    this.identity = client;
  }

  static is(value: object): value is IoredisClient {
    const client = value as Partial<IoredisClient>;
    return (
      typeof client.status === 'string' &&
      typeof client.options === 'object' &&
      typeof client.on === 'function' &&
      typeof client.call === 'function' &&
      typeof client.subscribe === 'function' &&
      typeof client.ssubscribe === 'function'
    );
  }

  isReady(): boolean {
    return this.#client.status === 'ready';
  }

  follow(events: ClientEvents): () => void {
    const endings = ['close', 'reconnecting', 'end'];
    return followReadiness(this.#client, () => this.isReady(), endings, events);
  }

  async send([command, ...args]: Argument[]): Promise<unknown> {
    return this.#client.call(command as string, args);
  }

  receive(isSharded: boolean, { deliver, moved }: ReceiverEvents): Receiver {
    const client = this.#client;
    const event = isSharded ? 'smessageBuffer' : 'messageBuffer';
    const listener = (channel: Buffer, message: Buffer): void => {
      deliver(channel.toString(), message);
    };
    client.on(event, listener);
    client.on('moved', moved);
    return {
      subscribe: async (channels) =>
        isSharded ? client.ssubscribe(...channels) : client.subscribe(...channels),
      unsubscribe: async (channels) =>
        isSharded ? client.sunsubscribe(...channels) : client.unsubscribe(...channels),
      forget: () => undefined, // it subscribes in groups, and again does no harm
      end: () => {
        client.off(event, listener);
        client.off('moved', moved);
      },
    };
  }
}
