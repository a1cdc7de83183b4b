import type { Buffer } from 'node:buffer';
import type { WebSocketConnection } from '../connection/connection.js';
import type { Deadlines } from '../connection/limits/deadlines.js';
import { UpgradeRejection } from '../protocol/handshake/upgrade-rejection.js';
import { unavailable } from './admission/admission.js';
import type { UpgradePolicy } from './admission/upgrade-policy.js';
import type { ConnectionOpener } from './connection-opener.js';
import type { Log } from './logger.js';
import { checkAuthorization } from './options/authorization.js';
import type { Authorization, AuthorizeResult } from './options/options.js';
import type { ResolvedOptions } from './options/resolve-options.js';
import type { PendingOutcome, PendingRequest } from './pending-request.js';

/** Milliseconds. */
type Timeouts = Pick<ResolvedOptions<unknown>, 'upgradeTimeout' | 'closeTimeout'>;

/**
 * Takes admitted requests to a connection or a rejection. These are the steps that do not depend on the version
 * of HTTP: ask `authorize`, wait for it no longer than `upgradeTimeout`, and answer unless it is too late.
 */
export abstract class UpgradeFlow<Context, Pending extends PendingRequest, Answer> {
  protected readonly policy: UpgradePolicy<Context>;
  protected readonly opener: ConnectionOpener<Context>;
  protected readonly timeouts: Timeouts;
  protected readonly deadlines: Deadlines;
  protected readonly log: Log;

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

  /** Answer any thrown value with a rejection, and report it. */
  protected abstract rejectPending(pending: Pending, error: unknown): void;

  /** The client has left, or another listener has served it. */
  protected abstract abandon(pending: Pending): void;

  /** Make what is sent to accept a request. @throws TypeError for headers or a subprotocol that cannot be sent */
  protected abstract answer(pending: Pending, authorization: Authorization<Context>): Answer;

  /** Send the answer, and open the connection. @param early bytes that the client has sent meanwhile. */
  protected abstract open(
    pending: Pending,
    early: Buffer,
    authorization: Authorization<Context>,
    answer: Answer,
  ): WebSocketConnection<Context>;

  /** Decide about an admitted request, which counts from now on. Never rejects its promise. */
  protected decide(pending: Pending): Promise<WebSocketConnection<Context> | undefined> {
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
      this.rejectPending(pending, error);
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
      this.rejectPending(pending, error);
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

  #rejectAborted(outcome: PendingOutcome, pending: Pending): void {
    if (pending.isServed()) {
      this.abandon(pending);
    } else if (outcome === 'left') {
      pending.socket.destroy();
      this.abandon(pending);
    } else if (outcome === 'closing') {
      this.rejectPending(pending, unavailable('the server is shutting down'));
    } else if (pending.isAsked) {
      this.rejectPending(pending, unavailable('authorization took too long'));
    } else {
      const body = 'the end of the request, or of an earlier response, took too long';
      this.rejectPending(pending, new UpgradeRejection(408, { body }));
    }
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | undefined)?.then === 'function';
}
