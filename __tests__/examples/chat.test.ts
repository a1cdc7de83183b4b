import { request } from 'node:http';
import { connect } from 'node:net';
import { dropClients, type Said, token, Visitor } from './client';
import { Program, startChat, stopPrograms } from './program';

afterEach(async () => {
  dropClients();
  await stopPrograms();
});

const COMMAND = 'examples/chat/server.mjs';

describe('the command', () => {
  test('prints where it is, and serves the page there', async () => {
    const program = Program.run(COMMAND, { PORT: '0' });
    const url = await program.url();
    const page = await fetch(url);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await page.text()).toContain('<title>hawser chat</title>');
  });

  test('says in one sentence what to do about a taken port', async () => {
    const first = Program.run(COMMAND, { PORT: '0' });
    const { port } = await first.url();
    const second = Program.run(COMMAND, { PORT: port });
    expect(await second.exit).toEqual({ code: 1, signal: null });
    expect(second.output).toBe(
      `Port ${port} is already in use: choose another one, for example PORT=${Number(port) + 1} npm start\n`,
    );
  });

  test.each(['', 'http', '-1', '65536', '80 80', '1e3'])('refuses %j as a port', async (port) => {
    const program = Program.run(COMMAND, { PORT: port });
    expect(await program.exit).toEqual({ code: 1, signal: null });
    expect(program.output).toBe(`PORT must be a number from 0 to 65535, not "${port}".\n`);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('says goodbye to everyone on %s', async (signal) => {
    const program = Program.run(COMMAND, { PORT: '0' });
    const url = await program.url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    const { visitor: bo } = await Visitor.join(url, 'Bo');
    // A browser's spare connection, which must not hold the server up. It is reset, and that is fine.
    const idle = connect(Number(url.port), '127.0.0.1').on('error', () => {});
    program.signal(signal);
    expect((await ada.closed).code).toBe(1001);
    expect((await bo.closed).code).toBe(1001);
    expect(await program.exit).toEqual({ code: 0, signal: null });
    expect(program.output).toMatch(/Stopped\. 2 connections: 2 closed, 0 cut\.\n$/);
    idle.destroy();
  });
});

describe('the page', () => {
  test('comes with everything it names, and nothing may be loaded from elsewhere', async () => {
    const url = await startChat().url();
    const page = await fetch(url);
    const policy = page.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');

    const html = await page.text();
    expect(html).not.toMatch(/ style=| on\w+=|<style/);
    const found = new Set<string>();
    const wanted = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map((match) => match[1]!);
    for (let path = wanted.pop(); path !== undefined; path = wanted.pop()) {
      if (found.has(path)) continue;
      found.add(path);
      const file = await fetch(new URL(path, url));
      expect([path, file.status]).toEqual([path, 200]);
      expect(file.headers.get('content-security-policy')).toBe(policy);
      const source = await file.text();
      if (!path.endsWith('.js')) continue;
      expect(file.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
      expect(source).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write/);
      wanted.push(...[...source.matchAll(/from '\.(\/[^']+)'/g)].map((match) => match[1]!));
    }
    expect([...found].sort()).toEqual(
      ['/chat.js', '/icon.svg', '/link.js', '/outbox.js', '/style.css', '/view.js'].sort(),
    );
  });

  test.each([
    '/../server.mjs',
    '/..%2fserver.mjs',
    '/%2e%2e/chat.mjs',
    '/public/index.html',
    '//chat.js',
    '/__proto__',
    '/chat.js%00',
    '/chat',
  ])('has no page at %s', async (path) => {
    const url = await startChat().url();
    // Not fetch: it would tidy the path before it asks.
    const status = await new Promise((resolve, reject) => {
      request({ port: url.port, host: '127.0.0.1', path }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(404);
  });

  test('takes GET and HEAD, with or without a query, and no other method', async () => {
    const url = await startChat().url();
    const head = await fetch(new URL('/?from=mail', url), { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(1000);
    const post = await fetch(url, { method: 'POST', body: 'x'.repeat(100_000) });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('a conversation', () => {
  test('goes both ways', async () => {
    const url = await startChat().url();
    const { visitor: ada, welcome } = await Visitor.join(url, 'Ada');
    const { visitor: bo } = await Visitor.join(url, 'Bo');
    const id = ada.say('Ahoy!');
    const { message } = await bo.hears('said');
    expect(message).toEqual({
      id,
      from: welcome.you.id,
      name: 'Ada',
      text: 'Ahoy!',
      at: expect.any(Number) as number,
    });
    bo.say('Ahoy yourself.\n\tHow are you?');
    expect((await ada.hears('said')).message.text).toBe('Ahoy!'); // its own, which is the receipt
    expect((await ada.hears('said')).message.text).toBe('Ahoy yourself.\n\tHow are you?');
  });

  test('tells who is here, who comes and who goes', async () => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    const { visitor: bo, welcome } = await Visitor.join(url, 'Bo');
    expect(welcome.people.map(({ name }) => name)).toEqual(['Ada', 'Bo']);
    expect((await ada.hears('joined')).person).toEqual(welcome.you);
    bo.socket.terminate();
    expect((await ada.hears('left')).person).toEqual(welcome.you);
  });

  test('is remembered for whoever comes later, up to a limit', async () => {
    const url = await startChat({ historyLength: 3, historySize: 12 }).url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    for (const text of ['1', '2', '3', '4']) ada.say(text);
    const { welcome } = await Visitor.join(url, 'Bo');
    expect(welcome.history.map(({ text }) => text)).toEqual(['2', '3', '4']);
    ada.say('eleven more');
    await ada.heard();
    const { welcome: later } = await Visitor.join(url, 'Cy');
    expect(later.history.map(({ text }) => text)).toEqual(['4', 'eleven more']);
  });

  test('stays in its room', async () => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada', { room: 'tea' });
    const { visitor: bo, welcome } = await Visitor.join(url, 'Bo', { room: 'coffee' });
    expect(welcome.people).toHaveLength(1);
    ada.say('Milk first?');
    await ada.hears('said');
    const heard = await bo.heard();
    expect(heard.filter(({ type }) => type !== 'rooms')).toEqual([]);
  });

  test('moves with a visitor from room to room', async () => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada', { room: 'tea' });
    const { visitor: bo, welcome } = await Visitor.join(url, 'Bo', { room: 'Tea ' });
    expect(welcome.room).toBe('tea');
    bo.tell({ type: 'join', room: 'coffee', name: 'Bo', key: token() });
    expect((await bo.hears('welcome')).people).toHaveLength(1);
    expect((await ada.hears('left')).person.name).toBe('Bo');
    bo.say('Nobody here.');
    await bo.hears('said');
    expect((await ada.heard()).filter(({ type }) => type === 'said')).toEqual([]);
  });

  test('tells everyone which rooms there are, the busiest first', async () => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada', { room: 'coffee' });
    await Visitor.join(url, 'Bo', { room: 'tea' });
    await Visitor.join(url, 'Cy', { room: 'tea' });
    for (;;) {
      const { rooms } = await ada.hears('rooms');
      if (rooms[0]?.people !== 2) continue; // an earlier list
      expect(rooms).toEqual([
        { name: 'tea', people: 2 },
        { name: 'coffee', people: 1 },
      ]);
      break;
    }
  });

  test('knows a visitor who comes back over a new connection, and makes no fuss', async () => {
    const url = await startChat().url();
    const { visitor: bo } = await Visitor.join(url, 'Bo');
    const key = token();
    const { visitor: before, welcome } = await Visitor.join(url, 'Ada', { key });
    await bo.hears('joined');
    const { welcome: again } = await Visitor.join(url, 'Ada', { key });
    expect(again.you).toEqual(welcome.you);
    expect(again.people).toHaveLength(2);
    expect(await before.closed).toEqual({ code: 4001, reason: 'Moved' });
    const noise = (await bo.heard()).filter(({ type }) => type === 'joined' || type === 'left');
    expect(noise).toEqual([]);
  });

  test('never shows a key to the others', async () => {
    const url = await startChat().url();
    const { visitor: bo } = await Visitor.join(url, 'Bo');
    const key = token();
    const { visitor: ada } = await Visitor.join(url, 'Ada', { key });
    ada.say('Hello');
    await ada.heard();
    expect(JSON.stringify(await bo.heard())).not.toContain(key);
  });

  test('repeats nothing when a page sends a message twice', async () => {
    const url = await startChat().url();
    const { visitor: bo } = await Visitor.join(url, 'Bo');
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    const id = ada.say('Once');
    ada.say('Once', id);
    const receipts = (await ada.heard()).filter(({ type }) => type === 'said');
    expect(receipts.map(({ message }) => message.id)).toEqual([id, id]);
    expect((await bo.heard()).filter(({ type }) => type === 'said')).toHaveLength(1);
  });
});

describe('hostile input', () => {
  test('a name of 10 MB: closed with 1009, and nobody else notices', async () => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    const giant = await Visitor.connect(url);
    giant.tell({ type: 'join', room: 'lobby', name: 'x'.repeat(10_000_000), key: token() });
    expect((await giant.closed).code).toBe(1009);
    expect((await ada.heard()).filter(({ type }) => type === 'joined')).toEqual([]);
    ada.say('All quiet.');
    expect((await ada.hears('said')).message.text).toBe('All quiet.');
  });

  test.each([
    ['too long', 'x'.repeat(1000), 'x'.repeat(24)],
    ['too long, of emoji', '🐙'.repeat(100), '🐙'.repeat(24)],
    ['with control characters', 'A\u0000d\u001b[2Ja\u0085', 'Ad[2Ja'],
    ['that turns the line around', '\u202Eada\u202C\u2066!', 'ada!'],
    ['over several lines', '  Ada\r\n\t\u2028Lovelace ', 'Ada Lovelace'],
    ['with invisible characters', '\uFEFFA\u200Bd\u2060a\u3164', 'Ada'],
    ['with half a surrogate pair', 'Ada\uD83D', 'Ada'],
    ['that builds a tower', `A${'\u0301'.repeat(50)}da`, `Á${'\u0301'.repeat(4)}da`],
    ['in markup', '<b onclick=x>Ada</b>', '<b onclick=x>Ada</b>'],
    ['of a prototype', '__proto__', '__proto__'],
  ])('a name %s', async (_, name, expected) => {
    const url = await startChat().url();
    const { welcome } = await Visitor.join(url, name);
    expect(welcome.you.name).toBe(expected);
  });

  test.each([
    ['long', 'r'.repeat(500), 'r'.repeat(32)],
    ['in capitals', 'TEA', 'tea'],
    ['of a prototype', '__proto__', '__proto__'],
    ['with a control character', 't\u0007ea', 'tea'],
  ])('a room %s', async (_, room, expected) => {
    const url = await startChat().url();
    const { welcome } = await Visitor.join(url, 'Ada', { room });
    expect(welcome.room).toBe(expected);
  });

  test.each(['Ada', 'ada', 'A\u200Dda', '\uFF21da'])(
    'a masquerade as Ada: %j gets a number',
    async (name) => {
      const url = await startChat().url();
      await Visitor.join(url, 'Ada');
      const { welcome } = await Visitor.join(url, name);
      expect(welcome.you.name).toBe(`${name} 2`);
    },
  );

  test.each([
    ['a name of nothing', { name: '' }, /name needs/],
    ['a name that nobody can see', { name: ' \u200B\u00AD\u3164 ' }, /name needs/],
    ['a room of nothing', { room: ' ' }, /room needs/],
  ])('%s is refused, and another try is welcome', async (_, wish, reason) => {
    const url = await startChat().url();
    const visitor = await Visitor.connect(url);
    visitor.tell({ type: 'join', room: 'lobby', name: 'Ada', key: token(), ...wish });
    expect((await visitor.hears('refused')).reason).toMatch(reason);
    visitor.tell({ type: 'join', room: 'lobby', name: 'Ada', key: token() });
    await visitor.hears('welcome');
  });

  test('markup in a message stays the characters it is', async () => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    const text = '<img src=x onerror=alert(1)>&amp;<script>alert(2)</script>';
    ada.say(text);
    expect((await ada.hears('said')).message.text).toBe(text);
  });

  test('control characters and line turners are taken out of a message', async () => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    ada.say('\u0000a\u0007\u202Eb\u2066\r\nc\uD800\n\n\n\n\td\u001b[2J');
    expect((await ada.hears('said')).message.text).toBe('ab\nc\uFFFD\n\n\td[2J');
  });

  const id = '12345678';
  test.each([
    ['no JSON', 'hello'],
    ['half of it', '{"type":"say"'],
    ['nothing', ''],
    ['null', 'null'],
    ['a number', '42'],
    ['a list', '[{"type":"say"}]'],
    ['depth', '['.repeat(8000)],
    ['an unknown type', '{"type":"shout"}'],
    ['a type that is an object', '{"type":{"toString":"say"}}'],
    ['a type from the prototype', '{"type":"constructor"}'],
    ['a text that is a number', `{"type":"say","id":"${id}","text":5}`],
    ['a text that is a list', `{"type":"say","id":"${id}","text":["x"]}`],
    ['no id', '{"type":"say","text":"x"}'],
    ['an id of markup', '{"type":"say","id":"<b>12345678","text":"x"}'],
    ['an id that is long', `{"type":"say","id":"${'x'.repeat(65)}","text":"x"}`],
    ['a name that is an object', `{"type":"join","room":"a","name":{},"key":"${id}"}`],
    ['a room that is null', `{"type":"join","room":null,"name":"a","key":"${id}"}`],
    ['no key', '{"type":"join","room":"a","name":"a"}'],
    ['bytes', Buffer.from(`{"type":"say","id":"${id}","text":"x"}`)],
  ])('instead of a message %s: refused, and the conversation goes on', async (_, data) => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    ada.send(data);
    expect((await ada.hears('refused')).reason).toMatch(/did not understand/);
    ada.say('Sorry.');
    expect((await ada.hears('said')).message.text).toBe('Sorry.');
  });

  test.each([
    ['too long', 'x'.repeat(2001), /at most 2000 characters/],
    ['empty', ' \u0000\n', /nothing in it/],
  ])('a message that is %s is refused by its id', async (_, text, reason) => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    const said = ada.say(text);
    expect(await ada.hears('refused')).toMatchObject({
      id: said,
      reason: expect.stringMatching(reason) as string,
    });
  });

  test('the longest message there may be gets through in the costliest spelling', async () => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    ada.send(`{"type":"say","id":"${id}","text":"${'\\u00e9'.repeat(2000)}"}`);
    expect((await ada.hears('said')).message.text).toBe('é'.repeat(2000));
  });

  test('who has not joined cannot speak', async () => {
    const url = await startChat().url();
    const visitor = await Visitor.connect(url);
    visitor.say('Hello?');
    expect((await visitor.hears('refused')).reason).toMatch(/Join a room/);
  });

  test('1000 messages at once: a polite notice, then 1008, and the room is spared', async () => {
    const url = await startChat({ burst: 10, perSecond: 0.001, patience: 20 }).url();
    const { visitor: bo } = await Visitor.join(url, 'Bo');
    const { visitor: flood } = await Visitor.join(url, 'Flood');
    const ids = Array.from({ length: 1000 }, (_, n) => flood.say(`message ${n}`));

    const first = await flood.hears('refused');
    expect(first).toMatchObject({ id: ids[9], reason: 'You are sending too fast. Wait a moment.' });
    expect(first.retryIn).toBeGreaterThan(0);
    expect(await flood.closed).toEqual({ code: 1008, reason: 'Too many messages' });
    const refused = 1 + flood.inbox.filter((said) => String(said).includes('"refused"')).length;
    expect(refused).toBeGreaterThanOrEqual(20);
    expect(refused).toBeLessThan(100); // a few more came back while the flood was on

    await bo.hears('left');
    const { welcome } = await Visitor.join(url, 'Late');
    expect(welcome.history.map(({ text }) => text)).toEqual(
      Array.from({ length: 9 }, (_, n) => `message ${n}`), // joining was the tenth
    );
  });

  test('what is refused for haste is accepted after the pause that the refusal names', async () => {
    const url = await startChat({ burst: 2, perSecond: 0.5 }).url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    // Joining was the first of the burst, and these two come at once.
    ada.say('in time');
    ada.say('too soon');
    expect((await ada.hears('said')).message.text).toBe('in time');
    const { retryIn } = await ada.hears('refused');
    await new Promise((done) => setTimeout(done, retryIn));
    ada.say('once more');
    expect((await ada.hears('said')).message.text).toBe('once more');
    const { welcome } = await Visitor.join(url, 'Bo');
    expect(welcome.history.map(({ text }) => text)).toEqual(['in time', 'once more']);
  });

  test('more rooms than there is place for: refused, and the old room is kept', async () => {
    const url = await startChat({ maxRooms: 2 }).url();
    await Visitor.join(url, 'Ada', { room: 'tea' });
    const { visitor: bo } = await Visitor.join(url, 'Bo', { room: 'coffee' });
    bo.tell({ type: 'join', room: 'cocoa', name: 'Bo', key: token() });
    expect((await bo.hears('refused')).reason).toMatch(/too many rooms/);
    bo.say('Then here.');
    expect((await bo.hears('said')).message.text).toBe('Then here.');
  });

  test('an empty room remembers for a while, and makes place when a new one is wanted', async () => {
    const url = await startChat({ maxRooms: 1 }).url();
    const { visitor: ada } = await Visitor.join(url, 'Ada', { room: 'tea' });
    ada.say('Back in a minute.');
    await ada.hears('said');
    ada.socket.close();
    await ada.closed;
    const { visitor: again, welcome } = await joinWhenAlone(url, 'tea');
    expect(welcome.history).toHaveLength(1);
    again.socket.close();
    await again.closed;
    const { welcome: coffee } = await joinWhenAlone(url, 'coffee');
    expect(coffee.history).toEqual([]);
  });

  test('an empty room is forgotten after its time', async () => {
    const url = await startChat({ keepEmpty: 1 }).url();
    const { visitor: ada } = await joinWhenAlone(url, 'tea');
    ada.say('Remember this');
    await ada.hears('said');
    ada.socket.close();
    await ada.closed;
    let remembered = 1;
    while (remembered > 0) {
      const { visitor, welcome } = await joinWhenAlone(url, 'tea');
      remembered = welcome.history.length; // 1 if we were faster than the timer: then once more
      visitor.socket.close();
      await visitor.closed;
    }
    expect(remembered).toBe(0);
  });

  test('a full room takes nobody else', async () => {
    const url = await startChat({ maxPeople: 1 }).url();
    await Visitor.join(url, 'Ada');
    const bo = await Visitor.connect(url);
    bo.tell({ type: 'join', room: 'lobby', name: 'Bo', key: token() });
    expect((await bo.hears('refused')).reason).toMatch(/full/);
  });

  test('a page of another origin does not get in', async () => {
    const url = await startChat().url();
    const status = await new Promise((resolve) => {
      const headers = {
        Origin: 'https://evil.example',
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      };
      request({ port: url.port, host: '127.0.0.1', path: '/chat', headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('upgrade', (_, socket) => {
          socket.destroy();
          resolve(101);
        })
        .end();
    });
    expect(status).toBe(403);
  });
});

/** The server may learn a moment later than the test that the visitor before has gone. */
async function joinWhenAlone(url: URL, room: string) {
  for (;;) {
    const visitor = await Visitor.connect(url);
    visitor.tell({ type: 'join', room, name: 'Ada', key: token() });
    for (;;) {
      const said = JSON.parse((await visitor.next()) as string) as Said;
      if (said.type === 'refused') break;
      if (said.type !== 'welcome') continue;
      if (said.people.length === 1) return { visitor, welcome: said };
      break;
    }
    visitor.socket.close();
    await visitor.closed;
  }
}
