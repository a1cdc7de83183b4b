import { SlidingWindow } from '../../../../src/protocol/deflate/sliding-window.js';

/** Bytes whose place can be told. */
const stretch = (from: number, count: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: count }, (_, i) => (from + i) % 251));

describe('SlidingWindow', () => {
  it('has no contents and no memory before anything went through', () => {
    const window = new SlidingWindow(15);
    expect(window.contents).toBeUndefined();
    expect(window.capacity).toBe(0);
    window.slide(Buffer.alloc(0));
    expect(window.contents).toBeUndefined();
  });

  it('keeps what went through, oldest first', () => {
    const window = new SlidingWindow(8);
    window.slide(Buffer.from('abc'));
    window.slide(Buffer.from('de'));
    expect(window.contents?.toString()).toBe('abcde');
  });

  it.each([
    ['one byte at a time', 1],
    ['in pieces that do not divide its size', 7],
    ['in pieces almost as long as it is', 255],
    ['in pieces as long as it is', 256],
    ['in pieces longer than it is', 300],
  ])('keeps the last 256 bytes of 2000 that went through %s', (_how, length) => {
    const window = new SlidingWindow(8);
    const all = stretch(0, 2000);
    for (let at = 0; at < all.length; at += length) {
      const end = Math.min(at + length, all.length);
      window.slide(all.subarray(at, end));
      expect(window.contents?.equals(all.subarray(Math.max(0, end - 256), end))).toBe(true);
    }
    expect(window.capacity).toBe(256);
  });

  it.each([8, 9, 12, 15])('is of 2 to the power of %i bytes', (windowBits) => {
    const window = new SlidingWindow(windowBits);
    window.slide(stretch(0, 40_000));
    expect(window.contents).toHaveLength(2 ** windowBits);
    expect(window.capacity).toBe(2 ** windowBits);
  });

  it('takes memory as bytes go through, twice as much as they need at most', () => {
    const window = new SlidingWindow(15);
    window.slide(Buffer.from('a'));
    expect(window.capacity).toBe(256);
    window.slide(stretch(0, 1000));
    expect(window.capacity).toBe(2002);
    window.slide(stretch(0, 1000));
    expect(window.capacity).toBe(2002);
    window.slide(stretch(0, 20_000));
    expect(window.capacity).toBe(32_768);
  });

  it('takes no more memory while there is room, to the last byte', () => {
    const window = new SlidingWindow(15);
    window.slide(Buffer.from('a'));
    window.slide(stretch(0, 255));
    expect(window.capacity).toBe(256);
    window.slide(Buffer.from('a'));
    expect(window.capacity).toBe(514);
  });

  it('does not keep the bytes it was given', () => {
    const window = new SlidingWindow(8);
    const bytes = Buffer.from('abc');
    window.slide(bytes);
    bytes.fill('x');
    expect(window.contents?.toString()).toBe('abc');
  });
});
