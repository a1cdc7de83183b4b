import { deflateRawSync } from 'node:zlib';
import { clientFrame } from './frames.js';
import type { RawClient, RequestParts } from './raw-client.js';

const OFFER = 'permessage-deflate; client_max_window_bits';

/** A raw client of a server that has offered permessage-deflate, and the answer. */
export async function openCompressed(
  server: { open(parts: RequestParts): Promise<RawClient> },
  offer: string = OFFER,
): Promise<{ client: RawClient; extensions: string }> {
  const headers = { 'Sec-WebSocket-Extensions': offer };
  const client = await server.open({ headers });
  const response = await client.response();
  return { client, extensions: response.header('Sec-WebSocket-Extensions') ?? '' };
}

/** The frame of a compressed message that refers to none before. */
export function compressedFrame(message: string | Buffer, opcode = 1): Buffer {
  return clientFrame({ opcode, rsv: 4, payload: deflateRawSync(message) });
}

let bomb: Buffer | undefined;

/** A gigabyte of zeros in a megabyte: DEFLATE blocks, all but the last byte of a compressed message. */
export function gigabyteOfZeros(): Buffer {
  // Blocks that end on a byte boundary can be repeated: 16 MiB, and then the empty block of a sync flush.
  if (bomb === undefined) {
    const first = deflateRawSync(Buffer.alloc(16 * 1024 * 1024), { finishFlush: 2 });
    bomb = Buffer.concat([...Array<Buffer>(64).fill(first), Buffer.of(0)]);
  }
  return bomb;
}
