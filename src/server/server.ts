import type { IncomingMessage, Server } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { type AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Admission, unavailable } from './admission.js';
import type { ConnectionObserver, ConnectionSettings } from '../connection/settings.js';
import { WebSocketConnection } from '../connection/connection.js';
import { type Clock, Deadlines, systemClock } from '../connection/deadlines.js';
import { createLog, type Log } from './logger.js';
import {
  type Authorization,
  type AuthorizeResult,
  checkAuthorization,
  type ResolvedOptions,
  resolveOptions,
  type ServerOptions,
} from './options.js';
import { type PendingOutcome, PendingUpgrade } from './pending-upgrade.js';
import { formatClosePayload } from '../protocol/close.js';
import { ProtocolError } from '../protocol/errors.js';
import { checkUpgrade, formatUpgradeResponse, type Handshake } from '../protocol/handshake.js';
import { type Data, prepareMessage, PreparedMessage } from '../protocol/prepared-message.js';
import { checkSubprotocol } from '../protocol/subprotocol.js';
import { UpgradeRejection } from '../protocol/upgrade-rejection.js';
import { closeServer, createOwnServer } from './own-http-server.js';
import { refuse } from './refusal.js';
import type { SendOptions } from '../connection/sender.js';
import type { BroadcastOptions, ServerEvents } from './events.js';
import { closeConnections, type CloseReport, type ServerCloseOptions } from './shutdown.js';
import { heedErrors, ignoreErrors } from './socket-errors.js';
import { throwLater } from './throw-later.js';
import { TypedEmitter } from '../connection/typed-emitter.js';
import { UpgradeDispatcher, type UpgradeEndpoint } from './upgrade-dispatcher.js';

/**
 * Upgrades HTTP requests to WebSocket connections (RFC 6455) and keeps them.
 *
 * ```ts
 * const wss = new WebSocketServer(server);                    // on your http.Server
 * const wss = new WebSocketServer({ port: 8080 });            // on one of its own
 * const wss = new WebSocketServer({ noServer: true });        // on none: call handleUpgrade
 * ```
 *
 * @typeParam Context what `authorize` returns as `context`; `conn.context` has this type.
 */
export class WebSocketServer<Context = undefined> extends TypedEmitter<ServerEvents<Context>> {
  readonly #options: ResolvedOptions<Context>;
  readonly #server: Server | HttpsServer | undefined;
  readonly #ownsServer: boolean;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #admission: Admission;
  readonly #deadlines: Deadlines;
  readonly #settings: ConnectionSettings;
  readonly #connections = new Set<WebSocketConnection<Context>>();
  readonly #pending = new Set<PendingUpgrade>();
  /** Sockets of refused upgrades whose clients have not ended yet. */
  readonly #refused = new Set<Duplex>();
  #closing: Promise<CloseReport> | undefined;

