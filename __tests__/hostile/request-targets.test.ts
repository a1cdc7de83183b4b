/** Requests for something else than a WebSocket at a path of this server (CVE-2020-7693, CVE-2023-31125, GHSA-c4j6-fc7j-m34r). */
import { Host, stopHosts } from '../support/host.js';
import { RawClient, type RequestParts, upgradeRequest } from '../support/raw-client.js';

afterEach(stopHosts);

async function ask(host: Host, parts: RequestParts): Promise<{ status: number; body: string }> {
  const client = await RawClient.connect(host.port);
  client.send(upgradeRequest(parts));
  const { status, body } = await client.response();
  client.destroy();
  return { status, body };
}

const start = (options?: Parameters<typeof Host.start>[0]): Promise<Host> =>
  Host.start({ logger: { warn() {}, error() {} }, ...options });

test('HTTP/1.0 is refused, also with every header there', async () => {
  const host = await start();
  const { status, body } = await ask(host, { version: 'HTTP/1.0' });
  expect([status, body]).toEqual([400, expect.stringContaining('HTTP/1.1, not HTTP/1.0')]);
});

describe('a target in absolute form', () => {
  test.each([
    ['http://localhost/chat', 101],
    ['HTTP://LOCALHOST:80/chat?x', 101],
    ['ws://anything.example/chat', 101],
    ['http://localhost/other', 404],
    ['http://localhost', 404],
    ['http://localhost?/chat', 404],
    ['http://localhost/other?/chat', 404],
    ['http://localhost\\@evil/chat', 400],
    ['ftp://localhost/chat', 400],
    ['localhost:80', 400],
    ['*', 400],
    ['chat', 400],
    ['?/chat', 400],
    ['//localhost/chat', 404],
    ['/http://localhost/chat', 404],
  ])('%s goes by its own path: %i', async (target, expected) => {
    const host = await start({ path: '/chat' });
    expect((await ask(host, { target })).status).toBe(expected);
  });

  test('is the host that counts for the origin and the list of hosts, whatever the Host header is', async () => {
    const host = await start({ allowedHosts: ['good.example'] });
    const status = async (target: string, Host: string, Origin: string): Promise<number> =>
      (await ask(host, { target, headers: { Host, Origin } })).status;
    const [good, evil] = ['http://good.example', 'http://evil.example'];
    expect(await status(`${good}/`, 'evil.example', good)).toBe(101);
    expect(await status(`${good}/`, 'evil.example', evil)).toBe(403);
    expect(await status(`${evil}/`, 'good.example', good)).toBe(403);
    expect(await status(`${evil}/`, 'good.example', evil)).toBe(403);
  });
});

test('a path is compared as it was sent: no other spelling of it is served', async () => {
  const host = await start({ path: '/chat' });
  const status = async (target: string): Promise<number> => (await ask(host, { target })).status;
  expect(await status('/chat')).toBe(101);
  expect(await status('/chat?room=/other')).toBe(101);
  for (const target of [
    '/chat/',
    '/CHAT',
    '/%63hat',
    '/chat%3F',
    '/chat;x',
    '//chat',
    '/chatx',
    '/xchat',
    '/',
  ]) {
    expect([target, await status(target)]).toEqual([target, 404]);
  }
});

test('a path that URL parsers would rewrite is rejected, whichever server has the path', async () => {
  for (const options of [{}, { path: '/chat' }, { path: /chat/ }, { path: () => true }]) {
    const host = await start(options);
    for (const target of [
      '/./chat',
      '/other/../chat',
      '/other/%2e%2E/chat',
      '/other/.%2e/chat?x',
      '/chat/.',
      '/chat/..',
      '/other\\..\\chat',
      '/\\chat',
      'http://localhost/other/../chat',
    ]) {
      expect([target, await ask(host, { target })]).toEqual([
        target,
        {
          status: 400,
          body: 'the request target has dot segments, a backslash or a control character\n',
        },
      ]);
    }
  }
});

test('authorize sees the path that was compared, wherever the target hides another', async () => {
  const seen: string[] = [];
  const host = await start({
    path: /^\/public\//,
    authorize: (_request, { url }) => void seen.push(url.pathname),
  });
  for (const target of [
    '//admin/public/',
    '/public/%2Fadmin',
    '/public/?/../admin',
    'http://a/public/#/..',
    '/public/"{}',
  ]) {
    await ask(host, { target });
  }
  expect(seen).toEqual(['/public/%2Fadmin', '/public/', '/public/', '/public/%22%7B%7D']);
});

test('every method with every Upgrade on every route is answered, and the server lives on', async () => {
  const host = await start({ path: '/chat' });
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH']) {
    for (const Upgrade of ['websocket', 'WebSocket', 'h2c', 'TLS/1.0', 'websocket2', ',']) {
      for (const target of ['/chat', '/none']) {
        const { status } = await ask(host, { method, target, headers: { Upgrade } });
        const websocket = Upgrade.toLowerCase() === 'websocket';
        // A request for another protocol goes back to the application, which answers 200.
        const expected = !websocket ? 200 : target === '/none' ? 404 : method === 'GET' ? 101 : 405;
        expect([method, Upgrade, target, status]).toEqual([method, Upgrade, target, expected]);
      }
    }
  }
});

test('a request body after the headers is not parsed as frames', async () => {
  const host = await start();
  const client = await RawClient.connect(host.port);
  const headers = { 'Content-Length': '100000' };
  client.send(upgradeRequest({ method: 'POST', headers }) + 'x'.repeat(100_000));
  expect((await client.response()).status).toBe(405);
  expect(await client.ended()).toBe('end');
  client.destroy();
});

test('odd queries and paths reach the application as they came', async () => {
  const seen: (string | undefined)[] = [];
  const host = await start();
  host.server.on('connection', ({ url }) => seen.push(url));
  const targets = [
    '/?',
    '/?EIO=4&transport[]=websocket',
    '/?__proto__[x]=1&constructor=2',
    '/%',
    '/%zz?%',
    '/?a=b?c=d&&&===',
    '/\x7b\x7d|^`"<>',
    '/..../etc/passwd..',
    `/${'a'.repeat(8000)}`,
  ];
  for (const target of targets) expect((await ask(host, { target })).status).toBe(101);
  expect(seen).toEqual(targets);
});
