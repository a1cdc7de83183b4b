import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { builtPackage } from './built-package.js';

const ROOT = resolve(__dirname, '../..');

export interface Run {
  readonly status: number | null;
  /** The output: stdout of a run that succeeded, otherwise both streams. */
  readonly output: string;
}

/** Runs a command as a user would: without the variables that npm and CI add to the environment. */
export function run(cwd: string, command: string, ...args: string[]): Run {
  const plain = Object.entries(process.env).filter(([name]) => !/^(npm_.*|CI)$/.test(name));
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: { ...Object.fromEntries(plain), FORCE_COLOR: '0' },
    encoding: 'utf8',
    timeout: 600_000, // it has hung
  });
  if (error) throw error;
  return { status, output: status === 0 ? stdout.trim() : `${stdout}\n${stderr}` };
}

/** A hash of every file that `npm pack` may depend on. */
function fingerprint(): string {
  const hash = createHash('sha1');
  const visit = (path: string): void => {
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) visit(join(path, name));
    } else {
      hash.update(path).update(readFileSync(path));
    }
  };
  for (const name of readdirSync(ROOT).sort()) {
    if (/^(src|docs|entries|examples|scripts|tsconfig.*|package.*|.*\.md|LICENSE)$/.test(name)) {
      visit(join(ROOT, name));
    }
  }
  return hash.digest('hex').slice(0, 12);
}

/**
 * The tarball that `npm pack` makes of the current sources. It is packed once for all tests that ask, from a copy,
 * so that a dist/ in use is not disturbed. A dist/ that is newer than its sources is packed as it is.
 */
export function packedTarball(): string {
  const folder = join(tmpdir(), `hawser-packed-${fingerprint()}`);
  const tarball = join(folder, 'hawser.tgz');
  if (existsSync(tarball)) return tarball;

  const unfinished = mkdtempSync(join(tmpdir(), 'hawser-packed-'));
  const workshop = join(unfinished, 'workshop');
  mkdirSync(workshop);
  const isBuilt = builtPackage() === join(ROOT, 'dist/index.js');
  const others = [
    '.git',
    'build',
    'node_modules',
    'coverage',
    '__tests__',
    'bench',
    'fuzz',
    'tools',
  ];
  for (const name of readdirSync(ROOT)) {
    if (others.includes(name) || (name === 'dist' && !isBuilt)) continue;
    cpSync(join(ROOT, name), join(workshop, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(workshop, 'node_modules'));
  const scripts = isBuilt ? ['--ignore-scripts'] : []; // prepack is the build
  const pack = ['pack', '--pack-destination', unfinished, '--silent', ...scripts];
  const packed = run(workshop, 'npm', ...pack);
  if (packed.status !== 0) throw new Error(`npm pack failed:\n${packed.output}`);
  renameSync(join(unfinished, packed.output.split('\n').at(-1)!), join(unfinished, 'hawser.tgz'));
  rmSync(workshop, { recursive: true });
  // Another test may have finished first: its tarball is as good as this one.
  if (!existsSync(folder)) renameSync(unfinished, folder);
  return tarball;
}

/**
 * A new folder with the packed library in its `node_modules`, and with `borrowed`: packages of the repository's own
 * `node_modules`, by name. The caller removes it.
 */
export function projectWithPackage(borrowed: readonly string[] = []): string {
  const project = mkdtempSync(join(tmpdir(), 'hawser-project-'));
  const installed = join(project, 'node_modules', 'hawser');
  mkdirSync(installed, { recursive: true });
  const unpacked = run(installed, 'tar', '-xzf', packedTarball(), '--strip-components=1');
  if (unpacked.status !== 0) throw new Error(`tar failed:\n${unpacked.output}`);
  for (const name of borrowed) borrow(project, name, join(ROOT, 'node_modules', name));
  return project;
}

/** Make the package in `folder` a dependency of the project, under this name. */
export function borrow(project: string, name: string, folder: string): void {
  const link = join(project, 'node_modules', name);
  mkdirSync(resolve(link, '..'), { recursive: true });
  symlinkSync(folder, link);
}
