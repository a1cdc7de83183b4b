import { constants, deflateRawSync } from 'node:zlib';
import { createInflater, type Inflater } from '../../../../src/protocol/deflate/contexts.js';
import {
  type PartInflater,
  RawPartInflater,
  WholePartInflater,
} from '../../../../src/protocol/deflate/part-inflater.js';

const deflated = (message: Buffer | string): Buffer =>
  deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
const LIMIT = 10_000_000;
const PROSE = Buffer.from(Array.from({ length: 40_000 }, (_, i) => `${i % 977} ${i}`).join(''));
const NOISE = Buffer.from(
  Array.from({ length: 100_000 }, (_, i) => (i * i * 7 + (i >> 5) * 31) & 255),
);

const made: PartInflater[] = [];
afterEach(() => {
  for (const each of made.splice(0)) each.close();
});
function raw(inflater: Inflater, windowBits = 15): PartInflater {
  const parts = new RawPartInflater(windowBits, inflater);
  made.push(parts);
  return parts;
}
function whole(inflater: Inflater, limit = LIMIT): PartInflater {
  const parts = new WholePartInflater(inflater, limit);
  made.push(parts);
  return parts;
}

/** Put a message through, cut into inputs of so many bytes. */
function inflate(parts: PartInflater, payload: Buffer, size = payload.length || 1): Buffer {
  const out: Buffer[] = [];
  const drain = (): void => {
    for (let part; (part = parts.next()) !== undefined;) out.push(part);
  };
  parts.begin();
  for (let at = 0; at < payload.length; at += size) {
    parts.push(payload.subarray(at, at + size));
    drain();
  }
  const lengths = out.map(({ length }) => length);
  expect(lengths.filter((length) => length === 0 || length > 65_536)).toEqual([]);
  out.push(parts.end());
  expect(parts.bytesLeft).toBe(0);
  return Buffer.concat(out);
}

describe.each([
  ['driven', raw],
  ['whole', whole],
])('PartInflater, %s', (_name, make) => {
  const inflater = (takeover = false): Inflater => createInflater({ windowBits: 15, takeover });

  it.each([1, 7, 1000, 65_536, 1_000_000])(
    'decompresses messages in inputs of %d bytes',
    (size) => {
      const parts = make(inflater());
      const messages =
        size === 1 ? [Buffer.from('Hi'), PROSE] : [PROSE, NOISE, Buffer.alloc(1_000_000)];
      for (const message of messages) {
        expect(inflate(parts, deflated(message), size).equals(message)).toBe(true);
      }
    },
  );

  it('decompresses an empty message, and one that ends with a final block', () => {
    const parts = make(inflater());
    expect(inflate(parts, Buffer.of(0x00))).toHaveLength(0);
    const final = Buffer.concat([deflateRawSync(PROSE), Buffer.of(0)]);
    expect(inflate(parts, final, 100).equals(PROSE)).toBe(true);
    expect(inflate(parts, deflateRawSync('Hi')).toString()).toBe('Hi');
  });

  it('goes on after a final block, also in its next input', () => {
    const parts = make(inflater());
    const payload = Buffer.concat([deflateRawSync(PROSE), deflated(PROSE)]);
    const twice = Buffer.concat([PROSE, PROSE]);
    for (const size of [payload.length, 1000, deflateRawSync(PROSE).length]) {
      expect(inflate(parts, payload, size).equals(twice)).toBe(true);
    }
    const many = Buffer.concat(Array.from({ length: 20 }, () => deflateRawSync('')));
    expect(() => inflate(parts, many)).toThrow(/more than 16 DEFLATE streams/);
  });

  it('decompresses a stored block that the tail completes', () => {
    const stored = Buffer.from('000800f7ff01020304', 'hex');
    expect(inflate(make(inflater()), stored).toString('hex')).toBe('010203040000ffff');
  });

  it.each([
    ['is not DEFLATE', Buffer.of(0xff)],
    ['ends inside a block', deflated(PROSE).subarray(0, -10)],
    ['is empty', Buffer.alloc(0)],
  ])('rejects a payload that %s', (_fault, payload) => {
    const parts = make(inflater());
    expect(() => inflate(parts, payload)).toThrow(/cannot be decompressed/);
    expect(inflate(parts, deflated('Hi')).toString()).toBe('Hi');
  });

  it('knows what a message may refer to, and what later ones may', () => {
    const own = inflater(true);
    const parts = make(own);
    expect([parts.takeover, make(inflater()).takeover]).toEqual([true, false]);
    const part = PROSE.subarray(0, 5000);
    own.inflate(deflated(part), LIMIT);
    const referring = deflateRawSync(part, {
      finishFlush: constants.Z_SYNC_FLUSH,
      dictionary: part,
    }).subarray(0, -4);
    expect(referring.length).toBeLessThan(100);
    expect(inflate(parts, referring, 3).equals(part)).toBe(true);
    expect(inflate(parts, referring, 3).equals(part)).toBe(true);
    expect(own.inflate(referring, LIMIT)?.equals(part)).toBe(true);
  });
});

describe('RawPartInflater', () => {
  it('takes no more input than the output needs', () => {
    const parts = raw(createInflater({ windowBits: 15, takeover: false }));
    parts.begin();
    const stored = deflateRawSync(NOISE, { level: 0, finishFlush: constants.Z_SYNC_FLUSH });
    parts.push(stored.subarray(0, 90_000));
    parts.push(Buffer.alloc(0));
    expect(parts.bytesLeft).toBe(90_000);
    expect(parts.next()).toHaveLength(65_536);
    expect(parts.bytesLeft).toBeGreaterThan(24_000);
    expect(parts.bytesLeft).toBeLessThan(25_000);
    expect(parts.next()!.length).toBeGreaterThan(24_000);
    expect([parts.next(), parts.bytesLeft]).toEqual([undefined, 0]);
  });
});

describe('RawPartInflater, where the input ends and the output does not fit', () => {
  it('gives the rest without more input', () => {
    const parts = raw(createInflater({ windowBits: 15, takeover: false }));
    const zeros = Buffer.alloc(200_000);
    const payload = deflated(zeros);
    for (let size = 30; size < 140; size++) {
      expect(inflate(parts, payload, size).equals(zeros)).toBe(true);
    }
  });
});

describe('WholePartInflater', () => {
  it('has a limit of its own', () => {
    const inflater = createInflater({ windowBits: 15, takeover: false });
    expect(() => inflate(whole(inflater, 10), Buffer.alloc(11))).toThrow(/longer than maxPayload/);
    expect(() => inflate(whole(inflater, 99), deflated(Buffer.alloc(100)))).toThrow(
      /which is 99 bytes/,
    );
    expect(whole(inflater).bytesLeft).toBe(0);
  });
});
