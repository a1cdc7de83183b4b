import {
  type Host,
  isListedHost,
  isListedOrigin,
  isSameOrigin,
  isWebScheme,
  type OriginEntry,
  parseHost,
  parseOrigin,
  portOf,
  withoutDot,
} from '../../../../src/protocol/handshake/origin.js';

describe('parseOrigin (RFC 6454 section 6.2)', () => {
  it.each([
    ['https://example.com', 'https', 'example.com', ''],
    ['HTTPS://Example.COM', 'https', 'example.com', ''],
    ['https://example.com:443', 'https', 'example.com', ''],
    ['http://example.com:80', 'http', 'example.com', ''],
    ['wss://example.com:443', 'wss', 'example.com', ''],
    ['ws://example.com:80', 'ws', 'example.com', ''],
    ['https://example.com:80', 'https', 'example.com', '80'],
    ['http://example.com:443', 'http', 'example.com', '443'],
    ['http://localhost:8080', 'http', 'localhost', '8080'],
    ['http://[::1]:8080', 'http', '[::1]', '8080'],
    ['http://[2001:DB8::1]', 'http', '[2001:db8::1]', ''],
    ['chrome-extension://abcdef', 'chrome-extension', 'abcdef', ''],
    ['constructor://a:80', 'constructor', 'a', '80'],
    ['https://example.com:0443', 'https', 'example.com', ''],
    ['file://', 'file', '', ''],
    ['QRC://', 'qrc', '', ''],
    ['app://.', 'app', '.', ''],
  ])('reads %s', (text, scheme, host, port) => {
    expect(parseOrigin(text)).toEqual({ scheme, host, port });
  });

  it.each([
    'null',
    '',
    'example.com',
    '//example.com',
    'https:',
    'https://',
    'https:/example.com',
    'https://example.com/',
    'https://example.com/path',
    'https://example.com?query',
    'https://example.com#fragment',
    'https://user@example.com',
    'https://user:secret@example.com',
    'https://example.com:',
    'https://example.com:port',
    'https://example.com:123456',
    'https://example.com:65536',
    'https://:80',
    'file://:80',
    'qrc:',
    'https://*.example.com',
    'https://example.com\\',
    'https://example.com,',
    'https://ex%61mple.com',
    'http://[fe80::1%25eth0]',
    'https://example.com:80:80',
    'https://[::1',
    'https://::1',
    'https://[evil]',
    ' https://example.com',
    'https://example.com ',
    'https://example.com\n',
    'https://example.com, https://evil.com',
    'https://example.com https://evil.com',
    '1https://example.com',
  ])('refuses %j', (text) => {
    expect(parseOrigin(text)).toBeUndefined();
  });
});

describe('parseHost (RFC 9110 section 7.2)', () => {
  it.each([
    ['example.com', 'example.com', ''],
    ['EXAMPLE.com:8080', 'example.com', '8080'],
    ['example.com.', 'example.com.', ''],
    ['example.com:', 'example.com', ''],
    ['example.com:0080', 'example.com', '80'],
    ['[2001:DB8::1]:443', '[2001:db8::1]', '443'],
    ['[fe80::1%25eth0]:80', '[fe80::1]', '80'],
    ['[fe80::1%eth0]', '[fe80::1]', ''],
    ['[::ffff:192.0.2.1]', '[::ffff:192.0.2.1]', ''],
  ])('reads %s', (text, host, port) => {
    expect(parseHost(text)).toEqual({ host, port });
  });

  it.each([
    '',
    ':80',
    '::1',
    '[::1',
    '[]',
    '[::1%]',
    '[::1]x',
    '[::1%a b]',
    'a b',
    'a@b',
    'a/b',
    'a,b',
    '*.example.com',
    'a:80:80',
    'a:99999',
    'a:123456',
  ])('refuses %j', (text) => {
    expect(parseHost(text)).toBeUndefined();
  });
});

it('has the default ports of web pages', () => {
  expect(['http', 'https', 'ws', 'wss', 'file', 'constructor'].map(isWebScheme)).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
  ]);
  expect(portOf('https', '443')).toBe('');
  expect(portOf('https', '80')).toBe('80');
  expect(portOf('qrc', '80')).toBe('80');
});

it('removes one dot from the end of a name', () => {
  expect(['a.', 'a', 'a..'].map(withoutDot)).toEqual(['a', 'a', 'a.']);
});

describe('isSameOrigin', () => {
  it.each([
    ['https://example.com', 'example.com'],
    ['http://example.com', 'example.com'], // TLS may end at a proxy: the scheme does not count
    ['https://EXAMPLE.com', 'example.COM'],
    ['https://example.com', 'example.com:443'],
    ['https://example.com:443', 'example.com'],
    ['http://example.com', 'example.com:80'],
    ['http://localhost:8080', 'localhost:8080'],
    ['http://[::1]:8080', '[::1]:8080'],
    ['http://127.0.0.1:3000', '127.0.0.1:3000'],
    ['http://[fe80::1]:8080', '[fe80::1%25eth0]:8080'], // a page's origin has no zone
    ['https://example.com', 'example.com:'],
    ['https://example.com.', 'example.com.'],
    ['capacitor://localhost', 'localhost'],
  ])('%s is the same as the host %s', (origin, host) => {
    expect(isSameOrigin(origin, host)).toBe(true);
  });

  it.each([
    ['null', 'null'],
    ['null', ''],
    ['', ''],
    ['https://evil.com', 'example.com'],
    ['https://example.com.evil.com', 'example.com'],
    ['https://evil-example.com', 'example.com'],
    ['https://sub.example.com', 'example.com'],
    ['https://example.com', 'sub.example.com'],
    ['https://example.com', 'example.com.evil.com'],
    ['https://example.co', 'example.com'],
    ['http://localhost:8081', 'localhost:8080'],
    ['http://localhost', 'localhost:8080'],
    ['http://localhost:8080', 'localhost'],
    ['http://example.com', 'example.com:443'],
    ['https://example.com', 'example.com:80'],
    ['https://example.com@evil.com', 'example.com'],
    ['https://evil.com@example.com', 'example.com'],
    ['https://example.com', 'evil.com@example.com'],
    ['https://example.com', 'example.com/'],
    ['https://example.com', 'example.com, evil.com'],
    ['https://example.com/', 'example.com'],
    ['https://example.com', ''],
    ['file://', ''],
    ['https://example.com.', 'example.com'],
    ['example.com', 'example.com'],
  ])('%j is not the same as the host %j', (origin, host) => {
    expect(isSameOrigin(origin, host)).toBe(false);
  });
});

