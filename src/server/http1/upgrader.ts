import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createConnection, type WebSocketConnection } from '../../connection/connection.js';
import type { ConnectionSettings } from '../../connection/settings.js';
import type { TypedEmitter } from '../../connection/typed-emitter.js';
import { checkUpgrade, formatUpgradeResponse } from '../../protocol/handshake/opening-handshake.js';
import type { FrameDecoderOptions } from '../../protocol/framing/frame-decoder.js';
import type { ExtensionOffer } from '../../protocol/handshake/extensions.js';
import { checkSubprotocol } from '../../protocol/handshake/subprotocol.js';
import { rejectionOf, UpgradeRejection } from '../../protocol/handshake/upgrade-rejection.js';
import type { DeflateBudget } from '../deflate-budget.js';
import {
  publishAbandoned,
  publishOpened,
  publishRejected,
  publishRequested,
} from '../diagnostics.js';
import { AddressLimit } from '../admission/address-limit.js';
import { Admission, type Admitted, unavailable } from '../admission/admission.js';
import { earlierResponses } from './earlier-responses.js';
import type { ServerEvents } from '../events.js';
import type { Log } from '../logger.js';
import type { Authorization, AuthorizeResult } from '../options/options.js';
import { type PendingOutcome, PendingUpgrade } from './pending-upgrade.js';
import type { PathMatch } from '../admission/path-match.js';
import { peerAddressOf, tuneSocket, rawSocketOf, writtenTo } from './raw-socket.js';
import { lingerUntilEnd, reject } from './refusal.js';
import { requestUrl } from './request-url.js';
import { checkAuthorization, type ResolvedOptions } from '../options/resolve-options.js';
import { sharesOf } from '../admission/shared-limits.js';
import { stopIgnoringErrors, ignoreErrors } from './socket-errors.js';
import { UpgradeCounters } from '../stats.js';
import { isTaken, takeSocket } from './taken-sockets.js';
import { UpgradeBody } from './upgrade-body.js';
import { callIsolated } from '../../connection/call-isolated.js';

