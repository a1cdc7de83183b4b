import * as promClient from 'prom-client';
import { CONTENT_TYPE, metrics, registerMetrics } from '../../../src/adapters/metrics.js';
import type { ServerStats } from '../../../src/index.js';
import { type MetricFamily, readOpenMetrics } from '../../support/openmetrics.js';

const STATS: ServerStats = {
  connections: 1,
  connectionsByTransport: { http1: 35, http2: 36, pair: 37, other: 38 },
  upgradesPending: 2,
  bytesBuffered: 3,
  bytesCharged: 26,
  upgradesAccepted: 4,
  upgradesRejected: { 403: 5, 503: 6 },
  upgradesAbandoned: 7,
  messagesReceived: 8,
  messagesDiscarded: 13,
  messagesSent: 9,
  messagesDropped: 10,
  messagesConflated: 27,
  bytesReceived: 2 ** 53,
  bytesSent: 12,
  pingsReceived: 13,
  pongsReceived: 14,
  protocolErrors: { ERR_MASK_REQUIRED: 15 },
  closedByCode: { 1000: 16, 1006: 17, 3000: 18, 3999: 19, 4000: 20, 4999: 21 },
  closedByInitiator: { local: 22, peer: 23, transport: 24 },
  closedByCause: { ECONNRESET: 25 },
  topics: {
    topics: 28,
    subscriptions: 29,
    published: 30,
    delivered: 31,
    dropped: 32,
    conflated: 33,
    retainedBytes: 34,
  },
};

