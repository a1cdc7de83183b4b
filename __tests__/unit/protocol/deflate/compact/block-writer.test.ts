import { FixedBlockWriter } from '../../../../../src/protocol/deflate/compact/block-writer.js';
import { MatchFinder } from '../../../../../src/protocol/deflate/compact/match-finder.js';
import { hex } from '../../../../support/bytes.js';
import { DeflateWriter } from '../../../../support/deflate-blocks.js';

/** The token of a match: its distance above nine bits of its length. */
const match = (length: number, distance: number): number => (distance << 9) | length;
const literals = (text: string): number[] => [...Buffer.from(text, 'latin1')];

/** What is written for tokens, added a few at a time. */
function written(tokens: number[], atATime = Infinity, writer = new FixedBlockWriter(100)): Buffer {
  writer.begin();
  for (let at = 0; at < tokens.length; at += atATime) {
    const some = tokens.slice(at, at + atATime);
    writer.add(Int32Array.from([...some, 65, 66]), some.length);
  }
  return writer.end();
}

describe('FixedBlockWriter', () => {
  it('writes the example of RFC 7692 section 7.2.3.1', () => {
    expect(written(literals('Hello'))).toStrictEqual(hex('f248cdc9c90700'));
  });

  it('writes an empty block for nothing', () => {
    expect(written([])).toStrictEqual(hex('0200'));
  });

  it('writes literals, lengths and distances as another writer does, added in whatever portions', () => {
    const other = new DeflateWriter()
      .fixed([
        'a~\0',
        { length: 3, distance: 1 },
        'z',
        { length: 258, distance: 32_768 },
        { length: 257, distance: 24_577 },
        { length: 4, distance: 5 },
        'end',
      ]) // prettier-ignore
      .end().bytes;
    const tokens = [
      ...literals('a~\0'),
      match(3, 1),
      ...literals('z'),
      match(258, 32_768),
      match(257, 24_577),
      match(4, 5),
      ...literals('end'),
    ];
    for (const atATime of [1, 2, 3, 5, Infinity]) {
      expect(written(tokens, atATime)).toStrictEqual(other);
    }
  });

  it('writes any number of bits to the end of the last byte', () => {
    for (let nines = 0; nines < 9; nines++) {
      const bytes = Buffer.alloc(nines, 'ÿ', 'latin1');
      const tokens = [...bytes];
      const bits = 3 + 9 * nines + 7 + 3;
      expect(written(tokens)).toHaveLength(Math.ceil(bits / 8));
    }
  });

  it('says how many bytes there are so far, but for a few bits', () => {
    const writer = new FixedBlockWriter(100);
    writer.begin();
    expect(writer.add(Int32Array.from(literals('abcdefgh')), 8)).toBe(8);
    expect(writer.add(Int32Array.from(literals('abcdefgh')), 8)).toBe(16);
    expect(writer.end()).toHaveLength(18); // 16 bytes and 13 bits
  });

  it('needs eight bytes more than the payload', () => {
    const tokens = [...Buffer.alloc(80, 0xff)];
    const { length } = written(tokens, Infinity, new FixedBlockWriter(200));
    expect(written(tokens, Infinity, new FixedBlockWriter(length + 8))).toHaveLength(length);
  });

  it('forgets what was written before', () => {
    const writer = new FixedBlockWriter(100);
    const first = Buffer.from(written(literals('one'), 1, writer));
    writer.begin();
    writer.add(Int32Array.from(literals('never ended')), 11);
    expect(written(literals('one'), 1, writer)).toStrictEqual(first);
  });

  it('writes what a MatchFinder finds', () => {
    const tokens = new Int32Array(100);
    const count = new MatchFinder(8, 100).parse(Buffer.from('abcdabcd'), tokens);
    const other = new DeflateWriter().fixed(['abcd', { length: 4, distance: 4 }]).end().bytes;
    expect(written([...tokens.subarray(0, count)])).toStrictEqual(other);
  });
});
