import { deflateSettings, type PerMessageDeflateOptions } from '../../../src/ws/deflate-options.js';

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

  it('refuses a window that does not exist', () => {
    expect(() => deflateSettings({ serverMaxWindowBits: 16 })).toThrow(TypeError);
  });
});
