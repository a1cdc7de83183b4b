import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { onAbort } from '../connection/abort-signal.js';
import { BufferBudget } from '../connection/limits/buffer-budget.js';
import type { WebSocketConnection } from '../connection/connection.js';
import { Counters } from '../connection/counters.js';
import { type Clock, systemClock } from '../connection/limits/clock.js';
import { Deadlines } from '../connection/limits/deadlines.js';
import type { AttachedParts, Attachment, OwnServerOptions } from './options/attachment.js';
import { readConstructorArguments, type UpgradingServer } from './options/constructor-arguments.js';
import { Heartbeat } from '../connection/limits/keepalive.js';
import { MessageRate } from '../connection/receive/rate-limiter.js';
import { createLog, type Log } from './logger.js';
import type { AnyRequest, Authorization, ServerOptions } from './options/options.js';
import type { ResolvedOptions } from './options/resolve-options.js';
import { sharesOf } from './admission/shared-limits.js';
import type { Data, PreparedMessage } from '../protocol/framing/prepared-message.js';
import type { OwnServer } from './http1/own-http-server.js';
import { createOwnServer } from './own-server.js';
import { broadcast, type BroadcastOptions, prepare, type PrepareOptions } from './broadcast.js';
import type { ServerEvents } from './events.js';
import {
  checkCloseOptions,
  closeConnections,
  type CloseReport,
  type ServerCloseOptions,
} from './shutdown.js';
import { collectStats, type ServerStats } from './stats.js';
import { callIsolated } from '../connection/call-isolated.js';
import { TypedEmitter } from '../connection/typed-emitter.js';
import { checkUpgradeCall, type UpgradeArguments } from './http1/upgrade-arguments.js';
import { attach } from './attach.js';
import { createEndpoint } from './upgrade-endpoint.js';
import { UnreadHint } from './unread-hint.js';
import { AnyUpgrader } from './any-upgrader.js';
import { ANY_ORIGIN } from './admission/hints.js';
import { UpgradePolicy } from './admission/upgrade-policy.js';
import { checkName } from '../connection/names.js';
import { connectionSettings } from './connection-settings.js';
import { type PublishOptions, toPublication } from './topics/publish.js';
import { RetainedMessages } from './topics/retained-messages.js';
import { Topics } from './topics/topics.js';
import { checkJoinedOptions, type JoinedOptions } from './topics/joined-options.js';
import { topicStats } from './topics/topic-stats.js';
import { observeConnections } from './connection-observer.js';
import { ConnectionOpener } from './connection-opener.js';

/**
 * Adds the server's end of an in-memory pair to a server's connections.
 *
 * @internal
 */
export let joinServer: <Context>(
  server: WebSocketServer<Context>,
  ...parts: Parameters<ConnectionOpener<Context>['adopt']>
) => ReturnType<ConnectionOpener<Context>['adopt']>;

/**
 * A WebSocket server (RFC 6455): upgrades HTTP requests, and keeps the connections.
 *
 * ```ts
 * const wss = new WebSocketServer(server);               // on your http.Server
 * const wss = new WebSocketServer({ port: 8080 });       // on its own http.Server; or { socketPath }
 * const wss = new WebSocketServer({ noServer: true });   // without one: call handleUpgrade
 * ```
 *
 * @typeParam Context the type of `conn.context`, which `authorize` returns as `context`.
 * @typeParam Request what a request is: on an HTTP/2 server `Http2ServerRequest`, or that and `IncomingMessage`.
 */
export class WebSocketServer<
  Context = undefined,
  Request extends AnyRequest = IncomingMessage,
