import { parseSentClose } from '../../../../src/connection/close/sent-close.js';

describe('the Close frame of sendFrame', () => {
  it('is read as one that is received', () => {
    expect(parseSentClose(Uint8Array.of(0x03, 0xe8, 0x68, 0x69))).toStrictEqual({
      code: 1000,
      reason: 'hi',
    });
    expect(parseSentClose(new Uint8Array(0))).toStrictEqual({ code: 1005, reason: '' });
  });

  it('is the mistake of its caller if it must not be sent', () => {
    expect(() => parseSentClose(Uint8Array.of(0x03, 0xed))).toThrow(RangeError);
    expect(() => parseSentClose(Uint8Array.of(0x03, 0xed))).toThrow(
      'sendFrame: the Close frame has status code 1005, which must not be sent',
    );
  });
});
