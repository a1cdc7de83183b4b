/** What the tests of src/connection use: real sockets, a socket that can be backpressured, a clock. */
import { AsyncResource } from 'node:async_hooks';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { CloseInfo } from '../../src/connection/close/close-info.js';
import {
  PermessageDeflate,
  type PermessageDeflateSettings,
} from '../../src/connection/deflate/permessage-deflate.js';
import { createConnection, type WebSocketConnection } from '../../src/connection/connection.js';
import type { ConnectionEmitter } from '../../src/connection/events.js';
import type { SenderOwner } from '../../src/connection/send/owner.js';
import { Counters } from '../../src/connection/counters.js';
import type { Clock } from '../../src/connection/limits/clock.js';
import { Deadlines } from '../../src/connection/limits/deadlines.js';
import { LongMessages } from '../../src/connection/deflate/long-messages.js';
import { ConcurrencyLimit } from '../../src/connection/deflate/concurrency-limit.js';
import { Heartbeat, type HeartbeatOptions } from '../../src/connection/limits/keepalive.js';
import { MessageRate, type MessageRateOptions } from '../../src/connection/receive/rate-limiter.js';
import type { ConnectionSettings } from '../../src/connection/settings.js';
import type { TopicRegistry } from '../../src/connection/subscriptions.js';
import { SharedContexts } from '../../src/connection/deflate/shared-contexts.js';
import type { DeflateParameters } from '../../src/protocol/deflate/negotiation.js';
import { HandClock } from './clock.cjs';
import { RawClient } from './raw-client.js';

export { HandClock };

/** A socket that records each write, and can be backpressured. */
export class Sink extends Duplex {
  /** The pieces of each write that reached the kernel's door, as the very buffers they were. */
  readonly writes: Buffer[][] = [];
  /** While `true`, writes are not completed. */
  backpressured = false;
  #done: (() => void) | undefined;

  constructor(writableHighWaterMark = 16 * 1024) {
    super({ allowHalfOpen: true, writableHighWaterMark });
  }

  /** All that was written, joined. */
  get bytes(): Buffer {
    return Buffer.concat(this.writes.flat());
  }

  override _read(): void {
    // What the peer sends is pushed by the test.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#take([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  #take(pieces: Buffer[], done: () => void): void {
    this.writes.push(pieces);
    if (this.backpressured) this.#done = done;
    else done();
  }

  /** Complete the pending write. The next one is held again unless `backpressured` is set to `false` before. */
  release(): void {
    const done = this.#done;
    this.#done = undefined;
    done?.();
  }
}

/** Until everything that is due in this tick and the following I/O turns is done. */
export async function turns(count = 3): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** The options of a connection that a test may choose. */
export interface WorldOptions
  extends
    Partial<Omit<ConnectionSettings, 'deadlines' | 'decoder' | 'heartbeat' | 'messageRate'>>,
    Partial<HeartbeatOptions> {
  messageRate?: MessageRateOptions;
  role?: 'server' | 'client';
  maxPayload?: number;
}

/** A registry for connections whose topics are not what a test is about. */
const NO_TOPICS: TopicRegistry = {
  maxTopicsPerConnection: Infinity,
  add: () => undefined,
  delete: () => undefined,
  announceIdle: () => undefined,
};

export function settingsOf(clock: Clock, options: WorldOptions = {}): ConnectionSettings {
  const { role = 'server', maxPayload = 4 * 1024 * 1024, ...others } = options;
  const {
    heartbeat = false,
    idleTimeout = Infinity,
    maxLifetime = Infinity,
    messageRate,
    ...rest
  } = others;
  const deadlines = new Deadlines(clock);
  return {
    decoder: { role, maxPayload, rsv1: false },
    textAs: 'string',
    binaryAs: 'buffer',
    highWaterMark: 64 * 1024,
    maxBufferedAmount: 16 * 1024 * 1024,
    slowConsumer: 'close',
    budget: undefined,
    closeTimeout: 10_000,
    messageTimeout: 60_000,
    deadlines,
    counters: new Counters(),
    // Without jitter.
    heartbeat: new Heartbeat(deadlines, clock, { heartbeat, idleTimeout, maxLifetime }, () => 0),
    messageRate: messageRate && new MessageRate(messageRate, deadlines, clock),
    topics: NO_TOPICS,
    answersPings: true,
    holdsAfterClose: false,
    observer: undefined,
    ...rest,
  };
}

export const DETAILS = {
  context: undefined,
  url: '/chat?room=1',
  subprotocol: '',
  extensions: '',
  remoteAddress: '127.0.0.1',
};

/** What was negotiated; by default neither side takes its context over. */
export function parametersOf(changed: Partial<DeflateParameters> = {}): DeflateParameters {
  return {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
    ...changed,
  };
}

/** That both sides take over their windows. */
export const TAKEOVER = { serverNoContextTakeover: false, clientNoContextTakeover: false };

