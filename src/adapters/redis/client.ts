/** A part of a Redis command. */
export type Argument = string | Buffer;

/** What the broker is told about a client. */
export interface ClientEvents {
  /** There is a new connection. */
  ready(): void;
  /** The connection is lost, or the client was closed. */
  lost(error: Error): void;
  /** The client has told of something that did not end the connection, or could not connect. */
  fault(error: Error): void;
}

/** A client of either library, as the broker uses it. */
export interface RedisClient {
  /** The package. */
  readonly library: 'redis' | 'ioredis';
  /** The client itself, which several brokers may share. */
  readonly identity: object;
  /** The most sharded channels with which the client can reconnect. */
  readonly mostSharded: number;
  isReady(): boolean;
  /** Follow the connection. @returns a function that removes the listeners. */
  follow(events: ClientEvents): () => void;
  /** Send one command. It is never called while the client is not ready. */
  send(command: Argument[]): Promise<unknown>;
  /** Receive messages. @returns the two calls that decide which, and a third that ends it. */
  receive(isSharded: boolean, events: ReceiverEvents): Receiver;
}

export interface ReceiverEvents {
  readonly deliver: (channel: string, message: Buffer) => void;
  /** A sharded channel is on another server of a cluster now. Redis sends nothing more of it. */
  readonly moved: () => void;
}

export interface Receiver {
  /** Resolves when Redis has confirmed each channel after this call, known before or not. */
  subscribe(channels: string[]): Promise<unknown>;
  unsubscribe(channels: string[]): Promise<unknown>;
  /** The connection is lost: keep the client from subscribing again by itself, if it lets us. */
  forget(): void;
  /** Remove the listener. */
  end(): void;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Node's own types have it
type Listener = (...args: any[]) => void;

/** What an EventEmitter has. */
export interface Emitter {
  on(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
}

/**
 * Follow whether a client is ready, through its events. The listener for `'error'` is also what keeps the
 * process alive: an `'error'` without one is an exception.
 *
 * @param endings the events after which it may not be ready any more.
 */
export function followReadiness(
  client: Emitter,
  isReady: () => boolean,
  endings: readonly string[],
  events: ClientEvents,
): () => void {
  let wasReady = false;
  let reason: Error | undefined;
  const ready = (): void => {
    wasReady = true;
    reason = undefined;
    events.ready();
  };
  const look = (): void => {
    if (!wasReady || isReady()) return;
    wasReady = false;
    events.lost(reason ?? new Error('the connection was closed'));
  };
  const failed = (error: Error): void => {
    reason = error;
    if (!wasReady) {
      events.fault(error);
      return;
    }
    look();
    // ioredis tells of a broken connection before it has noticed that it is closed.
    setImmediate(() => {
      if (!wasReady || reason !== error) return;
      reason = undefined;
      events.fault(error);
    });
  };
  client.on('ready', ready);
  client.on('error', failed);
  for (const ending of endings) client.on(ending, look);
  if (isReady()) ready();
  return () => {
    wasReady = false;
    client.off('ready', ready);
    client.off('error', failed);
    for (const ending of endings) client.off(ending, look);
  };
}
