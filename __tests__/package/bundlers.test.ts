import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { projectWithPackage, run } from '../support/packed-package.js';
import { describeIf } from '../support/requires.js';
import { runtime } from '../support/runtimes.js';

const tools = join(__dirname, 'tools');
const counter = join(__dirname, '../support/count-kernels.cjs');

let project: string;
beforeAll(() => {
  project = projectWithPackage();
  for (const name of ['service.mjs', 'required.cjs']) {
    cpSync(join(__dirname, 'programs', name), join(project, name));
  }
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

/** More than 64 KiB of text in scripts of one, two, three and four bytes a character. */
const TEXT = 'Tau τρόσσα трос 纜繩 ロープ 밧줄 חבל 🪢🚢'.repeat(2501);
const BYTES = randomBytes(100_000);

/** Starts a bundle, echoes a text and bytes through it, and returns everything that it printed. */
async function serve(...command: string[]): Promise<Record<string, unknown>> {
  const [program, ...args] = command;
  const child = spawn(program!, args, { cwd: project, stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  const exit = once(child, 'close');
  const said: Record<string, unknown> & { calls?: Record<string, number> } = {};
  try {
    for await (const line of createInterface(child.stdout)) {
      Object.assign(said, JSON.parse(line));
      if (line.includes('port')) Object.assign(said, await echo(said['port'] as number));
    }
    const [status] = (await exit) as [number | null];
    const { port: _, calls = {}, ...rest } = said;
    const called = Object.entries(calls).filter(([, count]) => count > 0);
    return { status, complaints, ...rest, kernels: called.map(([name]) => name).sort() };
  } finally {
    child.kill();
  }
}

async function echo(port: number): Promise<{ text: boolean; bytes: boolean }> {
  const client = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
  await once(client, 'open');
  client.send(TEXT);
  const [text] = (await once(client, 'message')) as [Buffer];
  client.send(BYTES);
  const [bytes] = (await once(client, 'message')) as [Buffer];
  client.close(4000);
  await once(client, 'close');
  return { text: text.equals(Buffer.from(TEXT)), bytes: bytes.equals(BYTES) };
}

/** What a bundle that works says. `minified`: classes have lost their names. */
const right = (minified: boolean): object => ({
  status: 0,
  complaints: '',
  text: true,
  bytes: true,
  code: 4000,
  total: 0,
  ws: 'hi true',
  metrics: true,
  one: true,
  names: minified
    ? [expect.any(String), expect.any(String)]
    : [
        expect.stringMatching(/^_?WebSocketConnection$/), // some lower what stands in its static block
        'WebSocketServer',
      ],
});

/** The kernels' functions that are called: newer V8 turns text itself, and quicker (see src/protocol/text/utf8-codec.ts). */
const node = Number.parseInt(process.versions.node, 10);
const kernels = ['xor', ...(node < 24 ? ['decode'] : []), ...(node < 26 ? ['encode'] : [])].sort();

const present = existsSync(join(tools, 'node_modules'));
describeIf('a bundler (`npm ci --prefix __tests__/package/tools`)', present)(
  'a bundle with both kernels at work',
  () => {
    test.each([
      ['esbuild', 'esm'],
      ['esbuild', 'cjs'],
      ['esbuild', 'minified'],
      ['rollup', 'esm'],
      ['rollup', 'cjs'],
      ['vite', 'esm'],
      ['webpack', 'esm'],
      ['webpack', 'cjs'],
    ])('made by %s, %s, starts and echoes', async (bundler, format) => {
      const out = join(project, `${bundler}-${format}.${format === 'cjs' ? 'cjs' : 'mjs'}`);
      const args = [join(tools, 'bundle.mjs'), bundler, join(project, 'service.mjs'), out, format];
      expect(run(project, process.execPath, ...args)).toMatchObject({ status: 0 });
      // Vite renames one of the two classes that are called WebSocketServer.
      const minified = format === 'minified' || bundler !== 'esbuild';
      expect(await serve(process.execPath, '--require', counter, out)).toEqual({
        ...right(minified),
        kernels,
      });
    });
  },
);

const bun = runtime('bun');
describeIf('Bun', bun !== undefined)('a bundle made by Bun', () => {
  test.each([
    ['node', 'esm'],
    ['node', 'cjs'],
    ['bun', 'esm'],
  ])('for %s, %s, starts and echoes', async (target, format) => {
    const out = join(project, `bun-${target}.${format === 'cjs' ? 'cjs' : 'mjs'}`);
    const options = ['--target', target, '--format', format, '--outfile', out];
    const built = run(project, bun!, 'build', 'service.mjs', ...options);
    expect(built).toMatchObject({ status: 0 });
    const [program, load] = target === 'node' ? [process.execPath, '--require'] : [bun!, '-r'];
    expect(await serve(program, load, counter, out)).toEqual({
      ...right(false),
      kernels: target === 'node' ? kernels : ['xor'],
    });
  });
});
