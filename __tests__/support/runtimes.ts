import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Where .ci/run keeps what it installs. */
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'hawser');

/**
 * The program of another JavaScript runtime: the version that .ci/run installs, else what is in the PATH.
 * `undefined` where there is none.
 */
export function runtime(name: 'bun' | 'deno'): string | undefined {
  const folders = [
    join(cache, 'runtimes/node_modules/.bin'),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** The programs of Node to test on: the one that runs this, and those that .ci/run has installed. */
export function nodes(): string[] {
  const platform = `node-linux-${process.arch}`;
  const installed = ['20', '22', '24', '26'].map((line) =>
    join(cache, `node${line}/node_modules/${platform}/bin/node`),
  );
  return [process.execPath, ...installed.filter((file) => existsSync(file))];
}

/** The version of a program of Node, such as `22.19.0`. */
export function versionOf(node: string): string {
  const version =
    node === process.execPath ? process.version : String(execFileSync(node, ['--version']));
  return version.slice(1).trim();
}
