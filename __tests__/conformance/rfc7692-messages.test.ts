import { canDrive } from '../../src/protocol/zlib-drive.js';
import { testDeflateRows } from './deflate-rows.js';

test('zlib is driven: this Node passes the self-test', () => {
  expect(canDrive()).toBe(true);
});

testDeflateRows();
