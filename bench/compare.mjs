// The comparison: every scenario, every peer, in interleaved rounds.
import { readFileSync } from 'node:fs';
import { measure } from './processes.mjs';
import { startProgress } from './progress.mjs';
import { keep, startRun } from './results.mjs';
import { report } from './report.mjs';
import { difference, median, ratio } from './statistics.mjs';
import { baseOf, lineOf, peers as known } from './peers.mjs';

const FULL = { warmUp: 700, window: 1000, streamed: 1_000_000, held: 10_000, exchanged: 20_000 };
const QUICK = { warmUp: 150, window: 200, streamed: 200_000, held: 2000, exchanged: 10_000 };

/**
 * @typedef {object} Target
 * @property {string} scenario
 * @property {string} of
 * @property {string} [to] the figure counts as a ratio to this one's; without it as it is
 * @property {string} [above] or as what it is above this one's
 * @property {string} [figure] other than `value`
 * @property {number} atMost
 * @property {string[]} [lines] of Node that it is for; without it for those that no other target names
 */
/** @typedef {import('./scenarios/measure.mjs').Figure} Figure */
/** @typedef {{ scenario: string, contestant: string, round: number, error?: string } & Partial<Figure>} Sample */

/** @type {Target[]} */
const targets = JSON.parse(readFileSync(new URL('targets.json', import.meta.url), 'utf8'));

/** What is kept of a figure, apart from its rounds. */
const KEYS = ['value', 'cpu', 'perSecond', 'p50', 'p99', 'bytes', 'settled', 'faults', 'peak'];

/** Whether a peer takes part only where it is named. */
const isSpecial = (/** @type {string} */ peer) => known[peer]?.special === true;

/**
 * The peers that take part in a scenario.
 *
 * @param {import('./scenarios/index.mjs').Scenario} scenario
 * @param {string[]} peers
 * @returns {{ name: string, peer: string, params: object }[]}
 */
export function contestantsOf(scenario, peers) {
  const lines = [...new Set(peers.map(lineOf))];
  return lines.flatMap((line) => {
    const ofLine = peers.filter((peer) => lineOf(peer) === line).map(baseOf);
    return contestantsOfLine(scenario, ofLine).map(({ name, peer, params }) => ({
      name: name + line,
      peer: peer + line,
      params,
    }));
  });
}

/**
 * @param {import('./scenarios/index.mjs').Scenario} scenario
 * @param {string[]} peers
 */
function contestantsOfLine({ variants, only, also = [] }, peers) {
  const all =
    variants === undefined
      ? (only ?? peers.filter((peer) => !isSpecial(peer) || also.includes(peer))).map((peer) => ({
          name: peer,
          peer,
          params: {},
        }))
      : Object.entries(variants).map(([name, { peer = 'hawser', ...params }]) => ({
          name,
          peer,
          params,
        }));
  return all.filter(({ peer }) => peers.includes(peer));
}

/** @param {import('./choose.mjs').Choice} choice */
export async function run(choice) {
  const { quick, rounds = quick ? 3 : 5, peersNamed } = choice;
  const effort = quick ? QUICK : FULL;
  const plan = choice.scenarios.map((scenario) => ({
    scenario,
    contestants: contestantsOf(scenario, choice.peers).filter(
      ({ name }) => !quick || peersNamed || isInTargets(scenario.name, name),
    ),
  }));

  const started = startRun('compare', { ...choice, rounds });
  const progress = startProgress(
    rounds * plan.reduce((sum, { contestants }) => sum + contestants.length, 0),
  );
  /** @type {Sample[]} */
  const samples = [];
  let complete = false;
  const finish = () => {
    progress.end();
    const results = { ...started.end(complete), ...summarize(plan, samples), samples };
    keep('compare', results, choice.docs);
    console.log(report(results));
    if (samples.some(({ error }) => error !== undefined)) process.exitCode = 1;
  };
  // A run that is stopped counts too.
  process.once('SIGINT', () => {
    finish();
    process.exit(130);
  });

  for (const { scenario, contestants } of plan) {
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < contestants.length; turn++) {
        const contestant = contestants[(turn + round) % contestants.length];
        if (contestant === undefined) continue;
        const { name, peer, params } = contestant;
        progress.next(`${scenario.name}: ${name}, round ${round + 1} of ${rounds}`);
        const sample = { scenario: scenario.name, contestant: name, round };
        try {
          const all = { ...scenario.params, ...params };
          samples.push({ ...sample, ...(await measure(peer, scenario.kind, all, effort)) });
        } catch (error) {
          const text = error instanceof Error ? error.message : String(error);
          samples.push({ ...sample, error: text });
          console.error(`\n${scenario.name}: ${name}: ${text}`);
        }
      }
    }
  }
  complete = true;
  finish();
}

