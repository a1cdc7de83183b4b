/**
 * Headers of 64 KB, made to cost a careless parser quadratic or exponential time (CVE-2020-7662, CVE-2021-32640).
 * Work is counted, not timed: every block of hawser's code that is executed, as V8's precise coverage tells,
 * and every step back of a regular expression.
 */
import { Child, stopChildren } from '../support/child.js';
import { COUNT_WORK, COUNTING, type Work } from '../support/counted-work.js';
import { RawClient, upgradeRequest } from '../support/raw-client.js';

/** Steps back after which V8 gives up on a regular expression, and says so: a few for each byte of 64 KB. */
const BACKTRACKS = 400_000;

const PROGRAM = `
  ${COUNT_WORK}
  new hawser.WebSocketServer(server, {
    subprotocols: ['chat'],
    allowedHosts: ['localhost', 'example.org'],
    logger: { warn() {}, error() {} },
  });
  new hawser.WebSocketServer(server, {
    path: '/listed',
    origin: ['https://example.org'],
    logger: { warn() {}, error() {} },
  });
  new hawser.WebSocketServer(server, { path: '/proxied', trustProxy: 1 });

  commands.checkTheCheck = () => /(a+)+$/.test('a'.repeat(30) + '!');
`;

type Attack = [name: string, header: string, value: (length: number) => string, target?: string];

const EXTENSIONS = 'Sec-WebSocket-Extensions';
const SUBPROTOCOL = 'Sec-WebSocket-Protocol';
const times = (unit: string) => (length: number) => unit.repeat(length / unit.length);

const ATTACKS: Attack[] = [
  ['an unclosed quote full of escapes', EXTENSIONS, (n) => `a;b="${times('\\c')(n)}`],
  ['an unclosed quote full of quoted quotes', EXTENSIONS, (n) => `a;b="${times('\\"')(n)}`],
  ['spaces between two names', EXTENSIONS, (n) => `a${times(' ')(n)}b`],
  ['tabs and spaces before a semicolon', EXTENSIONS, (n) => `a${times(' \t')(n)};`],
  ['semicolons', EXTENSIONS, (n) => `a${times(';')(n)}`],
  ['parameters', EXTENSIONS, (n) => `a${times(';b=c')(n)}`],
  ['offers', EXTENSIONS, times('a,')],
  ['commas', EXTENSIONS, times(',')],
  ['quoted values', EXTENSIONS, (n) => `a${times(';b="c"')(n)}`],
  ['one name', EXTENSIONS, times('a')],
  ['spaces between two subprotocols', SUBPROTOCOL, (n) => `b${times(' ')(n)}x`],
  ['subprotocols that are all the same', SUBPROTOCOL, times('a,')],
  ['subprotocols that all differ', SUBPROTOCOL, (n) => numbered(n)],
  ['commas in the subprotocols', SUBPROTOCOL, (n) => `a${times(' ,')(n)}`],
  ['a long subprotocol', SUBPROTOCOL, times('a')],
  ['tokens in Connection', 'Connection', (n) => `Upgrade, ${numbered(n)}`],
  ['spaces in Connection', 'Connection', (n) => `Upgrade,${times(' ')(n)}x`],
  ['tokens in Upgrade', 'Upgrade', (n) => `websocket, ${numbered(n)}`],
  ['slashes in Upgrade', 'Upgrade', times('websocket/')],
  ['a long key', 'Sec-WebSocket-Key', times('A')],
  ['spaces in the key', 'Sec-WebSocket-Key', (n) => `A${times(' ')(n)}==`],
  ['a long version', 'Sec-WebSocket-Version', times('13,')],
  ['a long host', 'Host', times('a')],
  ['colons in the host', 'Host', times(':1')],
  ['digits in the host', 'Host', (n) => `a:${times('1')(n)}`],
  ['brackets in the host', 'Host', (n) => `[${times(':')(n)}`],
  ['a long origin', 'Origin', (n) => `http://${times('a')(n)}`],
  ['colons in the origin', 'Origin', (n) => `http://a${times(':1')(n)}`],
  ['a long scheme in the origin', 'Origin', times('a+')],
  ['slashes in the origin', 'Origin', (n) => `a:${times('/')(n)}`],
  ['a long origin against a list', 'Origin', (n) => `http://${times('a.')(n)}`, '/listed'],
  ['addresses of proxies', 'X-Forwarded-For', times('1,'), '/proxied'],
  [
    'spaces in the addresses of proxies',
    'X-Forwarded-For',
    (n) => `1${times(' ')(n)}2`,
    '/proxied',
  ],
  ['hosts of proxies', 'X-Forwarded-Host', times('a ,'), '/proxied'],
  ['a long path', 'X', () => '', '/a'],
  ['a path of slashes', 'X', () => '', '//'],
  ['a long query', 'X', () => '', '/?a&'],
  ['a long host in the target', 'X', () => '', 'http://a'],
];

/** `a0,a1,…` of about that length. */
function numbered(length: number): string {
  const names: string[] = [];
  for (let at = 0; at < length; at += names.at(-1)!.length + 1)
    names.push(`a${String(names.length)}`);
  return names.join(',');
}

let child: Child;
beforeAll(async () => {
  child = await Child.serve(
    PROGRAM,
    ...COUNTING,
    '--max-http-header-size=300000',
    '--enable-experimental-regexp-engine-on-excessive-backtracks',
    '--trace-experimental-regexp-engine',
    `--regexp-backtracks-before-fallback=${String(BACKTRACKS)}`,
  );
});
afterAll(stopChildren);

/** The steps that a request with the attack at this length takes, and how it was answered. */
async function attack(row: Attack, length: number): Promise<{ steps: number; status: number }> {
  const [, header, value, start = '/'] = row;
  const target = header === 'X' ? start + start.slice(-1).repeat(length) : start;
  await child.ask('work'); // counts from here
  const client = await RawClient.connect(child.port);
  client.send(upgradeRequest({ target, headers: { [header]: value(length) } }));
  const { status } = await client.response();
  client.destroy();
  const { steps } = await child.ask<Work>('work');
  return { steps, status };
}

test.each(ATTACKS)(
  '%s: 64 KB cost about eight times what 8 KB cost, not sixty-four times',
  async (...row) => {
    await attack(row, 100); // what happens only once is not of interest
    const few = await attack(row, 8_000);
    const many = await attack(row, 64_000);
    expect(many.steps).toBeLessThan(few.steps * 16 + 2000);
    expect(many.steps).toBeLessThan(64_000 * 20);
    expect(many.status).toBe(few.status);
    expect(child.printed).toBe('');
  },
);

test('the server answers as before, and a bad regular expression would have been noticed', async () => {
  await child.expectAlive();
  expect(child.stderr).toBe('');
  await child.ask('checkTheCheck');
  expect(child.printed).toContain('(a+)+$');
});
