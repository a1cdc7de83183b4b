import { constants } from 'node:http2';
import { ErrorCode, errorName } from '../../../../src/server/http2/error-codes.js';

describe('the error codes of HTTP/2', () => {
  it('are those of Node', () => {
    expect(ErrorCode.NO_ERROR).toBe(constants.NGHTTP2_NO_ERROR);
    expect(ErrorCode.CANCEL).toBe(constants.NGHTTP2_CANCEL);
    expect(errorName(0)).toBe('NO_ERROR');
    expect(errorName(8)).toBe('CANCEL');
    expect(errorName(constants.NGHTTP2_ENHANCE_YOUR_CALM)).toBe('ENHANCE_YOUR_CALM');
    expect(errorName(constants.NGHTTP2_HTTP_1_1_REQUIRED)).toBe('HTTP_1_1_REQUIRED');
  });

  it('may be numbers that no one has given a name', () => {
    expect(errorName(4711)).toBe('code 4711');
  });
});
