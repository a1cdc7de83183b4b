import type { LagStats } from './lag.js';

/** The gauges and counters of a server's broker; see `ServerStats`. */
export interface BrokerStats {
  /** Whether the broker can be used, and has confirmed all the topics that this node wants. With `shardBroker`, whether all of them can. */
  readonly state: 'up' | 'down';
  /** Counter. Messages that the broker took. */
  readonly published: number;
  /** Counter. Messages of other nodes that came. */
  readonly received: number;
  /** Counter. Messages of other nodes that did not come, although later ones of the same node and topic did. */
  readonly lost: number;
  /** Counter. How often the broker became unusable after it had been usable; with `shardBroker`, those of all brokers. */
  readonly interruptions: number;
  /** Counter. Seconds for which `state` was `'down'`, from the start of the server on. */
  readonly secondsDown: number;
  /** Gauge. Messages that wait for it; see `brokerBuffer`. */
  readonly buffered: number;
  /** Counter. Messages that it did not take, and for which `brokerBuffer` had no room. */
  readonly bufferDropped: number;
  /** Gauge. Topics that it has not confirmed yet. */
  readonly joinsPending: number;
  /** Milliseconds from the sending of a message on one node to its arrival on another, as well as their clocks agree. */
  readonly lag: LagStats;
}
