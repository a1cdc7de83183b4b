// `npm run build`:
//   dist/      what Node loads, whether by `require` or by `import`: CommonJS, a file for each entry of the package
//              and one for what the same entries share. A process loads a few files instead of 170, in a third of the
//              time, and has each class once, whatever its entry (docs/design.md).
//   dist/esm   the sources, one by one, as ES modules, for bundlers alone (the condition "module" in package.json)
//   build/     the sources, one by one, as CommonJS, for the fuzzer and the benchmarks; not published
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { rollup } from 'rollup';
import ts from 'typescript';

const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const src = fileURLToPath(new URL('../src/', import.meta.url));
/** The entries of the package, and its program. */
const ENTRIES = [
  'index',
  'client/index',
  'ws/index',
  'adapters/metrics',
  'adapters/redis',
  'adapters/nats',
  'adapters/cluster',
  'cli/bin',
];

for (const folder of ['dist', 'build']) rmSync(folder, { recursive: true, force: true });
for (const config of ['tsconfig.build.json', 'tsconfig.esm.json']) {
  const { status } = spawnSync(process.execPath, [compiler, '-p', config], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
// The files in dist/esm end in .js; this is what makes them ES modules.
writeFileSync('dist/esm/package.json', '{ "type": "module", "sideEffects": false }\n');

/** @type {import('rollup').Plugin} */
const typescript = {
  name: 'typescript',
  resolveId(name, importer) {
    if (importer === undefined || !name.startsWith('.')) return null;
    return resolve(dirname(importer), name.replace(/\.js$/, '.ts'));
  },
  transform(code, fileName) {
    const { outputText, sourceMapText } = ts.transpileModule(code, {
      fileName,
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ES2022,
        sourceMap: true,
        removeComments: true, // V8 reads them, too
      },
    });
    return { code: outputText, map: sourceMapText };
  },
};

/**
 * Builtins that take milliseconds to load and that many processes never need. In `dist/` they are loaded at their first
 * use; an ES module would load them at once. A file of hawser is never loaded late: an installation may have replaced it
 * by then.
 */
const LATE = ['node:http2', 'node:https', 'node:tls', 'node:zlib'];

/** @type {import('rollup').Plugin} */
const late = {
  name: 'late',
  renderChunk(code) {
    let changed = code;
    for (const name of LATE) {
      const binding = name.replace(':', '_');
      const loaded = `${binding}$loaded`;
      changed = changed
        .replaceAll(`new ${binding}.`, `new (${binding}()).`) // without parentheses it would construct the function
        .replaceAll(`${binding}.`, `${binding}().`)
        .replace(
          `const ${binding} = require('${name}');`,
          `let ${loaded}; const ${binding} = () => (${loaded} ??= require('${name}'));`,
        );
    }
    return { code: changed, map: null };
  },
};

/** V8 reads a file of ASCII alone faster than any other. @type {import('rollup').Plugin} */
const ascii = {
  name: 'ascii',
  renderChunk(code) {
    const escaped = code.replace(
      /[^\0-\x7f]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    return { code: escaped, map: null };
  },
};

/**
 * The files that a file imports, their imports, and so on.
 *
 * @param {string} id
 * @param {import('rollup').GetModuleInfo} getModuleInfo
 * @param {Set<string>} [found]
 */
function importsOf(id, getModuleInfo, found = new Set()) {
  for (const imported of getModuleInfo(id)?.importedIds ?? []) {
    if (found.has(imported)) continue;
    found.add(imported);
    importsOf(imported, getModuleInfo, found);
  }
  return found;
}
const WS = `${src}ws/`;
/** What `hawser/ws` imports. @type {Set<string> | undefined} */
let importsOfWs;

const bundle = await rollup({
  input: Object.fromEntries(ENTRIES.map((entry) => [entry, `${src}${entry}.ts`])),
  external: /^node:/,
  plugins: [typescript],
  onwarn(warning) {
    throw new Error(warning.message);
  },
});
await bundle.write({
  dir: 'dist',
  format: 'cjs',
  exports: 'named',
  esModule: true,
  interop: 'default',
  // What `hawser/ws` needs of the other folders is one file. `hawser` needs all of it, too. What else several entries
  // share, Rollup finds.
  manualChunks(id, { getModuleInfo }) {
    importsOfWs ??= importsOf(`${WS}index.ts`, getModuleInfo);
    const isShared = importsOfWs.has(id) && id.startsWith(src) && !id.startsWith(WS);
    return isShared ? 'core' : null;
  },
  chunkFileNames: 'shared/[name].js',
  hoistTransitiveImports: false,
  generatedCode: { preset: 'es2015', symbols: false },
  sourcemap: true,
  sourcemapExcludeSources: true, // src is published
  plugins: [late, ascii],
});
