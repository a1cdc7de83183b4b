/** Bytes in the notation of the tests, random numbers, and bytes in chunks as a network delivers them. */
import { seededRandom as random } from './random.cjs';

export { random };

/**
 * Bytes from hexadecimal text. Spaces are ignored; `61x125` repeats a byte and
 * `(37fa213d)x4` a group, so that long rows stay readable literals.
 *
 * @throws Error at the first character that is not one of these.
 */
export function hex(text: string): Buffer {
  const token = /\s+|([0-9a-f]{2})(?:x(\d+))?|\(([0-9a-f\s]+)\)x(\d+)/y;
  const parts: Buffer[] = [];
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (!match) throw new Error(`not hexadecimal at "${text.slice(at, at + 12)}" in "${text}"`);
    const [, byte, byteCount = '1', group, groupCount = '1'] = match;
    const unit = byte ?? group?.replace(/\s/g, '');
    if (unit === undefined) continue;
    const once = Buffer.from(unit, 'hex');
    const count = Number(byte === undefined ? groupCount : byteCount);
    parts.push(Buffer.alloc(once.length * count, once));
  }
  return Buffer.concat(parts);
}

/** Copies of `bytes` cut at the given offsets. Each chunk owns its memory, as one read from a socket does. */
export function cutAt(bytes: Uint8Array, offsets: readonly number[]): Buffer[] {
  const edges = [0, ...offsets, bytes.length];
  return edges.slice(1).map((end, i) => Buffer.from(bytes.subarray(edges[i], end)));
}

/** Offsets at every byte. */
export function everyByte(bytes: Uint8Array): number[] {
  return Array.from({ length: Math.max(0, bytes.length - 1) }, (_, i) => i + 1);
}

/** One to eight random offsets, in order; half of them fall within the first 24 bytes, where headers are. */
export function randomCuts(bytes: Uint8Array, seed: number): number[] {
  const next = random(seed);
  const count = 1 + Math.floor(next() * 8);
  const offsets = Array.from({ length: count }, () => {
    const range = next() < 0.5 ? Math.min(24, bytes.length) : bytes.length;
    return Math.floor(next() * (range + 1));
  });
  return offsets.sort((a, b) => a - b);
}

/** Every way to cut: whole, byte by byte, once at each byte, and at random. */
export function* waysToCut(bytes: Buffer): Generator<number[]> {
  yield [];
  yield everyByte(bytes);
  for (const cut of everyByte(bytes)) yield [cut];
  for (let seed = 1; seed <= 20; seed++) yield randomCuts(bytes, seed);
}
