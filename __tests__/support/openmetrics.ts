/**
 * A strict reader of OpenMetrics 1.0 text, as far as counters and gauges go: it rejects whatever the
 * specification's grammar and its rules on metadata, names, units and order do not allow.
 */
export interface MetricFamily {
  readonly type: string;
  readonly unit: string;
  readonly help: string;
  /** Value by labels, which are in the order in which they stand: `name_total{code="1000"}`. */
  readonly samples: Map<string, number>;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"(?:,(?!\})|(?=\})))+)\})? ([0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)$/;

/** @throws Error with the line that is not allowed. */
export function readOpenMetrics(text: string): Map<string, MetricFamily> {
  if (!text.endsWith('\n# EOF\n'))
    throw new Error('the text does not end with # EOF and a line end');
  const families = new Map<string, MetricFamily>();
  let current: { -readonly [K in keyof MetricFamily]: MetricFamily[K] } | undefined;
  let currentName = '';
  for (const line of text.slice(0, -'# EOF\n'.length - 1).split('\n')) {
    const reject = (why: string): never => {
      throw new Error(`${why}: ${line}`);
    };
    const metadata = /^# (TYPE|UNIT|HELP) (\S+) (.+)$/.exec(line);
    if (metadata) {
      const [, kind, name, value] = metadata as unknown as [string, string, string, string];
      if (!NAME.test(name)) reject('not a name');
      if (name !== currentName) {
        if (families.has(name)) reject('a family twice');
        if (name.endsWith('_total')) reject('the family of a counter has no suffix');
        current = { type: '', unit: '', help: '', samples: new Map() };
        families.set((currentName = name), current);
      }
      const family = current!;
      if (family.samples.size > 0) reject('metadata after samples');
      const key = kind.toLowerCase() as 'type' | 'unit' | 'help';
      if (family[key] !== '') reject('a second time');
      family[key] = value;
      if (kind === 'TYPE' && !/^(counter|gauge)$/.test(value)) reject('a type that hawser has not');
      if (kind === 'UNIT' && !name.endsWith(`_${value}`)) reject('the name does not end with it');
      if (kind === 'HELP' && /\\(?![\\n"])/.test(value)) reject('a bad escape');
      continue;
    }
    const sample = SAMPLE.exec(line);
    if (!sample) return reject('neither metadata nor a sample');
    const [, name, labels = '', value] = sample as unknown as [string, string, string?, string?];
    if (current === undefined || current.type === '') return reject('a sample without a family');
    if (name !== currentName + (current.type === 'counter' ? '_total' : '')) {
      reject('a sample of another family');
    }
    const names = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label);
    if (new Set(names).size < names.length) reject('a label twice');
    const series = line.slice(0, line.lastIndexOf(' '));
    if (current.samples.has(series)) reject('a series twice');
    current.samples.set(series, Number(value));
  }
  return families;
}
