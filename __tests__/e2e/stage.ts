import { existsSync, mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { Program, startChat, stopPrograms } from '../support/program';
import { describeIf } from '../support/requires';

const CHROMIUM = '/usr/bin/chromium';
/** A wait that lasts so long has hung, in ms. A busy machine needs minutes to start a browser, or for 48 MB. */
const HUNG = 300_000;
/** For a person to look at; git ignores them. */
const SCREENSHOTS = resolve(__dirname, '../../coverage/screenshots');

export const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};
export const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 800 } };

/** A describe block with Chromium, and with a chat of its own for each test: the command, or a patient one. */
export function describeChat(
  name: string,
  body: (stage: Stage) => void,
  start: (stage: Stage) => Promise<void> = (stage) => stage.startServer('0'),
): void {
  jest.setTimeout(3 * HUNG); // a test has many waits, and few of them are long
  describeIf(`Chromium at ${CHROMIUM}`, existsSync(CHROMIUM))(name, () => {
    const stage = new Stage();
    beforeAll(() => stage.open());
    afterAll(() => stage.close());
    beforeEach(() => start(stage));
    afterEach(() => stage.clear());
    body(stage);
  });
}

/** A browser, a chat, and the pages of its visitors. */
export class Stage {
  server!: Program;
  /** Of the server, on 127.0.0.1. */
  port = '';
  #scheme: 'http' | 'https' = 'http';
  #browser!: Browser;
  /** What went wrong in a page without anyone looking: exceptions, and whatever the policy forbade. */
  #problems: string[] = [];
  readonly #processes = new WeakMap<Page, number>();

  async open(): Promise<void> {
    mkdirSync(SCREENSHOTS, { recursive: true });
    this.#browser = await chromium.launch({
      executablePath: CHROMIUM,
      timeout: HUNG,
      args: ['--disable-gpu'], // emulating one costs more than drawing without
    });
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }

  async clear(): Promise<void> {
    await Promise.all(this.#browser.contexts().map((context) => context.close()));
    await stopPrograms();
    expect(this.#problems.splice(0)).toEqual([]);
  }

  get url(): URL {
    return new URL(`${this.#scheme}://127.0.0.1:${this.port}`);
  }

  /** The command, as its user starts it. */
  async startServer(port: string): Promise<void> {
    this.server = Program.run('examples/chat/server.mjs', { PORT: port });
    ({ port: this.port } = await this.server.url());
  }

  /** The command over HTTP/2, with a certificate that no authority has signed. */
  async startHttp2Server(port: string): Promise<void> {
    this.#scheme = 'https';
    this.server = Program.run('examples/chat/server.mjs', { PORT: port }, '--http2');
    ({ port: this.port } = await this.server.url());
  }

  /** The command on several processes, when each of them serves. */
  async startCluster(workers: number): Promise<void> {
    this.server = Program.run('examples/chat/cluster.mjs', { PORT: '0', WORKERS: `${workers}` });
    ({ port: this.port } = await this.server.url());
    await this.server.prints(new RegExp(`(is ready.*\\n[^]*){${workers}}`));
  }

  /** The process that a page was welcomed by, in a chat of several. */
  processOf(page: Page): number {
    return this.#processes.get(page)!;
  }

  /** A chat whose visitors may say as much as they like, with other limits of the test's choice. */
  async startPatientServer(limits: Record<string, number> = {}): Promise<void> {
    this.server = startChat({ burst: 10_000, perSecond: 10_000, ...limits });
    ({ port: this.port } = await this.server.url());
  }

  async stopServer(): Promise<void> {
    this.server.signal('SIGTERM');
    expect(await this.server.exit).toEqual({ code: 0, signal: null });
  }

  /** The server ends in a moment, without a goodbye. */
  async killServer(): Promise<void> {
    this.server.signal('SIGKILL');
    await this.server.exit;
  }

  /** The page, in a browser profile of its own. */
  async page(options: BrowserContextOptions, room = 'harbour'): Promise<Page> {
    const context = await this.#browser.newContext({
      colorScheme: 'light',
      ignoreHTTPSErrors: this.#scheme === 'https',
      ...options,
    });
    context.setDefaultTimeout(HUNG);
    const page = await context.newPage();
    page.on('pageerror', (error) => this.#problems.push(String(error)));
    page.on('console', (message) => {
      // That a server is down is the test's doing, and the browser's complaint about it expected.
      const isExpected = message.text().includes('net::ERR_');
      if (message.type() === 'error' && !isExpected) this.#problems.push(message.text());
    });
    page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => {
        if (!String(payload).startsWith('{')) return; // the bytes of an experiment under the hood
        const { type, node } = JSON.parse(String(payload)) as { type: string; node?: string };
        if (type === 'welcome' && node !== undefined) this.#processes.set(page, parseInt(node, 10));
      }),
    );
    await page.goto(`${this.url.href}#${room}`);
    return page;
  }

  /** A visitor who has joined. */
  async visit(name: string, options: BrowserContextOptions, room?: string): Promise<Page> {
    const page = await this.page(options, room);
    await join(page, name);
    return page;
  }
}

export async function join(page: Page, name: string): Promise<void> {
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Join' }).click();
  await isIn(page, 'open');
}

export const isIn = (page: Page, state: string) =>
  page.locator(`#status[data-state=${state}]`).waitFor();

export const composer = (page: Page) => page.getByLabel('Message', { exact: true });

export async function say(page: Page, text: string): Promise<void> {
  await composer(page).fill(text);
  await composer(page).press('Enter');
}

/** Waits for the words to be in the conversation: said, not merely written. */
export const sees = (page: Page, text: string) =>
  page.getByRole('log').getByText(text, { exact: true }).waitFor();

export const texts = (page: Page) => page.locator('#log .text').allTextContents();
export const people = (page: Page) => page.locator('#people .name').allTextContents();

export async function openHood(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Under the hood' }).click();
  await page.locator('#round-trip', { hasText: /\d/ }).waitFor();
}

/** Waits until what moves has come to rest. */
export async function settle(page: Page): Promise<void> {
  await page.evaluate(() =>
    Promise.allSettled(
      document
        .getAnimations()
        .filter(({ effect }) => effect?.getTiming().iterations !== Infinity)
        .map(({ finished }) => finished),
    ),
  );
}

export async function photograph(page: Page, name: string): Promise<void> {
  await settle(page);
  await page.screenshot({ path: `${SCREENSHOTS}/${name}.png` });
}
