import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocketConnection } from '../../connection/connection.js';
import type { Deadlines } from '../../connection/limits/deadlines.js';
import type { Handshake } from '../../protocol/handshake/handshake-request.js';
import { checkUpgrade, formatUpgradeResponse } from '../../protocol/handshake/opening-handshake.js';
import { UpgradeRejection } from '../../protocol/handshake/upgrade-rejection.js';
import { type Admitted, unavailable } from '../admission/admission.js';
import type { UpgradePolicy } from '../admission/upgrade-policy.js';
import type { Choice, ConnectionOpener } from '../connection-opener.js';
import type { Log } from '../logger.js';
import type { Authorization, AuthorizeResult } from '../options/options.js';
import { checkAuthorization } from '../options/authorization.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import { earlierResponses } from './earlier-responses.js';
import { type PendingOutcome, PendingUpgrade } from './pending-upgrade.js';
import { peerAddressOf, rawSocketOf, tuneSocket } from './raw-socket.js';
import { lingerUntilEnd, reject } from './rejection.js';
import { ignoreErrors, stopIgnoringErrors } from '../socket-errors.js';
import { isTaken, takeSocket } from './taken-sockets.js';

/** Milliseconds. */
type Timeouts = Pick<ResolvedOptions<unknown>, 'upgradeTimeout' | 'closeTimeout'>;

/** The 101 that answers a request, and what the server chose from the client's offers. */
interface Answer {
  readonly choice: Choice;
  readonly response: string;
}

/**
 * Takes upgrade requests of HTTP/1.1 from the socket to a connection or a rejection. It handles
 * the socket; the decisions are those of UpgradePolicy, and ConnectionOpener makes the connections.
 */
export class Upgrader<Context> {
  readonly #policy: UpgradePolicy<Context>;
  readonly #opener: ConnectionOpener<Context>;
  readonly #timeouts: Timeouts;
  readonly #deadlines: Deadlines;
  readonly #log: Log;
  /** Sockets of rejected upgrades whose clients have not ended yet. */
  readonly #rejected = new Set<Duplex>();

