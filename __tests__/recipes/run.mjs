// The programs of docs/recipes.md, run and talked to, and the advice of hawser's errors for the applications of
// frameworks (NAME advice): `node __tests__/recipes/run.mjs [NAME ...]`, after
// `npm run build` and `npm ci --prefix __tests__/recipes --ignore-scripts`. A block belongs to a program if
// a comment `<!-- recipe NAME/FILE -->` stands before it; its ports are replaced by free ones.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { ADVICE, follow } from './advice.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = join(HERE, '../..');
const RUN = join(HERE, '.run');
const DOCUMENT = join(ROOT, 'docs/recipes.md');

/** Longer than anything here takes, on a machine that is busy. */
const DEADLINE = 300_000;
const bin = (/** @type {string} */ name) => join(HERE, 'node_modules', name);

/**
 * How a program is started, and what it must do.
 *
 * @typedef {object} Recipe
 * @property {string[]} [start] arguments of node; the default is the recipe's first file
 * @property {(folder: string) => void} [prepare]
 * @property {(port: number) => Promise<void>} check
 * @property {boolean} [stops] by itself at SIGTERM, with 1001 for its clients
 * @property {(ports: number[]) => Promise<() => void>} [beside] another server that has to be there
 * @property {string} [needs] a package that is not in package.json
 */

/** @type {Record<string, Recipe>} */
const RECIPES = {
  fastify: { check: pageAndEcho, stops: true },
  hono: { check: pageAndEcho, stops: true },
  koa: { check: pageAndEcho, stops: true },
  nest: { start: ['out/main.js'], prepare: compileNest, check: checkNest, stops: true },
  next: { prepare: makeNextPage, check: checkNext, stops: true, needs: 'next' },
  vite: { start: [bin('vite/bin/vite.js')], prepare: makePage, check: checkVite },
  'vite-proxy': {
    start: [bin('vite/bin/vite.js')],
    prepare: makePage,
    check: checkVite,
    beside: startEcho,
  },
  ws: {
    check: async (port) => {
      await pageAndEcho(port);
      await echo(port, '/old');
    },
  },
  socketio: { check: checkSocketIo },
  cluster: { check: checkCluster },
  worker: { check: (port) => talk(port, '/live', ['hello'], ['hello']), stops: true },
  'worker-pool': {
    check: (port) => talk(port, '/live', ['a', 'b'], ['worked on a', 'worked on b']),
  },
  esbuild: { start: ['out.cjs'], prepare: bundle, check: (port) => echo(port, '/live') },
};

// What is in the document

/** @returns {Map<string, Map<string, string>>} recipes, and of each its files */
function recipesOf(/** @type {string} */ markdown) {
  const found = new Map();
  const fence = /(<!-- recipe (\S+)\/(\S+) -->\n)?^```(js|ts)\n([\s\S]*?)^```$/gm;
  for (const [, , name, file, , code] of markdown.matchAll(fence)) {
    assert(name, `a program of docs/recipes.md is not marked as a recipe:\n${code}`);
    if (!found.has(name)) found.set(name, new Map());
    found.get(name).set(file, code);
  }
  return found;
}

// What a program must do

/** @returns {Promise<WebSocket>} */
async function open(port, path, { protocols = [], onMessage = (_data) => {} } = {}) {
  const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols);
  client.on('message', onMessage); // now: a server may say something at once
  client.on('error', () => {}); // a failure shows below
  const failed = once(client, 'close').then(([code]) => {
    throw new Error(`${path} was refused, or closed with ${code}`);
  });
  failed.catch(() => {});
  await Promise.race([once(client, 'open'), failed]);
  return client;
}

/** Send some messages, and get others. What comes after those is the program's own affair. */
async function talk(port, path, sent, expected, protocols = []) {
  const got = [];
  let resolve = () => {};
  const all = new Promise((resolved) => (resolve = () => resolved(undefined)));
  const client = await open(port, path, {
    protocols,
    onMessage: (data) => {
      if (got.length < expected.length) got.push(String(data));
      if (got.length === expected.length) resolve();
    },
  });
  for (const message of sent) client.send(message);
  await Promise.race([all, sleep(DEADLINE / 2, undefined, { ref: false })]);
  client.terminate();
  assert.deepEqual(got, expected);
}

