import {
  composer,
  describeChat,
  DESKTOP,
  isIn,
  join,
  people,
  PHONE,
  photograph,
  say,
  sees,
  texts,
} from './stage';

describeChat('the chat page', (stage) => {
  test('two people talk, and see who is here', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    expect(await ada.locator('#people-count').textContent()).toBe('only you here');
    const silence = ada.getByText('Nothing has been said here yet');
    expect(await silence.count()).toBe(1);
    await say(ada, 'Morning! Is anyone on the quay yet?');
    await silence.waitFor({ state: 'detached' }); // it goes when the server has sent it back
    const bo = await stage.visit('Bo', { ...PHONE, colorScheme: 'dark' });
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

  test('a visitor who comes late reads what was said, and a reload forgets nothing', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    for (const text of ['one', 'two', 'three']) await say(ada, text);
    await sees(ada, 'three');
    const cy = await stage.visit('Cy', { ...DESKTOP, colorScheme: 'dark' });
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
    const ada = await stage.visit('<b>Ada</b>', DESKTOP, room);
    const bo = await stage.visit('Bo', PHONE, room);
    const text = '<img src=x onerror="window.hacked = true"><script>window.hacked = true</script>';
    await say(ada, text);
    await sees(bo, text);
    expect(await bo.locator('#log .name').allTextContents()).toContain('<b>Ada</b>');
    expect(await bo.locator('h1#room-name').textContent()).toBe('<i>quay</i>');
    expect(await bo.locator('#chat :is(b, i, img[src=x], script)').count()).toBe(0);
    expect(await bo.evaluate(() => 'hacked' in window)).toBe(false);
  });

  test('the server restarts: both come back, and nothing that was written meanwhile is lost', async () => {
    const ada = await stage.visit('Ada', { ...DESKTOP, colorScheme: 'dark' });
    const bo = await stage.visit('Bo', PHONE);
    await say(ada, 'Before');
    await sees(bo, 'Before');

    await stage.stopServer();
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
    await stage.startServer(stage.port);
    await bo.goto(`${stage.url.href}#harbour`);

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
    const ada = await stage.visit('Ada', DESKTOP);
    const bo = await stage.visit('Bo', PHONE);
    await say(ada, 'Before');
    await sees(ada, 'Before');
    stage.server.signal('SIGSTOP'); // its kernel still accepts data, but the process does not answer
    await say(ada, 'Are you there?');
    await ada.getByText(/The connection is lost/).waitFor();
    stage.server.signal('SIGCONT');
    await isIn(ada, 'open');
    await ada.locator('#waiting li').waitFor({ state: 'detached' });
    await say(ada, 'There you are.');
    await sees(bo, 'There you are.');
    expect(await texts(bo)).toEqual(['Before', 'Are you there?', 'There you are.']);
    expect(await texts(ada)).toEqual(['Before', 'Are you there?', 'There you are.']);
    expect((await people(bo)).sort()).toEqual(['Ada', 'Bo']);
  });

  test('a device without a network says so, and comes back with the network', async () => {
    const ada = await stage.visit('Ada', PHONE);
    await stage.stopServer();
    await ada.context().setOffline(true);
    await isIn(ada, 'offline');
    await ada.getByText(/This device seems to be offline/).waitFor();
    await photograph(ada, 'offline-390-light');
    await stage.startServer(stage.port);
    await ada.context().setOffline(false);
    await isIn(ada, 'open');
    expect(await ada.locator('#trouble').isVisible()).toBe(false);
  });

  test('a waiting message can be taken back, and holds its writer in the room', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    await stage.stopServer();
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
    await stage.startServer(stage.port);
    await sees(ada, 'Not like this, like that');
    expect(await texts(ada)).toEqual(['Not like this, like that']);
  });

  test('rooms are addresses: open one, go back', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
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
    const ada = await stage.visit('Ada', DESKTOP);
    const bo = await stage.visit('Bo', DESKTOP);
    const lines = Array.from({ length: 16 }, (_, n) => `line ${n}`);
    for (const line of lines) await say(ada, line);
    await sees(bo, 'line 15');
    expect(await texts(bo)).toEqual(lines);
    await isIn(ada, 'open');
  });

  test('reading further up is not disturbed by what comes', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    const bo = await stage.visit('Bo', PHONE);
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
    const ada = await stage.visit('Ada', PHONE);
    await say(ada, 'x'.repeat(2001));
    // What happened and what to do about it, in a place that is read out.
    await ada
      .locator('[aria-live=polite]', {
        hasText:
          'Too long to send: 2001 of 2000 characters. Shorten it by 1, or send it in parts. Your draft stays here.',
      })
      .waitFor();
    expect((await composer(ada).inputValue()).length).toBe(2001);
    expect(await ada.locator('.text').count()).toBe(0);
    await composer(ada).press('Backspace');
    await composer(ada).press('Enter');
    await sees(ada, 'x'.repeat(2000));
    expect(await ada.locator('#count').textContent()).toBe('');
  });

  test('a web address becomes a link, and nothing else does', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    const text = [
      'See https://example.com/a_(b)?c=d#e. And (http://example.com/x), HTTPS://EXAMPLE.COM!',
      'Not javascript:alert(1), ftp://example.com, https://, example.com, data:text/html,x',
      'nor https://bank.example@evil.example/, https://user:pw@evil.example',
    ].join('\n');
    await say(ada, text);
    await ada.locator('#log .text a').first().waitFor();
    const links = await ada.locator('#log .text a').evaluateAll((all) =>
      (all as HTMLAnchorElement[]).map(({ textContent, href, rel, target }) => ({
        textContent,
        href,
        rel,
        target,
      })),
    );
    const safe = { rel: 'noopener noreferrer nofollow', target: '_blank' };
    expect(links).toEqual([
      {
        textContent: 'https://example.com/a_(b)?c=d#e',
        href: 'https://example.com/a_(b)?c=d#e',
        ...safe,
      },
      { textContent: 'http://example.com/x', href: 'http://example.com/x', ...safe },
      { textContent: 'HTTPS://EXAMPLE.COM', href: 'https://example.com/', ...safe },
    ]);
    expect(await texts(ada)).toEqual([text]); // not a character is lost
  });

  test('a page tells who is typing, until the message is there', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    const bo = await stage.visit('Bo', PHONE);
    await composer(bo).pressSequentially('Hel');
    await ada.locator('#typing', { hasText: /^Bo is typing$/ }).waitFor();
    const cy = await stage.visit('Cy', DESKTOP);
    await composer(cy).pressSequentially('x');
    await ada.locator('#typing', { hasText: /Cy (is|are) typing$/ }).waitFor();
    await composer(bo).pressSequentially('lo');
    expect(await cy.locator('#typing').textContent()).not.toContain('Cy');
    await composer(bo).press('Enter');
    await sees(ada, 'Hello');
    expect(await ada.locator('#typing').textContent()).not.toContain('Bo');
    await ada.locator('#typing', { hasText: /^$/ }).waitFor(); // Cy has stopped
  });

  test('what is said in another room is marked there, until the room is read', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    const phone = await stage.visit('Flo', PHONE);
    const bo = await stage.visit('Bo', DESKTOP, 'tea');
    const tea = (page: typeof ada) => page.locator('#rooms a', { hasText: 'tea' });
    await tea(ada).waitFor();
    await tea(phone).waitFor({ state: 'attached' });
    expect(await ada.locator('#rooms .unread').count()).toBe(0);
    await say(bo, 'Milk first?');
    await say(bo, 'Anyone?');
    await tea(ada).getByText('2 unread messages').waitFor();
    expect(await bo.locator('#rooms .unread').count()).toBe(0); // it is Bo's own room
    await phone.locator('#panel-open.has-news').waitFor();
    await photograph(phone, 'unread-390-light');

    // A reload does not make it read; a visit does.
    await ada.reload();
    await isIn(ada, 'open');
    await tea(ada).getByText('2 unread messages').waitFor();
    await tea(ada).click();
    await sees(ada, 'Anyone?');
    await ada.goBack();
    await ada.getByRole('heading', { name: 'harbour' }).waitFor();
    await tea(ada).waitFor();
    expect(await ada.locator('#rooms .unread').count()).toBe(0);
    await say(bo, 'Well then.');
    await tea(ada).getByText('1 unread message,').waitFor();
  });

  test('what came meanwhile stands below the line that says so', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    const bo = await stage.visit('Bo', DESKTOP);
    await say(ada, 'Before');
    await sees(bo, 'Before');
    await ada.context().setOffline(true);
    await ada.evaluate(() => dispatchEvent(new Event('offline')));
    await isIn(ada, 'offline');
    await say(bo, 'Meanwhile');
    await sees(bo, 'Meanwhile');
    await ada.context().setOffline(false);
    await isIn(ada, 'open');
    await sees(ada, 'Meanwhile');
    const lines = await ada.locator('#log > li').allTextContents();
    const order = ['Before', 'Connected again', 'Meanwhile'].map((words) =>
      lines.findIndex((line) => line.includes(words)),
    );
    expect(order).not.toContain(-1);
    expect([...order].sort((a, b) => a - b)).toEqual(order);
  });

  test('own messages are on their side, and are not labelled', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    await say(ada, 'Mine');
    await sees(ada, 'Mine');
    expect(await ada.getByText('You', { exact: true }).count()).toBe(0);
    expect(await ada.locator('#log .own .name').textContent()).toBe('Ada'); // to be read out
    expect(await ada.locator('#log .own .name').evaluate((e) => e.clientWidth)).toBe(1);
  });

  test('everyone in a room is painted in another colour', async () => {
    const ada = await stage.visit('Ada', DESKTOP);
    await stage.visit('Ben', DESKTOP);
    await ada.locator('#people li').nth(1).waitFor();
    const hues = await ada
      .locator('#people li')
      .evaluateAll((all) =>
        all.map((item) => Number((item as HTMLElement).style.getPropertyValue('--hue'))),
      );
    const apart = Math.abs(hues[0]! - hues[1]!);
    expect(Math.min(apart, 360 - apart)).toBeGreaterThan(100);
  });

  test('the same visitor in a second tab takes the conversation over', async () => {
    const first = await stage.visit('Ada', DESKTOP);
    const key = await first.evaluate(() => sessionStorage.getItem('hawser-chat-key') ?? '');
    const second = await stage.page(DESKTOP);
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
    const ada = await stage.page(DESKTOP);
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
    await photograph(await stage.page({ ...PHONE, colorScheme: 'dark' }), 'door-390-dark');
    await photograph(await stage.page(DESKTOP), 'door-1280-light');
  });
});

/** The words by which a screen reader calls a control. */
function nameOf(element: Element): string {
  const labels = [...((element as Partial<HTMLInputElement>).labels ?? [])];
  const words = [...labels, element].map(({ textContent }) => textContent).join(' ');
  return (element.getAttribute('aria-label') ?? words).trim();
}