  constructor(
    policy: UpgradePolicy<Context>,
    opener: ConnectionOpener<Context>,
    timeouts: Timeouts,
    deadlines: Deadlines,
    log: Log,
  ) {
    this.#policy = policy;
    this.#opener = opener;
    this.#timeouts = timeouts;
    this.#deadlines = deadlines;
    this.#log = log;
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
    let admitted: Admitted;
    try {
      admitted = this.#policy.admit(request, peerAddressOf(request, socket));
    } catch (error) {
      this.reject(request, socket, error);
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
    this.#policy.count(admitted.address);
    const pending = new PendingUpgrade(request, socket, head, admitted);
    const upgraded = this.#authorize(pending);
    void upgraded.then(async (connection) => {
      if (connection !== undefined) return; // it is counted until it ends
      await pending.answered;
      this.#policy.uncount(admitted.address);
    });
    return upgraded;
  }

  /** See `WebSocketServer.accept`. */
  accept(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    options: Authorization<Context>,
  ): WebSocketConnection<Context> {
    if (this.#policy.isClosing) {
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
    const address = this.#policy.addressOf(request, peerAddressOf(request, socket));
    const { host } = handshake;
    const pending = new PendingUpgrade(request, socket, head, {
      handshake,
      host,
      match: undefined,
      address,
    });
    const early = pending.release();
    if (pending.body?.isComplete === false) {
      throw new UpgradeRejection(400, {
        body: 'a WebSocket handshake has no body, or an empty one that comes with it',
      });
    }
    const answer = this.#answer(request, handshake, checked);
    takeSocket(request, socket);
    this.#policy.count(address);
    return this.#open(pending, early, checked, answer);
  }

  /** Answer any thrown value with a rejection, and report it. */
  reject(request: IncomingMessage, socket: Duplex, error: unknown): void {
    const rejection = this.#policy.rejectionFor(error);
    if (!socket.destroyed) {
      this.#rejected.add(socket);
      socket.once('close', () => this.#rejected.delete(socket));
    }
    const earlier = earlierResponses(rawSocketOf(request, socket));
    reject(socket, rejection, this.#deadlines, this.#timeouts.closeTimeout, earlier);
    this.#policy.reportRejected(request, peerAddressOf(request, socket), rejection);
  }

  /** Terminate the rejected clients that have not ended. */
  terminateRejected(): void {
    for (const socket of this.#rejected) socket.destroy();
  }

  /** Ask the application, and open or reject. Never rejects its promise. */
  #authorize(pending: PendingUpgrade): Promise<WebSocketConnection<Context> | undefined> {
    const { request, socket, admitted } = pending;
    const ask = (): AuthorizeResult<Context> | Promise<AuthorizeResult<Context>> => {
      pending.markAsked();
      return this.#policy.authorize(request, admitted, pending);
    };
    try {
      const ready = pending.ready();
      const result =
        ready === undefined
          ? ask()
          : Promise.race([ready, pending.aborted]).then(() =>
              pending.outcome === undefined ? ask() : undefined,
            );
      // A thenable that is not a promise, such as a database query, may start again at each then().
      if (isPromise(result)) return this.#wait(Promise.resolve(result), pending);
      return Promise.resolve(this.#decide(pending, result));
    } catch (error) {
      this.reject(request, socket, error);
      return Promise.resolve(undefined);
    }
  }

  /** Wait for `authorize`, or for the end of the request. */
  async #wait(
    answer: Promise<AuthorizeResult<Context>>,
    pending: PendingUpgrade,
  ): Promise<WebSocketConnection<Context> | undefined> {
    this.#policy.startWaiting(pending);
    pending.watch(answer, this.#deadlines, this.#timeouts.upgradeTimeout);
    try {
      const result = await Promise.race([answer, pending.aborted]);
      const { outcome } = pending; // includes what has happened since `authorize` answered
      if (outcome === undefined) {
        this.#policy.stopWaiting(pending);
        return this.#decide(pending, result);
      }
      pending.release();
      void pending.answered!.then(() => {
        this.#policy.stopWaiting(pending);
      });
      this.#rejectAborted(outcome, pending);
    } catch (error) {
      pending.release();
      this.#policy.stopWaiting(pending);
      this.reject(pending.request, pending.socket, error);
    }
    return undefined;
  }

  /** `authorize` has answered: open, unless it is too late. @throws the reason for a rejection */
  #decide(
    pending: PendingUpgrade,
    result: AuthorizeResult<Context>,
  ): WebSocketConnection<Context> | undefined {
    const { request, socket, admitted } = pending;
    const early = pending.release();
    if (pending.isServed()) {
      this.#abandon(request, socket);
      return undefined;
    }
    const authorization = checkAuthorization<Context>(result);
    const answer = this.#answer(request, admitted.handshake, authorization);
    // The application's functions were called, and may have closed the server or the socket.
    this.#policy.checkNotClosing();
    if (pending.isServed()) {
      this.#abandon(request, socket);
      return undefined;
    }
    return this.#open(pending, early, authorization, answer);
  }

  /** The client has left, or another listener has served it. */
  #abandon(request: IncomingMessage, socket: Duplex): void {
    this.#policy.reportAbandoned(request);
    // Nothing else reads an ended socket, so without this the client's end would never be noticed.
    if (socket.writableEnded && !socket.destroyed) {
      lingerUntilEnd(socket, this.#deadlines, this.#timeouts.closeTimeout);
    }
  }

  #rejectAborted(outcome: PendingOutcome, pending: PendingUpgrade): void {
    const { request, socket } = pending;
    if (pending.isServed()) {
      this.#abandon(request, socket);
    } else if (outcome === 'left') {
      socket.destroy();
      this.#abandon(request, socket);
    } else if (outcome === 'closing') {
      this.reject(request, socket, unavailable('the server is shutting down'));
    } else if (pending.isAsked) {
      this.reject(request, socket, unavailable('authorization took too long'));
    } else {
      const body = 'the end of the request, or of an earlier response, took too long';
      this.reject(request, socket, new UpgradeRejection(408, { body }));
    }
  }

  /** Make the 101. @throws TypeError for headers or a subprotocol that cannot be sent */
  #answer(
    request: IncomingMessage,
    handshake: Handshake,
    { headers, subprotocol: wanted }: Authorization<Context>,
  ): Answer {
    const choice = this.#opener.choose(request, handshake, wanted);
    const { subprotocol, compression } = choice;
    const extensions = compression?.response;
    const response = formatUpgradeResponse(handshake.key!, { headers, subprotocol, extensions });
    return { choice, response };
  }

  /** Write the 101 and open the connection. */
  #open(
    { request, socket, admitted }: PendingUpgrade,
    early: Buffer,
    authorization: Authorization<Context>,
    { choice, response }: Answer,
  ): WebSocketConnection<Context> {
    tuneSocket(request, socket);
    const url = request.url!; // checkUpgrade has read it
    const connection = this.#opener.create(socket, url, admitted.address, authorization, choice);
    stopIgnoringErrors(socket);
    socket.write(response, 'latin1');
    this.#opener.announce(connection, request, early);
    return connection;
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | undefined)?.then === 'function';
}
