import { HandshakeError, type HandshakeErrorCode } from '../../../src/client/handshake-error.js';
import { explainFailure } from '../../../src/cli/explain-failure.js';

const url = new URL('ws://example.com/feed');

const failure = (
  code: HandshakeErrorCode,
  parts: Partial<ConstructorParameters<typeof HandshakeError>[1]> = {},
): HandshakeError => new HandshakeError(code, { url, ...parts });

/** What `connect` rejects with for an error of Node. */
function unreachable(cause: object & { message: string }): HandshakeError {
  return failure('ERR_HANDSHAKE_UNREACHABLE', { detail: cause.message, cause });
}
const nodeError = (code: string, message = `it failed: ${code}`): Error =>
  Object.assign(new Error(message), { code });

describe('a server that cannot be reached', () => {
  it.each([
    ['ECONNREFUSED', 'Nothing listens there: the connection was refused.'],
    ['ENOTFOUND', 'DNS knows no address for the host name.'],
    ['EAI_AGAIN', 'The name server did not answer.'],
    ['EHOSTUNREACH', 'No answer came from the address.'],
    ['EMFILE', 'This process may not open more files or sockets.'],
    ['EADDRNOTAVAIL', 'This machine has no address or port left for the connection.'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'The certificate is self-signed: no authority'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'The certificate cannot be traced to an authority'],
    ['CERT_HAS_EXPIRED', 'The certificate has expired.'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'The certificate is for another host name.'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'What answered does not speak TLS.'],
    ['ERR_OSSL_PEM_NO_START_LINE', 'TLS failed.'],
    ['HPE_INVALID_CONSTANT', 'What answered does not speak HTTP.'],
    ['ECONNRESET', 'The server ended the connection without an answer.'],
  ])('because of %s is explained, with advice', (code, fact) => {
    const { status, lines } = explainFailure(unreachable(nodeError(code)));
    expect(status).toBe(2);
    expect(lines[0]).toContain(`ws://example.com/feed: ${fact}`);
    expect(lines[1]).toBe(`it failed: ${code}`);
    expect(lines).toHaveLength(3);
  });

  it('at several addresses is explained by the first', () => {
    const errors = [nodeError('ECONNREFUSED', 'refused'), nodeError('ETIMEDOUT', 'late')];
    const cause = Object.assign(new AggregateError(errors, 'both'), { errors });
    expect(explainFailure(unreachable(cause)).lines[0]).toContain('Nothing listens there');
  });

  it('for an unknown reason is told with what Node says', () => {
    expect(explainFailure(unreachable(nodeError('EODD', 'odd \x1b[2J'))).lines).toEqual([
      'ws://example.com/feed: The server could not be reached.',
      'odd \\x1b[2J (EODD)',
    ]);
    const { lines } = explainFailure(failure('ERR_HANDSHAKE_UNREACHABLE', { detail: 'no idea' }));
    expect(lines[1]).toBe('no idea');
  });

  it('in time is told', () => {
    const { status, lines } = explainFailure(failure('ERR_HANDSHAKE_TIMEOUT', { detail: '9 ms' }));
    expect(status).toBe(2);
    expect(lines[0]).toBe('ws://example.com/feed: No answer came in time.');
  });

  it('because of the proxy is told apart from a refusal of the server', () => {
    const error = failure('ERR_HANDSHAKE_UNREACHABLE', {
      status: 407,
      headers: { 'proxy-authenticate': 'Basic' },
    });
    expect(explainFailure(error)).toEqual({
      status: 2,
      lines: [
        'ws://example.com/feed: The proxy refused: 407 Proxy Authentication Required.',
        '  proxy-authenticate: Basic',
        'The proxy wants credentials: --proxy http://user:password@host.',
      ],
    });
  });
});

describe('a refusal', () => {
  it('has status, headers and body, without control characters', () => {
    const error = failure('ERR_HANDSHAKE_REFUSED', {
      status: 403,
      headers: { server: 'evil\x1b[2J' },
      body: Buffer.from('go away\n\x1b]0;owned\x07\n'),
    });
    expect(explainFailure(error)).toEqual({
      status: 1,
      lines: [
        'ws://example.com/feed: The server refused: 403 Forbidden.',
        '  server: evil\\x1b[2J',
        '  go away\n  \\x1b]0;owned\\x07',
        'It may want credentials (-H), or the Origin of a page it knows (--origin).',
      ],
    });
  });

  it('with an unknown status is told as it is', () => {
    expect(explainFailure(failure('ERR_HANDSHAKE_REFUSED', { status: 599 }))).toEqual({
      status: 1,
      lines: ['ws://example.com/feed: The server refused: 599.'],
    });
  });

  it('by a redirect names the location', () => {
    const error = failure('ERR_HANDSHAKE_REDIRECT', {
      status: 302,
      headers: { location: 'wss://other.example/' },
    });
    expect(explainFailure(error).lines).toEqual([
      'ws://example.com/feed: The server refused: 302 Found.',
      '  location: wss://other.example/',
      'Redirects are not followed. Connect to the location, if you trust it.',
    ]);
  });
});

describe('a 101 that is not valid', () => {
  it('is told with what is wrong', () => {
    const error = failure('ERR_HANDSHAKE_INVALID', { status: 101, detail: 'the key: it is wrong' });
    expect(explainFailure(error)).toEqual({
      status: 3,
      lines: [
        'ws://example.com/feed: The server switched protocols, but its answer is not that of a WebSocket server.',
        'It is wrong: the key: it is wrong.',
      ],
    });
  });
});
