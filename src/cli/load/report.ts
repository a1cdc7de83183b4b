import { meaningOf } from '../explain-close.js';
import { durationText } from '../time-text.js';
import type { Summary } from './histogram.js';

/** What a load has shown. Durations are ms. */
export interface LoadReport {
  readonly url: string;
  /** Connections that were tried, and those that were opened. */
  readonly connections: number;
  readonly opened: number;
  /** Those that were not, by status or error code. */
  readonly failures: Readonly<Record<string, number>>;
  readonly handshake: Summary | undefined;
  /** Connections that ended before the load did, by close code. */
  readonly closedEarly: Readonly<Record<string, number>>;
  /** The others, by close code. */
  readonly closed: Readonly<Record<string, number>>;
  /** The time in which messages were sent, or received. */
  readonly milliseconds: number;
  /** Messages that were to be sent, and those that were: the others found no open connection. */
  readonly planned: number;
  readonly sent: number;
  readonly size: number;
  /** Messages that came back; or, with `--receive`, all that came. */
  readonly received: number;
  readonly receivedBytes: number;
  /** Planned messages that did not come back. */
  readonly lost: number;
  /** What came and was not sent, or came twice. */
  readonly unexpected: number;
  /** From the planned time of a message to its answer. */
  readonly latency: Summary | undefined;
  /** How long after their planned time messages left: the generator's own fault. */
  readonly lateness: Summary | undefined;
  /** How late timers of the generator were. */
  readonly eventLoopDelay: Summary | undefined;
  /** The part of one core that the generator used. */
  readonly cpu: number;
}

/** Lateness of the generator from which its figures say more about itself, in ms. */
const LATE = 10;
/** The part of the latency from which the lateness is more than noise. */
const SHARE = 0.25;
/** The part of a core from which a generator is probably the limit. */
const BUSY = 0.9;

/** Why the generator was probably the limit, and not the server; empty if it was not. */
export function warningsOf(report: LoadReport): string[] {
  const { lateness, eventLoopDelay, latency, cpu } = report;
  const late = Math.max(lateness?.p99 ?? 0, eventLoopDelay?.p99 ?? 0);
  const reasons = [
    ...(late > LATE && late > (latency?.p99 ?? 0) * SHARE
      ? [`1 % of its work was more than ${durationText(late)} late`]
      : []),
    ...(cpu > BUSY ? [`it used ${percent(cpu)} of a core`] : []),
  ];
  if (reasons.length === 0) return [];
  return [
    `Warning: the limit was this generator, not the server: ${reasons.join(', and ')}.`,
    'Do not trust the latencies. Lower --rate or --connections, or run several generators on other machines.',
  ];
}

const percent = (part: number): string => `${Number((part * 100).toPrecision(3))} %`;
const perSecond = (count: number, milliseconds: number): string =>
  `${Math.round(milliseconds === 0 ? 0 : (count * 1000) / milliseconds)}/s`;

/** The report as people read it. */
export function reportText(report: LoadReport): string[] {
  const { connections, opened, failures, handshake, milliseconds, planned, latency } = report;
  const isReceiving = planned === 0;
  const total = report.received + report.unexpected;
  return [
    row('connections', `${opened} of ${connections} opened`, spread(handshake, 'handshake ')),
    ...Object.entries(failures).map(([reason, count]) => row('', `${count} failed: ${reason}`)),
    ...codes('closed early', report.closedEarly),
    ...codes('closed', report.closed),
    ...(isReceiving
      ? [
          row(
            'received',
            `${total}`,
            `${perSecond(total, milliseconds)}, ${report.receivedBytes} bytes`,
          ),
        ]
      : messageRows(report)),
    ...(latency === undefined
      ? []
      : [
          row('latency', spread(latency)),
          row('', 'from the planned time of each message to its answer'),
        ]),
    generatorRow(report),
  ];
}

function messageRows({
  planned,
  sent,
  size,
  received,
  lost,
  unexpected,
  milliseconds,
}: LoadReport): string[] {
  const unsent = planned - sent;
  return [
    row('sent', `${sent}`, `${perSecond(sent, milliseconds)}, ${size} bytes each`),
    ...(unsent === 0 ? [] : [row('', `${unsent} more found no open connection`)]),
    row('received', `${received}`, `${lost} lost (${percent(lost / planned)})`),
    ...(unexpected === 0 ? [] : [row('', `${unexpected} more that were not sent, or came twice`)]),
  ];
}

function generatorRow({ lateness, eventLoopDelay, cpu }: LoadReport): string {
  const parts = [
    ...(lateness === undefined ? [] : [`messages left p99 ${durationText(lateness.p99)} late`]),
    ...(eventLoopDelay === undefined
      ? []
      : [`event-loop delay p99 ${durationText(eventLoopDelay.p99)}`]),
    `CPU ${percent(cpu)}`,
  ];
  return row('generator', parts.join(', '));
}

function codes(title: string, counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(counts).map(([code, count], index) =>
    row(index === 0 ? title : '', `${count} with ${code} (${meaningOf(Number(code))})`),
  );
}

function spread(summary: Summary | undefined, prefix = ''): string {
  if (summary === undefined) return '';
  const parts = (['p50', 'p90', 'p99', 'p99.9', 'max'] as const).map(
    (name) => `${name} ${durationText(summary[name])}`,
  );
  return prefix + parts.join(', ');
}

function row(title: string, ...cells: readonly string[]): string {
  return `${title.padEnd(14)}${cells.filter((cell) => cell !== '').join(', ')}`;
}
