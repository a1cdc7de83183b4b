import {
  checkExtendedConnect,
  extendedConnectFields,
  otherProtocol,
  toHttp2Fields,
} from '../../../../src/protocol/handshake/extended-connect.js';
import type { UpgradeRequest } from '../../../../src/protocol/handshake/handshake-request.js';

/** A rejection with these fields. */
const refusal = (fields: object): Error => expect.objectContaining(fields) as Error;

/** The request of RFC 8441 section 5.1, with other headers. */
function connectRequest(
  headers: UpgradeRequest['headers'] = {},
  rawHeaders?: string[],
): UpgradeRequest {
  return {
    httpVersion: '2.0',
    ...(rawHeaders === undefined ? {} : { rawHeaders }),
    headers: {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'https',
      ':path': '/chat?room=1',
      ':authority': 'server.example.com',
      'sec-websocket-protocol': 'chat, superchat',
      'sec-websocket-extensions': 'permessage-deflate',
      'sec-websocket-version': '13',
      origin: 'http://www.example.com',
      ...headers,
    },
  };
}

describe('checkExtendedConnect (RFC 8441 section 5)', () => {
  it('accepts the request of section 5.1', () => {
    expect(checkExtendedConnect(connectRequest())).toEqual({
      key: undefined,
      host: 'server.example.com',
      path: '/chat',
      target: '/chat?room=1',
      origin: 'http://www.example.com',
      subprotocols: ['chat', 'superchat'],
      extensions: [{ name: 'permessage-deflate', params: [] }],
      hasChunkedBody: false,
    });
  });

  it('accepts a Host that says the same, a Host alone, and a key', () => {
    const same = connectRequest({ host: 'SERVER.example.com', 'sec-websocket-key': 'key' });
    expect(checkExtendedConnect(same)).toMatchObject({ host: 'server.example.com', key: 'key' });
    const alone = connectRequest({ ':authority': undefined, host: 'example.org' });
    expect(checkExtendedConnect(alone)).toMatchObject({ host: 'example.org' });
  });

  it.each<[string, UpgradeRequest['headers'], number, RegExp]>([
    ['another method', { ':method': 'GET' }, 405, /is a CONNECT request, not GET/],
    ['another protocol', { ':protocol': 'connect-udp' }, 501, /only the protocol websocket/],
    ['no protocol', { ':protocol': undefined }, 501, /only the protocol websocket/],
    ['a length', { 'content-length': '5' }, 400, /has no Content-Length/],
    ['no path', { ':path': undefined }, 400, /target is not a path/],
    ['a path without a slash', { ':path': '*' }, 400, /target is not a path/],
    ['dot segments', { ':path': '/a/../b' }, 400, /dot segments/],
    ['no authority', { ':authority': undefined }, 400, /:authority is missing/],
    ['a malformed authority', { ':authority': 'a@b' }, 400, /:authority is malformed/],
    ['another Host', { host: 'example.org' }, 400, /Host header and the :authority differ/],
    ['a malformed offer', { 'sec-websocket-protocol': 'a b' }, 400, /Protocol is malformed/],
  ])('refuses %s', (_what, headers, status, message) => {
    expect(() => checkExtendedConnect(connectRequest(headers))).toThrow(
      refusal({ status, message: expect.stringMatching(message) as string }),
    );
  });

  it.each(['8', '13, 8', undefined])('answers version %j with 400 and the one it speaks', (own) => {
    expect(() => checkExtendedConnect(connectRequest({ 'sec-websocket-version': own }))).toThrow(
      refusal({ status: 400, headers: { 'Sec-WebSocket-Version': '13' } }),
    );
  });

  it('refuses a repeated field', () => {
    const twice = connectRequest({}, ['origin', 'http://a', 'origin', 'http://b']);
    expect(() => checkExtendedConnect(twice)).toThrow(/header origin occurs more than once/);
  });

  it('names the methods and protocols that are served', () => {
    expect(() => checkExtendedConnect(connectRequest({ ':method': 'GET' }))).toThrow(
      refusal({ headers: { Allow: 'CONNECT' } }),
    );
    expect(otherProtocol()).toMatchObject({ status: 501 });
  });
});

describe('extendedConnectFields', () => {
  const nothing = { subprotocol: undefined, extensions: undefined, headers: undefined };

  it('has nothing where nothing was chosen', () => {
    expect(extendedConnectFields(undefined, nothing)).toEqual({});
  });

  it("has what was chosen and the application's headers, in lower case", () => {
    const accepted = {
      subprotocol: 'chat',
      extensions: 'permessage-deflate',
      headers: { 'X-One': 'a', 'Set-Cookie': ['b=c', 'd=e'], Connection: 'keep-alive' },
    };
    expect(extendedConnectFields(undefined, accepted)).toEqual({
      'sec-websocket-protocol': 'chat',
      'sec-websocket-extensions': 'permessage-deflate',
      'x-one': 'a',
      'set-cookie': ['b=c', 'd=e'],
    });
  });

  it('answers a key (RFC 6455 section 1.3)', () => {
    expect(extendedConnectFields('dGhlIHNhbXBsZSBub25jZQ==', nothing)).toEqual({
      'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    });
  });

  it.each(['Sec-WebSocket-Protocol', 'content-length'])('refuses the header %s', (name) => {
    expect(() =>
      extendedConnectFields(undefined, { ...nothing, headers: { [name]: 'x' } }),
    ).toThrow(/is written by hawser itself/);
  });
});

describe('toHttp2Fields', () => {
  it('leaves out the fields about the connection', () => {
    const about = ['Connection', 'HTTP2-Settings', 'Keep-Alive', 'Proxy-Connection', 'TE'];
    const fields = [...about, 'Transfer-Encoding', 'Upgrade', 'X-Kept'].map((name) => [name, 'a']);
    expect(toHttp2Fields(Object.fromEntries(fields) as Record<string, string>)).toEqual({
      'x-kept': 'a',
    });
  });

  it('sends several values as one list, but each cookie for itself', () => {
    const cookies = ['c=1', 'd=2'];
    expect(toHttp2Fields({ 'X-List': ['a', 'b'], 'Set-Cookie': cookies, Cookie: cookies })).toEqual(
      { 'x-list': 'a, b', 'set-cookie': cookies, cookie: cookies },
    );
  });
});
