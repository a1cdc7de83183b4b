// What has to be there before anything runs: the peers in bench/node_modules, and a build of hawser.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const bench = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));

/** @param {{ build?: boolean, dist?: string | undefined }} [options] */
export function setUp({ build = true, dist } = {}) {
  const installed = `${bench}node_modules/.package-lock.json`;
  if (!existsSync(installed) || modified(installed) < modified(`${bench}package-lock.json`)) {
    npm('ci', '--prefix', bench, '--ignore-scripts', '--no-audit', '--no-fund');
  }
  // Inherited by the process that serves hawser.
  if (dist !== undefined) process.env.HAWSER_DIST = pathToFileURL(resolve(dist)).href;
  else if (build) npm('run', '--silent', 'build');
}

const modified = (/** @type {string} */ file) => statSync(file).mtimeMs;

function npm(/** @type {string[]} */ ...args) {
  const { status } = spawnSync('npm', args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error(`npm ${args[0]} failed`);
}
