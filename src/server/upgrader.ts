import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createConnection, type WebSocketConnection } from '../connection/connection.js';
import type { ConnectionSettings } from '../connection/settings.js';
import type { TypedEmitter } from '../connection/typed-emitter.js';
import { checkUpgrade, formatUpgradeResponse } from '../protocol/handshake.js';
import type { FrameDecoderOptions } from '../protocol/frame-decoder.js';
import { checkSubprotocol } from '../protocol/subprotocol.js';
import { rejectionOf, UpgradeRejection } from '../protocol/upgrade-rejection.js';
import type { Compressions } from './compressions.js';
import { tellAbandoned, tellOpened, tellRejected, tellRequested } from './diagnostics.js';
import { Addresses } from './addresses.js';
import { Admission, type Admitted, unavailable } from './admission.js';
import type { ServerEvents } from './events.js';
import type { Log } from './logger.js';
import type { Authorization, AuthorizeResult } from './options.js';
import { type PendingOutcome, PendingUpgrade } from './pending-upgrade.js';
import { refuse } from './refusal.js';
import type { PathMatch } from './path-match.js';
import { requestUrl } from './request-url.js';
import { checkAuthorization, type ResolvedOptions } from './resolve-options.js';
import { sharesOf } from './shared-limits.js';
import { heedErrors, ignoreErrors } from './socket-errors.js';
import { UpgradeCounters } from './stats.js';
import { throwLater } from '../connection/throw-later.js';

/** From an upgrade request to a connection or a refusal: admission, `authorize`, the 101. */
export class Upgrader<Context> {
  readonly #server: TypedEmitter<ServerEvents<Context>>;
  readonly #connections: Set<WebSocketConnection<Context>>;
  readonly #options: ResolvedOptions<Context>;
  readonly #settings: ConnectionSettings;
  readonly #log: Log;
  readonly #admission: Admission;
  readonly #compressions: Compressions | undefined;
  readonly #compressedDecoder: FrameDecoderOptions;
  /** How the upgrades went. */
  readonly counters: UpgradeCounters = new UpgradeCounters();
  /** What option `path` made of the requests that the dispatcher has asked it about. */
  readonly matched: WeakMap<IncomingMessage, PathMatch> = new WeakMap<IncomingMessage, PathMatch>();
  readonly #pending = new Set<PendingUpgrade>();
  readonly #addresses: Addresses;
  /** Sockets of refused upgrades whose clients have not ended yet. */
  readonly #refused = new Set<Duplex>();
  #closing = false;

