import { parseTokens } from '../../../src/protocol/handshake/http-grammar.js';
import { readList } from '../../../src/ws/header-lists.js';

describe('readList', () => {
  it('reads a list', () => {
    expect(readList('a, b\t,c', parseTokens)).toEqual(['a', 'b', 'c']);
  });

  it.each(['', ' ', ',', 'a,', ',a', 'a, ,b', 'a,\t,b'])(
    'refuses the empty element in %j',
    (list) => {
      expect(readList(list, parseTokens)).toBeUndefined();
    },
  );

  it('is undefined for what the parser refuses', () => {
    expect(readList('a b', parseTokens)).toBeUndefined();
  });
});
