import {
  CloseCode,
  formatClosePayload,
  isValidCloseCode,
  MAX_REASON_BYTES,
  parseClosePayload,
} from '../../../../src/protocol/framing/close-frame.js';
import { hex } from '../../../support/bytes.js';

describe('CloseCode', () => {
  it('has the codes of RFC 6455 section 7.4.1 and of the IANA registry', () => {
    expect(CloseCode).toEqual({
      NormalClosure: 1000,
      GoingAway: 1001,
      ProtocolError: 1002,
      UnsupportedData: 1003,
      NoStatusReceived: 1005,
      AbnormalClosure: 1006,
      InvalidPayload: 1007,
      PolicyViolation: 1008,
      MessageTooBig: 1009,
      MandatoryExtension: 1010,
      InternalError: 1011,
      ServiceRestart: 1012,
      TryAgainLater: 1013,
      BadGateway: 1014,
    });
  });
});

describe('isValidCloseCode', () => {
  it('allows 1000 to 1003, 1007 to 1014 and 3000 to 4999, of all 65 536', () => {
    const ranges: number[][] = [];
    for (let code = 0; code <= 0xffff; code++) {
      if (!isValidCloseCode(code)) continue;
      const last = ranges.at(-1);
      if (last?.[1] === code - 1) last[1] = code;
      else ranges.push([code, code]);
    }
    expect(ranges).toEqual([
      [1000, 1003],
      [1007, 1014],
      [3000, 4999],
    ]);
  });
});

describe('parseClosePayload', () => {
  it.each([
    ['no payload as 1005 without a reason', '', 1005, ''],
    ['a code alone', '03e8', 1000, ''],
    ['a code and a reason', '03e9 627965', 1001, 'bye'],
    ['a reason in UTF-8', '0fa0 e282ac f09f9880', 4000, '€😀'],
    ['a reason that begins with a byte order mark', '0bb8 efbbbf61', 3000, '\ufeffa'],
    ['a reason of 123 bytes', '1387 61x123', 4999, 'a'.repeat(123)],
  ])('reads %s', (_what, payload, code, reason) => {
    expect(parseClosePayload(hex(payload))).toEqual({ code, reason });
  });

  it.each([
    ['one byte of payload', '03', 'ERR_CLOSE_PAYLOAD', 1002, '1 byte of payload'],
    ['code 0', '0000', 'ERR_CLOSE_CODE', 1002, 'status code 0,'],
    ['code 999', '03e7', 'ERR_CLOSE_CODE', 1002, 'status code 999,'],
    ['code 1004', '03ec', 'ERR_CLOSE_CODE', 1002, 'status code 1004,'],
    ['code 1005', '03ed', 'ERR_CLOSE_CODE', 1002, 'status code 1005,'],
    ['code 1006', '03ee', 'ERR_CLOSE_CODE', 1002, 'status code 1006,'],
    ['code 1015', '03f7', 'ERR_CLOSE_CODE', 1002, 'status code 1015,'],
    ['code 2999', '0bb7', 'ERR_CLOSE_CODE', 1002, 'status code 2999,'],
    ['code 5000', '1388', 'ERR_CLOSE_CODE', 1002, 'status code 5000,'],
    ['code 65535 before it looks at the reason', 'ffff ff', 'ERR_CLOSE_CODE', 1002, '65535'],
    ['a stray continuation byte', '03e8 80', 'ERR_INVALID_UTF8', 1007, 'not valid UTF-8'],
    ['a character that is cut', '03e8 61e282', 'ERR_INVALID_UTF8', 1007, 'not valid UTF-8'],
    ['a surrogate', '03e8 eda080', 'ERR_INVALID_UTF8', 1007, 'not valid UTF-8'],
  ])('refuses a Close frame with %s', (_what, payload, code, closeCode, text) => {
    expect(() => parseClosePayload(hex(payload))).toThrow(
      expect.objectContaining({
        code,
        closeCode,
        message: expect.stringContaining(text) as string,
      }) as Error,
    );
  });
});

describe('a message of parseClosePayload', () => {
  it.each([
    ['03', 'byte 70: the Close frame has 1 byte of payload, 0x03'],
    ['03ec', 'byte 70: the Close frame has status code 1004,'],
    ['03e8 80', 'byte 72: the Close frame has a reason that is not'],
  ])('begins with the position in the stream, if it has one: %s', (payload, text) => {
    expect(() => parseClosePayload(hex(payload), 70)).toThrow(text);
    const atTheBeginning = text.replace('byte 7', 'byte ');
    expect(() => parseClosePayload(hex(payload), 0)).toThrow(atTheBeginning);
    expect(() => parseClosePayload(hex(payload))).toThrow(/^the Close frame has /);
  });
});

describe('formatClosePayload', () => {
  it.each([
    ['a code without a reason', 1000, undefined, '03e8'],
    ['a code with an empty reason', 1014, '', '03f6'],
    ['a code with a reason', 1001, 'bye', '03e9 627965'],
    ['a reason in UTF-8', 4000, '€😀', '0fa0 e282ac f09f9880'],
    ['123 bytes of reason', 3000, 'a'.repeat(123), '0bb8 61x123'],
    ['41 characters that are 123 bytes', 4999, '€'.repeat(41), '1387 (e282ac)x41'],
    ['half a surrogate pair as the replacement character', 1000, '\ud83d', '03e8 efbfbd'],
    ['1005 as no payload at all', 1005, undefined, ''],
    ['1005 with an empty reason likewise', 1005, '', ''],
  ])('writes %s', (_what, code, reason, expected) => {
    expect(formatClosePayload(code, reason)).toEqual(hex(expected));
  });

  it.each([999, 1004, 1006, 1015, 2999, 5000, -1, 65_536, 1000.5, NaN, Infinity])(
    'refuses to send %d',
    (code) => {
      expect(() => formatClosePayload(code)).toThrow(RangeError);
      expect(() => formatClosePayload(code)).toThrow(
        `close code ${code} must not be sent; use 1000 to 1003, 1007 to 1014 or 3000 to 4999`,
      );
    },
  );

  it('refuses 1005 with a reason, which a payload without a code has no room for', () => {
    expect(() => formatClosePayload(1005, 'why')).toThrow('close code 1005 must not be sent');
  });

  it.each([
    ['124 characters', 'a'.repeat(124), 124],
    ['42 characters that are 126 bytes', '€'.repeat(42), 126],
  ])('refuses a reason of %s', (_what, reason, bytes) => {
    expect(() => formatClosePayload(1000, reason)).toThrow(RangeError);
    expect(() => formatClosePayload(1000, reason)).toThrow(
      `the close reason is ${bytes} bytes of UTF-8; a Close frame has room for 123`,
    );
    expect(MAX_REASON_BYTES).toBe(123);
  });
});

describe('formatClosePayload, its arguments', () => {
  it.each<[unknown, unknown, string]>([
    ['1000', '', 'expected the close code to be a number, got 1000 (string)'],
    [null, '', 'expected the close code to be a number, got null (object)'],
    [1000, 5, 'expected the close reason to be a string, got 5 (number)'],
    [
      1000,
      Buffer.from('a'),
      'expected the close reason to be a string, got an object of a class; decode it',
    ],
  ])('refuses %p, %p with a TypeError', (code, reason, message) => {
    const attempt = () => formatClosePayload(code as number, reason as string);
    expect(attempt).toThrow(TypeError);
    expect(attempt).toThrow(message);
  });

  it('refuses NaN as a code that must not be sent', () => {
    expect(() => formatClosePayload(NaN)).toThrow(RangeError);
  });
});