const echo = (port, path) => talk(port, path, ['hello', 'grüße'], ['hello', 'grüße']);

async function page(port, path = '/') {
  // A connection of its own: with one that is kept, cluster would always ask the same worker.
  const request = get({ host: '127.0.0.1', port, path, agent: false });
  const [response] = await once(request, 'response');
  return { status: response.statusCode, text: await text(response) };
}

async function pageAndEcho(/** @type {number} */ port) {
  assert.deepEqual(await page(port), { status: 200, text: 'a page\n' });
  await echo(port, '/live');
  assert.equal((await page(port)).status, 200);
}

async function checkNest(port) {
  assert.deepEqual(await page(port), { status: 200, text: 'a page\n' });
  const message = '{"event":"echo","data":{"a":1}}';
  await talk(port, '/live', ['{"event":"nobody"}', message], [message]);
  await talk(port, '/live', ['{"event":"shout","data":"hi"}'], ['{"event":"shout","data":"HI"}']);
  const client = await open(port, '/live');
  client.send('{');
  const [code, reason] = await once(client, 'close');
  assert.deepEqual([code, String(reason)], [1007, 'not JSON']);
}

async function checkNext(port) {
  const { status, text: html } = await page(port);
  assert.equal(status, 200);
  assert.match(html, /a page/);
  await echo(port, '/live');
  // Next's own WebSocket, for hot reloading, still answers.
  (await open(port, '/_next/hmr?id=1')).terminate();
}

async function checkVite(port) {
  const { status, text: html } = await page(port);
  assert.equal(status, 200);
  assert.match(html, /a page/);
  await echo(port, '/live');
  const [, token] =
    /const wsToken = "([^"]*)"/.exec((await page(port, '/@vite/client')).text) ?? [];
  await talk(port, `/?token=${token}`, [], ['{"type":"connected"}'], ['vite-hmr']);
}

async function checkSocketIo(port) {
  await pageAndEcho(port);
  for (const transports of [['websocket'], ['polling', 'websocket']]) {
    const socket = io(`http://127.0.0.1:${port}`, { transports });
    const answer = new Promise((resolve) => socket.on('echo', resolve));
    socket.emit('echo', 'hello');
    assert.equal(await answer, 'hello');
    socket.close();
  }
}

async function checkCluster(port) {
  const workers = new Set();
  while (workers.size < 2) workers.add((await page(port)).text);
  const clients = [];
  for (let count = 0; count < 4; count++) clients.push(await open(port, '/live'));
  const heard = clients.map(async (client) => String((await once(client, 'message'))[0]));
  // A worker may not have joined the topic yet when the first message is sent.
  const sending = setInterval(() => clients[0]?.send('hello'), 100);
  const all = await Promise.all(heard);
  clearInterval(sending);
  assert.match(all[0] ?? '', /^\d+: hello$/);
  assert.deepEqual(new Set(all).size, 1);
  for (const client of clients) client.terminate();
}

// What a program needs

const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');

function compileNest(folder) {
  const compilerOptions = {
    target: 'es2022',
    module: 'nodenext',
    moduleResolution: 'nodenext',
    strict: true,
    skipLibCheck: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules/@types')],
    outDir: 'out',
  };
  const files = ['main.ts', 'hawser-adapter.ts'];
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  execFileSync(process.execPath, [tsc, '-p', folder], { stdio: ['ignore', 'inherit', 'inherit'] });
}

function makePage(folder) {
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>x</title>a page\n');
}

function makeNextPage(folder) {
  mkdirSync(join(folder, 'pages'));
  const code = 'export default function Page() { return "a page"; }\n';
  writeFileSync(join(folder, 'pages/index.js'), code);
}

