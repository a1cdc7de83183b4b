import { runInNewContext } from 'node:vm';
import { Headers as UndiciHeaders } from 'undici';
import {
  readHeaders,
  type UpgradeHeaders,
} from '../../../../src/protocol/handshake/response-headers.js';

const RESERVED = new Set(['upgrade']);
const read = (headers: unknown) => readHeaders(headers, RESERVED);

function cookies<T extends { append(name: string, value: string): void }>(headers: T): T {
  headers.append('Set-Cookie', 'a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT');
  headers.append('Set-Cookie', 'b=2');
  headers.append('X-One', '1');
  return headers;
}
const TWO_COOKIES = ['a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'b=2'];

describe('readHeaders', () => {
  it.each<[string, UpgradeHeaders | undefined, object]>([
    ['nothing', undefined, {}],
    ['no headers', {}, {}],
    ['one', { 'X-One': '1' }, { 'X-One': '1' }],
    ['a list of values', { 'Set-Cookie': ['a=1', 'b=2'] }, { 'Set-Cookie': ['a=1', 'b=2'] }],
    ['an empty list', { 'Set-Cookie': [] }, { 'Set-Cookie': [] }],
    ['an empty value', { 'X-Empty': '' }, { 'X-Empty': '' }],
    ['a number', { 'Retry-After': 5 }, { 'Retry-After': '5' }],
    ['a value that is undefined', { 'X-One': undefined, 'X-Two': '2' }, { 'X-Two': '2' }],
    [
      'a name of which a reserved one is a part',
      { 'Upgrade-Insecure-Requests': '1' },
      { 'Upgrade-Insecure-Requests': '1' },
    ],
    [
      'names that differ in case',
      { 'set-cookie': 'a=1', 'Set-Cookie': ['b=2'] },
      { 'set-cookie': ['a=1', 'b=2'] },
    ],
    [
      'an object without a prototype',
      Object.assign(Object.create(null), { a: '1' }) as UpgradeHeaders,
      { a: '1' },
    ],
    [
      'an object of another realm',
      runInNewContext('({ a: ["1", "2"] })') as UpgradeHeaders,
      { a: ['1', '2'] },
    ],
    ['a Map', new Map([['X-One', '1']]), { 'X-One': '1' }],
    [
      'a Map with a list',
      new Map([['Set-Cookie', ['a=1', 'b=2']]]),
      { 'Set-Cookie': ['a=1', 'b=2'] },
    ],
    [
      'a Map of another realm',
      runInNewContext('new Map([["a", "1"]])') as UpgradeHeaders,
      { a: '1' },
    ],
    [
      'pairs',
      [
        ['Set-Cookie', 'a=1'],
        ['X-One', '1'],
        ['Set-Cookie', 'b=2'],
      ],
      { 'Set-Cookie': ['a=1', 'b=2'], 'X-One': '1' },
    ],
    ['no pairs', [], {}],
    ['Headers', cookies(new Headers()), { 'x-one': '1', 'Set-Cookie': TWO_COOKIES }],
    [
      'Headers of undici',
      cookies(new UndiciHeaders()),
      { 'x-one': '1', 'Set-Cookie': TWO_COOKIES },
    ],
    ['entries', Object.entries({ a: '1' }).values(), { a: '1' }],
    ['a name that objects have', { ['__proto__']: '1' }, { ['__proto__']: '1' }],
  ])('reads %s', (_what, headers, fields) => {
    expect(Object.entries(read(headers))).toEqual(Object.entries(fields));
  });

  it('accepts a class of headers whose iterator joins cookies by commas', () => {
    class OtherHeaders {
      *[Symbol.iterator](): Generator<[string, string]> {
        yield ['set-cookie', 'a=1, b=2'];
        yield ['x-one', '1'];
      }
      getSetCookie(): string[] {
        return ['a=1', 'b=2'];
      }
    }
    expect(read(new OtherHeaders())).toEqual({ 'x-one': '1', 'Set-Cookie': ['a=1', 'b=2'] });
  });

  it.each<[string, unknown, string]>([
    [
      'a reserved field',
      { Upgrade: 'x' },
      'header Upgrade is written by hawser itself; leave it out',
    ],
    [
      'a reserved field in a Map',
      new Map([['UPGRADE', 'x']]),
      'header UPGRADE is written by hawser',
    ],
    ['a name with a line break', { 'a\r\nb': 'x' }, '"a\\r\\nb" is not a header name'],
    ['an empty name', [['', 'x']], '"" is not a header name'],
    ['a line break in a value', { a: 'x\r\nb: y' }, 'header a: expected a string'],
    ['a line break in a list', { a: ['x', 'y\n'] }, 'header a: expected a string'],
    ['a line break in a pair', [['a', 'x\n']], 'header a: expected a string'],
    ['not a number', { a: NaN }, 'header a: expected a string'],
    ['null', { a: null }, 'header a: expected a string'],
    ['undefined in a list', { a: ['x', undefined] }, 'header a: expected a string'],
    ['a boolean', { a: true }, 'header a: expected a string'],
    ['an object', { a: new URL('https://example.com') }, 'header a: expected a string'],
    ['lists in a list', { a: [['x', 'y']] }, 'header a: expected a string'],
    [
      'a text',
      'X-One: 1',
      'expected headers to be an object, a Headers, a Map, or pairs of a name and a value, got X-One: 1 (string)',
    ],
    ['null for headers', null, 'expected headers to be an object, a Headers'],
    ['names and values in a row', ['X-One', '1'], 'expected headers to be an object, a Headers'],
    ['pairs of three', [['X-One', '1', '2']], 'expected headers to be an object, a Headers'],
    ['pairs whose name is a number', [[1, '2']], 'expected headers to be an object, a Headers'],
    [
      'an object of a class that hides what it has',
      new Date(0),
      'expected headers to be an object, a Headers',
    ],
  ])('refuses %s', (_what, headers, message) => {
    const check = (): unknown => read(headers);
    expect(check).toThrow(TypeError);
    expect(check).toThrow(message);
  });
});
