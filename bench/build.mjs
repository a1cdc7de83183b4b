// An older build of hawser, for `--against`.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * @typedef {object} Build
 * @property {string} dist URL of its index.js
 * @property {string} name what the report calls it
 */

/**
 * Find a build in a folder, or make one of a commit. The commit is checked out in a temporary folder and
 * built there with the node_modules of this project. The folder is removed when the process exits.
 *
 * @param {string} wanted a folder that holds a built hawser, or a commit
 * @returns {Build}
 * @throws if it is neither, or does not build
 */
export function buildOf(wanted) {
  const folder = resolve(wanted);
  if (existsSync(folder) && statSync(folder).isDirectory()) return inFolder(folder);

  const { status, stdout } = spawnSync('git', ['rev-parse', '--verify', `${wanted}^{commit}`], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) {
    throw new Error(`--against ${wanted} is neither a folder nor a commit of this repository`);
  }
  const commit = stdout.trim();
  const temporary = mkdtempSync(join(tmpdir(), 'hawser-against-'));
  process.once('exit', () => rmSync(temporary, { recursive: true, force: true }));
  // A signal alone would end the process without that event.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  console.log(`building ${commit.slice(0, 10)} in ${temporary}`);
  const archive = execFileSync('git', ['archive', commit], { cwd: root, maxBuffer: 2 ** 30 });
  execFileSync('tar', ['-xf', '-'], { cwd: temporary, input: archive });
  symlinkSync(join(root, 'node_modules'), join(temporary, 'node_modules'), 'dir');
  const built = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: temporary,
    stdio: 'inherit',
  });
  if (built.status !== 0) throw new Error(`${wanted} does not build with the current node_modules`);
  return { ...inFolder(temporary), name: `hawser at ${commit.slice(0, 10)}` };
}

/** @returns {Build} */
function inFolder(/** @type {string} */ folder) {
  const file = [join(folder, 'dist', 'index.js'), join(folder, 'index.js')].find(existsSync);
  if (file === undefined) throw new Error(`${folder} has no dist/index.js: build it first`);
  return { dist: pathToFileURL(file).href, name: `hawser in ${folder}${headOf(folder)}` };
}

/** The commit of a checkout, in brackets. */
function headOf(/** @type {string} */ folder) {
  const { status, stdout } = spawnSync('git', ['rev-parse', '--short=10', 'HEAD'], {
    cwd: folder,
    encoding: 'utf8',
  });
  return status === 0 ? ` (${stdout.trim()})` : '';
}

/** What tells two builds apart: a hash of all their code. */
export function fingerprint(/** @type {string} */ dist) {
  const folder = dirname(fileURLToPath(dist));
  const hash = createHash('sha256');
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (/\.(js|cjs|mjs|wasm)$/.test(name))
      hash.update(name).update(readFileSync(join(folder, name)));
  }
  return hash.digest('hex').slice(0, 16);
}
