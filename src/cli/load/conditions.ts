import { duration, type Quantity } from '../quantities.js';
import type { LoadReport } from './report.js';

/** A limit that a report must keep. */
export interface Condition {
  /** As it was given. */
  readonly text: string;
  /** Whether it is true of the report: the run has failed. */
  readonly isTrueOf: (report: LoadReport) => boolean;
}

type Metric = (report: LoadReport) => number | undefined;

const DURATIONS: Readonly<Record<string, Metric>> = {
  p50: ({ latency }) => latency?.p50,
  p90: ({ latency }) => latency?.p90,
  p99: ({ latency }) => latency?.p99,
  'p99.9': ({ latency }) => latency?.['p99.9'],
  max: ({ latency }) => latency?.max,
  handshake: ({ handshake }) => handshake?.p99,
};
const COUNTS: Readonly<Record<string, Metric>> = {
  lost: ({ lost }) => lost,
  received: ({ received }) => received,
  refused: ({ connections, opened }) => connections - opened,
  closed: ({ closedEarly }) => Object.values(closedEarly).reduce((sum, count) => sum + count, 0),
};

const COMPARE: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  '>': (value, limit) => value > limit,
  '>=': (value, limit) => value >= limit,
  '<': (value, limit) => value < limit,
  '<=': (value, limit) => value <= limit,
};

/** A condition such as `p99>50ms` or `lost>1%`. A percentage is of the planned messages. */
export const condition: Quantity<Condition> = {
  expected: `a condition such as p99>50ms or lost>0, of ${[...Object.keys(DURATIONS), ...Object.keys(COUNTS)].join(', ')}`,
  read: (text) => {
    const [, name = '', sign = '', limit = ''] =
      /^\s*([a-z0-9.]+)\s*([<>]=?)\s*(.+?)\s*$/.exec(text) ?? [];
    const compare = COMPARE[sign];
    if (compare === undefined) return undefined;
    const time = own(DURATIONS, name);
    if (time !== undefined) {
      const milliseconds = duration('ms').read(limit);
      return milliseconds === undefined
        ? undefined
        : conditionOf(text, time, compare, () => milliseconds);
    }
    const count = own(COUNTS, name);
    const [, digits, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(limit) ?? [];
    if (count === undefined || digits === undefined) return undefined;
    const value = Number(digits);
    return conditionOf(text, count, compare, ({ planned }) =>
      percent === '%' ? (planned * value) / 100 : value,
    );
  },
};

function own(metrics: Readonly<Record<string, Metric>>, name: string): Metric | undefined {
  return Object.hasOwn(metrics, name) ? metrics[name] : undefined;
}

/** Without any answer there is no latency, and no limit of it is kept. */
function conditionOf(
  text: string,
  metric: Metric,
  compare: (value: number, limit: number) => boolean,
  limitOf: (report: LoadReport) => number,
): Condition {
  return {
    text,
    isTrueOf: (report) => {
      const value = metric(report);
      return value === undefined || compare(value, limitOf(report));
    },
  };
}
