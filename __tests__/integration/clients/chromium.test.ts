import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { describeIf } from '../../support/requires.js';
import { compressedTraffic } from './compressed-traffic.js';
import { conversations } from './conversations.js';
import type { Message } from '../../support/host.js';
import type { Ended, Peer } from './peer.js';

const CHROMIUM = '/usr/bin/chromium';
const PAGE = readFileSync(join(__dirname, 'chromium-page.html'), 'utf8');

type Packed = { text: string } | { base64: string };
const pack = (message: Message): Packed =>
  typeof message === 'string' ? { text: message } : { base64: message.toString('base64') };
const unpack = (packed: Packed): Message =>
  'text' in packed ? packed.text : Buffer.from(packed.base64, 'base64');

describeIf(`Chromium at ${CHROMIUM}`, existsSync(CHROMIUM))('Chromium talks with hawser', () => {
  let browser: Browser;
  let page: Page;
  let count = 0;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, timeout: 120_000 });
    page = await browser.newPage();
  });
  afterAll(() => browser.close());

  /** Calls one of the page's `operations`. */
  const command = (name: string, number: number, words: object = {}): Promise<unknown> =>
    page.evaluate(`operations.${name}(${String(number)}, ${JSON.stringify(words)})`);

  async function open(url: string, subprotocols: string[] = []): Promise<Peer> {
    // The page comes from the server it talks to, so that it has the same origin.
    const home = url.replace(/^ws/, 'http');
    if (page.url() !== home) await page.goto(home);
    const number = ++count;
    const subprotocol = (await command('open', number, { url, subprotocols })) as string;
    return {
      subprotocol,
      send: async (...messages) => {
        await command('send', number, { messages: messages.map(pack) });
      },
      receive: async (wanted) =>
        ((await command('receive', number, { count: wanted })) as Packed[]).map(unpack),
      close: async (code, reason) => {
        await command('close', number, { code, reason });
      },
      ended: async () => (await command('ended', number)) as Ended,
      leave: async () => {
        await page.goto('about:blank');
      },
    };
  }

  const can = {
    pings: false,
    fragments: false,
    closesWithoutCode: true,
    keepsBom: true,
    leavesWith: 1001, // a browser says that the page is going away
  } as const;
  conversations(open, can, PAGE);

  describe('compressed', () => {
    const windows = [8, 9, 10, 11, 12, 13, 14, 15];
    compressedTraffic(open, { compresses: true, offers: [undefined], windows, messages: 60 }, PAGE);
  });
});
