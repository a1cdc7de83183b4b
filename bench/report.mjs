// The tables on the terminal, in Markdown.
import { peers } from './peers.mjs';
import { HIGHEST, NOW, THEN, WIDEST } from './rule.mjs';
import { scenarios } from './scenarios/index.mjs';

const titleOf = (/** @type {string} */ name) => peers[name]?.title ?? name;
const scenarioOf = (/** @type {string} */ name) => scenarios.find((each) => each.name === name);

/** Three digits that matter. */
export function digits(/** @type {number} */ value) {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** A Markdown table with aligned columns. */
function table(/** @type {string[][]} */ rows) {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0), 3),
  );
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

/** What `npm run bench` prints at its end. */
export function report(results) {
  const { medians, targets, machine, peers: claims } = results;
  const contestants = [...new Set(medians.map(({ contestant }) => contestant))];
  const names = [...new Set(medians.map(({ scenario }) => scenario))];
  const cell = (/** @type {string} */ scenario, /** @type {string} */ contestant) => {
    const row = medians.find(
      (each) => each.scenario === scenario && each.contestant === contestant,
    );
    return row === undefined ? '' : digits(row.value);
  };
  const figures = table([
    ['work', 'unit', ...contestants.map(titleOf)],
    ...names.map((name) => [
      scenarioOf(name)?.title ?? name,
      scenarioOf(name)?.unit ?? '',
      ...contestants.map((contestant) => cell(name, contestant)),
    ]),
  ]);
  const verdicts = table([
    ['work', 'figure', 'at most', 'measured', '95 % interval', ''],
    ...targets.map(({ scenario, of, to, above, figure, atMost, measured, low, high, holds }) => [
      (scenarioOf(scenario)?.title ?? scenario) + (figure === undefined ? '' : `: ${figure}`),
      titleOf(of) + (to ? ` / ${titleOf(to)}` : above ? ` - ${titleOf(above)}` : ''),
      String(atMost),
      digits(measured),
      `${digits(low)} to ${digits(high)}`,
      measured <= atMost ? 'holds' : holds ? 'holds by its interval' : 'MISSED',
    ]),
  ]);
  const holding = targets.filter(({ holds }) => holds).length;
  const barely = targets.filter(({ holds, measured, atMost }) => holds && measured > atMost).length;
  const versions = Object.entries(claims).map(
    ([name, { version, mode }]) => `${titleOf(name)} ${version} (${mode})`,
  );
  return [
    `\nMedians of ${results.rounds} rounds, ${machine.system}, ${machine.cores} cores, Node ${machine.node}; ${results.seconds} s; load average before ${machine.loadBefore.toFixed(1)}.`,
    `${versions.join('; ')}.\n`,
    figures,
    '',
    ...memoryOf(medians),
    ...compressed(medians),
    ...(targets.length === 0
      ? []
      : [
          verdicts,
          `\n${holding} of ${targets.length} targets hold, ${barely} of them by their interval only.`,
        ]),
    ...(results.complete ? [] : ['\nThis run was stopped before its end.']),
  ].join('\n');
}

/** From this many page faults a message on, memory is a part of what a message costs. */
const FAULTS_SHOWN = 1;

/** Page faults and peak memory, of the scenarios where they matter. */
function memoryOf(medians) {
  const names = new Set(
    medians.filter(({ faults }) => faults >= FAULTS_SHOWN).map(({ scenario }) => scenario),
  );
  if (names.size === 0) return [];
  const lines = medians
    .filter(({ scenario, faults }) => names.has(scenario) && faults !== undefined)
    .map(({ scenario, contestant, faults, peak, perSecond }) => [
      scenario,
      titleOf(contestant),
      digits(faults),
      digits(peak),
      String(perSecond),
    ]);
  const head = ['scenario', '', 'page faults a message', 'peak MiB', 'messages a second'];
  return [table([head, ...lines]), ''];
}

/** How everyone compressed. */
function compressed(medians) {
  const rows = medians.filter(({ effort }) => effort);
  if (rows.length === 0) return [];
  const lines = rows.map(({ scenario, contestant, extensions, effort, bytes, settled }) => [
    scenario,
    titleOf(contestant),
    extensions,
    effort,
    bytes === undefined ? '' : digits(bytes),
    settled === undefined ? '' : `${digits(settled)} MiB left after five seconds`,
  ]);
  const head = ['scenario', '', 'agreed', 'effort', 'bytes of a reply', ''];
  return [table([head, ...lines]), ''];
}

/** What `--growth` prints at its end. */
export function growthReport(results) {
  return table([
    ['what grows', 'of', ...['log-log slope', 'wanted', ''], 'cost at each point, µs'],
    ...results.series.map(({ title, peer, slope, wanted, holds, points }) => [
      title,
      titleOf(peer),
      slope.toFixed(2),
      `${wanted[0]} to ${wanted[1]}`,
      holds ? 'holds' : 'MISSED',
      points.map(({ x, y }) => `${x}: ${digits(y)}`).join(', '),
    ]),
  ]);
}

/** What `--against` prints at its end. */
export function againstReport(results) {
  const { rows, machine, peers: claims, complete, seconds } = results;
  const verdict = ({ rounds, errors, narrow, low, holds }) => {
    if (holds) return 'pass';
    if (rounds === 0) return `FAIL: ${errors.at(-1) ?? 'not measured'}`;
    if (rounds < results.least) return `FAIL: only ${rounds} rounds`;
    return narrow
      ? `FAIL: ${low.toFixed(3)} is above ${HIGHEST}`
      : 'FAIL: the interval is too wide';
  };
  const shown = (/** @type {number} */ value) => (Number.isNaN(value) ? '' : value.toFixed(3));
  const failed = rows.filter(({ holds }) => !holds).length;
  return [
    `\n${claims[NOW].mode}, beside ${claims[THEN].mode}.`,
    `Medians, ${machine.system}, ${machine.cores} cores, Node ${machine.node}; ${seconds} s; load average before ${machine.loadBefore.toFixed(1)}.\n`,
    table([
      ['work', 'unit', 'now', 'then', 'ratio', '95 % interval', 'width', 'rounds', ''],
      ...rows.map((row) => [
        row.name,
        row.unit,
        Number.isNaN(row.now) ? '' : digits(row.now),
        Number.isNaN(row.then) ? '' : digits(row.then),
        shown(row.measured),
        Number.isNaN(row.low) ? '' : `${shown(row.low)} to ${shown(row.high)}`,
        shown(row.high - row.low),
        String(row.rounds) + (row.errors.length > 0 ? `, ${row.errors.length} failed` : ''),
        verdict(row),
      ]),
    ]),
    `\n${rows.length - failed} of ${rows.length} rows pass: an interval at most ${WIDEST} wide that begins at or below ${HIGHEST}.`,
    ...(complete ? [] : ['This run was stopped before its end.']),
    ...(rows.some(({ narrow, rounds }) => !narrow || rounds < results.least)
      ? ['The same command with --resume adds rounds to those rows.']
      : []),
  ].join('\n');
}