  /** Attach to an http.Server or https.Server. */
  constructor(server: Server | HttpsServer, options?: ServerOptions<Context>);
  /** Make an http.Server that listens on `port` (0 picks one) and answers plain requests with 426. */
  constructor(options: ServerOptions<Context> & { readonly port: number; readonly host?: string });
  /** Attach to nothing. */
  constructor(options: ServerOptions<Context> & { readonly noServer: true });
  constructor(
    first: Server | HttpsServer | (ServerOptions<Context> & Attachment),
    options: ServerOptions<Context> = {},
  ) {
    super();
    const attached = isServer(first) ? first : undefined;
    const { port, host, noServer } = attached === undefined ? attachment(first) : {};
    if (attached === undefined && (port === undefined) === (noServer === undefined)) {
      throw new TypeError(
        'WebSocketServer: expected an http.Server, or options with either port or noServer: true',
      );
    }
    this.#options = resolveOptions<Context>(
      attached === undefined ? first : options,
      attached !== undefined ? [] : port === undefined ? ['noServer'] : ['port', 'host'],
    );
    const {
      clock = systemClock,
      logger,
      textAs,
      highWaterMark,
      closeTimeout,
      messageTimeout,
      maxPayload,
    } = this.#options;
    this.#clock = clock;
    this.#log = createLog(logger, clock);
    this.#admission = new Admission(this.#options, this.#log);
    this.#deadlines = new Deadlines(clock);
    this.#settings = {
      decoder: { role: 'server', maxPayload, rsv1: false },
      textAs,
      highWaterMark,
      closeTimeout,
      messageTimeout,
      deadlines: this.#deadlines,
      observer: this.#observer(),
    };
    this.#ownsServer = port !== undefined;
    this.#server = attached ?? (port === undefined ? undefined : createOwnServer());
    if (this.#server !== undefined) {
      UpgradeDispatcher.of(this.#server).add(this.#endpoint());
      this.#server.on('listening', () => this.emit('listening'));
    }
    if (port !== undefined) {
      this.#server!.on('error', (error) => this.emit('error', error));
      this.#server!.listen(port, host);
    }
  }

  /** The open connections, and those that are closing. */
  get connections(): ReadonlySet<WebSocketConnection<Context>> {
    return this.#connections;
  }

  /** Where the http.Server listens; `null` without one or before it does. */
  address(): AddressInfo | string | null {
    return this.#server?.address() ?? null;
  }

  /**
   * Upgrade a request: the whole policy, `authorize` included. Without `authorize`, or with one that
   * returns synchronously, the 101 and `'connection'` have happened when it returns.
   *
   * @returns the connection, or `undefined` if the upgrade was refused or the client left. Never
   * throws or rejects.
   */
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<WebSocketConnection<Context> | undefined> {
    ignoreErrors(socket);
    try {
      if (this.#closing !== undefined) throw unavailable('the server is shutting down');
      const handshake = this.#admission.admit(
        request,
        socket,
        this.#connections.size,
        this.#pending.size,
      );
      const pending = new PendingUpgrade(socket, head);
      const result = this.#options.authorize?.(request, pending);
      if (isPromise(result)) return this.#await(result, pending, request, socket, handshake);
      return Promise.resolve(this.#decide(request, socket, head, handshake, result));
    } catch (error) {
      this.#refuse(request, socket, error);
      return Promise.resolve(undefined);
    }
  }

  /**
   * Upgrade a request now, without the policy: for applications that have decided for themselves.
   *
   * @throws UpgradeRejection if the request is no WebSocket handshake (nothing is written then),
   * TypeError for a header or subprotocol that cannot be sent, Error once `close()` was called or
   * if the client has left.
   */
  accept(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    options: Authorization<Context> = {},
  ): WebSocketConnection<Context> {
    if (this.#closing !== undefined) {
      throw new Error('accept: this WebSocketServer is closed or closing');
    }
    ignoreErrors(socket);
    const handshake = checkUpgrade(request);
    if (socket.destroyed) throw new Error('accept: the client has left');
    return this.#open(request, socket, head, handshake, options);
  }

  /** Encode a message once, to send it many times. */
  prepare(
    data: Exclude<Data, PreparedMessage>,
    options: { readonly binary?: boolean } = {},
  ): PreparedMessage {
    return prepareMessage(data, options.binary);
  }

  /**
   * Send a message to all open connections. It is encoded once.
   *
   * @returns to how many.
   */
  broadcast(data: Data, options: BroadcastOptions<Context> = {}): number {
    const { except, filter, binary, ...send } = options;
    const message = data instanceof PreparedMessage ? data : prepareMessage(data, binary);
    const excluded =
      except instanceof WebSocketConnection || except === undefined ? undefined : new Set(except);
    const sendOptions: SendOptions = { ...send, droppable: true };
    let count = 0;
    for (const connection of this.#connections) {
      if (connection === except || connection.readyState !== 'open') continue;
      if (excluded?.has(connection) === true) continue;
      if (filter !== undefined && !filter(connection)) continue;
      connection.send(message, sendOptions);
      count++;
    }
    return count;
  }

  /**
   * Shut down: new upgrades get 503, what is queued may leave, every connection gets a Close, and
   * what has not ended by the deadline is cut. An http.Server is closed only if this made it.
   * Calling it again returns the same promise.
   *
   * @returns how the connections ended; never rejects.
   * @throws RangeError, TypeError for a code or reason that must not be sent.
   */
  close(options: ServerCloseOptions = {}): Promise<CloseReport> {
    formatClosePayload(options.code ?? 1001, options.reason);
    return (this.#closing ??= this.#shutDown(options));
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // From request to connection.

  #endpoint(): UpgradeEndpoint {
    const { path, upgradeTimeout } = this.#options;
    const isClosing = (): boolean => this.#closing !== undefined;
    return {
      path,
      get isClosed() {
        return isClosing();
      },
      deadlines: this.#deadlines,
      upgradeTimeout,
      matches: (asked, request) =>
        path === undefined ||
        (typeof path === 'function' ? path(asked, request) : matchesPath(path, asked)),
      handle: (request, socket, head) => void this.handleUpgrade(request, socket, head),
      fail: (request, socket, error) => {
        this.#refuse(request, socket, error);
      },
      refuse: (request, socket, rejection) => {
        this.#refuse(request, socket, rejection);
      },
    };
  }

  /** An `authorize` that takes its time. */
  async #await(
    result: Promise<AuthorizeResult<Context>>,
    pending: PendingUpgrade,
    request: IncomingMessage,
    socket: Duplex,
    handshake: Handshake,
  ): Promise<WebSocketConnection<Context> | undefined> {
    this.#pending.add(pending);
    const undone = pending.watch(this.#deadlines, this.#options.upgradeTimeout);
    try {
      const answer = await Promise.race([result, undone]);
      this.#pending.delete(pending);
      const { outcome } = pending; // also what has happened since `authorize` answered
      if (outcome === undefined) {
        return this.#decide(request, socket, pending.release(), handshake, answer);
      }
      pending.release();
      this.#refuseUndone(outcome, request, socket);
    } catch (error) {
      pending.release();
      this.#pending.delete(pending);
      this.#refuse(request, socket, error);
    }
    return undefined;
  }

  /** `authorize` has answered: open, unless it is too late. @throws what makes it a refusal */
  #decide(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    handshake: Handshake,
    answer: AuthorizeResult<Context>,
  ): WebSocketConnection<Context> | undefined {
    if (this.#closing !== undefined) throw unavailable('the server is shutting down');
    const authorization = checkAuthorization<Context>(answer);
    // A socket that is gone will not say so a second time.
    if (socket.destroyed) return undefined;
    return this.#open(request, socket, head, handshake, authorization);
  }

  #refuseUndone(outcome: PendingOutcome, request: IncomingMessage, socket: Duplex): void {
    if (outcome === 'left') {
      socket.destroy();
      return;
    }
    this.#refuse(
      request,
      socket,
      unavailable(
        outcome === 'timeout' ? 'authorization took too long' : 'the server is shutting down',
      ),
    );
  }

  /** Write the 101 and make the connection. @throws TypeError for what the application chose wrong */
  #open(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    handshake: Handshake,
    { context, headers = {}, subprotocol, maxPayload }: Authorization<Context>,
  ): WebSocketConnection<Context> {
    const chosen = subprotocol ?? this.#admission.subprotocolFor(handshake.subprotocols, request);
    if (chosen !== undefined) checkSubprotocol(chosen, handshake.subprotocols);
    const response = formatUpgradeResponse(handshake.key, {
      headers,
      ...(chosen === undefined ? {} : { subprotocol: chosen }),
    });
    quieten(socket);
    const connection = new WebSocketConnection<Context>(socket, this.#settings, {
      context: context as Context,
      url: request.url!, // checkUpgrade has seen it
      subprotocol: chosen ?? '',
      extensions: '',
      remoteAddress: this.#admission.addressOf(request, socket),
      copies: socket instanceof Socket && !('encrypted' in socket),
      maxPayload,
    });
    heedErrors(socket);
    this.#connections.add(connection);
    socket.write(response, 'latin1');
    throwLater(() => this.emit('connection', connection, request));
    throwLater(() => {
      connection.start(head);
    });
    return connection;
  }

  #refuse(request: IncomingMessage, socket: Duplex, error: unknown): void {
    let rejection: UpgradeRejection;
    if (error instanceof UpgradeRejection) {
      rejection = error;
    } else {
      rejection = new UpgradeRejection(500);
      this.#log.applicationError('an upgrade failed with an exception of the application', error);
    }
    if (!socket.destroyed) {
      this.#refused.add(socket);
      socket.once('close', () => this.#refused.delete(socket));
    }
    refuse(socket, rejection, this.#deadlines, this.#options.closeTimeout);
    const reason = rejection.message;
    let address: string | undefined;
    try {
      address = this.#admission.addressOf(request, socket);
    } catch (fault) {
      this.#log.applicationError('option trustProxy threw an exception', fault);
    }
    this.#log.refusal(
      `refused an upgrade from ${address ?? 'unknown'} with ${rejection.status}: ${reason}`,
    );
    throwLater(() =>
      this.emit('rejected', { status: rejection.status, reason, request, remoteAddress: address }),
    );
  }

  // The connections.

  #observer(): ConnectionObserver {
    return {
      failed: (error, connection) => {
        const failed = connection as WebSocketConnection<Context>;
        if (error instanceof ProtocolError) {
          this.#log.peerError(
            `closed ${failed.remoteAddress ?? 'a connection'} with ${error.closeCode}: ${error.message}`,
            error,
          );
        }
        this.emit('connectionError', error, failed);
      },
      closed: (connection) => {
        this.#connections.delete(connection as WebSocketConnection<Context>);
      },
    };
  }

  async #shutDown(options: ServerCloseOptions): Promise<CloseReport> {
    for (const pending of this.#pending) pending.abort('closing');
    const own = this.#ownsServer ? this.#server : undefined;
    const ended = own && closeServer(own);
    const report = await closeConnections(
      [...this.#connections],
      options,
      this.#deadlines,
      this.#clock,
      {
        end: async () => {
          own?.closeAllConnections();
          await ended;
        },
        cut: () => {
          if (own !== undefined) for (const socket of this.#refused) socket.destroy();
        },
      },
    );
    throwLater(() => this.emit('close'));
    return report;
  }
}

/** The options that say what a server is attached to. */
interface Attachment {
  readonly port?: number;
  readonly host?: string;
  readonly noServer?: boolean;
}

function attachment(first: unknown): Attachment {
  return (first as Attachment | null | undefined) ?? {};
}

/** Told by its methods, so that what stands in for an http.Server will do; an Express application will not. */
function isServer(first: unknown): first is Server {
  const { on, address, listen } = (first as Partial<Server> | null | undefined) ?? {};
  return [on, address, listen].every((method) => typeof method === 'function');
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | undefined)?.then === 'function';
}

function matchesPath(path: string | RegExp, asked: string): boolean {
  return typeof path === 'string' ? path === asked : path.test(asked);
}

/** Small frames must not wait for others, and silence is what the connection's own limits are for. */
function quieten(socket: Duplex): void {
  const { setNoDelay, setTimeout } = socket as {
    setNoDelay?: (on: boolean) => void;
    setTimeout?: (milliseconds: number) => void;
  };
  setNoDelay?.call(socket, true);
  setTimeout?.call(socket, 0);
}
