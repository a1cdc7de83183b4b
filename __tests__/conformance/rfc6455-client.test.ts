import { hex } from '../support/bytes.js';
import { testDecoderRows } from './decoder-rows.js';
import { asClientRows, unmask } from './tables/client.js';
import { closeFrames } from './tables/close-frames.js';
import { controlFrames } from './tables/control-frames.js';
import { fragmentation } from './tables/fragmentation.js';
import { framing } from './tables/framing.js';
import { masking } from './tables/masking.js';
import { utf8 } from './tables/utf8.js';

/** The rows of a server, once more with `role: 'client'`. */

const tables = { framing, masking, fragmentation, controlFrames, closeFrames, utf8 };

describe('as a client: the rows', () => {
  it.each(Object.entries(tables))('of %s are nearly all there', (_name, rows) => {
    const mine = rows.filter(({ options }) => options.role === undefined);
    const left = mine.filter(({ failure }) => failure?.code !== 'ERR_MASK_REQUIRED');
    expect(asClientRows(rows).length).toBeGreaterThanOrEqual(left.length - 4);
    expect(asClientRows(rows).length).toBeGreaterThan(10);
  });

  it('have no masks', () => {
    const { bytes, indexOf } = unmask(hex('8182 01020304 6061 82fe 007e 00000000 a5'));
    expect(bytes.toString('hex')).toBe('8102' + '6163' + '827e007e' + 'a5');
    expect([0, 1, 2, 5, 6, 7, 8, 16].map(indexOf)).toEqual([0, 1, 1, 1, 2, 3, 4, 8]);
  });
});

describe.each(Object.entries(tables))('as a client: %s', (_name, rows) => {
  testDecoderRows(asClientRows(rows));
});
