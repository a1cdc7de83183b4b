import { runInNewContext } from 'node:vm';
import {
  bytesOf,
  checkText,
  checkTransfer,
  isBlob,
  toBytes,
} from '../../../../src/protocol/framing/payload.js';
import { hex } from '../../../support/bytes.js';
import { detach, growable, own, resizable } from '../../../support/memory.js';

describe('toBytes', () => {
  it('does not copy bytes', () => {
    const bytes = new Uint8Array([1, 2, 3, 4]);
    expect(toBytes(bytes)).toBe(bytes);
    const view = toBytes(new Uint16Array(bytes.buffer, 2, 1));
    expect([view.buffer, view.byteOffset, view.byteLength]).toEqual([bytes.buffer, 2, 2]);
    expect(view.buffer).toBe(bytes.buffer);
    expect(toBytes(bytes.buffer).buffer).toBe(bytes.buffer);
  });

  it('makes UTF-8 of a string', () => {
    expect(toBytes('é😀')).toEqual(hex('c3a9 f09f9880'));
    expect(toBytes('')).toHaveLength(0);
  });

  it.each([
    'new Uint8Array([1, 2])',
    'new Uint8Array([1, 2]).buffer',
    'new Uint16Array([0x0201])',
    'new DataView(new Uint8Array([1, 2]).buffer)',
    'new Uint8Array(new SharedArrayBuffer(2)).fill(1).fill(2, 1)',
    'const shared = new SharedArrayBuffer(2); new Uint8Array(shared).set([1, 2]); shared',
    'Object.setPrototypeOf(new Uint8Array([1, 2]), null)',
  ])('accepts values of another realm: %s', (source) => {
    const bytes = bytesOf(runInNewContext(source))!;
    expect([...Uint8Array.prototype.slice.call(bytes)]).toEqual([1, 2]);
  });

  it.each([
    ['', Buffer.alloc(0)],
    ['', new ArrayBuffer(0)],
    ['', new Uint16Array(0)],
    ['', new DataView(new ArrayBuffer(4), 4)],
    ['', new SharedArrayBuffer(0)],
  ])('accepts empty data: %#', (expected, data) => {
    expect(Buffer.from(toBytes(data)).toString()).toBe(expected);
  });

  it('does not follow a buffer that grows', () => {
    const [buffer, shared] = [resizable(2, 10), growable(2, 10)];
    const all = [buffer, shared].map(toBytes);
    buffer.resize(10);
    shared.grow(10);
    for (const bytes of all) expect(bytes).toHaveLength(2);
  });

  it.each([
    ['a Uint8Array', (bytes: Uint8Array) => bytes],
    ['a Buffer', (bytes: Uint8Array) => Buffer.from(bytes.buffer)],
    ['an ArrayBuffer', (bytes: Uint8Array) => bytes.buffer],
    ['a Uint16Array', (bytes: Uint8Array) => new Uint16Array(bytes.buffer)],
    ['a DataView', (bytes: Uint8Array) => new DataView(bytes.buffer)],
  ])('refuses %s whose buffer was transferred, instead of sending nothing', (_what, make) => {
    const bytes = own(8);
    const data = make(bytes);
    detach(bytes);
    expect(() => toBytes(data)).toThrow(TypeError);
    expect(() => toBytes(data)).toThrow('the memory of data is gone');
  });

  it('refuses a part of a buffer that was made smaller', () => {
    const buffer = resizable(8, 8);
    const views = [new Uint8Array(buffer, 0, 8), new DataView(buffer, 4, 4)];
    buffer.resize(4);
    for (const view of views) expect(() => toBytes(view)).toThrow('the memory of data is gone');
  });

  it.each([
    ['null', null, 'null'],
    ['undefined', undefined, 'undefined'],
    ['a number', 5, 'a number; send String(data)'],
    ['a boolean', true, 'a boolean; send String(data)'],
    ['a bigint', 1n, 'a bigint; send String(data)'],
    ['a String object', Object('x'), 'a boxed primitive; send String(data)'],
    ['an object', { length: 2, 0: 1 }, 'an object; send JSON.stringify(data)'],
    ['one of no prototype', Object.create(null), 'an object; send JSON.stringify(data)'],
    ['a list', [1, 2], 'an array; send JSON.stringify(data)'],
    ['a symbol', Symbol('s'), 'a symbol'],
    ['a function', () => 'x', 'a function'],
    ['a promise', Promise.resolve('x'), 'a promise; await it first'],
    ['a ReadableStream', new ReadableStream(), 'a stream; a message is sent whole: read it first'],
    [
      'an async generator',
      (async function* () {
        yield await Promise.resolve(1);
      })(),
      'a stream; a message is sent whole: read it first',
    ],
    ['a Blob', new Blob(['x']), 'a Blob; await its arrayBuffer() first'],
  ])('refuses %s, and says what to do', (_what, data, got) => {
    expect(bytesOf(data)).toBeUndefined();
    expect(() => toBytes(data)).toThrow(
      new TypeError(
        `expected data to be a string, Buffer, typed array, DataView or ArrayBuffer, got ${got}`,
      ),
    );
  });
});

