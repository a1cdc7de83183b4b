// `npm run fuzz`; README.md tells what it does.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { keep, keepCrash, keptOf, seedsOf } from './corpus.mjs';
import { fuzz, Harness } from './loop.mjs';

const HELP = `npm run fuzz -- [options]

  --target a,b       only these targets (all of fuzz/targets otherwise)
  --seconds n        how long in all, shared by the targets (60)
  --executions n     or so many inputs for each target, whichever ends first
  --seed n           where the random numbers begin; it is printed
  --fresh            begin with the seeds of the repository alone, and keep nothing for later runs
  --input file       run this one input, such as a crash that was written to a file
  --unreached        list what of the library no input reached
  --crashes folder   where inputs that fail are written (fuzz/crashes)
  --dist file        index.js of another build, one file a module; builds nothing
  --no-build         build/ as it is
`;

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    target: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    executions: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    fresh: { type: 'boolean', default: false },
    input: { type: 'string' },
    unreached: { type: 'boolean', default: false },
    crashes: { type: 'string', default: `${root}fuzz/crashes` },
    dist: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
  },
});
const seed = number('seed');
const executions = number('executions');
const names = readdirSync(`${root}fuzz/targets`).map((file) => file.replace(/\.mjs$/, ''));
const chosen = values.target?.split(',') ?? names.sort();

if (values.help) {
  console.log(HELP);
} else {
  for (const name of chosen) if (!names.includes(name)) throw new Error(`no target ${name}`);
  const build = resolve(values.dist === undefined ? `${root}build` : dirname(values.dist));
  if (values.dist === undefined && !values['no-build']) {
    const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
      cwd: root,
      stdio: 'inherit',
    });
    if (status !== 0) throw new Error('the build failed');
  }
  if (values.input === undefined) {
    console.log(`seed ${seed}`);
    for (const name of chosen) await campaign(name, build);
  } else {
    await repeat(chosen, build, values.input);
  }
}

/** @param {string} name @returns {Promise<import('./loop.mjs').Target>} */
function load(name) {
  return import(`./targets/${name}.mjs`);
}

/** @param {string} name @param {string} build */
async function campaign(name, build) {
  const began = performance.now();
  const { executed, inputs, coverage, mostSteps, crash } = await fuzz(await load(name), {
    build,
    seed,
    corpus: values.fresh ? seedsOf(name) : [...seedsOf(name), ...keptOf(name)],
    executions,
    seconds: number('seconds') / chosen.length,
    keep: (input) => (values.fresh ? undefined : keep(name, input)),
  });
  const perSecond = Math.round((executed / (performance.now() - began)) * 1000);
  const { reached, of } = coverage.reached;
  console.log(
    `${crash === undefined ? 'ok     ' : 'FAILED '} ${name}: ${executed} executions, ${perSecond} a second; ` +
      `${inputs} inputs kept; ${reached} of ${of} statements, functions and branches reached; ` +
      `at most ${Math.round(mostSteps * 100)} % of the steps allowed`,
  );
  if (values.unreached)
    for (const place of coverage.unreached) console.log(`  unreached: ${place}`);
  if (crash !== undefined) report(name, crash);
}

/** @param {string} name @param {{ error: unknown, input: Buffer }} crash */
function report(name, { error, input }) {
  const file = relative(process.cwd(), keepCrash(resolve(values.crashes), name, input));
  const shown = input.toString('hex', 0, 200) + (input.length > 200 ? '…' : '');
  console.log(error);
  console.log(`input: ${shown}`);
  console.log(`again: npm run fuzz -- --target ${name} --input ${file}`);
  process.exitCode = 1;
}

/** @param {string[]} targets @param {string} build @param {string} file */
async function repeat(targets, build, file) {
  const [name, ...others] = targets;
  if (name === undefined || others.length > 0) throw new Error('--input needs one --target');
  const error = new Harness(await load(name), build).run(readFileSync(file));
  console.log(error === undefined ? `ok      ${name}: ${file}` : error);
  if (error !== undefined) process.exitCode = 1;
}

/** @param {'seed' | 'seconds' | 'executions'} name */
function number(name) {
  const value = Number(values[name]);
  if (!(value >= 0)) throw new RangeError(`--${name}: expected a number, got ${values[name]}`);
  return value;
}