  /**
   * @param server where `'connection'` and `'rejected'` are emitted.
   * @param connections where new connections go.
   */
  constructor(
    server: TypedEmitter<ServerEvents<Context>>,
    connections: Set<WebSocketConnection<Context>>,
    options: ResolvedOptions<Context>,
    settings: ConnectionSettings,
    log: Log,
    compressions?: Compressions,
  ) {
    this.#compressions = compressions;
    this.#server = server;
    this.#connections = connections;
    this.#options = options;
    this.#settings = settings;
    this.#compressedDecoder = { ...settings.decoder, rsv1: true };
    this.#log = log;
    this.#admission = new Admission(options, log);
    this.#addresses = new Addresses(
      options.maxConnectionsPerAddress,
      options.limits && sharesOf(options.limits).addresses,
    );
  }

  /** Upgrades for whose `authorize` the server waits, also if the client has left meanwhile. */
  get pending(): number {
    return this.#pending.size;
  }

  /** See `WebSocketServer.handleUpgrade`. */
  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<WebSocketConnection<Context> | undefined> {
    ignoreErrors(socket);
    tellRequested(this.#server, request);
    let admitted: Admitted;
    try {
      if (this.#closing) throw unavailable('the server is shutting down');
      const occupancy = {
        connections: this.#connections.size,
        pending: this.#pending.size,
        addresses: this.#addresses,
      };
      admitted = this.#admission.admit(request, socket, occupancy, this.matched.get(request));
    } catch (error) {
      this.refuse(request, socket, error);
      return Promise.resolve(undefined);
    }
    this.#addresses.add(admitted.address);
    const pending = new PendingUpgrade(socket, head);
    const upgraded = this.#authorize(request, socket, head, admitted, pending);
    // Whatever became of it: a connection is counted until it has ended.
    void upgraded.then(async (connection) => {
      if (connection !== undefined) return;
      await pending.answered;
      this.#addresses.remove(admitted.address);
    });
    return upgraded;
  }

  /** A connection has ended. */
  forget({ remoteAddress }: WebSocketConnection<Context>): void {
    this.#addresses.remove(remoteAddress);
  }

  /** See `WebSocketServer.accept`. */
  accept(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    options: Authorization<Context>,
  ): WebSocketConnection<Context> {
    if (this.#closing) {
      throw new Error('accept: this WebSocketServer is closed or closing');
    }
    const checked = checkAuthorization<Context>(options, 'accept');
    ignoreErrors(socket);
    const handshake = checkUpgrade(request);
    if (socket.destroyed) throw new Error('accept: the client has left');
    const address = this.#admission.addressOf(request, socket);
    const connection = this.#open(request, socket, head, { handshake, address }, checked);
    this.#addresses.add(address);
    return connection;
  }

  /** Refuse from now on, also those that are pending. */
  close(): void {
    this.#closing = true;
    for (const pending of this.#pending) pending.abort('closing');
  }

  /** Cut the refused clients that have not ended. */
  cutRefused(): void {
    for (const socket of this.#refused) socket.destroy();
  }

  /** Ask the application, and open or refuse. Never rejects. */
  #authorize(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    admitted: Admitted,
    pending: PendingUpgrade,
  ): Promise<WebSocketConnection<Context> | undefined> {
    let url: URL | undefined; // made when it is first asked for
    try {
      const result = this.#options.authorize?.(request, {
        get signal() {
          return pending.signal;
        },
        get url() {
          return (url ??= requestUrl(admitted.host, admitted.handshake.target));
        },
        match: admitted.match,
      });
      if (isPromise(result)) {
        // What only has a `then`, such as a query of a database, may begin anew each time it is called.
        const answer = Promise.resolve(result);
        return this.#await(answer, pending, request, socket, admitted);
      }
      return Promise.resolve(this.#decide(request, socket, head, admitted, result));
    } catch (error) {
      this.refuse(request, socket, error);
      return Promise.resolve(undefined);
    }
  }

  /** An `authorize` that takes its time. */
  async #await(
    answer: Promise<AuthorizeResult<Context>>,
    pending: PendingUpgrade,
    request: IncomingMessage,
    socket: Duplex,
    admitted: Admitted,
  ): Promise<WebSocketConnection<Context> | undefined> {
    this.#pending.add(pending);
    const undone = pending.watch(answer, this.#settings.deadlines, this.#options.upgradeTimeout);
    try {
      const result = await Promise.race([answer, undone]);
      const { outcome } = pending; // also what has happened since `authorize` answered
      if (outcome === undefined) {
        this.#pending.delete(pending);
        return this.#decide(request, socket, pending.release(), admitted, result);
      }
      pending.release();
      void pending.answered!.then(() => this.#pending.delete(pending));
      this.#refuseUndone(outcome, request, socket);
    } catch (error) {
      pending.release();
      this.#pending.delete(pending);
      this.refuse(request, socket, error);
    }
    return undefined;
  }

  /** `authorize` has answered: open, unless it is too late. @throws what makes it a refusal */
  #decide(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    admitted: Admitted,
    answer: AuthorizeResult<Context>,
  ): WebSocketConnection<Context> | undefined {
    if (this.#closing) throw unavailable('the server is shutting down');
    const authorization = checkAuthorization<Context>(answer);
    // A socket that is gone will not say so a second time.
    if (socket.destroyed) {
      this.#abandon(request);
      return undefined;
    }
    return this.#open(request, socket, head, admitted, authorization);
  }

  /** The client left before it was decided. */
  #abandon(request: IncomingMessage): void {
    this.counters.abandoned++;
    tellAbandoned(this.#server, request);
  }

  #refuseUndone(outcome: PendingOutcome, request: IncomingMessage, socket: Duplex): void {
    if (outcome === 'left') {
      socket.destroy();
      this.#abandon(request);
      return;
    }
    this.refuse(
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
    { handshake, address }: Pick<Admitted, 'handshake' | 'address'>,
    { context, headers, subprotocol, maxPayload }: Authorization<Context>,
  ): WebSocketConnection<Context> {
    const chosen = subprotocol ?? this.#admission.subprotocolFor(handshake.subprotocols, request);
    if (chosen !== undefined) checkSubprotocol(chosen, handshake.subprotocols);
    const negotiated = this.#compressions?.negotiate(handshake.extensions);
    const response = formatUpgradeResponse(handshake.key, {
      headers,
      subprotocol: chosen,
      extensions: negotiated?.response,
    });
    quieten(socket);
    const connection = createConnection(socket, this.#settings, {
      context: context as Context,
      url: request.url!, // checkUpgrade has seen it
      subprotocol: chosen ?? '',
      extensions: negotiated?.response ?? '',
      remoteAddress: address,
      copies: socket instanceof Socket && !('encrypted' in socket),
      decoder: this.#decoderOptions(maxPayload, negotiated !== undefined),
      // Last: what it takes of the budget is given back only when a connection closes.
      compression: negotiated && this.#compressions!.open(negotiated),
    });
    heedErrors(socket);
    this.#connections.add(connection);
    socket.write(response, 'latin1');
    this.counters.accepted++;
    tellOpened(this.#server, request, connection);
    throwLater(() => this.#server.emit('connection', connection, request));
    throwLater(() => {
      connection.start(head);
    });
    return connection;
  }

  /** One object for as many connections as possible. */
  #decoderOptions(maxPayload: number | undefined, compressed: boolean): FrameDecoderOptions {
    const options = compressed ? this.#compressedDecoder : this.#settings.decoder;
    return maxPayload === undefined ? options : { ...options, maxPayload };
  }

  /** Answer with a refusal, whatever was thrown, and tell. */
  refuse(request: IncomingMessage, socket: Duplex, error: unknown): void {
    let rejection = rejectionOf(error);
    if (rejection === undefined) {
      rejection = new UpgradeRejection(500);
      this.#log.applicationError('an upgrade failed with an exception of the application', error);
    }
    if (!socket.destroyed) {
      this.#refused.add(socket);
      socket.once('close', () => this.#refused.delete(socket));
    }
    refuse(socket, rejection, this.#settings.deadlines, this.#options.closeTimeout);
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
    const rejected = { status: rejection.status, reason, request, remoteAddress: address };
    this.counters.refused(rejection.status);
    tellRejected(this.#server, rejected);
    throwLater(() => this.#server.emit('rejected', rejected));
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | undefined)?.then === 'function';
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
