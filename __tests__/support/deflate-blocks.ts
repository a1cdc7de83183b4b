/**
 * DEFLATE (RFC 1951) written and read without zlib: blocks that no compressor would make, and a look at
 * what a compressed message refers to.
 */

/** A reference to what came before (RFC 1951 section 3.2.5). */
export interface Match {
  length: number;
  distance: number;
}

/** For each length or distance code: the least it stands for, and how many bits follow. */
type Codes = readonly (readonly [least: number, extra: number])[];

/** The code that stands for a length or distance. */
const codeOf = (table: Codes, value: number): number =>
  table.filter(([least]) => least <= value).length - 1;

function codes(first: number, extras: readonly number[]): Codes {
  let least = first;
  return extras.map((extra) => {
    const code = [least, extra] as const;
    least += 2 ** extra;
    return code;
  });
}

const LENGTHS: Codes = [
  ...codes(
    3,
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5],
  ).slice(0, 28),
  [258, 0],
];
const DISTANCES: Codes = codes(
  1,
  Array.from({ length: 30 }, (_, code) => Math.max(0, (code >> 1) - 1)),
);
const END_OF_BLOCK = 256;

/** How many bits the fixed Huffman code has for a literal or length (section 3.2.6). */
const fixedBits = (symbol: number): number =>
  symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
const FIXED_LITERALS = Array.from({ length: 288 }, (_, symbol) => fixedBits(symbol));
const FIXED_DISTANCES = Array<number>(30).fill(5);

/** The canonical code of each symbol, from its length (section 3.2.2). */
function canonical(lengths: readonly number[]): Map<string, number> {
  const symbols = new Map<string, number>();
  let code = 0;
  for (let length = 1; length <= 15; length++) {
    for (const [symbol, bits] of lengths.entries()) {
      if (bits === length) symbols.set((code++).toString(2).padStart(length, '0'), symbol);
    }
    code *= 2;
  }
  return symbols;
}

const inverted = (symbols: Map<string, number>): Map<number, string> =>
  new Map([...symbols].map(([bits, symbol]) => [symbol, bits]));
const FIXED = inverted(canonical(FIXED_LITERALS));

/** Writes blocks one after the other. */
export class DeflateWriter {
  #bits = '';

  /** The bits so far as bytes, the last one filled up with zeros. */
  get bytes(): Buffer {
    const bytes = this.#bits.match(/.{1,8}/g) ?? [];
    return Buffer.from(
      bytes.map((bits) => Number.parseInt([...bits.padEnd(8, '0')].reverse().join(''), 2)),
    );
  }

  /** A block without compression (section 3.2.4). */
  stored(content: string | Buffer, final = false): this {
    const bytes = Buffer.from(content);
    this.#number(final ? 1 : 0, 1)
      .#number(0, 2)
      .align();
    this.#number(bytes.length, 16).#number(bytes.length ^ 0xffff, 16);
    for (const byte of bytes) this.#number(byte, 8);
    return this; // which ends with a byte
  }

  /** A block in the fixed Huffman code: literals and references. */
  fixed(content: readonly (string | Match)[], final = false, ended = true): this {
    this.#number(final ? 1 : 0, 1).#number(1, 2);
    for (const part of content) {
      if (typeof part === 'string') for (const byte of Buffer.from(part)) this.#symbol(byte);
      else this.#match(part);
    }
    if (ended) this.#symbol(END_OF_BLOCK);
    return final && ended ? this.align() : this; // what follows a final block begins with a byte
  }

  /** The header of the empty stored block whose rest is `00 00 ff ff`: the end of a compressed message. */
  end(): this {
    return this.#number(0, 3).align();
  }

  /** Zero bits up to the next byte. */
  align(): this {
    this.#bits = this.#bits.padEnd(Math.ceil(this.#bits.length / 8) * 8, '0');
    return this;
  }

