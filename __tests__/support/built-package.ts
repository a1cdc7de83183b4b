import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');

/**
 * The file to `require` hawser from in another process: the output of `npm run build`, or, where that is missing or
 * older than a source, a separate build of single modules (another program may be using dist/).
 */
export function builtPackage(): string {
  return built('dist');
}

/** The same with the modules one by one beside it. */
export function builtModules(): string {
  return built('build');
}

function built(output: string): string {
  const main = join(ROOT, output, 'index.js');
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const newest = Math.max(...sources.map((file) => statSync(file).mtimeMs));
  if (existsSync(main) && statSync(main).mtimeMs >= newest) return main;

  const hash = createHash('sha1');
  for (const file of sources) hash.update(file).update(readFileSync(file));
  const folder = join(tmpdir(), `hawser-build-${hash.digest('hex').slice(0, 12)}`);
  if (!existsSync(folder)) {
    const unfinished = mkdtempSync(join(tmpdir(), 'hawser-build-'));
    const compiler = require.resolve('typescript/bin/tsc');
    const args = [
      '-p',
      'tsconfig.build.json',
      '--noCheck',
      '--outDir',
      unfinished,
      '--declarationDir',
      unfinished,
    ];
    const { status, stdout } = spawnSync(process.execPath, [compiler, ...args], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`the build failed:\n${stdout}`);
    // Another test may have finished first: its build is as good as this one.
    if (!existsSync(folder)) renameSync(unfinished, folder);
  }
  return join(folder, 'index.js');
}
