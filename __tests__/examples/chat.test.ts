import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect as connectHttp2, type Settings } from 'node:http2';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { connect as connectTls } from 'node:tls';
import { BrokerProcess, hasNats, hasRedis, NATS, REDIS, stopBrokers } from '../support/brokers';
import { dropClients, type Said, token, Visitor } from '../support/chat-visitor';
import { Program, startChat, stopPrograms } from '../support/program';
import { describeIf } from '../support/requires';

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

  test('over HTTP/2 it has a certificate that is valid for localhost, and serves the page', async () => {
    const program = Program.run(COMMAND, { PORT: '0' }, '--http2');
    const { port } = await program.url();
    await program.prints(/HOST=0\.0\.0\.0 npm run start:http2\nThe browser will warn once/);
    const socket = connectTls({ port: Number(port), rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const ca = new X509Certificate(socket.getPeerCertificate().raw).toString();
    socket.destroy();
    for (const host of ['localhost', '127.0.0.1']) {
      const session = connectHttp2(`https://${host}:${port}`, { ca });
      session.on('error', () => undefined);
      const [settings] = (await once(session, 'remoteSettings')) as [Settings];
      expect(settings).toMatchObject({ enableConnectProtocol: true, maxConcurrentStreams: 256 });
      for (const [method, path, status] of [
        ['GET', '/', 200],
        ['GET', '/none', 404],
        ['POST', '/', 405],
      ] as const) {
        const asked = session.request({ ':method': method, ':path': path });
        asked.end();
        const [headers] = (await once(asked, 'response')) as [Record<string, unknown>];
        expect(headers[':status']).toBe(status);
        asked.resume();
        await once(asked, 'close');
      }
      session.destroy();
    }
    expect(program.output).not.toMatch(/warning/i);
  });

  test('over HTTP/2 it ends on SIGTERM, whatever its clients hold open', async () => {
    const program = Program.run(COMMAND, { PORT: '0' }, '--http2');
    const url = await program.url();
    const session = connectHttp2(url.href, { rejectUnauthorized: false });
    session.on('error', () => undefined);
    await once(session, 'remoteSettings');
    const idle = connectTls({ port: Number(url.port), rejectUnauthorized: false });
    idle.on('error', () => undefined);
    await once(idle, 'secureConnect');
    const { visitor } = await Visitor.join(url, 'Ada'); // over HTTP/1.1, on the same port
    program.signal('SIGTERM');
    expect(await program.exit).toEqual({ code: 0, signal: null });
    expect(program.output).toMatch(/Stopped\. 1 connections: 1 closed, 0 terminated\.\n$/);
    expect((await visitor.closed).code).toBe(1001);
  });

  test('prints every address by which others reach it', async () => {
    const program = Program.run(COMMAND, { PORT: '0', HOST: '0.0.0.0' });
    const [, port] = await program.prints(/^hawser chat: http:\/\/localhost:(\d+)\n/);
    const others = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4')
      .map(({ address }) => `On your network: http://${address}:${port}\n`);
    const all = `hawser chat: http://localhost:${port}\n${others.join('')}`;
    await program.prints(new RegExp(`^.*\\n(.*\\n){${others.length}}$`));
    expect(program.output).toBe(all);
  });

  test.each([
    ['127.0.0.1', ['http://localhost:80']],
    ['::1', ['http://localhost:80']],
    ['192.168.1.5', ['http://192.168.1.5:80']],
    ['2001:db8::5', ['http://[2001:db8::5]:80']],
    ['0.0.0.0', ['http://localhost:80', 'http://192.168.1.5:80', 'http://10.0.0.5:80']],
    [
      '::',
      [
        'http://localhost:80',
        'http://192.168.1.5:80',
        'http://[2001:db8::5]:80',
        'http://10.0.0.5:80',
      ],
    ],
  ])('listening on %s it is reached at %j', async (host, expected) => {
    const interfaces = {
      lo: [{ address: '127.0.0.1', family: 'IPv4', internal: true }],
      eth0: [
        { address: '192.168.1.5', family: 'IPv4', internal: false },
        { address: 'fe80::5', family: 'IPv6', internal: false },
        { address: '2001:db8::5', family: 'IPv6', internal: false },
      ],
      wlan0: [{ address: '10.0.0.5', family: 'IPv4', internal: false }],
    };
    const program = Program.evaluate(`
      import { addresses } from './examples/chat/addresses.mjs';
      const found = addresses(${JSON.stringify(host)}, 80, 'http', ${JSON.stringify(interfaces)});
      console.log(JSON.stringify(found));
    `);
    expect((await program.exit).code).toBe(0);
    expect(JSON.parse(program.output)).toEqual(expected);
  });

  test('says that it builds before it builds', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      scripts: Record<string, string>;
    };
    const steps = scripts['start']!.split(' && ');
    expect(steps[0]).toMatch(/^echo Building/); // cmd.exe has echo, too
    expect(steps[1]).toContain('build');
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
    expect(program.output).toMatch(/Stopped\. 2 connections: 2 closed, 0 terminated\.\n$/);
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
      wanted.push(
        ...[...source.matchAll(/(?:from|import) '\.(\/[^']+)'|Worker\('(\/[^']+)'/g)].map(
          (match) => (match[1] ?? match[2])!,
        ),
      );
    }
    // Everything in the folder is of use.
    const files = readdirSync('examples/chat/public').filter((name) => name !== 'index.html');
    expect([...found].sort()).toEqual(files.map((name) => `/${name}`).sort());
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
      colour: welcome.you.colour,
      text: 'Ahoy!',
      at: expect.any(Number) as number,
      n: 1,
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

  test('is remembered for visitors who come later, up to a limit', async () => {
    const url = await startChat({ historyLength: 3, historySize: 12 }).url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    for (const text of ['1', '2', '3', '4']) ada.say(text);
    await ada.heard();
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
        { name: 'tea', people: 2, said: 0 },
        { name: 'coffee', people: 1, said: 0 },
      ]);
      break;
    }
  });

  test('counts what is said in each room, for the pages that are in another', async () => {
    const url = await startChat({ historyLength: 1 }).url();
    const { visitor: ada } = await Visitor.join(url, 'Ada', { room: 'tea' });
    const { visitor: bo } = await Visitor.join(url, 'Bo', { room: 'coffee' });
    const id = ada.say('Milk');
    ada.say('Milk', id);
    ada.say('first?');
    for (;;) {
      const { rooms } = await bo.hears('rooms');
      const tea = rooms.find(({ name }) => name === 'tea');
      if (tea === undefined || tea.said < 2) continue; // an earlier list
      expect(tea.said).toBe(2); // not what was sent twice, and not only what is remembered
      break;
    }
    const { welcome } = await Visitor.join(url, 'Cy', { room: 'tea' });
    expect(welcome.history).toMatchObject([{ text: 'first?', n: 2 }]);
  });

  test('tells the others in the room who is typing', async () => {
    const url = await startChat().url();
    const { visitor: ada, welcome } = await Visitor.join(url, 'Ada', { room: 'tea' });
    const { visitor: bo } = await Visitor.join(url, 'Bo', { room: 'tea' });
    const { visitor: cy } = await Visitor.join(url, 'Cy', { room: 'coffee' });
    ada.tell({ type: 'typing' });
    expect((await bo.hears('typing')).person).toEqual(welcome.you);
    for (const visitor of [ada, cy]) {
      expect((await visitor.heard()).filter(({ type }) => type === 'typing')).toEqual([]);
    }
  });

  test('gives everyone a colour of their own, while there are enough', async () => {
    const url = await startChat().url();
    const names = ['Ada', 'Ben', 'Cy', 'Dot', 'Eve', 'Flo', 'Gus', 'Hal', 'Ida', 'Jo'];
    const colours: number[] = [];
    for (const name of names) {
      const { welcome } = await Visitor.join(url, name);
      colours.push(welcome.you.colour);
    }
    expect(new Set(colours).size).toBe(10);
    const [ada, ben] = colours as [number, number];
    expect(Math.abs(ada - ben)).toBe(5); // on the other side of the circle of hues
    const { welcome } = await Visitor.join(url, 'Kit');
    expect(welcome.you.colour).toBeGreaterThanOrEqual(0);
    expect(welcome.you.colour).toBeLessThan(10);
  });

  test('gives a writer who comes back the former colour', async () => {
    const url = await startChat().url();
    const { visitor: ada, welcome } = await Visitor.join(url, 'Ada', { key: 'key-of-ada' });
    const { visitor: bo } = await Visitor.join(url, 'Bo');
    ada.say('Back in a minute.');
    ada.socket.close();
    await bo.hears('left');
    const { welcome: again } = await Visitor.join(url, 'Ada', { key: 'key-of-ada' });
    expect(again.you).toEqual(welcome.you);
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

describe('under the hood', () => {
  test('a visitor sees the messages of the own connection, and their bytes on the wire', async () => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    const before = (await ada.looks()).figures;
    expect(before.received.messages).toBe(2); // join and look
    expect(before.sent.messages).toBe(1); // welcome
    expect(before.extensions).toMatch(/^permessage-deflate/);
    const text = 'the wind is going round to the west '.repeat(50);
    const id = ada.say(text);
    await ada.hears('said');
    const { figures, stats, flood, ending } = await ada.looks();
    // ws compresses 1 KiB and more, and so this message.
    const said = Buffer.byteLength(JSON.stringify({ type: 'say', id, text }));
    const look = Buffer.byteLength('{"type":"look"}');
    expect(figures.received.messages).toBe(4);
    expect(figures.received.bytes - before.received.bytes).toBe(said + look);
    const { received, sent } = figures;
    expect(received.wire - before.received.wire).toBeLessThan(said / 4);
    expect(received.wire - before.received.wire).toBeGreaterThan(look);
    expect(sent.wire).toBeLessThan(sent.bytes / 2);
    expect(figures.bufferedAmount).toBe(0);
    expect(stats).toMatchObject({ connections: 1, messagesReceived: 4 });
    expect([flood, ending]).toEqual([undefined, undefined]);
  });

  test('without compression the wire carries the messages and their headers', async () => {
    const url = await startChat().url();
    const visitor = new Visitor(new URL('/chat', url.href.replace('http', 'ws')), {
      perMessageDeflate: false,
    });
    await once(visitor.socket, 'open');
    const { figures } = await visitor.looks();
    expect(figures.extensions).toBe('');
    expect(figures.sent).toEqual({ messages: 0, bytes: 0, wire: 0 });
    expect(figures.received).toEqual({ messages: 1, bytes: 15, wire: 21 });
  });

  test('drops a connection on request, and tells the next one how it ended', async () => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada', { key: 'key-of-ada' });
    ada.tell({ type: 'drop' });
    expect(await ada.closed).toEqual({ code: 1006, reason: '' });
    const { visitor: again } = await Visitor.join(url, 'Ada', { key: 'key-of-ada' });
    expect((await again.looks()).ending).toMatchObject({
      code: 1006,
      initiator: 'local',
      clean: false,
      cause: { code: 'ERR_TERMINATED' },
    });
    const { visitor: bo } = await Visitor.join(url, 'Bo');
    expect((await bo.looks()).ending).toBeUndefined();
  });

  test('tells who closed in good order, too', async () => {
    const url = await startChat().url();
    const { visitor: bo } = await Visitor.join(url, 'Bo');
    const { visitor: ada } = await Visitor.join(url, 'Ada', { key: 'key-of-ada' });
    ada.socket.close(4000, 'Tea');
    await bo.hears('left');
    const { visitor: again } = await Visitor.join(url, 'Ada', { key: 'key-of-ada' });
    expect((await again.looks()).ending).toMatchObject({
      code: 4000,
      reason: 'Tea',
      initiator: 'peer',
      clean: true,
    });
  });

  test('sends a burst of 10 000 messages in order, and says what it took', async () => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    ada.tell({ type: 'burst' });
    for (let n = 1; n <= 10_000; n++) expect((await ada.hears('number', 'burst')).n).toBe(n);
    const { count, turns } = await ada.hears('burst');
    expect(count).toBe(10_000);
    expect(turns).toBeGreaterThanOrEqual(1);
    expect(turns).toBeLessThan(100); // writes are joined
    expect((await ada.looks()).figures.sent.messages).toBeGreaterThan(10_000);
  });

  test('waits for a reader that stops, and holds little meanwhile', async () => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    ada.tell({ type: 'slow' });
    const { ticket } = await ada.hears('ticket');
    const reader = await Visitor.connect(url);
    let bytes = 0;
    // The list of rooms may come in between, as text.
    reader.socket.on('message', (data: Buffer, isBinary) => (bytes += isBinary ? data.length : 0));
    reader.socket.pause();
    reader.tell({ type: 'flood', ticket });
    for (let last = -1; ;) {
      const { sent, held } = (await ada.looks()).flood!;
      if (held > 0 && sent === last) break; // it goes no further
      last = sent;
    }
    // The chat goes on.
    ada.say('Still here.');
    await ada.hears('said');
    const { flood } = await ada.looks();
    expect(flood!.sent).toBeLessThan(flood!.total);
    expect(flood!.isOver).toBe(false);

    reader.socket.resume();
    expect(await reader.closed).toEqual({ code: 1000, reason: 'That was all' });
    expect(bytes).toBe(flood!.total);
    for (;;) {
      const { isOver, peak, longestWait } = (await ada.looks()).flood!;
      expect(peak).toBeLessThan(256 * 1024);
      expect(longestWait).toBeGreaterThan(0);
      if (isOver) break;
    }
  });

  test('a ticket is good for one flood, and there are not many', async () => {
    const url = await startChat({ maxFloods: 1 }).url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    ada.tell({ type: 'slow' });
    const { ticket } = await ada.hears('ticket');
    const { visitor: bo } = await Visitor.join(url, 'Bo');
    bo.tell({ type: 'slow' });
    expect((await bo.hears('refused')).reason).toMatch(/Others are trying/);

    const reader = await Visitor.connect(url);
    reader.tell({ type: 'flood', ticket });
    while (typeof (await reader.next()) === 'string'); // the list of rooms, perhaps
    for (const wrong of [ticket, token()]) {
      const second = await Visitor.connect(url);
      second.tell({ type: 'flood', ticket: wrong });
      expect(await second.closed).toEqual({ code: 1008, reason: 'No such ticket' });
    }
    reader.socket.terminate();
    for (;;) {
      bo.tell({ type: 'slow' });
      const { type, retryIn } = await bo.hears('refused', 'ticket');
      if (type === 'ticket') break; // the place is free again
      await new Promise((done) => setTimeout(done, retryIn ?? 50));
    }
  });

  test('a page that asks without end is disconnected as well', async () => {
    const url = await startChat().url();
    const { visitor: ada } = await Visitor.join(url, 'Ada');
    for (let n = 0; n < 1000; n++) ada.tell({ type: n % 2 === 0 ? 'typing' : 'look' });
    expect(await ada.closed).toEqual({ code: 1008, reason: 'Too many messages' });
  });
});

