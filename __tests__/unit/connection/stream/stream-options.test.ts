import {
  checkIncomingOptions,
  checkStreamOptions,
} from '../../../../src/connection/stream/stream-options.js';

describe('checkStreamOptions', () => {
  it('knows the default', () => {
    expect(checkStreamOptions({})).toEqual({ stallTimeout: 30_000 });
    expect(checkStreamOptions({ stallTimeout: undefined })).toEqual({ stallTimeout: 30_000 });
  });

  it('takes all options', () => {
    const { signal } = new AbortController();
    const options = { binary: true, compress: false, signal, stallTimeout: 5 };
    expect(checkStreamOptions(options)).toEqual(options);
  });

  it.each<[unknown, RegExp]>([
    [5, /^sendStream: expected options to be an object, got 5/],
    [new AbortController().signal, /expected options to be an object, got an object of a class/],
    [{ binary: 1 }, /expected option binary to be a boolean/],
    [{ compress: 'auto' }, /expected option compress to be a boolean/],
    [{ signal: new AbortController() }, /expected option signal to be an AbortSignal/],
    [{ stallTimeout: 0 }, /expected option stallTimeout to be a number of milliseconds above 0/],
    [{ stalTimeout: 5 }, /did you mean stallTimeout\?/],
  ])('rejects %p', (options, message) => {
    expect(() => checkStreamOptions(options)).toThrow(TypeError);
    expect(() => checkStreamOptions(options)).toThrow(message);
  });
});

describe('checkIncomingOptions', () => {
  it('takes maxPayload', () => {
    expect(checkIncomingOptions({})).toEqual({});
    expect(checkIncomingOptions({ maxPayload: 2 ** 40 })).toEqual({ maxPayload: 2 ** 40 });
  });

  it.each<[unknown, RegExp]>([
    [{ maxPayload: 0 }, /^incoming: expected option maxPayload to be a number of bytes from 1/],
    [{ maxPayload: Infinity }, /got Infinity/],
    [{ max: 5 }, /unknown option max/],
  ])('rejects %p', (options, message) => {
    expect(() => checkIncomingOptions(options)).toThrow(message);
  });
});
