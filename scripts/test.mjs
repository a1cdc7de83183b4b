// `npm test`: build, type-check, lint, check the generated docs, run every test; then one closing line.
// What follows `npm test --` goes to Jest, for instance `npm test -- --maxWorkers=1`.
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addUp, lastLine } from './tally.mjs';

const temporary = mkdtempSync(join(tmpdir(), 'hawser-test-'));
const tally = join(temporary, 'tally');
writeFileSync(tally, '');

const npm = (/** @type {string} */ script) => ['npm', 'run', '--silent', script];
const jest = [process.execPath, 'node_modules/jest/bin/jest.js', '--coverage'];
// Left alone Jest keeps one core free; of two that is half.
if (!process.argv.some((argument) => /^(--maxWorkers|-w|-i|--runInBand)/.test(argument))) {
  jest.push('--maxWorkers=100%');
}
if (process.env.CI === 'true') jest.push('--ci');

/** @type {[name: string, command: string[]][]} */
const steps = [
  ['build', npm('build')],
  ['typecheck', npm('typecheck')],
  ['lint', npm('lint')],
  ...(existsSync('docs/api')
    ? [/** @type {[string, string[]]} */ (['docs:check', npm('docs:check')])]
    : []),
  ['jest', [...jest, ...process.argv.slice(2)]],
];

const failures = [];
for (const [name, [command, ...args]] of steps) {
  const began = performance.now();
  const { status, error } = spawnSync(command ?? '', args, {
    stdio: 'inherit',
    env: { ...process.env, HAWSER_TALLY: tally },
  });
  if (error) console.error(`${name}: ${error.message}`);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`\n${status === 0 ? 'ok' : 'FAILED'}: ${name} (${seconds} s)\n`);
  if (status === 0) continue;
  failures.push(name);
  // A failed step is one failure. Jest has counted its own, unless it never got to the end.
  if (name !== 'jest' || addUp(tally).failed === 0) {
    appendFileSync(tally, `${JSON.stringify({ passed: 0, failed: 1, skipped: 0 })}\n`);
  }
  if (name === 'build') break; // without a build nothing that follows says anything
}

const sum = addUp(tally);
if (process.env.HAWSER_TALLY) appendFileSync(process.env.HAWSER_TALLY, readFileSync(tally));
rmSync(temporary, { recursive: true, force: true });
if (failures.length > 0) console.log(`These steps failed: ${failures.join(', ')}`);
console.log(lastLine(sum));
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;
