import { HANDSHAKE_ERRORS, HandshakeError } from '../../../src/client/handshake-error.js';

const url = new URL('wss://ada:secret@example.com/chat?a=1');

describe('HandshakeError', () => {
  it('says where and why, without user and password', () => {
    const error = new HandshakeError('ERR_HANDSHAKE_UNREACHABLE', { url });
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('HandshakeError');
    expect(error.message).toBe('wss://example.com/chat?a=1: the server could not be reached');
    expect(error.url).toBe('wss://example.com/chat?a=1');
    expect(url.username).toBe('ada');
    expect('cause' in error).toBe(false);
    const { status, headers, body } = error;
    expect([status, headers, body]).toEqual([undefined, undefined, undefined]);
  });

  it('has the response and the cause', () => {
    const cause = new Error('because');
    const [headers, body] = [{ server: 'x' }, Buffer.from('no')];
    const failure = { url, detail: '401 No', status: 401, headers, body, cause };
    const error = new HandshakeError('ERR_HANDSHAKE_REFUSED', failure);
    expect(error.message).toMatch(/: the server refused the handshake: 401 No$/);
    expect(error).toMatchObject({
      code: 'ERR_HANDSHAKE_REFUSED',
      status: 401,
      headers,
      body,
      cause,
    });
  });

  it('has codes of its own', () => {
    expect(Object.keys(HANDSHAKE_ERRORS)).toHaveLength(5);
  });
});
