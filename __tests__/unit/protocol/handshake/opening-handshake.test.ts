import {
  acceptKey,
  checkUpgrade,
  formatHead,
  formatUpgradeResponse,
  isWebSocketUpgrade,
} from '../../../../src/protocol/handshake/opening-handshake.js';
import type { UpgradeRequest } from '../../../../src/protocol/handshake/handshake-request.js';
import { requestPath } from '../../../../src/protocol/handshake/request-target.js';
import type { UpgradeRejection } from '../../../../src/protocol/handshake/upgrade-rejection.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** The handshake of section 1.2 without its optional fields, with some things changed. */
function request(
  changes: Partial<UpgradeRequest> = {},
  headers: UpgradeRequest['headers'] = {},
): UpgradeRequest {
  return {
    method: 'GET',
    url: '/chat',
    httpVersion: '1.1',
    ...changes,
    headers: {
      host: 'server.example.com',
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-key': KEY,
      'sec-websocket-version': '13',
      ...headers,
    },
  };
}

/** The refusal of a request. */
function refusal(
  changes: Partial<UpgradeRequest>,
  headers?: UpgradeRequest['headers'],
): UpgradeRejection {
  try {
    checkUpgrade(request(changes, headers));
  } catch (error) {
    return error as UpgradeRejection;
  }
  throw new Error('it was accepted');
}

describe('checkUpgrade (RFC 6455 section 4.2.1) accepts', () => {
  it('the handshake of section 1.2', () => {
    const headers = {
      origin: 'http://example.com',
      'sec-websocket-protocol': 'chat, superchat',
      'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits',
    };
    expect(checkUpgrade(request({}, headers))).toEqual({
      key: KEY,
      host: 'server.example.com',
      path: '/chat',
      target: '/chat',
      origin: 'http://example.com',
      subprotocols: ['chat', 'superchat'],
      extensions: [
        {
          name: 'permessage-deflate',
          params: [{ name: 'client_max_window_bits', value: undefined }],
        },
      ],
      hasChunkedBody: false,
    });
  });

  it('a request without optional parts', () => {
    expect(checkUpgrade(request())).toEqual({
      key: KEY,
      host: 'server.example.com',
      path: '/chat',
      target: '/chat',
      origin: undefined,
      subprotocols: [],
      extensions: [],
      hasChunkedBody: false,
    });
  });

  it('reports whether a chunked body follows, and refuses a body with content', () => {
    expect(checkUpgrade(request({}, { 'transfer-encoding': 'chunked' })).hasChunkedBody).toBe(true);
    expect(checkUpgrade(request({}, { 'content-length': '0' })).hasChunkedBody).toBe(false);
    expect(() => checkUpgrade(request({}, { 'content-length': '5' }))).toThrow('is not empty');
  });

  it.each<[string, UpgradeRequest['headers']]>([
    ['Upgrade in capitals', { upgrade: 'WebSocket' }],
    ['websocket among other protocols', { upgrade: 'h2c, websocket' }],
    ['websocket among protocols with versions', { upgrade: 'HTTP/2.0, websocket' }],
    ['keep-alive beside Upgrade', { connection: 'keep-alive, Upgrade' }],
    ['Connection in capitals', { connection: 'UPGRADE' }],
    ['Connection as a list of fields', { connection: ['keep-alive', 'Upgrade'] }],
    ['white space around the key', { 'sec-websocket-key': `\t ${KEY} \t` }],
    ['white space around the version', { 'sec-websocket-version': ' \t13\t ' }],
    ['a key of all kinds of characters', { 'sec-websocket-key': '+/09AZaz+/09AZaz+/09AA==' }],
    ['empty subprotocols', { 'sec-websocket-protocol': '' }],
    ['empty extensions', { 'sec-websocket-extensions': ' , ' }],
  ])('%s', (_what, headers) => {
    expect(checkUpgrade(request({}, headers))).toMatchObject({ path: '/chat' });
  });

  it('subprotocols and extensions over several fields, in order', () => {
    const headers = {
      'sec-websocket-protocol': ['b, a', 'c'],
      'sec-websocket-extensions': ['x; y', 'z'],
    };
    const { subprotocols, extensions } = checkUpgrade(request({}, headers));
    expect(subprotocols).toEqual(['b', 'a', 'c']);
    expect(extensions.map(({ name }) => name)).toEqual(['x', 'z']);
  });

  it('header values that are names of Object properties', () => {
    const names = 'constructor, __proto__, toString';
    const headers = { 'sec-websocket-protocol': names, 'sec-websocket-extensions': names };
    const { subprotocols, extensions } = checkUpgrade(request({}, headers));
    expect(subprotocols).toEqual(['constructor', '__proto__', 'toString']);
    expect(extensions).toHaveLength(3);
  });

  it.each([
    ['server.example.com'],
    ['server.example.com:8080'],
    ['server.example.com:'],
    ['127.0.0.1:80'],
    ['[::1]'],
    ['[2001:db8::1]:65535'],
    ['[::ffff:127.0.0.1]:80'],
    ['[fe80::1%25eth0]:80'],
    ['[fe80::1%eth0]'],
    ['my_host-1.example'],
    ['localhost'],
  ])('the Host %s', (host) => {
    expect(checkUpgrade(request({}, { host })).host).toBe(host);
  });

  it.each([
    ['/', '/', 'server.example.com'],
    ['/chat?a=/b', '/chat', 'server.example.com'],
    ['/chat#a?b', '/chat', 'server.example.com'],
    ['/chat?a#b', '/chat', 'server.example.com'],
    ['//evil.example', '//evil.example', 'server.example.com'],
    ['/http://evil.example/', '/http://evil.example/', 'server.example.com'],
    ['http://other.example/chat?a', '/chat', 'other.example'],
    ['ws://other.example:8080/', '/', 'other.example:8080'],
    ['WSS://other.example/chat', '/chat', 'other.example'],
    ['https://other.example', '/', 'other.example'],
    ['https://other.example?a', '/', 'other.example'],
    ['https://[::1]:8080#a', '/', '[::1]:8080'],
  ])('the target %s as path %s on %s', (url, path, host) => {
    expect(checkUpgrade(request({ url }))).toMatchObject({ path, host });
  });

  it.each([
    ['/chat?a=/b', '/chat?a=/b'],
    ['http://other.example/chat?a', '/chat?a'],
    ['https://other.example?a', '/?a'],
    ['https://other.example', '/'],
  ])('the target %s without its authority: %s', (url, target) => {
    expect(checkUpgrade(request({ url })).target).toBe(target);
  });

  it('repeated fields where repeating is allowed', () => {
    const rawHeaders = [
      'Sec-WebSocket-Protocol',
      'a',
      'sec-websocket-protocol',
      'b',
      'Cookie',
      'c',
      'Cookie',
      'd',
      'Host',
      'x',
      'Origin',
      'y',
    ];
    expect(() => checkUpgrade(request({ rawHeaders }))).not.toThrow();
  });
});

