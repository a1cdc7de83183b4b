// `node run.mjs PROGRAM [FILTER]`: the portable tests on another runtime (Bun, Deno, or Node for comparison), against
// build/ as it is. PROGRAM is the runtime's path. Compiled tests need no loader, and each file has a process.
import { spawn } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import process from 'node:process';
import ts from 'typescript';
import { differences } from './differences.mjs';

const root = resolve(import.meta.dirname, '../..');
const [program = 'node', filter = ''] = process.argv.slice(2);
const name = basename(program);
/** A test that takes so long has hung, and then a file that does. */
const SECONDS = Number(process.env.HAWSER_TEST_SECONDS ?? 300);
const FILE_SECONDS = 900;

const folder = mkdtempSync(join(tmpdir(), 'hawser-runtime-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** What only Jest, or only Node, has: a test that uses it is not portable. */
const NOT_PORTABLE = [
  /\bjest\.(?:mock|doMock|isolateModules|requireActual)\b/, // Jest's own way of loading modules
  /support\/(?:child|counted-work|kernel)\.js/, // a process of Node with Node's flags
  /(?:from |require\()'ws'/, // which is another thing on Bun
  /protocol-error\.test\.ts/, // the name of a source in a stack
  /support\/http2\.js/, // node:http2 of another runtime is another library; docs/runtimes.md says what is known of it
  /\bnode:(?:v8|vm|inspector|worker_threads|child_process)\b/,
];

/** The tests beside a src/ that is the build, so that `../../src/index.js` is the built library. */
function compile() {
  cpSync(join(root, 'build'), join(folder, 'src'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  const files = [];
  // The unit tests of the server are about the sockets and the parser of Node's own http module.
  const entries = [
    'support',
    'conformance',
    'property',
    'hostile',
    'unit/protocol',
    'unit/connection',
  ];
  for (const entry of entries) {
    const from = join(root, '__tests__', entry);
    for (const file of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
      if (!/\.(ts|cjs)$/.test(file)) continue;
      const source = join(from, file);
      const target = join(folder, '__tests__', entry, file.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(target), { recursive: true });
      if (file.endsWith('.cjs')) {
        cpSync(source, target);
        continue;
      }
      const text = readFileSync(source, 'utf8');
      if (file.endsWith('.test.ts') && NOT_PORTABLE.some((word) => word.test(text))) continue;
      const { outputText } = ts.transpileModule(text, {
        compilerOptions: {
          module: ts.ModuleKind.CommonJS,
          target: ts.ScriptTarget.ES2022,
          esModuleInterop: true,
        },
      });
      writeFileSync(target, outputText);
      if (file.endsWith('.test.ts')) files.push(join(entry, file));
    }
  }
  cpSync(join(import.meta.dirname, 'harness.cjs'), join(folder, 'harness.cjs'));
  return files.sort();
}

const flags = {
  deno: ['run', '--quiet', '--allow-all', '--no-lock', '--node-modules-dir=manual'],
};

/** Runs a compiled test file; `undefined` stands for a process that said nothing. */
function runFile(file, endless) {
  return new Promise((done) => {
    const test = join(folder, '__tests__', file.replace(/\.ts$/, '.js'));
    const args = [
      ...(flags[name] ?? []),
      'harness.cjs',
      test,
      String(SECONDS),
      JSON.stringify(endless),
    ];
    const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), FILE_SECONDS * 1000);
    child.on('close', (status) => {
      clearTimeout(timer);
      const line = output.split('\n').findLast((text) => text.startsWith('{"passed":'));
      done(
        line
          ? JSON.parse(line)
          : { passed: 0, failed: [{ name: '(no result)', error: `exit ${status}\n${output}` }] },
      );
    });
  });
}

const known = differences[name] ?? [];
const sum = { passed: 0, failed: 0 };
async function judge(file) {
  const here = known.filter((difference) => difference.file === file);
  const endless = here.filter(({ waits }) => waits).map(({ title }) => title);
  const { passed, failed } = await runFile(file, endless);
  const expected = here.filter(({ waits }) => !waits).map(({ title }) => title);
  const unexpected = failed.filter(
    (fault) => !expected.some((title) => fault.name.includes(title)),
  );
  // A difference that is gone must leave the list, too.
  const gone = expected.filter((title) => !failed.some((fault) => fault.name.includes(title)));
  sum.passed += passed;
  sum.failed += unexpected.length + gone.length;
  console.log(
    `${unexpected.length + gone.length > 0 ? 'FAIL' : 'ok'} ${file} (${passed} passed${failed.length > 0 ? `, ${failed.length} differ` : ''})`,
  );
  for (const { name: title, error } of unexpected) {
    console.log(`  ✕ ${title}\n${error.slice(0, 1500).replace(/^/gm, '      ')}`);
  }
  for (const title of gone) console.log(`  ✕ no longer differs: ${title}`);
}

const files = compile().filter((file) => file.includes(filter));
const worker = async () => {
  for (let file = files.shift(); file !== undefined; file = files.shift()) await judge(file);
};
await Promise.all(Array.from({ length: availableParallelism() }, worker));
console.log(`${name}: ${sum.passed} passed, ${sum.failed} failed`);
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;
