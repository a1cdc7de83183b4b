/// <reference types="node" preserve="true" />
import type { ServerStats } from '../index.js';
import { FAMILIES, type Family } from './metrics/families.js';

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
  for (const { name, type, unit, help, label, read } of familiesOf(all)) {
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
  for (const { name, type, help, label, read } of familiesOf(cachedSnapshots())) {
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

/** The metrics that these servers have: those of a broker only if one of them has a broker. */
function familiesOf(all: readonly Snapshot[]): readonly Family[] {
  if (all.length === 0) return FAMILIES;
  return FAMILIES.filter(({ read }) => all.some(({ stats }) => read(stats) !== undefined));
}

function samples(
  all: readonly Snapshot[],
  label: string | undefined,
  read: Family['read'],
): [Labels, number][] {
  return all.flatMap(({ labels, stats }): [Labels, number][] => {
    const found = read(stats) ?? {};
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
