import type * as prepared from '../../../../src/protocol/framing/prepared-message.js';
import {
  asPrepared,
  PreparedMessage,
  prepareMessage,
  requirePrepared,
  SMALL_FRAME,
} from '../../../../src/protocol/framing/prepared-message.js';
import { Opcode } from '../../../../src/protocol/framing/frame.js';
import { hex } from '../../../support/bytes.js';
import { detach } from '../../../support/memory.js';

describe('prepareMessage', () => {
  it.each<[string, Parameters<typeof prepareMessage>, string]>([
    ['a string as Text', ['Hi €'], '8106 4869 20 e282ac'],
    ['an empty string', [''], '8100'],
    ['a string as Binary, if told so', ['Hi', true], '8202 4869'],
    ['a Buffer as Binary', [hex('00ff')], '8202 00ff'],
    ['a Buffer as Text, if told so', [hex('e282ac'), false], '8103 e282ac'],
    ['a part of a typed array', [new Uint8Array([1, 2, 3, 4]).subarray(1, 3)], '8202 0203'],
    ['two-byte numbers in memory order', [new Uint16Array([0x0201, 0x0403])], '8204 01020304'],
    ['a DataView', [new DataView(new Uint8Array([1, 2, 3]).buffer, 1, 1)], '8201 02'],
    ['an ArrayBuffer', [new Uint8Array([1, 2]).buffer], '8202 0102'],
    ['a SharedArrayBuffer', [new SharedArrayBuffer(2)], '8202 0000'],
    ['125 bytes', [Buffer.alloc(125, 0x61)], '827d 61x125'],
    ['126 bytes', [Buffer.alloc(126, 0x61)], '827e007e 61x126'],
    ['65536 bytes', [Buffer.alloc(65_536, 0x61)], '827f0000000000010000 61x65536'],
  ])('encodes %s', (_what, args, frame) => {
    const message = prepareMessage(...args);
    expect(message.frame.equals(hex(frame))).toBe(true);
    expect(message.opcode).toBe(message.frame[0]! & 0x0f);
  });

  it.each([
    ['', ''],
    ['Hi €', '4869 20 e282ac'],
    ['a'.repeat(125), '61x125'],
    ['a'.repeat(126), '61x126'],
    ['€'.repeat(42), '(e282ac)x42'],
    ['a'.repeat(65_536), '61x65536'],
  ])('keeps the payload data apart: %#', (data, payload) => {
    expect(prepareMessage(data).payload.equals(hex(payload))).toBe(true);
  });

  it('shares the payload with the frame', () => {
    const { frame, payload } = prepareMessage('Hi');
    expect(payload.buffer).toBe(frame.buffer);
    expect(payload.byteOffset).toBe(frame.byteOffset + 2);
  });

  it('keeps only the memory of its frame, unless the frame is very short', () => {
    for (const length of [127, 1000, 4000, 4096, 100_000]) {
      const { frame } = prepareMessage(Buffer.alloc(length, 7));
      expect(frame.buffer.byteLength).toBe(frame.length);
      expect(frame.subarray(-length).equals(Buffer.alloc(length, 7))).toBe(true);
    }
    expect(SMALL_FRAME).toBe(128);
    expect(prepareMessage(Buffer.alloc(126)).frame.buffer.byteLength).toBe(130);
    // From Node's pool, which is a little larger than it says on some lines.
    const { byteLength } = prepareMessage(Buffer.alloc(125)).frame.buffer;
    expect(byteLength).toBeGreaterThanOrEqual(Buffer.poolSize);
  });

  it('gives a short frame memory of its own when it is asked to', () => {
    const message = prepareMessage('short');
    const before = Buffer.from(message.frame);
    expect(message.frame.buffer.byteLength).toBeGreaterThan(before.length);
    message.unpool();
    expect(message.frame.buffer.byteLength).toBe(before.length);
    expect(message.frame).toEqual(before);
    const { frame } = message;
    message.unpool();
    expect(message.frame).toBe(frame);
  });

  it('allocates a frame once, outside the pool unless it is very short', () => {
    const pooled = jest.spyOn(Buffer, 'allocUnsafe');
    const own = jest.spyOn(Buffer, 'allocUnsafeSlow');
    const allocations = (length: number): number[] => {
      pooled.mockClear();
      own.mockClear();
      prepareMessage(Buffer.alloc(length));
      return [pooled, own].map(({ mock }) => mock.calls.length);
    };
    const counts = [125, 126, 1000, 100_000].map(allocations);
    jest.restoreAllMocks();
    expect(counts).toStrictEqual([
      [1, 0],
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
  });

  it('does not change when the data changes later', () => {
    const data = Buffer.alloc(1000, 1);
    const message = prepareMessage(data);
    data.fill(2);
    expect(message.payload.equals(Buffer.alloc(1000, 1))).toBe(true);
  });

  it('checks bytes that are to be sent as Text, and no string, whose UTF-8 is valid anyway', () => {
    const isUtf8 = jest.fn(() => true);
    jest.isolateModules(() => {
      jest.doMock('node:buffer', () => ({ ...jest.requireActual<object>('node:buffer'), isUtf8 }));
      const { prepareMessage: prepare } = jest.requireActual<typeof prepared>(
        '../../../../src/protocol/framing/prepared-message.js',
      );
      prepare('é');
      prepare(hex('ff'));
      expect(isUtf8).not.toHaveBeenCalled();
      prepare(hex('c3a9'), false);
      expect(isUtf8).toHaveBeenCalledTimes(1);
    });
    jest.dontMock('node:buffer');
  });

  it('refuses bytes as Text that are not UTF-8', () => {
    const prepare = (): unknown => prepareMessage(hex('61ff'), false);
    expect(prepare).toThrow(TypeError);
    expect(prepare).toThrow('2 bytes were to be sent as Text but are not valid UTF-8');
    expect(prepareMessage(hex('61ff'), true).opcode).toBe(2);
  });
});

describe('PreparedMessage', () => {
  it('has an opcode, a frame and its payload', () => {
    const message = new PreparedMessage(Opcode.Text, 'é');
    expect(message.opcode).toBe(1);
    expect(message.frame).toEqual(hex('8102 c3a9'));
    expect(message.payload).toEqual(hex('c3a9'));
  });

  it.each([
    ['', 0],
    ['é', 2],
    ['a'.repeat(125), 125],
    ['€'.repeat(42), 126],
    ['a'.repeat(65_536), 65_536],
  ])('knows the length of its payload data: %#', (data, length) => {
    const message = new PreparedMessage(Opcode.Text, data);
    expect(message.payloadLength).toBe(length);
    expect(message.payloadLength).toBe(message.payload.length);
  });
});

describe('prepareMessage, of what is prepared already', () => {
  it('returns it', () => {
    const message = prepareMessage('a');
    expect(prepareMessage(message)).toBe(message);
    expect(prepareMessage(message, false)).toBe(message);
  });

  it.each([
    ['a', true, 'the message was prepared as Text; prepare it with binary: true'],
    [hex('00'), false, 'the message was prepared as Binary; prepare it with binary: false'],
  ])('refuses to prepare %p as the other type', (data, binary, message) => {
    const attempt = () => prepareMessage(prepareMessage(data), binary);
    expect(attempt).toThrow(new TypeError(message));
    expect(prepareMessage(data, binary).opcode).toBe(binary ? 2 : 1);
  });

  it('refuses a message whose buffer was transferred', () => {
    const message = prepareMessage('a'.repeat(1000));
    detach(message.frame);
    const attempt = () => prepareMessage(message);
    expect(attempt).toThrow(TypeError);
    expect(attempt).toThrow('the memory of the prepared message is gone');
  });

  it('accepts a message of another copy of the package, and encodes it once', () => {
    jest.isolateModules(() => {
      const other = jest.requireActual<typeof prepared>(
        '../../../../src/protocol/framing/prepared-message.js',
      );
      for (const data of ['é', hex('00ff')]) {
        const foreign = other.prepareMessage(data);
        expect(foreign).not.toBeInstanceOf(PreparedMessage);
        const ours = prepareMessage(foreign);
        expect(ours).toBeInstanceOf(PreparedMessage);
        expect(ours.frame).toEqual(foreign.frame);
        expect(asPrepared(foreign)).toBe(ours);
      }
    });
  });

  it.each([null, undefined, 5, 'a', {}, Buffer.alloc(1)])('does not accept %p', (data) => {
    expect(asPrepared(data)).toBeUndefined();
  });
});

describe('requirePrepared', () => {
  it('returns a prepared message, and an equivalent of one of another copy of the package', () => {
    const message = prepareMessage('a');
    expect(requirePrepared(message, undefined)).toBe(message);
    const foreign = {
      [Symbol.for('hawser.PreparedMessage')]: true,
      opcode: 1,
      payload: Buffer.from('b'),
    };
    expect(requirePrepared(foreign, false).payload.toString()).toBe('b');
    expect(() => requirePrepared(foreign, true)).toThrow('was prepared as Text');
  });

  it('says what is wrong with anything else', () => {
    expect(() => requirePrepared(5, undefined)).toThrow('expected data to be a string, Buffer');
    expect(() => requirePrepared({}, undefined)).toThrow('expected data to be a string, Buffer');
  });
});
