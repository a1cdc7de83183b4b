import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { WebSocketConnection } from '../connection/connection.js';
import type { Deadlines } from '../connection/limits/deadlines.js';
import { UpgradeRejection } from '../protocol/handshake/upgrade-rejection.js';
import { type Admitted, checkHandshake, unavailable } from './admission/admission.js';
import type { UpgradePolicy } from './admission/upgrade-policy.js';
import type { ConnectionOpener } from './connection-opener.js';
import type { Log } from './logger.js';
import { checkAuthorization } from './options/authorization.js';
import type { Authorization, AuthorizeResult } from './options/options.js';
import type { ResolvedOptions } from './options/resolve-options.js';
import type { PendingOutcome, PendingRequest } from './pending-request.js';
import { ignoreErrors } from './socket-errors.js';

/** Milliseconds. */
type Timeouts = Pick<ResolvedOptions<unknown>, 'upgradeTimeout' | 'closeTimeout'>;

/** What a version of HTTP does with the transports of its requests. */
export interface Carrier<Pending extends PendingRequest, Transport = Pending['socket']> {
  readonly noun: 'socket' | 'stream';
  /** What gives a transport to a WebSocketServer. */
  readonly listener: string;
  /** Whether a transport was given to a WebSocketServer before. */
  isTaken(request: IncomingMessage, transport: Transport): boolean;
  /** Take a transport for good. */
  take(request: IncomingMessage, transport: Transport): void;
  peerAddressOf(request: IncomingMessage, transport: Transport): string | undefined;
  pend(request: IncomingMessage, transport: Transport, head: Buffer, admitted: Admitted): Pending;
  /** How another listener has already served a transport; `undefined` if the client has left instead. */
  whyServed(transport: Transport): string | undefined;
  /** @throws Error if a request cannot be answered now, and UpgradeRejection if it must not be accepted */
  checkReady(pending: Pending): void;
  /** @param lingerMs milliseconds that the client has to take the answer. */
  reject(
    request: IncomingMessage,
    transport: Transport,
    rejection: UpgradeRejection,
    deadlines: Deadlines,
    lingerMs: number,
  ): void;
  /** End a transport now. */
  terminate(transport: Transport): void;
}

/**
 * Takes requests to a connection or a rejection. These are the steps that do not depend on the version of HTTP:
 * take the transport, admit the request, ask `authorize`, wait for it no longer than `upgradeTimeout`, and answer
 * unless it is too late. The decisions are those of UpgradePolicy, and ConnectionOpener makes the connections.
 */
export abstract class UpgradeFlow<Context, Pending extends PendingRequest, Answer> {
  protected readonly policy: UpgradePolicy<Context>;
  protected readonly opener: ConnectionOpener<Context>;
  protected readonly timeouts: Timeouts;
  protected readonly deadlines: Deadlines;
  protected readonly log: Log;
  protected abstract readonly carrier: Carrier<Pending>;
  /** The transports of rejected requests whose clients have not ended yet. */
  readonly #rejected = new Set<Pending['socket']>();

  constructor(
    policy: UpgradePolicy<Context>,
    opener: ConnectionOpener<Context>,
    timeouts: Timeouts,
    deadlines: Deadlines,
    log: Log,
  ) {
    this.policy = policy;
    this.opener = opener;
    this.timeouts = timeouts;
    this.deadlines = deadlines;
    this.log = log;
  }

  /** See `WebSocketServer.handleUpgrade`. */
  upgrade(
    request: IncomingMessage,
    transport: Pending['socket'],
    head: Buffer,
  ): Promise<WebSocketConnection<Context> | undefined> {
    if (this.carrier.isTaken(request, transport)) {
      this.log.hint(
        `handleUpgrade: the ${this.carrier.noun} of ${JSON.stringify(request.url)} was given to a WebSocketServer before, and is left alone; let one ${this.carrier.listener} have it`,
      );
      return Promise.resolve(undefined);
    }
    this.carrier.take(request, transport);
    ignoreErrors(transport);
    let admitted: Admitted;
    try {
      admitted = this.policy.admit(request, this.carrier.peerAddressOf(request, transport));
    } catch (error) {
      this.reject(request, transport, error);
      return Promise.resolve(undefined);
    }
    const pending = this.carrier.pend(request, transport, head, admitted);
    if (!pending.isServed()) return this.#decide(pending);
    const fault = this.carrier.whyServed(transport);
    if (fault !== undefined) {
      this.log.hint(
        `handleUpgrade: the ${this.carrier.noun} of ${JSON.stringify(request.url)} ${fault}`,
      );
    }
    this.abandon(pending);
    return Promise.resolve(undefined);
  }

  /** See `WebSocketServer.accept`. */
  accept(
    request: IncomingMessage,
    transport: Pending['socket'],
    head: Buffer,
    options: Authorization<Context>,
  ): WebSocketConnection<Context> {
    if (this.policy.isClosing) {
      throw new Error('accept: this WebSocketServer is closed or closing');
    }
    const checked = checkAuthorization<Context>(options, 'accept');
    if (this.carrier.isTaken(request, transport)) {
      throw new Error(
        `accept: this ${this.carrier.noun} was given to a WebSocketServer before; let one ${this.carrier.listener} have it`,
      );
    }
    ignoreErrors(transport);
    const handshake = checkHandshake(request);
    const { host } = handshake;
    const address = this.policy.addressOf(request, this.carrier.peerAddressOf(request, transport));
    const admitted = { handshake, host, match: undefined, address };
    const pending = this.carrier.pend(request, transport, head, admitted);
    this.carrier.checkReady(pending);
    const answer = this.answer(pending, checked);
    this.carrier.take(request, transport);
    this.policy.count(address);
    return this.open(pending, pending.release(), checked, answer);
  }

