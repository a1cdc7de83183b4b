import { isRegExp } from 'node:util/types';
import { nearest } from './nearest-name.js';

/** Rules for the options that users give, and the check. Each rule has the words for an error message. */

/** What a value must be: in words, and as a test. */
export interface Rule {
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
  /** The reason why a value of the right type has no effect, or not the expected one; `undefined` without one. */
  readonly fault?: (value: unknown) => string | undefined;
}
/** A rule for each option. */
export type Rules<Options> = Readonly<Record<keyof Options, Rule>>;
/** What to write instead of a name that other libraries have and hawser does not. */
export type Advice = Readonly<Record<string, string>>;

/** The most names that a message lists. */
const LISTED_NAMES = 8;

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
/** Whether an object has no class of its own, in any realm. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
export const isFunction = (value: unknown): boolean => typeof value === 'function';
export const isStrings = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');
const isNumber = (value: unknown, least: number, most: number): boolean =>
  typeof value === 'number' && value >= least && value <= most;

export const integerBetween = (what: string, least: number, most: number): Rule => ({
  expected: `${what} from ${least} to ${most}`,
  accepts: (value) => Number.isInteger(value) && isNumber(value, least, most),
});
export const nonNegativeInteger: Rule = {
  expected: 'a whole number from 0, or Infinity',
  accepts: (value) =>
    value === Infinity || (Number.isInteger(value) && isNumber(value, 0, Infinity)),
};
export const byteCount: Rule = {
  expected: 'a number of bytes above 0, or Infinity',
  accepts: (value) => isNumber(value, 1, Infinity),
};
export const milliseconds: Rule = {
  expected: 'a number of milliseconds above 0, or Infinity',
  accepts: (value) => isNumber(value, Number.MIN_VALUE, Infinity),
};
export const atLeastOne: Rule = {
  expected: 'a number from 1',
  accepts: (value) => isNumber(value, 1, Infinity),
};
export const positiveNumber: Rule = { expected: 'a number above 0', accepts: milliseconds.accepts };
export const oneOf = (...values: unknown[]): Rule => ({
  expected: `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`,
  accepts: (value) => values.includes(value),
});
export const isBoolean: Rule = {
  expected: 'a boolean',
  accepts: (value) => typeof value === 'boolean',
};
export const anyFunction: Rule = { expected: 'a function', accepts: isFunction };

/** The value that was given, for an error message. */
export function show(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (value === '') return "'' (string)";
  if (isRegExp(value)) return String(value);
  if (Array.isArray(value)) {
    return `[${value.map((each) => (Array.isArray(each) ? 'an array' : show(each))).join(', ')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    return isPlain(value) ? 'an object' : 'an object of a class';
  }
  return `${String(value)} (${typeof value})`;
}

/**
 * Check options.
 *
 * @param caller the class or function that takes the options, for the message.
 * @param prefix for options inside an option: its name, with a dot.
 * @param advice for names of other libraries.
 * @returns the options that are not `undefined`; an `undefined` option counts as left out.
 * @throws TypeError that names the option, the expected value and the given one.
 */
export function checkOptions(
  caller: string,
  options: unknown,
  rules: Readonly<Record<string, Rule>>,
  prefix = '',
  advice: Advice = {},
): Record<string, unknown> {
  // The entries of a Map, and a class's getters, are not own properties: they would be overlooked.
  if (!isObject(options) || (!isPlain(options) && Object.keys(options).length === 0)) {
    throw new TypeError(`${caller}: expected options to be an object, got ${show(options)}`);
  }
  const given: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(rules, name)) {
      throw new TypeError(
        `${caller}: unknown option ${prefix}${name} (got ${show(value)}); ${insteadOf(name, prefix, Object.keys(rules), advice)}`,
      );
    }
    if (value === undefined) continue;
    const { expected, accepts, fault } = rules[name]!;
    if (!accepts(value)) {
      throw new TypeError(
        `${caller}: expected option ${prefix}${name} to be ${expected}, got ${show(value)}`,
      );
    }
    const wrong = fault?.(value);
    if (wrong !== undefined) throw new TypeError(`${caller}: option ${prefix}${name}: ${wrong}`);
    given[name] = value;
  }
  return given;
}

/** What to write for an unknown name. */
function insteadOf(name: string, prefix: string, known: readonly string[], advice: Advice): string {
  if (Object.hasOwn(advice, name)) return advice[name]!;
  const meant = nearest(name, known);
  if (meant !== undefined) return `did you mean ${prefix}${meant}?`;
  return known.length > LISTED_NAMES
    ? 'the API reference lists the options'
    : `expected one of ${known.join(', ')}`;
}
