import {
  checkHeader,
  HeaderCursor,
  isToken,
  parseList,
  parseTokens,
} from '../../../../src/protocol/handshake/http-grammar.js';

/** RFC 9110 section 5.6.2, written out. */
const TOKEN = "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~".split(
  '',
);

describe('HeaderCursor', () => {
  it('skips spaces and tabs, and nothing else', () => {
    const cursor = new HeaderCursor(' \t \ta');
    cursor.skipSpace();
    expect(cursor.at).toBe(4);
    cursor.skipSpace();
    expect(cursor.at).toBe(4);
    const other = new HeaderCursor('\n\u00a0');
    other.skipSpace();
    expect(other.at).toBe(0);
  });

  it('skips spaces up to the end', () => {
    const cursor = new HeaderCursor('  ');
    expect(cursor.done).toBe(false);
    cursor.skipSpace();
    expect(cursor.done).toBe(true);
  });

  it('takes a character if it is next, and does not move otherwise', () => {
    const cursor = new HeaderCursor('a,');
    expect(cursor.take(',')).toBe(false);
    expect(cursor.take('a')).toBe(true);
    expect(cursor.take(',')).toBe(true);
    expect(cursor.take(',')).toBe(false);
    expect(cursor.at).toBe(2);
  });

  it.each([
    ['', '', 0],
    ['abc', 'abc', 3],
    ['abc def', 'abc', 3],
    ['a=b', 'a', 1],
    [',a', '', 0],
    ['é', '', 0],
  ])('reads of %j the token %j', (text, token, at) => {
    const cursor = new HeaderCursor(text);
    expect(cursor.token()).toBe(token);
    expect(cursor.at).toBe(at);
  });

  it.each([
    ['""', '', 2],
    ['"abc"', 'abc', 5],
    ['"a b,;="x', 'a b,;=', 8],
    [String.raw`"a\"b"`, 'a"b', 6],
    [String.raw`"\a\\"`, 'a\\', 6],
  ])('reads of %s the quoted string %j', (text, content, at) => {
    const cursor = new HeaderCursor(text);
    expect(cursor.quotedString()).toBe(content);
    expect(cursor.at).toBe(at);
  });

  it.each([
    ['no quote', 'abc'],
    ['nothing', ''],
    ['only one quote', '"'],
    ['no closing quote', '"abc'],
    ['an escaped closing quote', String.raw`"abc\"`],
    ['a backslash at the end', '"abc\\'],
  ])('does not read a quoted string from %s', (_what, text) => {
    const cursor = new HeaderCursor(text);
    expect(cursor.quotedString()).toBeUndefined();
    cursor.skipSpace();
    expect(cursor.done).toBe(text !== 'abc');
  });
});

describe('isToken', () => {
  it('allows the characters of RFC 9110 section 5.6.2 and no other', () => {
    const allowed: string[] = [];
    for (let code = 0; code <= 0x1ff; code++) {
      const character = String.fromCharCode(code);
      if (isToken(character)) allowed.push(character);
      expect(isToken(`a${character}`)).toBe(isToken(character));
    }
    expect(allowed).toEqual(TOKEN);
  });

  it.each([
    ['', false],
    ['permessage-deflate', true],
    ['a b', false],
    [' a', false],
    ['a ', false],
    ['a,b', false],
    ['a\u0161', false],
  ])('%j: %s', (text, expected) => {
    expect(isToken(text)).toBe(expected);
  });
});

describe('parseTokens', () => {
  it.each<[string, string[]]>([
    ['', []],
    ['   ', []],
    ['a', ['a']],
    ['a,b', ['a', 'b']],
    ['a, b ,\tc', ['a', 'b', 'c']],
    [' a ', ['a']],
    [',a', ['a']],
    ['a,', ['a']],
    ['a, ', ['a']],
    ['a,,b', ['a', 'b']],
    [', ,a, ,\t, b , ,', ['a', 'b']],
    [',', []],
    ['a,a', ['a', 'a']],
    ['constructor, __proto__', ['constructor', '__proto__']],
  ])('reads %j as %j', (text, tokens) => {
    expect(parseTokens(text)).toEqual(tokens);
  });

  it.each(['a b', 'a, b c', 'a;b', '"a"', 'a/1', 'é', 'a,\n', 'a\0', '\u00a0a'])(
    'refuses %j',
    (text) => {
      expect(parseTokens(text)).toBeUndefined();
    },
  );
});

