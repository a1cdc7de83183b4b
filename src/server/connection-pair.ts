import { Duplex } from 'node:stream';
import type { ConnectionSettings } from '../connection/settings.js';
import { createConnection, type WebSocketConnection } from '../connection/connection.js';
import { Counters } from '../connection/counters.js';
import { Deadlines, systemClock } from '../connection/deadlines.js';
import { Compressions } from './compressions.js';
import { Heartbeat } from '../connection/heartbeat.js';
import { MessageRate } from '../connection/message-rate.js';
import type { ServerOptions } from './options.js';
import { resolveOptions } from './resolve-options.js';

/** A client lets itself be told how large its window may be. */
const CLIENT_PARAMS = [{ name: 'client_max_window_bits', value: undefined }];

/** Two connections that talk to each other in memory. */
export interface ConnectionPair {
  /** The end that plays the server. */
  readonly server: WebSocketConnection;
  /** The end that plays the client: it masks what it sends. */
  readonly client: WebSocketConnection;
}

/**
 * The options that mean something without a handshake. They hold for both ends. `heartbeat` is off
 * unless it is given: between the two there is no network that could fail.
 */
export type ConnectionPairOptions = Pick<
  ServerOptions,
  | 'closeTimeout'
  | 'messageTimeout'
  | 'maxPayload'
  | 'textAs'
  | 'highWaterMark'
  | 'perMessageDeflate'
  | 'heartbeat'
  | 'idleTimeout'
  | 'maxLifetime'
  | 'messageRate'
  | 'maxBufferedAmount'
  | 'slowConsumer'
  | 'clock'
>;

/**
 * Make two connected in-memory connections, for tests of what an application does with one: no
 * port, no handshake, the same code otherwise. Bytes arrive asynchronously, as from a socket.
 */
export function createConnectionPair(options: ConnectionPairOptions = {}): ConnectionPair {
  const resolved = resolveOptions<undefined>({ heartbeat: false, ...options }, []);
  const {
    clock = systemClock,
    maxPayload,
    textAs,
    highWaterMark,
    maxBufferedAmount,
    slowConsumer,
    closeTimeout,
    messageTimeout,
    perMessageDeflate,
    messageRate,
  } = resolved;
  const deadlines = new Deadlines(clock);
  const compressions =
    perMessageDeflate === false ? undefined : new Compressions(perMessageDeflate, deadlines);
  const negotiated = compressions?.negotiate([
    { name: 'permessage-deflate', params: CLIENT_PARAMS },
  ]);
  const rate = messageRate && new MessageRate(messageRate, deadlines, clock);
  const heartbeat = new Heartbeat(deadlines, clock, resolved);
  const connect = (role: 'server' | 'client', transport: Duplex): WebSocketConnection => {
    const settings: ConnectionSettings = {
      decoder: { role, maxPayload, rsv1: negotiated !== undefined },
      textAs,
      highWaterMark,
      maxBufferedAmount,
      slowConsumer,
      budget: undefined,
      closeTimeout,
      messageTimeout,
      deadlines,
      counters: new Counters(),
      heartbeat,
      messageRate: rate,
      observer: undefined,
    };
    const connection = createConnection(transport, settings, {
      context: undefined,
      url: '/',
      subprotocol: '',
      extensions: negotiated?.response ?? '',
      remoteAddress: undefined,
      compression: negotiated && compressions!.open(negotiated, role),
    });
    connection.start(Buffer.alloc(0));
    return connection;
  };
  const [one, other] = createTransportPair();
  return { server: connect('server', one), client: connect('client', other) };
}

/** Two ends of an in-memory transport: what is written to one is read from the other. */
function createTransportPair(): [Duplex, Duplex] {
  const one = new TransportEnd();
  const other = new TransportEnd();
  one.peer = other;
  other.peer = one;
  return [one, other];
}

class TransportEnd extends Duplex {
  peer: TransportEnd | undefined;
  /** The write that waits for the peer to read. */
  #unread: (() => void) | undefined;

  constructor() {
    super({ allowHalfOpen: true });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const peer = this.peer!;
    const copy = Buffer.from(chunk); // because the reader unmasks in place, and what was sent may change
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
    // A socket that is gone ends its peer: cleanly if it was ended before, else by a reset.
    const peer = this.peer!;
    if (!this.writableFinished && !peer.destroyed) peer.destroy();
    done(error);
  }
}
