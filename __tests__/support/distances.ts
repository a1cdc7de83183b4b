/** Reads DEFLATE blocks (RFC 1951) for one thing that zlib does not tell: how far they refer back. */

const LENGTH_BASE = [
  ...[3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115],
  ...[131, 163, 195, 227, 258],
];
const DISTANCE_BASE = [
  ...[1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537],
  ...[2049, 3073, 4097, 6145, 8193, 12_289, 16_385, 24_577],
];
const extraOfLength = (code: number): number =>
  code < 8 || code === 28 ? 0 : Math.floor(code / 4) - 1;
const extraOfDistance = (code: number): number => (code < 4 ? 0 : Math.floor(code / 2) - 1);
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Symbols by their code, as a text of bits. */
type Codes = Map<string, number>;

/** Section 3.2.2: the codes that follow from their lengths. */
function codesOf(lengths: readonly number[]): Codes {
  const codes: Codes = new Map();
  let code = 0;
  for (let length = 1; length <= 15; length++) {
    code *= 2;
    for (const [symbol, own] of lengths.entries()) {
      if (own === length) codes.set((code++).toString(2).padStart(length, '0'), symbol);
    }
  }
  return codes;
}

const FIXED = codesOf(
  Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)),
);
const FIXED_DISTANCES = codesOf(Array<number>(30).fill(5));

/**
 * Bytes that come out of a message, and the longest distance in it; 0 if it refers to nothing.
 *
 * @param payload a compressed message without its tail.
 */
export function distances(payload: Uint8Array): { length: number; longest: number } {
  const bytes = Buffer.concat([payload, Buffer.from('0000ffff', 'hex')]);
  let at = 0;
  const bit = (): number => (bytes[at >> 3]! >> (at++ & 7)) & 1;
  const bits = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++) value |= bit() << i;
    return value;
  };
  const symbol = (codes: Codes): number => {
    for (let code = ''; code.length < 16;) {
      code += String(bit());
      const found = codes.get(code);
      if (found !== undefined) return found;
    }
    throw new Error(`no code at bit ${at}`);
  };
  const dynamicCodes = (): [Codes, Codes] => {
    const [literals, all, known] = [bits(5) + 257, bits(5) + 1, bits(4) + 4];
    const lengths = Array<number>(19).fill(0);
    for (const name of ORDER.slice(0, known)) lengths[name] = bits(3);
    const codes = codesOf(lengths);
    const read: number[] = [];
    while (read.length < literals + all) {
      const next = symbol(codes);
      if (next < 16) read.push(next);
      else if (next === 16) read.push(...Array<number>(3 + bits(2)).fill(read.at(-1)!));
      else read.push(...Array<number>(next === 17 ? 3 + bits(3) : 11 + bits(7)).fill(0));
    }
    return [codesOf(read.slice(0, literals)), codesOf(read.slice(literals))];
  };
  let [length, longest] = [0, 0];
  while (at < bytes.length * 8 - 7) {
    bit(); // BFINAL
    const type = bits(2);
    if (type === 0) {
      at = (at + 7) & ~7;
      const stored = bits(16);
      at += 16 + stored * 8;
      length += stored;
      continue;
    }
    const [literals, farther] = type === 1 ? [FIXED, FIXED_DISTANCES] : dynamicCodes();
    for (let next = symbol(literals); next !== 256; next = symbol(literals)) {
      if (next < 256) {
        length++;
        continue;
      }
      length += LENGTH_BASE[next - 257]! + bits(extraOfLength(next - 257));
      const code = symbol(farther);
      longest = Math.max(longest, DISTANCE_BASE[code]! + bits(extraOfDistance(code)));
    }
  }
  return { length, longest };
}
