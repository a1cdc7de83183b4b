// Programs of other people that stand on ws, run on hawser-ws: `node __tests__/ecosystem/run.mjs [--stock] [NAME ...]`,
// after `npm run build`. With `--stock` they run on ws itself: what fails there says nothing about hawser.
// `--install` only installs. Two kinds of programs:
//
// - suites: packages whose tarballs carry their tests.
// - conversations: a server and a client of a package, in conversations/NAME.mjs.
//
// Each is installed from package-lock.json, with ws replaced by `overrides` as a user would do it, into a folder
// outside the repository. The last line is the sum of all tests: «N passed, N failed».
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
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
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = join(HERE, '../..');
const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'hawser/ecosystem');

/** Longer than any program takes, on a machine that is busy: some take half a minute, or ten seconds. */
const DEADLINE = { suite: 300_000, conversation: 120_000 };
const A_WEEK = 7 * 24 * 60 * 60 * 1000;

/**
 * Tests that come with a package.
 *
 * @typedef {object} Suite
 * @property {string} name the package
 * @property {string[]} files in the package's folder
 * @property {number} tests how many pass
 * @property {'node' | 'mocha'} runner
 * @property {string[]} [options] of the runner
 * @property {string} [port] that the tests want; a free one takes its place
 * @property {RegExp} [timing] tests that are decided by timing: with ws, too, they may fail on a busy machine
 */

/** @type {Readonly<Record<string, Suite>>} */
const SUITES = {
  'fastify-websocket': {
    name: '@fastify/websocket',
    files: ['base', 'hooks', 'inject', 'router'].map((name) => `test/${name}.test.js`),
    tests: 67,
    runner: 'node',
  },
  'fastify-http-proxy': {
    name: '@fastify/http-proxy',
    files: [
      'export',
      'http-prefix-rewrite',
      'options',
      'socket.io',
      'test',
      'utils',
      'websocket-pathname',
      'websocket-querystring',
      'websocket',
      'ws-prefix-rewrite-core',
      'ws-prefix-rewrite',
      'ws-reconnect',
      'ws-upgrade-prefix',
    ].map((name) => `test/${name}.js`),
    tests: 127,
    runner: 'node',
    // Those of ws-reconnect.js, with Pings each 100 ms and an answer within 200 ms.
    timing: /reconnect|ping\/pong|hook/,
  },
  'socketcluster-server': {
    name: 'socketcluster-server',
    files: ['test/integration.js'],
    tests: 77,
    runner: 'mocha',
    options: ['--timeout', '10000'],
    port: '8718',
    // Some expect a number of messages to wait after 140 ms, others that a delay is the longest.
    timing: /backpressure|delay|timeout/i,
  },
  'koa-websocket': {
    name: 'koa-websocket',
    files: ['test/test.js'],
    tests: 6,
    runner: 'mocha',
  },
  mercurius: {
    name: 'mercurius',
    files: [
      'app-decorator',
      'batched',
      'hooks',
      'routes',
      'subscriber',
      'subscription-connection',
      'subscription-hooks',
      'subscription-protocol',
      'subscription',
    ].map((name) => `test/${name}.test.js`),
    tests: 216,
    runner: 'node',
  },
};

const CONVERSATIONS = readdirSync(join(HERE, 'conversations'))
  .filter((file) => file.endsWith('.mjs') && file !== 'support.mjs')
  .map((file) => file.replace('.mjs', ''));

// What is installed

const read = (/** @type {string} */ file) => JSON.parse(readFileSync(file, 'utf8'));

/** Packs a package of this repository as `to`. */
function pack(/** @type {string} */ folder, /** @type {string} */ to) {
  const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', join(to, '..')];
  const printed = execFileSync('npm', args, { cwd: folder, encoding: 'utf8' });
  const file = printed.trim().split('\n').at(-1) ?? '';
  renameSync(join(to, '..', file), to);
}

/**
 * A folder whose node_modules has all packages of package.json, on ws or on hawser-ws. One is kept for each state
 * of the sources, so that a second run does not install again.
 */
