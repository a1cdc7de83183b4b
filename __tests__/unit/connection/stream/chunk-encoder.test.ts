import { ChunkEncoder } from '../../../../src/connection/stream/chunk-encoder.js';

/** The bytes that chunks become, and the lengths of the pieces. */
function encode(binary: boolean | undefined, ...chunks: unknown[]): [Buffer, number[]] {
  const encoder = new ChunkEncoder(binary);
  const pieces: Uint8Array[] = [];
  for (const chunk of chunks) pieces.push(...encoder.encode(chunk));
  const rest = encoder.end();
  if (rest !== undefined) pieces.push(rest);
  return [Buffer.concat(pieces), pieces.map(({ length }) => length)];
}

describe('ChunkEncoder', () => {
  it.each<[string, boolean | undefined, unknown, boolean]>([
    ['nothing', undefined, undefined, true],
    ['nothing, as Binary', true, undefined, false],
    ['a string', undefined, 'a', true],
    ['a string, as Binary', true, 'a', false],
    ['bytes', undefined, Buffer.from('a'), false],
    ['bytes, as Text', false, Buffer.from('a'), true],
  ])('knows whether %s is Text', (_name, binary, chunk, expected) => {
    const encoder = new ChunkEncoder(binary);
    if (chunk !== undefined) encoder.encode(chunk);
    expect(encoder.isText).toBe(expected);
  });

  it('takes bytes of any kind as they are', () => {
    const [bytes] = encode(
      undefined,
      Buffer.from([1]),
      Uint16Array.of(0x0302),
      new DataView(Uint8Array.of(4).buffer),
      Uint8Array.of(5, 6).buffer,
    );
    expect(bytes.toString('hex')).toBe('010203040506');
    const chunk = Buffer.from('abc');
    expect([...new ChunkEncoder(undefined).encode(chunk)]).toEqual([chunk]);
  });

  it('joins a pair of surrogates that is split between strings', () => {
    const text = 'a\u{1f600}b\u{10000}';
    for (let at = 0; at <= text.length; at++) {
      const [bytes] = encode(undefined, text.slice(0, at), '', text.slice(at));
      expect(bytes.toString()).toBe(text);
    }
    const [bytes] = encode(undefined, ...Array.from(text));
    expect(bytes.toString()).toBe(text);
    const [units] = encode(undefined, ...text.split(''));
    expect(units.toString()).toBe(text);
  });

  it.each<[string, string[], string]>([
    ['at the end', ['a', '\ud83d'], 'a\ufffd'],
    ['before a character', ['\ud83d', 'a'], '\ufffda'],
    ['twice', ['\ud83d', '\ud83d'], '\ufffd\ufffd'],
    ['the second half alone', ['a', '\ude00'], 'a\ufffd'],
  ])('replaces a lone surrogate %s', (_name, chunks, expected) => {
    expect(encode(undefined, ...chunks)[0].toString()).toBe(expected);
  });

  it('encodes a long string in pieces, and keeps characters whole', () => {
    const text = 'x' + '\u{1f600}'.repeat(70_000);
    const [bytes, lengths] = encode(undefined, text);
    expect(bytes.toString() === text).toBe(true);
    expect(lengths).toEqual([131_069, 131_072, 17_860]);
    expect(encode(undefined, 'y'.repeat(70_000))[1]).toEqual([65_536, 4464]);
  });

  it.each<[string, unknown, RegExp]>([
    ['a number', 5, /to be a string or bytes, got 5 \(number\)$/],
    ['undefined', undefined, /got undefined/],
    ['an object', {}, /got an object$/],
  ])('rejects %s', (_name, chunk, message) => {
    expect(() => new ChunkEncoder(undefined).encode(chunk)).toThrow(TypeError);
    expect(() => new ChunkEncoder(undefined).encode(chunk)).toThrow(message);
  });

  it('rejects a chunk of another kind than the first', () => {
    expect(() => encode(undefined, 'a', Buffer.from('b'))).toThrow(
      /after strings came an object of a class$/,
    );
    expect(() => encode(true, Buffer.from('a'), 'b')).toThrow(/after bytes came b \(string\)$/);
  });

  it('checks that the bytes of a Text message are UTF-8, across chunks', () => {
    const euro = Buffer.from('\u20ac');
    for (let at = 0; at <= 3; at++) {
      expect(encode(false, euro.subarray(0, at), euro.subarray(at))[0]).toEqual(euro);
    }
    expect(() => encode(false, euro.subarray(0, 2), Buffer.from('a'))).toThrow(/not valid UTF-8/);
    expect(() => encode(false, Buffer.from('a'), euro.subarray(0, 2))).toThrow(TypeError);
    expect(() => encode(undefined, euro.subarray(0, 2))).not.toThrow();
  });
});