describe('isBlob', () => {
  it('recognises a Blob, a File, and those of polyfills', () => {
    class Polyfill {
      readonly size = 1;
      readonly [Symbol.toStringTag] = 'Blob';
      arrayBuffer = () => Promise.resolve(new ArrayBuffer(1));
    }
    expect(isBlob(new Blob(['x']))).toBe(true);
    expect(isBlob(new Polyfill())).toBe(true);
    // A global since Node 20, which Jest does not pass on.
    const { File } = jest.requireActual<{ File: typeof Blob & (new (...args: unknown[]) => Blob) }>(
      'node:buffer',
    );
    expect(isBlob(new File(['x'], 'x.txt'))).toBe(true);
  });

  it.each([
    null,
    undefined,
    'x',
    5,
    {},
    Buffer.alloc(1),
    { size: 1, arrayBuffer: () => undefined },
  ])('does not recognise %p', (value) => {
    expect(isBlob(value)).toBe(false);
  });
});

describe('checkText', () => {
  it.each(['', '61', 'e282ac', 'f48fbfbf'])('accepts %s', (bytes) => {
    expect(() => {
      checkText(hex(bytes));
    }).not.toThrow();
  });

  it.each(['ff', 'c080', 'eda080', 'e282', 'f4908080'])('refuses %s', (bytes) => {
    expect(() => {
      checkText(hex(bytes));
    }).toThrow('not valid UTF-8; send them as Binary');
  });
});

describe('checkTransfer', () => {
  it.each([
    new ArrayBuffer(10),
    new Uint8Array(10),
    Buffer.allocUnsafeSlow(10),
    new DataView(new ArrayBuffer(10)),
    new Float64Array(2),
    resizable(10, 20),
    Buffer.allocUnsafeSlow(0),
  ])('accepts data that is all of an ArrayBuffer: %#', (data) => {
    expect(() => {
      checkTransfer('send', data);
    }).not.toThrow();
  });

  it.each([
    ['text', 'a string has no ArrayBuffer to hand over; leave transfer out'],
    [{}, 'this has no ArrayBuffer to hand over; leave transfer out'],
    [undefined, 'this has no ArrayBuffer to hand over; leave transfer out'],
    [new SharedArrayBuffer(10), 'a SharedArrayBuffer has several owners; send a copy of its bytes'],
    [growable(10, 20), 'a SharedArrayBuffer has several owners; send a copy of its bytes'],
    [
      new Uint8Array(10).subarray(0, 9),
      'the data is 9 of the 10 bytes of its ArrayBuffer, and the others may be in use; send a copy made by Buffer.allocUnsafeSlow, or leave transfer out',
    ],
  ])('rejects what has no memory of its own: %#', (data, reason) => {
    expect(() => {
      checkTransfer('send', data);
    }).toThrow(new TypeError(`send: transfer: ${reason}`));
  });
});
