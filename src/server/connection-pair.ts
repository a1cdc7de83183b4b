import { Duplex } from 'node:stream';
import { createConnection, type WebSocketConnection } from '../connection/connection.js';
import { DeflateBudget } from './deflate-budget.js';
import type { ServerOptions } from './options/options.js';
import { resolveOptions } from './options/resolve-options.js';
import { joinServer, WebSocketServer } from './server.js';
import { StandaloneSettings } from './standalone-settings.js';
import { checkOptions, type Rule, type Rules } from '../protocol/option-checks.js';

/** The offer of the client's end: the server may limit the client's window. */
const OFFERS = [
  {
    name: 'permessage-deflate',
    params: [{ name: 'client_max_window_bits', value: undefined }],
  },
];

/** Two connections that talk to each other in memory. */
export interface ConnectionPair<Context = undefined> {
  /** The server's end. */
  readonly server: WebSocketConnection<Context>;
  /** The client's end, which masks its frames. */
  readonly client: WebSocketConnection;
}

/**
 * The options of a connection without a handshake. They hold for both ends. With `server` they hold
 * for the client's end only, and the server's end has the options of that server. `heartbeat` is off
 * by default, because there is no network that could fail.
 */
export interface ConnectionPairOptions<Context = undefined> extends Pick<
  ServerOptions,
  | 'closeTimeout'
  | 'messageTimeout'
  | 'maxPayload'
  | 'textAs'
  | 'binaryAs'
  | 'highWaterMark'
  | 'perMessageDeflate'
  | 'heartbeat'
  | 'idleTimeout'
  | 'maxLifetime'
  | 'messageRate'
  | 'maxBufferedAmount'
  | 'slowConsumer'
  | 'clock'
> {
  /** `context` of the server's end. @default undefined */
  readonly context?: Context;
  /**
   * Makes the server's end one of `server.connections`: broadcasts reach it, `stats()` counts it,
   * `close()` closes it. `'connection'` is not emitted, because there is no request; emit it yourself
   * if you test its listener. Limits such as `maxConnections` do not hold for it.
   * @default none
   */
  readonly server?: WebSocketServer<Context>;
}

const ANY: Rule = { expected: 'anything', accepts: () => true };

/** The names of the options of a pair. `resolveOptions` checks the values. */
const RULES: Rules<ConnectionPairOptions<unknown>> = {
  closeTimeout: ANY,
  messageTimeout: ANY,
  maxPayload: ANY,
  textAs: ANY,
  binaryAs: ANY,
  highWaterMark: ANY,
  perMessageDeflate: ANY,
  heartbeat: ANY,
  idleTimeout: ANY,
  maxLifetime: ANY,
  messageRate: ANY,
  maxBufferedAmount: ANY,
  slowConsumer: ANY,
  clock: ANY,
  context: ANY,
  server: {
    expected: 'a WebSocketServer',
    accepts: (value) => value instanceof WebSocketServer,
  },
};

/**
 * Make two connected in-memory connections, for tests of an application: no port, no handshake, and
 * otherwise the same code. Bytes arrive asynchronously, as from a socket.
 *
 * @throws TypeError for an option that is unknown, has a wrong type, or decides about a handshake;
 * Error if `server` is closed or closing.
 */
export function createConnectionPair<Context = undefined>(
  options: ConnectionPairOptions<Context> = {},
): ConnectionPair<Context> {
  checkOptions('createConnectionPair', options, RULES);
  const { context, server, ...both } = options;
  const resolved = resolveOptions<undefined>({ heartbeat: false, ...both }, []);
  const standalone = new StandaloneSettings(resolved);
  const [one, other] = createTransportPair();
  // With a server its options decide, unless the client's end does not offer compression.
  const joined =
    server &&
    joinServer(server, one, context as Context, both.perMessageDeflate === false ? [] : OFFERS);
  const deflate = joined === undefined ? resolved.perMessageDeflate : joined.perMessageDeflate;
  const compressions =
    deflate === false ? undefined : new DeflateBudget(deflate, standalone.deadlines);
  const negotiated = joined === undefined ? compressions?.negotiate(OFFERS) : joined.negotiated;
  const connect = <Value>(
    role: 'server' | 'client',
    transport: Duplex,
    value: Value,
  ): WebSocketConnection<Value> => {
    const settings = standalone.of(role);
    const connection = createConnection<Value>(transport, settings, {
      context: value,
      url: '/',
      subprotocol: '',
      extensions: negotiated?.response ?? '',
      remoteAddress: undefined,
      transport: 'pair',
      decoder: { ...settings.decoder, rsv1: negotiated !== undefined },
      compression: negotiated && compressions!.open(negotiated, role),
    });
    connection.start(Buffer.alloc(0));
    return connection;
  };
  return {
    server: joined?.connection ?? connect('server', one, context as Context),
    client: connect('client', other, undefined),
  };
}

/** Make two ends of an in-memory transport. Bytes written to one end are read from the other. */
function createTransportPair(): [Duplex, Duplex] {
  const one = new TransportEnd();
  const other = new TransportEnd();
  one.peer = other;
  other.peer = one;
  return [one, other];
}

class TransportEnd extends Duplex {
  peer: TransportEnd | undefined;
  /** The callback of the peer's write, until this end has read it. */
  #unread: (() => void) | undefined;

  constructor() {
    super({ allowHalfOpen: true });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const peer = this.peer!;
    const copy = Buffer.from(chunk); // because the reader unmasks in place, and the sender may change its bytes
    process.nextTick(() => {
      if (peer.push(copy)) done();
      else peer.#unread = done;
    });
  }

  override _read(): void {
    const done = this.#unread;
    this.#unread = undefined;
    if (done !== undefined) process.nextTick(done);
  }

  override _final(done: () => void): void {
    this.peer!.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // A socket that is destroyed before it was ended resets its peer.
    const peer = this.peer!;
    if (!this.writableFinished && !peer.destroyed) peer.destroy();
    done(error);
  }
}
