import {
  checkFrame,
  firstByte,
  FrameEncoder,
  type FrameFlags,
  headerSize,
  writeHeader,
} from '../../../../src/protocol/framing/frame-encoder.js';
import { Opcode } from '../../../../src/protocol/framing/frame.js';
import { hex, random } from '../../../support/bytes.js';
import { parseFrames } from '../../../support/frames.js';

const server = new FrameEncoder();
const client = new FrameEncoder({
  role: 'client',
  maskingKey: (target) => void hex('37fa213d').copy(target),
});

describe('FrameEncoder as a server', () => {
  it.each<[string, Opcode, string | Uint8Array, FrameFlags | undefined, string]>([
    ['the "Hello" of section 5.7', 1, 'Hello', undefined, '8105 48656c6c6f'],
    ['its first fragment', 1, 'Hel', { fin: false }, '0103 48656c'],
    ['its second fragment', 0, 'lo', { fin: true }, '8002 6c6f'],
    ['a Ping', 9, 'Hello', {}, '8905 48656c6c6f'],
    ['a Pong', 10, 'Hello', undefined, '8a05 48656c6c6f'],
    ['a Close with a code', 8, hex('03e8'), undefined, '8802 03e8'],
    ['an empty Close', 8, '', undefined, '8800'],
    ['an empty Text', 1, '', undefined, '8100'],
    ['bytes', 2, new Uint8Array([1, 2, 255]), undefined, '8203 0102ff'],
    ['a string as UTF-8 under any opcode', 2, 'é', undefined, '8202 c3a9'],
    ['characters of four bytes', 1, '😀', undefined, '8104 f09f9880'],
    ['half a surrogate pair as U+FFFD', 1, '\ud83d', undefined, '8103 efbfbd'],
    ['RSV1', 1, 'a', { rsv1: true }, 'c101 61'],
    ['RSV2', 1, 'a', { rsv2: true }, 'a101 61'],
    ['RSV3', 1, 'a', { rsv3: true }, '9101 61'],
    ['all bits but FIN', 2, 'a', { fin: false, rsv1: true, rsv2: true, rsv3: true }, '7201 61'],
    ['flags that are false', 1, 'a', { rsv1: false, rsv2: false, rsv3: false }, '8101 61'],
    ['125 bytes', 2, Buffer.alloc(125, 0x61), undefined, '827d 61x125'],
    ['126 bytes', 2, Buffer.alloc(126, 0x61), undefined, '827e007e 61x126'],
    ['255 bytes', 2, Buffer.alloc(255, 0x61), undefined, '827e00ff 61x255'],
    ['256 bytes', 2, Buffer.alloc(256, 0x61), undefined, '827e0100 61x256'],
    ['65535 bytes', 2, Buffer.alloc(65_535, 0x61), undefined, '827effff 61x65535'],
    ['65536 bytes', 2, Buffer.alloc(65_536, 0x61), undefined, '827f0000000000010000 61x65536'],
    ['126 bytes of 63 characters', 1, 'é'.repeat(63), undefined, '817e007e (c3a9)x63'],
    ['a Ping of 125 bytes', 9, 'a'.repeat(125), undefined, '897d 61x125'],
  ])('writes %s', (_what, opcode, payload, flags, expected) => {
    expect(server.encode(opcode, payload, flags).equals(hex(expected))).toBe(true);
  });

  it('does not change the payload or keep a reference to it', () => {
    const payload = hex('010203');
    const frame = server.encode(Opcode.Binary, payload);
    expect(payload).toEqual(hex('010203'));
    payload.fill(0);
    expect(frame).toEqual(hex('8203 010203'));
  });

  it('writes a given first byte without checks', () => {
    expect(server.encodeFrame(0x7b, hex('61'))).toEqual(hex('7b01 61'));
    const unpooled = server.encodeFrame(0x7b, hex('61'), false);
    expect([unpooled, unpooled.buffer.byteLength]).toEqual([hex('7b01 61'), 3]);
  });
});

