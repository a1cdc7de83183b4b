/** The same rows where zlib cannot be driven: the same outcome by documented calls alone. */
import { canDrive } from '../../src/protocol/zlib-drive.js';
import { testDeflateRows } from './deflate-rows.js';

jest.mock('../../src/protocol/zlib-drive.js', () => ({
  ...jest.requireActual<object>('../../src/protocol/zlib-drive.js'),
  canDrive: () => false,
}));

test('zlib is not driven', () => {
  expect(canDrive()).toBe(false);
});

testDeflateRows();
