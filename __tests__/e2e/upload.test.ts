import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { Program, stopPrograms } from '../support/program';
import { describeIf } from '../support/requires';

const CHROMIUM = '/usr/bin/chromium';
/** A wait that lasts so long has hung, in ms. */
const HUNG = 300_000;
const SIZE = 24 * 1024 * 1024; // six times maxPayload

jest.setTimeout(3 * HUNG);
describeIf(`Chromium at ${CHROMIUM}`, existsSync(CHROMIUM))('the page of upload.mjs', () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      timeout: HUNG,
      args: ['--disable-gpu'],
    });
    folder = await mkdtemp(join(tmpdir(), 'hawser-upload-'));
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
    await stopPrograms();
  });

  test('sends a file as one message, and shows how much has arrived', async () => {
    const program = Program.run('examples/upload.mjs', { PORT: '0' });
    const page = await browser.newPage();
    page.setDefaultTimeout(HUNG);
    const problems: string[] = [];
    page.on('pageerror', ({ message }) => problems.push(message));
    await page.goto((await program.url()).href);
    const bar = page.getByRole('progressbar', { name: 'Progress' });
    expect(await bar.getAttribute('value')).toBe('0');
    // Every value that the bar shows.
    await bar.evaluate((element) => {
      const values: number[] = ((globalThis as unknown as { values: number[] }).values = []);
      new MutationObserver(() => values.push((element as HTMLProgressElement).value)).observe(
        element,
        { attributes: true },
      );
    });

    const content = randomBytes(SIZE);
    const path = join(folder, 'file.bin');
    await writeFile(path, content);
    await page.getByLabel('File').setInputFiles(path);
    const done = page.locator('[role=status]', { hasText: `All ${SIZE} bytes are in ` });
    await done.waitFor();

    const stored = /are in (.+)\.$/.exec((await done.textContent())!)![1]!;
    const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    expect(hash(await readFile(stored))).toBe(hash(content));
    await rm(dirname(stored), { recursive: true });
    const values = await page.evaluate(
      () => (globalThis as unknown as { values: number[] }).values,
    );
    expect(values.length).toBeGreaterThan(5);
    expect(values).toEqual([...values].sort((one, other) => one - other));
    expect(values.at(-1)).toBe(1);
    expect(problems).toEqual([]);
    await page.close();
  });
});
