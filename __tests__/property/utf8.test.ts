import { isUtf8 } from 'node:buffer';
import * as fc from 'fast-check';
import { Utf8Validator } from '../../src/protocol/text/utf8-validator.js';
import { check, cutShares, offsets, text } from '../support/arbitraries.js';
import { cutAt, everyByte } from '../support/bytes.js';

/** Bytes near the borders of the encoding, in random order; and good text, spoiled in one place or not at all. */
const EDGES = [
  0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec,
  0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
];
const spoiledText = fc
  .tuple(
    fc.array(text, { maxLength: 4 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.constantFrom(...EDGES),
    fc.boolean(),
  )
  .map(([texts, where, byte, spoil]) => {
    const whole = Buffer.concat(texts);
    if (spoil && whole.length > 0)
      whole[Math.min(whole.length - 1, Math.floor(where * whole.length))] = byte;
    return whole;
  });
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
  fc.array(fc.constantFrom(...EDGES), { maxLength: 12 }).map((array) => Buffer.from(array)),
  spoiledText,
);

const decoder = new TextDecoder('utf-8', { fatal: true });
function isText(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Ways to continue a text that ends inside a character: one of these completes any that can be completed. */
const ENDINGS = ['', '80', 'a0', '8080', 'a080', '808080', 'a08080'].map((hex) =>
  Buffer.from(hex, 'hex'),
);

/** Index of the first byte after which no text begins like this; found by trying, not by knowing the encoding. */
function firstProof(bytes: Buffer): number | undefined {
  for (let end = 1; end <= bytes.length; end++) {
    const begun = bytes.subarray(0, end);
    if (!ENDINGS.some((ending) => isText(Buffer.concat([begun, ending])))) return end - 1;
  }
  return undefined;
}

/** What the validator makes of chunks: the index of the chunk that it refused, and whether it may end there. */
function validate(chunks: Buffer[]): { refused: number | undefined; complete: boolean } {
  const validator = new Utf8Validator();
  for (const [i, chunk] of chunks.entries()) {
    // In the middle of something else, as a payload is.
    const around = Buffer.concat([Buffer.from([0xff, 0xe2]), chunk, Buffer.from([0x82, 0xff])]);
    if (!validator.push(around, 2, 2 + chunk.length)) return { refused: i, complete: false };
  }
  return { refused: undefined, complete: validator.complete };
}

describe('The UTF-8 validator', () => {
  it('accepts exactly the bytes that a fatal TextDecoder accepts', () =>
    check(
      4000,
      fc.property(anyBytes, cutShares, (bytes, shares) => {
        const { refused, complete } = validate(cutAt(bytes, offsets(shares, bytes.length)));
        expect(refused === undefined && complete).toBe(isText(bytes));
        expect(isUtf8(bytes)).toBe(isText(bytes));
      }),
    ));

  it('refuses the first byte that proves it, and no byte before', () =>
    check(
      1500,
      fc.property(anyBytes, (bytes) => {
        expect(validate(cutAt(bytes, everyByte(bytes))).refused).toBe(firstProof(bytes));
      }),
    ));

  it('refuses the chunk with that byte, however large the chunks', () =>
    check(
      1500,
      fc.property(anyBytes, cutShares, (bytes, shares) => {
        const cuts = offsets(shares, bytes.length);
        const proof = firstProof(bytes);
        const chunk =
          proof === undefined ? undefined : [...cuts, bytes.length].findIndex((end) => end > proof);
        expect(validate(cutAt(bytes, cuts)).refused).toBe(chunk);
      }),
    ));

  it('agrees on every sequence of up to three edge bytes', () => {
    const sequences = [[]] as number[][];
    for (let from = 0; sequences[from] && sequences[from]!.length < 3; from++) {
      for (const byte of EDGES) sequences.push([...sequences[from]!, byte]);
    }
    for (const sequence of sequences) {
      const bytes = Buffer.from(sequence);
      const { refused, complete } = validate(cutAt(bytes, everyByte(bytes)));
      if ((refused === undefined && complete) !== isText(bytes))
        throw new Error(bytes.toString('hex'));
    }
    expect(sequences.length).toBe(1 + 25 + 25 ** 2 + 25 ** 3);
  });
});
