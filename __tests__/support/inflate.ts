import { constants, inflateRawSync } from 'node:zlib';

/** The octets that a sender takes away from the end of a message, and a receiver puts back (RFC 7692 section 7.2). */
const TAIL = Buffer.from('0000ffff', 'hex');
/**
 * Empty blocks that say that they are the last. Only where no block is unfinished are they read as that; a stored
 * block that lacks just as many bytes takes one of them for these, but not both.
 */
const LAST_BLOCKS = ['0300', '010000ffff'].map((block) => Buffer.from(block, 'hex'));

const HISTORY = 2 ** constants.Z_MAX_WINDOWBITS;

/**
 * Inflates one message by the letter of section 7.2.2, slowly: blocks of every kind, BFINAL set on any of
 * them, and nothing unfinished at the end. One thing it lets pass, as everyone does: that nothing at all
 * follows a block with BFINAL set (section 7.2.3.4 asks for an octet 0x00).
 *
 * @param history what was sent in messages before, if their window is taken over.
 * @throws whatever zlib throws, if `payload` is no compressed message.
 */
export function inflateStrictly(payload: Uint8Array, history?: Uint8Array): Buffer {
  const [message, again] = LAST_BLOCKS.map((block) => inflateBlocks(payload, block, history));
  if (!message!.equals(again!)) throw new Error('a message cut short');
  return message!;
}

function inflateBlocks(
  payload: Uint8Array,
  lastBlock: Buffer,
  history: Uint8Array = Buffer.alloc(0),
): Buffer {
  let rest = Buffer.concat([payload, TAIL, lastBlock]);
  let all = Buffer.from(history);
  const end = TAIL.length + lastBlock.length;
  while (rest.length > 0) {
    if (rest.length === end && payload.length > 0) break;
    // zlib stops after a block with BFINAL set; "the next DEFLATE block follows".
    const dictionary = all.subarray(-HISTORY);
    const { buffer, engine } = inflateRawSync(rest, {
      info: true,
      ...(dictionary.length > 0 ? { dictionary } : {}),
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    all = Buffer.concat([all, buffer]);
    rest = rest.subarray(engine.bytesWritten);
  }
  return all.subarray(history.length);
}
