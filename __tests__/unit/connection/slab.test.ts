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

  it('uses bytes again that are taken back, if nothing stands behind them', () => {
    const slab = new Slab(100);
    slab.at = 60;
    slab.takeBack(slab.bytes.subarray(20, 60), 20, 60);
    expect(slab.at).toBe(20);
  });

  it('uses no bytes again that something stands behind, or that are of another block', () => {
    const slab = new Slab(100);
    slab.at = 60;
    slab.takeBack(slab.bytes.subarray(20, 50), 20, 50);
    expect(slab.at).toBe(60);
    slab.takeBack(Buffer.alloc(40), 20, 60);
    expect(slab.at).toBe(60);
  });

  it('is shared by all connections with 64 KiB', () => {
    expect(sharedSlab).toBeInstanceOf(Slab);
    expect(sharedSlab.bytes.length).toBe(65_536);
  });
});
