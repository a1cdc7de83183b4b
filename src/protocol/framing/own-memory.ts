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

/** The least length of an allocation that glibc requests from the kernel, at first, in bytes. */
const FROM_KERNEL = 128 * 1024;
/** glibc takes no notice of what is freed from 32 MiB on. */
const LESSON = 31 * 1024 * 1024;

let isTaught = false;

/**
 * Teach glibc to keep the pages of freed memory. It returns the free end of its heap to the kernel from twice the
 * longest allocation on that was freed so far (mallopt(3), M_TRIM_THRESHOLD): 2 MiB where messages have 1 MiB. The
 * pages come back with the next messages, and each costs as much as copying 10 KiB to 40 KiB. An allocation of 31 MiB
 * raises that to 62 MiB when it is freed. It takes no pages itself, because nothing is written to it.
 */
export function keepFreedPages(lesson: number = LESSON): void {
  isTaught = true;
  try {
    freeMemory(new ArrayBuffer(lesson));
  } catch {
    // There is no address space for it. The message may still have room.
  }
}

/** A Buffer that has its ArrayBuffer to itself if it is long: a pool of Node's has up to 32 KiB of others. */
export function allocateOwn(length: number): Buffer {
  if (length < OWNED_FROM) return Buffer.allocUnsafe(length);
  if (length >= FROM_KERNEL && !isTaught) keepFreedPages();
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
