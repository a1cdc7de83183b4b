import * as frame from '../../../../src/protocol/framing/frame.js';

describe('The vocabulary of a frame (RFC 6455 section 5.2)', () => {
  it('has the opcodes of section 11.8 and no others', () => {
    expect(frame.Opcode).toEqual({
      Continuation: 0,
      Text: 1,
      Binary: 2,
      Close: 8,
      Ping: 9,
      Pong: 10,
    });
  });

  it.each([
    [0x0, false],
    [0x1, false],
    [0x2, false],
    [0x3, false],
    [0x7, false],
    [0x8, true],
    [0x9, true],
    [0xa, true],
    [0xb, true],
    [0xf, true],
  ])('opcode %i is a control frame: %s', (opcode, control) => {
    expect(frame.isControl(opcode)).toBe(control);
  });

  it('has one bit for each flag of the two header bytes', () => {
    const { FIN, RSV1, RSV2, RSV3, MASK } = frame;
    expect([FIN, RSV1, RSV2, RSV3, MASK]).toEqual([0x80, 0x40, 0x20, 0x10, 0x80]);
  });

  it('has the sizes that divide the three forms of the payload length', () => {
    const { MAX_7_BIT_LENGTH, LENGTH_16, LENGTH_64, MAX_16_BIT_LENGTH } = frame;
    expect([MAX_7_BIT_LENGTH, LENGTH_16, LENGTH_64, MAX_16_BIT_LENGTH]).toEqual([
      125, 126, 127, 65_535,
    ]);
    // Two bytes, eight of length, four of key.
    expect([frame.MASKING_KEY_BYTES, frame.MAX_HEADER_BYTES]).toEqual([4, 14]);
  });
});