const EXPECTED = `# TYPE hawser_connections gauge
# HELP hawser_connections Connections, open or closing.
hawser_connections 1
# TYPE hawser_connections_by_transport gauge
# HELP hawser_connections_by_transport Connections, open or closing, by what carries them: HTTP/1.1, HTTP/2, memory or a stream of the application.
hawser_connections_by_transport{transport="http1"} 35
hawser_connections_by_transport{transport="http2"} 36
hawser_connections_by_transport{transport="pair"} 37
hawser_connections_by_transport{transport="other"} 38
# TYPE hawser_upgrades_pending gauge
# HELP hawser_upgrades_pending Upgrades that wait for authorize.
hawser_upgrades_pending 2
# TYPE hawser_buffered_bytes gauge
# UNIT hawser_buffered_bytes bytes
# HELP hawser_buffered_bytes Bytes that have not been passed to the kernel yet.
hawser_buffered_bytes 3
# TYPE hawser_charged_bytes gauge
# UNIT hawser_charged_bytes bytes
# HELP hawser_charged_bytes Bytes that count against maxTotalBuffered; 0 without it.
hawser_charged_bytes 26
# TYPE hawser_upgrades_accepted counter
# HELP hawser_upgrades_accepted Upgrades answered with 101, or over HTTP/2 with 200.
hawser_upgrades_accepted_total 4
# TYPE hawser_upgrades_rejected counter
# HELP hawser_upgrades_rejected Upgrades rejected, by HTTP status.
hawser_upgrades_rejected_total{status="403"} 5
hawser_upgrades_rejected_total{status="503"} 6
# TYPE hawser_upgrades_abandoned counter
# HELP hawser_upgrades_abandoned Upgrades whose client left before they were decided.
hawser_upgrades_abandoned_total 7
# TYPE hawser_messages_received counter
# HELP hawser_messages_received Messages received.
hawser_messages_received_total 8
# TYPE hawser_messages_discarded counter
# HELP hawser_messages_discarded Messages received and discarded because nothing took them.
hawser_messages_discarded_total 13
# TYPE hawser_messages_sent counter
# HELP hawser_messages_sent Messages accepted for sending, a broadcast once for each connection.
hawser_messages_sent_total 9
# TYPE hawser_messages_dropped counter
# HELP hawser_messages_dropped Messages dropped because a peer was slow.
hawser_messages_dropped_total 10
# TYPE hawser_messages_conflated counter
# HELP hawser_messages_conflated Messages that a newer one with the same key replaced while they waited.
hawser_messages_conflated_total 27
# TYPE hawser_received_bytes counter
# UNIT hawser_received_bytes bytes
# HELP hawser_received_bytes Bytes of frames received.
hawser_received_bytes_total 9007199254740992
# TYPE hawser_sent_bytes counter
# UNIT hawser_sent_bytes bytes
# HELP hawser_sent_bytes Bytes of frames passed to the transports.
hawser_sent_bytes_total 12
# TYPE hawser_pings_received counter
# HELP hawser_pings_received Ping frames received.
hawser_pings_received_total 13
# TYPE hawser_pongs_received counter
# HELP hawser_pongs_received Pong frames received.
hawser_pongs_received_total 14
# TYPE hawser_protocol_errors counter
# HELP hawser_protocol_errors Peers that broke a rule, by ProtocolError code.
hawser_protocol_errors_total{code="ERR_MASK_REQUIRED"} 15
# TYPE hawser_closed_by_code counter
# HELP hawser_closed_by_code Connections that ended, by close code; 3xxx and 4xxx are the codes of applications.
hawser_closed_by_code_total{code="1000"} 16
hawser_closed_by_code_total{code="1006"} 17
hawser_closed_by_code_total{code="3xxx"} 37
hawser_closed_by_code_total{code="4xxx"} 41
# TYPE hawser_closed_by_initiator counter
# HELP hawser_closed_by_initiator Connections that ended, by the side that started it.
hawser_closed_by_initiator_total{initiator="local"} 22
hawser_closed_by_initiator_total{initiator="peer"} 23
hawser_closed_by_initiator_total{initiator="transport"} 24
# TYPE hawser_closed_by_cause counter
# HELP hawser_closed_by_cause Connections that ended with a cause, by its code.
hawser_closed_by_cause_total{cause="ECONNRESET"} 25
# TYPE hawser_topics gauge
# HELP hawser_topics Topics that have subscribers.
hawser_topics 28
# TYPE hawser_topic_subscriptions gauge
# HELP hawser_topic_subscriptions Subscriptions of connections to topics.
hawser_topic_subscriptions 29
# TYPE hawser_topic_retained_bytes gauge
# UNIT hawser_topic_retained_bytes bytes
# HELP hawser_topic_retained_bytes Bytes of the messages that topics retain.
hawser_topic_retained_bytes 34
# TYPE hawser_topic_published counter
# HELP hawser_topic_published Calls of publish.
hawser_topic_published_total 30
# TYPE hawser_topic_delivered counter
# HELP hawser_topic_delivered Published messages that were queued for a subscriber.
hawser_topic_delivered_total 31
# TYPE hawser_topic_dropped counter
# HELP hawser_topic_dropped Published messages that were dropped because a subscriber was slow.
hawser_topic_dropped_total 32
# TYPE hawser_topic_conflated counter
# HELP hawser_topic_conflated Published messages that a newer one with the same key replaced.
hawser_topic_conflated_total 33
# EOF
`;

/** A server of which only the statistics are asked for, and how often. */
function source(stats: ServerStats = STATS) {
  return { stats: jest.fn(() => stats) };
}

/** Name and value of every series. */
const series = (families: Map<string, MetricFamily>): [string, number][] =>
  [...families.values()].flatMap(({ samples }) => [...samples]);

const TWO = { 'a "quoted" \\ name\n': source(), stats: source({ ...STATS, connections: 99 }) };

