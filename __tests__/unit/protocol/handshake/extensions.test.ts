import {
  type ExtensionOffer,
  formatExtensions,
  parseExtensions,
} from '../../../../src/protocol/handshake/extensions.js';

const offer = (name: string, ...params: [string, string?][]): ExtensionOffer => ({
  name,
  params: params.map(([param, value]) => ({ name: param, value })),
});

describe('parseExtensions (RFC 6455 section 9.1)', () => {
  it.each<[string, string, ExtensionOffer[]]>([
    ['no header', '', []],
    ['one extension', 'permessage-deflate', [offer('permessage-deflate')]],
    ['a parameter without a value', 'foo; bar', [offer('foo', ['bar'])]],
    ['a parameter with a value', 'foo; bar=1', [offer('foo', ['bar', '1'])]],
    ['a quoted value', 'foo; bar="10"', [offer('foo', ['bar', '10'])]],
    ['a quoted value with an escape', String.raw`foo; bar="1\0"`, [offer('foo', ['bar', '10'])]],
    [
      'white space everywhere',
      ' foo\t;  bar =\t"1" ; baz , qux ',
      [offer('foo', ['bar', '1'], ['baz']), offer('qux')],
    ],
    ['no white space', 'foo;bar=1;baz,qux', [offer('foo', ['bar', '1'], ['baz']), offer('qux')]],
    [
      "the client's alternatives, in its order",
      'permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits',
      [
        offer('permessage-deflate', ['client_max_window_bits'], ['server_max_window_bits', '10']),
        offer('permessage-deflate', ['client_max_window_bits']),
      ],
    ],
    [
      'a parameter that is repeated',
      'foo; a=1; a=2; a',
      [offer('foo', ['a', '1'], ['a', '2'], ['a'])],
    ],
    ['empty elements', ', ,foo,,', [offer('foo')]],
    [
      'names that every object has',
      'constructor; __proto__=1; toString, __proto__; constructor="x", hasOwnProperty',
      [
        offer('constructor', ['__proto__', '1'], ['toString']),
        offer('__proto__', ['constructor', 'x']),
        offer('hasOwnProperty'),
      ],
    ],
  ])('reads %s', (_what, header, offers) => {
    expect(parseExtensions(header)).toEqual(offers);
    expect(Object.prototype).not.toHaveProperty('params');
  });

  it.each([
    ['a parameter without an extension', ';a'],
    ['an empty parameter', 'foo;'],
    ['an empty parameter before another', 'foo;;bar'],
    ['an empty parameter before the next extension', 'foo; , bar'],
    ['a parameter without a name', 'foo; =1'],
    ['a value that is missing', 'foo; bar='],
    ['a value that is missing before another parameter', 'foo; bar=; baz'],
    ['an empty quoted value', 'foo; bar=""'],
    ['a quoted value that is not a token', 'foo; bar="1 2"'],
    ['a quoted value with a comma', 'foo; bar="1,2"'],
    ['a quoted value that is not closed', 'foo; bar="1'],
    ['a quoted value whose end is escaped', String.raw`foo; bar="1\"`],
    ['something after a quoted value', 'foo; bar="1"2'],
    ['two names', 'foo bar'],
    ['two values', 'foo; bar=1 2'],
    ['two equals signs', 'foo; bar==1'],
    ['a quoted name', '"foo"'],
    ['a character that is not of a token', 'foo; b@r'],
    ['a letter that is not ASCII', 'föö'],
    ['a fault after a good offer', 'foo, bar; ='],
  ])('refuses %s', (_what, header) => {
    expect(parseExtensions(header)).toBeUndefined();
  });

  /** How often the parser looks at the header: at its length, a character, or a part of it. */
  function looks(text: string): number {
    let count = 0;
    const watched = new Proxy(new String(text), {
      get(target, key) {
        count++;
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    parseExtensions(watched as unknown as string);
    return count;
  }

  it.each([
    ['offers', '', 'a,'],
    ['parameters', 'a', ';a'],
    ['parameters with values', 'a', ';a=b'],
    ['parameters with quoted values', 'a', ';a="b"'],
    ['spaces before a semicolon', 'a', ' '],
    ['escapes in a quoted value', 'a;a="', '\\a'],
    ['quotes that are never closed', 'a;a="b";b="', 'c'],
  ])('does work in proportion to the length: %s', (_what, start, unit) => {
    const long = looks(start + unit.repeat(8000));
    expect(long).toBeLessThanOrEqual(8 * looks(start + unit.repeat(1000)) + 10);
    expect(long).toBeLessThanOrEqual(10 * (start.length + 8000 * unit.length));
  });
});

describe('formatExtensions', () => {
  it.each<[string, ExtensionOffer[]]>([
    ['', []],
    ['foo', [offer('foo')]],
    ['foo; bar', [offer('foo', ['bar'])]],
    ['foo; a=1; b, bar; c=2', [offer('foo', ['a', '1'], ['b']), offer('bar', ['c', '2'])]],
  ])('writes %j, which reads as the same offers', (header, offers) => {
    expect(formatExtensions(offers)).toBe(header);
    expect(parseExtensions(header)).toEqual(offers);
  });
});
