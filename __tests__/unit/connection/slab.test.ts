import { sharedSlab, Slab } from '../../../src/connection/slab.js';

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

  it('is shared by all connections with 64 KiB', () => {
    expect(sharedSlab).toBeInstanceOf(Slab);
    expect(sharedSlab.bytes.length).toBe(65_536);
  });
});
