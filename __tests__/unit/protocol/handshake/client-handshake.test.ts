import {
  checkAnswer,
  checkConnectAnswer,
  connectFields,
  type ClientOffer,
  type HandshakeFault,
  makeKey,
  requestFields,
} from '../../../../src/protocol/handshake/client-handshake.js';
import { acceptKey, checkUpgrade } from '../../../../src/protocol/handshake/opening-handshake.js';
import { parseExtensions } from '../../../../src/protocol/handshake/extensions.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='; // section 1.3

const offerOf = (given: Partial<ClientOffer> = {}): ClientOffer => ({
  key: KEY,
  subprotocols: [],
  extensions: [],
  ...given,
});
const answerOf = (headers: Record<string, string | string[] | undefined> = {}) => ({
  headers: {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-accept': ACCEPT,
    ...headers,
  },
});

describe('makeKey (RFC 6455 section 4.1)', () => {
  it('writes 16 bytes in base64', () => {
    expect(makeKey(Buffer.from('the sample nonce'))).toBe(KEY);
  });

  it('takes random bytes, and others each time', () => {
    const keys = [makeKey(), makeKey()];
    expect(keys[0]).not.toBe(keys[1]);
    for (const key of keys) expect(Buffer.from(key, 'base64')).toHaveLength(16);
  });
});

describe('requestFields (RFC 6455 section 4.1)', () => {
  it('asks for an upgrade, and for no more than was given', () => {
    expect(requestFields(offerOf())).toStrictEqual({
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': KEY,
    });
  });

  it('offers subprotocols and extensions, and names the origin', () => {
    const offer = offerOf({
      subprotocols: ['a', 'b'],
      extensions: parseExtensions('foo; bar=1, baz')!,
      origin: 'https://example.com',
    });
    expect(requestFields(offer)).toMatchObject({
      'Sec-WebSocket-Protocol': 'a,b',
      'Sec-WebSocket-Extensions': 'foo; bar=1, baz',
      Origin: 'https://example.com',
    });
  });

  it('names the origin of a draft by the name of the draft', () => {
    const fields = requestFields(offerOf({ version: 8, origin: 'https://example.com' }));
    expect(fields).toMatchObject({
      'Sec-WebSocket-Version': '8',
      'Sec-WebSocket-Origin': 'https://example.com',
    });
    expect(fields).not.toHaveProperty('Origin');
  });

  it('is what the server’s half reads', () => {
    const offer = offerOf({
      key: makeKey(),
      subprotocols: ['a', 'b'],
      extensions: parseExtensions('foo; bar=1')!,
      origin: 'https://example.com',
    });
    const headers = Object.fromEntries(
      Object.entries(requestFields(offer)).map(([name, value]) => [
        name.toLowerCase(),
        value as string,
      ]),
    );
    const request = {
      method: 'GET',
      url: '/',
      httpVersion: '1.1',
      headers: { host: 'example.com', ...headers },
    };
    const { key, subprotocols, extensions, origin } = offer;
    expect(checkUpgrade(request)).toMatchObject({ key, subprotocols, extensions, origin });
  });
});

