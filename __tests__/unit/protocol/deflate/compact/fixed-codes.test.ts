import {
  BITS_MASK,
  COUNT_SHIFT,
  distanceCode,
  lengthCodes,
  literalCodes,
  LONGEST_MATCH,
} from '../../../../../src/protocol/deflate/compact/fixed-codes.js';
import { DeflateWriter } from '../../../../support/deflate-blocks.js';

/** The bits in the order in which they are written. */
const bitsOf = (code: number): string =>
  [...(code & BITS_MASK).toString(2).padStart(code >> COUNT_SHIFT, '0')].reverse().join('');
/** The same for a block, from the first bit after its header. */
const written = (writer: DeflateWriter): string =>
  [...writer.bytes]
    .map((byte) => bitsOf(byte | (8 << COUNT_SHIFT)))
    .join('')
    .slice(3);

describe('literalCodes', () => {
  it.each([
    [0, '00110000'],
    [1, '00110001'],
    [143, '10111111'],
    [144, '110010000'],
    [255, '111111111'],
  ])('has for %i the code of section 3.2.6', (byte, bits) => {
    expect(bitsOf(literalCodes()[byte]!)).toBe(bits);
  });

  it('has one for each byte, of which none begins like another', () => {
    const codes = [...literalCodes()].map(bitsOf);
    expect(codes).toHaveLength(256);
    const beginnings = codes.flatMap((code) => [code, code.slice(0, 8)]);
    expect(new Set(beginnings).size).toBe(144 + 112 + 112 / 2);
  });
});

describe('lengthCodes', () => {
  it.each([
    [3, '0000001'],
    [10, '0001000'],
    [11, '0001001 0'],
    [12, '0001001 1'],
    [18, '0001100 1'],
    [19, '0001101 00'],
    [114, '0010111 1111'],
    [115, '11000000 0000'],
    [131, '11000001 00000'],
    [257, '11000100 01111'],
    [258, '11000101'],
  ])('has for %i the code and extra bits of section 3.2.5', (length, bits) => {
    expect(bitsOf(lengthCodes()[length]!)).toBe(bits.replace(' ', ''));
  });

  it('has what another writer writes, for each length', () => {
    for (let length = 3; length <= LONGEST_MATCH; length++) {
      const other = written(new DeflateWriter().fixed([{ length, distance: 1 }], false, false));
      expect(other).toMatch(new RegExp(`^${bitsOf(lengthCodes()[length]!)}000000*$`));
    }
    expect(lengthCodes()).toHaveLength(LONGEST_MATCH + 1);
  });
});

describe('distanceCode', () => {
  it.each([
    [1, '00000'],
    [4, '00011'],
    [5, '00100 0'],
    [6, '00100 1'],
    [7, '00101 0'],
    [9, '00110 00'],
    [12, '00110 11'],
    [24577, '11101 0000000000000'],
    [32768, '11101 1111111111111'],
  ])('has for %i the code and extra bits of section 3.2.5', (distance, bits) => {
    expect(bitsOf(distanceCode(distance))).toBe(bits.replace(' ', ''));
  });

  it('has what another writer writes, for each distance', () => {
    const length = bitsOf(lengthCodes()[3]!);
    const wrong: number[] = [];
    for (let distance = 1; distance <= 32_768; distance++) {
      const other = written(new DeflateWriter().fixed([{ length: 3, distance }], false, false));
      const bits = length + bitsOf(distanceCode(distance));
      if (!other.startsWith(bits) || other.length - bits.length > 7) wrong.push(distance);
    }
    expect(wrong).toStrictEqual([]);
  });
});