describe('metrics', () => {
  it('is OpenMetrics text, in this very form', () => {
    expect(metrics(source())).toBe(EXPECTED);
    expect(CONTENT_TYPE).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  });

  it('obeys the grammar, for one server and for several whose names are hostile', () => {
    expect(readOpenMetrics(metrics(source())).size).toBe(28);
    const families = readOpenMetrics(metrics(TWO));
    expect([...families.get('hawser_connections')!.samples]).toStrictEqual([
      ['hawser_connections{server="a \\"quoted\\" \\\\ name\\n"}', 1],
      ['hawser_connections{server="stats"}', 99],
    ]);
    expect(
      families
        .get('hawser_closed_by_code')!
        .samples.get('hawser_closed_by_code_total{server="stats",code="4xxx"}'),
    ).toBe(41);
  });

  const { topics, ...others } = STATS;

  it.each(Object.entries(others))('shows %s', (field, value) => {
    const changed = typeof value === 'number' ? 1000 : { ...value, peer: 1000, 1001: 1000 };
    expect(metrics(source({ ...STATS, [field]: changed }))).not.toBe(EXPECTED);
  });

  it.each(Object.keys(topics))('shows %s of the topics', (field) => {
    const changed = { ...STATS, topics: { ...topics, [field]: 1000 } };
    expect(metrics(source(changed))).not.toBe(EXPECTED);
  });

  it('shows the broker of a server that has one', () => {
    const broker = {
      state: 'up',
      published: 41,
      received: 42,
      lost: 43,
      interruptions: 44,
      secondsDown: 4.5,
      buffered: 46,
      bufferDropped: 47,
      joinsPending: 48,
      lag: { p50: 2, p99: 30 },
    } as const;
    const text = metrics(source({ ...STATS, broker }));
    expect(readOpenMetrics(text).size).toBe(38);
    expect(text.slice(text.indexOf('# TYPE hawser_broker_up'))).toBe(`# TYPE hawser_broker_up gauge
# HELP hawser_broker_up Whether the broker can be used and has confirmed all topics: 1 or 0.
hawser_broker_up 1
# TYPE hawser_broker_published counter
# HELP hawser_broker_published Messages that the broker took.
hawser_broker_published_total 41
# TYPE hawser_broker_received counter
# HELP hawser_broker_received Messages of other nodes that came.
hawser_broker_received_total 42
# TYPE hawser_broker_lost counter
# HELP hawser_broker_lost Messages of other nodes that did not come, although later ones did.
hawser_broker_lost_total 43
# TYPE hawser_broker_interruptions counter
# HELP hawser_broker_interruptions Times that the broker became unusable.
hawser_broker_interruptions_total 44
# TYPE hawser_broker_down_seconds counter
# UNIT hawser_broker_down_seconds seconds
# HELP hawser_broker_down_seconds Time for which the broker could not be used.
hawser_broker_down_seconds_total 4.5
# TYPE hawser_broker_buffered gauge
# HELP hawser_broker_buffered Messages that wait for the broker.
hawser_broker_buffered 46
# TYPE hawser_broker_buffer_dropped counter
# HELP hawser_broker_buffer_dropped Messages that the broker did not take and that were not kept.
hawser_broker_buffer_dropped_total 47
# TYPE hawser_broker_joins_pending gauge
# HELP hawser_broker_joins_pending Topics that the broker has not confirmed yet.
hawser_broker_joins_pending 48
# TYPE hawser_broker_lag_seconds gauge
# UNIT hawser_broker_lag_seconds seconds
# HELP hawser_broker_lag_seconds Time from the sending of a message on one node to its arrival here, by quantile.
hawser_broker_lag_seconds{quantile="0.5"} 0.002
hawser_broker_lag_seconds{quantile="0.99"} 0.03
# EOF
`);
    const down = { ...broker, state: 'down', lag: { p50: undefined, p99: undefined } } as const;
    const two = { one: source(), two: source({ ...STATS, broker: down }) };
    const samples = [...readOpenMetrics(metrics(two)).get('hawser_broker_up')!.samples];
    expect(samples).toStrictEqual([['hawser_broker_up{server="two"}', 0]]);
    expect(metrics(two)).not.toContain('quantile=');
  });

  it('looks at each server once, however many metrics there are', () => {
    const [one, other] = [source(), source()];
    metrics({ one, other });
    expect([one.stats, other.stats].map(({ mock }) => mock.calls.length)).toStrictEqual([1, 1]);
  });

  it('makes few series of the codes that peers choose', () => {
    const every = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [3000 + i, 1]));
    const text = metrics(source({ ...STATS, closedByCode: every }));
    const { samples } = readOpenMetrics(text).get('hawser_closed_by_code')!;
    expect([...samples.values()]).toStrictEqual([1000, 1000]);
  });

  it('is valid without any server', () => {
    expect(series(readOpenMetrics(metrics({})))).toStrictEqual([]);
  });
});

