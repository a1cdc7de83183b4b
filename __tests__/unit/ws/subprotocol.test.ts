import * as ws from 'ws';
import { subprotocol } from '../../../src/ws/subprotocol.js';

// @types/ws does not know it yet.
const theirs = (ws as unknown as { subprotocol: typeof subprotocol }).subprotocol;
const outcome = (of: typeof subprotocol, header: string): unknown => {
  try {
    return [...of.parse(header)];
  } catch (error) {
    return (error as Error).name;
  }
};

describe('subprotocol.parse', () => {
  it.each([
    'a',
    'a,b',
    'a , b',
    'graphql-ws, chat\t,x',
    '',
    ',',
    'a,',
    ',a',
    'a,,b',
    'a b',
    'a,a',
    'é',
    '"a"',
  ])('reads or refuses %j as ws does', (header) => {
    expect(outcome(subprotocol, header)).toEqual(outcome(theirs, header));
  });

  it('tells what is wrong', () => {
    expect(() => subprotocol.parse('a b')).toThrow(
      new SyntaxError('"a b" is not a list of subprotocols'),
    );
    expect(() => subprotocol.parse('a, b, a')).toThrow(
      new SyntaxError('The "a" subprotocol is duplicated'),
    );
  });
});
