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
