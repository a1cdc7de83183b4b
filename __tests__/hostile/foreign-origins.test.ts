/** Pages of other origins that would use a visitor's cookies (CVE-2018-14732, CVE-2025-24010, CVE-2020-28481). */
import type { ServerOptions } from '../../src/index.js';
import { Host, stopHosts } from '../support/host.js';
import { ACCEPTED, VERSIONS } from '../support/versions.js';

afterEach(stopHosts);

describe.each(VERSIONS)('over %s', (version) => {
  const accepted = ACCEPTED[version];

  async function status(
    headers: Record<string, string | string[]>,
    options: ServerOptions = {},
  ): Promise<number> {
    const host = await Host.startOver(version, { logger: { warn() {}, error() {} }, ...options });
    const client = await host.request({ headers: { Host: 'good.example:8080', ...headers } });
    const response = await client.response();
    client.destroy();
    return response.status;
  }

  const TRICKS = [
    'http://evil.example',
    'http://good.example.evil.example:8080',
    'http://evilgood.example:8080',
    'http://evil.good.example:8080',
    'http://good.example',
    'http://good.example:80',
    'http://good.example:80800',
    'http://good.example:8080.evil.example',
    'http://good.example:8080@evil.example',
    'http://good.example:8080:8080',
    'http://user@good.example:8080',
    'http://good.example:8080/',
    'http://good.example:8080/path',
    'http://good.example:8080?',
    'http://good.example:8080#',
    'http://good.example.:8080',
    'good.example:8080',
    '//good.example:8080',
    'http:good.example:8080',
    'http:///good.example:8080',
    'http://evil.example, http://good.example:8080',
    'http://good.example:8080 http://evil.example',
    'http://good.example%3a8080',
    'http://good_example:8080',
    'http://g\u00f6od.example:8080',
    'null',
    'undefined',
    'file://',
    '*',
    '',
  ];

  test.each(TRICKS)('a page of the origin "%s" is refused by default', async (origin) => {
    expect(await status({ Origin: origin })).toBe(403);
  });

  test.each(TRICKS)('a page of the origin "%s" is refused by a list', async (origin) => {
    const list = ['http://good.example:8080', 'https://other.example'];
    expect(await status({ Origin: origin }, { origin: list })).toBe(403);
  });

  test('the page itself, in any case, and a client that is no browser are let in', async () => {
    expect(await status({ Origin: 'http://good.example:8080' })).toBe(accepted);
    expect(await status({ Origin: 'HTTPS://GOOD.Example:8080' })).toBe(accepted);
    expect(await status({})).toBe(accepted);
  });

  test('two Origin headers are refused, in either order', async () => {
    const [good, evil] = ['http://good.example:8080', 'http://evil.example'];
    expect(await status({ Origin: [good, evil] })).toBe(400);
    expect(await status({ Origin: [evil, good] })).toBe(400);
  });

  test('the older name of the header does not stand in for it', async () => {
    const headers = { 'Sec-WebSocket-Origin': 'http://good.example:8080' };
    expect(await status({ ...headers, Origin: 'http://evil.example' })).toBe(403);
  });

  test('X-Forwarded-Host does not make a foreign page the same origin, unless a proxy is trusted', async () => {
    const headers = { Origin: 'http://evil.example', 'X-Forwarded-Host': 'evil.example' };
    expect(await status(headers)).toBe(403);
    expect(await status(headers, { trustProxy: 1 })).toBe(accepted);
  });

  test('a rebound DNS name is refused by allowedHosts although its page has the same origin', async () => {
    const headers = { Host: 'evil.example', Origin: 'http://evil.example' };
    expect(await status(headers)).toBe(accepted);
    for (const host of [
      'evil.example',
      'good.example.evil.example',
      'evil-good.example',
      'good.example:x',
    ]) {
      const answer = await status({ Host: host }, { allowedHosts: ['good.example'] });
      expect([host, [400, 403].includes(answer)]).toEqual([host, true]);
    }
  });
});
