import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { builtPackage } from '../support/built-package.js';
import { root } from './sources.js';

/**
 * Make a user's project in `folder`: hawser as it is packed, and packages of ours by name.
 *
 * @param packages names in node_modules of the repository, `@types` for example.
 */
export function makeProject(folder: string, packages: readonly string[] = []): void {
  const modules = join(folder, 'node_modules');
  const hawser = join(modules, 'hawser');
  mkdirSync(hawser, { recursive: true });
  symlinkSync(dirname(builtPackage()), join(hawser, 'dist'), 'dir');
  for (const file of ['package.json', 'entries']) {
    cpSync(join(root, file), join(hawser, file), { recursive: true });
  }
  for (const name of packages) {
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'dir');
  }
}
