import {
  checkSubprotocol,
  selectSubprotocol,
} from '../../../../src/protocol/handshake/subprotocol.js';

describe('selectSubprotocol', () => {
  it.each<[string, string[], string[], string | undefined]>([
    ['takes what both speak', ['chat'], ['chat'], 'chat'],
    ["goes by the server's order, not the client's", ['a', 'b'], ['b', 'a'], 'b'],
    ['skips what was not offered', ['b'], ['a', 'b'], 'b'],
    ['finds none where nothing is shared', ['a'], ['b'], undefined],
    ['finds none where nothing is offered', [], ['a'], undefined],
    ['finds none where nothing is supported', ['a'], [], undefined],
    ['compares letter by letter', ['Chat'], ['chat'], undefined],
    ['does not take a part of a name for the name', ['chat.v2'], ['chat'], undefined],
  ])('%s', (_what, offered, supported, expected) => {
    expect(selectSubprotocol(offered, supported)).toBe(expected);
  });
});

describe('checkSubprotocol', () => {
  it('accepts a subprotocol that the client offered', () => {
    expect(() => checkSubprotocol('b', ['a', 'b'])).not.toThrow();
  });

  it.each<[string[], string]>([
    [[], 'subprotocol "c" was chosen, but the client offered none'],
    [['a', 'b'], 'subprotocol "c" was chosen, but the client offered "a", "b"'],
    [['C'], 'subprotocol "c" was chosen, but the client offered "C"'],
  ])('refuses c when the client offered %j', (offered, message) => {
    expect(() => checkSubprotocol('c', offered)).toThrow(TypeError);
    expect(() => checkSubprotocol('c', offered)).toThrow(message);
  });
});
