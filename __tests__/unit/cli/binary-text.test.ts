import { bytesOf } from '../../../src/cli/binary-text.js';

describe('a line that stands for bytes', () => {
  it.each([
    ['01 02 fF', 'hex', [1, 2, 255]],
    ['', 'hex', []],
    ['AQL/', 'base64', [1, 2, 255]],
    ['AQ==', 'base64', [1]],
    ['AQI=', 'base64', [1, 2]],
  ] as const)('%j in %s', (line, encoding, bytes) => {
    expect([...bytesOf(line, encoding)!]).toEqual(bytes);
  });

  it.each([
    ['012', 'hex'],
    ['0x01', 'hex'],
    ['AQ', 'base64'],
    ['hello!!!', 'base64'],
  ] as const)('%j is not %s', (line, encoding) => {
    expect(bytesOf(line, encoding)).toBeUndefined();
  });
});
