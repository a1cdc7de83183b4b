// Makes new inputs of old ones. It knows bytes and a dictionary, and nothing of what they mean.

const INTERESTING = [0, 1, 2, 0x0d, 0x20, 0x7d, 0x7e, 0x7f, 0x80, 0x81, 0xbf, 0xc0, 0xfe, 0xff];
const SIZES = [1, 2, 4, 8];
const NUMBERS = [0n, 1n, 125n, 126n, 127n, 0x80n, 0xffffn, 0x1_0000n, 1n << 31n, 1n << 53n, -1n];

/**
 * @param {(below: number) => number} random
 * @param {readonly Buffer[]} dictionary
 * @param {number} maxLength in bytes
 */
export function makeMutator(random, dictionary, maxLength) {
  const pick = (/** @type {readonly any[]} */ list) => list[random(list.length)];
  /** Mostly short, now and then up to `most`. */
  const span = (/** @type {number} */ most) =>
    random(random(4) === 0 ? most + 1 : Math.min(most, 8) + 1);
  const splice = (
    /** @type {Buffer} */ bytes,
    /** @type {number} */ at,
    /** @type {number} */ remove,
    /** @type {Buffer} */ insert,
  ) => Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);

  /** Changes that work in place, on a copy that is not empty. @type {((bytes: Buffer) => void)[]} */
  const changes = [
    (bytes) => void (bytes[random(bytes.length)] ^= 1 << random(8)),
    (bytes) => void (bytes[random(bytes.length)] = random(256)),
    (bytes) => void (bytes[random(bytes.length)] = pick(INTERESTING)),
    (bytes) =>
      void (bytes[random(bytes.length)] += random(2) === 0 ? 1 + random(8) : -1 - random(8)),
    (bytes) => {
      const number = Buffer.alloc(8);
      number.writeBigInt64BE(pick(NUMBERS) + BigInt(random(3) - 1));
      const size = pick(SIZES);
      number.copy(bytes, random(bytes.length), 8 - size);
    },
    (bytes) => void pick(dictionary).copy(bytes, random(bytes.length)),
    (bytes) => {
      const from = random(bytes.length);
      bytes.copy(bytes, random(bytes.length), from, from + span(bytes.length));
    },
  ];

  /** Changes of the length. @type {((bytes: Buffer, other: Buffer) => Buffer)[]} */
  const edits = [
    (bytes) => splice(bytes, random(bytes.length + 1), span(bytes.length), Buffer.alloc(0)),
    (bytes) => splice(bytes, random(bytes.length + 1), 0, Buffer.alloc(1 + span(64), random(256))),
    (bytes) => splice(bytes, random(bytes.length + 1), 0, pick(dictionary)),
    (bytes) => splice(bytes, random(bytes.length + 1), span(8), pick(dictionary)),
    (bytes) => {
      const from = random(bytes.length + 1);
      const copied = bytes.subarray(from, from + span(bytes.length));
      return splice(bytes, random(bytes.length + 1), 0, copied);
    },
    (bytes, other) => {
      const from = random(other.length + 1);
      const taken = other.subarray(from, from + span(other.length));
      return splice(bytes, random(bytes.length + 1), random(2) * span(8), taken);
    },
    (bytes, other) =>
      Buffer.concat([
        bytes.subarray(0, random(bytes.length + 1)),
        other.subarray(random(other.length + 1)),
      ]),
  ];

  /**
   * @param {Buffer} parent
   * @param {Buffer} other another input, to take pieces from
   * @returns {Buffer} a new input of its own
   */
  return (parent, other) => {
    let bytes = Buffer.from(parent);
    for (let count = 1 << random(4); count > 0; count--) {
      if (bytes.length > 0 && random(2) === 0) pick(changes)(bytes);
      else bytes = pick(edits)(bytes, other);
    }
    return bytes.subarray(0, maxLength);
  };
}
