import { nearest } from '../../../src/protocol/nearest-name.js';

const KNOWN = ['path', 'maxPayload', 'origin', 'subprotocols', 'maxConnections', 'except'];

describe('nearest', () => {
  it.each([
    ['maxPaylod', 'maxPayload'],
    ['maxpayload', 'maxPayload'],
    ['max_payload', 'maxPayload'],
    ['mxaPayload', 'maxPayload'],
    ['origins', 'origin'],
    ['orgin', 'origin'],
    ['protocols', 'subprotocols'],
    ['exept', 'except'],
    ['paht', 'path'],
    ['maxConnection', 'maxConnections'],
  ])('finds for %s the name %s', (name, meant) => {
    expect(nearest(name, KNOWN)).toBe(meant);
  });

  it.each(['', 'x', 'verifyClient', 'server', 'toString', 'zzzz', 'x'.repeat(100_000)])(
    'finds nothing near %.20s',
    (name) => {
      expect(nearest(name, KNOWN)).toBeUndefined();
    },
  );

  it('finds the nearest of several, and the first of equally near ones', () => {
    expect(nearest('abcdef', ['abcxyf', 'abcdex', 'abcdxf'])).toBe('abcdex');
    expect(nearest('a', [])).toBeUndefined();
  });
});