function install(/** @type {boolean} */ stock) {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'unfinished-'));
  try {
    const manifest = read(join(HERE, 'package.json'));
    const lock = read(join(HERE, 'package-lock.json'));
    if (!stock) {
      assert(existsSync(join(ROOT, 'dist/index.js')), 'there is no dist/: `npm run build`');
      pack(ROOT, join(folder, 'hawser.tgz'));
      pack(join(ROOT, 'packages/hawser-ws'), join(folder, 'hawser-ws.tgz'));
      // What docs/ws.md says, with files where a user has the registry.
      manifest.dependencies['hawser'] = 'file:./hawser.tgz';
      manifest.dependencies['ws'] = 'file:./hawser-ws.tgz';
      manifest.overrides = { ws: '$ws' };
      // npm resolves only what the lock does not have.
      for (const path of Object.keys(lock.packages)) {
        if (/(^|\/)node_modules\/ws$/.test(path)) delete lock.packages[path];
      }
    }
    cpSync(join(HERE, '.npmrc'), join(folder, '.npmrc'));
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
    const hash = createHash('sha1').update(process.version);
    for (const file of readdirSync(folder)) hash.update(readFileSync(join(folder, file)));
    const kept = join(CACHE, `${stock ? 'ws' : 'hawser'}-${hash.digest('hex').slice(0, 12)}`);
    if (!existsSync(kept)) {
      const args = [stock ? 'ci' : 'install', '--ignore-scripts', '--no-audit', '--no-fund'];
      execFileSync('npm', [...args, '--prefer-offline', '--loglevel=error'], {
        cwd: folder,
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      // Another run may have finished first: its folder is as good as this one.
      if (!existsSync(kept)) renameSync(folder, kept);
    }
    const now = new Date();
    utimesSync(kept, now, now);
    return kept;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    for (const name of readdirSync(CACHE)) {
      const path = join(CACHE, name);
      const { mtimeMs } = statSync(path);
      if (Date.now() - mtimeMs > A_WEEK) rmSync(path, { recursive: true, force: true });
    }
  }
}

/** Whether every `ws` in the folder is the one that is wanted. @returns {string[]} what is wrong */
function strayEngines(/** @type {string} */ folder, /** @type {boolean} */ stock) {
  return readdirSync(join(folder, 'node_modules'), { recursive: true, encoding: 'utf8' })
    .filter((path) =>
      /(^|[\\/])node_modules[\\/]ws[\\/]package\.json$|^ws[\\/]package\.json$/.test(path),
    )
    .filter(
      (path) => read(join(folder, 'node_modules', path)).name !== (stock ? 'ws' : 'hawser-ws'),
    );
}

// How a program is run

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * What a program printed, in the Test Anything Protocol.
 *
 * @typedef {object} Outcome
 * @property {number} passed
 * @property {string[]} failures names
 * @property {string} [fault] why there is no result
 * @property {string} output
 */

/** Runs a program of node in a process group of its own. @returns {Promise<Outcome>} */
async function runTests(
  /** @type {string} */ cwd,
  /** @type {string[]} */ args,
  /** @type {number} */ deadline,
) {
  const child = spawn(process.execPath, args, {
    cwd,
    detached: true, // so that all its processes can be terminated
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_ENV: 'test', FORCE_COLOR: '0', NODE_TEST_CONTEXT: undefined },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => (output += chunk));
  }
  const terminate = () => {
    try {
      process.kill(-(/** @type {number} */ (child.pid)), 'SIGKILL');
    } catch {
      // The group is gone.
    }
  };
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    terminate();
  }, deadline);
  process.on('exit', terminate);
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  terminate();
  process.off('exit', terminate);

  const passed = Number(/^# pass (\d+)$/m.exec(output)?.[1] ?? 0);
  const failures = [...output.matchAll(/^ *not ok \d+ (?:- )?(.*)$/gm)].map(
    ([, name]) => name ?? '',
  );
  if (late) return { passed, failures, fault: 'it did not end in time', output };
  if (code !== 0 && failures.length === 0)
    return { passed, failures, fault: `it ended with ${code}`, output };
  return { passed, failures, output };
}

