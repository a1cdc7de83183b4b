// `--against`: hawser now beside an older build of it. Every row gets rounds until the interval of its
// ratio is narrow enough to judge by, and the exit code tells whether a row got worse.
import { performance } from 'node:perf_hooks';
import { readResults, keep, startRun } from './results.mjs';
import { measure } from './processes.mjs';
import { startProgress } from './progress.mjs';
import { againstReport } from './report.mjs';
import { CPU } from './scenarios/index.mjs';
import { Turns } from './turns.mjs';
import { HIGHEST, NOW, THEN, verdictOf } from './rule.mjs';

const FULL = { warmUp: 100, window: 1000, streamed: 2_400_000, held: 10_000, exchanged: 15_000 };
const QUICK = { warmUp: 20, window: 100, streamed: 48_000, held: 1000, exchanged: 1000 };

/** Microseconds of CPU time, and how often the two builds take turns. */
const TURNS = { warmUp: 300_000, parts: 12, part: 40_000 };
const QUICK_TURNS = { warmUp: 50_000, parts: 4, part: 5000 };
/** With fewer rounds a narrow interval is luck. */
const LEAST_ROUNDS = 8;
const MOST_ROUNDS = 60;
const MINUTES = 12;
/** So many failures in one row, and it is given up. */
const MOST_FAILURES = 3;

/**
 * @typedef {import('./rule.mjs').Measured & { scenario: import('./scenarios/index.mjs').Scenario, params: any }} Row
 */

/** @param {import('./choose.mjs').Choice} choice */
export async function run(choice) {
  const { quick, rounds: most = quick ? 3 : MOST_ROUNDS, minutes = MINUTES } = choice;
  const least = Math.min(LEAST_ROUNDS, most);
  const effort = quick ? QUICK : FULL;
  const rows = choice.scenarios.flatMap(rowsOf);
  const began = performance.now();
  const late = () => performance.now() - began > minutes * 60_000;

  const identity = { builds: choice.builds, quick, node: process.version };
  if (choice.resume) resume(rows, identity);
  const started = startRun('against', { ...choice, rounds: most });
  const progress = startProgress(rows.length * least);
  const isOpen = (/** @type {Row} */ row) =>
    row.errors.length < MOST_FAILURES &&
    row.pairs.length < most &&
    // An even number: each build has been the first as often as the other.
    (row.pairs.length < least || row.pairs.length % 2 === 1 || !verdictOf(row).narrow);

  const results = (/** @type {boolean} */ complete) => {
    const judged = rows.map((row) => {
      const verdict = verdictOf(row);
      const holds = verdict.narrow && verdict.low <= HIGHEST && verdict.rounds >= LEAST_ROUNDS;
      return { ...verdict, unit: row.scenario.unit, holds };
    });
    const samples = Object.fromEntries(rows.map(({ name, pairs }) => [name, pairs]));
    return { ...started.end(complete), identity, least: LEAST_ROUNDS, rows: judged, samples };
  };
  const finish = (/** @type {boolean} */ complete) => {
    progress.end();
    const all = results(complete);
    keep('against', all, false);
    console.log(againstReport(all));
    if (!all.rows.every(({ holds }) => holds)) process.exitCode = 1;
  };
  // A run that is stopped counts too, and `--resume` goes on from it.
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
    process.prependOnceListener(signal, () => {
      finish(false);
      process.exit(1);
    });
  }

  // All rows take turns, so that an hour in which the machine is busy falls on all of them alike.
  for (let open = rows.filter(isOpen); open.length > 0 && !late(); open = rows.filter(isOpen)) {
    for (const row of open) {
      if (late()) break;
      progress.next(`${row.name}, round ${row.pairs.length + 1}`, open.length);
      await addRound(row, effort);
    }
  }
  finish(true);
}

/**
 * One round: both builds, each with new processes. CPU time is measured side by side; memory one after
 * the other. They take turns at being the first.
 *
 * @param {Row} row
 * @param {import('./processes.mjs').Effort} effort
 */
async function addRound({ name, scenario, params, pairs, errors }, effort) {
  const { kind, unit } = scenario;
  try {
    const first = pairs.length % 2 === 0 ? 0 : 1;
    const figures = [];
    if (unit === CPU) {
      figures.push(
        ...(await new Turns(effort === QUICK ? QUICK_TURNS : TURNS, first).both([
          (turn) => measure(NOW, kind, params, effort, { turn }),
          (turn) => measure(THEN, kind, params, effort, { turn }),
        ])),
      );
    } else {
      for (const side of [first, 1 - first]) {
        figures[side] = await measure(side === 0 ? NOW : THEN, kind, params, effort);
      }
    }
    const [now = NaN, then = NaN] = figures.map(({ value }) => value);
    pairs.push({ now, then });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    errors.push(text);
    console.error(`\n${name}: ${text}`);
  }
}

/**
 * A scenario is one row, or one for each of its variants that hawser serves.
 *
 * @param {import('./scenarios/index.mjs').Scenario} scenario
 * @returns {Row[]}
 */
function rowsOf(scenario) {
  const { name, variants = { [NOW]: {} } } = scenario;
  return Object.entries(variants).flatMap(([variant, { peer = NOW, ...params }]) =>
    peer === NOW
      ? {
          name: variant === NOW ? name : `${name}: ${variant}`,
          scenario,
          params: { ...scenario.params, ...params },
          pairs: [],
          errors: [],
        }
      : [],
  );
}

/**
 * Take over the rounds of the last run, if it compared the same builds in the same way.
 *
 * @param {Row[]} rows
 * @param {object} identity
 */
function resume(rows, identity) {
  const last = readResults('against');
  if (JSON.stringify(last?.identity) !== JSON.stringify(identity)) {
    throw new Error('--resume: the last run compared other builds, or there was none');
  }
  for (const row of rows) row.pairs.push(...(last.samples[row.name] ?? []));
}
