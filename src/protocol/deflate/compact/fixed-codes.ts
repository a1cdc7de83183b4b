/**
 * The fixed Huffman codes of DEFLATE (RFC 1951 section 3.2.6), which need neither be built nor told.
 *
 * What is written for a literal, a length or a distance is one number here: its bits in the order in
 * which they go out, and from {@link COUNT_SHIFT} on how many they are.
 */

/** Where the count of the bits begins; below are the bits. */
export const COUNT_SHIFT = 24;
/** The bits without their count. */
export const BITS_MASK = 0xff_ffff;
/** Most bytes that one match may have (RFC 1951 section 3.2.5). */
export const LONGEST_MATCH = 258;

/** Symbols up to 255 are literals, 256 is the end of a block, and here begin the lengths. */
const FIRST_LENGTH_SYMBOL = 257;
/** Symbols for lengths up to 257; 258 has the one after them. */
const LENGTH_STEPS = 28;

// These tables are made for the first message: a process that only starts would pay a millisecond for them.
let literals: Int32Array | undefined;
let lengths: Int32Array | undefined;

/** For each literal byte. */
export function literalCodes(): Int32Array {
  return (literals ??= Int32Array.from({ length: 256 }, (_, byte) => symbolCode(byte)));
}

/** For each length of a match from 3 on: its symbol and extra bits. */
export function lengthCodes(): Int32Array {
  return (lengths ??= makeLengthCodes());
}

/** For each symbol of a distance: five bits, whose extra bits are missing. */
const DISTANCE_SYMBOLS: Int32Array = Int32Array.from({ length: 30 }, (_, symbol) =>
  huffmanCode(symbol, 5),
);

/** For a distance of 1 to 32768: its symbol and extra bits (RFC 1951 section 3.2.5). */
export function distanceCode(distance: number): number {
  const offset = distance - 1;
  if (offset < 4) return DISTANCE_SYMBOLS[offset]!;
  // From here on there are two symbols for each power of two, told apart by the bit below the highest.
  const extraBits = 30 - Math.clz32(offset);
  const symbol = 2 * extraBits + (offset >> extraBits);
  const extra = offset & ((1 << extraBits) - 1);
  return withExtra(DISTANCE_SYMBOLS[symbol]!, extra, extraBits);
}

function makeLengthCodes(): Int32Array {
  const codes = new Int32Array(LONGEST_MATCH + 1);
  let length = 3;
  // Stryker disable next-line EqualityOperator: one step more is 258, which is overwritten, and beyond the array.
  for (let step = 0; step < LENGTH_STEPS; step++) {
    const code = symbolCode(FIRST_LENGTH_SYMBOL + step);
    const extraBits = step < 8 ? 0 : (step >> 2) - 1; // the table of section 3.2.5
    for (let extra = 0; extra < 1 << extraBits; extra++) {
      codes[length++] = withExtra(code, extra, extraBits);
    }
  }
  codes[LONGEST_MATCH] = symbolCode(FIRST_LENGTH_SYMBOL + LENGTH_STEPS);
  return codes;
}

/** The table of RFC 1951 section 3.2.6. */
function symbolCode(symbol: number): number {
  if (symbol < 144) return huffmanCode(0b0011_0000 + symbol, 8);
  // Stryker disable next-line EqualityOperator: no caller asks for the end of a block.
  if (symbol < 256) return huffmanCode(0b1_1001_0000 + symbol - 144, 9);
  // Stryker disable next-line ArithmeticOperator: the bits above the lowest seven are left out.
  if (symbol < 280) return huffmanCode(symbol - 256, 7);
  return huffmanCode(0b1100_0000 + symbol - 280, 8);
}

/** Huffman codes go out from their highest bit on, all other numbers from their lowest (section 3.1.1). */
function huffmanCode(code: number, count: number): number {
  let bits = 0;
  // Stryker disable next-line EqualityOperator: above the highest bit there are zeros.
  for (let i = 0; i < count; i++) bits |= ((code >> i) & 1) << (count - 1 - i);
  return bits | (count << COUNT_SHIFT);
}

function withExtra(code: number, extra: number, extraBits: number): number {
  return code + (extra << (code >> COUNT_SHIFT)) + (extraBits << COUNT_SHIFT);
}
