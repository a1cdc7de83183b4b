import {
  BINARY_TYPES,
  sizeOf,
  toBinaryType,
  toControlPayload,
  toPayload,
} from '../../../src/ws/data.js';

describe('toPayload', () => {
  it('leaves strings, bytes and Blobs as they are', () => {
    const all = [
      '',
      'text',
      Buffer.from('bytes'),
      new Uint16Array(2),
      new ArrayBuffer(3),
      new DataView(new ArrayBuffer(4)),
      new Blob(['a']),
    ];
    for (const each of all) expect(toPayload(each)).toBe(each);
  });

  it('makes a number its digits', () => {
    expect([0, 1.5, NaN].map((data) => toPayload(data))).toEqual(['0', '1.5', 'NaN']);
  });

  it.each([undefined, null, false])('makes %s an empty message', (data) => {
    expect(toPayload(data as null)).toEqual(Buffer.alloc(0));
  });

  it('reads lists and objects as Buffer.from does', () => {
    expect(toPayload([97, 98])).toEqual(Buffer.from('ab'));
    expect(toPayload({ length: 1, 0: 97 })).toEqual(Buffer.from('a'));
    expect(() => toPayload({})).toThrow(/must be of type/);
    expect(() => toPayload(true as never)).toThrow(/must be of type/);
  });
});

describe('toControlPayload', () => {
  it('is the bytes of what a control frame carries', () => {
    expect(toControlPayload('é')).toEqual(new Uint8Array(Buffer.from('é')));
    expect(toControlPayload(undefined)).toHaveLength(0);
    expect(toControlPayload('x'.repeat(125))).toHaveLength(125);
  });

  it('has room for 125 bytes', () => {
    const error = new RangeError('The data size must not be greater than 125 bytes');
    expect(() => toControlPayload('x'.repeat(126))).toThrow(error);
    expect(() => toControlPayload(Buffer.alloc(126))).toThrow(error);
    expect(() => toControlPayload('é'.repeat(63))).toThrow(error);
  });

  it('takes no Blob, because reading it takes time', () => {
    expect(() => toControlPayload(new Blob(['a']))).toThrow(/got a Blob/);
  });
});

describe('sizeOf', () => {
  it.each<[unknown, number]>([
    ['é', 2],
    [123, 3],
    [null, 0],
    [new Uint16Array(3), 6],
    [new ArrayBuffer(5), 5],
    [new Blob(['abcd']), 4],
    [[1, 2], 2],
  ])('counts the bytes of %p: %d', (data, size) => {
    expect(sizeOf(data as never)).toBe(size);
  });
});

describe('toBinaryType', () => {
  const data = Buffer.from('xbytesx').subarray(1, 6);

  it('knows the four types of ws', () => {
    expect(BINARY_TYPES).toEqual(['nodebuffer', 'arraybuffer', 'fragments', 'blob']);
  });

  it('gives the Buffer itself', () => {
    expect(toBinaryType(data, 'nodebuffer')).toBe(data);
  });

  it('gives an ArrayBuffer with these bytes alone', () => {
    const buffer = toBinaryType(data, 'arraybuffer') as ArrayBuffer;
    expect(buffer.constructor.name).toBe('ArrayBuffer');
    expect(Buffer.from(buffer).toString()).toBe('bytes');
  });

  it('gives a list of fragments, which is empty for an empty message', () => {
    expect(toBinaryType(data, 'fragments')).toEqual([data]);
    expect(toBinaryType(Buffer.alloc(0), 'fragments')).toEqual([]);
  });

  it('gives a Blob', async () => {
    const blob = toBinaryType(data, 'blob') as unknown as Blob;
    expect(await blob.text()).toBe('bytes');
  });
});
