// FrameDecoder, given any bytes, cut anywhere: it says what the reference says, however they are cut; it
// throws nothing but one ProtocolError; what it holds and what it does stay in proportion to the bytes.
import assert from 'node:assert/strict';
import { linesOf } from '../notation.mjs';
import { seeded } from '../random.mjs';
import { event, judge } from '../references/frames.mjs';

export const maxLength = 70_000;

/** Two decoders read each byte. Byte by byte a text costs the most: about thirty statements for each. */
export const maxSteps = (/** @type {number} */ length) => 1000 + 120 * length;

export const dictionary = linesOf(`
  # headers of a server's peer and of a client's
  81 85 00000000
  01 80 00000000
  00 81 00000000
  80 80 00000000
  82 fe 007e 00000000
  82 ff 0000000000010000 00000000
  88 82 00000000 03e8
  89 80 00000000
  8a 80 00000000
  c1 81 00000000
  81 05
  01 01
  80 01
  88 02 03e8
  # close codes
  03e7
  03ec
  03ed
  0bb8
  1388
  # the edges of UTF-8
  c3a9
  e0a080
  ed9fbf
  eda080
  f0908080
  f48fbfbf
  f4908080
`);

const MAX_PAYLOADS = [4 * 1024 * 1024, 125, 10, 0];
/** What a decoder may hold beyond twice the bytes received: the smallest block, and a cut header. */
const CONSTANT = 128;

/**
 * - `readLate`: nothing is read before all chunks are there, as on a connection that is paused.
 * - `owned`: the decoder frees the memory of a chunk when it has read it. Before Node 21 it cannot.
 *
 * @typedef {{ options: import('../references/frames.mjs').Options, readLate: boolean, owned: boolean }} Settings
 */

/** @param {(file: string) => any} load */
export function prepare(load) {
  const { FrameDecoder } = load('protocol/framing/frame-decoder.js');
  const { ProtocolError } = load('protocol/framing/protocol-error.js');

  /** @param {Buffer[]} chunks @param {Settings} settings */
  function decode(chunks, { options, readLate, owned }) {
    const decoder = new FrameDecoder(options);
    const events = [];
    const kept = [];
    let received = 0;
    /** @type {any} */
    let error;
    for (const [i, chunk] of chunks.entries()) {
      const { length } = chunk; // 0 once it is free
      received += length;
      if (owned) decoder.pushOwned(alone(chunk));
      else decoder.push(chunk);
      assertHolds(decoder, 2 * received + CONSTANT);
      if (readLate && i < chunks.length - 1) continue;
      try {
        while (decoder.next()) {
          assert.equal(error, undefined, 'something came out after a ProtocolError');
          const { opcode, compressed, payload, text, close } = decoder;
          if (opcode === 1 && !compressed) assert.equal(text, payload.toString());
          if (opcode === 8) {
            assert.equal(close.code, payload.length < 2 ? 1005 : payload.readUInt16BE(0));
            assert.equal(close.reason, payload.toString('utf8', 2));
          }
          events.push(event(opcode, compressed, payload));
          kept.push(() => event(opcode, compressed, payload));
          // While a chunk is being read it is there beside what was copied out of it.
          assertHolds(decoder, 2 * received + length + CONSTANT);
          if (owned) decoder.releaseIfRead();
        }
      } catch (thrown) {
        if (!(thrown instanceof ProtocolError)) throw thrown;
        assert.equal(error, undefined, 'a second ProtocolError');
        error = thrown;
      }
      assertHolds(decoder, decoder.inProgress ? 2 * received + CONSTANT : 0);
    }
    assert.deepEqual(
      kept.map((say) => say()),
      events,
      'a message changed after its delivery',
    );
    return { events, closeCode: error?.closeCode };
  }

  /** @param {Buffer} input */
  return (input) => {
    // The first byte chooses the settings, the second where the network cuts.
    const [first = 0, cutting = 0] = input;
    const bytes = input.subarray(2);
    /** @type {Settings} */
    const settings = {
      options: {
        role: (first & 1) === 0 ? 'server' : 'client',
        rsv1: (first & 2) !== 0,
        maxPayload: MAX_PAYLOADS[(first >> 2) & 3] ?? 0,
      },
      readLate: (first & 16) !== 0,
      owned: (first & 32) !== 0,
    };
    const expected = judge(bytes, settings.options);
    assert.deepEqual(decode([Buffer.from(bytes)], settings), expected, 'in one chunk');
    assert.deepEqual(decode(cut(bytes, cutting), settings), expected, 'in several chunks');
  };
}

/** The same bytes with an ArrayBuffer of their own. @param {Buffer} bytes */
function alone(bytes) {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** @param {{ bytesHeld: number }} decoder @param {number} most */
function assertHolds({ bytesHeld }, most) {
  if (bytesHeld > most) assert.fail(`${bytesHeld} bytes are held, more than ${most}`);
}

/** Up to 127 chunks of one length, which is 1 to 63 or a multiple of 512; from 128 on at random. @param {Buffer} bytes @param {number} cutting */
function cut(bytes, cutting) {
  const edges = [];
  if (cutting >= 128) {
    const random = seeded(cutting);
    for (let count = 1 + random(8); count > 0; count--) {
      edges.push(random(random(2) === 0 ? Math.min(24, bytes.length + 1) : bytes.length + 1));
    }
    edges.sort((a, b) => a - b);
  } else if (cutting > 0) {
    const length = cutting < 64 ? cutting : (cutting - 63) * 512;
    for (let at = length; at < bytes.length; at += length) edges.push(at);
  }
  edges.push(bytes.length);
  return edges.map((edge, i) => Buffer.from(bytes.subarray(edges[i - 1] ?? 0, edge)));
}
