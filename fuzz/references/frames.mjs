// RFC 6455 section 5 once more, as plainly as possible: all bytes are there from the start, nothing is
// fast, nothing is shared with the library. What the decoder makes of a stream is held against it.
import { isUtf8 } from 'node:buffer';

/**
 * @typedef {{ role: 'server' | 'client', rsv1: boolean, maxPayload: number }} Options
 * @typedef {{ events: string[], closeCode: number | undefined }} Verdict
 */

/** A peer's fault, with the close code that answers it. */
class Fault extends Error {
  /** @param {number} closeCode */
  constructor(closeCode) {
    super();
    this.closeCode = closeCode;
  }
}

/**
 * The messages and control frames in `bytes`, and the close code if they break a rule.
 *
 * @param {Buffer} bytes
 * @param {Options} options
 * @returns {Verdict}
 */
export function judge(bytes, options) {
  /** @type {string[]} */
  const events = [];
  try {
    readFrames(bytes, options, events);
    return { events, closeCode: undefined };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { events, closeCode: error.closeCode };
  }
}

/** @param {Buffer} bytes @param {Options} options @param {string[]} events */
function readFrames(bytes, options, events) {
  /** @type {{ opcode: number, compressed: boolean, parts: Buffer[], length: number, cut: Buffer } | undefined} */
  let message;
  for (let at = 0; ;) {
    const frame = readHeader(bytes, at, options, message);
    if (frame === undefined) return;
    const payload = bytes.subarray(frame.start, frame.start + frame.length);
    const received = Buffer.from(payload.map((byte, i) => byte ^ (frame.key[i % 4] ?? 0)));
    const whole = payload.length === frame.length;
    at = frame.start + frame.length;

    if (frame.opcode === 8) {
      if (received.length >= 2 && !mayBeSent(received.readUInt16BE(0))) throw new Fault(1002);
      const cut = unfinishedCharacter(received.subarray(2));
      if (cut === undefined || (whole && cut.length > 0)) throw new Fault(1007);
      if (whole && frame.length === 1) throw new Fault(1002);
    }
    if (frame.opcode >= 8) {
      if (!whole) return;
      events.push(event(frame.opcode, false, received));
      if (frame.opcode === 8) return; // section 5.5.1: nothing after it counts
      continue;
    }

    const { opcode, rsv } = frame;
    message ??= { opcode, compressed: rsv === 4, parts: [], length: 0, cut: Buffer.alloc(0) };
    message.parts.push(received);
    message.length += frame.length;
    if (message.opcode === 1 && !message.compressed) {
      const cut = unfinishedCharacter(Buffer.concat([message.cut, received]));
      if (cut === undefined || (whole && frame.fin && cut.length > 0)) throw new Fault(1007);
      message.cut = cut;
    }
    if (!whole) return;
    if (!frame.fin) continue;
    events.push(event(message.opcode, message.compressed, Buffer.concat(message.parts)));
    message = undefined;
  }
}

/**
 * The header at `at`, or `undefined` if it is not all there.
 *
 * @param {Buffer} bytes
 * @param {number} at
 * @param {Options} options
 * @param {{ length: number, compressed: boolean } | undefined} message the one in progress
 */
function readHeader(bytes, at, { role, rsv1, maxPayload }, message) {
  if (bytes.length < at + 2) return undefined;
  const fin = bytes[at] >= 0x80;
  const rsv = (bytes[at] >> 4) & 7;
  const opcode = bytes[at] & 15;
  const masked = bytes[at + 1] >= 0x80;
  let length = bytes[at + 1] & 0x7f;

  if (![0, 1, 2, 8, 9, 10].includes(opcode)) throw new Fault(1002);
  if (rsv !== 0 && !(rsv === 4 && rsv1 && (opcode === 1 || opcode === 2))) throw new Fault(1002);
  if (opcode >= 8 && (!fin || length > 125)) throw new Fault(1002);
  if (masked !== (role === 'server')) throw new Fault(1002);
  if (opcode < 8 && (opcode === 0) !== (message !== undefined)) throw new Fault(1002);

  let start = at + 2;
  if (length > 125) {
    const size = length === 126 ? 2 : 8;
    if (bytes.length < start + size) return undefined;
    const long = BigInt(`0x${bytes.toString('hex', start, start + size)}`);
    if (long < (size === 2 ? 126n : 0x1_0000n) || long >= 1n << 63n) throw new Fault(1002);
    length = Number(long);
    start += size;
  }
  // What is compressed may be longer than it is afterwards: 9 bits for each 8, and 10 more in 255 bytes.
  const mayGrow = message?.compressed ?? rsv === 4;
  const longest = mayGrow ? maxPayload * (1 + 1 / 8 + 1 / 128) + 1024 : maxPayload;
  if (opcode < 8 && (message?.length ?? 0) + length > longest) throw new Fault(1009);
  const key = bytes.subarray(start, masked ? start + 4 : start);
  if (masked && key.length < 4) return undefined;
  return { fin, rsv, opcode, length, key, start: start + key.length };
}

/** Section 7.4 and the registry of close codes. @param {number} code */
function mayBeSent(code) {
  const defined = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
  return defined.includes(code) || (code >= 3000 && code < 5000);
}

/** Whatever character begins legally is completed by one of these. */
const COMPLETIONS = ['', '80', 'bf', '8080', 'bfbf', '808080', 'bfbfbf'].map((hex) =>
  Buffer.from(hex, 'hex'),
);

/** The bytes of the character that the end of `text` cuts; `undefined` if no valid UTF-8 begins like this. @param {Buffer} text */
function unfinishedCharacter(text) {
  const completion = COMPLETIONS.find((end) => isUtf8(Buffer.concat([text, end])));
  if (completion === undefined) return undefined;
  if (completion.length === 0) return Buffer.alloc(0);
  return text.subarray(text.findLastIndex((byte) => byte >= 0xc0));
}

/** One message or control frame in words. @param {number} opcode @param {boolean} compressed @param {Buffer} payload */
export function event(opcode, compressed, payload) {
  return `${opcode}${compressed ? ' compressed' : ''} ${payload.toString('hex')}`;
}