> extends TypedEmitter<ServerEvents<Context, Request>> {
  readonly #options: ResolvedOptions<Context>;
  readonly #server: Server | undefined;
  readonly #own: OwnServer | undefined;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #counters = new Counters();
  /** Only with `maxTotalBuffered`, of this server or of `limits`. */
  readonly #budget: BufferBudget | undefined;
  readonly #policy: UpgradePolicy<Context>;
  readonly #opener: ConnectionOpener<Context>;
  readonly #upgrader: AnyUpgrader<Context>;
  readonly #connections = new Set<WebSocketConnection<Context>>();
  readonly #topics: Topics<Context>;
  #closing: Promise<CloseReport> | undefined;
  /** Removes the listener of `signal`. */
  #forgetSignal: (() => void) | undefined;
  readonly #detach: (() => void) | undefined;

  static {
    joinServer = (server, ...parts) => server.#opener.adopt(...parts);
  }

  /** Attach to a server of node:http, node:https or node:http2. */
  constructor(server: UpgradingServer, options?: ServerOptions<Context, Request> & AttachedParts);
  /**
   * Create an http.Server, or with `tls` an https.Server, or with `http2` an HTTP/2 server, that listens on
   * `port` or `socketPath`. It answers plain requests with 426.
   */
  constructor(options: ServerOptions<Context, Request> & OwnServerOptions);
  /** Create a server without an http.Server: the application calls `handleUpgrade` or `accept`. */
  constructor(options: ServerOptions<Context, Request> & { readonly noServer: true });
  constructor(
    first: UpgradingServer | (ServerOptions<Context, Request> & Attachment),
    options?: ServerOptions<Context, Request> & AttachedParts,
  ) {
    super();
    // The type of requests is the user's claim about the server.
    const args = readConstructorArguments<Context>(first as UpgradingServer, options as object);
    const { attached, own, usesHttp2 } = args;
    const emitter = this as unknown as TypedEmitter<ServerEvents<Context>>;
    this.#options = args.options;
    const { clock = systemClock, logger, maxTotalBuffered, messageRate, limits } = this.#options;
    this.#clock = clock;
    this.#log = createLog(logger, clock);
    if (this.#options.origin === '*') this.#log.hint(ANY_ORIGIN);
    this.#deadlines = new Deadlines(clock);
    const [deadlines, log] = [this.#deadlines, this.#log];
    const heartbeat = new Heartbeat(deadlines, clock, this.#options);
    const shared = limits && sharesOf(limits).budget;
    if (maxTotalBuffered !== Infinity || shared !== undefined) {
      this.#budget = new BufferBudget(maxTotalBuffered, shared);
    }
    const policy = new UpgradePolicy(emitter, this.#connections, this.#options, log);
    const unreadHint = new UnreadHint(log, clock, heartbeat.consumerTimeout);
    const retained = new RetainedMessages(this.#options.maxRetained, this.#budget);
    this.#topics = new Topics(emitter, this.#options.maxTopicsPerConnection, retained);
    const settings = connectionSettings(this.#options, {
      decoder: { role: 'server', maxPayload: this.#options.maxPayload, rsv1: false },
      budget: this.#budget,
      deadlines,
      counters: this.#counters,
      heartbeat,
      messageRate: messageRate && new MessageRate(messageRate, deadlines, clock),
      topics: this.#topics,
      answersPings: true,
      holdsAfterClose: false,
      observer: observeConnections(emitter, this.#connections, policy, log, unreadHint),
    });
    const { perMessageDeflate } = this.#options;
    const all = this.#connections;
    const opener = new ConnectionOpener(emitter, all, policy, settings, perMessageDeflate);
    const upgrader = new AnyUpgrader(policy, opener, this.#options, deadlines, log);
    this.#policy = policy;
    this.#opener = opener;
    this.#upgrader = upgrader;
    const ownsServer = own.port !== undefined || own.socketPath !== undefined;
    this.#own = ownsServer ? createOwnServer(own, this.#options.upgradeTimeout, log) : undefined;
    this.#server = attached ?? this.#own?.server;
    this.#topics.connect(this.#options, deadlines, log); // may throw, so nothing is attached yet
    if (this.#server !== undefined) {
      const parts = { server: this, ownsServer, policy, upgrader, deadlines, log };
      const endpoint = createEndpoint({ ...parts, options: this.#options });
      this.#detach = attach(this.#server, endpoint, usesHttp2, log);
    }
    if (ownsServer) this.#listen(own);
  }

  #listen({ port, host, socketPath, backlog, signal }: Attachment): void {
    const server = this.#server!;
    server.on('error', (error) => {
      if (!server.listening) void this.close(); // it never will, so nothing may wait for it
      this.emit('error', error);
    });
    if (signal?.aborted === true) {
      void this.close();
      return;
    }
    if (signal !== undefined) this.#forgetSignal = onAbort(signal, () => void this.close());
    try {
      server.listen(
        socketPath === undefined ? { port, host, backlog } : { path: socketPath, backlog },
      );
    } catch (error) {
      void this.close();
      throw error; // Node throws for a host with a NUL, and for what its permissions forbid
    }
  }

  /** The connections that are open or closing. */
  get connections(): ReadonlySet<WebSocketConnection<Context>> {
    return this.#connections;
  }

  /** Read the server's gauges and counters. `bytesBuffered` and `connectionsByTransport` visit every connection. */
  stats(): ServerStats {
    const { pending, counters } = this.#policy;
    const bytesCharged = this.#budget?.total ?? 0;
    const topics = topicStats(this.#topics, this.#counters);
    const broker = this.#topics.link?.stats();
    const [connections, own] = [this.#connections, this.#counters];
    return collectStats(connections, pending, counters, own, bytesCharged, topics, broker);
  }

  /** The address of the http.Server; `null` without one, or before it listens. */
  address(): AddressInfo | string | null {
    return this.#server?.address() ?? null;
  }

  /**
   * Upgrade a request under the whole policy, `authorize` included. One of HTTP/2 comes with `request.stream` as
   * the socket and an empty head. Without `authorize`, or if it
   * returns synchronously, the 101 is written and `'connection'` emitted before this returns.
   *
   * @returns a promise that never rejects. It resolves to the connection, or to `undefined` if the
   * upgrade was rejected, the client left, or the socket was given to a WebSocketServer before.
   * @throws TypeError for arguments that are not those of an `'upgrade'` event, and for a callback.
   */
  handleUpgrade(
    request: AnyRequest,
    socket: Duplex,
    head: Buffer,
  ): Promise<WebSocketConnection<Context> | undefined>;
  handleUpgrade(...args: UpgradeArguments): Promise<WebSocketConnection<Context> | undefined> {
    const isServer = #upgrader in (Object(this) as object);
    const checked = checkUpgradeCall('handleUpgrade', isServer, args);
    return this.#upgrader.upgrade(...checked);
  }

  /**
   * Upgrade a request now, without the policy. Use it if the application has made the decision.
   * Nothing is written if it throws.
   *
   * @throws UpgradeRejection if the request is not a WebSocket handshake; TypeError for a header or
   * subprotocol that cannot be sent, and for arguments that are not those of an `'upgrade'` event;
   * Error once `close()` was called, if the client has left, or if the socket was given to a
   * WebSocketServer before, ws's included.
   */
  accept(
    request: AnyRequest,
    socket: Duplex,
    head: Buffer,
    options?: Authorization<Context>,
  ): WebSocketConnection<Context>;
  accept(...args: UpgradeArguments): WebSocketConnection<Context> {
    const checked = checkUpgradeCall('accept', #upgrader in (Object(this) as object), args);
    return this.#upgrader.accept(...checked, args[3] ?? {});
  }

  /**
   * Encode a message once, to send it many times.
   *
   * @throws TypeError for data that is neither a string nor bytes, for bytes to be sent as Text that
   * are not UTF-8, and for options that are unknown or have a wrong type.
   */
  prepare(data: Data, options?: PrepareOptions): PreparedMessage {
    return prepare(data, options);
  }

  /**
   * Send a message to all open connections, or to those that the options select. It is encoded once.
   * It may be dropped for a slow peer (see `slowConsumer`) unless `droppable` is `false`.
   *
   * @returns the number of connections, including those that drop it.
   * @throws TypeError for data that is neither a string nor bytes, for bytes to be sent as Text that
   * are not UTF-8, and for options that are unknown or have a wrong type. Nothing is sent then.
   */
  broadcast(data: Data, options?: BroadcastOptions<Context>): number {
    return broadcast(this.#connections, data, options);
  }

  /**
   * Send a message to the connections that are subscribed to a topic now, and by the `broker` to those of other
   * nodes. It is encoded once.
   *
   * A message is delivered at most once. Subscribers of this process get it at once, whatever the broker does.
   * What one node publishes to one topic arrives in the order of the calls; between nodes there is no order.
   *
   * @param topic its exact name, 1 to 255 bytes of UTF-8.
   * @returns the number of subscribers here, including those that drop it; 0 once `close()` was called.
   * @throws TypeError, RangeError for a bad topic, key, data or option, and for a message that is too long for
   * the broker. Nothing is sent then.
   */
  publish(topic: string, data: Data, options?: PublishOptions<Context>): number {
    const publication = toPublication(topic, data, options);
    return this.#policy.isClosing ? 0 : this.#topics.publish(topic, publication);
  }

  /**
   * The connections of this process that are subscribed to a topic: a live set, always the same one.
   *
   * @throws TypeError, RangeError for a bad topic.
   */
  subscribers(topic: string): ReadonlySet<WebSocketConnection<Context>> {
    checkName('subscribers', 'topic', topic);
    return this.#topics.subscribers(topic);
  }

  /** The topics that have subscribers. */
  topicNames(): Iterable<string> {
    return this.#topics.names();
  }

  /**
   * Wait until the broker, if there is one, has confirmed that this process gets what other nodes publish to a
   * topic. Read the state then, and no later change is missed.
   *
   * @returns a promise that rejects with the signal's reason if it aborts, and with ConnectionError
   * (`ERR_NOT_SUBSCRIBED`) if the topic has or gets no subscriber here, or the server closes.
   * @throws TypeError, RangeError for a bad topic, and for options that are unknown or have a wrong type.
   */
  joined(topic: string, options: JoinedOptions = {}): Promise<void> {
    return this.#topics.joined(topic, checkJoinedOptions(topic, options), this.#policy.isClosing);
  }

  /**
   * Shut down: new upgrades get 503, every connection gets a Close after its queued messages, and
   * connections that have not ended by the deadline are terminated. The http.Server is closed only
   * if this server created it. A second call returns the same promise.
   *
   * @returns a promise of how the connections ended; it never rejects.
   * @throws RangeError, TypeError for a code or reason that must not be sent, and for options that
   * are unknown or have a wrong value. Nothing has begun then.
   */
  close(options: ServerCloseOptions = {}): Promise<CloseReport> {
    checkCloseOptions(options);
    return (this.#closing ??= this.#shutDown(options));
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #shutDown(options: ServerCloseOptions): Promise<CloseReport> {
    this.#forgetSignal?.();
    this.#policy.close();
    const own = this.#own?.close();
    const terminate = (): void => {
      this.#upgrader.terminateRejected();
      own?.terminate();
    };
    const report = await closeConnections(
      [...this.#connections],
      options,
      this.#deadlines,
      this.#clock,
      own && { ...own, terminate },
    );
    await this.#topics.close();
    this.#detach?.();
    callIsolated(() => this.emit('close'));
    return report;
  }
}
