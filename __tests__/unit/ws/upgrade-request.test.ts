import {
  readUpgrade,
  requestFault,
  UNACCEPTABLE,
  type UpgradeRequest,
} from '../../../src/ws/upgrade-request.js';
import { SAMPLE_KEY } from '../../support/raw-client.js';
import { fakeRequest } from '../../support/server.js';

describe('requestFault', () => {
  it.each(['websocket', 'WebSocket'])('finds no fault in an upgrade to %s', (upgrade) => {
    expect(requestFault(fakeRequest({ upgrade }))).toBeUndefined();
  });

  it.each(['13', '8'])('accepts version %s', (version) => {
    expect(requestFault(fakeRequest({ 'sec-websocket-version': version }))).toBeUndefined();
  });

  it('accepts GET alone', () => {
    expect(requestFault(fakeRequest({}, { method: 'POST' }))).toEqual({
      status: 405,
      message: 'Invalid HTTP method',
    });
  });

  it.each([{ upgrade: 'h2c' }, { upgrade: undefined as never }])(
    'wants an upgrade, not %j',
    (of) => {
      expect(requestFault(fakeRequest(of))).toEqual({
        status: 400,
        message: 'Invalid Upgrade header',
      });
    },
  );

  it.each(['', 'YWJj', `${SAMPLE_KEY}x`, undefined])('wants a key of 16 bytes, not %p', (key) => {
    expect(requestFault(fakeRequest({ 'sec-websocket-key': key as string }))).toEqual({
      status: 400,
      message: 'Missing or invalid Sec-WebSocket-Key header',
    });
  });

  it.each(['12', '', 'x', undefined])('names its versions to one that asks for %p', (version) => {
    expect(requestFault(fakeRequest({ 'sec-websocket-version': version as string }))).toEqual({
      status: 400,
      message: 'Missing or invalid Sec-WebSocket-Version header',
      headers: { 'Sec-WebSocket-Version': '13, 8' },
    });
  });
});

describe('readUpgrade', () => {
  const read = (headers: Record<string, string>, readsExtensions = true): UpgradeRequest =>
    readUpgrade(fakeRequest(headers), readsExtensions) as UpgradeRequest;

  it('reads the key, and nothing where nothing is offered', () => {
    expect(read({})).toEqual({
      key: SAMPLE_KEY,
      origin: undefined,
      protocols: new Set(),
      offers: [],
    });
  });

  it('reads the origin by the name that it has in the version', () => {
    const headers = { origin: 'http://a', 'sec-websocket-origin': 'http://b' };
    expect(read(headers).origin).toBe('http://a');
    expect(read({ ...headers, 'sec-websocket-version': '8' }).origin).toBe('http://b');
  });

  it('reads the subprotocols in their order', () => {
    const { protocols } = read({ 'sec-websocket-protocol': 'b, a ,c' });
    expect([...protocols]).toEqual(['b', 'a', 'c']);
  });

  it.each(['', ' ', 'a,', ',a', 'a, ,b', 'a b', 'a/b', 'a, a'])(
    'refuses the subprotocols %j',
    (protocols) => {
      expect(readUpgrade(fakeRequest({ 'sec-websocket-protocol': protocols }), true)).toEqual({
        status: 400,
        message: 'Invalid Sec-WebSocket-Protocol header',
      });
    },
  );

  it('reads what is offered', () => {
    const { offers } = read({ 'sec-websocket-extensions': 'x-a; b=1, permessage-deflate' });
    expect(offers).toEqual([
      { name: 'x-a', params: [{ name: 'b', value: '1' }] },
      { name: 'permessage-deflate', params: [] },
    ]);
  });

  it.each(['', 'a,', 'a;', 'a; b="', ','])('refuses the offers %j', (extensions) => {
    const request = fakeRequest({ 'sec-websocket-extensions': extensions });
    expect(readUpgrade(request, true)).toBe(UNACCEPTABLE);
    expect(UNACCEPTABLE).toEqual({
      status: 400,
      message: 'Invalid or unacceptable Sec-WebSocket-Extensions header',
    });
  });

  it('does not look at offers where nothing is accepted', () => {
    expect(read({ 'sec-websocket-extensions': ',;' }, false).offers).toEqual([]);
  });

  it('reads a list with a long gap as fast as a short one', () => {
    const gap = ' '.repeat(100_000);
    const { protocols } = read({ 'sec-websocket-protocol': `a,${gap}b` });
    expect([...protocols]).toEqual(['a', 'b']);
  });
});