function isInTargets(/** @type {string} */ scenario, /** @type {string} */ name) {
  return targets.some(
    (target) => target.scenario === scenario && [target.of, target.to].includes(baseOf(name)),
  );
}

/**
 * The targets of a line of Node, with the names of its contestants. A target that names the line takes the
 * place of one for the same figures that names none.
 *
 * @param {string} line
 * @returns {Target[]}
 */
function targetsOf(line) {
  const node = line.slice(1) || (process.versions.node.split('.')[0] ?? '');
  const forLine = targets.filter(({ lines }) => lines?.includes(node));
  const sameFigures = (/** @type {Target} */ one, /** @type {Target} */ other) =>
    one.scenario === other.scenario &&
    one.of === other.of &&
    one.to === other.to &&
    one.figure === other.figure;
  const general = targets.filter(
    (target) => target.lines === undefined && !forLine.some((each) => sameFigures(each, target)),
  );
  return [...general, ...forLine].map((target) => ({
    ...target,
    of: target.of + line,
    ...(target.to && { to: target.to + line }),
    ...(target.above && { above: target.above + line }),
  }));
}

/** Medians of the rounds, and how the targets stand. */
function summarize(plan, /** @type {Sample[]} */ samples) {
  const figures = (
    /** @type {string} */ scenario,
    /** @type {string} */ contestant,
    key = 'value',
  ) =>
    samples
      .filter((sample) => sample.scenario === scenario && sample.contestant === contestant)
      .map((sample) => sample[key])
      .filter((figure) => figure !== undefined);

  const medians = plan.flatMap(({ scenario, contestants }) =>
    contestants
      .filter(({ name }) => figures(scenario.name, name).length > 0)
      .map(({ name }) => {
        const values = figures(scenario.name, name);
        const row = { scenario: scenario.name, contestant: name, rounds: values.length };
        Object.assign(row, { lowest: Math.min(...values), highest: Math.max(...values) });
        for (const key of KEYS) {
          const all = figures(scenario.name, name, key);
          if (all.length > 0) row[key] = median(all);
        }
        const { extensions, effort } =
          samples.find(
            (sample) => sample.scenario === scenario.name && sample.contestant === name,
          ) ?? {};
        if (extensions !== undefined) Object.assign(row, { extensions, effort });
        return row;
      }),
  );
  const lines = [...new Set(samples.map(({ contestant }) => lineOf(contestant)))];
  const judged = lines.flatMap((line) =>
    targetsOf(line).flatMap((target) => {
      const { scenario, figure } = target;
      const of = figures(scenario, target.of, figure);
      const other = target.to ?? target.above;
      const to = other === undefined ? of.map(() => 1) : figures(scenario, other, figure);
      if (of.length === 0 || to.length === 0) return [];
      const measured = target.above === undefined ? ratio(of, to) : difference(of, to);
      return [{ ...target, ...measured, holds: measured.low <= target.atMost }];
    }),
  );
  return { medians, targets: judged };
}