function bundle(folder) {
  const flags = ['--bundle', '--minify', '--platform=node', '--format=cjs', '--outfile=out.cjs'];
  execFileSync(process.execPath, [bin('esbuild/bin/esbuild'), 'server.mjs', ...flags], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

async function startEcho([, port]) {
  const { WebSocketServer } = await import('hawser');
  const wss = new WebSocketServer({ port: port ?? 0, path: '/live' });
  wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));
  return () => void wss.close({ timeout: 0 });
}

// How it is run

async function freePorts(/** @type {number} */ count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => /** @type {any} */ (server.address()).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

async function untilListening(/** @type {number} */ port, child) {
  for (;;) {
    const end = child.exitCode ?? child.signalCode;
    if (end !== null) throw new Error(`it ended with ${end}`);
    const socket = connect(port, '127.0.0.1');
    const answer = await Promise.race([
      once(socket, 'connect').then(
        () => true,
        () => false,
      ),
      sleep(1000, false),
    ]);
    socket.destroy();
    if (answer) return;
    await sleep(50);
  }
}

async function runRecipe(name, files) {
  const { start = [[...files.keys()][0]], prepare, check, stops, beside } = RECIPES[name] ?? {};
  const folder = join(RUN, name);
  mkdirSync(folder, { recursive: true });
  const ports = await freePorts(2);
  for (const [file, code] of files) {
    // In one pass: a port may have the digits of another.
    writeFileSync(
      join(folder, file),
      code.replace(/808([01])/g, (_, at) => String(ports[at])),
    );
  }
  prepare?.(folder);
  const stop = await beside?.(ports);
  const child = spawn(process.execPath, start, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'development' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => (output += chunk));
  }
  const exited = once(child, 'exit');
  try {
    await within(untilListening(ports[0], child), 'it did not listen in time');
    await within(check?.(ports[0]), 'it did not answer in time');
    if (stops) {
      const client = await open(ports[0], '/live');
      child.kill('SIGTERM');
      const [code] = await within(once(client, 'close'), 'no Close came at SIGTERM');
      assert.equal(code, 1001);
      await within(exited, 'it did not end at SIGTERM');
    }
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${output}`, {
      cause: error,
    });
  } finally {
    child.kill('SIGKILL');
    await exited;
    stop?.();
  }
}

/** @template T @returns {Promise<T>} */
async function within(/** @type {Promise<T>} */ work, /** @type {string} */ what) {
  const timer = new AbortController();
  const late = sleep(DEADLINE, undefined, timer).then(() => {
    throw new Error(what);
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}

/** The programs find hawser as a user's do. */
function linkHawser() {
  const link = join(HERE, 'node_modules/hawser');
  rmSync(link, { recursive: true, force: true });
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(ROOT, link, 'dir');
}

linkHawser();
rmSync(RUN, { recursive: true, force: true });
const documented = recipesOf(readFileSync(DOCUMENT, 'utf8'));
assert.deepEqual([...documented.keys()].sort(), Object.keys(RECIPES).sort());
const wanted = process.argv.slice(2);
let passed = 0;
const failed = [];
/** @param {() => Promise<void>} act */
async function check(/** @type {string} */ name, act) {
  try {
    await act();
    passed++;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed.push(name);
    console.log(`FAILED  ${name}: ${error instanceof Error ? error.message : error}`);
  }
}
for (const [name, files] of documented) {
  const { needs } = RECIPES[name] ?? {};
  if (wanted.length > 0 ? !wanted.includes(name) : needs && !existsSync(bin(needs))) continue;
  await check(name, () => runRecipe(name, files));
}
if (wanted.length === 0 || wanted.includes('advice')) {
  for (const [name, row] of Object.entries(ADVICE)) {
    await check(`the advice for: ${name}`, () => within(follow(row, echo), 'no answer in time'));
  }
}
// A process that was killed may still be writing.
rmSync(RUN, { recursive: true, force: true, maxRetries: 10 });
if (failed.length > 0) console.log(`These recipes failed: ${failed.join(', ')}`);
console.log(`${passed} passed, ${failed.length} failed`);
process.exit(failed.length === 0 && passed > 0 ? 0 : 1);
