import {
  isListedHost,
  isListedOrigin,
  isSameOrigin,
  parseOrigin,
} from '../../../src/protocol/origin.js';

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
    ['example.com', 'example.com'],
  ])('%j is not the same as the host %j', (origin, host) => {
    expect(isSameOrigin(origin, host)).toBe(false);
  });
});

describe('isListedOrigin', () => {
  const list = ['https://example.com', 'http://localhost:8080', 'HTTPS://App.Example.com:443'];

  it.each([
    'https://example.com',
    'https://example.com:443',
    'HTTPS://EXAMPLE.COM',
    'http://localhost:8080',
    'https://app.example.com',
  ])('finds %s', (origin) => {
    expect(isListedOrigin(origin, list)).toBe(true);
  });

  it.each([
    'http://example.com',
    'https://example.com:8443',
    'https://example.com.evil.com',
    'https://evil-example.com',
    'https://sub.example.com',
    'http://localhost',
    'http://localhost:80800',
    'null',
    'example.com',
    '',
    'https://example.com/',
  ])('does not find %j', (origin) => {
    expect(isListedOrigin(origin, list)).toBe(false);
  });

  it('finds null only where null is listed, and nothing else by it', () => {
    expect(isListedOrigin('null', ['null'])).toBe(true);
    expect(isListedOrigin('NULL', ['null'])).toBe(false);
    expect(isListedOrigin('null', [])).toBe(false);
    expect(isListedOrigin('https://null', ['null'])).toBe(false);
    expect(isListedOrigin('https://example.com', ['null', '', 'example.com', '*'])).toBe(false);
  });
});

describe('isListedHost', () => {
  it.each([
    ['example.com', 'example.com'],
    ['EXAMPLE.com', 'example.COM'],
    ['example.com:8080', 'example.com'], // an entry without a port stands for every port
    ['example.com:', 'example.com'],
    ['example.com:8080', 'example.com:8080'],
    ['[::1]:8080', '[::1]'],
    ['[::1]', '[::1]'],
  ])('finds %s by the entry %s', (host, entry) => {
    expect(isListedHost(host, ['other', entry])).toBe(true);
  });

  it.each([
    ['example.com', 'example.com:8080'],
    ['example.com:80', 'example.com:8080'],
    ['example.com.evil.com', 'example.com'],
    ['sub.example.com', 'example.com'],
    ['evil-example.com', 'example.com'],
    ['example.com:80.evil.com', 'example.com'],
    ['example.com:8080:80', 'example.com'],
    ['example.com.', 'example.com'],
    ['[::1]', '[:'],
    ['[::1]', '::1'],
  ])('does not find %s by the entry %s', (host, entry) => {
    expect(isListedHost(host, [entry])).toBe(false);
  });

  it('finds nothing in an empty list', () => {
    expect(isListedHost('example.com', [])).toBe(false);
  });
});
