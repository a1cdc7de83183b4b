import { Buffer, isAscii } from 'node:buffer';
import { KERNEL } from './mask-kernel.js';

/**
 * Masking (RFC 6455 section 5.3): byte i of the payload is XORed with byte i mod 4 of the key.
 * Masking and unmasking are the same operation.
 *
 * A key is kept as a 32-bit integer with the key's first byte in the lowest eight bits.
 */

/**
 * The least number of bytes for the WebAssembly kernel. It is faster than the loop from here on,
 * although the bytes have to be copied into its memory and back (measured: docs/performance.md).
 */
export const KERNEL_FROM = 128;

interface Kernel {
  /** XOR the first `length` bytes of `memory`; not zero if a result is 0x80 or more. */
  xor(this: void, length: number, key: number): number;
  readonly memory: Buffer;
}

// Neither `lib: ES2022` nor @types/node declares it.
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => {
    exports: { xor: Kernel['xor']; memory: { buffer: ArrayBuffer } };
  };
};

/** The kernel, or `undefined` where there is no WebAssembly SIMD (`node --jitless`, a very old CPU). */
export function loadKernel(bytes: Uint8Array = KERNEL): Kernel | undefined {
  try {
    const { xor, memory } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
    return { xor, memory: Buffer.from(memory.buffer) };
  } catch {
    // The loop does all the work.
  }
  return undefined;
}

/** `undefined` until the first payload that is long enough, `null` where there is no WebAssembly SIMD. */
let kernel: Kernel | null | undefined;

/** The masking key that the four bytes at `at` hold. */
export function readKey(bytes: Buffer, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** The key for the bytes after the first `count`: its first byte is the next to be used. */
export function rotateKey(key: number, count: number): number {
  const bits = (count & 3) << 3;
  return (key >>> bits) | (key << (32 - bits)); // a shift by 32 is a shift by 0, and gives the key itself
}

/**
 * XOR the bytes `start` to `end` of `source` with `key` and write them to `target` at `targetStart`.
 * In place is `target === source` with `targetStart === start`; other overlaps are not supported.
 *
 * @returns 0 if every byte written is below 0x80, so that as text it is ASCII; else not 0.
 */
export function unmask(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  targetStart: number,
  key: number,
): number {
  if (end - start < KERNEL_FROM) return unmaskByLoop(source, start, end, target, targetStart, key);
  if (key === 0) return copyUnmasked(source, start, end, target, targetStart);
  // Not when the module is loaded: a process that only starts would pay a millisecond for it.
  if (kernel === undefined) kernel = loadKernel() ?? null;
  return kernel === null
    ? unmaskByLoop(source, start, end, target, targetStart, key)
    : unmaskByKernel(kernel, source, start, end, target, targetStart, key);
}

/** {@link unmask} with a key of zeros, as a client does it: no frame of a server is masked. */
function copyUnmasked(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  targetStart: number,
): number {
  if (target !== source) source.copy(target, targetStart, start, end);
  return isAscii(source.subarray(start, end)) ? 0 : 0x80;
}

/** {@link unmask} in plain JavaScript, four bytes a step. */
export function unmaskByLoop(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  targetStart: number,
  key: number,
): number {
  if (target === source) return unmaskInPlace(source, start, end, key);
  const key0 = key & 0xff;
  const key1 = (key >>> 8) & 0xff;
  const key2 = (key >>> 16) & 0xff;
  const key3 = key >>> 24;
  let seen = 0;
  let from = start;
  let to = targetStart;
  for (const last = end - 3; from < last; from += 4, to += 4) {
    const byte0 = source[from]! ^ key0;
    const byte1 = source[from + 1]! ^ key1;
    const byte2 = source[from + 2]! ^ key2;
    const byte3 = source[from + 3]! ^ key3;
    target[to] = byte0;
    target[to + 1] = byte1;
    target[to + 2] = byte2;
    target[to + 3] = byte3;
    seen |= byte0 | byte1 | byte2 | byte3;
  }
  if (from < end) seen |= target[to++] = source[from++]! ^ key0;
  if (from < end) seen |= target[to++] = source[from++]! ^ key1;
  if (from < end) seen |= target[to] = source[from]! ^ key2;
  return seen & 0x80;
}

/** {@link unmaskByLoop} of bytes that stay where they are: with one index for both sides it takes a quarter less. */
function unmaskInPlace(bytes: Buffer, start: number, end: number, key: number): number {
  const key0 = key & 0xff;
  const key1 = (key >>> 8) & 0xff;
  const key2 = (key >>> 16) & 0xff;
  const key3 = key >>> 24;
  let seen = 0;
  let at = start;
  for (const last = end - 3; at < last; at += 4) {
    seen |= bytes[at]! ^= key0;
    seen |= bytes[at + 1]! ^= key1;
    seen |= bytes[at + 2]! ^= key2;
    seen |= bytes[at + 3]! ^= key3;
  }
  if (at < end) seen |= bytes[at++]! ^= key0;
  if (at < end) seen |= bytes[at++]! ^= key1;
  if (at < end) seen |= bytes[at]! ^= key2;
  return seen & 0x80;
}

/** {@link unmask} through the kernel's memory, as many bytes a step as it holds. */
export function unmaskByKernel(
  { xor, memory }: Kernel,
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  targetStart: number,
  key: number,
): number {
  let seen = 0;
  let to = targetStart;
  // The memory's size is a multiple of 4, so each step begins at the key's first byte.
  for (let from = start; from < end;) {
    const length = Math.min(end - from, memory.length);
    source.copy(memory, 0, from, from + length);
    seen |= xor(length, key);
    memory.copy(target, to, 0, length);
    from += length;
    to += length;
  }
  return seen;
}
