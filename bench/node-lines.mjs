// Other lines of Node, each in a folder of its own outside the project.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The program of a line of Node, such as `24`. It is installed if it is missing.
 *
 * @param {string} line
 */
export function nodeOfLine(line) {
  if (!/^\d+$/.test(line)) throw new Error(`--node ${line} is not a line of Node, such as 24`);
  const platform = `node-${process.platform}-${process.arch}`;
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const home = join(cache, 'hawser', `node${line}`);
  const program = join(home, 'node_modules', platform, 'bin', 'node');
  if (existsSync(program)) return program;
  mkdirSync(home, { recursive: true });
  const how = ['--no-save', '--no-audit', '--no-fund'];
  const args = ['install', '--prefix', home, ...how, `${platform}@${line}`];
  const { status } = spawnSync('npm', args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed`);
  return program;
}
