import { inflatedText, toArrayBuffer } from '../../../../src/connection/receive/received-data.js';

describe('inflatedText', () => {
  it.each(['', 'ascii', 'é and €'])('makes a string of %p', (text) => {
    expect(inflatedText(Buffer.from(text))).toBe(text);
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
