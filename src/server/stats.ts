import type { CloseInfo } from '../connection/close/close-info.js';
import type { WebSocketConnection } from '../connection/connection.js';
import { type Counters, increment } from '../connection/counters.js';
import type { TransportKind } from '../connection/transport.js';
import type { ProtocolErrorCode } from '../protocol/framing/protocol-error.js';
import type { BrokerStats } from './topics/broker-stats.js';
import type { TopicStats } from './topics/topic-stats.js';

/**
 * The gauges and counters of a server, as a new plain object that can be converted to JSON. Gauges are
 * current values; counters count since the server was created and never fall. A counter with several
 * keys has only those that occurred.
 */
export interface ServerStats {
  /** Gauge. Connections, open or closing: `connections.size`. */
  readonly connections: number;
  /** Gauge, by `conn.transport`. The same connections, counted at each call; all four keys are there. */
  readonly connectionsByTransport: Readonly<Record<TransportKind, number>>;
  /** Gauge. Upgrades that wait for `authorize`, including those whose client has left; see `maxPendingUpgrades`. */
  readonly upgradesPending: number;
  /**
   * Gauge. Bytes that have not been passed to the kernel yet: the sum of `bufferedAmount` of all
   * connections, added up at each call. Bytes that several connections share (a broadcast) count once
   * for each of them.
   */
  readonly bytesBuffered: number;
  /** Gauge. Bytes that count for `maxTotalBuffered`, shared bytes once; 0 without that option of the server or of its `limits`. */
  readonly bytesCharged: number;

  /** Counter. Connections that were opened. */
  readonly upgradesAccepted: number;
  /** Counter, by HTTP status. Upgrades rejected; `'rejected'` was emitted for each. */
  readonly upgradesRejected: Readonly<Record<number, number>>;
  /** Counter. Upgrades whose client left before they were decided. */
  readonly upgradesAbandoned: number;

  /** Counter. Complete messages received, including those that were discarded. */
  readonly messagesReceived: number;
  /**
   * Counter. Received messages that were discarded: there was no consumer in time, `resume()` was called
   * without one, a paused connection was closed, or messages were held at `terminate()` or when
   * `maxTotalBuffered` was exceeded.
   */
  readonly messagesDiscarded: number;
  /** Counter. Messages that `send` accepted, a broadcast once for each connection; they may still be buffered. */
  readonly messagesSent: number;
  /** Counter. Messages dropped because a peer was slow; see `slowConsumer`. */
  readonly messagesDropped: number;
  /** Counter. Messages that a newer one with the same `key` replaced while they waited for a slow peer. */
  readonly messagesConflated: number;
  /** Counter. Bytes received after the handshakes: frames with their headers, before TLS encryption. */
  readonly bytesReceived: number;
  /** Counter. Bytes of frames passed to the transports, before TLS encryption. */
  readonly bytesSent: number;
  /** Counter. Ping frames received. */
  readonly pingsReceived: number;
  /** Counter. Pong frames received, solicited or not. */
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

  /** The topics in this process. */
  readonly topics: TopicStats;
  /** The broker; only with the option `broker`. */
  readonly broker?: BrokerStats;
}

/** The counters of one server's upgrades; see {@link ServerStats}. */
export class UpgradeCounters {
  accepted = 0;
  abandoned = 0;
  readonly rejected: Map<number, number> = new Map<number, number>();

  /** Count an upgrade that was rejected with this status. */
  countRejection(status: number): void {
    increment(this.rejected, status);
  }
}

/** Collect the statistics of one server. */
export function collectStats(
  connections: ReadonlySet<Pick<WebSocketConnection, 'bufferedAmount' | 'transport'>>,
  upgradesPending: number,
  upgrades: UpgradeCounters,
  counters: Counters,
  bytesCharged: number,
  topics: TopicStats,
  broker?: BrokerStats,
): ServerStats {
  let bytesBuffered = 0;
  const connectionsByTransport = { http1: 0, http2: 0, pair: 0, other: 0 };
  for (const { bufferedAmount, transport } of connections) {
    bytesBuffered += bufferedAmount;
    connectionsByTransport[transport]++;
  }
  return {
    connections: connections.size,
    connectionsByTransport,
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
    messagesConflated: counters.messagesConflated,
    bytesReceived: counters.bytesReceived,
    bytesSent: counters.bytesSent,
    pingsReceived: counters.pingsReceived,
    pongsReceived: counters.pongsReceived,
    protocolErrors: Object.fromEntries(counters.protocolErrors),
    closedByCode: Object.fromEntries(counters.closedByCode),
    closedByInitiator: { ...counters.closedByInitiator },
    closedByCause: Object.fromEntries(counters.closedByCause),
    topics,
    ...(broker === undefined ? {} : { broker }),
  };
}