  /** Answer any thrown value with a rejection, and report it. */
  reject(request: IncomingMessage, transport: Pending['socket'], error: unknown): void {
    const rejection = this.policy.rejectionFor(error);
    if (!transport.destroyed) {
      this.#rejected.add(transport);
      transport.once('close', () => this.#rejected.delete(transport));
    }
    this.carrier.reject(request, transport, rejection, this.deadlines, this.timeouts.closeTimeout);
    this.policy.reportRejected(request, this.carrier.peerAddressOf(request, transport), rejection);
  }

  /** Terminate the rejected clients that have not ended. */
  terminateRejected(): void {
    for (const transport of this.#rejected) this.carrier.terminate(transport);
  }

  /** Make what is sent to accept a request. @throws TypeError for headers or a subprotocol that cannot be sent */
  protected abstract answer(pending: Pending, authorization: Authorization<Context>): Answer;

  /** Send the answer, and open the connection. @param early bytes that the client has sent meanwhile. */
  protected abstract open(
    pending: Pending,
    early: Buffer,
    authorization: Authorization<Context>,
    answer: Answer,
  ): WebSocketConnection<Context>;

  /** The client has left, or another listener has served it. */
  protected abandon({ request }: Pending): void {
    this.policy.reportAbandoned(request);
  }

  /** Decide about an admitted request, which counts from now on. Never rejects its promise. */
  #decide(pending: Pending): Promise<WebSocketConnection<Context> | undefined> {
    const { address } = pending.admitted;
    this.policy.count(address);
    const upgraded = this.#authorize(pending);
    void upgraded.then(async (connection) => {
      if (connection !== undefined) return; // it is counted until it ends
      await pending.answered;
      this.policy.uncount(address);
    });
    return upgraded;
  }

  /** Ask the application, and open or reject. Never rejects its promise. */
  #authorize(pending: Pending): Promise<WebSocketConnection<Context> | undefined> {
    const ask = (): AuthorizeResult<Context> | Promise<AuthorizeResult<Context>> => {
      pending.markAsked();
      return this.policy.authorize(pending.request, pending.admitted, pending);
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
      return Promise.resolve(this.#settle(pending, result));
    } catch (error) {
      this.#rejectPending(pending, error);
      return Promise.resolve(undefined);
    }
  }

  /** Wait for `authorize`, or for the end of the request. */
  async #wait(
    answer: Promise<AuthorizeResult<Context>>,
    pending: Pending,
  ): Promise<WebSocketConnection<Context> | undefined> {
    this.policy.startWaiting(pending);
    pending.watch(answer, this.deadlines, this.timeouts.upgradeTimeout);
    try {
      const result = await Promise.race([answer, pending.aborted]);
      const { outcome } = pending; // includes what has happened since `authorize` answered
      if (outcome === undefined) {
        this.policy.stopWaiting(pending);
        return this.#settle(pending, result);
      }
      pending.release();
      void pending.answered!.then(() => {
        this.policy.stopWaiting(pending);
      });
      this.#rejectAborted(outcome, pending);
    } catch (error) {
      pending.release();
      this.policy.stopWaiting(pending);
      this.#rejectPending(pending, error);
    }
    return undefined;
  }

  /** `authorize` has answered: open, unless it is too late. @throws the reason for a rejection */
  #settle(
    pending: Pending,
    result: AuthorizeResult<Context>,
  ): WebSocketConnection<Context> | undefined {
    const early = pending.release();
    if (pending.isServed()) {
      this.abandon(pending);
      return undefined;
    }
    const authorization = checkAuthorization<Context>(result);
    const answer = this.answer(pending, authorization);
    // The application's functions were called, and may have closed the server or the transport.
    this.policy.checkNotClosing();
    if (pending.isServed()) {
      this.abandon(pending);
      return undefined;
    }
    return this.open(pending, early, authorization, answer);
  }

  #rejectPending(pending: Pending, error: unknown): void {
    const { request, socket } = pending;
    // Another listener has answered meanwhile: a rejection would be written into its connection.
    if (socket.writable && pending.isServed()) this.abandon(pending);
    else this.reject(request, socket, error);
  }

  #rejectAborted(outcome: PendingOutcome, pending: Pending): void {
    if (pending.isServed()) {
      this.abandon(pending);
    } else if (outcome === 'left') {
      pending.socket.destroy();
      this.abandon(pending);
    } else if (outcome === 'closing') {
      this.#rejectPending(pending, unavailable('the server is shutting down'));
    } else if (pending.isAsked) {
      this.#rejectPending(pending, unavailable('authorization took too long'));
    } else {
      const body = 'the end of the request, or of an earlier response, took too long';
      this.#rejectPending(pending, new UpgradeRejection(408, { body }));
    }
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | undefined)?.then === 'function';
}
