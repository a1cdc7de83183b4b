import { runInNewContext } from 'node:vm';
import {
  anyFunction,
  isBoolean,
  byteCount,
  checkOptions,
  nonNegativeInteger,
  milliseconds,
  atLeastOne,
  isFunction,
  isObject,
  isPlain,
  isStrings,
  oneOf,
  positiveNumber,
  type Rule,
  show,
  integerBetween,
} from '../../../src/protocol/option-checks.js';

describe('a rule', () => {
  it.each<[string, Rule, string, unknown[], unknown[]]>([
    [
      'whole',
      integerBetween('a port', 0, 9),
      'a port from 0 to 9',
      [0, 9],
      [-1, 10, 0.5, NaN, '1', null],
    ],
    [
      'count',
      nonNegativeInteger,
      'a whole number from 0, or Infinity',
      [0, 1, Infinity],
      [-1, 0.5, NaN, -Infinity, '1'],
    ],
    [
      'bytes',
      byteCount,
      'a number of bytes above 0, or Infinity',
      [1, 1.5, Infinity],
      [0, 0.5, NaN, '1', undefined],
    ],
    [
      'duration',
      milliseconds,
      'a number of milliseconds above 0, or Infinity',
      [0.1, 1, Infinity],
      [0, -1, NaN, '1'],
    ],
    ['fromOne', atLeastOne, 'a number from 1', [1, 1.5, Infinity], [0.5, 0, NaN, '1']],
    ['rate', positiveNumber, 'a number above 0', [0.1, Infinity], [0, -1, '1']],
    ['oneOf', oneOf('a', true), 'one of "a", true', ['a', true], ['b', false, undefined]],
    ['boolean', isBoolean, 'a boolean', [true, false], [0, 'true', null]],
    ['aFunction', anyFunction, 'a function', [() => 1], [{}, undefined]],
  ])(
    '%s has words for the values that it accepts',
    (_name, { expected, accepts }, words, good, bad) => {
      expect(expected).toBe(words);
      expect(good.map(accepts)).toStrictEqual(good.map(() => true));
      expect(bad.map(accepts)).toStrictEqual(bad.map(() => false));
    },
  );
});

it('recognises objects, functions and arrays of strings', () => {
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
  [runInNewContext('/a/g'), '/a/g'],
  [{ a: 1 }, 'an object'],
  [new Date(0), 'an object of a class'],
  [[1n, ['x'], 'b'], '[1 (bigint), an array, b (string)]'],
  [null, 'null (object)'],
  ['x', 'x (string)'],
  ['', "'' (string)"],
])('shows the given value: %p', (value, shown) => {
  expect(show(value)).toBe(shown);
});

it('recognises a plain object of any realm', () => {
  const plain = [{}, Object.create(null), runInNewContext('({})'), new Date(), new Map(), []];
  expect(plain.map((value) => isPlain(value as object))).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

describe('checkOptions', () => {
  const rules = { size: byteCount, when: oneOf('now') };
  const complaint = (options: unknown, prefix?: string): string => {
    try {
      checkOptions('Thing', options, rules, prefix);
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      return (error as TypeError).message;
    }
    return '';
  };

  it('returns the given options, without those that are undefined', () => {
    const options = { size: 1, when: undefined };
    expect(checkOptions('Thing', options, rules)).toStrictEqual({ size: 1 });
  });

  it.each<[unknown, string | undefined, string]>([
    [null, undefined, 'Thing: expected options to be an object, got null (object)'],
    ['x', undefined, 'Thing: expected options to be an object, got x (string)'],
    [[], undefined, 'Thing: expected options to be an object, got []'],
    [{ sise: 1 }, undefined, 'Thing: unknown option sise (got 1 (number)); did you mean size?'],
    [
      { sise: undefined },
      'a.',
      'Thing: unknown option a.sise (got undefined (undefined)); did you mean a.size?',
    ],
    [
      new Map([['size', 1]]),
      undefined,
      'Thing: expected options to be an object, got an object of a class',
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
  ])('names the caller, the expected value and the given one: %j', (options, prefix, message) => {
    expect(complaint(options, prefix)).toBe(message);
  });

  it('has advice for names of other libraries, and does not list many names', () => {
    const advice = { dimension: 'use size' };
    const run =
      (options: object, many: Record<string, Rule> = rules) =>
      () =>
        checkOptions('Thing', options, many, '', advice);
    expect(run({ dimension: 1 })).toThrow(
      'Thing: unknown option dimension (got 1 (number)); use size',
    );
    const names = ['aa', 'bb', 'cc', 'dd', 'ee', 'ff', 'gg', 'hh', 'ii'];
    const many = Object.fromEntries(names.map((name) => [name, byteCount]));
    expect(run({ constructor: 1 }, many)).toThrow(
      'Thing: unknown option constructor (got 1 (number)); the API reference lists the options',
    );
    expect(run({ sizes: 1 }, { ...many, size: byteCount })).toThrow(
      'Thing: unknown option sizes (got 1 (number)); did you mean size?',
    );
  });

  it('names the reason why a value of the right type has no effect', () => {
    const fault = (value: unknown): string | undefined =>
      value === 3 ? '3 is unlucky; use 4' : undefined;
    const run = (lucky: number) => () =>
      checkOptions('Thing', { lucky }, { lucky: { ...byteCount, fault } }, 'a.');
    expect(run(3)).toThrow('Thing: option a.lucky: 3 is unlucky; use 4');
    expect(run(4)()).toStrictEqual({ lucky: 4 });
  });
});
