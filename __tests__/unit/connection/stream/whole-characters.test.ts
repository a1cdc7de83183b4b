import { wholeCharacters } from '../../../../src/connection/stream/whole-characters.js';

describe('wholeCharacters', () => {
  it.each(['', 'a', 'ab', '\u00e9', 'a\u20ac', '\u{1f600}', 'abc\u{1f600}', 'x\u00e9y'])(
    'finds the end of the last whole character of every part of %p',
    (text) => {
      const bytes = Buffer.from(text);
      for (let length = 0; length <= bytes.length; length++) {
        const end = wholeCharacters(bytes.subarray(0, length));
        expect(text.startsWith(bytes.toString('utf8', 0, end))).toBe(true);
        expect(length - end).toBeLessThan(4);
        // One more character would be cut.
        const next = [...text].find(
          (_, i, all) => Buffer.byteLength(all.slice(0, i + 1).join('')) > end,
        );
        if (next !== undefined) expect(end + Buffer.byteLength(next)).toBeGreaterThan(length);
      }
    },
  );
});
