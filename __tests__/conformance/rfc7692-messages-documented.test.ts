/** The same rows where zlib cannot be driven: the same outcome by documented calls alone. */
import { isRawZlibSupported } from '../../src/protocol/deflate/raw-zlib.js';
import { testDeflateRows } from './deflate-rows.js';

jest.mock('../../src/protocol/deflate/raw-zlib.js', () => ({
  ...jest.requireActual<object>('../../src/protocol/deflate/raw-zlib.js'),
  canDrive: () => false,
}));

test('zlib is not driven', () => {
  expect(isRawZlibSupported()).toBe(false);
});

testDeflateRows();
