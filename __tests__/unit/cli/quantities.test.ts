import {
  byteRate,
  byteSize,
  duration,
  durationOrForever,
  oneOf,
  positiveNumber,
  type Quantity,
  wholeNumber,
} from '../../../src/cli/quantities.js';

describe('a quantity of the command line', () => {
  const rows: [string, Quantity<unknown>, string, unknown][] = [
    ['a duration has the unit of its option', duration('s'), '2', 2000],
    ['a duration has the unit of its option', duration('ms'), '200', 200],
    ['a duration may be a fraction', duration('s'), '0.5', 500],
    ['a duration may have a unit', duration('s'), '500ms', 500],
    ['a duration may have a unit', duration('ms'), '2 M', 120_000],
    ['a duration may have a unit', duration('ms'), '1h', 3_600_000],
    ['a duration has no other unit', duration('s'), '2 days', undefined],
    ['a duration is not negative', duration('s'), '-1', undefined],
    ['forever is a duration where it makes sense', durationOrForever, 'forever', Infinity],
    ['forever is a duration where it makes sense', durationOrForever, '3', 3000],
    ['bytes need no unit', byteSize, '128', 128],
    ['KB are 1000 bytes', byteSize, '1.5KB', 1500],
    ['KiB are 1024 bytes', byteSize, '64kib', 65_536],
    ['half bytes do not exist', byteSize, '0.5', undefined],
    ['a rate may say per second', byteRate, '1KB/s', 1000],
    ['a rate need not say per second', byteRate, '1000', 1000],
    ['a rate of 0 never ends', byteRate, '0', undefined],
    ['a rate is a number', byteRate, 'fast', undefined],
    ['a whole number has limits', wholeNumber(0, 65_535), '65535', 65_535],
    ['a whole number has limits', wholeNumber(0, 65_535), '65536', undefined],
    ['a whole number has limits', wholeNumber(1, 2), '0', undefined],
    ['a whole number is digits', wholeNumber(0, 9), '1e0', undefined],
    ['a positive number may be a fraction', positiveNumber, '0.5', 0.5],
    ['a positive number is not 0', positiveNumber, '0', undefined],
    ['a positive number is digits', positiveNumber, 'x', undefined],
    ['a word is one of some', oneOf('hex', 'base64'), 'base64', 'base64'],
    ['a word is one of some', oneOf('hex', 'base64'), 'HEX', undefined],
  ];

  it.each(rows)('%s', (_what, quantity, text, value) => {
    expect(quantity.read(text)).toBe(value);
  });

  it.each([
    [duration('s'), 'seconds'],
    [duration('ms'), 'milliseconds'],
    [durationOrForever, 'forever'],
    [oneOf('hex', 'base64'), 'hex or base64'],
    [wholeNumber(1, 3), 'from 1 to 3'],
  ])('says what is expected', (quantity: Quantity<unknown>, words) => {
    expect(quantity.expected).toContain(words);
  });
});
