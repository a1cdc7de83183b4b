import type { IncomingMessage } from 'node:http';
import { callIsolated } from '../../connection/call-isolated.js';
import type { TypedEmitter } from '../../connection/typed-emitter.js';
import { rejectionOf, UpgradeRejection } from '../../protocol/handshake/upgrade-rejection.js';
import { publishAbandoned, publishRejected, publishRequested } from '../diagnostics.js';
import type { ServerEvents } from '../events.js';
import type { Log } from '../logger.js';
import type { AuthorizeResult } from '../options/options.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import { UpgradeCounters } from '../stats.js';
import { AddressLimit } from './address-limit.js';
import { rejectionOfHttpError, statusAdvice, withResponses } from './foreign-rejections.js';
import { Admission, type Admitted, unavailable } from './admission.js';
import type { PathMatch } from './path-match.js';
import { requestUrl } from './request-url.js';
import { sharesOf } from './shared-limits.js';

/** An upgrade that waits for `authorize`. */
interface WaitingUpgrade {
  /** Aborts when the upgrade cannot succeed any more. */
  readonly signal: AbortSignal;
  abort(outcome: 'closing'): void;
}

/**
 * The decisions about upgrades that do not depend on the version of HTTP: which requests are
 * admitted, what `authorize` is asked, how many connections and upgrades there are, and how a rejection is reported.
 */
export class UpgradePolicy<Context> {
  readonly #server: TypedEmitter<ServerEvents<Context>>;
  readonly #connections: ReadonlySet<unknown>;
  readonly #authorize: ResolvedOptions<Context>['authorize'];
  readonly #log: Log;
  readonly #admission: Admission;
  readonly #addresses: AddressLimit;
  readonly #waiting = new Set<WaitingUpgrade>();
  #isClosing = false;
  /** How the upgrades went. */
  readonly counters: UpgradeCounters = new UpgradeCounters();
  /** The results of option `path` for requests that the dispatcher has matched already. */
  readonly matched: WeakMap<IncomingMessage, PathMatch> = new WeakMap<IncomingMessage, PathMatch>();

  /**
   * @param server emits `'rejected'`.
   * @param connections the server's connections, which count for `maxConnections`.
   */
  constructor(
    server: TypedEmitter<ServerEvents<Context>>,
    connections: ReadonlySet<unknown>,
    options: ResolvedOptions<Context>,
    log: Log,
  ) {
    this.#server = server;
    this.#connections = connections;
    this.#authorize = options.authorize;
    this.#log = log;
    this.#admission = new Admission(options, log);
    this.#addresses = new AddressLimit(
      options.maxConnectionsPerAddress,
      options.limits && sharesOf(options.limits).addresses,
    );
  }

  /** Upgrades that wait for `authorize`, including those whose client has left. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** Whether the server has begun to close. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /**
   * Admit a request, or reject it.
   *
   * @param peer the address at the other end of the transport.
   * @throws UpgradeRejection, or an exception of the application's.
   */
  admit(request: IncomingMessage, peer: string | undefined): Admitted {
    publishRequested(this.#server, request);
    this.checkNotClosing();
    const occupancy = {
      connections: this.#connections.size,
      pending: this.#waiting.size,
      addresses: this.#addresses,
    };
    return this.#admission.admit(request, peer, occupancy, this.matched.get(request));
  }

  /** @throws UpgradeRejection with 503 once the server has begun to close. */
  checkNotClosing(): void {
    if (this.#isClosing) throw unavailable('the server is shutting down');
  }

  /** The client's address, as far as trusted proxies can tell. */
  addressOf(request: IncomingMessage, peer: string | undefined): string | undefined {
    return this.#admission.addressOf(request, peer);
  }

  /** The subprotocol for a client that offered these; `undefined` for none. */
  subprotocolFor(offered: readonly string[], request: IncomingMessage): string | undefined {
    return this.#admission.subprotocolFor(offered, request);
  }

  /**
   * Call `authorize`. It gets getters, because `signal` and `url` are made only when they are used. A `Response`
   * that it throws or returns is a rejection.
   */
  authorize(
    request: IncomingMessage,
    { handshake, host, match }: Admitted,
    waiting: WaitingUpgrade,
  ): AuthorizeResult<Context> | Promise<AuthorizeResult<Context>> {
    let url: URL | undefined;
    return withResponses(() =>
      this.#authorize?.(request, {
        get signal() {
          return waiting.signal;
        },
        get url() {
          return (url ??= requestUrl(host, handshake.target));
        },
        match,
      }),
    );
  }

  /** Count a connection or an upgrade of this address; one {@link uncount} must follow. */
  count(address: string | undefined): void {
    this.#addresses.add(address);
  }

  /** The connection has ended, or the upgrade came to nothing. */
  uncount(address: string | undefined): void {
    this.#addresses.remove(address);
  }

  /** Count an upgrade for `maxPendingUpgrades` until {@link stopWaiting}. */
  startWaiting(waiting: WaitingUpgrade): void {
    this.#waiting.add(waiting);
  }

  /** `authorize` has answered, or its time is up. */
  stopWaiting(waiting: WaitingUpgrade): void {
    this.#waiting.delete(waiting);
  }

  /** Reject all upgrades from now on, including those that wait. */
  close(): void {
    this.#isClosing = true;
    for (const waiting of this.#waiting) waiting.abort('closing');
  }

  /** The rejection to answer with: the one that was thrown, or 500 for an exception of the application's. */
  rejectionFor(error: unknown): UpgradeRejection {
    const rejection = rejectionOf(error);
    if (rejection !== undefined) return rejection;
    const foreign = rejectionOfHttpError(error);
    if (foreign !== undefined && foreign.status < 500) return foreign;
    const advice = foreign === undefined ? statusAdvice(error) : '';
    this.#log.applicationError(
      `an upgrade failed with an exception of the application${advice}`,
      error,
    );
    return foreign ?? new UpgradeRejection(500);
  }

  /** Log, count and publish a rejection that has been answered, and emit `'rejected'`. */
  reportRejected(
    request: IncomingMessage,
    peer: string | undefined,
    { status, message: reason }: UpgradeRejection,
  ): void {
    let address: string | undefined;
    try {
      address = this.addressOf(request, peer);
    } catch (fault) {
      this.#log.applicationError('option trustProxy threw an exception', fault);
    }
    this.#log.rejection(
      `rejected an upgrade from ${address ?? 'unknown'} with ${status}: ${reason}`,
    );
    const rejected = { status, reason, request, remoteAddress: address };
    this.counters.countRejection(status);
    publishRejected(this.#server, rejected);
    callIsolated(() => this.#server.emit('rejected', rejected));
  }

  /** Count and publish an upgrade whose client left, or that another listener has served. */
  reportAbandoned(request: IncomingMessage): void {
    this.counters.abandoned++;
    publishAbandoned(this.#server, request);
  }
}
