import { existsSync, mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { Program, stopPrograms } from '../examples/program';
import { describeIf } from '../support/requires';

const CHROMIUM = '/usr/bin/chromium';
/** A wait that lasts so long has hung, in ms. */
const HUNG = 120_000;
/** For a person to look at; git ignores them. */
const SCREENSHOTS = resolve(__dirname, '../../coverage/screenshots');
const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};
const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 800 } };

describeIf(`Chromium at ${CHROMIUM}`, existsSync(CHROMIUM))('the chat page', () => {
  let browser: Browser;
  let server: Program;
  let port: string;
  /** What went wrong in a page without anyone looking: exceptions, and whatever the policy forbade. */
  let problems: string[];

  beforeAll(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    browser = await chromium.launch({ executablePath: CHROMIUM, timeout: HUNG });
  });
  afterAll(() => browser.close());

  beforeEach(async () => {
    problems = [];
    await startServer('0');
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await stopPrograms();
    expect(problems).toEqual([]);
  });

  async function startServer(where: string): Promise<void> {
    server = Program.run('examples/chat/server.mjs', { PORT: where });
    ({ port } = await server.url());
  }

  async function stopServer(): Promise<void> {
    server.signal('SIGTERM');
    expect(await server.exit).toEqual({ code: 0, signal: null });
  }

  /** A visitor with a browser profile of their own. */
  async function open(options: BrowserContextOptions, room = 'harbour'): Promise<Page> {
    const context = await browser.newContext({ colorScheme: 'light', ...options });
    context.setDefaultTimeout(HUNG);
    const page = await context.newPage();
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => {
      // That a server is down is the test's doing, and the browser's complaint about it expected.
      const isExpected = message.text().includes('net::ERR_');
      if (message.type() === 'error' && !isExpected) problems.push(message.text());
    });
    await page.goto(`http://127.0.0.1:${port}/#${room}`);
    return page;
  }

  async function join(page: Page, name: string): Promise<void> {
    await page.getByLabel('Your name').fill(name);
    await page.getByRole('button', { name: 'Join' }).click();
    await isIn(page, 'open');
  }

  async function visit(name: string, options: BrowserContextOptions, room?: string): Promise<Page> {
    const page = await open(options, room);
    await join(page, name);
    return page;
  }

  const isIn = (page: Page, state: string) =>
    page.locator(`#status[data-state=${state}]`).waitFor();
  const composer = (page: Page) => page.getByLabel('Message', { exact: true });

  async function say(page: Page, text: string): Promise<void> {
    await composer(page).fill(text);
    await composer(page).press('Enter');
  }

  /** Waits for the words to be in the conversation: said, not merely written. */
  const sees = (page: Page, text: string) =>
    page.getByRole('log').getByText(text, { exact: true }).waitFor();

  const texts = (page: Page) => page.locator('#log .text').allTextContents();
  const people = (page: Page) => page.locator('#people .name').allTextContents();

  /** Once what moves has come to rest. */
  async function photograph(page: Page, name: string): Promise<void> {
    await page.evaluate(() =>
      Promise.allSettled(
        document
          .getAnimations()
          .filter(({ effect }) => effect?.getTiming().iterations !== Infinity)
          .map(({ finished }) => finished),
      ),
    );
    await page.screenshot({ path: `${SCREENSHOTS}/${name}.png` });
  }

  test('two people talk, and see who is here', async () => {
    const ada = await visit('Ada', DESKTOP);
    expect(await ada.locator('#people-count').textContent()).toBe('only you here');
    const silence = ada.getByText('Nothing has been said here yet');
    expect(await silence.count()).toBe(1);
    await say(ada, 'Morning! Is anyone on the quay yet?');
    await silence.waitFor({ state: 'detached' }); // it goes when the server has sent it back
    const bo = await visit('Bo', { ...PHONE, colorScheme: 'dark' });
    await sees(bo, 'Morning! Is anyone on the quay yet?'); // said before Bo came
    await ada.getByRole('log').getByText('Bo joined').waitFor();
    expect(await people(ada)).toEqual(['Ada', 'Bo']);
    expect(await people(bo)).toEqual(['Ada', 'Bo']);

    await say(bo, 'Just tied up. The wind is going round to the west.');
    await sees(ada, 'Just tied up. The wind is going round to the west.');
    await composer(ada).fill('Two lines,');
    await composer(ada).press('Shift+Enter');
    await composer(ada).pressSequentially('one message.');
    await ada.getByRole('button', { name: 'Send' }).click();
    await bo.locator('#log .text', { hasText: /^Two lines,\none message\.$/ }).waitFor();
    expect(await texts(ada)).toEqual(await texts(bo));
    expect(await ada.locator('#log .own').count()).toBe(2);
    expect(await bo.locator('#log .own').count()).toBe(1);

    await photograph(ada, 'talk-1280-light');
    await photograph(bo, 'talk-390-dark');
    await bo.getByRole('button', { name: 'Rooms and people' }).click();
    await photograph(bo, 'panel-390-dark');
    await bo.keyboard.press('Escape');

    await bo.context().close();
    await ada.getByRole('log').getByText('Bo left').waitFor();
    expect(await people(ada)).toEqual(['Ada']);
  });

  test('whoever comes late reads what was said, and a reload forgets nothing', async () => {
    const ada = await visit('Ada', DESKTOP);
    for (const text of ['one', 'two', 'three']) await say(ada, text);
    await sees(ada, 'three');
    const cy = await visit('Cy', { ...DESKTOP, colorScheme: 'dark' });
    expect(await texts(cy)).toEqual(['one', 'two', 'three']);

    await ada.reload();
    await isIn(ada, 'open');
    expect(await texts(ada)).toEqual(['one', 'two', 'three']);
    expect(await ada.locator('#log .own').count()).toBe(3);
    await cy.getByRole('log').getByText('Ada came back').waitFor();
    await photograph(cy, 'late-1280-dark');
  });

  test('markup is shown as the text it is, in messages, names and rooms', async () => {
    const room = encodeURIComponent('<i>quay</i>');
    const ada = await visit('<b>Ada</b>', DESKTOP, room);
    const bo = await visit('Bo', PHONE, room);
    const text = '<img src=x onerror="window.hacked = true"><script>window.hacked = true</script>';
    await say(ada, text);
    await sees(bo, text);
    expect(await bo.locator('#log .name').allTextContents()).toContain('<b>Ada</b>');
    expect(await bo.locator('h1#room-name').textContent()).toBe('<i>quay</i>');
    expect(await bo.locator('#chat :is(b, i, img[src=x], script)').count()).toBe(0);
    expect(await bo.evaluate(() => 'hacked' in window)).toBe(false);
  });

  test('the server restarts: both come back, and nothing that was written meanwhile is lost', async () => {
    const ada = await visit('Ada', { ...DESKTOP, colorScheme: 'dark' });
    const bo = await visit('Bo', PHONE);
    await say(ada, 'Before');
    await sees(bo, 'Before');

    await stopServer();
    for (const page of [ada, bo]) await isIn(page, 'waiting');
    // It is in no other words for this, but now and then connecting.
    await bo
      .locator('#status[data-state=waiting] [role=status]', { hasText: /^Reconnecting$/ })
      .waitFor();
    await say(ada, 'Is anyone there?');
    await say(bo, 'I am, but the server is not.');
    await say(bo, 'This waits.');
    expect(await bo.locator('#waiting .text').allTextContents()).toEqual([
      'I am, but the server is not.',
      'This waits.',
    ]);
    await bo.locator('#waiting').getByText('Waiting for the connection.').first().waitFor();
    // Pauses grow: a countdown of more than one second comes by itself after some attempts.
    await bo.locator('#status-countdown', { hasText: /in [2-9] s/ }).waitFor();
    await photograph(bo, 'reconnecting-390-light');
    await photograph(ada, 'reconnecting-1280-dark');
    await bo.reload({ waitUntil: 'commit' }).catch(() => undefined); // no server, so no page: see below
    await startServer(port);
    await bo.goto(`http://127.0.0.1:${port}/#harbour`);

    for (const page of [ada, bo]) await isIn(page, 'open');
    expect(await bo.getByRole('status').textContent()).toBe('Connected');
    for (const text of ['Is anyone there?', 'I am, but the server is not.', 'This waits.']) {
      await sees(ada, text);
      await sees(bo, text);
    }
    await say(ada, 'After');
    await say(bo, 'And after that');
    await sees(bo, 'After');
    await sees(ada, 'And after that');
    // Ada's page never went away: it still has what the server has forgotten, and nothing twice.
    const all = await texts(ada);
    expect(all[0]).toBe('Before');
    expect([...all].sort()).toEqual([
      'After',
      'And after that',
      'Before',
      'I am, but the server is not.',
      'Is anyone there?',
      'This waits.',
    ]);
    for (const page of [ada, bo]) expect(await page.locator('#waiting li').count()).toBe(0);
  });

  test('a server that hangs is noticed, and what it got before is not said twice', async () => {
    const ada = await visit('Ada', DESKTOP);
    const bo = await visit('Bo', PHONE);
    await say(ada, 'Before');
    await sees(ada, 'Before');
    server.signal('SIGSTOP'); // its kernel still takes what comes; nobody answers
    await say(ada, 'Are you there?');
    await ada.getByText(/The connection is lost/).waitFor();
    server.signal('SIGCONT');
    await isIn(ada, 'open');
    await ada.locator('#waiting li').waitFor({ state: 'detached' });
    await say(ada, 'There you are.');
    await sees(bo, 'There you are.');
    expect(await texts(bo)).toEqual(['Before', 'Are you there?', 'There you are.']);
    expect(await texts(ada)).toEqual(['Before', 'Are you there?', 'There you are.']);
    expect((await people(bo)).sort()).toEqual(['Ada', 'Bo']);
  });

  test('a device without a network says so, and comes back with the network', async () => {
    const ada = await visit('Ada', PHONE);
    await stopServer();
    await ada.context().setOffline(true);
    await isIn(ada, 'offline');
    await ada.getByText(/This device seems to be offline/).waitFor();
    await photograph(ada, 'offline-390-light');
    await startServer(port);
    await ada.context().setOffline(false);
    await isIn(ada, 'open');
    expect(await ada.locator('#trouble').isVisible()).toBe(false);
  });

  test('a waiting message can be taken back, and holds its writer in the room', async () => {
    const ada = await visit('Ada', DESKTOP);
    await stopServer();
    await isIn(ada, 'waiting');
    await say(ada, 'Not like this');
    await say(ada, 'Never mind');
    await ada.evaluate(() => (location.hash = 'elsewhere'));
    await ada.getByText(/Some messages are not sent yet/).waitFor();
    expect(new URL(ada.url()).hash).toBe('#harbour');
    await ada.getByRole('button', { name: 'Discard' }).last().click();
    await ada.getByRole('button', { name: 'Edit' }).click();
    expect(await composer(ada).inputValue()).toBe('Not like this');
    await composer(ada).press('End');
    await composer(ada).pressSequentially(', like that');
    await composer(ada).press('Enter');
    await startServer(port);
    await sees(ada, 'Not like this, like that');
    expect(await texts(ada)).toEqual(['Not like this, like that']);
  });

  test('rooms are addresses: open one, go back', async () => {
    const ada = await visit('Ada', DESKTOP);
    await say(ada, 'In the harbour');
    await sees(ada, 'In the harbour');
    await ada.getByLabel('Open another room').fill('Tea & Cake');
    await ada.keyboard.press('Enter');
    await ada.getByRole('heading', { name: 'tea & cake' }).waitFor();
    expect(await texts(ada)).toEqual([]);
    await ada.goBack();
    await sees(ada, 'In the harbour');
    expect(await ada.locator('#rooms [aria-current]').textContent()).toContain('harbour');
  });

  test('a flood from one page is slowed down, and arrives whole and in order', async () => {
    const ada = await visit('Ada', DESKTOP);
    const bo = await visit('Bo', DESKTOP);
    const lines = Array.from({ length: 16 }, (_, n) => `line ${n}`);
    for (const line of lines) await say(ada, line);
    await sees(bo, 'line 15');
    expect(await texts(bo)).toEqual(lines);
    await isIn(ada, 'open');
  });

  test('reading further up is not disturbed by what comes', async () => {
    const ada = await visit('Ada', DESKTOP);
    const bo = await visit('Bo', PHONE);
    await say(ada, Array.from({ length: 60 }, (_, n) => `verse ${n}`).join('\n'));
    await bo.getByText('verse 59').waitFor();
    const scrolled = () => bo.locator('#scroller').evaluate((element) => element.scrollTop);
    await bo.locator('#scroller').evaluate((element) => (element.scrollTop = 200));
    await bo.getByRole('button', { name: 'Newest' }).waitFor();
    await say(ada, 'An answer');
    const jump = bo.getByRole('button', { name: 'New messages' });
    await jump.waitFor();
    expect(await scrolled()).toBe(200);
    await photograph(bo, 'scrolled-390-light');
    await jump.click();
    await jump.waitFor({ state: 'hidden' });
    expect(await scrolled()).toBeGreaterThan(200);
  });

  test('a message that is too long stays with its writer', async () => {
    const ada = await visit('Ada', PHONE);
    await say(ada, 'x'.repeat(2001));
    await ada.getByText('2001 of 2000 characters').waitFor();
    expect((await composer(ada).inputValue()).length).toBe(2001);
    expect(await ada.locator('.text').count()).toBe(0);
  });

  test('the same visitor in a second tab takes the conversation over', async () => {
    const first = await visit('Ada', DESKTOP);
    const key = await first.evaluate(() => sessionStorage.getItem('hawser-chat-key') ?? '');
    const second = await open(DESKTOP);
    await second.evaluate((value) => sessionStorage.setItem('hawser-chat-key', value), key);
    await second.reload();
    await join(second, 'Ada');
    await isIn(first, 'stopped');
    await first.getByText(/in another tab/).waitFor();
    await first.getByRole('button', { name: 'Connect again' }).click();
    await isIn(first, 'open');
    await isIn(second, 'stopped');
    expect(await people(first)).toEqual(['Ada']);
  });

  test('everything can be reached and named without a mouse', async () => {
    const ada = await open(DESKTOP);
    expect(await ada.evaluate(() => document.activeElement?.id)).toBe('name');
    await ada.keyboard.type('Ada');
    await ada.keyboard.press('Enter');
    await isIn(ada, 'open');
    expect(await ada.evaluate(() => document.activeElement?.id)).toBe('text');
    await ada.keyboard.type('By keyboard');
    await ada.keyboard.press('Enter');
    await sees(ada, 'By keyboard');
    for (const control of await ada
      .locator('#chat :is(button, input, textarea, a):visible')
      .all()) {
      expect(await control.evaluate(nameOf)).not.toBe('');
    }
    await photograph(await open({ ...PHONE, colorScheme: 'dark' }), 'door-390-dark');
    await photograph(await open(DESKTOP), 'door-1280-light');
  });

  test.each([
    ['a phone', PHONE],
    ['a desktop', DESKTOP],
  ])(
    'on %s nothing is cut off sideways, and the composer stays at the bottom',
    async (_, options) => {
      const ada = await visit('W'.repeat(24), options, 'm'.repeat(32));
      await say(ada, 'unbroken'.repeat(60));
      await ada.locator('#log .text').waitFor();
      const hidden = await ada
        .locator('#log .text')
        .evaluate((element) => element.scrollWidth - element.clientWidth);
      expect(hidden).toBe(0);
      const { width, height } = ada.viewportSize()!;
      expect(await ada.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
      expect(await ada.evaluate(() => document.documentElement.scrollHeight)).toBe(height);
      const box = (await ada.locator('#composer').boundingBox())!;
      expect(height - (box.y + box.height)).toBeLessThan(32);
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(width);
    },
  );
});

/** The words by which a screen reader calls a control. */
function nameOf(element: Element): string {
  const labels = [...((element as Partial<HTMLInputElement>).labels ?? [])];
  const words = [...labels, element].map(({ textContent }) => textContent).join(' ');
  return (element.getAttribute('aria-label') ?? words).trim();
}