describe('FrameEncoder as a client', () => {
  it.each<[string, Opcode, string | Uint8Array, string]>([
    ['the masked "Hello" of section 5.7', 1, 'Hello', '8185 37fa213d 7f9f4d5158'],
    ['an empty Ping', 9, '', '8980 37fa213d'],
    ['126 bytes', 2, Buffer.alloc(126), '82fe007e 37fa213d (37fa213d)x31 37fa'],
    ['65536 bytes', 2, Buffer.alloc(65_536), '82ff0000000000010000 37fa213d (37fa213d)x16384'],
  ])('masks %s', (_what, opcode, payload, expected) => {
    expect(client.encode(opcode, payload).equals(hex(expected))).toBe(true);
  });

  it('does not mask the payload it was given', () => {
    const payload = hex('010203');
    client.encode(Opcode.Binary, payload);
    expect(payload).toEqual(hex('010203'));
  });

  it('requests a key of four bytes for every frame', () => {
    const asked: number[] = [];
    const encoder = new FrameEncoder({
      role: 'client',
      maskingKey: (target) => {
        asked.push(target.length);
        target.fill(asked.length);
      },
    });
    expect(encoder.encode(Opcode.Text, 'a')).toEqual(hex('8181 01010101 60'));
    expect(encoder.encode(Opcode.Text, 'a')).toEqual(hex('8181 02020202 63'));
    expect(asked).toEqual([4, 4]);
  });

  it('has a new key for every frame unless told otherwise', () => {
    const encoder = new FrameEncoder({ role: 'client' });
    const frames = Array.from({ length: 20 }, () => encoder.encode(Opcode.Text, 'Hello'));
    expect(new Set(frames.map((frame) => frame.toString('hex', 2, 6))).size).toBe(20);
    for (const frame of frames) {
      expect(String(parseFrames(frame, 'client')[0]?.payload)).toBe('Hello');
    }
  });

  it('masks payloads of every size', () => {
    const next = random(4);
    const encoder = new FrameEncoder({ role: 'client' });
    for (let size = 0; size < 400; size += 1 + Math.floor(next() * 9)) {
      const payload = Buffer.from(Array.from({ length: size }, () => Math.floor(next() * 256)));
      const [frame] = parseFrames(encoder.encode(Opcode.Binary, payload), 'client');
      expect(frame?.payload.equals(payload)).toBe(true);
    }
  });
});

describe('The header', () => {
  it.each([
    [0, 2],
    [125, 2],
    [126, 4],
    [65_535, 4],
    [65_536, 10],
    [2 ** 32, 10],
    [Number.MAX_SAFE_INTEGER, 10],
  ])('of a payload of %i bytes takes %i', (length, size) => {
    expect(headerSize(length)).toBe(size);
    expect(writeHeader(Buffer.alloc(20), 3, 0x82, length)).toBe(3 + size);
  });

  it.each([
    [0, '82 00'],
    [65_535, '82 7e ffff'],
    [2 ** 31, '82 7f 0000000080000000'],
    [2 ** 32 - 1, '82 7f 00000000ffffffff'],
    [2 ** 32, '82 7f 0000000100000000'],
    [2 ** 32 + 258, '82 7f 0000000100000102'],
    [Number.MAX_SAFE_INTEGER, '82 7f 001fffffffffffff'],
  ])('of a payload of %i bytes is %s', (length, expected) => {
    const target = Buffer.alloc(12, 0xee);
    const end = writeHeader(target, 1, 0x82, length);
    expect(target.subarray(1, end)).toEqual(hex(expected));
    // The bytes before and after it stay as they are.
    expect(target[0]).toBe(0xee);
    expect(target.subarray(end)).toEqual(Buffer.alloc(12 - end, 0xee));
  });

  it('has FIN set unless told otherwise', () => {
    expect(firstByte(Opcode.Text)).toBe(0x81);
    expect(firstByte(Opcode.Text, {})).toBe(0x81);
    expect(firstByte(Opcode.Text, { fin: false })).toBe(0x01);
  });
});

describe('checkFrame', () => {
  it.each<[string, Opcode, number, FrameFlags | undefined]>([
    ['a Ping of 125 bytes', Opcode.Ping, 125, undefined],
    ['a Close that says it is final', Opcode.Close, 0, { fin: true }],
    ['a fragment of a long message', Opcode.Binary, 1_000_000, { fin: false }],
    ['a continuation frame', Opcode.Continuation, 126, {}],
  ])('accepts %s', (_what, opcode, length, flags) => {
    expect(() => checkFrame(opcode, length, flags)).not.toThrow();
  });

  it.each<[string, number, number, FrameFlags, string]>([
    ['reserved opcode 3', 3, 0, {}, 'opcode 3 is not one of Opcode'],
    ['reserved opcode 7', 7, 0, {}, 'opcode 7 is not one of Opcode'],
    ['reserved opcode 11', 11, 0, {}, 'opcode 11 is not one of Opcode'],
    ['opcode 16', 16, 0, {}, 'opcode 16 is not one of Opcode'],
    ['opcode -1', -1, 0, {}, 'opcode -1 is not one of Opcode'],
    ['opcode NaN', NaN, 0, {}, 'opcode NaN is not one of Opcode'],
    ['a fragmented Close', 8, 0, { fin: false }, 'a control frame must not be fragmented'],
    ['a fragmented Ping', 9, 0, { fin: false }, 'a control frame must not be fragmented'],
    ['a Ping of 126 bytes', 9, 126, {}, 'at most 125 bytes of payload, not 126'],
    ['a Pong of 70000 bytes', 10, 70_000, {}, 'at most 125 bytes of payload, not 70000'],
  ])('refuses %s', (_what, opcode, length, flags, message) => {
    const check = (): void => checkFrame(opcode as Opcode, length, flags);
    expect(check).toThrow(RangeError);
    expect(check).toThrow(message);
    const encode = (): unknown => server.encode(opcode as Opcode, Buffer.alloc(length), flags);
    expect(encode).toThrow(message);
  });

  it('counts the bytes of a string, not its characters', () => {
    expect(() => server.encode(Opcode.Ping, 'é'.repeat(63))).toThrow('not 126');
    expect(server.encode(Opcode.Ping, 'é'.repeat(62))).toHaveLength(126);
  });
});

