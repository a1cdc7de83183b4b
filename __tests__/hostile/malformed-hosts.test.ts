/** Malformed hosts, in each place where a request can name one (CVE-2026-61666). */
import { Child, stopChildren } from '../support/child.js';
import { RawClient, upgradeRequest, type RequestParts } from '../support/raw-client.js';

afterEach(stopChildren);

const MALFORMED = [
  ...['a b', 'a/b', 'a?b', 'a#b', 'a@b', 'a\\b', 'a|b', 'a^b', 'a"b', '<a>', '{a}', '`a`'],
  ...[
    '[',
    ']',
    '[]',
    '[::1',
    '::1]',
    '[::1]x',
    '[g::1]',
    '[::1%]',
    '[::1%a/b]',
    '[::1%a]b]',
    '::1',
    ':',
    ':80',
    'a:b',
    'a::80',
  ],
  ...['a:80:80', 'a:-1', 'a:999999', 'http://a', '//a', '@', 'a\tb', 'ä', '\u0001', 'a, b', ' '],
];

/** Everything that looks at hosts does. */
const serve = (options = ''): Promise<Child> =>
  Child.serve(`new hawser.WebSocketServer(server, { allowedHosts: ['localhost'], ${options} });`);

/** The status of the answer; a byte of `parts` is a byte of the request. */
async function statusOf(child: Child, parts: RequestParts): Promise<number> {
  const client = await RawClient.connect(child.port);
  client.send(Buffer.from(upgradeRequest(parts), 'latin1'));
  const { status } = await client.response();
  client.destroy();
  return status;
}

test('a malformed Host is an ordinary 400, with and without an Origin of the same host', async () => {
  const child = await serve();
  for (const Host of MALFORMED) {
    expect([Host, await statusOf(child, { headers: { Host } })]).toStrictEqual([Host, 400]);
    const headers = { Host, Origin: `http://${Host}` };
    expect([Host, await statusOf(child, { headers })]).toStrictEqual([Host, 400]);
  }
  await child.expectAlive();
  expect(child.stderr).toBe('');
});

test('a malformed host in the target is an ordinary 400', async () => {
  const child = await serve();
  for (const host of MALFORMED.filter((each) => !/[/?#]/.test(each))) {
    const target = `http://${host}/`;
    expect([target, await statusOf(child, { target })]).toStrictEqual([target, 400]);
  }
  await child.expectAlive();
  expect(child.stderr).toBe('');
});

test('a malformed X-Forwarded-Host from a trusted proxy is a host that is not served', async () => {
  const child = await serve('trustProxy: 1, logger: { warn() {}, error: console.error }');
  for (const host of MALFORMED.filter((each) => each.trim() !== '' && each !== '\u0001')) {
    for (const Origin of [null, `http://${host}`, 'http://localhost']) {
      const headers = { 'X-Forwarded-Host': host, Origin };
      expect([host, await statusOf(child, { headers })]).toStrictEqual([host, 403]);
    }
  }
  await child.expectAlive();
  expect(child.stderr).toBe('');
});
