// Compressed messages, given any bytes: the two ways to inflate them say the same, keep the same window, and
// throw nothing but ERR_INVALID_DEFLATE; nothing is longer than the limit; what came out is deflated and
// inflated again without a loss, by both.
import assert from 'node:assert/strict';
import { linesOf } from '../notation.mjs';

export const maxLength = 16_384;

/** zlib's own work is not counted; what is left goes with the calls of it. */
export const maxSteps = (/** @type {number} */ length) => 5000 + 150 * length;

export const dictionary = linesOf(`
  # whole messages: Hello, empty, stored, with a final block
  0007 f248cdc9c90700
  0005 f200110000
  0001 00
  000b 000500faff48656c6c6f00
  0008 f348cdc9c9070000
  # ends of blocks, and final ones
  000000ffff
  0300
  010000ffff
  cac9c90700
`);

const LIMITS = [1024 * 1024, 1000, 10, 0];

/** @param {(file: string) => any} load */
export function prepare(load) {
  const { createDeflater, createInflater } = load('protocol/deflate/contexts.js');
  const { ProtocolError } = load('protocol/framing/protocol-error.js');
  const { isRawZlibSupported } = load('protocol/deflate/raw-zlib.js');
  const ways = [isRawZlibSupported(), false];

  /** @param {any} inflater @param {Buffer} payload @param {number} limit @returns {string | Buffer} */
  function inflate(inflater, payload, limit) {
    try {
      return inflater.inflate(payload, limit) ?? 'too long';
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const { code } = /** @type {any} */ (error);
      assert.equal(code, 'ERR_INVALID_DEFLATE');
      return 'invalid';
    }
  }

  /** @param {Buffer} input */
  return (input) => {
    // The first byte chooses the settings; then come messages, each after its length in 16 bits.
    const [settings = 0] = input;
    const options = { windowBits: 8 + (settings & 7), takeover: (settings & 8) !== 0 };
    const limit = LIMITS[(settings >> 4) & 3] ?? 0;
    const made = () => ways.map((drive) => createInflater(options, drive));
    const inflaters = made();
    const others = made();
    const deflaters = ways.map((drive) => createDeflater(options, drive));
    try {
      for (const payload of messagesOf(input.subarray(1))) {
        const [one, other] = inflaters.map((each) => inflate(each, payload, limit));
        if (one === 'invalid' || other === 'invalid') {
          // Whether zlib notices a reference beyond a window that is not its largest, depends on how
          // large its output buffer is; whether it comes to what is invalid at all, on the limit.
          const both = typeof one === 'string' && typeof other === 'string';
          assert(both || options.windowBits < 15, 'one way refuses it');
          break; // the connection fails
        }
        assert.deepEqual(one, other, 'the two ways differ');
        assert.deepEqual(inflaters[0].window, inflaters[1].window, 'their windows differ');
        if (typeof one === 'string' || one === undefined) continue;
        assert(one.length <= limit);
        for (const [i, deflater] of deflaters.entries()) {
          const again = inflate(others[i], deflater.deflate(one), Math.max(1, one.length));
          assert.deepEqual(again, one, 'deflated and inflated again');
        }
      }
    } finally {
      for (const context of deflaters) context.release();
    }
  };
}

/** @param {Buffer} bytes */
function* messagesOf(bytes) {
  for (let at = 0; at + 2 <= bytes.length;) {
    const end = at + 2 + bytes.readUInt16BE(at);
    yield bytes.subarray(at + 2, end);
    at = end;
  }
}