/** What was printed, without the tests that passed. */
const failingPart = (/** @type {string} */ output) =>
  output.replaceAll(/^ *(?:# Subtest: .*\n *)?ok \d+ .*\n(?: +---\n[\s\S]*?\n +\.\.\.\n)?/gm, '');

/** A pattern for one of these names. */
const oneOf = (/** @type {string[]} */ names) =>
  `^(?:${names.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('|')})$`;

/** @returns {Promise<Outcome>} */
async function runSuite(
  /** @type {Suite} */ suite,
  /** @type {string} */ home,
  /** @type {string} */ folder,
) {
  cpSync(join(home, 'node_modules', suite.name), folder, { recursive: true });
  if (suite.port !== undefined) {
    const port = String(await freePort());
    for (const file of suite.files) {
      const text = readFileSync(join(folder, file), 'utf8');
      writeFileSync(join(folder, file), text.replaceAll(suite.port, port));
    }
  }
  const runner =
    suite.runner === 'node'
      ? ['--test', '--test-reporter=tap', '--test-concurrency=2']
      : [join(home, 'node_modules/mocha/bin/mocha.js'), '--reporter', 'tap'];
  const args = [...runner, ...(suite.options ?? [])];
  const first = await runTests(folder, [...args, ...suite.files], DEADLINE.suite);
  const { timing } = suite;
  if (first.fault || first.failures.length === 0 || timing === undefined) return first;
  if (!first.failures.every((name) => timing.test(name))) return first;

  const pattern = suite.runner === 'node' ? '--test-name-pattern' : '--grep';
  const narrowed = [...args, pattern, oneOf(first.failures), ...suite.files];
  const again = await runTests(folder, narrowed, DEADLINE.suite);
  if (again.fault || again.failures.length > 0) return first;
  if (again.passed < first.failures.length) return first; // the pattern missed one
  console.log(`        passed when run once more: ${first.failures.join('; ')}`);
  return { ...first, passed: first.passed + first.failures.length, failures: [] };
}

// The programs

const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
for (const flag of flags) assert(['--stock', '--install'].includes(flag), `unknown option ${flag}`);
const known = [...Object.keys(SUITES), ...CONVERSATIONS];
for (const name of names)
  assert(known.includes(name), `unknown program ${name}: ${known.join(' ')}`);

const stock = flags.includes('--stock');
const home = install(stock);
const stray = strayEngines(home, stock);
assert.deepEqual(stray, [], 'something in the folder has another ws');
if (flags.includes('--install')) process.exit(0);

const run = mkdtempSync(join(home, 'run-'));
process.on('exit', () => rmSync(run, { recursive: true, force: true }));
process.on('SIGTERM', () => process.exit(1));
process.on('SIGINT', () => process.exit(1));
cpSync(join(HERE, 'conversations'), join(run, 'conversations'), { recursive: true });
process.env['HAWSER_ECOSYSTEM'] = stock ? 'ws' : 'hawser/ws';

let passed = 0;
let failed = 0;
for (const name of names.length > 0 ? names : known) {
  const suite = SUITES[name];
  const start = Date.now();
  const outcome =
    suite === undefined
      ? await runTests(
          run,
          ['--test', '--test-reporter=tap', `conversations/${name}.mjs`],
          DEADLINE.conversation,
        )
      : await runSuite(suite, home, join(run, name));
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  let { fault } = outcome;
  const expected = suite?.tests ?? 1;
  if (outcome.failures.length === 0 && outcome.passed < expected) {
    fault ??= `it ran ${outcome.passed} of ${expected} tests`;
  }
  passed += outcome.passed;
  failed += outcome.failures.length + (fault === undefined ? 0 : 1);
  if (fault === undefined && outcome.failures.length === 0) {
    console.log(`ok      ${name}: ${outcome.passed} in ${seconds} s`);
  } else {
    const what = [...outcome.failures, ...(fault === undefined ? [] : [fault])].join('; ');
    console.log(`FAILED  ${name}: ${what}\n${failingPart(outcome.output)}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
