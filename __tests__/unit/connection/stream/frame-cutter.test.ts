import { FrameCutter, MAX_FRAME } from '../../../../src/connection/stream/frame-cutter.js';

/** The payloads that chunks become; `undefined` ends a tick. */
function cut(chunks: (Uint8Array | undefined)[], isText = false): Buffer[] {
  const cutter = new FrameCutter();
  const payloads: Buffer[] = [];
  for (const chunk of chunks) {
    if (chunk === undefined) cutter.seal();
    else cutter.add(chunk, isText);
    for (let payload; (payload = cutter.next()) !== undefined;) payloads.push(Buffer.from(payload));
  }
  payloads.push(Buffer.from(cutter.last()));
  return payloads;
}

const filled = (length: number, value: number): Buffer => Buffer.alloc(length, value);
const lengths = (payloads: Buffer[]): number[] => payloads.map(({ length }) => length);

describe('FrameCutter', () => {
  it('makes one empty frame of nothing, and of empty chunks', () => {
    expect(lengths(cut([]))).toEqual([0]);
    expect(lengths(cut([filled(0, 1), filled(0, 1)]))).toEqual([0]);
  });

  it('gathers small chunks of a tick up to 16 KiB', () => {
    const payloads = cut(Array.from({ length: 4000 }, (_, i) => filled(10, i)));
    expect(lengths(payloads)).toEqual([16_380, 16_380, 7240]);
    const expected = Buffer.concat(Array.from({ length: 4000 }, (_, i) => filled(10, i)));
    expect(Buffer.concat(payloads).equals(expected)).toBe(true);
    expect(lengths(cut([filled(16_383, 1), filled(1, 2)]))).toEqual([16_384]);
    expect(lengths(cut([filled(16_384, 1), filled(1, 2)]))).toEqual([16_384, 1]);
  });

  it('does not join what comes in different ticks', () => {
    const chunks = [filled(1, 1), filled(2, 2), undefined, filled(3, 3), filled(4, 4)];
    expect(lengths(cut(chunks))).toEqual([3, 7]);
    expect(lengths(cut([undefined, filled(1, 1), filled(2, 2)]))).toEqual([3]);
  });

  it('copies a small chunk, whose memory may be used again', () => {
    const chunk = filled(2, 1);
    const cutter = new FrameCutter();
    expect(cutter.isEmpty).toBe(true);
    cutter.add(chunk, false);
    cutter.next();
    expect(cutter.isEmpty).toBe(false);
    chunk.fill(9);
    expect(cutter.last()).toEqual(filled(2, 1));
    expect(cutter.isEmpty).toBe(true);
  });

  it('holds a long chunk as it is, until more follows', () => {
    const chunk = filled(20_000, 1);
    const cutter = new FrameCutter();
    cutter.add(chunk, false);
    expect(cutter.next()).toBeUndefined();
    expect(cutter.isEmpty).toBe(false);
    cutter.add(filled(1, 2), false);
    const payload = cutter.next();
    expect(payload?.buffer).toBe(chunk.buffer);
    expect(cutter.next()).toBeUndefined();
    expect(cutter.last()).toEqual(filled(1, 2));
  });

  it('cuts at 64 KiB', () => {
    expect(lengths(cut([filled(MAX_FRAME, 1)]))).toEqual([MAX_FRAME]);
    expect(lengths(cut([filled(5, 0), filled(3 * MAX_FRAME + 1, 1)]))).toEqual([
      5,
      MAX_FRAME,
      MAX_FRAME,
      MAX_FRAME,
      1,
    ]);
  });

  it('keeps a character of text in one frame', () => {
    for (const before of [0, 1, 2, 3]) {
      const text = Buffer.from('x'.repeat(before) + '\u{1f600}'.repeat(20_000));
      const payloads = cut([text], true);
      expect(payloads.every((payload) => !payload.toString().includes('\ufffd'))).toBe(true);
      expect(Buffer.concat(payloads).equals(text)).toBe(true);
    }
  });

  it.each([20_000, 200_000])('notices that a chunk of %d bytes was transferred', (length) => {
    const bytes = new Uint8Array(length);
    const cutter = new FrameCutter();
    cutter.add(bytes, false);
    if (length < MAX_FRAME) cutter.next();
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    const rest = (): void => {
      while (cutter.next() !== undefined);
      cutter.last();
    };
    expect(rest).toThrow(/the memory of data is gone/);
  });
});
