import { checkHeader } from './http-grammar.js';
import { isObject, isPlain, show } from '../option-checks.js';

/**
 * Header fields to be sent: an object, a `Headers`, a `Map`, or pairs of a name and a value. A list of
 * values, or a repeated name, sends the field several times. A value that is `undefined` is left out.
 */
export type UpgradeHeaders =
  | Readonly<Record<string, string | number | readonly string[] | undefined>>
  | Iterable<readonly [name: string, value: string | readonly string[]]>;

/** Header fields as they are sent, each name once. */
export type HeaderFields = Readonly<Record<string, string | readonly string[]>>;

/**
 * Read headers that the application wants to send with a 101 or a rejection, in any of their forms.
 *
 * @param reserved lower-case names of the fields that hawser itself sends.
 * @throws TypeError for another form, for a name or value that cannot be written, and for a reserved field.
 */
export function readHeaders(headers: unknown, reserved: ReadonlySet<string>): HeaderFields {
  const fields = new Map<string, [name: string, value: string | readonly string[]]>();
  for (const [name, given] of pairsOf(headers)) {
    if (given === undefined) continue;
    if (reserved.has(name.toLowerCase())) {
      throw new TypeError(`header ${name} is written by hawser itself; leave it out`);
    }
    const value: unknown = Array.isArray(given) ? given.map(textOf) : textOf(given);
    for (const each of [value].flat()) checkHeader(name, each);
    const checked = value as string | readonly string[];
    const before = fields.get(name.toLowerCase());
    if (before === undefined) fields.set(name.toLowerCase(), [name, checked]);
    else before[1] = [before[1], checked].flat();
  }
  return Object.fromEntries(fields.values());
}

function pairsOf(headers: unknown): (readonly [string, unknown])[] {
  if (headers === undefined) return [];
  if (typeof headers === 'object' && headers !== null && Symbol.iterator in headers) {
    const pairs = [...(headers as Iterable<unknown>)];
    if (!pairs.every(isPair)) throw anotherForm(headers);
    const { getSetCookie } = headers as { getSetCookie?: unknown };
    if (typeof getSetCookie !== 'function') return pairs;
    // An iterator of Headers may join cookies by commas, which breaks them.
    const cookies = getSetCookie.call(headers) as string[];
    return [
      ...pairs.filter(([name]) => name.toLowerCase() !== 'set-cookie'),
      ...cookies.map((cookie): [string, string] => ['Set-Cookie', cookie]),
    ];
  }
  if (!isObject(headers) || (!isPlain(headers) && Object.keys(headers).length === 0)) {
    throw anotherForm(headers);
  }
  return Object.entries(headers);
}

function isPair(pair: unknown): pair is readonly [string, unknown] {
  return Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string';
}

function textOf(value: unknown): unknown {
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : value;
}

function anotherForm(headers: unknown): TypeError {
  return new TypeError(
    `expected headers to be an object, a Headers, a Map, or pairs of a name and a value, got ${show(headers)}`,
  );
}
