/**
 * Frames written and read independently of the library's own encoder and
 * decoder (RFC 6455, section 5.2), so that a mistake there cannot hide here.
 */

/** What a frame is made of. Everything but the opcode has an ordinary default. */
export interface FrameParts {
  opcode: number;
  payload?: string | Uint8Array;
  /** @default true */
  fin?: boolean;
  /** The three reserved bits as a number: RSV1 is 4, RSV2 is 2, RSV3 is 1. @default 0 */
  rsv?: number;
  /** Masking key; `null` leaves the frame unmasked, as servers send it. @default 37fa213d */
  key?: Uint8Array | null;
  /** Which form of the payload length to use, shortest or not. @default the shortest */
  form?: 7 | 16 | 64;
  /** The length to announce, true or not. @default the payload's */
  length?: number | bigint;
}

const DEFAULT_KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

/** The bytes of a frame from a client: masked, unless told otherwise. */
export function clientFrame(parts: FrameParts): Buffer {
  const { opcode, fin = true, rsv = 0, key = DEFAULT_KEY } = parts;
  const payload = Buffer.from(parts.payload ?? '');
  const length = BigInt(parts.length ?? payload.length);
  const form = parts.form ?? (length < 126n ? 7 : length < 0x1_0000n ? 16 : 64);
  const field = Buffer.alloc(form === 7 ? 1 : form === 16 ? 3 : 9);
  field[0] = (key ? 0x80 : 0) | (form === 7 ? Number(length) : form === 16 ? 126 : 127);
  if (form === 16) field.writeUInt16BE(Number(length), 1);
  if (form === 64) field.writeBigUInt64BE(length, 1);
  const first = Buffer.from([(fin ? 0x80 : 0) | (rsv << 4) | opcode]);
  return Buffer.concat([first, field, key ?? Buffer.alloc(0), key ? xor(payload, key) : payload]);
}

/** The bytes of a frame from a server: the same, unmasked. */
export function serverFrame(parts: FrameParts): Buffer {
  return clientFrame({ ...parts, key: null });
}

/** A masked Close frame; without a code its payload is empty. */
export function clientClose(code?: number, reason = ''): Buffer {
  const payload = Buffer.alloc(code === undefined ? 0 : 2);
  if (code !== undefined) payload.writeUInt16BE(code);
  return clientFrame({ opcode: 8, payload: Buffer.concat([payload, Buffer.from(reason)]) });
}

/** A frame as read from the wire, unmasked. */
export interface Frame {
  fin: boolean;
  rsv: number;
  opcode: number;
  masked: boolean;
  payload: Buffer;
}

/** Gathers bytes and hands out the frames in them. It refuses what a server must never send. */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0);
  readonly #from: 'server' | 'client';

  /** @param from - the side that sends: a server's frames must be unmasked, a client's masked (section 5.1) */
  constructor(from: 'server' | 'client' = 'server') {
    this.#from = from;
  }

  /** Bytes that are not a whole frame yet. */
  get rest(): Buffer {
    return this.#bytes;
  }

  /** Takes bytes in and returns the frames that are now complete. */
  push(chunk: Uint8Array): Frame[] {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): Frame | undefined {
    const bytes = this.#bytes;
    const [first, second] = bytes;
    if (first === undefined || second === undefined) return undefined;
    const masked = second >= 0x80;
    const short = second & 0x7f;
    const lengthEnd = short < 126 ? 2 : short === 126 ? 4 : 10;
    const start = lengthEnd + (masked ? 4 : 0);
    if (bytes.length < start) return undefined;
    const length =
      short < 126
        ? short
        : short === 126
          ? bytes.readUInt16BE(2)
          : Number(bytes.readBigUInt64BE(2));
    if (short > 125 && length < (short === 126 ? 126 : 0x1_0000)) {
      throw new Error(
        `a ${this.#from} sent length ${String(length)} in a form that is not the shortest`,
      );
    }
    if (masked !== (this.#from === 'client')) {
      throw new Error(`a ${this.#from} sent a frame that is ${masked ? '' : 'not '}masked`);
    }
    if (bytes.length < start + length) return undefined;
    const body = bytes.subarray(start, start + length);
    const payload = masked ? xor(body, bytes.subarray(lengthEnd, start)) : Buffer.from(body);
    this.#bytes = bytes.subarray(start + length);
    return { fin: first >= 0x80, rsv: (first >> 4) & 7, opcode: first & 0x0f, masked, payload };
  }
}

/** The frames in `bytes`; throws when something is left over. */
export function parseFrames(bytes: Uint8Array, from: 'server' | 'client' = 'server'): Frame[] {
  const reader = new FrameReader(from);
  const frames = reader.push(bytes);
  if (reader.rest.length > 0) {
    throw new Error(
      `${String(reader.rest.length)} bytes after the last whole frame: ${reader.rest.toString('hex')}`,
    );
  }
  return frames;
}

const NAMES = new Map([
  [0, 'continuation'],
  [1, 'text'],
  [2, 'binary'],
  [8, 'close'],
  [9, 'ping'],
  [10, 'pong'],
]);

/** A frame in words: `text 48656c6c6f`, `close 1000 627965`, `close`; deviations are named: `rsv4 text nofin`. */
export function describeFrame(frame: Frame): string {
  const name = NAMES.get(frame.opcode) ?? `opcode${String(frame.opcode)}`;
  const words = [frame.rsv ? `rsv${String(frame.rsv)}` : '', name, frame.fin ? '' : 'nofin'];
  if (frame.opcode === 8 && frame.payload.length >= 2) {
    words.push(String(frame.payload.readUInt16BE(0)), frame.payload.subarray(2).toString('hex'));
  } else {
    words.push(frame.payload.toString('hex'));
  }
  return words.filter((word) => word !== '').join(' ');
}

/** `payload` masked or unmasked with `key`, in a new buffer (section 5.3). */
function xor(payload: Uint8Array, key: Uint8Array): Buffer {
  const masked = Buffer.from(payload);
  for (let i = 0; i < masked.length; i++) masked[i]! ^= key[i % 4] ?? 0;
  return masked;
}
