import { durationText, rounded } from '../../../src/cli/time-text.js';

describe('a duration', () => {
  it.each([
    [0.4123, '0.412 ms'],
    [12.34, '12.3 ms'],
    [450.4, '450 ms'],
    [1000, '1 s'],
    [3210, '3.2 s'],
    [725_000, '12 min 5 s'],
    [12_000_000, '3 h 20 min'],
  ])('of %d ms is %s', (milliseconds, text) => {
    expect(durationText(milliseconds)).toBe(text);
  });

  it('for programs is exact to the µs', () => {
    expect(rounded(23.652445999999998)).toBe(23.652);
  });
});
