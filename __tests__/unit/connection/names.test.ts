import { checkName } from '../../../src/connection/names.js';

describe('checkName', () => {
  it.each(['a', 'room/1 of *', 'x'.repeat(255), 'é'.repeat(127), '😀'.repeat(63), '\0'])(
    'takes %j',
    (name) => {
      expect(() => {
        checkName('publish', 'topic', name);
      }).not.toThrow();
    },
  );

  it.each<[unknown, new (message: string) => Error, string]>([
    [5, TypeError, 'to be a string, got 5 (number)'],
    [undefined, TypeError, 'to be a string, got undefined (undefined)'],
    ['', RangeError, 'to have 1 to 255 bytes of UTF-8, got 0'],
    ['x'.repeat(256), RangeError, 'to have 1 to 255 bytes of UTF-8, got 256'],
    ['é'.repeat(128), RangeError, 'to have 1 to 255 bytes of UTF-8, got 256'],
    ['a\ud800b', RangeError, 'to be well-formed Unicode, got half of a surrogate pair'],
  ])('refuses %j', (name, type, rest) => {
    const check = (): void => {
      checkName('send', 'key', name);
    };
    expect(check).toThrow(type);
    expect(check).toThrow(new type(`send: expected the key ${rest}`));
  });
});