describe('parseList', () => {
  it('lets the caller read the elements', () => {
    const quoted = (cursor: HeaderCursor): string | undefined => cursor.quotedString();
    expect(parseList('"a,b" , "c"', quoted)).toEqual(['a,b', 'c']);
    expect(parseList('"a" c', quoted)).toBeUndefined();
    expect(parseList('"a" "c"', quoted)).toBeUndefined();
    expect(parseList('"a', quoted)).toBeUndefined();
  });

  it('refuses an element that is not followed by a comma', () => {
    const one = (cursor: HeaderCursor): true | undefined => cursor.take('a') || undefined;
    expect(parseList('a,a', one)).toEqual([true, true]);
    expect(parseList('aa', one)).toBeUndefined();
  });
});

describe('checkHeader', () => {
  it.each([
    ['X-Name', 'value'],
    ['x', ''],
    ['x', 'a\tb c~'],
    ['x', '\u0080\u00ff é'],
  ])('accepts %s: %j', (name, value) => {
    expect(() => checkHeader(name, value)).not.toThrow();
  });

  it.each([[''], ['a b'], ['a:'], ['a\r\nb'], ['é']])('refuses the name %j', (name) => {
    const check = (): void => checkHeader(name, 'x');
    expect(check).toThrow(TypeError);
    expect(check).toThrow(`${JSON.stringify(name)} is not a header name`);
  });

  it.each([
    ['a line feed', 'a\nb'],
    ['a carriage return', 'a\rb'],
    ['NUL', '\0'],
    ['the last control character', '\x1f'],
    ['DEL', '\x7f'],
    ['a character above U+00FF', '\u0100'],
    ['an emoji', '😀'],
    ['a number', 5, '5 (number)'],
    ['null', null, 'null (object)'],
    ['a list', ['a'], '[a (string)]'],
    ['a bigint', 1n, '1 (bigint)'],
  ])('refuses %s as a value', (_what, value, given = JSON.stringify(value)) => {
    const check = (): void => checkHeader('X-Name', value);
    expect(check).toThrow(TypeError);
    expect(check).toThrow(
      `header X-Name: expected a string without control characters or characters above U+00FF, got ${given}`,
    );
  });
});

describe('The work of reading a header', () => {
  /** How often `read` looks at a text: at its length, a character, or a part of it. */
  function looks(text: string, read: (text: string) => unknown): number {
    let count = 0;
    const watched = new Proxy(new String(text), {
      get(target, key) {
        count++;
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    read(watched as unknown as string);
    return count;
  }

  it.each([
    ['commas', ','],
    ['spaces', ' '],
    ['spaces and commas', ' ,'],
    ['short tokens', 'a,'],
    ['short tokens and spaces', 'a , '],
    ['one long token', 'a'],
  ])('is in proportion to its length: %s', (_what, unit) => {
    const short = looks(unit.repeat(1000), parseTokens);
    const long = looks(unit.repeat(8000), parseTokens);
    expect(short).toBeGreaterThanOrEqual(1000);
    expect(long).toBeLessThanOrEqual(8 * short + 10);
    expect(long).toBeLessThanOrEqual(10 * 8000 * unit.length);
  });

  it.each([
    ['open quotes', '"'],
    ['backslashes', '\\'],
    ['quoted text', 'ab c'],
  ])('is in proportion to its length in a quoted string: %s', (_what, unit) => {
    const read = (text: string): unknown => new HeaderCursor(text).quotedString();
    const long = looks(`"${unit.repeat(8000)}`, read);
    expect(long).toBeLessThanOrEqual(8 * looks(`"${unit.repeat(1000)}`, read) + 10);
  });
});

describe('until', () => {
  it('reads up to one of the characters, or to the end', () => {
    const cursor = new HeaderCursor('a:b; c');
    expect(cursor.until(';,')).toBe('a:b');
    expect(cursor.until(';,')).toBe('');
    expect(cursor.take(';')).toBe(true);
    expect(cursor.until(';,')).toBe(' c');
    expect(cursor.done).toBe(true);
  });
});
