import {
  deflateOptionsOf,
  deflateSettings,
  type PerMessageDeflateOptions,
} from '../../../src/ws/deflate-options.js';

describe('deflateSettings', () => {
  it('has the defaults of ws: whole windows that are taken over, and a threshold of 1024 bytes', () => {
    const { options, clientWindowBits } = deflateSettings({});
    expect(options).toMatchObject({ contextTakeover: 'both', threshold: 1024, windowBits: 15 });
    expect(options.compressor).not.toBe('zlib');
    expect(clientWindowBits).toBe(15);
  });

  it.each<[PerMessageDeflateOptions, string]>([
    [{}, 'both'],
    [{ serverNoContextTakeover: false, clientNoContextTakeover: false }, 'both'],
    [{ clientNoContextTakeover: true }, 'server'],
    [{ serverNoContextTakeover: true }, 'client'],
    [{ serverNoContextTakeover: true, clientNoContextTakeover: true }, 'none'],
  ])('reads %j as takeover by %s', (given, contextTakeover) => {
    expect(deflateSettings(given).options.contextTakeover).toBe(contextTakeover);
  });

  it('has a window for each side; a boolean is the largest', () => {
    const windows = ({
      options,
      clientWindowBits,
    }: ReturnType<typeof deflateSettings>): unknown => [options.windowBits, clientWindowBits];
    const bits = deflateSettings({ serverMaxWindowBits: 10, clientMaxWindowBits: 9 });
    expect(windows(bits)).toEqual([10, 9]);
    const flags = deflateSettings({ serverMaxWindowBits: false, clientMaxWindowBits: true });
    expect(windows(flags)).toEqual([15, 15]);
  });

  it('takes the threshold', () => {
    expect(deflateSettings({ threshold: 0 }).options.threshold).toBe(0);
    expect(deflateSettings({ threshold: 10.5 }).options.threshold).toBe(11);
  });

  it('uses zlib where one of its settings is given', () => {
    const both = deflateSettings({ zlibDeflateOptions: { level: 3, memLevel: 7 } }).options;
    expect(both).toMatchObject({ compressor: 'zlib', level: 3, memLevel: 7 });
    const one = deflateSettings({ zlibDeflateOptions: { memLevel: 7 } }).options;
    expect(one).toMatchObject({ compressor: 'zlib', memLevel: 7 });
    const usual = deflateSettings({ zlibDeflateOptions: { level: -1 } }).options;
    expect(usual).toMatchObject({ compressor: 'zlib', level: one.level });
    const none = deflateSettings({ zlibDeflateOptions: {} }).options;
    expect(none.compressor).not.toBe('zlib');
  });

  it.each(['serverMaxWindowBits', 'clientMaxWindowBits'] as const)(
    'refuses a %s that does not exist, and takes one in a string',
    (name) => {
      for (const bits of [16, 7, 0, -1, 8.5, NaN, Infinity, 2 ** 31, '', 'x', {}, [], () => 8]) {
        const check = () => deflateSettings({ [name]: bits as never });
        expect(check).toThrow(TypeError);
        expect(check).toThrow(
          `hawser/ws: expected option perMessageDeflate.${name} to be a number of bits from 8 to 15, got `,
        );
      }
      expect(() => deflateSettings({ [name]: Symbol('s') as never })).toThrow(
        `hawser/ws: expected option perMessageDeflate.${name} to be a number, got Symbol(s) (symbol)`,
      );
      const { options, clientWindowBits } = deflateSettings({ [name]: '10' as never });
      expect([options.windowBits, clientWindowBits].sort()).toEqual([10, 15]);
      for (const none of [undefined, null, true, false]) {
        expect(deflateSettings({ [name]: none as never })).toEqual(deflateSettings({}));
      }
    },
  );

  it.each([
    [-1, /hawser\/ws: expected option perMessageDeflate.threshold to be a whole number/],
    ['x', /expected option perMessageDeflate.threshold to be a whole number/],
    [
      Symbol('s'),
      /hawser\/ws: expected option perMessageDeflate.threshold to be a number, got Symbol/,
    ],
  ])('refuses the threshold %p', (threshold, sentence) => {
    expect(() => deflateSettings({ threshold: threshold as never })).toThrow(sentence);
  });

  it('takes any value that is not an object for the defaults, the same object each time', () => {
    const defaults = deflateOptionsOf(true);
    for (const given of [1, 'x', 1n, Symbol('s'), undefined, null, () => undefined]) {
      expect(deflateOptionsOf(given)).toBe(defaults);
    }
    const own = {};
    expect(deflateOptionsOf(own)).toBe(own);
  });
});
