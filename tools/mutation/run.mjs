// `npm run mutate`; README.md tells what it does.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { report } from './report.mjs';

const HELP = `npm run mutate -- [options] [module ...]

  module             such as mask, or frame-decoder:100-200 for some of its lines;
                     all of src/protocol otherwise
  --conformance      let the conformance rows judge, too: ten times slower
  --concurrency n    test runners at a time (1)
  --least n          exit with 1 if fewer than n percent are killed (90)
`;

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    concurrency: { type: 'string', default: '1' },
    least: { type: 'string', default: '90' },
    conformance: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(HELP);
} else {
  install();
  const score = report(await mutate(positionals.length === 0 ? ['*'] : positionals));
  if (score * 100 < Number(values.least)) process.exitCode = 1;
}

/** Stryker, from this folder's own lockfile. */
function install() {
  const installed = `${here}node_modules/.package-lock.json`;
  const modified = (/** @type {string} */ file) => statSync(file).mtimeMs;
  if (existsSync(installed) && modified(installed) >= modified(`${here}package-lock.json`)) return;
  const args = ['ci', '--prefix', here, '--ignore-scripts', '--no-audit', '--no-fund'];
  if (spawnSync('npm', args, { stdio: 'inherit' }).status !== 0) throw new Error('npm ci failed');
}

/** @param {string[]} modules */
async function mutate(modules) {
  const { Stryker } = await import('@stryker-mutator/core'); // not before: it has to be installed
  process.chdir(root);
  const named = modules.map((module) => module.split(':'));
  // For jest.config.cjs, in Stryker's processes.
  process.env.HAWSER_MUTATED = named.map(([name]) => name).join(' ');
  process.env.HAWSER_CONFORMANCE = String(values.conformance);
  // Outside the house, or every check that walks through it would find a second one.
  const sandbox = mkdtempSync(join(tmpdir(), 'hawser-mutation-'));
  const stryker = new Stryker({
    mutate: named.map(([name, ...lines]) => [`src/protocol/**/${name}.ts`, ...lines].join(':')),
    ignorePatterns: [
      'bench',
      'coverage',
      'dist',
      'docs',
      'examples',
      'fuzz',
      'tools/mutation/node_modules',
    ],
    plugins: [fileURLToPath(import.meta.resolve('@stryker-mutator/jest-runner'))],
    testRunner: 'jest',
    jest: { configFile: 'tools/mutation/jest.config.cjs' },
    coverageAnalysis: 'perTest',
    ignoreStatic: false,
    concurrency: Number(values.concurrency),
    tempDirName: sandbox,
    cleanTempDir: 'always',
    reporters: ['progress-append-only'],
    logLevel: /** @type {any} */ ('warn'),
    allowConsoleColors: false,
  });
  try {
    return await stryker.runMutationTest();
  } finally {
    rmSync(sandbox, { recursive: true, force: true });
  }
}
