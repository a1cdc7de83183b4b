import type { CloseInfo } from '../connection/close/close-info.js';
import { type Counters, increment } from '../connection/counters.js';
import type { ProtocolErrorCode } from '../protocol/framing/protocol-error.js';

/**
 * What a server is doing and has done, as a plain object that is the caller's own and can be made
 * JSON of. Gauges are what is now; counters are what there was since the server was made, and never
 * fall. Where a counter is split, only the keys that occurred are there.
 */
export interface ServerStats {
  /** Gauge. Connections, open or closing: `connections.size`. */
  readonly connections: number;
  /** Gauge. Upgrades for whose `authorize` the server waits, also if the client has left meanwhile; see `maxPendingUpgrades`. */
  readonly upgradesPending: number;
  /**
   * Gauge. Bytes that are not with the kernel yet, of all connections: the sum of
   * `bufferedAmount`. The one figure that is not kept but added up when asked for. Bytes that
   * several connections share, as after a broadcast, count once for each.
   */
  readonly bytesBuffered: number;
  /** Gauge. Bytes that count against `maxTotalBuffered`, those that several share once; 0 without that option, of the server or of its `limits`. */
  readonly bytesCharged: number;

  /** Counter. Upgrades answered with 101: all the connections there ever were. */
  readonly upgradesAccepted: number;
  /** Counter, by HTTP status. Upgrades rejected; each was told by `'rejected'`. */
  readonly upgradesRejected: Readonly<Record<number, number>>;
  /** Counter. Upgrades whose client left before they were decided. */
  readonly upgradesAbandoned: number;

  /** Counter. Whole messages that came, also those that were discarded. */
  readonly messagesReceived: number;
  /**
   * Counter. Those of `messagesReceived` that were discarded: no consumer came in time, `resume()` was
   * called without one, a paused connection was closed, or messages were held at `terminate()` or for
   * `maxTotalBuffered`.
   */
  readonly messagesDiscarded: number;
  /** Counter. Messages that `send` took, a broadcast once for each connection; they may not have left yet. */
  readonly messagesSent: number;
  /** Counter. Messages dropped because a peer was slow; see `slowConsumer`. */
  readonly messagesDropped: number;
  /** Counter. Bytes that came behind the handshakes: frames with their headers, as on the wire (under TLS, within it). */
  readonly bytesReceived: number;
  /** Counter. Bytes of frames handed to the transports, as on the wire (under TLS, within it). */
  readonly bytesSent: number;
  /** Counter. Ping frames that came. */
  readonly pingsReceived: number;
  /** Counter. Pong frames that came, called for or not. */
  readonly pongsReceived: number;

  /** Counter, by `ProtocolError.code`. Peers that broke a rule. */
  readonly protocolErrors: Readonly<Partial<Record<ProtocolErrorCode, number>>>;
  /** Counter, by `closeInfo.code`. Connections that ended. */
  readonly closedByCode: Readonly<Record<number, number>>;
  /** Counter, by `closeInfo.initiator`. The same connections; all three keys are there. */
  readonly closedByInitiator: Readonly<Record<CloseInfo['initiator'], number>>;
  /**
   * Counter, by the `code` of `closeInfo.cause`: `ProtocolError`'s, `ConnectionError`'s or Node's
   * own, such as `ECONNRESET`; `OTHER` for a cause without one. Connections that ended with a cause.
   */
  readonly closedByCause: Readonly<Record<string, number>>;
}

/** How the upgrades of one server went; see {@link ServerStats}. */
export class UpgradeCounters {
  accepted = 0;
  abandoned = 0;
  readonly rejected: Map<number, number> = new Map<number, number>();

  /** Count an upgrade that was rejected with this status. */
  countRejection(status: number): void {
    increment(this.rejected, status);
  }
}

/** The figures of one server. */
export function collectStats(
  connections: ReadonlySet<{ readonly bufferedAmount: number }>,
  upgradesPending: number,
  upgrades: UpgradeCounters,
  counters: Counters,
  bytesCharged: number,
): ServerStats {
  let bytesBuffered = 0;
  for (const { bufferedAmount } of connections) bytesBuffered += bufferedAmount;
  return {
    connections: connections.size,
    upgradesPending,
    bytesBuffered,
    bytesCharged,
    upgradesAccepted: upgrades.accepted,
    upgradesRejected: Object.fromEntries(upgrades.rejected),
    upgradesAbandoned: upgrades.abandoned,
    messagesReceived: counters.messagesReceived,
    messagesDiscarded: counters.messagesDiscarded,
    messagesSent: counters.messagesSent,
    messagesDropped: counters.messagesDropped,
    bytesReceived: counters.bytesReceived,
    bytesSent: counters.bytesSent,
    pingsReceived: counters.pingsReceived,
    pongsReceived: counters.pongsReceived,
    protocolErrors: Object.fromEntries(counters.protocolErrors),
    closedByCode: Object.fromEntries(counters.closedByCode),
    closedByInitiator: { ...counters.closedByInitiator },
    closedByCause: Object.fromEntries(counters.closedByCause),
  };
}