/** From an upgrade request to a connection or a refusal: admission, `authorize`, the 101. */
export class Upgrader<Context> {
  readonly #server: TypedEmitter<ServerEvents<Context>>;
  readonly #connections: Set<WebSocketConnection<Context>>;
  readonly #options: ResolvedOptions<Context>;
  readonly #settings: ConnectionSettings;
  readonly #log: Log;
  readonly #admission: Admission;
  readonly #compressions: DeflateBudget | undefined;
  readonly #compressedDecoder: FrameDecoderOptions;
  /** How the upgrades went. */
  readonly counters: UpgradeCounters = new UpgradeCounters();
  /** What option `path` made of the requests that the dispatcher has asked it about. */
  readonly matched: WeakMap<IncomingMessage, PathMatch> = new WeakMap<IncomingMessage, PathMatch>();
  readonly #pending = new Set<PendingUpgrade>();
  readonly #addresses: AddressLimit;
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
    compressions?: DeflateBudget,
  ) {
    this.#compressions = compressions;
    this.#server = server;
    this.#connections = connections;
    this.#options = options;
    this.#settings = settings;
    this.#compressedDecoder = { ...settings.decoder, rsv1: true };
    this.#log = log;
    this.#admission = new Admission(options, log);
    this.#addresses = new AddressLimit(
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
    if (isTaken(request, socket)) {
      this.#log.hint(
        `handleUpgrade: the socket of ${JSON.stringify(request.url)} was given to a WebSocketServer before, and is left alone; let one 'upgrade' listener have it`,
      );
      return Promise.resolve(undefined);
    }
    takeSocket(request, socket);
    ignoreErrors(socket);
    publishRequested(this.#server, request);
    peerAddressOf(request, socket); // before it can be forgotten
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
    if (!socket.writable) {
      if (!socket.destroyed) {
        this.#log.hint(
          `handleUpgrade: the socket of ${JSON.stringify(request.url)} was ended before; no other 'upgrade' listener may end it`,
        );
      }
      this.#abandon(request, socket);
      return Promise.resolve(undefined);
    }
    this.#addresses.add(admitted.address);
    const body = admitted.handshake.hasChunkedBody ? new UpgradeBody(request) : undefined;
    const pending = new PendingUpgrade(socket, head, body);
    const upgraded = this.#authorize(request, socket, admitted, pending, body);
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
    if (isTaken(request, socket)) {
      throw new Error(
        "accept: this socket was given to a WebSocketServer before; let one 'upgrade' listener have it",
      );
    }
    ignoreErrors(socket);
    const handshake = checkUpgrade(request);
    if (socket.destroyed) throw new Error('accept: the client has left');
    if (!socket.writable) throw new Error('accept: the socket was ended before');
    if (earlierResponses(rawSocketOf(request, socket)) !== undefined) {
      throw new Error(
        'accept: the response to an earlier request is still being written; handleUpgrade waits for it',
      );
    }
    const body = handshake.hasChunkedBody ? new UpgradeBody(request) : undefined;
    const first = new PendingUpgrade(socket, head, body).release();
    if (body?.isComplete === false) {
      throw new UpgradeRejection(400, {
        body: 'a WebSocket handshake has no body, or an empty one that comes with it',
      });
    }
    const address = this.#admission.addressOf(request, socket);
    const admitted = { handshake, address };
    const answer = this.#answer(request, admitted, checked);
    takeSocket(request, socket);
    this.#addresses.add(address);
    return this.#open(request, socket, first, admitted, checked, answer);
  }

  /**
   * Make a connection without a handshake, on a transport in memory.
   *
   * @throws Error once `close()` was called.
   */
  adopt(transport: Duplex, context: Context, offers: readonly ExtensionOffer[]): Adopted<Context> {
    if (this.#closing) {
      throw new Error('createConnectionPair: this WebSocketServer is closed or closing');
    }
    const negotiated = this.#compressions?.negotiate(offers);
    const connection = createConnection(transport, this.#settings, {
      context,
      url: '/',
      subprotocol: '',
      extensions: negotiated?.response ?? '',
      remoteAddress: undefined,
      decoder: this.#decoderOptions(undefined, negotiated !== undefined),
      compression: negotiated && this.#compressions!.open(negotiated),
    });
    this.#connections.add(connection);
    this.#addresses.add(undefined);
    this.counters.accepted++;
    connection.start(Buffer.alloc(0));
    return { connection, negotiated, perMessageDeflate: this.#options.perMessageDeflate };
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
    admitted: Admitted,
    pending: PendingUpgrade,
    body: UpgradeBody | undefined,
  ): Promise<WebSocketConnection<Context> | undefined> {
    let url: URL | undefined; // made when it is first asked for
    const ask = (): AuthorizeResult<Context> | Promise<AuthorizeResult<Context>> => {
      pending.writtenBefore = writtenTo(request, socket);
      return this.#options.authorize?.(request, {
        get signal() {
          return pending.signal;
        },
        get url() {
          return (url ??= requestUrl(admitted.host, admitted.handshake.target));
        },
        match: admitted.match,
      });
    };
    try {
      const ready = this.#ready(request, socket, body);
      const result =
        ready === undefined
          ? ask()
          : Promise.race([ready, pending.undone]).then(() =>
              pending.outcome === undefined ? ask() : undefined,
            );
      if (isPromise(result)) {
        // What only has a `then`, such as a query of a database, may begin anew each time it is called.
        const answer = Promise.resolve(result);
        return this.#await(answer, pending, request, socket, admitted);
      }
      return Promise.resolve(this.#decide(request, socket, pending, admitted, result));
    } catch (error) {
      this.refuse(request, socket, error);
      return Promise.resolve(undefined);
    }
  }

  /** When the request may be answered: after the responses to earlier ones, and after its body. */
  #ready(
    request: IncomingMessage,
    socket: Duplex,
    body: UpgradeBody | undefined,
  ): Promise<void> | undefined {
    const begin = (): Promise<void> | undefined => {
      // RFC 9110 section 7.8: the 100 comes before the 101.
      if (/^100-continue$/i.test(request.headers.expect ?? '') && socket.writable) {
        socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
      }
      return body === undefined || body.isComplete ? undefined : body.ended;
    };
    const earlier = earlierResponses(rawSocketOf(request, socket));
    return earlier === undefined ? begin() : earlier.then(begin);
  }

  /** What takes its time: `authorize`, or the end of the request. */
  async #await(
    answer: Promise<AuthorizeResult<Context>>,
    pending: PendingUpgrade,
    request: IncomingMessage,
    socket: Duplex,
    admitted: Admitted,
  ): Promise<WebSocketConnection<Context> | undefined> {
    this.#pending.add(pending);
    pending.watch(answer, this.#settings.deadlines, this.#options.upgradeTimeout);
    try {
      const result = await Promise.race([answer, pending.undone]);
      const { outcome } = pending; // also what has happened since `authorize` answered
      if (outcome === undefined) {
        this.#pending.delete(pending);
        return this.#decide(request, socket, pending, admitted, result);
      }
      pending.release();
      void pending.answered!.then(() => this.#pending.delete(pending));
      this.#rejectAborted(outcome, pending, request, socket);
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
    pending: PendingUpgrade,
    admitted: Admitted,
    answer: AuthorizeResult<Context>,
  ): WebSocketConnection<Context> | undefined {
    const head = pending.release();
    if (isServed(request, socket, pending)) {
      this.#abandon(request, socket);
      return undefined;
    }
    const authorization = checkAuthorization<Context>(answer);
    const response = this.#answer(request, admitted, authorization);
    // The application's functions were called, and may have closed the server or the socket.
    if (this.#closing) throw unavailable('the server is shutting down');
    if (isServed(request, socket, pending)) {
      this.#abandon(request, socket);
      return undefined;
    }
    return this.#open(request, socket, head, admitted, authorization, response);
  }

  /** The client left before it was decided, or another listener has served it. */
  #abandon(request: IncomingMessage, socket: Duplex): void {
    this.counters.abandoned++;
    publishAbandoned(this.#server, request);
    // Nothing else reads a socket that was ended: its client's end would never be seen.
    if (socket.writableEnded && !socket.destroyed) {
      lingerUntilEnd(socket, this.#settings.deadlines, this.#options.closeTimeout);
    }
  }

  #rejectAborted(
    outcome: PendingOutcome,
    pending: PendingUpgrade,
    request: IncomingMessage,
    socket: Duplex,
  ): void {
    if (isServed(request, socket, pending)) {
      this.#abandon(request, socket);
    } else if (outcome === 'left') {
      socket.destroy();
      this.#abandon(request, socket);
    } else if (outcome === 'closing') {
      this.refuse(request, socket, unavailable('the server is shutting down'));
    } else {
      const body = 'the end of the request, or of an earlier response, took too long';
      this.refuse(
        request,
        socket,
        pending.writtenBefore === undefined
          ? new UpgradeRejection(408, { body })
          : unavailable('authorization took too long'),
      );
    }
  }

  /** The 101, with what was chosen. @throws TypeError for what the application chose wrong */
  #answer(
    request: IncomingMessage,
    { handshake }: Pick<Admitted, 'handshake'>,
    { headers, subprotocol }: Authorization<Context>,
  ): Answer {
    const chosen = subprotocol ?? this.#admission.subprotocolFor(handshake.subprotocols, request);
    if (chosen !== undefined) checkSubprotocol(chosen, handshake.subprotocols);
    const negotiated = this.#compressions?.negotiate(handshake.extensions);
    const response = formatUpgradeResponse(handshake.key, {
      headers,
      subprotocol: chosen,
      extensions: negotiated?.response,
    });
    return { chosen, negotiated, response };
  }

  /** Write the 101 and make the connection. */
  #open(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    { address }: Pick<Admitted, 'address'>,
    { context, maxPayload }: Authorization<Context>,
    { chosen, negotiated, response }: Answer,
  ): WebSocketConnection<Context> {
    tuneSocket(request, socket);
    const connection = createConnection(socket, this.#settings, {
      context: context as Context,
      url: request.url!, // checkUpgrade has seen it
      subprotocol: chosen ?? '',
      extensions: negotiated?.response ?? '',
      remoteAddress: address,
      transportCopies: socket instanceof Socket && !('encrypted' in socket),
      decoder: this.#decoderOptions(maxPayload, negotiated !== undefined),
      // Last: what it takes of the budget is given back only when a connection closes.
      compression: negotiated && this.#compressions!.open(negotiated),
    });
    stopIgnoringErrors(socket);
    this.#connections.add(connection);
    socket.write(response, 'latin1');
    this.counters.accepted++;
    publishOpened(this.#server, request, connection);
    callIsolated(() => this.#server.emit('connection', connection, request));
    callIsolated(() => {
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
    const earlier = earlierResponses(rawSocketOf(request, socket));
    reject(socket, rejection, this.#settings.deadlines, this.#options.closeTimeout, earlier);
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
    publishRejected(this.#server, rejected);
    callIsolated(() => this.#server.emit('rejected', rejected));
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | undefined)?.then === 'function';
}

/** The server's end of a pair, and how its messages are compressed. */
interface Adopted<Context> {
  readonly connection: WebSocketConnection<Context>;
  readonly negotiated: ReturnType<DeflateBudget['negotiate']>;
  readonly perMessageDeflate: ResolvedOptions<Context>['perMessageDeflate'];
}

/** What an upgrade is answered with. */
interface Answer {
  /** The subprotocol. */
  readonly chosen: string | undefined;
  readonly negotiated: ReturnType<DeflateBudget['negotiate']>;
  readonly response: string;
}

/** Whether a socket cannot be upgraded any more: it is gone, or another listener has ended it or written to it. */
function isServed(
  request: IncomingMessage,
  socket: Duplex,
  { writtenBefore }: PendingUpgrade,
): boolean {
  if (!socket.writable) return true;
  return writtenBefore !== undefined && writtenTo(request, socket) > writtenBefore;
}
