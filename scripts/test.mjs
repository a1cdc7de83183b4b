// `npm test`: build, types, and every test that needs only Node. Other selections:
//   --quick     types, unit tests and conformance tests; no build, no coverage
//   --portable  unit, conformance and property tests, for the other Node lines
//   --programs  after a build: the tests that run other programs, such as browsers, brokers and compilers
// Other arguments go to Jest, for instance `npm test -- --maxWorkers=1`. The last line is the sum of Jest's tests
// and one for each other step. The exit code is 1 if anything failed.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';

/** @typedef {{ passed: number, failed: number, skipped: number }} Sum */

const MODES = ['--quick', '--portable', '--programs'];
/** The folders of `--programs`. Not every machine has these programs, and to start one costs as much as many tests. */
const PROGRAMS = ['brokers', 'clients', 'e2e', 'examples', 'package', 'servers', 'tools'];
const ofPrograms = PROGRAMS.map((folder) => `__tests__/${folder}/`);
const mode = MODES.find((name) => process.argv.includes(name));
const forJest = process.argv.slice(2).filter((argument) => argument !== mode);

/** @type {Sum} */
const sum = { passed: 0, failed: 0, skipped: 0 };
/** @type {string[]} */
const failures = [];

/** Runs a program. Output that is kept back is returned. @param {string[]} args */
function run(/** @type {string} */ command, args, /** @type {'inherit' | 'pipe'} */ stdio) {
  const child = spawn(command, args, { stdio: ['ignore', stdio, stdio] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (/** @type {string} */ text) => (output += text));
  }
  return /** @type {Promise<{ status: number | null, output: string }>} */ (
    new Promise((done) => {
      child.on('error', (error) => done({ status: null, output: error.message }));
      child.on('close', (status) => done({ status, output }));
    })
  );
}

/** @param {number} began */
function conclude(/** @type {string} */ name, began, /** @type {boolean} */ isGood, output = '') {
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`\n${output}${isGood ? 'ok' : 'FAILED'}: ${name} (${seconds} s)\n`);
  if (!isGood) failures.push(name);
}

/** Runs a script of package.json: one passed or one failed. Its output is shown when it ends. */
async function step(/** @type {string} */ name) {
  const began = performance.now();
  const { status, output } = await run('npm', ['run', '--silent', name], 'pipe');
  if (status === 0) sum.passed++;
  else sum.failed++;
  conclude(name, began, status === 0, output);
  return status === 0;
}

/** Runs Jest and adds what its JSON counts. */
async function jest(/** @type {string[]} */ ...args) {
  const began = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'hawser-test-'));
  const results = join(folder, 'results.json');
  const all = ['node_modules/jest/bin/jest.js', '--json', `--outputFile=${results}`, ...args];
  // One more worker than cores: tests of browsers, limits and other processes often wait.
  if (!forJest.some((argument) => /^(--maxWorkers|-w|-i|--runInBand)/.test(argument))) {
    all.push(`--maxWorkers=${availableParallelism() + 1}`);
  }
  if (process.env.CI === 'true') all.push('--ci');
  const { status } = await run(process.execPath, [...all, ...forJest], 'inherit');
  const counted = count(results);
  // A complaint about coverage, or a crash of Jest itself, is not among its tests.
  if (status !== 0 && counted.failed === 0) counted.failed = 1;
  sum.passed += counted.passed;
  sum.failed += counted.failed;
  sum.skipped += counted.skipped;
  rmSync(folder, { recursive: true });
  conclude('jest', began, status === 0);
}

/** @returns {Sum} */
function count(/** @type {string} */ file) {
  let results;
  try {
    results = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }; // Jest crashed before it wrote the file
  }
  return {
    passed: results.numPassedTests,
    // A test file that cannot be loaded has no test that could fail.
    failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
    skipped: results.numPendingTests + results.numTodoTests,
  };
}

if (mode === '--portable') {
  await jest('__tests__/unit', '__tests__/conformance', '__tests__/property');
} else if (mode === '--quick') {
  await Promise.all([step('typecheck:node'), jest('__tests__/unit', '__tests__/conformance')]);
} else if (mode === '--programs') {
  await jest(...ofPrograms);
} else if (await step('build')) {
  const ignore = ['/node_modules/', ...ofPrograms].map(
    (each) => `--testPathIgnorePatterns=${each}`,
  );
  await Promise.all([step('typecheck'), jest('--coverage', ...ignore)]);
}

if (failures.length > 0) console.log(`These steps failed: ${failures.join(', ')}`);
const skipped = sum.skipped > 0 ? `, ${sum.skipped} skipped` : '';
console.log(`${sum.passed} passed, ${sum.failed} failed${skipped}`);
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;