describe('the options of a FrameEncoder', () => {
  it.each<[unknown, string]>([
    [
      { role: 'Server' },
      'expected option role to be one of "server", "client", got Server (string)',
    ],
    [{ role: null }, 'expected option role to be one of "server", "client", got null (object)'],
    [{ maskingKey: 'x' }, 'expected option maskingKey to be a function, got x (string)'],
    [{ mask: true }, 'unknown option mask (got true (boolean)); expected one of role, maskingKey'],
    [null, 'expected options to be an object, got null (object)'],
  ])('are refused if they are unknown or wrong: %j', (options, message) => {
    expect(() => new FrameEncoder(options as never)).toThrow(
      new TypeError(`FrameEncoder: ${message}`),
    );
  });
});

describe('FrameEncoder.maskFrame', () => {
  it.each([0, 1, 125, 126, 65_535, 65_536])(
    'masks a frame of %i bytes where it stands, and moves its payload by the key',
    (size) => {
      const maskingKey = (target: Buffer): void => {
        target.set([0x37, 0xfa, 0x21, 0x3d]);
      };
      const client = new FrameEncoder({ role: 'client', maskingKey });
      const payload = Buffer.alloc(size, 'abc');
      const frame = new FrameEncoder().encode(2, payload);
      const target = Buffer.alloc(frame.length + 12, 0xee);
      target.set(frame, 4);
      const end = client.maskFrame(target, 4, 4 + frame.length);
      expect(end).toBe(4 + frame.length + 4);
      expect(target.subarray(4, end).equals(client.encode(2, payload))).toBe(true);
      expect(target.readUInt32BE(0)).toBe(0xeeeeeeee);
      expect(target.readUInt32BE(end)).toBe(0xeeeeeeee);
    },
  );

  it.each([
    [true, 300],
    [false, 300],
    [true, 70_000],
    [false, 70_000],
  ])('masks a payload apart from its header (owned: %p, %i bytes)', (isOwned, size) => {
    const maskingKey = (target: Buffer): void => {
      target.set([0x37, 0xfa, 0x21, 0x3d]);
    };
    const client = new FrameEncoder({ role: 'client', maskingKey });
    const payload = new Uint8Array(size).fill(0x61);
    const whole = client.encode(2, payload);
    const target = Buffer.alloc(20, 0xee);
    const end = writeHeader(target, 3, 0x82, size);
    const masked = client.maskApart(target, 3, end, payload, isOwned);
    expect(Buffer.concat([target.subarray(3, end + 4), masked]).equals(whole)).toBe(true);
    expect(masked.buffer === payload.buffer).toBe(isOwned);
    expect(target[end + 4]).toBe(0xee);
  });

  it('takes random keys that do not repeat, however many', () => {
    const client = new FrameEncoder({ role: 'client' });
    const keys = Array.from({ length: 5000 }, () => client.encode(2, '').readUInt32BE(2));
    // Of 2^32: fewer than one in a hundred runs has a pair, and more than a few pairs never come.
    expect(new Set(keys).size).toBeGreaterThan(4995);
  });
});

describe('FrameEncoder.encode, its arguments', () => {
  const encode = (...args: unknown[]): Buffer =>
    new FrameEncoder().encode(...(args as [Opcode, string, object]));

  it('takes every kind of bytes', () => {
    const { buffer } = new Uint8Array([1, 2]);
    for (const payload of [buffer, new DataView(buffer), new Uint16Array(buffer)]) {
      expect(encode(2, payload).toString('hex')).toBe('82020102');
    }
  });

  it.each<[unknown[], string]>([
    [['1', 'a'], 'expected opcode to be one of Opcode, got 1 (string)'],
    [[1, 5], 'expected data to be a string, Buffer'],
    [[1, undefined], 'expected data to be a string, Buffer'],
    [[1, 'a', { rsv2: 1 }], 'encode: expected option rsv2 to be a boolean, got 1 (number)'],
    [[1, 'a', { fim: true }], 'encode: unknown option fim (got true (boolean)); did you mean fin?'],
    [[1, 'a', null], 'encode: expected options to be an object, got null (object)'],
  ])('refuses %p', (args, message) => {
    expect(() => encode(...args)).toThrow(TypeError);
    expect(() => encode(...args)).toThrow(message);
  });
});
