import {
  allocateOwn,
  copyToOwn,
  freeMemory,
  freeOwn,
  isWhole,
  OWNED_FROM,
  raiseTrimThreshold,
  takeMemory,
  unpooled,
} from '../../../../src/protocol/framing/own-memory.js';
import { FREES, own } from '../../../support/memory.js';

describe('memory with one owner', () => {
  it('is allocated outside the pool of Node from 16 KiB on', () => {
    expect(isWhole(allocateOwn(OWNED_FROM))).toBe(true);
    expect(allocateOwn(OWNED_FROM)).toHaveLength(16 * 1024);
    expect(allocateOwn(100)).toHaveLength(100);
  });

  it('raises the trim threshold of glibc once, at the first message of 128 KiB, and does without where it cannot', () => {
    const made: unknown[] = [];
    const counted = new Proxy(ArrayBuffer, {
      construct(target, args: [number], newTarget) {
        made.push(args[0]);
        return Reflect.construct(target, args, newTarget) as ArrayBuffer;
      },
    });
    const { ArrayBuffer: real } = globalThis;
    globalThis.ArrayBuffer = counted;
    try {
      allocateOwn(128 * 1024 - 1);
      expect(made).toEqual([]);
      expect(allocateOwn(128 * 1024)).toHaveLength(128 * 1024);
      allocateOwn(1024 * 1024);
      expect(made).toEqual([31 * 1024 * 1024]);
      raiseTrimThreshold(Number.MAX_SAFE_INTEGER);
      expect(made).toHaveLength(2);
    } finally {
      globalThis.ArrayBuffer = real;
    }
  });

  it('gets a copy', () => {
    const bytes = own(OWNED_FROM + 10).fill(7);
    const copy = copyToOwn(bytes.subarray(10));
    expect([copy.length, isWhole(copy), copy.every((byte) => byte === 7)]).toEqual([
      OWNED_FROM,
      true,
      true,
    ]);
    expect(copy.buffer).not.toBe(bytes.buffer);
  });

  it('is freed, where Node can', () => {
    const [one, other] = [own(20_000), own(20_000)];
    freeMemory(one.buffer);
    freeOwn(other);
    expect([one.length, other.length]).toEqual(FREES ? [0, 0] : [20_000, 20_000]);
  });

  it('is not freed where others use a part of it', () => {
    const all = own(20_000);
    freeOwn(all.subarray(1));
    freeOwn(all.subarray(0, 19_999));
    expect(all).toHaveLength(20_000);
  });

  it('is taken over with its bytes, and what others have of it is empty', () => {
    const given = own(20_000).fill(3);
    const first = given.subarray(0, 1);
    const taken = takeMemory(given);
    expect([taken.length, taken[0], taken[19_999]]).toEqual([20_000, 3, 3]);
    expect([given.length, first.length]).toEqual(FREES ? [0, 0] : [20_000, 1]);
    expect(takeMemory(Buffer.alloc(0))).toHaveLength(0);
  });

  it.each([
    ['is not taken over before Node 21', null, true],
    [
      'is taken over since',
      function (this: ArrayBufferLike): ArrayBuffer {
        return structuredClone(this as ArrayBuffer, { transfer: [this as ArrayBuffer] });
      },
      false,
    ],
  ])('%s', (_, by, isSame) => {
    const given = own(20_000).fill(3);
    const taken = takeMemory(given, by);
    expect(taken === given).toBe(isSame);
    expect([taken.length, taken[0]]).toEqual([20_000, 3]);
  });
});

it('takes bytes out of the pool, and leaves those that have their memory to themselves', () => {
  const pooled = Buffer.from('abc');
  const own = unpooled(pooled);
  expect([own.toString(), own.buffer.byteLength]).toStrictEqual(['abc', 3]);
  expect(unpooled(own)).toBe(own);
});
