import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { systemClock } from '../connection/limits/clock.js';
import { AddressLimit } from '../server/admission/address-limit.js';
import { Admission } from '../server/admission/admission.js';
import { sharesOf } from '../server/admission/shared-limits.js';
import { peerAddressOf } from '../server/http1/raw-socket.js';
import { createLog } from '../server/logger.js';
import type { ResolvedOptions } from '../server/options/resolve-options.js';
import type { HawserOptions } from './hawser-options.js';

/** The options that decide about requests. Without one of them every request is admitted, as in ws. */
const DECIDING = [
  'allowedHosts',
  'limits',
  'maxConnections',
  'maxConnectionsPerAddress',
  'origin',
  'trustProxy',
] as const;

/** Which requests a server of `hawser/ws` admits, where its option `hawser` restricts them. */
export class ServerAdmission {
  readonly #admission: Admission;
  readonly #addresses: AddressLimit;

  private constructor(options: ResolvedOptions<undefined>) {
    this.#admission = new Admission(
      options,
      createLog(options.logger, options.clock ?? systemClock),
    );
    this.#addresses = new AddressLimit(
      options.maxConnectionsPerAddress,
      options.limits && sharesOf(options.limits).addresses,
    );
  }

  /** @returns `undefined` if the options restrict nothing. */
  static of(
    options: ResolvedOptions<undefined>,
    given: HawserOptions = {},
  ): ServerAdmission | undefined {
    return DECIDING.some((name) => given[name] !== undefined)
      ? new ServerAdmission(options)
      : undefined;
  }

  /**
   * Admit a request, and count its connection until the socket closes.
   *
   * @throws UpgradeRejection
   */
  admit(request: IncomingMessage, socket: Duplex): void {
    const { address } = this.#admission.admit(request, peerAddressOf(request, socket), {
      connections: this.#addresses.total,
      pending: 0,
      addresses: this.#addresses,
    });
    this.#addresses.add(address);
    socket.once('close', () => {
      this.#addresses.remove(address);
    });
  }
}
