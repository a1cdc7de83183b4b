// `npm run build`: dist/ is the CommonJS build that Node loads, whether by `require` or by `import`, and
// dist/esm the same sources as ES modules, for bundlers alone (the condition "module" in package.json).
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import process from 'node:process';

const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');

rmSync('dist', { recursive: true, force: true });
for (const config of ['tsconfig.build.json', 'tsconfig.esm.json']) {
  const { status } = spawnSync(process.execPath, [compiler, '-p', config], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
// The files in dist/esm end in .js; this is what makes them ES modules.
writeFileSync('dist/esm/package.json', '{ "type": "module", "sideEffects": false }\n');
