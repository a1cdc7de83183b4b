// The messages of the soak. Each follows from its sender and its number, so
// that its receiver can compute every byte that must come.
import { BINARY, TEXT } from './frames.mjs';
import { Random } from './random.mjs';

/** Bodies are cut out of these; no two stretches of them are alike. */
const BODY_BYTES = 512 * 1024;
const binaryBody = new Random(1).bytes(BODY_BYTES);
/**
 * A unit of text: its number, and characters of two to four bytes in one of these orders. It compresses, and is like
 * others at every distance.
 */
const UNIT_BYTES = 13;
const ORDERS = ['é€😀', 'é😀€', '€é😀', '€😀é', '😀é€', '😀€é'];
const order = new Random(3);
const textBody = Buffer.from(
  Array.from(
    { length: Math.floor(BODY_BYTES / UNIT_BYTES) },
    (_, number) => number.toString(36).padStart(4, '0') + order.of(ORDERS),
  ).join(''),
);

/** A broadcast goes to every client; it has no sender. */
const BROADCAST = 'B';
const ECHO = 'E';
const HEADER = /^(?:(B)|(E)) ([0-9a-z]{6}) $/;
const HEADER_BYTES = 9;

/**
 * @typedef {object} Message
 * @property {number} opcode
 * @property {Buffer} payload
 */

/**
 * @param {string} kind
 * @param {number} number
 * @param {Random} random
 * @param {number} largest bytes of the body
 * @returns {Message}
 */
function make(kind, number, random, largest) {
  const header = `${kind} ${number.toString(36).padStart(6, '0')} `;
  // Each power of two is as likely as any other: many are short, some are long.
  const length = Math.floor(2 ** (random.next() * Math.log2(largest)));
  if (random.next() < 0.5) {
    const start = random.between(0, BODY_BYTES - length);
    const body = binaryBody.subarray(start, start + length);
    return { opcode: BINARY, payload: Buffer.concat([Buffer.from(header), body]) };
  }
  const units = Math.ceil(length / UNIT_BYTES);
  const start = random.between(0, Math.floor(BODY_BYTES / UNIT_BYTES) - units) * UNIT_BYTES;
  const body = textBody.subarray(start, start + units * UNIT_BYTES);
  return { opcode: TEXT, payload: Buffer.concat([Buffer.from(header), body]) };
}

/**
 * What a peer sends, and gets back.
 *
 * @param {number} peer
 * @param {number} number
 */
export const echoMessage = (peer, number) =>
  make(ECHO, number, new Random(peer * 7919 + number * 104_729), 128 * 1024);

/**
 * What the server sends everyone.
 *
 * @param {number} number
 */
export const broadcastMessage = (number) =>
  make(BROADCAST, number, new Random(number * 15_485_863), 4 * 1024);

/**
 * Which message this claims to be.
 *
 * @param {Buffer} payload
 * @returns {{ broadcast: boolean, number: number } | undefined} `undefined` if its header is spoiled
 */
export function claimOf(payload) {
  const header = HEADER.exec(payload.toString('latin1', 0, HEADER_BYTES));
  if (header === null) return undefined;
  return { broadcast: header[1] !== undefined, number: parseInt(header[3] ?? '', 36) };
}
