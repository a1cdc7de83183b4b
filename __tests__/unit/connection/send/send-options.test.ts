import {
  CheckedSendOptions,
  checkCallback,
  checkFrameOptions,
  checkNothingAfter,
  checkSendOptions,
} from '../../../../src/connection/send/send-options.js';

const callback = (): void => undefined;
const check =
  (...args: [unknown?, unknown?]) =>
  (): void => {
    checkSendOptions(args[0], args[1]);
  };

describe('checkSendOptions', () => {
  it.each<[unknown, unknown?]>([
    [undefined],
    [undefined, callback],
    [{}],
    [{}, callback],
    [{ binary: true, compress: false, droppable: true }],
    [{ key: 'price' }],
    [{ key: undefined }],
    [{ binary: undefined }, undefined],
    [Object.create({ binary: true })],
    [new CheckedSendOptions(true, false)],
    [new CheckedSendOptions(undefined, true)],
    [new CheckedSendOptions(undefined, false, 'key', 'topic')],
  ])('takes %p', (...args) => {
    expect(check(...args)).not.toThrow();
  });

  it.each<[unknown, unknown, string]>([
    [
      'no function',
      undefined,
      'options to be an object, or the callback, got no function (string)',
    ],
    [null, callback, 'options to be an object, or the callback, got null (object)'],
    [5, undefined, 'options to be an object, or the callback, got 5 (number)'],
    [[], undefined, 'options to be an object, got []'],
    [new Map([['binary', true]]), undefined, 'options to be an object, got an object of a class'],
    [Object.create({ unknown: 1 }), undefined, 'options to be an object, got an object of a class'],
    [{}, 5, 'the callback to be a function, got 5 (number)'],
    [undefined, 'no function', 'the callback to be a function, got no function (string)'],
    [{}, null, 'the callback to be a function, got null (object)'],
    [{ binary: 'yes' }, undefined, 'option binary to be a boolean, got yes (string)'],
    [{ compress: 1 }, undefined, 'option compress to be a boolean, got 1 (number)'],
    [{ binary: true, droppable: null }, undefined, 'option droppable to be a boolean, got null'],
    [{ key: 5 }, undefined, 'option key to be a string, got 5 (number)'],
  ])('refuses %p, %p', (options, given, message) => {
    expect(check(options, given)).toThrow(TypeError);
    expect(check(options, given)).toThrow(`send: expected ${message}`);
  });

  it('refuses a key that is not a name', () => {
    expect(check({ key: '' })).toThrow(
      new RangeError('send: expected the key to have 1 to 255 bytes of UTF-8, got 0'),
    );
  });

  it.each([
    ['fin', 'send a part of a message with sendFrame'],
    ['mask', 'leave it out: clients mask, and servers must not (RFC 6455 section 5.1)'],
    ['dropable', 'did you mean droppable?'],
    ['isBinary', 'did you mean binary?'],
    ['priority', 'expected one of binary, compress, droppable, key, transfer'],
  ])('says what to do about %s', (name, advice) => {
    for (const options of [{ [name]: false }, { binary: true, [name]: false }]) {
      expect(check(options)).toThrow(
        new TypeError(`send: unknown option ${name} (got false (boolean)); ${advice}`),
      );
    }
  });
});

describe('what other calls take', () => {
  it('is nothing after the callback', () => {
    expect(() => {
      checkNothingAfter(undefined);
    }).not.toThrow();
    expect(() => {
      checkNothingAfter(callback);
    }).toThrow(new TypeError('send: expected nothing after the callback, got a function'));
  });

  it('is the bits of a frame', () => {
    for (const options of [{}, { opcode: 1, fin: false, rsv1: true, rsv2: true, rsv3: false }]) {
      expect(() => {
        checkFrameOptions(options);
      }).not.toThrow();
    }
  });

  it.each<[unknown, string]>([
    [null, 'sendFrame: expected options to be an object, got null (object)'],
    [{ rsv2: 1 }, 'sendFrame: expected option rsv2 to be a boolean, got 1 (number)'],
    [{ opcode: '1' }, 'sendFrame: expected option opcode to be one of Opcode, got 1 (string)'],
    [{ rsv: true }, 'sendFrame: unknown option rsv (got true (boolean)); did you mean rsv1?'],
  ])('is not %p', (options, message) => {
    expect(() => {
      checkFrameOptions(options);
    }).toThrow(new TypeError(message));
  });

  it('ends with a callback, or without one', () => {
    expect(() => {
      checkCallback('ping', undefined, []);
      checkCallback('ping', callback, [undefined, undefined]);
    }).not.toThrow();
    expect(() => {
      checkCallback('ping', false, [callback]);
    }).toThrow(new TypeError('ping: expected the callback to be a function, got false (boolean)'));
    expect(() => {
      checkCallback('pong', callback, [undefined, true]);
    }).toThrow(
      new TypeError('pong: expected no more arguments after the callback, got true (boolean)'),
    );
  });
});
