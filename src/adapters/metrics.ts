/// <reference types="node" preserve="true" />
import type { ServerStats } from '../index.js';

/** An object with statistics: a `WebSocketServer`. */
export interface StatsSource {
  stats(): ServerStats;
}

/** One server, or several by name. With several, every sample has the name as its label `server`. */
export type Servers = StatsSource | Readonly<Record<string, StatsSource>>;

/** The `Content-Type` of what {@link metrics} returns. */
export const CONTENT_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/**
 * Format the statistics of servers as OpenMetrics 1.0 text, for Prometheus to scrape. Every field of
 * `ServerStats` is a metric. A field with several keys has a series for each key that has occurred.
 *
 * ```ts
 * response.setHeader('Content-Type', CONTENT_TYPE).end(metrics(wss));
 * ```
 */
export function metrics(servers: Servers): string {
  const all = snapshot(servers);
  const lines: string[] = [];
  for (const { name, type, unit, help, label, read } of FAMILIES) {
    lines.push(`# TYPE ${name} ${type}`);
    if (unit !== undefined) lines.push(`# UNIT ${name} ${unit}`);
    lines.push(`# HELP ${name} ${help}`);
    for (const [labels, value] of samples(all, label, read)) {
      lines.push(`${name}${type === 'counter' ? '_total' : ''}${formatLabels(labels)} ${value}`);
    }
  }
  return `${lines.join('\n')}\n# EOF\n`;
}

/** The parts of the module `prom-client` that are used. The application brings the module. */
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
 * read whenever the registry is.
 *
 * @param promClient the module: `import promClient from 'prom-client'`.
 * @param registry the registry to add them to. @default prom-client's own
 * @throws Error, from prom-client, if the registry has metrics of these names already: to register
 * several servers, name them in one call.
 */
export function registerMetrics<Registry>(
  promClient: PromClient<Registry>,
  servers: Servers,
  registry?: Registry,
): void {
  // A registry collects all its metrics at once, so they share one snapshot of the servers.
  let cached: Snapshot[] | undefined;
  const cachedSnapshots = (): Snapshot[] => {
    if (cached === undefined) {
      cached = snapshot(servers);
      queueMicrotask(() => (cached = undefined));
    }
    return cached;
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
        for (const [labels, value] of samples(cachedSnapshots(), label, read))
          metric.inc(labels, value);
      },
    });
  }
}

/** A server's statistics at one moment, with the labels that identify the server. */
interface Snapshot {
  readonly labels: Labels;
  readonly stats: ServerStats;
}
type Labels = Record<string, string>;

/** A metric; in OpenMetrics, a metric family. */
interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  /** The suffix of the name. */
  readonly unit?: 'bytes';
  readonly help: string;
  /** The label whose values are the keys of the field; `undefined` for a number. */
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
];

/** Merge the close codes of applications, so that a peer cannot create two thousand series. */
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

function snapshot(servers: Servers): Snapshot[] {
  if (hasStats(servers)) return [{ labels: {}, stats: servers.stats() }];
  return Object.entries(servers).map(([server, source]) => ({
    labels: { server },
    stats: source.stats(),
  }));
}

function samples(
  all: readonly Snapshot[],
  label: string | undefined,
  read: Family['read'],
): [Labels, number][] {
  return all.flatMap(({ labels, stats }): [Labels, number][] => {
    const found = read(stats);
    if (typeof found === 'number') return [[labels, found]];
    return Object.entries(found).map(([key, value]) => [{ ...labels, [label!]: key }, value]);
  });
}

function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
