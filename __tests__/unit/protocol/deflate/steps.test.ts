import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import {
  deflateSteps,
  INPUT_PER_STEP,
  inflateSteps,
  OUTPUT_PER_STEP,
  type Steps,
} from '../../../../src/protocol/deflate/steps.js';
import { RawZlib } from '../../../../src/protocol/deflate/raw-zlib.js';
import { hex, random } from '../../../support/bytes.js';

const next = random(8);
const NOISE = Buffer.from(Uint8Array.from({ length: 300_000 }, () => next() * 256));
const PROSE = Buffer.from(Array.from({ length: 90_000 }, (_, i) => `${(i * i) % 977} `).join(''));
const FLUSH = { finishFlush: constants.Z_SYNC_FLUSH };
const LIMIT = 64 * 1024 * 1024;

/** The result, and the number of steps; another message goes through the process's zlib between two. */
function takeAll<Result>(steps: Steps<Result>): { result: Result; count: number } {
  const other = RawZlib.deflate({ windowBits: 15 });
  for (let count = 1; ; count++) {
    const { done, value } = steps.next();
    if (done === true) {
      other.close();
      return { result: value, count };
    }
    const between = deflateSteps(other, Buffer.from('another message'));
    expect(inflateRawSync(between.next().value!, FLUSH).toString()).toBe('another message');
  }
}

describe('deflateSteps', () => {
  const whole = (message: Buffer, level: number): Buffer =>
    deflateRawSync(message, { ...FLUSH, level, memLevel: 8 }).subarray(0, -4);

  it.each([1, 3, 6, 9])('makes the same bytes as one call at level %i', (level) => {
    const context = RawZlib.deflate({ windowBits: 15, level, memLevel: 8 });
    for (const message of [PROSE, NOISE, Buffer.concat([PROSE, NOISE, PROSE])]) {
      const { result, count } = takeAll(deflateSteps(context, message));
      expect(result.equals(whole(message, level))).toBe(true);
      expect(count).toBe(Math.ceil(message.length / INPUT_PER_STEP));
    }
    context.close();
  });

  it.each([0, 1, 64, 65_535, 65_536, 65_537, 131_072])('compresses %i bytes', (length) => {
    const context = RawZlib.deflate({ windowBits: 15, level: 6, memLevel: 8 });
    const message = PROSE.subarray(0, length);
    const { result, count } = takeAll(deflateSteps(context, message));
    expect(inflateRawSync(result, FLUSH).equals(message)).toBe(true);
    expect(count).toBe(Math.max(1, Math.ceil(length / INPUT_PER_STEP)));
    context.close();
  });

  it('does not refer to what the context compressed before', () => {
    const context = RawZlib.deflate({ windowBits: 15, level: 6, memLevel: 8 });
    const [one, other] = [1, 2].map(() => takeAll(deflateSteps(context, PROSE)).result);
    expect(other).toStrictEqual(one);
    context.close();
  });
});

describe('inflateSteps', () => {
  let context: RawZlib;
  beforeEach(() => (context = RawZlib.inflate({ windowBits: 15 })));
  afterEach(() => {
    context.close();
  });

  const inflate = (payload: Buffer, limit = LIMIT, window?: Buffer) =>
    takeAll(inflateSteps(context, payload, 15, window, limit));

  it('takes a step for each 64 KiB of input, or 512 KiB of output', () => {
    const noise = deflateRawSync(NOISE);
    expect(inflate(noise).result?.equals(NOISE)).toBe(true);
    expect(inflate(noise).count).toBe(Math.ceil(noise.length / INPUT_PER_STEP));
    const zeros = Buffer.alloc(3 * OUTPUT_PER_STEP);
    const { result, count } = inflate(deflateRawSync(zeros));
    expect(result?.equals(zeros)).toBe(true);
    expect(count).toBeGreaterThanOrEqual(3);
    expect(count).toBeLessThanOrEqual(4);
    expect(inflate(deflateRawSync(PROSE.subarray(0, 1000))).count).toBe(1);
  });

  it.each([0, 1, 2].map((more) => OUTPUT_PER_STEP - 1 + more))(
    'decompresses %i bytes, however the payload ends',
    (length) => {
      const message = Buffer.alloc(length, 'abc');
      for (const payload of [
        deflateRawSync(message),
        deflateRawSync(message, FLUSH).subarray(0, -4),
      ]) {
        expect(inflate(payload).result?.equals(message)).toBe(true);
      }
    },
  );

  it('returns undefined as soon as the limit is passed', () => {
    const payload = deflateRawSync(Buffer.alloc(10 * OUTPUT_PER_STEP));
    for (const limit of [1, OUTPUT_PER_STEP, OUTPUT_PER_STEP + 1, 3 * OUTPUT_PER_STEP]) {
      const { result, count } = inflate(payload, limit);
      expect(result).toBeUndefined();
      expect(count).toBeLessThanOrEqual(Math.ceil(limit / OUTPUT_PER_STEP) + 1);
    }
    expect(inflate(payload, 10 * OUTPUT_PER_STEP).result).toHaveLength(10 * OUTPUT_PER_STEP);
    // The tail completes a stored block of four bytes.
    expect(inflate(hex('000400fbff'), 4).result).toStrictEqual(hex('0000ffff'));
    expect(inflate(hex('000400fbff'), 3).result).toBeUndefined();
  });

  it('reads the window first, also after the end of a stream inside the message', () => {
    const dictionary = NOISE.subarray(0, 30_000);
    const first = deflateRawSync(dictionary.subarray(20_000), { dictionary });
    const both = NOISE.subarray(0, 32_768);
    expect(inflate(first, LIMIT, dictionary).result).toStrictEqual(dictionary.subarray(20_000));
    const known = Buffer.concat([dictionary, dictionary.subarray(20_000)]).subarray(-32_768);
    const second = deflateRawSync(both, { dictionary: known });
    const { result } = inflate(Buffer.concat([first, second]), LIMIT, dictionary);
    expect(result).toStrictEqual(Buffer.concat([dictionary.subarray(20_000), both]));
  });

  it('goes on after the end of a stream however much came out before it', () => {
    const parts = [PROSE, NOISE, Buffer.alloc(2 * OUTPUT_PER_STEP, 'xyz'), PROSE];
    let before = Buffer.alloc(0);
    const streams = parts.map((part) => {
      const stream = deflateRawSync(part, before.length > 0 ? { dictionary: before } : {});
      before = Buffer.concat([before, part]).subarray(-32_768);
      return stream;
    });
    expect(inflate(Buffer.concat(streams)).result?.equals(Buffer.concat(parts))).toBe(true);
  });

  it('accepts 16 streams, and no more', () => {
    const stream = deflateRawSync('abc');
    expect(inflate(Buffer.concat(Array<Buffer>(16).fill(stream))).result).toHaveLength(48);
    expect(() => inflate(Buffer.concat(Array<Buffer>(17).fill(stream)))).toThrow(
      'more than 16 DEFLATE streams',
    );
  });

  it('throws for what is not DEFLATE, or ends inside a block', () => {
    expect(() => inflate(hex('06'))).toThrow('invalid block type');
    const payload = deflateRawSync(NOISE, FLUSH).subarray(0, -4);
    for (const length of [2, 100, INPUT_PER_STEP, 2 * INPUT_PER_STEP]) {
      expect(() => inflate(payload.subarray(0, length))).toThrow('it ends inside a block');
    }
  });
});
