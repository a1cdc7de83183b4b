import { BufferBudget } from '../../connection/limits/buffer-budget.js';
import {
  byteCount,
  checkOptions,
  nonNegativeInteger,
  type Rules,
} from '../../protocol/option-checks.js';
import { AddressLimit } from './address-limit.js';

/** Options of a {@link SharedLimits}; at least one of them. */
export interface SharedLimitsOptions {
  /** The connections and pending upgrades of all the servers; more are rejected with 503. @default Infinity */
  readonly maxConnections?: number;
  /** The connections and pending upgrades of one client at all the servers; more are rejected with 429. @default Infinity */
  readonly maxConnectionsPerAddress?: number;
  /** The bytes that the connections of all the servers may hold together. @default Infinity */
  readonly maxTotalBuffered?: number;
}

const RULES: Rules<SharedLimitsOptions> = {
  maxConnections: nonNegativeInteger,
  maxConnectionsPerAddress: nonNegativeInteger,
  maxTotalBuffered: byteCount,
};

/** The counters that the servers share. */
interface Shares {
  readonly maxConnections: number;
  readonly addresses: AddressLimit;
  readonly budget: BufferBudget | undefined;
}

/** The limits' parts, for the servers that share them. @internal */
export let sharesOf: (limits: SharedLimits) => Shares;
/** Whether a value is a SharedLimits of this copy of the package. @internal */
export let isSharedLimits: (value: unknown) => value is SharedLimits;

/**
 * Limits that several `WebSocketServer`s share, for example those on one `http.Server`. A server's
 * own options of the same names count the connections of that server only.
 *
 * ```ts
 * const limits = new SharedLimits({ maxConnections: 10_000 });
 * const chat = new WebSocketServer(server, { path: '/chat', limits });
 * const feeds = new WebSocketServer(server, { path: '/feeds', limits, maxConnections: 1000 });
 * ```
 */
export class SharedLimits {
  readonly #shares: Shares;

  /** @throws TypeError for an unknown option, a wrong value, and without any option. */
  constructor(options: SharedLimitsOptions) {
    const given: SharedLimitsOptions = checkOptions('SharedLimits', options, RULES);
    const { maxConnections = Infinity, maxConnectionsPerAddress = Infinity } = given;
    const { maxTotalBuffered = Infinity } = given;
    if (Object.keys(given).length === 0) {
      throw new TypeError(
        `SharedLimits: expected at least one of ${Object.keys(RULES).join(', ')}`,
      );
    }
    this.#shares = {
      maxConnections,
      addresses: new AddressLimit(maxConnectionsPerAddress),
      budget: maxTotalBuffered === Infinity ? undefined : new BufferBudget(maxTotalBuffered),
    };
  }

  /** The current number of connections and pending upgrades of all the servers. */
  get connections(): number {
    return this.#shares.addresses.total;
  }

  static {
    sharesOf = (limits) => limits.#shares;
    isSharedLimits = (value): value is SharedLimits =>
      typeof value === 'object' && value !== null && #shares in value;
  }
}
