import { Buffer, constants } from 'node:buffer';
import { versions } from 'node:process';
import { ProtocolError } from '../framing/protocol-error.js';
import { KERNEL } from './text-kernel.js';

/**
 * Text between UTF-8 (RFC 3629), as it travels, and JavaScript's strings.
 *
 * Node's own conversion of text that is not ASCII works character by character, and a processor cannot
 * predict whether the next character has one, two or three bytes. 64 KiB of such text take a
 * millisecond to decode and half of one to encode. The WebAssembly kernel works without branches
 * (measured: docs/performance.md).
 */

/** The first major version of Node whose decoder is faster than the kernel. Support for Node 22 ends in April 2027. */
const NODE_DECODES = 24;
/** The first major version of Node whose encoder is faster than the kernel. Support for Node 24 ends in April 2028. */
const NODE_ENCODES = 26;
/** Below this many bytes, copying them into the kernel's memory costs more than it saves. */
const DECODE_FROM = 64;
/** The same for encoding, in code units. */
const ENCODE_FROM = 64;
/** The longest string of this process, in UTF-16 code units; in V8 less than 512 Mi. */
export const LONGEST_STRING: number = constants.MAX_STRING_LENGTH;
/**
 * The most bytes of text that are decoded at once. V8 rejects UTF-8 of more bytes than the longest string
 * has units, although the string might be short enough, and the kernel would need one very large block.
 */
const LONG_PIECE = 256 * 1024 * 1024;
/** The number of characters that are sampled. If all are ASCII, Node encodes the text, as it is fastest then. */
const SAMPLES = 8;

// The layout of the kernel's memory; see text-kernel.wat.
const DECODE_TABLE = 0;
const ENCODE_TABLE = 4096;
const ENTRY = 16;
const INPUT = 8192 + 16;
/** The most bytes that the kernel converts at once. */
const BLOCK = 32 * 1024;
const OUTPUT = INPUT + BLOCK + 32;

/** The WebAssembly kernel; it sees only its own memory. */
export interface TextKernel {
  decode(this: void, from: number, length: number, to: number): number;
  encode(this: void, from: number, length: number, to: number): number;
  readonly memory: Buffer;
}

// Neither `lib: ES2022` nor @types/node declares it.
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => {
    exports: Pick<TextKernel, 'decode' | 'encode'> & { memory: { buffer: ArrayBuffer } };
  };
};

/** The kernel, or `undefined` where there is no WebAssembly SIMD (`node --jitless`, a very old CPU). */
export function loadTextKernel(bytes: Uint8Array = KERNEL): TextKernel | undefined {
  try {
    const { decode, encode, memory } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
      .exports;
    const all = Buffer.from(memory.buffer);
    fillTables(all);
    return { decode, encode, memory: all };
  } catch {
    return undefined;
  }
}

/** The tables of the bytes of a vector that move to its beginning; the kernel ignores the rest. */
function fillTables(memory: Buffer): void {
  for (let entry = 0; entry < 256; entry++) {
    // For decoding, each bit means that one of eight code units is kept.
    let at = DECODE_TABLE + entry * ENTRY;
    for (let unit = 0; unit < 8; unit++) {
      if (((entry >> unit) & 1) === 0) continue;
      memory[at++] = unit * 2;
      memory[at++] = unit * 2 + 1;
    }
    // For encoding, four bits mark the characters with a second byte, and four those with a third.
    at = ENCODE_TABLE + entry * ENTRY;
    for (let character = 0; character < 4; character++) {
      const count = 1 + ((entry >> character) & 1) + ((entry >> (character + 4)) & 1);
      for (let byte = 0; byte < count; byte++) memory[at++] = character * 4 + byte;
    }
  }
}

/** `undefined` until it is first needed, `null` where there is no WebAssembly SIMD. */
let kernel: TextKernel | null | undefined;

/** The kernel, but only on versions of Node below `major`. */
export function kernelBelow(major: number, node: string = versions.node): TextKernel | undefined {
  if (Number.parseInt(node, 10) >= major) return undefined;
  if (kernel === undefined) kernel = loadTextKernel() ?? null;
  return kernel ?? undefined;
}

/** {@link kernelBelow}, when it is first called: a process that only starts does not pay a millisecond for it. */
function lazyKernelBelow(major: number): () => TextKernel | undefined {
  let found: TextKernel | null | undefined = null;
  return () => (found === null ? (found = kernelBelow(major)) : found);
}

const decoder = lazyKernelBelow(NODE_DECODES);
const encoder = lazyKernelBelow(NODE_ENCODES);

/**
 * The string of a Text message: the bytes `start` to `end`, which must be valid UTF-8.
 *
 * @param isAscii whether they are known to be ASCII.
 * @throws ProtocolError if it is longer than a string can be.
 */
export function textOf(bytes: Buffer, start: number, end: number, isAscii: boolean): string {
  const length = end - start;
  if (length > LONGEST_STRING) {
    const atLeast = isAscii ? length : Math.ceil(length / 3);
    if (atLeast > LONGEST_STRING || unitsOf(bytes, start, end) > LONGEST_STRING) {
      throw textTooLong(length);
    }
  }
  try {
    return isAscii ? bytes.toString('latin1', start, end) : decodeText(bytes, start, end);
  } catch {
    throw textTooLong(length); // no memory for it, or a runtime whose strings are shorter than it reports
  }
}

