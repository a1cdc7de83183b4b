/** The same rows with zlib's documented calls only: the outcome is the same. */
jest.mock('../../src/protocol/deflate/raw-zlib.js', () => ({
  ...jest.requireActual<object>('../../src/protocol/deflate/raw-zlib.js'),
  isRawZlibSupported: () => false,
}));

import { isRawZlibSupported } from '../../src/protocol/deflate/raw-zlib.js';
import { testDeflateRows } from './deflate-rows.js';

test('the undocumented calls of zlib are not used', () => {
  expect(isRawZlibSupported()).toBe(false);
});

testDeflateRows();
