import {
  aFunction,
  boolean,
  bytes,
  checkOptions,
  count,
  duration,
  fromOne,
  isFunction,
  isObject,
  isStrings,
  oneOf,
  rate,
  type Rule,
  show,
  whole,
} from '../../../src/protocol/option-rules.js';

describe('a rule', () => {
  it.each<[string, Rule, string, unknown[], unknown[]]>([
    ['whole', whole('a port', 0, 9), 'a port from 0 to 9', [0, 9], [-1, 10, 0.5, NaN, '1', null]],
    [
      'count',
      count,
      'a whole number from 0, or Infinity',
      [0, 1, Infinity],
      [-1, 0.5, NaN, -Infinity, '1'],
    ],
    [
      'bytes',
      bytes,
      'a number of bytes above 0, or Infinity',
      [1, 1.5, Infinity],
      [0, 0.5, NaN, '1', undefined],
    ],
    [
      'duration',
      duration,
      'a number of milliseconds above 0, or Infinity',
      [0.1, 1, Infinity],
      [0, -1, NaN, '1'],
    ],
    ['fromOne', fromOne, 'a number from 1', [1, 1.5, Infinity], [0.5, 0, NaN, '1']],
    ['rate', rate, 'a number above 0', [0.1, Infinity], [0, -1, '1']],
    ['oneOf', oneOf('a', true), 'one of "a", true', ['a', true], ['b', false, undefined]],
    ['boolean', boolean, 'a boolean', [true, false], [0, 'true', null]],
    ['aFunction', aFunction, 'a function', [() => 1], [{}, undefined]],
  ])('%s says in words what it accepts', (_name, { expected, accepts }, words, good, bad) => {
    expect(expected).toBe(words);
    expect(good.map(accepts)).toStrictEqual(good.map(() => true));
    expect(bad.map(accepts)).toStrictEqual(bad.map(() => false));
  });
});

it('tells objects, functions and arrays of strings from the rest', () => {
  const values = [{}, [], null, () => 1, ['a'], ['a', 1], 'a'];
  const told = [isObject, isFunction, isStrings].map((is) => values.map((value) => is(value)));
  expect(told).toStrictEqual([
    [true, false, false, false, false, false, false],
    [false, false, false, true, false, false, false],
    [false, true, false, false, true, false, false],
  ]);
});

it.each([
  [() => 1, 'a function'],
  [/a/g, '/a/g'],
  [{ a: 1 }, 'an object'],
  [[1n, ['x'], 'b'], '[1 (bigint), an array, b (string)]'],
  [null, 'null (object)'],
  ['x', 'x (string)'],
])('shows what was got: %p', (value, shown) => {
  expect(show(value)).toBe(shown);
});

describe('checkOptions', () => {
  const rules = { size: bytes, when: oneOf('now') };
  const complaint = (options: unknown, prefix?: string): string => {
    try {
      checkOptions('Thing', options, rules, prefix);
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      return (error as TypeError).message;
    }
    return '';
  };

  it('gives what was given, without what is undefined', () => {
    const options = { size: 1, when: undefined };
    expect(checkOptions('Thing', options, rules)).toStrictEqual({ size: 1 });
  });

  it.each<[unknown, string | undefined, string]>([
    [null, undefined, 'Thing: expected options to be an object, got null (object)'],
    ['x', undefined, 'Thing: expected options to be an object, got x (string)'],
    [[], undefined, 'Thing: expected options to be an object, got []'],
    [
      { sise: 1 },
      undefined,
      'Thing: unknown option sise (got 1 (number)); expected one of size, when',
    ],
    [
      { sise: undefined },
      'a.',
      'Thing: unknown option a.sise (got undefined (undefined)); expected one of size, when',
    ],
    [
      { toString: 1 },
      undefined,
      'Thing: unknown option toString (got 1 (number)); expected one of size, when',
    ],
    [
      { size: '1' },
      undefined,
      'Thing: expected option size to be a number of bytes above 0, or Infinity, got 1 (string)',
    ],
    [{ when: 'Now' }, 'a.', 'Thing: expected option a.when to be one of "now", got Now (string)'],
  ])('says who expected what, and what was got: %j', (options, prefix, message) => {
    expect(complaint(options, prefix)).toBe(message);
  });
});