describe('the reader of OpenMetrics', () => {
  const gauge = '# TYPE a gauge\n';
  it.each([
    ['without its end', 'a 1\n'],
    ['with an empty line', `${gauge}\na 1\n# EOF\n`],
    ['with a sample that has no family', 'a 1\n# EOF\n'],
    ['with a counter without _total', '# TYPE a counter\na 1\n# EOF\n'],
    ['with a family called _total', '# TYPE a_total counter\na_total 1\n# EOF\n'],
    ['with a unit that is not in the name', `${gauge}# UNIT a bytes\n# EOF\n`],
    ['with a quote that is not escaped', `${gauge}a{b="c"d"} 1\n# EOF\n`],
    ['with a comma too many', `${gauge}a{b="c",} 1\n# EOF\n`],
    ['with a label twice', `${gauge}a{b="c",b="d"} 1\n# EOF\n`],
    ['with a series twice', `${gauge}a 1\na 1\n# EOF\n`],
    ['with a family twice', `${gauge}a 1\n${gauge}# EOF\n`],
    ['with metadata after samples', `${gauge}a 1\n# HELP a b\n# EOF\n`],
    ['with undefined', `${gauge}a undefined\n# EOF\n`],
  ])('rejects text %s', (_what, text) => {
    expect(() => readOpenMetrics(text)).toThrow();
  });
});

describe('registerMetrics', () => {
  const openMetrics = () => {
    const registry = new promClient.Registry();
    registry.setContentType(promClient.Registry.OPENMETRICS_CONTENT_TYPE as never);
    return registry;
  };

  it('gives prom-client the same series as the text has', async () => {
    for (const servers of [source(), TWO]) {
      const registry = openMetrics();
      registerMetrics(promClient, servers, registry);
      const theirs = series(readOpenMetrics(await registry.metrics()));
      expect(theirs.sort()).toStrictEqual(series(readOpenMetrics(metrics(servers))).sort());
    }
  });

  it('names counters as Prometheus’s own format wants them, too', async () => {
    const registry = new promClient.Registry();
    registerMetrics(promClient, source(), registry);
    const text = await registry.metrics();
    expect(text).toContain('# TYPE hawser_sent_bytes_total counter\nhawser_sent_bytes_total 12\n');
    expect(text).toContain('# TYPE hawser_connections gauge\nhawser_connections 1\n');
    expect(text).toContain('hawser_upgrades_rejected_total{status="503"} 6\n');
  });

  it('reads when it is read, all metrics in one look', async () => {
    const registry = openMetrics();
    let connections = 0;
    const server = { stats: jest.fn(() => ({ ...STATS, connections })) };
    registerMetrics(promClient, server, registry);
    expect(server.stats).toHaveBeenCalledTimes(1); // to know which metrics there are
    await Promise.resolve(); // the snapshot is of that moment only
    for (connections of [5, 3, 8]) {
      const { samples } = readOpenMetrics(await registry.metrics()).get('hawser_connections')!;
      expect([...samples.values()]).toStrictEqual([connections]);
    }
    expect(server.stats).toHaveBeenCalledTimes(4);
  });

  it('counts what was counted, however often it is read', async () => {
    const registry = openMetrics();
    registerMetrics(promClient, source(), registry);
    const first = await registry.metrics();
    expect(await registry.metrics()).toBe(first);
  });

  it('registers with prom-client’s own registry by default, beside other metrics', async () => {
    promClient.register.clear();
    new promClient.Gauge({ name: 'mine', help: 'The application’s own.' }).set(7);
    registerMetrics(promClient, source());
    expect(await promClient.register.metrics()).toMatch(/^mine 7$[^]*^hawser_connections 1$/m);
    expect(() => registerMetrics(promClient, source())).toThrow('already been registered');
    promClient.register.clear();
  });
});
