import { closeArguments } from '../../../src/ws/close-arguments.js';

const LONGEST = 'x'.repeat(123);

describe('closeArguments', () => {
  it.each<[string, Parameters<typeof closeArguments>, [number, string]]>([
    ['nothing', [undefined, undefined], [1005, '']],
    ['a reason without a code, which is dropped', [undefined, 'bye'], [1005, '']],
    ['a code', [1000, undefined], [1000, '']],
    ['a code and a reason', [4321, 'bye'], [4321, 'bye']],
    ['bytes as the reason', [3000, Buffer.from('grüße')], [3000, 'grüße']],
    ['other bytes', [3000, new Uint8Array([97])], [3000, 'a']],
    ['the longest reason', [1000, LONGEST], [1000, LONGEST]],
    ['null as the reason', [1000, null as never], [1000, '']],
    ['a number as the reason, which has no length', [1000, 7 as never], [1000, '']],
    ['an object as the reason', [1000, {} as never], [1000, '']],
    ['an empty list as the reason', [1000, [] as never], [1000, '']],
  ])('reads %s', (_name, given, read) => {
    expect(closeArguments(...given)).toEqual(read);
  });

  it.each([0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, NaN, '1000', null])(
    'refuses the code %p in the words of ws, whatever the reason is',
    (code) => {
      const error = new TypeError('First argument must be a valid error code number');
      expect(() => closeArguments(code as number, undefined)).toThrow(error);
      expect(() => closeArguments(code as number, `${LONGEST}x`)).toThrow(error);
    },
  );

  it.each([[['a']], [new String('a')], [{ length: 1 }]])(
    'refuses %p, which has a length and is no reason',
    (reason) => {
      const check = () => closeArguments(1000, reason as never);
      expect(check).toThrow(TypeError);
      expect(check).toThrow(/^close: expected the reason to be a string or bytes, got /);
    },
  );

  it.each([`${LONGEST}x`, Buffer.alloc(124), 'é'.repeat(62)])(
    'refuses a reason of 124 bytes in the words of ws',
    (reason) => {
      const error = new RangeError('The message must not be greater than 123 bytes');
      expect(() => closeArguments(1000, reason)).toThrow(error);
    },
  );
});
