import * as ws from 'ws';
import { extension, paramsOf } from '../../../src/ws/extension.js';

// @types/ws does not know it yet.
const theirs = (ws as unknown as { extension: typeof extension }).extension;
const parsed = (of: typeof extension, header: string): unknown => {
  try {
    return of.parse(header);
  } catch (error) {
    return (error as Error).name;
  }
};

describe('extension.parse', () => {
  it.each([
    'foo',
    'foo,bar',
    'foo; a; b=1, foo; b="2"; b=3',
    'permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate',
    'foo ; a = 1',
    'foo; __proto__=1',
    '__proto__; a',
    'foo; a="b\\c"',
    'foo; a=',
    'foo; =a',
    'foo;',
    'foo,',
    ',foo',
    '',
    'foo bar',
    'foo; a="b c"',
    'foo; a="b',
    'é',
  ])('reads or refuses %j as ws does', (header) => {
    // ws refuses white space around `=`, which is a place of no importance.
    const expected = header.includes(' = ') ? { foo: [{ a: ['1'] }] } : parsed(theirs, header);
    expect(parsed(extension, header)).toEqual(expected);
  });

  it('gives objects without a prototype, because a peer chooses the names', () => {
    const name = 'toString';
    const offers = extension.parse(`${name}; valueOf`);
    expect(Object.getPrototypeOf(offers)).toBeNull();
    expect(Object.getPrototypeOf(offers[name]![0])).toBeNull();
  });

  it('tells what is wrong', () => {
    expect(() => extension.parse('a b')).toThrow(
      new SyntaxError('"a b" is not a list of extensions'),
    );
  });
});

describe('extension.format', () => {
  it.each<Parameters<typeof extension.format>>([
    [{ foo: {} }],
    [{ foo: { a: true, b: 1, c: ['x', true] } }],
    [{ foo: [{ a: [true] }, { b: ['2', '3'] }], bar: [{}] }],
    [{}],
  ])('writes %j as ws does', (extensions) => {
    expect(extension.format(extensions)).toBe(theirs.format(extensions));
  });

  it('writes what parse has read', () => {
    const header = 'permessage-deflate; client_max_window_bits; server_max_window_bits=10, foo';
    expect(extension.format(extension.parse(header))).toBe(header);
  });
});

describe('paramsOf', () => {
  it('has a parameter for each value', () => {
    expect(paramsOf({ a: [true, '1'], b: 2 })).toEqual([
      { name: 'a', value: undefined },
      { name: 'a', value: '1' },
      { name: 'b', value: '2' },
    ]);
  });
});
