/// <reference types="node" preserve="true" />
import type { ServerStats } from '../index.js';

/** Whatever has statistics: a `WebSocketServer`. */
export interface StatsSource {
  stats(): ServerStats;
}

/** One server, or several by name: then every sample has the name as its label `server`. */
export type Servers = StatsSource | Readonly<Record<string, StatsSource>>;

/** The `Content-Type` of what {@link metrics} returns. */
export const CONTENT_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/**
 * The statistics of servers as OpenMetrics 1.0 text, which Prometheus scrapes. Every field of
 * `ServerStats` is a metric; the series of a split one are those that have occurred.
 *
 * ```ts
 * response.setHeader('Content-Type', CONTENT_TYPE).end(metrics(wss));
 * ```
 */
export function metrics(servers: Servers): string {
  const all = look(servers);
  const lines: string[] = [];
  for (const { name, type, unit, help, label, read } of FAMILIES) {
    lines.push(`# TYPE ${name} ${type}`);
    if (unit !== undefined) lines.push(`# UNIT ${name} ${unit}`);
    lines.push(`# HELP ${name} ${help}`);
    for (const [labels, value] of samples(all, label, read)) {
      lines.push(`${name}${type === 'counter' ? '_total' : ''}${braces(labels)} ${value}`);
    }
  }
  return `${lines.join('\n')}\n# EOF\n`;
}

/** What is used of the module `prom-client`, which the application brings. */
export interface PromClient<Registry> {
  readonly Counter: PromMetricClass<Registry>;
  readonly Gauge: PromMetricClass<Registry>;
}

/** A class of metrics of `prom-client`. */
export type PromMetricClass<Registry> = new (configuration: {
  name: string;
  help: string;
  labelNames: string[];
  registers?: Registry[];
  collect: () => void;
}) => {
  reset(): void;
  inc(labels: Record<string, string>, value: number): void;
};

/**
 * Register the metrics of {@link metrics} with `prom-client`, beside the application's own. They are
 * read when the registry is, and live as long as it has them.
 *
 * @param promClient the module: `import promClient from 'prom-client'`.
 * @param registry where to; by default prom-client's own.
 * @throws Error, from prom-client, if the registry has metrics of these names already: to register
 * several servers, name them in one call.
 */
export function registerMetrics<Registry>(
  promClient: PromClient<Registry>,
  servers: Servers,
  registry?: Registry,
): void {
  // A registry collects all its metrics in one go: they share one look at the servers.
  let seen: Seen[] | undefined;
  const lookOnce = (): Seen[] => {
    if (seen === undefined) {
      seen = look(servers);
      queueMicrotask(() => (seen = undefined));
    }
    return seen;
  };
  const common = hasStats(servers) ? [] : ['server'];
  for (const { name, type, help, label, read } of FAMILIES) {
    const metric = new promClient[type === 'counter' ? 'Counter' : 'Gauge']({
      name: type === 'counter' ? `${name}_total` : name,
      help,
      labelNames: label === undefined ? common : [...common, label],
      ...(registry === undefined ? {} : { registers: [registry] }),
      collect: () => {
        metric.reset();
        for (const [labels, value] of samples(lookOnce(), label, read)) metric.inc(labels, value);
      },
    });
  }
}

/** A server's statistics, under the labels that tell it from the others. */
interface Seen {
  readonly labels: Labels;
  readonly stats: ServerStats;
}
type Labels = Record<string, string>;

/** A metric; in OpenMetrics, a metric family. */
interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  /** The name ends with it. */
  readonly unit?: 'bytes';
  readonly help: string;
  /** What the keys of a split field are. */
  readonly label?: string;
  readonly read: (stats: ServerStats) => number | Readonly<Record<string, number>>;
}

const FAMILIES: readonly Family[] = [
  {
    name: 'hawser_connections',
    type: 'gauge',
    help: 'Connections, open or closing.',
    read: ({ connections }) => connections,
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
    help: 'Bytes that are not with the kernel yet.',
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
    help: 'Upgrades answered with 101.',
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
    help: 'Messages that came.',
    read: ({ messagesReceived }) => messagesReceived,
  },
  {
    name: 'hawser_messages_discarded',
    type: 'counter',
    help: 'Messages that came and were discarded because nothing took them.',
    read: ({ messagesDiscarded }) => messagesDiscarded,
  },
  {
    name: 'hawser_messages_sent',
    type: 'counter',
    help: 'Messages taken to be sent, a broadcast once for each connection.',
    read: ({ messagesSent }) => messagesSent,
  },
  {
    name: 'hawser_messages_dropped',
    type: 'counter',
    help: 'Messages dropped because a peer was slow.',
    read: ({ messagesDropped }) => messagesDropped,
  },
  {
    name: 'hawser_received_bytes',
    type: 'counter',
    unit: 'bytes',
    help: 'Bytes of frames that came.',
    read: ({ bytesReceived }) => bytesReceived,
  },
  {
    name: 'hawser_sent_bytes',
    type: 'counter',
    unit: 'bytes',
    help: 'Bytes of frames handed to the transports.',
    read: ({ bytesSent }) => bytesSent,
  },
  {
    name: 'hawser_pings_received',
    type: 'counter',
    help: 'Ping frames that came.',
    read: ({ pingsReceived }) => pingsReceived,
  },
  {
    name: 'hawser_pongs_received',
    type: 'counter',
    help: 'Pong frames that came.',
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
    help: 'Connections that ended, by who began it.',
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
];

/** A peer chooses its close code. It must not be able to make two thousand series of it. */
function byRange(closedByCode: Readonly<Record<string, number>>): Record<string, number> {
  const ranges: Record<string, number> = {};
  for (const [code, count] of Object.entries(closedByCode)) {
    const range = code < '3000' ? code : `${code[0]!}xxx`;
    ranges[range] = (ranges[range] ?? 0) + count;
  }
  return ranges;
}

function hasStats(servers: Servers): servers is StatsSource {
  return typeof servers.stats === 'function';
}

function look(servers: Servers): Seen[] {
  if (hasStats(servers)) return [{ labels: {}, stats: servers.stats() }];
  return Object.entries(servers).map(([server, source]) => ({
    labels: { server },
    stats: source.stats(),
  }));
}

function samples(
  all: readonly Seen[],
  label: string | undefined,
  read: Family['read'],
): [Labels, number][] {
  return all.flatMap(({ labels, stats }): [Labels, number][] => {
    const found = read(stats);
    if (typeof found === 'number') return [[labels, found]];
    return Object.entries(found).map(([key, value]) => [{ ...labels, [label!]: key }, value]);
  });
}

function braces(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
