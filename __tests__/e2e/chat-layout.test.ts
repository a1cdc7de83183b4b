import type { Page } from 'playwright-core';
import { dropClients, Visitor } from '../support/chat-visitor';
import { FITS, layout } from './layout';
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
  settle,
  type Stage,
} from './stage';

const LINES = [
  'Morning! Is anyone on the quay yet?',
  'Just tied up. The wind is going round to the west.',
  'The chart is at https://example.com/charts/north-sea?sheet=12 (thanks, Ben).',
  'Lovely.',
  'Two lines,\none message.',
  'I will bring the long rope and the two fenders from the shed; the small ones are still drying.',
];

const MODES = [
  ['1280x800, light', '1280-light', { ...DESKTOP, colorScheme: 'light' }],
  ['1280x800, dark', '1280-dark', { ...DESKTOP, colorScheme: 'dark' }],
  ['390x844, light', '390-light', { ...PHONE, colorScheme: 'light' }],
  ['390x844, dark', '390-dark', { ...PHONE, colorScheme: 'dark' }],
] as const;

describeChat('the layout of the chat page', layoutTests, (stage) => stage.startPatientServer());

function layoutTests(stage: Stage): void {
  afterEach(dropClients);

  /** Sixty messages of four people. */
  async function talk(room = 'harbour'): Promise<Visitor[]> {
    const visitors: Visitor[] = [];
    for (const name of ['Ada', 'Ben', 'Chloé', 'Dmitri']) {
      visitors.push((await Visitor.join(stage.url, name, { room })).visitor);
    }
    for (let n = 0; n < 60; n++) {
      const speaker = visitors[[0, 1, 1, 2, 3, 0, 0][n % 7]!]!;
      speaker.say(n === 59 ? 'The sixtieth.' : LINES[n % LINES.length]!);
      await speaker.heard();
    }
    return visitors;
  }

  test.each(MODES)('%s: after 60 messages only the messages scroll', async (_, name, options) => {
    const [ada] = await talk();
    const page = await stage.visit('Eve', options);
    await sees(page, 'The sixtieth.');
    await say(page, 'Here I am.');
    await sees(page, 'Here I am.');
    ada!.tell({ type: 'typing' });
    await page.locator('#typing', { hasText: 'Ada is typing' }).waitFor();
    expect(await layout(page)).toEqual(FITS);
    expect(await scrollers(page)).toEqual(['scroller']);
    await photograph(page, `sixty-${name}`);

    // Bubbles and composer share their edges.
    const edges = await page.evaluate(() => {
      const box = (selector: string) =>
        [...document.querySelectorAll(selector)].at(-1)!.getBoundingClientRect();
      return {
        left: box('#log .message:not(.own, .follows) .avatar').left - box('#composer').left,
        right: box('#log .own .text').right - box('#composer').right,
      };
    });
    expect(Math.abs(edges.left)).toBeLessThan(1);
    expect(Math.abs(edges.right)).toBeLessThan(1);

    // A wheel over anything but the messages moves nothing.
    const top = () =>
      page.evaluate(() => [scrollY, document.querySelector('#scroller')!.scrollTop]);
    const before = await top();
    const { width, height } = page.viewportSize()!;
    if (!('isMobile' in options)) {
      for (const [x, y] of [
        [100, height / 2],
        [width / 2, 20],
        [width / 2, height - 20],
      ] as const) {
        await page.mouse.move(x, y);
        await page.mouse.wheel(0, 400);
      }
      await page.mouse.move(width / 2, height / 2);
      await page.mouse.wheel(0, -40); // when this one has arrived, so have those before it
      await page.waitForFunction(
        (was) => document.querySelector('#scroller')!.scrollTop === was - 40,
        before[1]!,
      );
      expect(await top()).toEqual([0, before[1]! - 40]);
      await page.getByRole('button', { name: 'Newest' }).waitFor({ state: 'hidden' });
    }

    await openHood(page);
    await settle(page);
    expect(await layout(page)).toEqual(FITS);
    expect((await scrollers(page)).sort()).toEqual(['hood-body', 'scroller']);
    await photograph(page, `hood-${name}`);
    await page.getByRole('button', { name: 'Close the drawer' }).click();
    expect(await layout(page)).toEqual(FITS);
  });

  test.each([
    ['1280x800', DESKTOP],
    ['390x844', PHONE],
    ['1280x800 at 200 %', { viewport: { width: 640, height: 400 } }],
    ['390x844 at 200 %', { ...PHONE, viewport: { width: 195, height: 422 } }],
    ['a phone that lies down', { ...PHONE, viewport: { width: 844, height: 390 } }],
    ['a tablet', { viewport: { width: 900, height: 700 } }],
  ] as const)('%s: whatever people write, everything keeps its place', async (size, options) => {
    const room = 'm'.repeat(32);
    const { visitor: long } = await Visitor.join(stage.url, 'W'.repeat(24), { room });
    long.say('unbroken'.repeat(250));
    long.say(`https://example.com/${'path'.repeat(400)}`);
    long.say(Array.from({ length: 200 }, (_, n) => `line ${n}`).join('\n'));
    long.say(`${'\u0301'.repeat(4)}Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L`);
    long.say('שלום '.repeat(100));
    await long.heard();
    for (let n = 0; n < 30; n++) {
      await Visitor.join(stage.url, `In ${n}`, { room: `${'long-room-name-'.repeat(2)}${n}` });
      await Visitor.join(stage.url, `${'Many people '.repeat(2)}${n}`, { room });
    }

    const page = await stage.visit('M'.repeat(24), options, room);
    await page.locator('#rooms li').nth(20).waitFor({ state: 'attached' });
    expect(await layout(page)).toEqual(FITS);
    const cut = await page
      .locator('#log .text')
      .evaluateAll((all) => all.map((element) => element.scrollWidth - element.clientWidth));
    expect(cut.filter((pixels) => pixels > 0)).toEqual([]);

    const typists = ['Typing '.repeat(3), 'Typing also '.repeat(2)];
    // Both join before either types: the page forgets a typist after 4 s.
    const joined = await Promise.all(
      typists.map((each) => Visitor.join(stage.url, each, { room })),
    );
    for (const { visitor } of joined) visitor.tell({ type: 'typing' });
    await page.locator('#typing', { hasText: 'are typing' }).waitFor();
    await composer(page).fill('A draft of many lines.\n'.repeat(80));
    expect(await layout(page)).toEqual(FITS);
    await composer(page).fill('x'.repeat(2001));
    await composer(page).press('Enter');
    await page.getByText('Too long to send').waitFor();
    await photograph(page, `extreme-${size.replace(/\W+/g, '-')}`);
    expect(await layout(page)).toEqual(FITS);

    if (await page.locator('#panel-open').isVisible()) {
      await page.locator('#panel-open').click();
      await settle(page);
      expect(await layout(page)).toEqual(FITS);
      await page.keyboard.press('Escape');
    }
    await openHood(page);
    await settle(page);
    expect(await layout(page)).toEqual(FITS);
    await page.getByRole('button', { name: 'Close the drawer' }).click();

    await stage.killServer();
    await isIn(page, 'waiting');
    await say(page, 'This waits. '.repeat(10));
    await page.locator('#waiting').getByText('Waiting for the connection.').waitFor();
    await photograph(page, `extreme-waiting-${size.replace(/\W+/g, '-')}`);
    expect(await layout(page)).toEqual(FITS);
  });

  test('the door can be read at 200 %, and scrolls only downwards', async () => {
    const page = await stage.page({ ...PHONE, viewport: { width: 195, height: 422 } });
    await page.getByLabel('Your name').fill('Ada');
    expect(await page.evaluate(() => document.scrollingElement!.scrollWidth)).toBe(195);
    await page.getByRole('button', { name: 'Join' }).scrollIntoViewIfNeeded();
    await page.getByRole('button', { name: 'Join' }).click();
    await isIn(page, 'open');
    expect(await layout(page)).toEqual(FITS);
  });

  test('a keyboard that makes the page smaller leaves the last message in sight', async () => {
    await talk();
    const page = await stage.visit('Eve', PHONE);
    await sees(page, 'The sixtieth.');
    await page.setViewportSize({ width: 390, height: 420 });
    await page.waitForFunction(() => {
      const last = [...document.querySelectorAll('#log .text')].at(-1)!.getBoundingClientRect();
      const write = document.querySelector('#composer')!.getBoundingClientRect();
      return innerHeight === 420 && last.bottom < write.top && write.bottom <= 420;
    });
    expect(await layout(page)).toEqual(FITS);
  });

  test('a keyboard that covers the page leaves the composer in sight', async () => {
    await talk();
    const page = await stage.visit('Eve', PHONE);
    await sees(page, 'The sixtieth.');
    // As Safari on a phone tells of its keyboard. The height and the place are its own.
    const keyboard = (height: number, top: number) =>
      page.evaluate(
        ([seen, offset]) => {
          Object.defineProperty(visualViewport, 'height', { configurable: true, value: seen });
          Object.defineProperty(visualViewport, 'offsetTop', { configurable: true, value: offset });
          visualViewport!.dispatchEvent(new Event('resize'));
        },
        [height, top] as const,
      );
    const chat = () => page.locator('#chat').boundingBox();
    await keyboard(500, 60);
    expect(await chat()).toEqual({ x: 0, y: 60, width: 390, height: 500 });
    await page.waitForFunction(() => {
      const last = [...document.querySelectorAll('#log .text')].at(-1)!.getBoundingClientRect();
      const write = document.querySelector('#composer')!.getBoundingClientRect();
      return last.bottom < write.top && write.bottom <= 560;
    });
    await keyboard(844, 0);
    expect(await chat()).toEqual({ x: 0, y: 0, width: 390, height: 844 });
  });
}

/** What `layout` tells of a page in which everything has its place. */
/** What a wheel could move. */
function scrollers(page: Page) {
  return page.evaluate(() =>
    [document.scrollingElement!, ...document.querySelectorAll('#chat, #chat *')]
      .filter((element) => element.checkVisibility({ visibilityProperty: true }))
      .filter((element) => {
        const { overflowX, overflowY } = getComputedStyle(element);
        const canScroll = (overflow: string) => overflow === 'auto' || overflow === 'scroll';
        return (
          (canScroll(overflowY) && element.scrollHeight > element.clientHeight) ||
          (canScroll(overflowX) && element.scrollWidth > element.clientWidth)
        );
      })
      .map(({ id }) => id),
  );
}
