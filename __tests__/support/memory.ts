/** Ways in which JavaScript takes memory away from a view, or changes how much of it there is. */

/** What newer versions of JavaScript have and the compiler's library does not. */
interface Resizable {
  resize(length: number): void;
  grow(length: number): void;
  transfer(length?: number): ArrayBuffer;
}
type MakeBuffer<T> = new (length: number, options: { maxByteLength: number }) => T & Resizable;

/** Bytes in a buffer of their own. */
export const own = (length: number, byte = 0x61): Uint8Array => new Uint8Array(length).fill(byte);

/** Transfers the memory of a view, as `postMessage` with a transfer list does. */
export function detach({ buffer }: ArrayBufferView): void {
  structuredClone(null, { transfer: [buffer as ArrayBuffer] });
}

/** A buffer that can be resized up to `most` bytes. */
export function resizable(length: number, most: number): ArrayBuffer & Resizable {
  return new (ArrayBuffer as unknown as MakeBuffer<ArrayBuffer>)(length, { maxByteLength: most });
}

/** A shared buffer that can grow up to `most` bytes. */
export function growable(length: number, most: number): SharedArrayBuffer & Resizable {
  const Shared = SharedArrayBuffer as unknown as MakeBuffer<SharedArrayBuffer>;
  return new Shared(length, { maxByteLength: most });
}

/** A view of a WebAssembly memory, and what makes that memory grow. */
function wasmView(length: number): [Uint8Array, () => void] {
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: {
      Memory: new (pages: { initial: number }) => {
        buffer: ArrayBuffer;
        grow(pages: number): void;
      };
    };
  };
  const memory = new WebAssembly.Memory({ initial: Math.ceil(length / 65_536) + 1 });
  const grow = (): void => {
    memory.grow(1);
  };
  return [new Uint8Array(memory.buffer, 100, length).fill(0x61), grow];
}

/** `ArrayBuffer.prototype.transfer`; `undefined` before Node 22. */
const transfer: ((buffer: ArrayBuffer, length: number) => void) | undefined =
  'transfer' in ArrayBuffer.prototype
    ? (buffer, length) => {
        (buffer as unknown as Resizable).transfer(length);
      }
    : undefined;

/** Makes a payload of a length, and what takes it away. */
type Take = (length: number) => [payload: Uint8Array, take: () => void];

const taking =
  <T extends Uint8Array>(make: (length: number) => T, take: (payload: T) => void): Take =>
  (length) => {
    const payload = make(length);
    return [
      payload,
      () => {
        take(payload);
      },
    ];
  };

/** Each way to take a payload away after it was sent. */
export const TAKING: [string, Take][] = [
  ['transferred', taking(own, detach)],
  ['a Buffer, transferred', taking((length) => Buffer.from(own(length).buffer), detach)],
  ['of a WebAssembly memory that grows', wasmView],
  [
    'of a buffer that is made smaller',
    taking(
      (length) => new Uint8Array(resizable(length + 10, length + 20), 0, length),
      ({ buffer, length }) => {
        (buffer as unknown as Resizable).resize(length - 1);
      },
    ),
  ],
];
if (transfer !== undefined) {
  TAKING.push([
    'moved to a buffer of another size',
    taking(own, ({ buffer }) => {
      transfer(buffer as ArrayBuffer, 10);
    }),
  ]);
}

/** Whether this Node can free memory at once: Node 21 and newer. */
export const FREES = 'transfer' in ArrayBuffer.prototype;
