import { PROTOCOL_ERRORS, ProtocolError } from '../../../../src/protocol/framing/protocol-error.js';

describe('ProtocolError', () => {
  it.each([
    ['ERR_RESERVED_BIT', 1002],
    ['ERR_RESERVED_OPCODE', 1002],
    ['ERR_MASK_REQUIRED', 1002],
    ['ERR_MASK_FORBIDDEN', 1002],
    ['ERR_CONTROL_FRAGMENTED', 1002],
    ['ERR_CONTROL_TOO_LONG', 1002],
    ['ERR_LENGTH_NOT_MINIMAL', 1002],
    ['ERR_LENGTH_TOP_BIT', 1002],
    ['ERR_UNEXPECTED_CONTINUATION', 1002],
    ['ERR_EXPECTED_CONTINUATION', 1002],
    ['ERR_CLOSE_PAYLOAD', 1002],
    ['ERR_CLOSE_CODE', 1002],
    ['ERR_INVALID_UTF8', 1007],
    ['ERR_MESSAGE_TIMEOUT', 1008],
    ['ERR_MESSAGE_TOO_BIG', 1009],
  ] as const)('%s is answered with a Close of status %i', (code, closeCode) => {
    const error = new ProtocolError(code, 'byte 7: what happened');
    expect(error).toMatchObject({ code, closeCode, message: 'byte 7: what happened' });
    expect(error.detail).toStrictEqual({});
  });

  it('has the numbers of its message for programs', () => {
    const detail = { opcode: 3, length: 5 };
    expect(new ProtocolError('ERR_RESERVED_OPCODE', 'opcode 3', detail).detail).toBe(detail);
  });

  it('has a close code for every code: one of 1002, 1007, 1008 or 1009', () => {
    expect(Object.keys(PROTOCOL_ERRORS)).toHaveLength(17);
    expect(new Set(Object.values(PROTOCOL_ERRORS).map(({ closeCode }) => closeCode))).toEqual(
      new Set([1002, 1007, 1008, 1009]),
    );
  });

  it('is an Error with its own name', () => {
    const error = new ProtocolError('ERR_INVALID_UTF8', 'not text');
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toBe('ProtocolError: not text');
    expect(error.stack).toContain('protocol-error.test.ts');
  });
});
