import { checkJoinedOptions } from '../../../../src/server/topics/joined-options.js';

const check = (topic: unknown, options: unknown = {}): unknown =>
  checkJoinedOptions(topic as string, options as object);

describe('checkJoinedOptions', () => {
  it('gives the signal', () => {
    const { signal } = new AbortController();
    expect(check('t', { signal })).toBe(signal);
    expect(check('t', { signal: undefined })).toBeUndefined();
    expect(check('t')).toBeUndefined();
    expect(check('é'.repeat(127))).toBeUndefined();
  });

  it.each<[unknown, unknown, new (message: string) => Error, string]>([
    ['', {}, RangeError, 'expected the topic to have 1 to 255 bytes of UTF-8, got 0'],
    [
      'x'.repeat(256),
      {},
      RangeError,
      'expected the topic to have 1 to 255 bytes of UTF-8, got 256',
    ],
    ['\ud800', {}, RangeError, 'expected the topic to be well-formed Unicode, got half of'],
    [5, {}, TypeError, 'expected the topic to be a string, got 5 (number)'],
    ['t', { signal: 5 }, TypeError, 'expected option signal to be an AbortSignal, got 5 (number)'],
    ['t', { signal: new AbortController() }, TypeError, 'expected option signal to be an Abort'],
    [
      't',
      { timeout: 5 },
      TypeError,
      'unknown option timeout (got 5 (number)); expected one of sig',
    ],
    ['t', AbortSignal.abort(), TypeError, 'expected options to be an object, got an object of a'],
    ['t', null, TypeError, 'expected options to be an object, got null (object)'],
  ])('refuses %j, %j', (topic, options, type, message) => {
    expect(() => check(topic, options)).toThrow(type);
    expect(() => check(topic, options)).toThrow(`joined: ${message}`);
  });
});
