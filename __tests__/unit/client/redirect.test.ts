import { type Address, readAddress } from '../../../src/client/address.js';
import { fieldsFor, leavesHost, Redirects, resolveRedirect } from '../../../src/client/redirect.js';

const at = (url: string): Address => readAddress(new URL(url)) as Address;

describe('resolveRedirect', () => {
  it.each([
    ['ws://a/b/c', 'd', 'ws://a/b/d'],
    ['ws://a/b', '/d?e', 'ws://a/d?e'],
    ['wss://a/b', '//c/d', 'wss://c/d'],
    ['ws://a/', 'wss://a/', 'wss://a/'],
    ['ws://a/', 'http://c:81/', 'ws://c:81/'],
    ['ws://a/', 'https://c', 'wss://c/'],
    ['ws+unix:/run/a.sock:/b', 'ws://c/', 'ws://c/'],
    ['ws+unix:/run/a.sock:/b', 'ws+unix:/run/a.sock:/c', 'ws+unix:/run/a.sock:/c'],
    ['ws+unix:/run/a.sock:/b/c', 'd?e', 'ws+unix:/run/a.sock:/b/d?e'],
    ['ws+unix:/run/a%20b.sock', '/c', 'ws+unix:/run/a%20b.sock:/c'],
    // A path is no way to another socket.
    ['ws+unix:/run/a.sock', '/run/b.sock:/c', 'ws+unix:/run/a.sock:/run/b.sock:/c'],
  ])('leads from %s by %s to %s', (from, location, to) => {
    expect((resolveRedirect(location, at(from)) as Address).url.href).toBe(to);
  });

  it.each<[string, string, object]>([
    ['ws://a/', 'http://', { code: 'location' }],
    ['ws+unix:/run/a.sock', 'http://', { code: 'location' }],
    ['ws://a/', 'ftp://a/', { code: 'scheme', url: new URL('ftp://a/') }],
    ['ws://a/', '#b', { code: 'fragment', url: new URL('ws://a/#b') }],
    ['ws+unix:/a', '/b#c', { code: 'fragment', url: new URL('ws+unix:/a:/b#c') }],
    ['ws://a/', 'ws+unix:/run/b.sock', { code: 'unix-socket' }],
    ['ws+unix:/run/a.sock', 'ws+unix:/run/b.sock:/', { code: 'unix-socket' }],
  ])('does not lead from %s by %s', (from, location, fault) => {
    expect(resolveRedirect(location, at(from))).toEqual(fault);
  });
});

describe('Redirects', () => {
  const follow = (from: string, locations: string[], staysSecure = true, staysOnHost = false) => {
    const redirects = new Redirects(at(from), 2, staysSecure);
    const faults = locations.map((location) => redirects.follow(location, staysOnHost)?.code);
    return [redirects.address.url.href, ...faults];
  };

  it.each<[string[], ...(string | undefined)[]]>([
    [['/b', 'wss://c/'], 'wss://c/', undefined, undefined],
    [['/b', '/c', '/d'], 'ws://a/c', undefined, undefined, 'too-many'],
    [['http://'], 'ws://a/', 'location'],
    [['wss://a/', 'ws://a/'], 'wss://a/', undefined, 'insecure'],
  ])('lead by %j to %s', (locations, ...expected) => {
    expect(follow('ws://a/', locations)).toEqual(expected);
  });

  it('may leave the host otherwise', () => {
    expect(new Redirects(at('ws://a/'), 1, true).follow('ws://b/')).toBeUndefined();
  });

  it('may lead from TLS to plain text', () => {
    expect(follow('wss://a/', ['ws://a/'], false)).toEqual(['ws://a/', undefined]);
  });

  it('may have to stay on a host and port', () => {
    expect(follow('ws://a/', ['/b', 'ws://c/'], true, true)).toEqual([
      'ws://a/b',
      undefined,
      'other-host',
    ]);
    expect(follow('ws://a/', ['wss://a/'], true, true)[1]).toBe('other-host');
  });
});

describe('leavesHost', () => {
  it.each([
    [false, 'ws://a/', 'ws://a:80/b'],
    [false, 'ws://a/', 'wss://a/'],
    [true, 'ws://a/', 'ws://a:81/'],
    [true, 'ws://a/', 'ws://b.a/'],
    [false, 'ws+unix:/a:/', 'ws+unix:/a:/b'],
    [true, 'ws+unix:/a', 'ws+unix:/b'],
    [true, 'ws+unix:/a', 'ws://a/'],
  ])('is %s from %s to %s', (leaves, first, now) => {
    expect(leavesHost(at(first), at(now))).toBe(leaves);
  });
});

describe('fieldsFor', () => {
  const SECRETS = { authorization: 'x', Cookie: 'y', 'Proxy-Authorization': 'z' };

  it('gives the fields as they are without a redirect, and on the same host', () => {
    const headers = { ...SECRETS, Host: 'h', 'X-One': ['1', '2'] };
    for (const url of ['wss://a/', 'wss://a/b']) {
      expect(fieldsFor(at(url), at('wss://a/'), headers)).toEqual(headers);
    }
    expect(fieldsFor(at('wss://a/'), at('ws://a/'), headers)).toEqual(headers);
  });

  it('keeps credentials from another host, and from plain text', () => {
    const headers = { ...SECRETS, HOST: 'h', 'X-One': '1' };
    expect(fieldsFor(at('wss://b/'), at('wss://a/'), headers)).toEqual({ 'X-One': '1' });
    expect(fieldsFor(at('ws://a/'), at('wss://a/'), headers)).toEqual({ HOST: 'h', 'X-One': '1' });
  });

  it('writes user and password as a field, which the application’s own replaces', () => {
    const basic = { Authorization: 'Basic w7w6cA==' };
    const address = at('ws://%C3%BC:p@a/');
    expect(fieldsFor(address, address, {})).toEqual(basic);
    expect(fieldsFor(at('ws://a/'), at('ws://a/'), {}, 'ü:p')).toEqual(basic);
    expect(fieldsFor(address, address, {}, 'other:p')).toEqual(basic);
    expect(fieldsFor(address, address, SECRETS)).toEqual(SECRETS);
    expect(fieldsFor(at('ws://a/'), at('ws://a/'), {}, null)).toEqual({});
  });

  it('sends user and password after a redirect to the first host only', () => {
    const first = at('wss://u:p@a/');
    const basic = { Authorization: 'Basic dTpw' };
    expect(fieldsFor(at('wss://a/b'), first, {})).toEqual(basic);
    expect(fieldsFor(at('wss://other:p@a/b'), first, {})).toEqual(basic);
    expect(fieldsFor(at('wss://u:p@a/b'), at('wss://a/'), {})).toEqual(basic);
    expect(fieldsFor(at('wss://b/'), first, {})).toEqual({});
    expect(fieldsFor(at('ws://a/'), first, {}, 'u:p')).toEqual({});
    expect(fieldsFor(at('wss://u:p@b/'), at('wss://a/'), {})).toEqual({});
  });
});
