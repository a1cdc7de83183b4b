import type { LagStats, ServerStats } from '../../index.js';

/** A metric; in OpenMetrics, a metric family. */
export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  /** The suffix of the name. */
  readonly unit?: 'bytes' | 'seconds';
  readonly help: string;
  /** The label whose values are the keys of the field; `undefined` for a number. */
  readonly label?: string;
  /** `undefined` if the server does not have the figure. */
  readonly read: (stats: ServerStats) => number | Readonly<Record<string, number>> | undefined;
}

/** All the metrics, in the order in which they are printed. */
export const FAMILIES: readonly Family[] = [
  {
    name: 'hawser_connections',
    type: 'gauge',
    help: 'Connections, open or closing.',
    read: ({ connections }) => connections,
  },
  {
    name: 'hawser_connections_by_transport',
    type: 'gauge',
    help: 'Connections, open or closing, by what carries them: HTTP/1.1, HTTP/2, memory or a stream of the application.',
    label: 'transport',
    read: ({ connectionsByTransport }) => connectionsByTransport,
  },
  {
    name: 'hawser_upgrades_pending',
    type: 'gauge',
    help: 'Upgrades that wait for authorize.',
    read: ({ upgradesPending }) => upgradesPending,
  },
  {
    name: 'hawser_buffered_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Bytes that have not been passed to the kernel yet.',
    read: ({ bytesBuffered }) => bytesBuffered,
  },
  {
    name: 'hawser_charged_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Bytes that count against maxTotalBuffered; 0 without it.',
    read: ({ bytesCharged }) => bytesCharged,
  },
  {
    name: 'hawser_upgrades_accepted',
    type: 'counter',
    help: 'Upgrades answered with 101, or over HTTP/2 with 200.',
    read: ({ upgradesAccepted }) => upgradesAccepted,
  },
  {
    name: 'hawser_upgrades_rejected',
    type: 'counter',
    help: 'Upgrades rejected, by HTTP status.',
    label: 'status',
    read: ({ upgradesRejected }) => upgradesRejected,
  },
  {
    name: 'hawser_upgrades_abandoned',
    type: 'counter',
    help: 'Upgrades whose client left before they were decided.',
    read: ({ upgradesAbandoned }) => upgradesAbandoned,
  },
  {
    name: 'hawser_messages_received',
    type: 'counter',
    help: 'Messages received.',
    read: ({ messagesReceived }) => messagesReceived,
  },
  {
    name: 'hawser_messages_discarded',
    type: 'counter',
    help: 'Messages received and discarded because nothing took them.',
    read: ({ messagesDiscarded }) => messagesDiscarded,
  },
  {
    name: 'hawser_messages_sent',
    type: 'counter',
    help: 'Messages accepted for sending, a broadcast once for each connection.',
    read: ({ messagesSent }) => messagesSent,
  },
  {
    name: 'hawser_messages_dropped',
    type: 'counter',
    help: 'Messages dropped because a peer was slow.',
    read: ({ messagesDropped }) => messagesDropped,
  },
  {
    name: 'hawser_messages_conflated',
    type: 'counter',
    help: 'Messages that a newer one with the same key replaced while they waited.',
    read: ({ messagesConflated }) => messagesConflated,
  },
  {
    name: 'hawser_received_bytes',
    type: 'counter',
    unit: 'bytes',
    help: 'Bytes of frames received.',
    read: ({ bytesReceived }) => bytesReceived,
  },
  {
    name: 'hawser_sent_bytes',
    type: 'counter',
    unit: 'bytes',
    help: 'Bytes of frames passed to the transports.',
    read: ({ bytesSent }) => bytesSent,
  },
  {
    name: 'hawser_pings_received',
    type: 'counter',
    help: 'Ping frames received.',
    read: ({ pingsReceived }) => pingsReceived,
  },
  {
    name: 'hawser_pongs_received',
    type: 'counter',
    help: 'Pong frames received.',
    read: ({ pongsReceived }) => pongsReceived,
  },
  {
    name: 'hawser_protocol_errors',
    type: 'counter',
    help: 'Peers that broke a rule, by ProtocolError code.',
    label: 'code',
    read: ({ protocolErrors }) => protocolErrors,
  },
  {
    name: 'hawser_closed_by_code',
    type: 'counter',
    help: 'Connections that ended, by close code; 3xxx and 4xxx are the codes of applications.',
    label: 'code',
    read: ({ closedByCode }) => byRange(closedByCode),
  },
  {
    name: 'hawser_closed_by_initiator',
    type: 'counter',
    help: 'Connections that ended, by the side that started it.',
    label: 'initiator',
    read: ({ closedByInitiator }) => closedByInitiator,
  },
  {
    name: 'hawser_closed_by_cause',
    type: 'counter',
    help: 'Connections that ended with a cause, by its code.',
    label: 'cause',
    read: ({ closedByCause }) => closedByCause,
  },
  {
    name: 'hawser_topics',
    type: 'gauge',
    help: 'Topics that have subscribers.',
    read: ({ topics }) => topics.topics,
  },
  {
    name: 'hawser_topic_subscriptions',
    type: 'gauge',
    help: 'Subscriptions of connections to topics.',
    read: ({ topics }) => topics.subscriptions,
  },
  {
    name: 'hawser_topic_retained_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Bytes of the messages that topics retain.',
    read: ({ topics }) => topics.retainedBytes,
  },
  {
    name: 'hawser_topic_published',
    type: 'counter',
    help: 'Calls of publish.',
    read: ({ topics }) => topics.published,
  },
  {
    name: 'hawser_topic_delivered',
    type: 'counter',
    help: 'Published messages that were queued for a subscriber.',
    read: ({ topics }) => topics.delivered,
  },
  {
    name: 'hawser_topic_dropped',
    type: 'counter',
    help: 'Published messages that were dropped because a subscriber was slow.',
    read: ({ topics }) => topics.dropped,
  },
  {
    name: 'hawser_topic_conflated',
    type: 'counter',
    help: 'Published messages that a newer one with the same key replaced.',
    read: ({ topics }) => topics.conflated,
  },
  {
    name: 'hawser_broker_up',
    type: 'gauge',
    help: 'Whether the broker can be used and has confirmed all topics: 1 or 0.',
    read: ({ broker }) => broker && Number(broker.state === 'up'),
  },
  {
    name: 'hawser_broker_published',
    type: 'counter',
    help: 'Messages that the broker took.',
    read: ({ broker }) => broker?.published,
  },
  {
    name: 'hawser_broker_received',
    type: 'counter',
    help: 'Messages of other nodes that came.',
    read: ({ broker }) => broker?.received,
  },
  {
    name: 'hawser_broker_lost',
    type: 'counter',
    help: 'Messages of other nodes that did not come, although later ones did.',
    read: ({ broker }) => broker?.lost,
  },
  {
    name: 'hawser_broker_interruptions',
    type: 'counter',
    help: 'Times that the broker became unusable.',
    read: ({ broker }) => broker?.interruptions,
  },
  {
    name: 'hawser_broker_down_seconds',
    type: 'counter',
    unit: 'seconds',
    help: 'Time for which the broker could not be used.',
    read: ({ broker }) => broker?.secondsDown,
  },
  {
    name: 'hawser_broker_buffered',
    type: 'gauge',
    help: 'Messages that wait for the broker.',
    read: ({ broker }) => broker?.buffered,
  },
  {
    name: 'hawser_broker_buffer_dropped',
    type: 'counter',
    help: 'Messages that the broker did not take and that were not kept.',
    read: ({ broker }) => broker?.bufferDropped,
  },
  {
    name: 'hawser_broker_joins_pending',
    type: 'gauge',
    help: 'Topics that the broker has not confirmed yet.',
    read: ({ broker }) => broker?.joinsPending,
  },
  {
    name: 'hawser_broker_lag_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Time from the sending of a message on one node to its arrival here, by quantile.',
    label: 'quantile',
    read: ({ broker }) => broker && quantiles(broker.lag),
  },
];

/** In seconds; nothing before the first message. */
function quantiles({ p50, p99 }: LagStats): Record<string, number> {
  if (p50 === undefined || p99 === undefined) return {};
  return { '0.5': p50 / 1000, '0.99': p99 / 1000 };
}

/** Merge the close codes of applications, so that a peer cannot create two thousand series. */
function byRange(closedByCode: Readonly<Record<string, number>>): Record<string, number> {
  const ranges: Record<string, number> = {};
  for (const [code, count] of Object.entries(closedByCode)) {
    const range = code < '3000' ? code : `${code[0]!}xxx`;
    ranges[range] = (ranges[range] ?? 0) + count;
  }
  return ranges;
}
