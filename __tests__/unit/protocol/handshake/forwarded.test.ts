import { parseForwarded } from '../../../../src/protocol/handshake/forwarded.js';

const element = (peer?: string, host?: string) => ({ for: peer, host });

describe('parseForwarded (RFC 7239 section 4)', () => {
  it.each([
    ['', []],
    ['for=192.0.2.60;proto=http;by=203.0.113.43', [element('192.0.2.60')]],
    ['For="[2001:db8:cafe::17]:4711"', [element('[2001:db8:cafe::17]:4711')]],
    ['for=192.0.2.43, for=198.51.100.17', [element('192.0.2.43'), element('198.51.100.17')]],
    ['for=unknown;HOST=example.com', [element('unknown', 'example.com')]],
    ['host="a \\"b\\""', [element(undefined, 'a "b"')]],
    ['for=[2001:db8::1]:80;host=a:80', [element('[2001:db8::1]:80', 'a:80')]], // without quotes
    ['proto=https', [element()]],
    ['for=a ; host=b ,, \tfor=c', [element('a', 'b'), element('c')]],
    [';for=a;;host=b;', [element('a', 'b')]],
    ['for=', [element('')]],
    ['for="a, for=b"', [element('a, for=b')]],
  ])('reads %s', (text, elements) => {
    expect(parseForwarded(text)).toEqual(elements);
  });

  it.each(['for', 'for="a', '=a', 'for=a for=b', 'for="a"b', 'for = a', 'for=a"b"', 'for=a;FOR=b'])(
    'refuses %s',
    (text) => {
      expect(parseForwarded(text)).toBeUndefined();
    },
  );
});
