import type { Page } from 'playwright-core';
import { dropClients, Visitor } from '../support/chat-visitor';
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
} from './stage';

describeChat('the looks of the chat page', (stage) => {
  afterEach(dropClients);

  test.each([
    ['light, on a desktop', { ...DESKTOP, colorScheme: 'light' }],
    ['dark, on a desktop', { ...DESKTOP, colorScheme: 'dark' }],
    ['light, on a phone', { ...PHONE, colorScheme: 'light' }],
    ['dark, on a phone', { ...PHONE, colorScheme: 'dark' }],
  ] as const)('%s: all text has the contrast of AA', async (name, options) => {
    const page = await stage.page(options);
    expect(await faint(page)).toEqual([]);
    const shot = name.replace(/\W+/g, '-');

    // As many people as there are colours. Each of them says something.
    for (const person of ['Ada', 'Ben', 'Chloé', 'Dmitri', 'Eve', 'Flo', 'Gus', 'Hal', 'Ida']) {
      const { visitor } = await Visitor.join(stage.url, person, { room: 'harbour' });
      visitor.say('See https://example.com/');
      await visitor.heard();
      visitor.tell({ type: 'typing' });
    }
    await Visitor.join(stage.url, 'Jo', { room: 'tea' });
    await page.getByLabel('Your name').fill('Me');
    await page.getByRole('button', { name: 'Join' }).click();
    await isIn(page, 'open');
    await say(page, 'Mine, with https://example.com/');
    await page.locator('#log .own').waitFor();
    const { visitor } = await Visitor.join(stage.url, 'Kit', { room: 'tea' });
    visitor.say('Milk first?');
    await page.locator('#rooms .unread').waitFor({ state: 'attached' });
    visitor.tell({ type: 'typing' });
    expect(await faint(page)).toEqual([]);

    const panel = page.locator('#panel-open');
    if (await panel.isVisible()) {
      await panel.click();
      expect(await faint(page)).toEqual([]);
      await page.keyboard.press('Escape');
    }
    await openHood(page);
    await page.getByRole('button', { name: 'Drop my connection' }).click();
    await page.locator('#ended-there', { hasText: 'ERR_TERMINATED' }).waitFor();
    await page.locator('#drop-result', { hasText: 'Dropped' }).waitFor();
    expect(await faint(page)).toEqual([]);
    await page.getByRole('button', { name: 'Close the drawer' }).click();

    // In trouble.
    await composer(page).fill('x'.repeat(2001));
    await composer(page).press('Enter');
    await page.getByText('Too long to send').waitFor();
    expect(await faint(page)).toEqual([]);
    await stage.stopServer();
    await isIn(page, 'waiting');
    await say(page, 'This waits.');
    await page.locator('#waiting').getByText('Waiting for the connection.').waitFor();
    expect(await faint(page)).toEqual([]);
    if (await panel.isVisible()) await panel.click();
    expect(await faint(page)).toEqual([]);
    await photograph(page, `contrast-${shot}`);
  });

  test('a visitor who wants no motion sees no motion', async () => {
    const page = await stage.page({ ...PHONE, reducedMotion: 'reduce' });
    const moving = () => page.evaluate(() => document.getAnimations().length);
    await page.getByLabel('Your name').fill('Ada');
    await page.getByRole('button', { name: 'Join' }).click();
    await isIn(page, 'open');
    await say(page, 'Hello');
    await sees(page, 'Hello');
    expect(await moving()).toBe(0);
    await page.locator('#panel-open').click();
    expect(await moving()).toBe(0);
    await page.keyboard.press('Escape');
    await openHood(page);
    expect(await moving()).toBe(0);
    await stage.stopServer();
    await isIn(page, 'waiting');
    expect(await moving()).toBe(0);
  });
});

/**
 * Text that is too faint against what is behind it: WCAG 2.2, 1.4.3, wants a ratio of 4.5, and of 3 for
 * text of 24 px, or of 18.66 px if it is bold.
 */
async function faint(page: Page) {
  await settle(page);
  return page.evaluate(() => {
    type Colour = [red: number, green: number, blue: number, alpha: number];
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })!;

    /** Any colour of CSS, oklch() included, as the screen shows it. */
    function parse(css: string): Colour {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = css;
      canvas.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
      return [red!, green!, blue!, alpha! / 255];
    }
    function over([r, g, b, alpha]: Colour, below: Colour): Colour {
      const mix = (top: number, bottom: number) => top * alpha + bottom * (1 - alpha);
      return [mix(r, below[0]), mix(g, below[1]), mix(b, below[2]), 1];
    }
    function luminance(colour: Colour) {
      const [r, g, b] = colour.slice(0, 3).map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
    }
    function ratio(a: Colour, b: Colour) {
      const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
      return (light! + 0.05) / (dark! + 0.05);
    }
    function behind(element: Element | null): Colour {
      if (element === null) return [255, 255, 255, 1];
      const colour = parse(getComputedStyle(element).backgroundColor);
      return colour[3] === 1 ? colour : over(colour, behind(element.parentElement));
    }
    function check(element: Element, pseudo: string | null, text: string): string[] {
      const { color, fontSize, fontWeight } = getComputedStyle(element, pseudo);
      const back = behind(element);
      const front = parse(color);
      for (let e: Element | null = element; e !== null; e = e.parentElement)
        front[3] *= Number(getComputedStyle(e).opacity);
      const size = parseFloat(fontSize);
      const isLarge = size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700);
      const found = ratio(over(front, back), back);
      return found >= (isLarge ? 3 : 4.5) ? [] : [`${text.trim()}: ${found.toFixed(2)}`];
    }

    const isSeen = (element: Element) => {
      const { width, height } = element.getBoundingClientRect();
      return width > 1 && height > 1 && element.checkVisibility({ visibilityProperty: true });
    };
    const problems: string[] = [];
    let checked = 0;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const element = node.parentElement!;
      if (node.nodeValue!.trim() === '' || !isSeen(element)) continue;
      if (element.closest(':disabled, [aria-disabled=true]')) continue; // 1.4.3 leaves these out
      checked++;
      problems.push(...check(element, null, node.nodeValue!));
    }
    for (const field of document.querySelectorAll('input, textarea')) {
      if (!isSeen(field)) continue;
      problems.push(...check(field, null, field.id));
      problems.push(...check(field, '::placeholder', `${field.id} placeholder`));
    }
    for (const mark of document.querySelectorAll('#rooms a, #room-name')) {
      if (isSeen(mark)) problems.push(...check(mark, '::before', `# of ${mark.textContent}`));
    }
    if (checked < 5) problems.push('There was next to no text.');
    return problems;
  });
}
