import {
  checkHeaders,
  type UpgradeHeaders,
  UpgradeRejection,
} from '../../../src/protocol/upgrade-rejection.js';

describe('checkHeaders', () => {
  const reserved = new Set(['upgrade']);

  it.each<[string, UpgradeHeaders]>([
    ['no headers', {}],
    ['one', { 'X-One': '1' }],
    ['a list of values', { 'Set-Cookie': ['a=1', 'b=2'] }],
    ['an empty list', { 'Set-Cookie': [] }],
    ['an empty value', { 'X-Empty': '' }],
    ['a name of which a reserved one is a part', { 'Upgrade-Insecure-Requests': '1' }],
  ])('accepts %s', (_what, headers) => {
    expect(() => checkHeaders(headers, reserved)).not.toThrow();
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['a reserved field', { Upgrade: 'x' }, 'header Upgrade is written by hawser itself'],
    ['a reserved field in other letters', { UPGRADE: 'x' }, 'header UPGRADE is written by hawser'],
    ['a name with a line break', { 'a\r\nb': 'x' }, '"a\\r\\nb" is not a header name'],
    ['a line break in a value', { a: 'x\r\nb: y' }, 'header a: expected a string'],
    ['a line break in a list', { a: ['x', 'y\n'] }, 'header a: expected a string'],
    ['a number', { 'Retry-After': 5 }, 'header Retry-After: expected a string'],
    ['a number in a list', { a: ['x', 5] }, 'header a: expected a string'],
    ['undefined', { a: undefined }, 'header a: expected a string'],
    ['null', { a: null }, 'header a: expected a string'],
  ])('refuses %s', (_what, headers, message) => {
    const check = (): void => checkHeaders(headers as UpgradeHeaders, reserved);
    expect(check).toThrow(TypeError);
    expect(check).toThrow(message);
  });
});

describe('UpgradeRejection', () => {
  it('is an Error with the status, the headers and the body to answer with', () => {
    const headers = { 'Retry-After': '5' };
    const rejection = new UpgradeRejection(503, { headers, body: 'later' });
    expect(rejection).toBeInstanceOf(Error);
    expect(rejection).toMatchObject({ status: 503, headers, body: 'later', message: 'later' });
    expect(String(rejection)).toBe('UpgradeRejection: later');
  });

  it('has neither headers nor body unless they are given, and a message that says the status', () => {
    const rejection = new UpgradeRejection(401);
    expect(rejection.headers).toEqual({});
    expect(rejection.body).toBeUndefined();
    expect(rejection.message).toBe('upgrade refused with status 401');
  });

  it.each([300, 599])('accepts status %i', (status) => {
    expect(new UpgradeRejection(status).status).toBe(status);
  });

  it.each([101, 200, 299, 600, 400.5, NaN, '400', undefined])('refuses status %p', (status) => {
    const make = (): unknown => new UpgradeRejection(status as number);
    expect(make).toThrow(RangeError);
    expect(make).toThrow(`expected status to be an HTTP status from 300 to 599, got ${status}`);
  });

  it.each(['Connection', 'content-length', 'Transfer-Encoding'])(
    'refuses the header %s, which frames the body',
    (name) => {
      expect(() => new UpgradeRejection(400, { headers: { [name]: '1' } })).toThrow(TypeError);
    },
  );

  it('refuses a header that would begin another', () => {
    const headers = { 'X-A': 'b\r\nSet-Cookie: c=d' };
    expect(() => new UpgradeRejection(400, { headers })).toThrow('header X-A: expected a string');
  });
});
