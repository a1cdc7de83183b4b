import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { WebSocket } from 'ws';
import { Program, stopPrograms } from '../support/program';
import { describeIf } from '../support/requires';
import { makeProject } from '../docs/project.js';
import { document } from '../docs/sources.js';

/** The steps of docs/tutorial.md run as a reader would run them, from the files that the page shows. */
const folder = mkdtempSync(join(tmpdir(), 'hawser-tutorial-'));

/** The files of the page, by the name in the comment before each: `<!-- file server.mjs production -->`. */
const files = new Map(
  [...document('tutorial.md').matchAll(/^<!-- file (.+) -->\n```\w+\n([\s\S]*?)^```$/gm)].map(
    ([, name, code]): [string, string] => [name!, code!],
  ),
);
const write = (name: string, to: string = name): void => {
  writeFileSync(join(folder, to), files.get(name)!);
};

beforeAll(() => {
  makeProject(folder);
  for (const name of ['chat.mjs', 'server.mjs', 'index.html', 'chat.test.mjs']) write(name);
  write('server.mjs production', 'production.mjs');
});
afterEach(stopPrograms);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A visitor whose messages can be awaited one by one. */
async function visit(url: URL): Promise<{ socket: WebSocket; next: () => Promise<string> }> {
  const socket = new WebSocket(url.href.replace('http', 'ws'), { origin: url.origin });
  const heard: string[] = [];
  socket.on('message', (data: Buffer) => heard.push(data.toString()));
  await once(socket, 'open');
  const next = async (): Promise<string> => {
    while (heard.length === 0) await once(socket, 'message');
    return heard.shift()!;
  };
  return { socket, next };
}

describe('the tutorial', () => {
  it('shows a chat of thirty lines, its page, its tests and its production server', () => {
    expect([...files.keys()]).toEqual([
      'chat.mjs',
      'server.mjs',
      'index.html',
      'chat.test.mjs',
      'server.mjs production',
    ]);
    const lines = `${files.get('chat.mjs')!}${files.get('server.mjs')!}`.match(/^.*\S.*$/gm)!;
    expect(lines.length).toBeLessThanOrEqual(35);
  });

  it.each(['server.mjs', 'production.mjs'])('has a chat that works: %s', async (file) => {
    const program = Program.run(join(folder, file), { PORT: '0' });
    const url = await program.url();
    expect(await (await fetch(url)).text()).toBe(files.get('index.html'));

    const ada = await visit(url);
    expect(await ada.next()).toBe('Welcome. What is your name?');
    ada.socket.send('Ada');
    expect(await ada.next()).toBe('Ada has joined');
    const ben = await visit(url);
    await ben.next();
    ben.socket.send('Ben');
    expect(await ada.next()).toBe('Ben has joined');
    ben.socket.close();
    expect(await ada.next()).toBe('Ben has left');
    ada.socket.terminate();
  });

  it('has tests that pass', () => {
    const { status, stdout } = spawnSync(process.execPath, ['--test'], {
      cwd: folder,
      encoding: 'utf8',
      // The runner of Node must not take itself for a test of Jest's.
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, FORCE_COLOR: '0' },
    });
    expect([status, stdout]).toEqual([0, expect.stringMatching(/pass 2\n/)]);
  });

  it('has a production server that limits, and stops cleanly', async () => {
    const env = { PORT: '0', DRAIN_MS: '0' };
    const program = Program.run(join(folder, 'production.mjs'), env);
    const url = await program.url();
    expect((await fetch(new URL('/health', url))).status).toBe(200);

    const chatty = await visit(url);
    chatty.socket.send('x'.repeat(4097));
    const [tooBig] = (await once(chatty.socket, 'close')) as [number];
    expect(tooBig).toBe(1009);

    const ada = await visit(url);
    const closed = once(ada.socket, 'close');
    program.signal('SIGTERM');
    const [goingAway] = (await closed) as [number];
    expect(goingAway).toBe(1001);
    expect(await program.exit).toEqual({ code: 0, signal: null });
    expect(program.output).toContain('stopped: 1 closed, 0 terminated');
  });
});

const CHROMIUM = '/usr/bin/chromium';

describeIf(`Chromium at ${CHROMIUM}`, existsSync(CHROMIUM))('the page of the tutorial', () => {
  it('lets two people talk, and shows what they write as text', async () => {
    const program = Program.run(join(folder, 'server.mjs'), { PORT: '0' });
    const { href } = await program.url();
    const browser = await chromium.launch({ executablePath: CHROMIUM, timeout: 120_000 });
    try {
      const [ada, ben] = [await browser.newPage(), await browser.newPage()];
      for (const page of [ada, ben]) {
        await page.goto(href);
        await page.getByText('Welcome. What is your name?').waitFor();
      }
      for (const text of ['Ada', '<b>Hello!</b>']) {
        await ada.locator('input').fill(text);
        await ada.locator('input').press('Enter');
      }
      await ben.getByText('Ada: <b>Hello!</b>').waitFor();
      program.signal('SIGKILL');
      await ben.getByText('The connection is closed. Reload the page.').waitFor();
      expect(await ben.locator('li').allTextContents()).toEqual([
        'Welcome. What is your name?',
        'Ada has joined',
        'Ada: <b>Hello!</b>',
        'The connection is closed. Reload the page.',
      ]);
    } finally {
      await browser.close();
    }
  });
});
