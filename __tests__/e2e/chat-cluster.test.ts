import type { Page } from 'playwright-core';
import { FITS, layout } from './layout';
import { describeChat, DESKTOP, isIn, people, PHONE, photograph, say, sees, texts } from './stage';

describeChat(
  'the chat on four processes',
  (stage) => {
    /** Both have each text once, in whatever order it came. */
    async function haveAll(pages: Page[], expected: string[]) {
      for (const page of pages) {
        await page.locator('#waiting li').first().waitFor({ state: 'detached' });
        expect((await texts(page)).sort()).toEqual([...expected].sort());
      }
    }

    test('pages of different processes talk, and one whose process is killed goes on', async () => {
      const ada = await stage.visit('Ada', DESKTOP);
      let bo = await stage.visit('Bo', PHONE);
      while (stage.processOf(bo) === stage.processOf(ada)) {
        await bo.context().close();
        bo = await stage.visit('Bo', PHONE);
      }
      const names = (page: Page, count: number) =>
        page.locator('#people-count', { hasText: `${count} people here` }).waitFor();
      for (const page of [ada, bo]) {
        await names(page, 2);
        expect((await people(page)).sort()).toEqual(['Ada', 'Bo']);
      }

      const said: string[] = [];
      for (let n = 1; n <= 60; n++) {
        const [speaker, listener] = n % 2 === 1 ? [ada, bo] : [bo, ada];
        said.push(`Message ${n} of sixty, long enough for a second line on a narrow screen.`);
        await say(speaker, said.at(-1)!);
        await sees(listener, said.at(-1)!);
      }
      await haveAll([ada, bo], said);
      for (const page of [ada, bo]) expect(await layout(page)).toEqual(FITS);
      await photograph(ada, 'cluster-1280-light');
      await photograph(bo, 'cluster-390-light');

      const killed = stage.processOf(bo);
      process.kill(killed, 'SIGKILL');
      await stage.server.prints(new RegExp(`worker ${killed} ended .SIGKILL., another one`));
      await bo.getByRole('log').getByText('Connected again').waitFor();
      await ada.getByRole('log').getByText('Bo came back').waitFor();
      await isIn(bo, 'open');
      expect(stage.processOf(bo)).not.toBe(killed);
      for (const page of [ada, bo]) await names(page, 2);

      for (const [speaker, listener, text] of [
        [bo, ada, 'Here I am again.'],
        [ada, bo, 'Welcome back.'],
      ] as const) {
        said.push(text);
        await say(speaker, text);
        await sees(listener, text);
      }
      await haveAll([ada, bo], said);
      for (const page of [ada, bo]) expect(await layout(page)).toEqual(FITS);
    });
  },
  (stage) => stage.startCluster(4),
);
