import { FrameDecoder } from '../../../src/protocol/framing/frame-decoder.js';
import { ProtocolError } from '../../../src/protocol/framing/protocol-error.js';
import { toWsError } from '../../../src/ws/ws-error.js';
import { clientClose, clientFrame, type FrameParts } from '../../support/frames.js';

type Bytes = FrameParts | readonly FrameParts[] | Buffer;

/** What the decoder says to these bytes. */
function faultIn(bytes: Bytes, role: 'server' | 'client' = 'server'): ProtocolError {
  const decoder = new FrameDecoder({ role, maxPayload: 1000 });
  const frames = Buffer.isBuffer(bytes) ? bytes : Buffer.concat([bytes].flat().map(clientFrame));
  decoder.push(frames);
  try {
    while (decoder.next());
  } catch (error) {
    return error as ProtocolError;
  }
  throw new Error('the decoder found no fault');
}

describe('toWsError', () => {
  it.each<[string, Bytes, name: string, code: string, message: string]>([
    ['RSV1', { opcode: 1, rsv: 4 }, 'RangeError', 'WS_ERR_UNEXPECTED_RSV_1', 'RSV1 must be clear'],
    [
      'RSV2',
      { opcode: 1, rsv: 2 },
      'RangeError',
      'WS_ERR_UNEXPECTED_RSV_2_3',
      'RSV2 and RSV3 must be clear',
    ],
    [
      'RSV3 with RSV1',
      { opcode: 1, rsv: 5 },
      'RangeError',
      'WS_ERR_UNEXPECTED_RSV_2_3',
      'RSV2 and RSV3 must be clear',
    ],
    [
      'a reserved opcode',
      { opcode: 11 },
      'RangeError',
      'WS_ERR_INVALID_OPCODE',
      'invalid opcode 11',
    ],
    [
      'a continuation of nothing',
      { opcode: 0 },
      'RangeError',
      'WS_ERR_INVALID_OPCODE',
      'invalid opcode 0',
    ],
    [
      'a message inside a message',
      [{ opcode: 1, fin: false }, { opcode: 2 }],
      'RangeError',
      'WS_ERR_INVALID_OPCODE',
      'invalid opcode 2',
    ],
    [
      'a fragmented Ping',
      { opcode: 9, fin: false },
      'RangeError',
      'WS_ERR_EXPECTED_FIN',
      'FIN must be set',
    ],
    [
      'a long Ping',
      { opcode: 9, payload: Buffer.alloc(126) },
      'RangeError',
      'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
      'invalid payload length 126',
    ],
    [
      'a Close with half a code',
      { opcode: 8, payload: 'x' },
      'RangeError',
      'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
      'invalid payload length 1',
    ],
    [
      'a frame without a mask',
      { opcode: 1, key: null },
      'RangeError',
      'WS_ERR_EXPECTED_MASK',
      'MASK must be set',
    ],
    [
      'text that is not UTF-8',
      { opcode: 1, payload: Buffer.from([0xff]) },
      'Error',
      'WS_ERR_INVALID_UTF8',
      'invalid UTF-8 sequence',
    ],
    [
      'a forbidden close code',
      clientClose(1006),
      'RangeError',
      'WS_ERR_INVALID_CLOSE_CODE',
      'invalid status code 1006',
    ],
  ])('has the code and the text of ws for %s', (_fault, bytes, name, code, message) => {
    const cause = faultIn(bytes);
    const error = toWsError(cause);
    expect(error).toMatchObject({ name, code, cause });
    expect(error.message).toBe(`Invalid WebSocket frame: ${message}`);
  });

  it('knows that a server must not mask', () => {
    const error = toWsError(faultIn({ opcode: 1 }, 'client'));
    expect(error).toMatchObject({ name: 'RangeError', code: 'WS_ERR_UNEXPECTED_MASK' });
    expect(error.message).toBe('Invalid WebSocket frame: MASK must be clear');
  });

  it.each([2n ** 53n, 2n ** 63n])('tells a length of %d from one above maxPayload', (length) => {
    const error = toWsError(faultIn({ opcode: 2, form: 64, length }));
    expect(error).toMatchObject({
      name: 'RangeError',
      code: 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
      message: 'Unsupported WebSocket frame: payload length > 2^53 - 1',
    });
  });

  it.each([1001n, 2n ** 53n - 1n])('says that %d bytes are above maxPayload', (length) => {
    expect(
      toWsError(faultIn({ opcode: 2, form: length > 70_000n ? 64 : 16, length })),
    ).toMatchObject({
      name: 'RangeError',
      code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
      message: 'Max payload size exceeded',
    });
  });

  it('keeps code and message of a rule that ws does not have', () => {
    const cause = faultIn({ opcode: 1, payload: 'a', form: 16 });
    const { code, message } = cause;
    expect(code).toBe('ERR_LENGTH_NOT_MINIMAL');
    expect(toWsError(cause)).toMatchObject({ name: 'RangeError', code, message, cause });
  });

  it('is an Error and no RangeError for content that cannot be decompressed', () => {
    const cause = new ProtocolError('ERR_INVALID_DEFLATE', 'invalid distance');
    expect(toWsError(cause)).toMatchObject({
      name: 'Error',
      code: 'Z_DATA_ERROR',
      errno: -3,
      message: 'invalid distance',
    });
  });
});
