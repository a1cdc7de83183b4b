import { hostEntry, isFault, originEntry } from '../../../../src/server/admission/list-entries.js';

const origin = (scheme: string, host: string, port = '') => ({ scheme, host, port });
const host = (name: string, port = '') => ({ host: name, port });

/** The entries that a fault says to write. */
function advised(read: object | string): string[] {
  const [, advice = ''] = isFault(read) ? (/; write (.*)/.exec(read.fault) ?? []) : [];
  return [...advice.matchAll(/"[^"]*"/g)].map(([text]) => JSON.parse(text) as string);
}

describe('an entry of option origin', () => {
  it.each([
    ['null', 'null'],
    ['same-origin', 'same-origin'],
    ['https://example.com', origin('https', 'example.com')],
    ['HTTPS://Example.COM:443', origin('https', 'example.com')],
    ['https://example.com:0443', origin('https', 'example.com')],
    ['http://localhost:3000', origin('http', 'localhost', '3000')],
    ['http://[::1]:3000', origin('http', '[::1]', '3000')],
    ['http://[0:0:0:0:0:0:0:1]', origin('http', '[::1]')],
    ['http://127.1', origin('http', '127.0.0.1')],
    ['https://bücher.example', origin('https', 'xn--bcher-kva.example')],
    ['https://*.bücher.example', origin('https', '*.xn--bcher-kva.example')],
    ['https://xn--bcher-kva.example', origin('https', 'xn--bcher-kva.example')],
    ['https://ex%61mple.com', origin('https', 'example.com')],
    ['https://my_host', origin('https', 'my_host')],
    ['https://example.com.', origin('https', 'example.com.')],
    ['https://*.Example.com', origin('https', '*.example.com')],
    ['https://*.example.com:8443', origin('https', '*.example.com', '8443')],
    ['https://*.example.com:443', origin('https', '*.example.com')],
    ['file://', origin('file', '')],
    ['qrc://', origin('qrc', '')],
    ['app://.', origin('app', '.')],
    ['capacitor://localhost', origin('capacitor', 'localhost')],
    ['tauri://localhost', origin('tauri', 'localhost')],
    ['chrome-extension://abcdefghijklmnop', origin('chrome-extension', 'abcdefghijklmnop')],
    ['moz-extension://0b3f-11', origin('moz-extension', '0b3f-11')],
    ['capacitor://*.example.com', origin('capacitor', '*.example.com')],
    ['wss://example.com:443', origin('wss', 'example.com')],
  ])('%s is read', (text, entry) => {
    expect(originEntry(text)).toEqual(entry);
  });

  it.each([
    ['', 'an entry is empty'],
    ['*', `"*" in a list matches no page; write origin: '*' to admit every page`],
    ['NULL', '"NULL" is not an origin; write "null"'],
    ['Same-Origin', '"Same-Origin" is not an origin; write "same-origin"'],
    [
      'example.com',
      '"example.com" has no scheme; write "https://example.com", or "http://example.com" for a page without TLS',
    ],
    [
      '*.example.com',
      '"*.example.com" has no scheme; write "https://*.example.com", or "http://*.example.com" for a page without TLS',
    ],
    [
      'localhost:3000/x',
      '"localhost:3000/x" has no scheme; write "https://localhost:3000", or "http://localhost:3000" for a page without TLS',
    ],
    [
      'a page',
      '"a page" is not an origin; write it as a browser sends it, such as "https://example.com"',
    ],
    [
      'https://example.com/',
      '"https://example.com/" goes on after the host and port, which an origin does not; write "https://example.com"',
    ],
    [
      'https://example.com?x',
      '"https://example.com?x" goes on after the host and port, which an origin does not; write "https://example.com"',
    ],
    [
      'file:///',
      '"file:///" goes on after the host and port, which an origin does not; write "file://"',
    ],
    ['https://', '"https://" has no host'],
    ['https://:8080', '"https://:8080" has no host'],
    ['qrc://:1', '"qrc://:1" has no host'],
    ['https://a b.example', '"https://a b.example" has white space in it'],
    [' https://example.com', 'is not an origin; write it as a browser sends it'],
    ['https://example.com ', '"https://example.com " has white space in it'],
    ['https://me:secret@example.com', 'has a user name, which no request has there; leave it out'],
    ['https://a*.example.com', 'a * stands only for whole subdomains'],
    ['https://a.*.example.com', 'a * stands only for whole subdomains'],
    ['https://*.*.example.com', 'a * stands only for whole subdomains'],
    ['https://*', 'a * stands only for whole subdomains'],
    ['https://*example.com', 'a * stands only for whole subdomains'],
    ['https://example.*', 'a * stands only for whole subdomains'],
    ['https://example.com:*', 'a * stands only for whole subdomains'],
    ['moz-extension://*', 'a * stands only for whole subdomains'],
    ['https://*.', '"https://*." does not name a host'],
    ['https://*.127.0.0.1', 'an address has no subdomains'],
    ['https://*.0.1', 'an address has no subdomains'],
    ['https://*.[::1]', 'an address has no subdomains'],
    ['https://::1', 'an IPv6 address stands in brackets'],
    ['https://[::1', 'an IPv6 address stands in brackets'],
    ['https://[evil]', '"https://[evil]" does not name a host'],
    ['http://[fe80::1%25eth0]', 'has a zone, which is not compared; leave it out'],
    ['https://a|b', '"https://a|b" does not name a host'],
    ['https://a,b', '"https://a,b" does not name a host'],
    ['app://a,b', '"app://a,b" does not name a host'],
    ['app://bücher', '"app://bücher" does not name a host'],
    ['https://example.com:', 'ports are from 1 to 65535'],
    ['https://example.com:0', 'ports are from 1 to 65535'],
    ['https://example.com:65536', 'ports are from 1 to 65535'],
    ['https://example.com:http', 'ports are from 1 to 65535'],
    ['https://example.com:80:80', 'is not a host and port'],
    ['https://a*.example.com/x', '"https://a*.example.com" matches nothing'],
  ])('%j is a fault', (text, fault) => {
    expect(originEntry(text)).toEqual({ fault: expect.stringContaining(fault) as string });
    for (const entry of advised(originEntry(text))) {
      expect(isFault(originEntry(entry))).toBe(false);
    }
  });
});

describe('an entry of option allowedHosts', () => {
  it.each([
    ['example.com', host('example.com')],
    ['Example.COM.', host('example.com')],
    ['example.com:8080', host('example.com', '8080')],
    ['example.com:443', host('example.com', '443')],
    ['localhost', host('localhost')],
    ['127.0.0.1:80', host('127.0.0.1', '80')],
    ['[::1]', host('[::1]')],
    ['[0:0::1]:8080', host('[::1]', '8080')],
    ['*.example.com', host('*.example.com')],
    ['*.Example.com.:8080', host('*.example.com', '8080')],
    ['*.localhost', host('*.localhost')],
    ['bücher.example', host('xn--bcher-kva.example')],
  ])('%s is read', (text, entry) => {
    expect(hostEntry(text)).toEqual(entry);
  });

  it.each([
    ['', 'an entry is empty'],
    ['*', '"*" matches no host; leave the option out to serve every host'],
    [
      'https://app.example.com',
      '"https://app.example.com" is more than a Host header has, a host and a port; write "app.example.com"',
    ],
    [
      'example.com/chat',
      '"example.com/chat" is more than a Host header has, a host and a port; write "example.com"',
    ],
    ['a*.example.com', 'a * stands only for whole subdomains'],
    ['*.*.com', 'a * stands only for whole subdomains'],
    ['*:8080', 'a * stands only for whole subdomains'],
    ['*.', '"*." does not name a host'],
    ['*.10.0.0.1', 'an address has no subdomains'],
    ['::1', '"::1" needs brackets; write "[::1]"'],
    ['fe80::1%eth0', '"fe80::1%eth0" needs brackets; write "[fe80::1]"'],
    ['[fe80::1%eth0]', 'has a zone, which is not compared; leave it out'],
    ['::1:8080x', 'is not a host and port; an IPv6 address stands in brackets'],
    ['me@example.com', 'has a user name'],
    ['a b', 'has white space in it'],
    ['example.com ', 'has white space in it'],
    ['example.com:', 'ports are from 1 to 65535'],
    ['example.com:99999', 'ports are from 1 to 65535'],
    [':8080', '":8080" does not name a host'],
    ['a,b', '"a,b" does not name a host'],
    ['.', '"." does not name a host'],
    ['https://a*.example.com/x', '"a*.example.com" matches nothing'],
  ])('%j is a fault', (text, fault) => {
    expect(hostEntry(text)).toEqual({ fault: expect.stringContaining(fault) as string });
    for (const entry of advised(hostEntry(text))) expect(isFault(hostEntry(entry))).toBe(false);
  });
});
