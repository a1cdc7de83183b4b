import { constants, inflateRawSync } from 'node:zlib';

/** The octets that a sender takes away from the end of a message, and a receiver puts back (RFC 7692 section 7.2). */
const TAIL = Buffer.from('0000ffff', 'hex');
/** An empty block that says it is the last. Only where no block is unfinished is it read as that. */
const LAST_BLOCK = Buffer.from('0300', 'hex');

const HISTORY = 2 ** constants.Z_MAX_WINDOWBITS;

/**
 * Inflates one message by the letter of section 7.2.2, slowly: blocks of every kind, BFINAL set on any of
 * them, and nothing unfinished at the end. One thing it lets pass, as everyone does: that nothing at all
 * follows a block with BFINAL set (section 7.2.3.4 asks for an octet 0x00).
 *
 * @param history what was sent in messages before, if their window is taken over.
 * @throws whatever zlib throws, if `payload` is no compressed message.
 */
export function inflateStrictly(
  payload: Uint8Array,
  history: Uint8Array = Buffer.alloc(0),
): Buffer {
  let rest = Buffer.concat([payload, TAIL, LAST_BLOCK]);
  let all = Buffer.from(history);
  const end = TAIL.length + LAST_BLOCK.length;
  while (rest.length > 0) {
    if (rest.length === end && payload.length > 0) break;
    // zlib stops behind a block with BFINAL set; "the next DEFLATE block follows".
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
