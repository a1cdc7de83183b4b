import { Buffer } from 'node:buffer';
import { Duplex, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Opcode } from '../../index.js';

/** The faults that a socket can have, for clients that are to be tested with them. */
export interface SocketFaults {
  /** Read no faster than this, in bytes per second. */
  readonly rate: number | undefined;
  /** Lose the Pings of the peer, so that no Pong answers them. */
  readonly losesPings: boolean;
}

/** The pieces that a slow socket reads in a second. */
const PIECES_A_SECOND = 10;

/** A socket of a server with these faults in what it reads. It passes on what is written as it is. */
export function faultySocket(socket: Duplex, { rate, losesPings }: SocketFaults): Duplex {
  // They reach the other one too. This one's own would end the process.
  socket.on('error', () => undefined);
  // The end of what is read is not the end of what is written.
  let bytes: AsyncIterable<Buffer> = socket.iterator({ destroyOnReturn: false });
  if (rate !== undefined) bytes = slowed(bytes, rate);
  if (losesPings) bytes = withoutPings(bytes);
  return Duplex.from({ readable: Readable.from(bytes, { objectMode: false }), writable: socket });
}

/** The bytes at no more than `rate` bytes per second. What is not taken yet fills the kernel's buffers, and then the peer's. */
export async function* slowed(
  bytes: AsyncIterable<Buffer>,
  rate: number,
): AsyncGenerator<Buffer, undefined> {
  const most = Math.max(1, Math.floor(rate / PIECES_A_SECOND));
  for await (const chunk of bytes) {
    for (let from = 0; from < chunk.length; from += most) {
      const piece = chunk.subarray(from, from + most);
      yield piece;
      await sleep((piece.length / rate) * 1000);
    }
  }
  return undefined;
}

const MASKED = 0x80;
const KEY_BYTES = 4;

/** The bytes of a client's frames without its Pings. Only headers are read; a frame that breaks rules passes, to be judged by hawser. */
export async function* withoutPings(
  bytes: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, undefined> {
  let rest = Buffer.alloc(0);
  /** Bytes of the current frame that are still to come, and whether they are lost. */
  let left = 0;
  let isPing = false;
  for await (const chunk of bytes) {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      if (left === 0) {
        const length = frameLength(rest);
        if (length === undefined) break;
        left = length;
        isPing = (rest[0]! & 0x0f) === Opcode.Ping;
      }
      const part = rest.subarray(0, left);
      if (part.length === 0) break;
      rest = rest.subarray(part.length);
      left -= part.length;
      if (!isPing) yield part;
    }
  }
  // A header that broke off is for hawser to judge as well.
  if (rest.length > 0) yield rest;
  return undefined;
}

/** The length of the frame that begins here, header and all (RFC 6455 section 5.2); `undefined` while its header is not complete. */
function frameLength(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]! & 0x7f;
  const key = bytes[1]! & MASKED ? KEY_BYTES : 0;
  if (short < 126) return 2 + key + short;
  if (short === 126) return bytes.length < 4 ? undefined : 4 + key + bytes.readUInt16BE(2);
  return bytes.length < 10 ? undefined : 10 + key + Number(bytes.readBigUInt64BE(2));
}
