import { isRawZlibSupported } from '../../src/protocol/deflate/raw-zlib.js';
import { testDeflateRows } from './deflate-rows.js';

test('zlib is driven: this Node passes the self-test', () => {
  expect(isRawZlibSupported()).toBe(true);
});

testDeflateRows();
