// From the command line to what will run.
import { buildOf, fingerprint } from './build.mjs';
import { nodeOfLine } from './node-lines.mjs';
import { addBuild, addLine, peers } from './peers.mjs';
import { NOW, ROWS, THEN } from './rule.mjs';
import { scenarios } from './scenarios/index.mjs';
import { claimOf } from './processes.mjs';

/**
 * @typedef {object} Choice
 * @property {import('./scenarios/index.mjs').Scenario[]} scenarios
 * @property {string[]} peers that are what they claim to be
 * @property {boolean} peersNamed on the command line
 * @property {Record<string, { version: string, mode: string }>} claims
 * @property {Record<string, string>} refused peers that are not, and why
 * @property {number | undefined} rounds
 * @property {number | undefined} [minutes] that a comparison with another build may take
 * @property {boolean} [resume]
 * @property {string[]} builds that are compared: fingerprints of now and then
 * @property {boolean} quick
 * @property {boolean} docs
 */

/**
 * @param {Record<string, any>} options of the command line
 * @returns {Promise<Choice>}
 */
export async function choose(options) {
  const { scenario, rounds, quick, check, profile, docs, against, minutes, resume } = options;
  if (against !== undefined && (options.peer ?? (check || profile || options.growth || docs))) {
    throw new Error('--against compares two builds of hawser, and nothing else');
  }
  if (against === undefined && (resume || minutes !== undefined)) {
    throw new Error('--resume and --minutes belong to --against');
  }
  if (options.node !== undefined && against !== undefined) {
    throw new Error(
      '--against compares two builds on the Node that runs it: start it with that Node',
    );
  }
  /** @type {string[]} */
  const builds = [];
  if (against !== undefined) {
    const then = buildOf(against);
    addBuild(THEN, then);
    const now = process.env.HAWSER_DIST ?? new URL('../dist/index.js', import.meta.url).href;
    builds.push(fingerprint(now), fingerprint(then.dist));
    if (builds[0] === builds[1]) console.log('Both builds are the same, byte for byte.');
  }
  const peer = against === undefined ? options.peer : `${NOW},${THEN}`;
  const wanted = pick(
    'peer',
    peer ?? (check ? 'hawser,ws' : profile ? 'hawser' : undefined),
    Object.keys(peers),
  );
  const lines = options.node?.split(',') ?? [];
  for (const line of lines) addLine(line, nodeOfLine(line));
  const contestants =
    lines.length === 0
      ? wanted
      : lines.flatMap((/** @type {string} */ line) => wanted.map((name) => `${name}@${line}`));
  const names = pick(
    'scenario',
    scenario ?? (against === undefined ? undefined : ROWS.join(',')),
    scenarios.map(({ name }) => name),
  );
  if (rounds !== undefined && !/^[1-9]\d*$/.test(rounds)) {
    throw new Error(`--rounds ${rounds} is not a number of rounds`);
  }
  if (minutes !== undefined && !(Number(minutes) > 0)) {
    throw new Error(`--minutes ${minutes} is not a number of minutes`);
  }

  if (docs && (quick || peer !== undefined || scenario !== undefined)) {
    throw new Error('--docs is for a whole run: without --quick, --peer and --scenario');
  }

  /** @type {Choice['claims']} */
  const claims = {};
  /** @type {Choice['refused']} */
  const refused = {};
  for (const name of contestants) {
    try {
      claims[name] = await claimOf(name);
      console.log(`${name}: ${claims[name].version}, ${claims[name].mode}`);
    } catch (error) {
      refused[name] = error instanceof Error ? error.message : String(error);
      console.error(`${name} is refused: ${refused[name]}`);
    }
  }
  // A user who named it must be told that it is missing.
  if (peer !== undefined && lines.length === 0 && Object.keys(refused).length > 0)
    process.exitCode = 1;
  if (against !== undefined && Object.keys(refused).length > 0) {
    throw new Error('there are no two builds to compare');
  }

  return {
    scenarios: scenarios.filter(
      ({ name, kind }) =>
        names.includes(name) &&
        // Two minutes are not enough for these too.
        !(quick && scenario === undefined && kind.startsWith('deflate')),
    ),
    peers: Object.keys(claims),
    peersNamed: peer !== undefined,
    claims,
    refused,
    rounds: rounds === undefined ? undefined : Number(rounds),
    minutes: minutes === undefined ? undefined : Number(minutes),
    resume,
    builds,
    quick,
    docs,
  };
}

/**
 * @param {string} option
 * @param {string | undefined} list separated by commas
 * @param {string[]} known
 */
function pick(option, list, known) {
  if (list === undefined) return known;
  const picked = list.split(',');
  const unknown = picked.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`--${option} ${unknown.join(',')} is not one of ${known.join(', ')}`);
  }
  return picked;
}