const entry = (scheme: string, host: string, port = ''): OriginEntry => ({ scheme, host, port });

describe('isListedOrigin', () => {
  const HOST = 'www.example.net';
  const list = [
    entry('https', 'example.com'),
    entry('http', 'localhost', '8080'),
    entry('https', '*.example.org'),
    entry('https', '*.example.org', '8443'),
    entry('file', ''),
    entry('moz-extension', '0b3f-11'),
  ];

  it.each([
    'https://example.com',
    'https://example.com:443',
    'HTTPS://EXAMPLE.COM',
    'http://localhost:8080',
    'https://a.example.org',
    'https://A.Example.ORG:443',
    'https://a.b.example.org',
    'https://a.example.org:8443',
    'file://',
    'FILE://',
    'moz-extension://0b3f-11',
  ])('finds %s', (origin) => {
    expect(isListedOrigin(origin, HOST, list)).toBe(true);
  });

  it.each([
    'http://example.com',
    'https://example.com:8443',
    'https://example.com.evil.com',
    'https://evil-example.com',
    'https://sub.example.com',
    'http://localhost',
    'http://localhost:80800',
    'https://example.org',
    'https://evilexample.org',
    'https://.example.org',
    'https://a.example.org.evil.com',
    'https://*.example.org',
    'http://a.example.org',
    'https://a.example.org:80',
    'https://www.example.net',
    'qrc://',
    'file://x',
    'null',
    'example.com',
    '',
    'https://example.com/',
  ])('does not find %j', (origin) => {
    expect(isListedOrigin(origin, HOST, list)).toBe(false);
  });

  it('finds null only if null is listed, and matches nothing else with it', () => {
    expect(isListedOrigin('null', HOST, ['null'])).toBe(true);
    expect(isListedOrigin('NULL', HOST, ['null'])).toBe(false);
    expect(isListedOrigin('null', HOST, [])).toBe(false);
    expect(isListedOrigin('https://null', HOST, ['null'])).toBe(false);
  });

  it('finds the same origin if it is listed beside others', () => {
    const both: OriginEntry[] = ['same-origin', entry('https', 'example.com')];
    expect(isListedOrigin('https://www.example.net', HOST, both)).toBe(true);
    expect(isListedOrigin('https://example.com', HOST, both)).toBe(true);
    expect(isListedOrigin('https://example.net', HOST, both)).toBe(false);
    expect(isListedOrigin('null', 'null', both)).toBe(false);
  });
});

describe('isListedHost', () => {
  const listed = (host: string, port = ''): Host[] => [
    { host: 'other', port: '' },
    { host, port },
  ];

  it.each<[string, Host[]]>([
    ['example.com', listed('example.com')],
    ['EXAMPLE.com', listed('example.com')],
    ['example.com:8080', listed('example.com')], // an entry without a port stands for every port
    ['example.com:', listed('example.com')],
    ['example.com:8080', listed('example.com', '8080')],
    ['example.com', listed('example.com', '443')], // a default port is not sent
    ['example.com', listed('example.com', '80')],
    ['example.com:443', listed('example.com', '443')],
    ['example.com.', listed('example.com')],
    ['[::1]:8080', listed('[::1]')],
    ['[::1]', listed('[::1]')],
    ['[fe80::1%25eth0]:80', listed('[fe80::1]')],
    ['a.example.com', listed('*.example.com')],
    ['a.b.EXAMPLE.com:81', listed('*.example.com')],
    ['a.example.com.', listed('*.example.com')],
    ['a.example.com:81', listed('*.example.com', '81')],
  ])('finds %s in %j', (host, list) => {
    expect(isListedHost(host, list)).toBe(true);
  });

  it.each<[string, Host[]]>([
    ['example.com', listed('example.com', '8080')],
    ['example.com:80', listed('example.com', '8080')],
    ['example.com:80', listed('example.com', '443')],
    ['example.com.evil.com', listed('example.com')],
    ['sub.example.com', listed('example.com')],
    ['evil-example.com', listed('example.com')],
    ['example.com:80.evil.com', listed('example.com')],
    ['example.com:8080:80', listed('example.com')],
    ['example.com..', listed('example.com')],
    ['[::1]', listed('::1')],
    ['example.com', listed('*.example.com')],
    ['.example.com', listed('*.example.com')],
    ['evilexample.com', listed('*.example.com')],
    ['a.example.com:82', listed('*.example.com', '81')],
    ['', listed('example.com')],
  ])('does not find %j in %j', (host, list) => {
    expect(isListedHost(host, list)).toBe(false);
  });

  it('finds nothing in an empty list', () => {
    expect(isListedHost('example.com', [])).toBe(false);
  });
});