  #match({ length, distance }: Match): void {
    const lengthCode = codeOf(LENGTHS, length);
    const [leastLength, lengthExtra] = LENGTHS[lengthCode]!;
    this.#symbol(257 + lengthCode).#number(length - leastLength, lengthExtra);
    const distanceCode = codeOf(DISTANCES, distance);
    const [leastDistance, distanceExtra] = DISTANCES[distanceCode]!;
    this.#bits += distanceCode.toString(2).padStart(5, '0');
    this.#number(distance - leastDistance, distanceExtra);
  }

  /** Numbers stand with their lowest bit first, Huffman codes with their highest (section 3.1.1). */
  #number(value: number, bits: number): this {
    for (let bit = 0; bit < bits; bit++) this.#bits += String((value >> bit) & 1);
    return this;
  }

  #symbol(symbol: number): this {
    this.#bits += FIXED.get(symbol)!;
    return this;
  }
}

/** What a DEFLATE stream consists of. */
export interface DeflateContent {
  blocks: { type: 'stored' | 'fixed' | 'dynamic'; final: boolean }[];
  matches: Match[];
  output: Buffer;
}

/**
 * Reads blocks to the end of the bytes. References beyond the history are an error.
 *
 * @param history what came before.
 */
export function readDeflate(bytes: Buffer, history: Buffer = Buffer.alloc(0)): DeflateContent {
  let at = 0;
  const bit = (): number => {
    const byte = bytes[at >> 3];
    if (byte === undefined) throw new Error('the stream ends inside a block');
    return (byte >> (at++ & 7)) & 1;
  };
  const number = (bits: number): number => {
    let value = 0;
    for (let i = 0; i < bits; i++) value |= bit() << i;
    return value;
  };
  const symbol = (table: Map<string, number>): number => {
    let code = '';
    while (code.length < 16) {
      code += String(bit());
      const found = table.get(code);
      if (found !== undefined) return found;
    }
    throw new Error(`no such Huffman code: ${code}`);
  };
  const tables = (): [literals: Map<string, number>, distances: Map<string, number>] => {
    const literalCount = number(5) + 257;
    const distanceCount = number(5) + 1;
    const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    const codeLengths = Array<number>(19).fill(0);
    const count = number(4) + 4;
    for (const each of order.slice(0, count)) codeLengths[each] = number(3);
    const table = canonical(codeLengths);
    const lengths: number[] = [];
    while (lengths.length < literalCount + distanceCount) {
      const code = symbol(table);
      if (code < 16) lengths.push(code);
      else if (code === 16)
        lengths.push(...Array<number>(number(2) + 3).fill(lengths[lengths.length - 1]!));
      else lengths.push(...Array<number>(code === 17 ? number(3) + 3 : number(7) + 11).fill(0));
    }
    return [canonical(lengths.slice(0, literalCount)), canonical(lengths.slice(literalCount))];
  };
  const content: DeflateContent = { blocks: [], matches: [], output: Buffer.alloc(0) };
  const output: number[] = [...history];
  const compressed = (literals: Map<string, number>, distances: Map<string, number>): void => {
    for (;;) {
      const code = symbol(literals);
      if (code === END_OF_BLOCK) return;
      if (code < END_OF_BLOCK) {
        output.push(code);
        continue;
      }
      const [leastLength, lengthExtra] = LENGTHS[code - 257]!;
      const length = leastLength + number(lengthExtra);
      const [leastDistance, distanceExtra] = DISTANCES[symbol(distances)]!;
      const distance = leastDistance + number(distanceExtra);
      if (distance > output.length)
        throw new Error(`nothing stands ${String(distance)} bytes back`);
      content.matches.push({ length, distance });
      for (let i = 0; i < length; i++) output.push(output[output.length - distance]!);
    }
  };
  while (at < bytes.length * 8) {
    const final = bit() === 1;
    const type = number(2);
    if (type === 0) {
      at = Math.ceil(at / 8) * 8;
      const length = number(16);
      if ((number(16) ^ length) !== 0xffff) throw new Error('LEN and NLEN do not agree');
      for (let i = 0; i < length; i++) output.push(number(8));
    } else if (type === 1) {
      compressed(canonical(FIXED_LITERALS), canonical(FIXED_DISTANCES));
    } else if (type === 2) {
      compressed(...tables());
    } else {
      throw new Error('a block of the reserved type');
    }
    content.blocks.push({ type: (['stored', 'fixed', 'dynamic'] as const)[type], final });
    // After a final block the next begins on a byte boundary (RFC 7692 section 7.2.3.4).
    if (final) at = Math.ceil(at / 8) * 8;
  }
  content.output = Buffer.from(output.slice(history.length));
  return content;
}