describe('hostile input', () => {
  test('a name of 10 MB: closed with 1009, and no other visitor notices', async () => {
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

  test('a visitor who has not joined cannot speak', async () => {
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

  test('a full room takes no other visitor', async () => {
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

describe.each([
  [REDIS, hasRedis, 'REDIS_URL', () => BrokerProcess.redis()],
  [NATS, hasNats, 'NATS_URL', () => BrokerProcess.nats()],
] as const)('with %s', (needed, isThere, variable, begin) => {
  afterEach(stopBrokers);

  /** Joins and waits until the broker carries what is said there to this visitor. */
  async function meet(urls: URL[]): Promise<[Visitor, Visitor]> {
    const [ada, bo] = [
      (await Visitor.join(urls[0]!, 'Ada')).visitor,
      (await Visitor.join(urls[1]!, 'Bo')).visitor,
    ];
    for (const [visitor, other] of [
      [ada, 'Bo'],
      [bo, 'Ada'],
    ] as const) {
      while ((await visitor.hears('here')).people[0]!.name !== other);
    }
    return [ada, bo];
  }

  describeIf(needed, isThere)('two servers', () => {
    test('share their rooms, and each goes on alone while the broker is away', async () => {
      const broker = await begin();
      const programs = [0, 1].map(() =>
        Program.run(COMMAND, { PORT: '0', [variable]: broker.url }),
      );
      const urls = await Promise.all(programs.map((program) => program.url()));
      const [ada, bo] = await meet(urls);
      const id = ada.say('Ahoy!');
      expect((await ada.hears('said')).message).toMatchObject({ id, text: 'Ahoy!' });
      expect((await bo.hears('said')).message).toMatchObject({ id, text: 'Ahoy!' });
      const { visitor: cy, welcome } = await Visitor.join(urls[1]!, 'Cy');
      expect(welcome).toMatchObject({ broker: 'up', history: [] });
      expect((await cy.hears('said')).message).toMatchObject({ id, text: 'Ahoy!' }); // retained

      await broker.kill();
      for (const visitor of [ada, bo]) {
        expect(await visitor.hears('broker')).toMatchObject({ state: 'down' });
      }
      ada.say('Is anyone there?');
      expect((await ada.hears('said')).message.text).toBe('Is anyone there?');
      await broker.start();
      for (const visitor of [ada, bo]) {
        expect(await visitor.hears('broker')).toMatchObject({ state: 'up' });
      }
      ada.say('Now?');
      expect((await bo.hears('said')).message.text).toBe('Now?'); // and not what was said meanwhile

      for (const program of programs) {
        program.signal('SIGTERM');
        expect(await program.exit).toEqual({ code: 0, signal: null });
      }
    });
  });
});
