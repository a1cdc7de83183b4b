import { runInNewContext } from 'node:vm';
import {
  rejectionOf,
  UpgradeRejection,
} from '../../../../src/protocol/handshake/upgrade-rejection.js';

describe('UpgradeRejection', () => {
  it('is an Error with the status, the headers and the body to answer with', () => {
    const headers = { 'Retry-After': '5' };
    const rejection = new UpgradeRejection(503, { headers, body: 'later' });
    expect(rejection).toBeInstanceOf(Error);
    expect(rejection).toMatchObject({ status: 503, headers, body: 'later', message: 'later' });
    expect(String(rejection)).toBe('UpgradeRejection: later');
  });

  it('has no headers or body by default, and a message with the status', () => {
    const rejection = new UpgradeRejection(401);
    expect(rejection.headers).toEqual({});
    expect(rejection.body).toBeUndefined();
    expect(rejection.message).toBe('upgrade rejected with status 401');
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

  it('accepts headers in any of their forms', () => {
    const headers = new Headers({ 'WWW-Authenticate': 'Basic' });
    expect(new UpgradeRejection(401, { headers }).headers).toEqual({ 'www-authenticate': 'Basic' });
  });

  it.each<[unknown, string]>([
    ['log in', 'UpgradeRejection: expected options to be an object, got log in (string)'],
    [
      { body: { error: 'x' } },
      'UpgradeRejection: expected option body to be a string, got an object',
    ],
    [
      { header: {} },
      'UpgradeRejection: unknown option header (got an object); did you mean headers?',
    ],
  ])('refuses the options %p', (options, message) => {
    const make = (): unknown => new UpgradeRejection(401, options as object);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });
});

describe('rejectionOf', () => {
  it('is the rejection itself', () => {
    const rejection = new UpgradeRejection(401);
    expect(rejectionOf(rejection)).toBe(rejection);
  });

  it.each([{ status: 403, headers: { 'X-A': '1' }, body: 'no' }, { status: 401 }])(
    'takes one of another copy of the package: %p',
    (parts) => {
      const other = Object.assign(new Error('no'), { name: 'UpgradeRejection' }, parts);
      const own = rejectionOf(other);
      expect(own).toBeInstanceOf(UpgradeRejection);
      expect(own).toMatchObject(parts);
    },
  );

  it('accepts a rejection of another realm', () => {
    const script = "Object.assign(new Error(), { name: 'UpgradeRejection', status: 404 })";
    expect(rejectionOf(runInNewContext(script))).toMatchObject({ status: 404, headers: {} });
  });

  it.each([
    undefined,
    null,
    'UpgradeRejection',
    new Error('x'),
    Object.assign(new Error('x'), { status: 401 }),
    { name: 'UpgradeRejection' },
    { name: 'UpgradeRejection', status: 200 },
    { name: 'UpgradeRejection', status: 401, headers: { 'a\n': 'b' } },
    { name: 'UpgradeRejection', status: 401, body: 5 },
  ])('is not %p', (error) => {
    expect(rejectionOf(error)).toBeUndefined();
  });
});
