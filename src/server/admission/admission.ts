import type { IncomingMessage } from 'node:http';
import type { AddressLimit } from './address-limit.js';
import { answeredAtOnce } from './answered-at-once.js';
import { hostHint, originHint, pathHint, subprotocolHint } from './hints.js';
import { hostEntry, originEntry } from './list-entries.js';
import type { Log } from '../logger.js';
import { matchPath, type PathMatch } from './path-match.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import { checkExtendedConnect } from '../../protocol/handshake/extended-connect.js';
import type { Handshake, UpgradeRequest } from '../../protocol/handshake/handshake-request.js';
import { checkUpgrade } from '../../protocol/handshake/opening-handshake.js';
import {
  type Host,
  isListedHost,
  isListedOrigin,
  isSameOrigin,
  type OriginEntry,
} from '../../protocol/handshake/origin.js';
import { selectSubprotocol } from '../../protocol/handshake/subprotocol.js';
import { UpgradeRejection } from '../../protocol/handshake/upgrade-rejection.js';
import { sharesOf } from './shared-limits.js';
import { Proxies } from './trust-proxy.js';

/** Seconds after which a client that was rejected for load may try again. */
const RETRY_AFTER = '10';

/** A rejection for load or a shutdown, with 503. */
export function unavailable(body: string): UpgradeRejection {
  return new UpgradeRejection(503, { headers: { 'Retry-After': RETRY_AFTER }, body });
}

/** The connections and upgrades that there are already. */
export interface Occupancy {
  readonly connections: number;
  /** Upgrades that wait for `authorize`. */
  readonly pending: number;
  readonly addresses: AddressLimit;
}

/** An upgrade request that has been admitted, up to `authorize`. */
export interface Admitted {
  readonly handshake: Handshake;
  /** The host that the client asked for, as far as trusted proxies can tell. */
  readonly host: string;
  /** The match of a RegExp as option `path`. */
  readonly match: RegExpExecArray | undefined;
  /** The client's address; see {@link Admission.addressOf}. */
  readonly address: string | undefined;
}

/** The options that decide which requests are admitted. */
type AdmissionOptions = Pick<
  ResolvedOptions<unknown>,
  | 'allowedHosts'
  | 'limits'
  | 'maxConnections'
  | 'maxPendingUpgrades'
  | 'origin'
  | 'path'
  | 'subprotocols'
  | 'trustProxy'
>;

/**
 * The server's policy before `authorize`. The order is: handshake, path, proxies, host, origin, limits.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #log: Log;
  readonly #proxies: Proxies;
  /** The entries of `origin`, if that is a list. The option was checked. */
  readonly #origins: readonly OriginEntry[];
  /** The entries of `allowedHosts`. The option was checked. */
  readonly #hosts: readonly Host[];

  constructor(options: AdmissionOptions, log: Log) {
    const { allowedHosts = [], origin, trustProxy } = options;
    this.#options = options;
    this.#log = log;
    this.#proxies = new Proxies(trustProxy);
    this.#origins = isList(origin) ? origin.map((each) => originEntry(each) as OriginEntry) : [];
    this.#hosts = allowedHosts.map((each) => hostEntry(each) as Host);
  }

  /**
   * Admit a request.
   *
   * @param peer the address at the other end of the transport; `undefined` for a Unix socket.
   * @param matched the result of option `path`, if it has been matched already.
   * @throws UpgradeRejection
   */
  admit(
    request: IncomingMessage,
    peer: string | undefined,
    { connections, pending, addresses }: Occupancy,
    matched?: PathMatch,
  ): Admitted {
    const { allowedHosts, limits, maxConnections, maxPendingUpgrades, origin, path } =
      this.#options;
    const handshake = checkHandshake(request);
    const match = matched ?? matchPath(path, handshake.path, request);
    if (match === false) {
      this.#log.hint(pathHint(handshake.path, [path]));
      throw new UpgradeRejection(404, { body: 'no WebSocket is served at this path' });
    }
    const { address, forwardedHost, fault } = this.#proxies.seen(request, peer);
    if (fault !== undefined) {
      this.#log.hint(fault.hint);
      throw fault.rejection;
    }
    const host = forwardedHost ?? handshake.host;
    if (allowedHosts !== undefined && !isListedHost(host, this.#hosts)) {
      this.#log.hint(hostHint(host, allowedHosts));
      throw new UpgradeRejection(403, { body: 'this host is not served here' });
    }
    if (handshake.origin !== undefined && !this.#allowsOrigin(handshake.origin, host, request)) {
      this.#log.hint(originHint(handshake.origin, host, origin));
      throw new UpgradeRejection(403, { body: 'this origin is not allowed' });
    }
    if (addresses.isFull(address)) {
      throw new UpgradeRejection(429, {
        headers: { 'Retry-After': RETRY_AFTER },
        body: 'too many connections from this address',
      });
    }
    const shared = limits && sharesOf(limits);
    if (
      connections + pending >= maxConnections ||
      (shared !== undefined && shared.addresses.total >= shared.maxConnections)
    ) {
      throw unavailable('too many connections');
    }
    if (pending >= maxPendingUpgrades) throw unavailable('too many upgrades are pending');
    return { handshake, host, match: match === true ? undefined : match, address };
  }

  /** The client's address, as far as trusted proxies can tell. */
  addressOf(request: IncomingMessage, peer: string | undefined): string | undefined {
    return this.#proxies.seen(request, peer).address;
  }

  /** The subprotocol that the server prefers among those offered; `undefined` for none. */
  subprotocolFor(offered: readonly string[], request: IncomingMessage): string | undefined {
    if (offered.length === 0) return undefined;
    const { subprotocols } = this.#options;
    const chosen =
      typeof subprotocols === 'function'
        ? answeredAtOnce('subprotocols', subprotocols(offered, request))
        : selectSubprotocol(offered, subprotocols);
    // Functions written for another library return `false`, `null` or '' for none.
    if (typeof chosen === 'string' ? chosen !== '' : Boolean(chosen)) return chosen;
    this.#log.hint(subprotocolHint(offered, subprotocols));
    return undefined;
  }

  #allowsOrigin(origin: string, host: string, request: IncomingMessage): boolean {
    const policy = this.#options.origin;
    if (policy === '*') return true;
    if (policy === 'same-origin') return isSameOrigin(origin, host);
    if (typeof policy !== 'function') return isListedOrigin(origin, host, this.#origins);
    return answeredAtOnce('origin', policy(origin, request));
  }
}

function isList(policy: AdmissionOptions['origin']): policy is readonly string[] {
  return Array.isArray(policy);
}

/**
 * Check an opening handshake, over any version of HTTP.
 *
 * @throws UpgradeRejection with the status to answer and a body that names the fault.
 */
export function checkHandshake(request: UpgradeRequest): Handshake {
  return request.httpVersion === '2.0' ? checkExtendedConnect(request) : checkUpgrade(request);
}
