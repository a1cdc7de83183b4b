import { sharedSlab, Slab } from '../../../../src/connection/send/slab.js';

describe('Slab', () => {
  it('is one block of the size asked for, in memory of its own', () => {
    const slab = new Slab(100);
    expect(slab.bytes.length).toBe(100);
    expect(slab.bytes.buffer.byteLength).toBe(100);
    expect(slab.at).toBe(0);
  });

  it('keeps its block as long as what is asked for fits, to the last byte', () => {
    const slab = new Slab(100);
    const block = slab.bytes;
    slab.at = 60;
    slab.reserve(40);
    expect(slab.bytes).toBe(block);
    expect(slab.at).toBe(60);
  });

  it('begins a new block when it does not fit, and leaves the old one as it was', () => {
    const slab = new Slab(100);
    const block = slab.bytes.fill(7);
    slab.at = 60;
    slab.reserve(41);
    expect(slab.bytes).not.toBe(block);
    expect(slab.bytes.length).toBe(100);
    expect(slab.at).toBe(0);
    slab.bytes.fill(9);
    expect(block.every((byte) => byte === 7)).toBe(true);
  });

  it('uses bytes again that are taken back, if nothing stands after them', () => {
    const slab = new Slab(100);
    slab.at = 60;
    slab.reclaim(slab.bytes.subarray(20, 60), 20, 60);
    expect(slab.at).toBe(20);
  });

  it('uses no bytes again that something stands after, or that are of another block', () => {
    const slab = new Slab(100);
    slab.at = 60;
    slab.reclaim(slab.bytes.subarray(20, 50), 20, 50);
    expect(slab.at).toBe(60);
    slab.reclaim(Buffer.alloc(40), 20, 60);
    expect(slab.at).toBe(60);
  });

  it.each<[string, (slab: Slab) => number, string]>([
    ['a header', (slab) => slab.header(0x82, 300), '82 7e 012c'],
    ['a frame', (slab) => slab.frame(0x82, Buffer.from([7, 8])), '82 02 0708'],
    ['a text', (slab) => slab.text(0x81, 'h€'), '81 04 68 e282ac'],
    [
      'a text near a longer header',
      (slab) => slab.text(0x81, 'a'.repeat(60)),
      '81 3c' + '61'.repeat(60),
    ],
    [
      'a text of many bytes and few characters',
      (slab) => slab.text(0x81, '€'.repeat(42)),
      '81 7e 007e' + 'e282ac'.repeat(42),
    ],
  ])('writes %s after what it has, and does not hand it out', (_what, write, expected) => {
    const slab = new Slab(300);
    slab.at = 5;
    slab.bytes.fill(0xff);
    const end = write(slab);
    expect(slab.bytes.toString('hex', 5, end)).toBe(expected.replaceAll(' ', ''));
    expect(slab.bytes[4]).toBe(0xff);
    expect(slab.bytes[end]).toBe(0xff);
    expect(slab.at).toBe(5);
  });

  it('is shared by all connections with 64 KiB', () => {
    expect(sharedSlab).toBeInstanceOf(Slab);
    expect(sharedSlab.bytes.length).toBe(65_536);
  });
});
