import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Addresses } from './addresses.js';
import type { Log } from './logger.js';
import type { ResolvedOptions } from './resolve-options.js';
import { checkUpgrade, type Handshake } from '../protocol/handshake.js';
import { isListedHost, isListedOrigin, isSameOrigin } from '../protocol/origin.js';
import { selectSubprotocol } from '../protocol/subprotocol.js';
import { UpgradeRejection } from '../protocol/upgrade-rejection.js';
import { seenThroughProxies } from './trust-proxy.js';

/** Seconds after which a client that was refused for load may try again. */
const RETRY_AFTER = '10';

/** A refusal that is not the client's fault. */
export function unavailable(body: string): UpgradeRejection {
  return new UpgradeRejection(503, { headers: { 'Retry-After': RETRY_AFTER }, body });
}

/** What there is already. */
export interface Occupancy {
  readonly connections: number;
  /** Upgrades for whose `authorize` the server waits. */
  readonly pending: number;
  readonly addresses: Addresses;
}

/** An upgrade that may go on. */
export interface Admitted {
  readonly handshake: Handshake;
  /** The client's, see {@link Admission.addressOf}. */
  readonly address: string | undefined;
}

/** The options that decide who comes in. */
type AdmissionOptions = Pick<
  ResolvedOptions<unknown>,
  | 'allowedHosts'
  | 'maxConnections'
  | 'maxPendingUpgrades'
  | 'origin'
  | 'subprotocols'
  | 'trustProxy'
>;

/** The server's policy: everything that is decided about an upgrade before `authorize`. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #log: Log;

  constructor(options: AdmissionOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  /** Let a request in. @throws UpgradeRejection */
  admit(
    request: IncomingMessage,
    socket: Duplex,
    { connections, pending, addresses }: Occupancy,
  ): Admitted {
    const { allowedHosts, maxConnections, maxPendingUpgrades } = this.#options;
    const handshake = checkUpgrade(request);
    const { address, forwardedHost } = this.#seen(request, socket);
    const host = forwardedHost ?? handshake.host;
    if (allowedHosts !== undefined && !isListedHost(host, allowedHosts)) {
      this.#log.hint(`refused host ${show(host)}; option allowedHosts would allow it`);
      throw new UpgradeRejection(403, { body: 'this host is not served here' });
    }
    if (handshake.origin !== undefined && !this.#allowsOrigin(handshake.origin, host, request)) {
      this.#log.hint(
        `refused origin ${show(handshake.origin)} at host ${show(host)}; option origin: [${show(handshake.origin)}] would allow it`,
      );
      throw new UpgradeRejection(403, { body: 'this origin is not allowed' });
    }
    if (addresses.isFull(address)) {
      throw new UpgradeRejection(429, {
        headers: { 'Retry-After': RETRY_AFTER },
        body: 'too many connections from this address',
      });
    }
    if (connections + pending >= maxConnections) throw unavailable('too many connections');
    if (pending >= maxPendingUpgrades) throw unavailable('too many upgrades are pending');
    return { handshake, address };
  }

  /** The client's address, as far as the proxies that are trusted can tell. */
  addressOf(request: IncomingMessage, socket: Duplex): string | undefined {
    return this.#seen(request, socket).address;
  }

  /** The subprotocol by the server's preference, if the client offered any it knows. */
  subprotocolFor(offered: readonly string[], request: IncomingMessage): string | undefined {
    if (offered.length === 0) return undefined;
    const { subprotocols } = this.#options;
    const chosen =
      typeof subprotocols === 'function'
        ? subprotocols(offered, request)
        : selectSubprotocol(offered, subprotocols);
    if (chosen === undefined) {
      this.#log.hint(
        `no common subprotocol: the client offered ${offered.map(show).join(', ')}; browsers close such a connection, unless option subprotocols has one of them`,
      );
    }
    return chosen;
  }

  #allowsOrigin(origin: string, host: string, request: IncomingMessage): boolean {
    const policy = this.#options.origin;
    if (policy === '*') return true;
    if (policy === 'same-origin') return isSameOrigin(origin, host);
    return typeof policy === 'function' ? policy(origin, request) : isListedOrigin(origin, policy);
  }

  #seen(request: IncomingMessage, socket: Duplex): ReturnType<typeof seenThroughProxies> {
    const peer = (socket as { remoteAddress?: string }).remoteAddress;
    return seenThroughProxies(request, peer, this.#options.trustProxy);
  }
}

/** What a client sent, fit for a log: on one line and not without end. */
function show(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
