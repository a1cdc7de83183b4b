import {
  type Argument,
  type ClientEvents,
  type Emitter,
  followReadiness,
  type Receiver,
  type ReceiverEvents,
  type RedisClient,
} from './client.js';

type Listener = (message: Buffer, channel: Buffer) => void;
type Change = (channels: string[], listener: Listener, bufferMode: true) => Promise<unknown>;
type ListenersOfChannel = ReadonlyMap<
  string,
  { readonly buffers: ReadonlySet<unknown>; readonly strings: ReadonlySet<unknown> }
>;

/** What the broker uses of a client of the package `redis`. */
export interface NodeRedisClient extends Emitter {
  readonly isReady: boolean;
  sendCommand(command: (string | Buffer)[]): Promise<unknown>;
  readonly subscribe: Change;
  readonly unsubscribe: Change;
  readonly sSubscribe: Change;
  readonly sUnsubscribe: Change;
  getPubSubListeners(type: 'CHANNELS' | 'SHARDED'): ListenersOfChannel;
}

/**
 * node-redis 6.3.1 does not become ready again with more than about 500 sharded channels, fewer where their names
 * are long: on a new connection it writes one SSUBSCRIBE for each, stops when the socket is full (16 KiB) and never
 * goes on. {@link NodeRedis.receive} makes it forget them before that, in a way that another version may not have.
 */
const MOST_SHARDED = 450;

/** A client of the package `redis`. */
export class NodeRedis implements RedisClient {
  readonly library = 'redis';
  readonly identity: object;
  readonly mostSharded: number = MOST_SHARDED;
  readonly #client: NodeRedisClient;

  constructor(client: NodeRedisClient) {
    this.#client = client;
    this.identity = client;
  }

  static is(value: object): value is NodeRedisClient {
    const client = value as Partial<NodeRedisClient>;
    return (
      typeof client.isReady === 'boolean' &&
      typeof client.on === 'function' &&
      typeof client.sendCommand === 'function' &&
      typeof client.subscribe === 'function' &&
      typeof client.sSubscribe === 'function' &&
      typeof client.getPubSubListeners === 'function'
    );
  }

  isReady(): boolean {
    return this.#client.isReady;
  }

  follow(events: ClientEvents): () => void {
    const endings = ['reconnecting', 'end'];
    return followReadiness(this.#client, () => this.#client.isReady, endings, events);
  }

  async send(command: Argument[]): Promise<unknown> {
    return this.#client.sendCommand(command);
  }

  receive(isSharded: boolean, { deliver, moved }: ReceiverEvents): Receiver {
    const client = this.#client;
    client.on('sharded-channel-moved', moved);
    const listener: Listener = (message, channel) => {
      deliver(channel.toString(), message);
    };
    const subscribe = isSharded ? client.sSubscribe : client.subscribe;
    const unsubscribe = isSharded ? client.sUnsubscribe : client.unsubscribe;
    /** The client's own map of channels and their listeners. */
    const map = (): Map<string, { buffers: Set<unknown>; strings: Set<unknown> }> =>
      client.getPubSubListeners(isSharded ? 'SHARDED' : 'CHANNELS') as ReturnType<typeof map>;
    return {
      subscribe: async (channels) => {
        const listeners = map();
        const known = channels.filter((each) => listeners.get(each)?.buffers.has(listener));
        // The client sends no SUBSCRIBE for a channel that it knows. Both commands leave together, in this order.
        const forgotten = known.length > 0 && unsubscribe.call(client, known, listener, true);
        const done = subscribe.call(client, channels, listener, true);
        await Promise.all([forgotten, done]);
      },
      unsubscribe: async (channels) => unsubscribe.call(client, channels, listener, true),
      forget: () => {
        const listeners = map();
        for (const [channel, { buffers, strings }] of listeners) {
          if (buffers.delete(listener) && buffers.size + strings.size === 0) {
            listeners.delete(channel);
          }
        }
      },
      // Each channel has its own listener for messages.
      end: () => client.off('sharded-channel-moved', moved),
    };
  }
}
