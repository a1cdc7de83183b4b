import type { Page } from 'playwright-core';
import {
  composer,
  describeChat,
  DESKTOP,
  isIn,
  openHood,
  PHONE,
  photograph,
  say,
  sees,
} from './stage';

describeChat('the drawer under the hood', (stage) => {
  const hood = (page: Page) => page.getByRole('complementary', { name: 'Under the hood' });
  const figure = async (page: Page, id: string) => page.locator(`#${id}`).textContent();
  const result = (page: Page, experiment: string, words: RegExp) =>
    page.locator(`#${experiment}-result[role=status]`, { hasText: words }).waitFor();
  const inFocus = (page: Page) => page.evaluate(() => document.activeElement?.id);

  /** The pairs of a list, such as `code` and `1006`. */
  const pairs = (page: Page, id: string) =>
    page
      .locator(`#${id} > div`)
      .evaluateAll(
        (all) =>
          Object.fromEntries(
            all.map((pair) => [...pair.children].map(({ textContent }) => textContent)),
          ) as Record<string, string>,
      );

  test('shows the round trip, the traffic and the server, and goes on asking', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    await openHood(ada);
    expect(await figure(ada, 'round-trip')).toMatch(/^[\d.]+ m?s$/);
    expect(await figure(ada, 'buffered')).toBe('0 B');
    expect(await figure(ada, 'extensions')).toMatch(/^permessage-deflate/);
    const words = 'The wind is going round to the west. '.repeat(30);
    for (let n = 0; n < 4; n++) await say(ada, `${n} ${words}`);
    await sees(ada, `3 ${words}`.trim());
    // About 5 kB either way, which resemble each other.
    for (const direction of ['sent', 'received']) {
      await ada.locator(`#${direction}-saved`, { hasText: /^[3-9][\d.]* kB$/ }).waitFor();
      await ada.locator(`#${direction}-share`, { hasText: /^[6-9]\d %$/ }).waitFor();
    }
    const before = Number(await figure(ada, 'received-messages'));
    expect(before).toBeGreaterThan(4);
    await ada.waitForFunction(
      (was) => Number(document.querySelector('#received-messages')!.textContent) > was + 1,
      before,
    );
    expect(await pairs(ada, 'stats')).toMatchObject({
      connections: '1',
      upgradesAccepted: '1',
      'closedByInitiator local': '0',
    });
    await ada.locator('#round-trip-trace path[d^=M]').waitFor({ state: 'attached' });
    await photograph(ada, 'hood-figures-1280-light');
  });

  test('asks nothing while it is closed', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    const asked: string[] = [];
    const bo = await stage.page(DESKTOP);
    bo.on('websocket', (socket) =>
      socket.on('framesent', ({ payload }) => asked.push(String(payload))),
    );
    await bo.clock.install();
    await bo.reload();
    await bo.getByLabel('Your name').fill('Bo');
    await bo.getByRole('button', { name: 'Join' }).click();
    await isIn(bo, 'open');
    await openHood(bo);
    await bo.getByRole('button', { name: 'Close the drawer' }).click();
    await sayAndSee(bo, ada, 'closed');
    const looks = () => asked.filter((words) => words.includes('look')).length;
    const before = looks();
    expect(before).toBeGreaterThan(0);
    await bo.clock.runFor(30_000);
    await sayAndSee(bo, ada, 'still closed');
    expect(looks()).toBe(before);
  });

  test('drops the connection: the page comes back, and both sides tell how it ended', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    const bo = await stage.visit('Bo', DESKTOP);
    await openHood(ada);
    await ada.getByText('This is your first one here.').waitFor();
    await composer(ada).fill('A draft');
    await ada.getByRole('button', { name: 'Drop my connection' }).click();
    await result(
      ada,
      'drop',
      /^Dropped, and back after [\d.]+ m?s\. How it ended is told below\.$/,
    );
    await isIn(ada, 'open');
    await ada.getByRole('log').getByText('Connected again').waitFor();
    expect(await composer(ada).inputValue()).toBe('A draft');
    await ada.locator('#ended-there', { hasText: 'ERR_TERMINATED' }).waitFor();
    expect(await pairs(ada, 'ended-there')).toEqual({
      code: '1006',
      initiator: 'local',
      clean: 'false',
      reason: '(none)',
      cause: 'ERR_TERMINATED: the application called terminate()',
    });
    expect(await figure(ada, 'ended-here')).toBe(
      'It ended without a Close frame. Browsers call that 1006.',
    );
    await ada.locator('#stats', { hasText: 'closedByCause ERR_TERMINATED' }).waitFor();
    await sayAndSee(ada, bo, 'Here I am again.');
    await photograph(ada, 'hood-dropped-1280-light');
  });

  test('a restart of the server is told in the words of its Close frame', async () => {
    const ada = await stage.visit('Ada', { ...PHONE, colorScheme: 'dark' });
    await openHood(ada);
    await stage.stopServer();
    await isIn(ada, 'waiting');
    await stage.startServer(stage.port);
    await isIn(ada, 'open');
    await ada.locator('#ended-here', { hasText: 'A Close frame came, with code 1001.' }).waitFor();
    expect(await pairs(ada, 'ended-there')).toEqual({ closeInfo: 'not known to this server' });
  });

  test('slows a reader down: the server waits, holds little, and the chat goes on', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    const bo = await stage.visit('Bo', DESKTOP);
    await openHood(ada);
    await ada.getByRole('button', { name: 'Slow me down' }).click();
    // While the reader stands still, something is held for it, and the rest is not even queued.
    await ada
      .locator('#held-now', { hasText: /^[\d.]+ [kM]?B of 48 MB sent, [1-9][\d.]* kB held/ })
      .waitFor();
    const { height } = ada.viewportSize()!;
    const held = (await ada.locator('#held').boundingBox())!;
    expect(held.y + held.height).toBeLessThanOrEqual(height); // brought into sight
    await photograph(ada, 'hood-slow-1280-light');
    await sayAndSee(ada, bo, 'Meanwhile');
    await result(
      ada,
      'slow',
      /^The server had to wait [\d.]+ s for the reader\. It never held more than \d+ kB of 48 MB, and 48 MB arrived\.$/,
    );
    await isIn(ada, 'open');
    // And once more.
    await ada.getByRole('button', { name: 'Slow me down' }).click();
    await ada.locator('#slow-result', { hasText: /^$/ }).waitFor({ state: 'attached' });
    await result(ada, 'slow', /48 MB arrived/);
    // Both readers got the Close frame that followed the last byte.
    await ada.locator('#stats > div', { hasText: /^closedByCode 1000\s*2$/ }).waitFor();
    expect(await figure(ada, 'buffered')).toBe('0 B');
  });

  test('sends a burst, and says how many writes it took', async () => {
    const ada = await stage.visit('Ada', { ...PHONE, colorScheme: 'dark' });
    await openHood(ada);
    await ada.getByRole('button', { name: 'Send a burst' }).click();
    await result(
      ada,
      'burst',
      /^10,000 messages, all in order, [\d.]+ m?s after the click\. The server queued them in one tick; (one write|\d+ writes) took them to the kernel, [\d.]+ m?s in all\.$/,
    );
    await ada.locator('#sent-messages', { hasText: /^10,0/ }).waitFor();
    expect(await figure(ada, 'buffered')).toBe('0 B');
    await photograph(ada, 'hood-burst-390-dark');
  });

  test('a reader that never gets through says so', async () => {
    await stage.stopServer();
    await stage.startPatientServer({ maxConnections: 1 });
    const ada = await stage.visit('Ada', DESKTOP);
    await openHood(ada);
    await ada.getByRole('button', { name: 'Slow me down' }).click();
    await result(
      ada,
      'slow',
      /^The reader's connection ended early, with code 1006\. 0 B arrived\.$/,
    );
    expect(await ada.getByRole('status').first().textContent()).toBe('Connected');
  });

  test('what the server refuses is told where it was asked for', async () => {
    await stage.stopServer();
    await stage.startPatientServer({ maxFloods: 0 });
    const ada = await stage.visit('Ada', DESKTOP);
    await openHood(ada);
    await ada.getByRole('button', { name: 'Slow me down' }).click();
    await result(ada, 'slow', /^Others are trying this now\. Try again in a moment\.$/);
    expect(await ada.locator('#held').isVisible()).toBe(false);
  });

  test('an experiment says so when the connection is lost under it', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    await openHood(ada);
    await ada.getByRole('button', { name: 'Slow me down' }).click();
    await ada.locator('#held-now', { hasText: 'kB held' }).waitFor();
    await stage.killServer();
    await result(ada, 'slow', /^The connection was lost meanwhile\.$/);
    for (const name of ['Drop my connection', 'Slow me down', 'Send a burst']) {
      const button = ada.getByRole('button', { name });
      expect(await button.getAttribute('aria-disabled')).toBe('true');
      await button.click({ force: true }); // does nothing, and breaks nothing
    }
    await stage.startServer(stage.port);
    await isIn(ada, 'open');
    await ada.locator('#drop[aria-disabled=false]').waitFor();
  });

  test('on a desktop it stands beside the conversation, and the keyboard reaches it', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    const opener = ada.getByRole('button', { name: 'Under the hood' });
    await opener.focus();
    await ada.keyboard.press('Enter');
    expect(await opener.getAttribute('aria-expanded')).toBe('true');
    expect(await inFocus(ada)).toBe('hood-close');
    await ada.keyboard.press('Tab');
    expect(await inFocus(ada)).toBe('hood-body');
    await ada.keyboard.press('Tab');
    expect(await inFocus(ada)).toBe('drop');
    expect(await ada.locator('#conversation').evaluate((e) => (e as HTMLElement).inert)).toBe(
      false,
    );
    // Escape in the drawer closes it; Escape in the composer does not.
    await composer(ada).focus();
    await ada.keyboard.press('Escape');
    expect(await hood(ada).isVisible()).toBe(true);
    await ada.locator('#drop').focus();
    await ada.keyboard.press('Escape');
    expect(await hood(ada).isVisible()).toBe(false);
    expect(await inFocus(ada)).toBe('hood-open');
    expect(await opener.getAttribute('aria-expanded')).toBe('false');
  });

  test('on a phone it lies over the conversation, which is inert beneath it', async () => {
    const ada = await stage.visit('Ada', PHONE);
    await openHood(ada);
    const isInert = () =>
      ada.locator('#conversation').evaluate((element) => (element as HTMLElement).inert);
    expect(await isInert()).toBe(true);
    await ada.locator('#scrim').click({ position: { x: 5, y: 400 } });
    expect(await hood(ada).isVisible()).toBe(false);
    expect(await isInert()).toBe(false);
    expect(await inFocus(ada)).toBe('hood-open');
    await openHood(ada);
    await ada.setViewportSize({ width: 1280, height: 800 }); // now there is room beside it
    await ada.locator('#scrim').waitFor({ state: 'hidden' });
    expect(await isInert()).toBe(false);
  });

  test('every control in it has a name, and every experiment a description', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    await openHood(ada);
    for (const name of ['Drop my connection', 'Slow me down', 'Send a burst']) {
      const description = await ada.getByRole('button', { name }).getAttribute('aria-describedby');
      expect((await figure(ada, description!))!.length).toBeGreaterThan(20);
    }
    for (const name of ['This connection', 'Try it', 'How the last connection ended']) {
      expect(await ada.getByRole('heading', { name }).count()).toBe(1);
    }
    expect(await ada.getByRole('columnheader').allTextContents()).toEqual(['To you', 'From you']);
  });

  async function sayAndSee(from: Page, to: Page, words: string): Promise<void> {
    await say(from, words);
    await sees(to, words);
  }
});
