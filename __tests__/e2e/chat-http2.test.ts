import type { Page } from 'playwright-core';
import { FITS, layout } from './layout';
import {
  describeChat,
  DESKTOP,
  isIn,
  join,
  openHood,
  PHONE,
  photograph,
  say,
  sees,
  settle,
  texts,
} from './stage';

describeChat(
  'the chat over HTTP/2',
  (stage) => {
    const OVER_HTTP2 = /^HTTP\/2, stream \d+ of this browser’s session$/;
    const transport = async (page: Page) => (await page.locator('#transport').textContent())!;
    const stats = async (page: Page) => (await page.locator('#stats').textContent())!;
    const withText = (page: Page, id: string, words: RegExp) =>
      page.locator(`#${id}`, { hasText: words }).waitFor();

    test('carries sixty messages between two browsers, on streams of their sessions', async () => {
      const ada = await stage.visit('Ada', DESKTOP);
      const bo = await stage.visit('Bo', PHONE);
      const said: string[] = [];
      for (let n = 1; n <= 60; n++) {
        const [speaker, listener] = n % 2 === 1 ? [ada, bo] : [bo, ada];
        said.push(`Message ${n} of sixty, long enough for a second line on a narrow screen.`);
        await say(speaker, said.at(-1)!);
        await sees(listener, said.at(-1)!);
      }
      for (const page of [ada, bo]) {
        expect(await texts(page)).toEqual(said);
        expect(await layout(page)).toEqual(FITS);
        await openHood(page);
        expect(await transport(page)).toMatch(OVER_HTTP2);
        expect(await stats(page)).toContain('upgradesAccepted2');
        await settle(page);
        const { tooWide, sticksOut } = await layout(page);
        expect({ tooWide, sticksOut }).toEqual({ tooWide: 0, sticksOut: [] });
      }
      await photograph(ada, 'http2-1280-light');
      await photograph(bo, 'http2-390-light');
    });

    test('has a stream for each tab of a browser', async () => {
      const ada = await stage.visit('Ada', DESKTOP);
      const tab = await ada.context().newPage();
      await tab.goto(`${stage.url.href}#harbour`);
      await join(tab, 'Anna');
      const streams: string[] = [];
      for (const page of [ada, tab]) {
        await openHood(page);
        streams.push(await transport(page));
        expect(streams.at(-1)).toMatch(OVER_HTTP2);
      }
      expect(streams[0]).not.toBe(streams[1]); // numbers of one session
    });

    test('comes back after a reset of its stream, and after a restart of the server', async () => {
      const ada = await stage.visit('Ada', DESKTOP);
      await openHood(ada);
      const before = await transport(ada);
      await ada.getByRole('button', { name: 'Drop my connection' }).click();
      await withText(ada, 'drop-result', /^Dropped, and back after/);
      await withText(ada, 'ended-there', /ERR_TERMINATED/);
      expect(await transport(ada)).toMatch(OVER_HTTP2);
      expect(await transport(ada)).not.toBe(before);

      await stage.stopServer();
      await isIn(ada, 'waiting');
      await stage.startHttp2Server(stage.port);
      await isIn(ada, 'open');
      await withText(ada, 'ended-here', /A Close frame came, with code 1001\./);
    });

    test('waits for a stream that is not read, and the others of its session go on', async () => {
      const ada = await stage.visit('Ada', DESKTOP);
      const bo = await stage.visit('Bo', DESKTOP);
      await openHood(ada);
      await ada.getByRole('button', { name: 'Slow me down' }).click();
      await withText(ada, 'held-now', /^[\d.]+ [kM]?B of 48 MB sent, [1-9][\d.]* kB held/);
      await say(bo, 'Meanwhile');
      await sees(ada, 'Meanwhile');
      await withText(
        ada,
        'slow-result',
        /never held more than [\d.]+ kB of 48 MB, and 48 MB arrived\.$/,
      );
      expect(await ada.getByRole('status').first().textContent()).toBe('Connected');
    });
  },
  (stage) => stage.startHttp2Server('0'),
);
