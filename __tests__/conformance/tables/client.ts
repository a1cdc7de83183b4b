/**
 * The rows of the server's tables, as a server would send them to a client: without masks (RFC 6455 section 5.1). The
 * verdict on a client's input is the verdict on a server's.
 */
import type { DecoderRow } from './table.js';

/** Bytes of frames without their masks. */
export interface Unmasked {
  readonly bytes: Buffer;
  /** Of each byte of the original, the index that stands for it: of the last one that is left. */
  readonly indexOf: (original: number) => number;
  /** The last frame ends inside its masking key, so that without the key it says something else. */
  readonly endsInKey: boolean;
}

/** Takes the masks off frames, whole or not, valid or not. */
export function unmask(bytes: Buffer): Unmasked {
  const kept: number[] = [];
  const indices: number[] = [];
  const keep = (byte: number): void => {
    kept.push(byte);
    indices.push(kept.length - 1);
  };
  let endsInKey = false;
  for (let at = 0; at < bytes.length;) {
    const header = bytes.subarray(at, at + 2);
    const isMasked = header.length > 1 && (header[1]! & 0x80) !== 0;
    for (const [index, byte] of header.entries()) keep(index === 1 ? byte & 0x7f : byte);
    at += header.length;
    const short = (header[1] ?? 0) & 0x7f;
    const extended = bytes.subarray(at, at + (short === 127 ? 8 : short === 126 ? 2 : 0));
    for (const byte of extended) keep(byte);
    at += extended.length;
    const key = bytes.subarray(at, at + (isMasked ? 4 : 0));
    indices.push(...Array<number>(key.length).fill(kept.length - 1));
    at += key.length;
    endsInKey = isMasked && key.length < 4 && header.length > 1;
    let length = BigInt(short);
    if (short > 125) length = BigInt(`0x${extended.toString('hex') || '0'}`);
    const rest = bytes.length - at;
    const payload = bytes.subarray(at, at + (length > rest ? rest : Number(length)));
    for (const [index, byte] of payload.entries()) keep(byte ^ (key[index % 4] ?? 0));
    at += payload.length;
  }
  return { bytes: Buffer.from(kept), indexOf: (original) => indices[original]!, endsInKey };
}

/** The rows for a client; those about the mask itself have rows of their own. */
export function asClientRows(rows: readonly DecoderRow[]): DecoderRow[] {
  return rows.flatMap((row) => {
    const { options, failure } = row;
    if (options.role === 'client' || failure?.code === 'ERR_MASK_REQUIRED') return [];
    const { bytes, indexOf, endsInKey } = unmask(row.bytes);
    if (endsInKey) return [];
    const { at, by } = failure ?? {};
    return [
      {
        ...row,
        bytes,
        options: { ...options, role: 'client' },
        failure: failure && {
          code: failure.code,
          closeCode: failure.closeCode,
          ...(at === undefined ? {} : { at: indexOf(at) }),
          ...(by === undefined ? {} : { by: indexOf(by) }),
        },
      },
    ];
  });
}
