// Writes docs/api, the API reference, from the types: `node scripts/docs-api.mjs`. With `--check` it writes
// nothing and fails when what is there differs from what would be written.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const committed = 'docs/api';
const fresh = mkdtempSync(join(tmpdir(), 'hawser-docs-'));

/** Every file under `folder` with its text. @param {string} folder */
function read(folder) {
  /** @type {Map<string, string>} */
  const files = new Map();
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    files.set(file.slice(folder.length + 1), readFileSync(file, 'utf8'));
  }
  return files;
}

/** Writes the reference of one entry of the package into `folder`. @param {string[]} options */
function write(folder, ...options) {
  const typedoc = ['node_modules/typedoc/bin/typedoc', '--logLevel', 'Warn', '--out', folder];
  const { status } = spawnSync(process.execPath, [...typedoc, ...options], { stdio: 'inherit' });
  if (status !== 0) throw new Error('typedoc failed');
}

try {
  write(fresh);
  for (const adapter of ['metrics']) {
    write(
      join(fresh, adapter),
      ...['--entryPoints', `src/adapters/${adapter}.ts`, '--name', `hawser/${adapter}`],
      ...['--intentionallyNotExported', 'ServerStats'],
    );
  }

  if (process.argv.includes('--check')) {
    const [is, shouldBe] = [read(committed), read(fresh)];
    const stale = [...new Set([...is.keys(), ...shouldBe.keys()])]
      .filter((name) => is.get(name) !== shouldBe.get(name))
      .sort();
    if (stale.length > 0) {
      throw new Error(`docs/api is stale, run \`npm run docs:api\`: ${stale.join(', ')}`);
    }
    console.log('docs/api matches the types');
  } else {
    rmSync(committed, { recursive: true, force: true });
    cpSync(fresh, committed, { recursive: true });
    console.log('docs/api is written');
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
