import { Buffer } from 'node:buffer';

/**
 * Memory that has one owner, which frees it when it is not read any more.
 *
 * The memory of a Buffer is outside V8's heap, and V8 frees it when it collects the Buffer. Since Node 22 it
 * collects less often. Dead buffers pile up meanwhile, the allocator returns memory to the kernel and requests
 * it again, and a message of 1 MiB touches 80 to 110 fresh pages, which costs more than all other work on it.
 * `ArrayBuffer.prototype.transfer` (Node 21 and newer) frees memory at once (measured: docs/performance.md).
 */

/** The least length of a message that has its ArrayBuffer to itself, in bytes. */
export const OWNED_FROM: number = 16 * 1024;

type Transfer = (this: ArrayBufferLike, length?: number) => ArrayBuffer;

// Not in `lib: ES2022`, and not there before Node 21.
const transfer =
  (Reflect.get(ArrayBuffer.prototype, 'transferToFixedLength') as Transfer | undefined) ?? null;

/** Whether memory can be freed at once: not before Node 21. */
export const FREES_AT_ONCE: boolean = transfer !== null;

/** glibc's M_MMAP_THRESHOLD at first, in bytes: from this length on an allocation gets pages of its own (mallopt(3)). */
const MMAP_THRESHOLD = 128 * 1024;
/** Bytes below the 32 MiB up to which glibc raises its thresholds. */
const BELOW_LIMIT = 31 * 1024 * 1024;

let isRaised = false;

/**
 * Raise glibc's M_TRIM_THRESHOLD, so that it keeps the pages of freed memory. glibc returns the free end of its heap to
 * the kernel once it is longer than this threshold, which is twice the longest allocation with pages of its own that
 * was freed so far: 2 MiB where messages have 1 MiB. The next messages get the pages back one by one, by a page fault
 * each. One allocation of 31 MiB raises the threshold to 62 MiB when it is freed. It takes no memory itself, because
 * nothing is written to it.
 */
export function raiseTrimThreshold(length: number = BELOW_LIMIT): void {
  isRaised = true;
  try {
    freeMemory(new ArrayBuffer(length));
  } catch {
    // There is no address space for it. The message may still have room.
  }
}

/** A Buffer that has its ArrayBuffer to itself if it is long: a pool of Node's has up to 32 KiB of others. */
export function allocateOwn(length: number): Buffer {
  if (length < OWNED_FROM) return Buffer.allocUnsafe(length);
  if (length >= MMAP_THRESHOLD && !isRaised) raiseTrimThreshold();
  return Buffer.allocUnsafeSlow(length);
}

/** A copy of bytes, as {@link allocateOwn}. */
export function copyToOwn(bytes: Uint8Array): Buffer {
  const copy = allocateOwn(bytes.length);
  copy.set(bytes);
  return copy;
}

/** The same bytes outside Node's pool of 8 KiB, for those that are kept: they must not keep all of the pool. */
export function unpooled(bytes: Buffer): Buffer {
  if (isWhole(bytes)) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}

/** Whether bytes are all of their ArrayBuffer. */
export function isWhole(bytes: ArrayBufferView): boolean {
  return bytes.byteLength === bytes.buffer.byteLength;
}

/**
 * Free memory that is not read any more. All its views are empty afterwards. Before Node 21 the garbage collector
 * does it later.
 */
export function freeMemory(memory: ArrayBufferLike): void {
  transfer?.call(memory, 0);
}

/** {@link freeMemory} of bytes, unless they share their memory with others: that of a pool, or of an empty constant. */
export function freeOwn(bytes: Uint8Array): void {
  if (bytes.length > 0 && isWhole(bytes)) freeMemory(bytes.buffer);
}

/**
 * Take memory over: every view of it that others have is empty from now on.
 *
 * @returns the same bytes, for the new owner. Before Node 21 they are those that were given.
 * @throws TypeError where that is impossible: the memory of a `WebAssembly.Memory`.
 */
export function takeMemory(bytes: Uint8Array, by: Transfer | null = transfer): Uint8Array {
  return by === null || bytes.length === 0 ? bytes : Buffer.from(by.call(bytes.buffer));
}
