import { inflatedText, toArrayBuffer } from '../../../../src/connection/receive/received-data.js';
import { FREES } from '../../../support/memory.js';

describe('inflatedText', () => {
  it.each(['', 'ascii', 'é and €'])('makes a string of %p', (text) => {
    expect(inflatedText(Buffer.from(text))).toBe(text);
  });

  it('frees the memory of a long one', () => {
    const [short, long] = [16_383, 16_384].map((length) =>
      Buffer.allocUnsafeSlow(length).fill('a'),
    );
    expect(inflatedText(short!)).toBe('a'.repeat(16_383));
    expect(inflatedText(long!)).toBe('a'.repeat(16_384));
    expect([short!.length, long!.length]).toEqual([16_383, FREES ? 0 : 16_384]);
  });
});

describe('toArrayBuffer', () => {
  it('hands over memory that has the bytes and no others', () => {
    const own = Buffer.from(new ArrayBuffer(3)).fill(7);
    expect(toArrayBuffer(own)).toBe(own.buffer);
  });

  it('copies a part of larger memory, and what is empty', () => {
    const larger = Buffer.from(new ArrayBuffer(5)).fill('abcde');
    const part = toArrayBuffer(larger.subarray(1, 3));
    expect(Buffer.from(part).toString()).toBe('bc');
    const empty = Buffer.from(new ArrayBuffer(0));
    expect(toArrayBuffer(empty)).not.toBe(empty.buffer);
    expect(toArrayBuffer(empty).byteLength).toBe(0);
  });
});
