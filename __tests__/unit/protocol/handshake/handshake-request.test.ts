import {
  bad,
  isVersion,
  joined,
  printable,
  readOffers,
  repeatedHeader,
  single,
  VERSION,
} from '../../../../src/protocol/handshake/handshake-request.js';

/** A rejection with these fields. */
const refusal = (fields: object): Error => expect.objectContaining(fields) as Error;

describe('readOffers', () => {
  it('reads the lists and the origin', () => {
    expect(
      readOffers({
        origin: 'https://example.org',
        'sec-websocket-extensions': ['permessage-deflate', 'other; a=1'],
        'sec-websocket-protocol': 'chat, superchat',
      }),
    ).toEqual({
      origin: 'https://example.org',
      subprotocols: ['chat', 'superchat'],
      extensions: [
        { name: 'permessage-deflate', params: [] },
        { name: 'other', params: [{ name: 'a', value: '1' }] },
      ],
    });
  });

  it('takes missing fields for empty lists', () => {
    expect(readOffers({})).toEqual({ origin: undefined, subprotocols: [], extensions: [] });
  });

  it.each([
    ['sec-websocket-extensions', ';', /Extensions is malformed/],
    ['sec-websocket-protocol', 'a b', /Protocol is malformed or repeats/],
    ['sec-websocket-protocol', 'a, a', /Protocol is malformed or repeats/],
  ])('refuses %s %j with 400', (name, value, message) => {
    expect(() => readOffers({ [name]: value })).toThrow(
      refusal({ status: 400, message: expect.stringMatching(message) as string }),
    );
  });
});

describe('repeatedHeader', () => {
  it('names the first field that must not occur twice', () => {
    expect(repeatedHeader(['Accept', 'a', 'accept', 'b', 'Origin', 'a', 'ORIGIN', 'b'])).toBe(
      'ORIGIN',
    );
    expect(repeatedHeader(['Host', 'a', 'Accept', 'a'])).toBeUndefined();
    expect(repeatedHeader()).toBeUndefined();
  });
});

describe('the values of header fields', () => {
  it('are joined as lists', () => {
    expect(single('a')).toBe('a');
    expect(single(['a', 'b'])).toBe('a, b');
    expect(single(undefined)).toBeUndefined();
    expect(joined(undefined)).toBe('');
  });

  it.each([
    ['13', true],
    [' 13\t', true],
    ['8', false],
    ['\u00a013', false],
    ['', false],
  ])('%j is our version: %j', (header, is) => {
    expect(isVersion(header)).toBe(is);
    expect(isVersion(VERSION)).toBe(true);
  });

  it('are made safe to be sent back', () => {
    expect(printable(undefined)).toBe('(none)');
    expect(printable(`a\r\nb${'c'.repeat(60)}`)).toBe(`a??b${'c'.repeat(36)}`);
    expect(bad('why')).toMatchObject({ status: 400, body: 'why' });
  });
});
