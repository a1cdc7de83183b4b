jest.mock('node:buffer', () => {
  const actual = jest.requireActual<{ constants: object }>('node:buffer');
  return { ...actual, constants: { ...actual.constants, MAX_STRING_LENGTH: 100 } };
});

import { EventEmitter } from 'node:events';
import {
  emitLong,
  FITS_ANY_STRING,
  type StringListener,
  textOfMessage,
} from '../../../src/ws/message-strings.js';

/** What becomes of a message whose listener makes such strings. */
function emitted(data: Buffer, as: ReturnType<StringListener['stringAs']>, isBinary = false) {
  const target = new EventEmitter();
  const log: unknown[] = [];
  const receiver = {
    discardAll: () => log.push('discarded'),
    fail: ({ code, message }: { code: string; message: string }) => log.push(code, message),
  };
  const listener = (given: unknown) => log.push(as === 'text' ? textOfMessage(given) : given);
  target.on('message', Object.assign(listener, { stringAs: () => as }));
  emitLong(target, { receiver }, data, data, isBinary);
  return log;
}

const failure = (bytes: number) => [
  'discarded',
  'ERR_MESSAGE_TOO_BIG',
  `a message of ${bytes} bytes is longer than a string can be, 100 UTF-16 code units; take it as a Buffer (on('message')), or send less at a time`,
];

describe('a message that may not fit into the strings of its listeners', () => {
  it('is one whose bytes take more than half of a string', () => {
    expect(FITS_ANY_STRING).toBe(47);
  });

  it.each(['a'.repeat(100), 'é'.repeat(100), '🚀'.repeat(50)])('is a text if it fits', (text) => {
    expect(emitted(Buffer.from(text), 'text')).toEqual([text]);
  });

  it.each(['a'.repeat(101), 'é'.repeat(101), '🚀'.repeat(51)])(
    'fails the connection if its text does not fit',
    (text) => {
      expect(emitted(Buffer.from(text), 'text')).toEqual(failure(Buffer.byteLength(text)));
    },
  );

  it.each([
    ['hex', 47],
    ['Base64', 72],
    ['base64url', 72],
    ['latin1', 97],
    ['utf8', 97],
    ['utf16le', 97],
  ])('fits into a string of %s up to %i bytes, with 3 that were kept', (encoding, most) => {
    const as = encoding as BufferEncoding;
    expect(emitted(Buffer.alloc(most), as, true)).toEqual([Buffer.alloc(most)]);
    expect(emitted(Buffer.alloc(most + 1), as, true)).toEqual(failure(most + 1));
  });

  it('is given as it is to listeners that make no string', () => {
    const target = new EventEmitter();
    const got: unknown[] = [];
    target.on('message', (data) => got.push(data));
    const data = Buffer.alloc(500);
    const receiver = { discardAll: jest.fn(), fail: jest.fn() };
    emitLong(target, { receiver }, data, data, false);
    expect(emitted(data, undefined)).toEqual([data]);
    expect(got).toEqual([data]);
    expect(receiver.fail).not.toHaveBeenCalled();
  });
});

describe('the text of a message', () => {
  it('is made once for all listeners, and forgotten when they have been called', () => {
    const target = new EventEmitter();
    const data = Buffer.from('a'.repeat(60));
    const makes = jest.spyOn(data, 'toString');
    const texts: string[] = [];
    const listener = Object.assign(() => texts.push(textOfMessage(data)), {
      stringAs: () => 'text',
    });
    target.on('message', listener);
    target.on('message', listener);
    const receiver = { discardAll: jest.fn(), fail: jest.fn() };
    emitLong(target, { receiver }, data, data, false);
    expect(texts).toEqual(['a'.repeat(60), 'a'.repeat(60)]);
    expect(makes).toHaveBeenCalledTimes(1);
    textOfMessage(data);
    expect(makes).toHaveBeenCalledTimes(2);
  });

  it('is that of the outer message again after an inner one, though a listener has thrown', () => {
    const [outer, inner] = [new EventEmitter(), new EventEmitter()];
    const data = Buffer.from('a'.repeat(60));
    const receiver = { discardAll: jest.fn(), fail: jest.fn() };
    const strings = { stringAs: () => 'text' };
    const broken = new Error('a listener');
    const breaks = (): void => {
      throw broken;
    };
    inner.on('message', Object.assign(breaks, strings));
    const makes = jest.spyOn(data, 'toString');
    const listener = (): void => {
      const other = Buffer.from('b'.repeat(60));
      expect(() => {
        emitLong(inner, { receiver }, other, other, false);
      }).toThrow(broken);
      textOfMessage(data);
    };
    outer.on('message', Object.assign(listener, strings));
    emitLong(outer, { receiver }, data, data, false);
    expect(makes).toHaveBeenCalledTimes(1);
  });

  it('is a string of whatever an application emits itself', () => {
    expect([textOfMessage('text'), textOfMessage(Buffer.from('ü')), textOfMessage(1)]).toEqual([
      'text',
      'ü',
      '1',
    ]);
  });
});
