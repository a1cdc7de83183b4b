import type { ProtocolError } from '../../../../src/protocol/framing/protocol-error.js';
import { invalidDeflate } from '../../../../src/protocol/deflate/invalid-deflate.js';

describe('invalidDeflate', () => {
  it('says what zlib said', () => {
    const error: ProtocolError = invalidDeflate('invalid block type');
    expect(error.message).toBe(
      'a compressed message cannot be decompressed: invalid block type (RFC 7692 section 7.2.2)',
    );
    expect(error.closeCode).toBe(1007);
  });
});