describe('checkUpgrade refuses', () => {
  it.each<[string, Partial<UpgradeRequest>, UpgradeRequest['headers'], number, string]>([
    ['POST', { method: 'POST' }, {}, 405, 'not POST'],
    ['get in small letters', { method: 'get' }, {}, 405, 'not get'],
    ['a request without a method', { method: undefined }, {}, 405, 'not (none)'],
    ['HTTP/1.0', { httpVersion: '1.0' }, {}, 400, 'needs HTTP/1.1, not HTTP/1.0'],
    ['HTTP/2', { httpVersion: '2.0' }, {}, 400, 'needs HTTP/1.1, not HTTP/2.0'],
    ['no Upgrade', {}, { upgrade: undefined }, 426, 'only upgrades to websocket'],
    ['an upgrade to h2c', {}, { upgrade: 'h2c' }, 426, 'only upgrades to websocket'],
    ['an upgrade to websockets', {}, { upgrade: 'websockets' }, 426, 'only upgrades to websocket'],
    [
      'an upgrade to websocket/13',
      {},
      { upgrade: 'websocket/13' },
      426,
      'only upgrades to websocket',
    ],
    ['a malformed Upgrade', {}, { upgrade: 'websocket;' }, 426, 'only upgrades to websocket'],
    [
      'no Connection',
      {},
      { connection: undefined },
      400,
      'Connection header does not include Upgrade',
    ],
    ['Connection: keep-alive', {}, { connection: 'keep-alive' }, 400, 'Connection header does not'],
    ['Connection: upgraded', {}, { connection: 'upgraded' }, 400, 'Connection header does not'],
    ['Connection: "Upgrade"', {}, { connection: '"Upgrade"' }, 400, 'Connection header does not'],
    ['no request target', { url: undefined }, {}, 400, 'request target is not a path'],
    ['an empty target', { url: '' }, {}, 400, 'request target is not a path'],
    ['*', { url: '*' }, {}, 400, 'request target is not a path'],
    ['a target without a slash', { url: 'chat' }, {}, 400, 'request target is not a path'],
    ['an authority alone', { url: 'other.example:80' }, {}, 400, 'request target is not a path'],
    ['a query alone', { url: '?a' }, {}, 400, 'request target is not a path'],
    ['another scheme', { url: 'ftp://a/' }, {}, 400, 'request target is not a path'],
    ['no Host', {}, { host: undefined }, 400, 'Host header is missing'],
    ['an empty Host', {}, { host: '' }, 400, 'Host header is malformed'],
    ['a Host with a path', {}, { host: 'a/b' }, 400, 'Host header is malformed'],
    ['a Host with a user', {}, { host: 'a@b' }, 400, 'Host header is malformed'],
    ['a Host with a space', {}, { host: 'a b' }, 400, 'Host header is malformed'],
    ['two Hosts', {}, { host: ['a', 'b'] }, 400, 'Host header is malformed'],
    ['a Host with two ports', {}, { host: 'a:1:2' }, 400, 'Host header is malformed'],
    ['a Host with six digits of port', {}, { host: 'a:123456' }, 400, 'Host header is malformed'],
    ['a Host that is only a port', {}, { host: ':80' }, 400, 'Host header is malformed'],
    ['an IPv6 address without brackets', {}, { host: '::1' }, 400, 'Host header is malformed'],
    ['an empty zone', {}, { host: '[::1%]' }, 400, 'Host header is malformed'],
    ['a malformed zone', {}, { host: '[::1%a b]' }, 400, 'Host header is malformed'],
    ['an open bracket', {}, { host: '[::1' }, 400, 'Host header is malformed'],
    ['a Host that is not ASCII', {}, { host: 'h\u00f6st' }, 400, 'Host header is malformed'],
    [
      'an absolute target without an authority',
      { url: 'http:///chat' },
      {},
      400,
      'Host header is malformed',
    ],
    [
      'an absolute target with a user',
      { url: 'http://a@b/chat' },
      {},
      400,
      'Host header is malformed',
    ],
    [
      'no version',
      {},
      { 'sec-websocket-version': undefined },
      426,
      'version (none) is not supported',
    ],
    ['version 8', {}, { 'sec-websocket-version': '8' }, 426, 'version 8 is not supported, only 13'],
    ['version 13.0', {}, { 'sec-websocket-version': '13.0' }, 426, 'version 13.0 is not supported'],
    [
      'two versions',
      {},
      { 'sec-websocket-version': '13, 8' },
      426,
      'version 13, 8 is not supported',
    ],
    ['no key', {}, { 'sec-websocket-key': undefined }, 400, 'Sec-WebSocket-Key is not 16 bytes'],
    ['an empty key', {}, { 'sec-websocket-key': '' }, 400, 'Sec-WebSocket-Key is not 16 bytes'],
    ['a key of 15 bytes', {}, { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25j' }, 400, 'not 16 bytes'],
    [
      'a key of 17 bytes',
      {},
      { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZWU=' },
      400,
      'not 16 bytes',
    ],
    ['a key without padding', {}, { 'sec-websocket-key': KEY.slice(0, 22) }, 400, 'not 16 bytes'],
    ['a key in base64url', {}, { 'sec-websocket-key': `-_${KEY.slice(2)}` }, 400, 'not 16 bytes'],
    ['two keys', {}, { 'sec-websocket-key': `${KEY}, ${KEY}` }, 400, 'not 16 bytes'],
    [
      'malformed extensions',
      {},
      { 'sec-websocket-extensions': 'a; =' },
      400,
      'Sec-WebSocket-Extensions is malformed',
    ],
    [
      'malformed subprotocols',
      {},
      { 'sec-websocket-protocol': 'a b' },
      400,
      'Sec-WebSocket-Protocol is malformed',
    ],
    ['a subprotocol twice', {}, { 'sec-websocket-protocol': 'a, b, a' }, 400, 'or repeats a name'],
  ])('%s', (_what, changes, headers, status, text) => {
    const rejection = refusal(changes, headers);
    expect(rejection).toMatchObject({ name: 'UpgradeRejection', status });
    expect(rejection.body).toContain(text);
  });

  it.each(['\u00a0', '\r', '\v', '\ufeff'])('%j around the key or the version', (space) => {
    for (const spaced of [(text: string) => space + text, (text: string) => text + space]) {
      expect(refusal({}, { 'sec-websocket-key': spaced(KEY) }).status).toBe(400);
      expect(refusal({}, { 'sec-websocket-version': spaced('13') }).status).toBe(426);
    }
  });

  it('other methods, protocols and versions, with the headers that name the supported ones', () => {
    expect(refusal({ method: 'PUT' }).headers).toEqual({ Allow: 'GET' });
    expect(refusal({}, { upgrade: 'h2c' }).headers).toEqual({ Upgrade: 'websocket' });
    expect(refusal({}, { 'sec-websocket-version': '8' }).headers).toEqual({
      'Sec-WebSocket-Version': '13',
      Upgrade: 'websocket',
    });
  });

  it.each([
    'Host',
    'Origin',
    'Sec-WebSocket-Key',
    'Sec-WebSocket-Version',
    'SEC-WEBSOCKET-VERSION',
  ])('a second %s, in whatever letters', (name) => {
    const rawHeaders = [name.toLowerCase(), 'a', 'Cookie', 'b', name, 'a'];
    const rejection = refusal({ rawHeaders });
    expect(rejection).toMatchObject({
      status: 400,
      body: `the header ${name} occurs more than once`,
    });
  });

  it('but not a value that is the name of such a field', () => {
    expect(() =>
      checkUpgrade(request({ rawHeaders: ['X-A', 'Host', 'Host', 'host', 'X-B', 'Host'] })),
    ).not.toThrow();
  });

  it('without sending back control characters or long texts', () => {
    const { body } = refusal({ method: `P\r\nX: \u00e9\u{1f600}${'y'.repeat(100)}` });
    expect(body).toBe(
      `a WebSocket handshake is a GET request, not P??X: ???${'y'.repeat(31)} (RFC 6455 section 4.1)`,
    );
    expect(refusal({}, { 'sec-websocket-version': '<\x7f\x1b>' }).body).toContain(
      'version <??> is',
    );
  });
});

describe('isWebSocketUpgrade', () => {
  it.each([
    ['websocket', true],
    ['WEBSOCKET', true],
    ['h2c,websocket', true],
    ['h2c', false],
    ['', false],
    ['websocket websocket', false],
    ['websocket/', false],
    ['web/socket', false],
    [undefined, false],
  ])('%p: %s', (upgrade, expected) => {
    expect(isWebSocketUpgrade(request({}, { upgrade }))).toBe(expected);
  });
});

describe('a target that URL parsers read differently', () => {
  it.each([
    '/a/../b',
    '/a/./b',
    '/..',
    '/.',
    '/a/%2e%2E/b',
    '/a/.%2e',
    '/a/%2E?x',
    '/a\\b',
    '/a\\..\\b',
    'http://h/a/..',
    '/a\tb',
    '/.\t./b',
    '/a\r',
    '/a?b\nc',
    '/a b',
    '/a\0',
    '/a\u007f',
  ])('is refused: %j', (url) => {
    expect(() => checkUpgrade(request({ url }))).toThrow(
      expect.objectContaining({
        status: 400,
        body: 'the request target has dot segments, a backslash or a control character',
      }) as Error,
    );
    expect(requestPath(url)).toBeUndefined();
  });

  it.each([
    ['/..a/b../...', '/..a/b../...'],
    ['/a?b=/../c', '/a'],
    ['/%2e%2ea', '/%2e%2ea'],
    ['/%63hat', '/%63hat'],
    ['/a"b<c>{d}', '/a%22b%3Cc%3E%7Bd%7D'],
    ['/caf\u00e9', '/caf%C3%A9'],
  ])('has the path that they see: %s', (url, path) => {
    expect(checkUpgrade(request({ url })).path).toBe(path);
    expect(new URL(url, 'http://h').pathname).toBe(path);
  });
});

describe('acceptKey', () => {
  it('answers the key of section 1.3', () => {
    expect(acceptKey(KEY)).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });
});

describe('formatUpgradeResponse (section 4.2.2)', () => {
  const HEAD =
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n';

  it('has the fields of every answer', () => {
    expect(formatUpgradeResponse(KEY, {})).toBe(`${HEAD}\r\n`);
  });

  it('has the accepted extensions', () => {
    expect(formatUpgradeResponse(KEY, { extensions: 'permessage-deflate' })).toBe(
      `${HEAD}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n`,
    );
  });

  it("has the subprotocol and the application's headers, lists field by field", () => {
    const headers = { 'Set-Cookie': ['a=1', 'b=2'], 'X-Empty': '', __proto__x: 'y' };
    expect(formatUpgradeResponse(KEY, { subprotocol: 'chat', headers })).toBe(
      `${HEAD}Sec-WebSocket-Protocol: chat\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Empty: \r\n__proto__x: y\r\n\r\n`,
    );
  });

  it.each([
    'Connection',
    'Content-Length',
    'Sec-WebSocket-Accept',
    'sec-websocket-extensions',
    'Sec-WebSocket-Protocol',
    'TRANSFER-ENCODING',
    'upgrade',
  ])('refuses the header %s, which it writes itself or must not have', (name) => {
    expect(() => formatUpgradeResponse(KEY, { headers: { [name]: 'x' } })).toThrow(
      `header ${name} is written by hawser itself`,
    );
  });

  it('refuses a header that would begin another', () => {
    const headers = { 'X-A': 'b\r\nX-C: d' };
    expect(() => formatUpgradeResponse(KEY, { headers })).toThrow('header X-A: expected a string');
  });
});

describe('formatHead', () => {
  it('has a status line, the fields and an empty line', () => {
    expect(formatHead(426, 'Upgrade Required', { Upgrade: 'websocket', 'X-A': ['1', '2'] })).toBe(
      'HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nX-A: 1\r\nX-A: 2\r\n\r\n',
    );
    expect(formatHead(400, 'Bad Request', {})).toBe('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
});