/** The settings of connections that compress whatever they are given. */
export function compressing({
  concurrency = new ConcurrencyLimit(),
  ...changed
}: Partial<PermessageDeflateSettings> & {
  concurrency?: ConcurrencyLimit;
} = {}): PermessageDeflateSettings {
  const effort = { level: 6, memLevel: 8 };
  const idle = { idleRelease: 30_000, deadlines: new Deadlines(new HandClock()) };
  return {
    threshold: 0,
    ...effort,
    compressor: 'zlib',
    ...idle,
    long: new LongMessages({ ...effort, ...idle, ...changed, concurrency }),
    shared: new SharedContexts({ ...effort, ...changed }, changed.drive),
    ...changed,
  };
}

/** The owner of a sending half that is tested alone; it has no budget, and nothing ends. */
export function ownerOf(
  emitter: ConnectionEmitter,
  settings: ConnectionSettings,
  changed: Partial<SenderOwner> = {},
): SenderOwner {
  return {
    emitter,
    settings,
    context: new AsyncResource('hawser.connection'),
    account: undefined,
    failSlowConsumer: () => undefined,
    unsendable: () => undefined,
    ...changed,
  };
}

/** A connection that speaks permessage-deflate, whose transport is `socket`, not started. */
export function compressedConnectionOn(
  socket: Duplex,
  compression: PermessageDeflate = new PermessageDeflate(compressing(), parametersOf(), 'server'),
  options: WorldOptions = {},
  clock: Clock = new HandClock(),
): WebSocketConnection {
  const settings = settingsOf(clock, options);
  const decoder = { ...settings.decoder, rsv1: true };
  return createConnection(socket, settings, { ...DETAILS, compression, decoder });
}

/** A connection whose transport is `socket`, not started. */
export function connectionOn(
  socket: Duplex,
  options: WorldOptions = {},
  clock: Clock = new HandClock(),
): WebSocketConnection {
  return createConnection(socket, settingsOf(clock, options), DETAILS);
}

/** A connection over real TCP, or a stream of HTTP/2, and the bare client at its other end. */
export interface World<Transport extends Duplex = Socket> {
  connection: WebSocketConnection;
  /** The connection's own socket. */
  socket: Transport;
  client: RawClient;
  clock: HandClock;
  /** Resolves at `'close'`. */
  closed: Promise<CloseInfo>;
  /** What happened, in words, in order. */
  log: string[];
}

const open: { client: RawClient; socket: Duplex }[] = [];

/** Lets go of all sockets; for `afterEach`. */
export function tearDown(): void {
  for (const { client, socket } of open.splice(0)) {
    client.destroy();
    socket.destroy();
  }
}

/** Opens a connection over TCP on 127.0.0.1. */
export async function world(options: WorldOptions = {}): Promise<World> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = await RawClient.connect((server.address() as AddressInfo).port);
  const [socket] = await accepted;
  server.close();
  socket.setNoDelay(true);
  socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
  await client.response();
  return worldOn(socket, client, options);
}

/** Opens a connection on a transport whose client has had its answer. */
export function worldOn<Transport extends Duplex>(
  socket: Transport,
  client: RawClient,
  options: WorldOptions,
): World<Transport> {
  open.push({ client, socket });
  const clock = new HandClock();
  const log: string[] = [];
  const connection = connectionOn(socket, options, clock);
  const closed = new Promise<CloseInfo>((resolve) => {
    connection.on('close', (code, reason, info) => {
      log.push(`close ${code} ${reason}`.trim());
      resolve(info);
    });
  });
  connection.start(Buffer.alloc(0));
  return { connection, socket, client, clock, closed, log };
}

/** Waits until `probe` is true, looking again after each turn of the event loop. */
export async function until(what: string, probe: () => boolean): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!probe()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await turns(1);
  }
}

/** Listens, and writes down each message and its kind. */
export function record(connection: WebSocketConnection, into: string[] = []): string[] {
  connection.on('message', (data, isBinary) => {
    into.push(`${isBinary ? 'binary' : 'text'} ${data.toString()}`.trim());
  });
  return into;
}

/** What of a CloseInfo can be written as a literal. */
export function facts(info: CloseInfo | undefined): unknown {
  if (info === undefined) return undefined;
  const { code, reason, clean, initiator, cause } = info;
  return { code, reason, clean, initiator, cause: (cause as { code?: string } | undefined)?.code };
}

/** Counts the elements of arrays that `splice` and `slice` have to move from now on, until `jest.restoreAllMocks`. */
export function countMoves(): () => number {
  let moved = 0;
  const { splice, slice } = Array.prototype;
  jest.spyOn(Array.prototype, 'splice').mockImplementation(function (
    this: unknown[],
    ...args: unknown[]
  ) {
    const removed = Reflect.apply(splice, this, args) as unknown[];
    moved += this.length;
    return removed;
  });
  jest.spyOn(Array.prototype, 'slice').mockImplementation(function (
    this: unknown[],
    ...args: unknown[]
  ) {
    const copy = Reflect.apply(slice, this, args) as unknown[];
    moved += copy.length;
    return copy;
  });
  return () => moved;
}
