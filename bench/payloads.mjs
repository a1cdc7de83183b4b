// What is sent. Both ends make the same bytes from the same seed, so that every byte can be checked.
import { seededRandom } from '../__tests__/support/random.cjs';

/** @typedef {'binary' | 'ascii' | 'unicode'} Content */

/** Characters of one to four bytes of UTF-8. */
const UNICODE = [...'aeiou äöüß éñçø ЖдшЩя αβγδ €—„“ 漢字仮名交じり 한국어 🙂🚀🎈'];

/**
 * A message's payload.
 *
 * @param {Content} content
 * @param {number} size in bytes, whatever the content
 * @param {number} seed
 */
export function payload(content, size, seed) {
  const random = seededRandom(seed * 0x9e3779b1 + size);
  const bytes = Buffer.alloc(size);
  if (content !== 'unicode') {
    const [lowest, count] = content === 'ascii' ? [0x20, 0x5f] : [0, 0x100];
    for (let at = 0; at < size; at++) bytes[at] = lowest + Math.floor(random() * count);
    return bytes;
  }
  for (let at = 0; at < size;) {
    const character = UNICODE[Math.floor(random() * UNICODE.length)] ?? ' ';
    const length = Buffer.byteLength(character);
    at += bytes.write(at + length <= size ? character : ' ', at);
  }
  return bytes;
}

/** Messages as an application would send them: JSON of about `size` bytes, all different. */
export function jsonMessages(/** @type {number} */ count, /** @type {number} */ size, seed = 1) {
  const random = seededRandom(seed);
  const pick = (/** @type {string[]} */ list) => list[Math.floor(random() * list.length)] ?? '';
  return Array.from({ length: count }, (_, id) => {
    const entry = () => ({
      symbol: `${pick(NAMES).slice(0, 3).toUpperCase()}${Math.floor(random() * 90)}`,
      price: Math.round(random() * 1e6) / 100,
      volume: Math.floor(random() * 1e5),
      side: pick(['buy', 'sell']),
      trader: `${pick(NAMES)}.${pick(NAMES)}`,
      note: `${pick(WORDS)} ${pick(WORDS)} ${pick(WORDS)}`,
    });
    const message = { id, at: 1_700_000_000_000 + Math.floor(random() * 1e9), entries: [entry()] };
    let length = JSON.stringify(message).length;
    while (length < size) {
      const added = entry();
      message.entries.push(added);
      length += 1 + JSON.stringify(added).length; // a comma comes before it
    }
    const text = JSON.stringify(message);
    return Buffer.from(text.length > size ? `${text.slice(0, size - 2)}"}` : text);
  });
}
const NAMES = ['amelia', 'bruno', 'chidi', 'dagmar', 'eloise', 'farid', 'greta', 'hiro', 'ines'];
const WORDS = ['limit', 'partial', 'market', 'filled', 'open', 'stop', 'cancel', 'late', 'retry'];

/** The payloads that a server sends of its own accord: `count` different ones. */
export function serverMessages(/** @type {number} */ count, /** @type {number} */ size) {
  return Array.from({ length: count }, (_, seed) => payload('binary', size, seed));
}

/** The frame of a payload, unmasked as a server's are, or masked as a client's are (RFC 6455 section 5.2). */
export function frame(/** @type {Content} */ content, /** @type {Buffer} */ bytes, masked = false) {
  const { length } = bytes;
  const extended = length < 126 ? 0 : length < 0x1_0000 ? 2 : 8;
  const start = 2 + extended + (masked ? 4 : 0);
  const result = Buffer.alloc(start + length);
  result[0] = 0x80 | (content === 'binary' ? 2 : 1);
  result[1] = (masked ? 0x80 : 0) | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) result.writeUInt16BE(length, 2);
  if (extended === 8) result.writeBigUInt64BE(BigInt(length), 2);
  bytes.copy(result, start);
  if (masked) {
    const key = payload('binary', 4, length);
    key.copy(result, start - 4);
    for (let at = 0; at < length; at++) result[start + at] = (bytes[at] ?? 0) ^ (key[at & 3] ?? 0);
  }
  return result;
}