describe('checkAnswer (RFC 6455 section 4.1)', () => {
  it('accepts the answer to its key', () => {
    expect(checkAnswer(answerOf(), offerOf())).toStrictEqual({ subprotocol: '', extensions: [] });
    const key = makeKey();
    const answer = answerOf({ 'sec-websocket-accept': acceptKey(key) });
    expect(checkAnswer(answer, offerOf({ key }))).toStrictEqual({
      subprotocol: '',
      extensions: [],
    });
  });

  it('compares tokens in any case, and finds them in lists', () => {
    const headers = { upgrade: 'WebSocket', connection: ['keep-alive', 'UPGRADE'] };
    expect(checkAnswer(answerOf(headers), offerOf()).fault).toBeUndefined();
  });

  it('gives the chosen subprotocol and the extensions in use', () => {
    const answer = answerOf({
      'sec-websocket-protocol': 'b',
      'sec-websocket-extensions': 'foo; bar=1',
    });
    const offer = offerOf({ subprotocols: ['a', 'b'], extensions: parseExtensions('foo, baz')! });
    expect(checkAnswer(answer, offer)).toStrictEqual({
      subprotocol: 'b',
      extensions: parseExtensions('foo; bar=1'),
    });
  });

  it.each<[string, Record<string, string | undefined>, HandshakeFault, Partial<ClientOffer>?]>([
    ['has no Upgrade', { upgrade: undefined }, { code: 'upgrade', value: undefined }],
    ['upgrades to another protocol', { upgrade: 'h2c' }, { code: 'upgrade', value: 'h2c' }],
    [
      'upgrades to several protocols',
      { upgrade: 'websocket, h2c' },
      { code: 'upgrade', value: 'websocket, h2c' },
    ],
    ['has no Connection', { connection: undefined }, { code: 'connection', value: undefined }],
    ['has another Connection', { connection: 'close' }, { code: 'connection', value: 'close' }],
    [
      'has a bad Connection',
      { connection: 'upgrade @' },
      { code: 'connection', value: 'upgrade @' },
    ],
    [
      'has no Sec-WebSocket-Accept',
      { 'sec-websocket-accept': undefined },
      { code: 'accept', value: undefined, expected: ACCEPT },
    ],
    [
      'answers another key',
      { 'sec-websocket-accept': acceptKey('x') },
      { code: 'accept', value: acceptKey('x'), expected: ACCEPT },
    ],
    [
      'answers in another case',
      { 'sec-websocket-accept': ACCEPT.toLowerCase() },
      { code: 'accept', value: ACCEPT.toLowerCase(), expected: ACCEPT },
    ],
    [
      'chooses a subprotocol although none was offered',
      { 'sec-websocket-protocol': 'a' },
      { code: 'subprotocol-unoffered', value: 'a', offered: [] },
    ],
    [
      'chooses a subprotocol that was not offered',
      { 'sec-websocket-protocol': 'A' },
      { code: 'subprotocol-unoffered', value: 'A', offered: ['a'] },
      { subprotocols: ['a'] },
    ],
    [
      'chooses what is no subprotocol',
      { 'sec-websocket-protocol': '@' },
      { code: 'subprotocol-unoffered', value: '@', offered: ['a'] },
      { subprotocols: ['a'] },
    ],
    [
      'chooses several subprotocols',
      { 'sec-websocket-protocol': 'a, b' },
      { code: 'subprotocol-several', value: 'a, b', offered: ['a', 'b'] },
      { subprotocols: ['a', 'b'] },
    ],
    [
      'chooses none of the subprotocols',
      {},
      { code: 'subprotocol-missing', value: undefined, offered: ['a'] },
      { subprotocols: ['a'] },
    ],
    [
      'has extensions that break the grammar',
      { 'sec-websocket-extensions': 'foo;' },
      { code: 'extensions-malformed', value: 'foo;' },
      { extensions: parseExtensions('foo')! },
    ],
    [
      'has an empty list of extensions',
      { 'sec-websocket-extensions': '' },
      { code: 'extensions-malformed', value: '' },
      { extensions: parseExtensions('foo')! },
    ],
    [
      'uses an extension although none was offered',
      { 'sec-websocket-extensions': 'foo' },
      { code: 'extension-unoffered', name: 'foo', offered: [] },
    ],
    [
      'uses an extension that was not offered beside one that was',
      { 'sec-websocket-extensions': 'foo, bar' },
      { code: 'extension-unoffered', name: 'bar', offered: ['foo'] },
      { extensions: parseExtensions('foo; a, foo')! },
    ],
    [
      'uses an extension twice',
      { 'sec-websocket-extensions': 'foo, foo; a' },
      { code: 'extension-repeated', name: 'foo', offered: ['foo'] },
      { extensions: parseExtensions('foo; a, foo')! },
    ],
  ])('finds the fault of an answer that %s', (_what, headers, fault, offered = {}) => {
    expect(checkAnswer(answerOf(headers), offerOf(offered))).toStrictEqual({ fault });
  });

  it.each(['Sec-WebSocket-Accept', 'Sec-WebSocket-Extensions', 'Sec-WebSocket-Protocol'])(
    'rejects an answer that has %s twice',
    (name) => {
      const rawHeaders = ['X', '1', name, 'a', 'X', '2', name.toLowerCase(), 'b'];
      expect(checkAnswer({ ...answerOf(), rawHeaders }, offerOf())).toStrictEqual({
        fault: { code: 'repeated-field', name: name.toLowerCase() },
      });
      // A value may be the name of a field.
      const once = ['X', name, name, 'a', 'X', name];
      expect(checkAnswer({ ...answerOf(), rawHeaders: once }, offerOf()).fault).toBeUndefined();
    },
  );
});

describe('the client’s half over HTTP/2 (RFC 8441 section 5)', () => {
  const offer = {
    key: '',
    subprotocols: ['a', 'b'],
    extensions: [{ name: 'foo', params: [] }],
    origin: 'https://example.com',
  };

  it('asks with the fields that HTTP/2 has a use for, in lower case', () => {
    expect(connectFields(offer)).toEqual({
      'sec-websocket-version': '13',
      'sec-websocket-extensions': 'foo',
      'sec-websocket-protocol': 'a,b',
      origin: 'https://example.com',
    });
  });

  it('takes an answer without the fields of HTTP/1.1', () => {
    const headers = { 'sec-websocket-protocol': 'b', 'sec-websocket-extensions': 'foo' };
    expect(checkConnectAnswer({ headers }, offer)).toEqual({
      subprotocol: 'b',
      extensions: [{ name: 'foo', params: [] }],
    });
    const accept = { 'sec-websocket-accept': 'anything' };
    const plain = { ...offer, subprotocols: [] };
    expect(checkConnectAnswer({ headers: accept }, plain).fault).toBeUndefined();
  });

  it.each([
    [{ 'sec-websocket-protocol': 'c' }, 'subprotocol-unoffered'],
    [{ 'sec-websocket-protocol': 'a, b' }, 'subprotocol-several'],
    [{}, 'subprotocol-missing'],
    [{ 'sec-websocket-protocol': 'a', 'sec-websocket-extensions': 'bar' }, 'extension-unoffered'],
  ])('finds the fault of %j', (headers, code) => {
    expect(checkConnectAnswer({ headers }, offer).fault!.code).toBe(code);
  });

  it('finds a field that is repeated', () => {
    const headers = { 'sec-websocket-protocol': 'a' };
    const rawHeaders = ['sec-websocket-protocol', 'a', 'sec-websocket-protocol', 'a'];
    expect(checkConnectAnswer({ headers, rawHeaders }, offer).fault).toEqual({
      code: 'repeated-field',
      name: 'sec-websocket-protocol',
    });
  });
});