/** The error for bytes that do not fit into a string. @param advice how the application gets them all the same. */
export function stringTooLong(what: string, bytes: number, advice: string): ProtocolError {
  return new ProtocolError(
    'ERR_MESSAGE_TOO_BIG',
    `${what} of ${bytes} bytes is longer than a string can be, ${LONGEST_STRING} UTF-16 code units; ${advice}, or send less at a time`,
  );
}

function textTooLong(bytes: number): ProtocolError {
  return stringTooLong('a Text message', bytes, "take it as bytes (textAs: 'buffer')");
}

/** The number of UTF-16 code units in the bytes `start` to `end`, which must be valid UTF-8. */
function unitsOf(bytes: Buffer, start: number, end: number): number {
  let units = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if ((byte & 0xc0) !== 0x80) units += byte < 0xf0 ? 1 : 2;
  }
  return units;
}

/**
 * Decode the bytes `start` to `end`, which must be valid UTF-8 and not too long for a string.
 *
 * @param piece most bytes that are decoded at once.
 */
export function decodeText(
  bytes: Buffer,
  start = 0,
  end: number = bytes.length,
  by: TextKernel | undefined = end - start < DECODE_FROM ? undefined : decoder(),
  piece: number = LONG_PIECE,
): string {
  if (end - start > piece) {
    const next = characterBefore(bytes, start + piece);
    return decodeText(bytes, start, next, by, piece) + decodeText(bytes, next, end, by, piece);
  }
  return by === undefined || end - start < DECODE_FROM
    ? bytes.toString('utf8', start, end)
    : decodeByKernel(by, bytes, start, end);
}

/** {@link decodeText} through the kernel's memory. */
function decodeByKernel(
  { decode, memory }: TextKernel,
  bytes: Buffer,
  start: number,
  end: number,
): string {
  if (end - start <= BLOCK) {
    bytes.copy(memory, INPUT, start, end);
    const units = decode(INPUT, end - start, OUTPUT);
    return memory.toString('utf16le', OUTPUT, OUTPUT + units * 2);
  }
  const text = Buffer.allocUnsafe((end - start) * 2);
  let length = 0;
  for (let at = start; at < end;) {
    const next = end - at <= BLOCK ? end : characterBefore(bytes, at + BLOCK);
    bytes.copy(memory, INPUT, at, next);
    const units = decode(INPUT, next - at, OUTPUT);
    length += memory.copy(text, length, OUTPUT, OUTPUT + units * 2);
    at = next;
  }
  return text.toString('utf16le', 0, length);
}

/** The index at which the character at `at` begins; at most three of its bytes come before `at`. */
function characterBefore(bytes: Buffer, at: number): number {
  let first = at;
  for (let back = 0; back < 3 && (bytes[first]! & 0xc0) === 0x80; back++) first--;
  return first;
}

/** The UTF-8 of a string, in a buffer of its size. A surrogate without its other half becomes U+FFFD. */
export function encodeText(
  text: string,
  by: TextKernel | undefined = text.length < ENCODE_FROM ? undefined : encoder(),
): Buffer {
  if (by === undefined || text.length < ENCODE_FROM || looksAscii(text)) {
    return Buffer.from(text, 'utf8');
  }
  const pieces: Buffer[] = [];
  for (let at = 0; at < text.length;) {
    const next = endOfPiece(text, at);
    const length = encodePiece(by, at === 0 && next === text.length ? text : text.slice(at, next));
    pieces.push(Buffer.from(by.memory.subarray(OUTPUT, OUTPUT + length)));
    at = next;
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

/**
 * Write the UTF-8 of a string to `target`, which must have room for three bytes a code unit, and return
 * the number of bytes. A surrogate without its other half becomes U+FFFD.
 */
export function writeText(
  text: string,
  target: Buffer,
  at: number,
  by: TextKernel | undefined = text.length < ENCODE_FROM ? undefined : encoder(),
): number {
  return by === undefined ||
    text.length < ENCODE_FROM ||
    text.length > BLOCK / 2 ||
    looksAscii(text)
    ? target.write(text, at, 'utf8')
    : by.memory.copy(target, at, OUTPUT, OUTPUT + encodePiece(by, text));
}

/** Encode up to a piece of text; its bytes are then in the kernel's memory. */
function encodePiece({ encode, memory }: TextKernel, text: string): number {
  memory.write(text, INPUT, 'utf16le');
  return encode(INPUT, text.length, OUTPUT);
}

/** The end of the piece that begins at `at`: never between the halves of a pair of surrogates. */
function endOfPiece(text: string, at: number): number {
  const end = at + BLOCK / 2;
  if (end >= text.length) return text.length;
  const isHigh = (text.charCodeAt(end - 1) & 0xfc00) === 0xd800;
  return isHigh ? end - 1 : end;
}

/** Check a few characters from all over the text. A wrong guess costs time, nothing else. */
function looksAscii(text: string): boolean {
  const step = Math.ceil(text.length / SAMPLES);
  for (let at = step >> 1; at < text.length; at += step) {
    if (text.charCodeAt(at) >= 0x80) return false;
  }
  return true;
}
