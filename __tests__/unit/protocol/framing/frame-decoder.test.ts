import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  DEFAULT_MAX_PAYLOAD,
  FrameDecoder,
  type FrameDecoderOptions,
} from '../../../../src/protocol/framing/frame-decoder.js';
import type { ProtocolError } from '../../../../src/protocol/framing/protocol-error.js';
import * as ownMemory from '../../../../src/protocol/framing/own-memory.js';
import { Utf8Validator } from '../../../../src/protocol/text/utf8-validator.js';
import { cutAt, everyByte, hex, random, randomCuts, waysToCut } from '../../../support/bytes.js';
import { decode, read } from '../../../support/decode.js';
import { clientFrame } from '../../../support/frames.js';
import { FREES } from '../../../support/memory.js';

/** Rows: what it is, its bytes, what comes out, and the decoder's options. */
type Row = [what: string, bytes: string, events: string[], options?: FrameDecoderOptions];

const LEGAL: Row[] = [
  ['the masked "Hello" of section 5.7', '8185 37fa213d 7f9f4d5158', ['text 48656c6c6f']],
  ['an empty Text', '8180 37fa213d', ['text']],
  ['an empty Binary', '8280 37fa213d', ['binary']],
  ['Text that is not ASCII', '8187 00000000 e282ac f09f9880', ['text e282acf09f9880']],
  ['Binary that is not UTF-8', '8283 00000000 ff80c0', ['binary ff80c0']],
  ['125 bytes', '81fd 00000000 61x125', [`text ${'61'.repeat(125)}`]],
  ['126 bytes', '81fe007e 00000000 61x126', [`text ${'61'.repeat(126)}`]],
  ['300 bytes of Binary', '82fe012c 01020304 (01020304)x75', [`binary ${'00'.repeat(300)}`]],
  ['a Ping, a Pong', '8981 00000000 70 8a82 00000000 7071', ['ping 70', 'pong 7071']],
  ['an empty Ping, an empty Pong', '8980 37fa213d 8a80 37fa213d', ['ping', 'pong']],
  ['a Ping of 125 bytes', '89fd 00000000 70x125', [`ping ${'70'.repeat(125)}`]],
  ['an empty Close', '8880 37fa213d', ['close 1005']],
  ['a Close with code and reason', '8885 00000000 03e8 627965', ['close 1000 627965']],
  ['two fragments', '0181 00000000 61 8081 00000000 62', ['text 6162']],
  [
    'fragments with different keys',
    '0283 01020304 000000 8083 05060708 000000',
    ['binary 010203050607'],
  ],
  ['empty fragments', '0280 00000000 0080 00000000 8080 00000000', ['binary']],
  ['an empty Text of two fragments', '0180 00000000 8080 00000000', ['text']],
  [
    'a character in four fragments',
    '0181 00000000 f0 0081 00000000 9f 0081 00000000 98 8081 00000000 80',
    ['text f09f9880'],
  ],
  ['ASCII, then not ASCII', '0181 00000000 61 8082 00000000 c3a9', ['text 61c3a9']],
  [
    'a Ping between fragments',
    '0281 00000000 61 8981 00000000 70 8081 00000000 62',
    ['ping 70', 'binary 6162'],
  ],
  [
    'a Ping inside a character',
    '0181 00000000 c3 8981 00000000 ff 8081 00000000 a9',
    ['ping ff', 'text c3a9'],
  ],
  ['a reason that is not ASCII', '8885 00000000 03e8 e282ac', ['close 1000 e282ac']],
  ['a Close inside a message', '0281 00000000 61 8880 00000000', ['close 1005']],
  ['a Close inside a character', '0181 00000000 c3 8884 00000000 03e8 6162', ['close 1000 6162']],
  [
    'message after message',
    '8181 00000000 61 8281 00000000 62 0181 00000000 63 8081 00000000 64 8181 00000000 65',
    ['text 61', 'binary 62', 'text 6364', 'text 65'],
  ],
  ['what follows a Close is ignored', '8880 00000000 8181 00000000 61 ffff', ['close 1005']],
  [
    'a whole unmasked stream',
    '8103 e282ac 0201 61 8900 8001 62 8802 03e8',
    ['text e282ac', 'ping', 'binary 6162', 'close 1000'],
    { role: 'client' },
  ],
  ['a compressed message', 'c183 00000000 ffeedd', ['compressed text ffeedd'], { rsv1: true }],
  [
    'a fragmented compressed message, a Ping in it and an uncompressed one after it',
    '4181 00000000 ff 8981 00000000 70 8081 00000000 80 8181 00000000 61',
    ['ping 70', 'compressed text ff80', 'text 61'],
    { rsv1: true },
  ],
  [
    'an ordinary message where compression is possible',
    '8182 00000000 c3a9',
    ['text c3a9'],
    { rsv1: true },
  ],
  [
    'a message of exactly maxPayload',
    '0282 00000000 6161 8082 00000000 6161',
    ['binary 61616161'],
    { maxPayload: 4 },
  ],
  ['a Ping longer than maxPayload', '8982 00000000 7071', ['ping 7071'], { maxPayload: 1 }],
];

/** Rows: what it is, its bytes, the code, and the index of the byte that proves the fault. */
type Fault = [
  what: string,
  bytes: string,
  code: string,
  at: number,
  before?: string[],
  options?: FrameDecoderOptions,
];

const FAULTS: Fault[] = [
  ['a reserved opcode', '8380 00000000', 'ERR_RESERVED_OPCODE', 1],
  ['a frame that is not masked', '8101 61', 'ERR_MASK_REQUIRED', 1],
  [
    'a masked frame from a server',
    '8181 00000000 61',
    'ERR_MASK_FORBIDDEN',
    1,
    [],
    { role: 'client' },
  ],
  ['RSV1 without negotiation', 'c181 00000000 61', 'ERR_RESERVED_BIT', 1],
  [
    'RSV1 on a continuation',
    '4181 00000000 61 c081 00000000 61',
    'ERR_RESERVED_BIT',
    8,
    [],
    { rsv1: true },
  ],
  ['a continuation of nothing', '8081 00000000 61', 'ERR_UNEXPECTED_CONTINUATION', 1],
  [
    'a continuation of a message that is over',
    '8181 00000000 61 8081 00000000 61',
    'ERR_UNEXPECTED_CONTINUATION',
    8,
    ['text 61'],
  ],
  [
    'a continuation after the last',
    '0180 00000000 8080 00000000 8080 00000000',
    'ERR_UNEXPECTED_CONTINUATION',
    13,
    ['text'],
  ],
  [
    'a message inside an empty fragment',
    '0180 00000000 8180 00000000',
    'ERR_EXPECTED_CONTINUATION',
    7,
  ],
  ['a message inside a message', '0181 00000000 61 8180 00000000', 'ERR_EXPECTED_CONTINUATION', 8],
  ['a length that is not the shortest', '82fe007d 00000000', 'ERR_LENGTH_NOT_MINIMAL', 3],
  ['a length with its top bit set', '82ff8000000000000000 00000000', 'ERR_LENGTH_TOP_BIT', 9],
  ['a message that is too long', '8285 00000000', 'ERR_MESSAGE_TOO_BIG', 1, [], { maxPayload: 4 }],
  [
    'a fragment too many',
    '0283 00000000 616161 8082 00000000 6161',
    'ERR_MESSAGE_TOO_BIG',
    10,
    [],
    { maxPayload: 4 },
  ],
  ['4 MiB and one byte', '82ff0000000000400001 00000000', 'ERR_MESSAGE_TOO_BIG', 9],
  ['a Close of one byte', '8881 00000000 03', 'ERR_CLOSE_PAYLOAD', 6],
  ['a Close with code 1005', '8882 00000000 03ed', 'ERR_CLOSE_CODE', 7],
  ['a Close with code 1005 and a reason', '8885 00000000 03ed 627965', 'ERR_CLOSE_CODE', 7],
  ['a Close whose reason is not UTF-8', '8883 00000000 03e8 ff', 'ERR_INVALID_UTF8', 8],
  [
    'a reason that is not UTF-8, before its end',
    '8885 00000000 03e8 61ff61',
    'ERR_INVALID_UTF8',
    9,
  ],
  ['a reason that ends inside a character', '8884 00000000 03e8 e282', 'ERR_INVALID_UTF8', 9],
  [
    'a reason that would finish the character of a message',
    '0181 00000000 c3 8883 00000000 03e8 a9',
    'ERR_INVALID_UTF8',
    15,
  ],
];

/** The same for text: the failing byte is only certain when it comes alone. */
const BAD_TEXT: Fault[] = [
  ['a first byte that begins no character', '8183 00000000 ff6161', 'ERR_INVALID_UTF8', 6],
  ['an overlong form', '8184 00000000 6161c0af', 'ERR_INVALID_UTF8', 8],
  ['a surrogate, at its second byte', '8183 00000000 eda080', 'ERR_INVALID_UTF8', 7],
  ['text that ends inside a character', '8182 00000000 e282', 'ERR_INVALID_UTF8', 7],
  [
    'a character that the last fragment does not finish',
    '0181 00000000 e2 8081 00000000 82',
    'ERR_INVALID_UTF8',
    13,
  ],
  [
    'a character that an empty last fragment does not finish',
    '0181 00000000 c3 8080 00000000',
    'ERR_INVALID_UTF8',
    12,
  ],
  [
    'a first fragment, before the second comes',
    '0182 00000000 61ff 8081 00000000 61',
    'ERR_INVALID_UTF8',
    7,
  ],
  ['a continuation, after ASCII', '0181 00000000 61 8082 00000000 80 61', 'ERR_INVALID_UTF8', 13],
  ['text under a key', '8182 ff000000 0061', 'ERR_INVALID_UTF8', 6],
  [
    'bad text after good text',
    '8182 00000000 c3a9 8181 00000000 a9',
    'ERR_INVALID_UTF8',
    14,
    ['text c3a9'],
  ],
];

/** Push all the chunks, and only then begin to read. */
function decodeLate(chunks: Buffer[], options?: FrameDecoderOptions): (string | undefined)[] {
  const decoder = new FrameDecoder(options);
  for (const chunk of chunks) decoder.push(chunk);
  const found: (string | undefined)[] = [];
  try {
    while (decoder.next()) found.push(`${decoder.opcode} ${decoder.payload.toString('hex')}`);
  } catch (error) {
    found.push((error as ProtocolError).code);
  }
  return found;
}

/** A copy that shares its memory with nothing, as a chunk from a socket. */
function own(bytes: Buffer): Buffer {
  const chunk = Buffer.alloc(bytes.length);
  bytes.copy(chunk);
  return chunk;
}

describe('FrameDecoder reads', () => {
  it.each(LEGAL)('%s, however it is cut', (_what, literal, events, options = {}) => {
    const bytes = hex(literal);
    for (const cuts of waysToCut(bytes)) {
      const result = decode(cutAt(bytes, cuts), options);
      expect({ cuts, ...result }).toEqual({ cuts, events, error: undefined, failedAt: undefined });
    }
  });

  it.each(LEGAL)(
    '%s, also when it is read only after all of it has come',
    (_what, literal, _events, options = {}) => {
      const bytes = hex(literal);
      const whole = decodeLate([Buffer.from(bytes)], options);
      for (const cuts of waysToCut(bytes))
        expect(decodeLate(cutAt(bytes, cuts), options)).toEqual(whole);
    },
  );

  it('all of these messages in one stream, cut into two at every byte', () => {
    const rows = LEGAL.filter(
      (row) => row[3] === undefined && !row[2].some((event) => event.startsWith('close')),
    );
    const stream = Buffer.concat(rows.map(([, literal]) => hex(literal)));
    const events = rows.flatMap((row) => row[2]);
    for (const cut of everyByte(stream))
      expect(decode(cutAt(stream, [cut])).events).toEqual(events);
    expect(decode(cutAt(stream, everyByte(stream))).events).toEqual(events);
  });

  it('200 000 random bytes in 64 KiB chunks, in fragments of all sizes', () => {
    const next = random(5);
    const payload = Buffer.alloc(200_000);
    for (let at = 0; at < payload.length; at++) payload[at] = Math.floor(next() * 256);
    const cuts = [0, 1, 126, 65_000, 66_000, 66_000, 199_999].map((start, i, all) => ({
      opcode: i === 0 ? 2 : 0,
      fin: i === all.length - 1,
      payload: payload.subarray(start, all[i + 1]),
    }));
    const stream = Buffer.concat(cuts.map(clientFrame));
    const [joined] = read(new FrameDecoder(), ...cutAt(stream, [65_536, 131_072, 196_608]));
    expect(joined?.equals(payload)).toBe(true);
  });

  it('long text whose characters are cut by chunks, kept or copied', () => {
    const text = 'a€😀é'.repeat(20_000);
    const stream = clientFrame({ opcode: 1, payload: text });
    for (const size of [65_536, 20_001, 16_384, 16_383, 1000]) {
      const cuts = Array.from(
        { length: Math.floor(stream.length / size) },
        (_, i) => (i + 1) * size,
      );
      expect(decode(cutAt(stream, cuts)).events).toEqual([
        `text ${Buffer.from(text).toString('hex')}`,
      ]);
      const spoilt = Buffer.from(stream);
      spoilt[100_000]! ^= 0x80;
      expect(decode(cutAt(spoilt, cuts)).error?.code).toBe('ERR_INVALID_UTF8');
    }
  });

  it('a chunk without bytes as nothing', () => {
    const decoder = new FrameDecoder();
    decoder.push(Buffer.alloc(0));
    expect(decoder.next()).toBe(false);
    expect(decoder.bytesHeld).toBe(0);
    decoder.push(hex('8181'));
    decoder.push(Buffer.alloc(0));
    expect(decoder.bytesHeld).toBe(2);
  });

  it('nothing before there is anything to read', () => {
    const { compressed, close, text, payload } = new FrameDecoder();
    expect({ compressed, close, text, payload }).toStrictEqual({
      compressed: false,
      close: undefined,
      text: '',
      payload: Buffer.alloc(0),
    });
  });

  it('text that is the same as the payload', () => {
    const decoder = new FrameDecoder();
    const stream = hex(
      '8182 37fa213d 5e93 8183 00000000 e282ac 0181 00000000 61 8082 00000000 c3a9',
    );
    for (const chunks of [cutAt(stream, []), cutAt(stream, everyByte(stream))]) {
      const texts: string[] = [];
      for (const chunk of chunks) {
        decoder.push(chunk);
        while (decoder.next()) texts.push(decoder.text);
      }
      expect(texts).toEqual(['ii', '€', 'aé']);
    }
  });

  it.each([
    ['that is ASCII as Latin-1, which is quicker', '8182 00000000 6162', 'latin1'],
    ['that is not as UTF-8', '8182 00000000 c3a9', 'utf8'],
    ['that is compressed, if the caller asks for it, as UTF-8', 'c182 00000000 c3a9', 'utf8'],
  ])('text %s, cut or not', (_what, literal, encoding) => {
    for (const cuts of [[], everyByte(hex(literal))]) {
      const decoder = new FrameDecoder({ rsv1: true });
      for (const chunk of cutAt(hex(literal), cuts)) {
        decoder.push(chunk);
        decoder.next();
      }
      const payload = String(decoder.payload);
      const toString = jest.spyOn(Buffer.prototype, 'toString');
      const { text } = decoder;
      const encodings = toString.mock.calls.map(([used]) => used);
      toString.mockRestore();
      expect({ text, encodings }).toStrictEqual({ text: payload, encodings: [encoding] });
    }
  });

  it('ASCII in pieces without a look at its UTF-8, up to the first byte that is not ASCII', () => {
    const push = jest.spyOn(Utf8Validator.prototype, 'push');
    const decoder = new FrameDecoder();
    const looks = ['8186 00000000 6161', '6161', 'c3', 'a9'].map((literal) => {
      push.mockClear();
      read(decoder, hex(literal));
      return push.mock.calls.length;
    });
    push.mockRestore();
    expect(looks).toStrictEqual([0, 0, 1, 1]);
  });

  it('a control frame inside a compressed message as not compressed', () => {
    const decoder = new FrameDecoder({ rsv1: true });
    decoder.push(hex('4181 00000000 ff 8980 00000000 8080 00000000 8980 00000000'));
    const compressed: boolean[] = [];
    while (decoder.next()) compressed.push(decoder.compressed);
    expect(compressed).toEqual([false, true, false]);
  });

  it('code and reason of a Close', () => {
    const decoder = new FrameDecoder();
    expect(decoder.close).toBeUndefined();
    read(decoder, hex('8887 00000000 0bb8 62796520 21'));
    expect(decoder.close).toEqual({ code: 3000, reason: 'bye !' });
  });

  it('with options of which some are left out', () => {
    expect(DEFAULT_MAX_PAYLOAD).toBe(4_194_304);
    const longest = (options?: FrameDecoderOptions) => (): unknown =>
      read(new FrameDecoder(options), hex('82ff0000000000400000 00000000'));
    expect(longest()).not.toThrow();
    expect(longest({ role: 'server', rsv1: true })).not.toThrow();
    expect(longest({ role: 'server', rsv1: true, maxPayload: 4_194_303 })).toThrow(
      'maxPayload is 4194303',
    );
    expect(longest({ maxPayload: 4_194_303 })).toThrow('maxPayload is 4194303');
  });

  it('with the given options object if it is complete, so that many decoders can share it', () => {
    const whole = { role: 'server', maxPayload: 1, rsv1: false } as const;
    const refuses = ({ ...options }: FrameDecoderOptions): boolean => {
      const decoder = new FrameDecoder(options);
      Object.assign(options, { maxPayload: 0 });
      decoder.push(hex('8181 00000000 61'));
      try {
        return !decoder.next();
      } catch (error) {
        if ((error as ProtocolError).code === 'ERR_MESSAGE_TOO_BIG') return true;
        throw error;
      }
    };
    expect(refuses(whole)).toBe(true);
    expect(refuses({ maxPayload: 1, rsv1: false })).toBe(false);
    expect(refuses({ role: 'server', rsv1: false })).toBe(false);
    expect(refuses({ role: 'server', maxPayload: 1 })).toBe(false);
  });
});

describe('FrameDecoder refuses', () => {
  it.each(FAULTS)(
    '%s at the byte that proves it, however it is cut',
    (_what, literal, code, at, before = [], options = {}) => {
      const bytes = hex(literal);
      const { error: whole } = decode([Buffer.from(bytes)], options);
      expect(whole).toMatchObject({ code });
      for (const cuts of waysToCut(bytes)) {
        const { events, error, failedAt } = decode(cutAt(bytes, cuts), options);
        // The chunk that holds the byte is the one that fails; the message names the same byte.
        const edge = [...cuts, bytes.length].find((end) => end > at)! - 1;
        const expected = { cuts, events: before, code, message: whole?.message, failedAt: edge };
        expect({ cuts, events, code: error?.code, message: error?.message, failedAt }).toEqual(
          expected,
        );
      }
    },
  );

  it.each([...FAULTS, ...BAD_TEXT])(
    '%s, also when it is read only after all of it has come',
    (_what, literal, code, _at, before = [], options = {}) => {
      const bytes = hex(literal);
      for (const cuts of waysToCut(bytes)) {
        const found = decodeLate(cutAt(bytes, cuts), options);
        expect(found.at(-1)).toBe(code);
        expect(found).toHaveLength(before.length + 1);
      }
    },
  );

  it.each(BAD_TEXT)('%s', (_what, literal, code, at, before = [], options = {}) => {
    const bytes = hex(literal);
    for (const cuts of waysToCut(bytes)) {
      const { events, error, failedAt } = decode(cutAt(bytes, cuts), options);
      const edge = [...cuts, bytes.length].find((end) => end > at)! - 1;
      expect({ cuts, events, code: error?.code, failedAt }).toEqual({
        cuts,
        events: before,
        code,
        failedAt: edge,
      });
      expect(error?.closeCode).toBe(1007);
    }
  });

  it('bad text in a long frame with the piece that has it, however long the frame is', () => {
    const decoder = new FrameDecoder();
    decoder.push(Buffer.concat([hex('81ff0000000000100000 00000000'), Buffer.alloc(1000, 0x61)]));
    expect(decoder.next()).toBe(false);
    decoder.push(Buffer.concat([hex('c3a9'), Buffer.alloc(1000, 0x61)]));
    expect(decoder.next()).toBe(false);
    decoder.push(Buffer.concat([Buffer.alloc(500, 0x61), hex('c3'), Buffer.alloc(500, 0x61)]));
    expect(() => decoder.next()).toThrow(
      'byte 2517: a Text message has 0x61 where UTF-8 cannot have it',
    );
  });

  it('text that ends too early, with the position in the message', () => {
    for (const cuts of [[], [7], everyByte(hex('8182 00000000 e282'))]) {
      expect(decode(cutAt(hex('8182 00000000 e282'), cuts)).error?.message).toBe(
        'byte 8: a Text message ends inside a character of UTF-8; was it cut by bytes? (RFC 6455 section 8.1)',
      );
    }
  });

  it('not the bytes of a compressed Text, which only its inflated form has to obey', () => {
    expect(decode([hex('c181 00000000 ff')], { rsv1: true }).events).toEqual([
      'compressed text ff',
    ]);
    // But the next message is ordinary again.
    expect(decode([hex('c181 00000000 ff 8181 00000000 ff')], { rsv1: true }).error?.code).toBe(
      'ERR_INVALID_UTF8',
    );
  });

  it('everything once it has failed or a Close has come', () => {
    for (const literal of ['8380', '8880 00000000']) {
      const decoder = new FrameDecoder();
      decoder.push(hex(literal));
      if (literal === '8380') expect(() => decoder.next()).toThrow('opcode 0x3 is reserved');
      else expect(decoder.next()).toBe(true);
      expect([decoder.next(), decoder.inProgress, decoder.bytesHeld]).toEqual([false, false, 0]);
      decoder.push(hex('8181 00000000 61'));
      expect([decoder.next(), decoder.inProgress, decoder.bytesHeld]).toEqual([false, false, 0]);
    }
  });
});

it('a fault has its position in the stream, however the bytes before it were cut', () => {
  const decoder = new FrameDecoder();
  decoder.push(hex('8181 00000000 61'));
  decoder.next(); // true; the next call comes after the next chunk
  decoder.push(hex('8181 00000000 61'));
  while (decoder.next());
  decoder.push(hex('8181 00000000 61 8380'));
  decoder.next();
  expect(() => decoder.next()).toThrow('byte 21: opcode 0x3 is reserved');
});

describe('The memory of a FrameDecoder', () => {
  it.each([
    ['nothing', '', 0],
    ['a whole message', '8181 00000000 61', 0],
    ['a header without its last byte', '82ff 0000000000400000 000000', 14],
    ['a header that announces 4 MiB', '82ff 0000000000400000 00000000', 0],
    ['a first fragment that announces 4 MiB', '02ff 0000000000400000 00000000', 0],
    ['a Ping that announces 125 bytes', '89fd 00000000', 0],
    ['the first byte of 4 MiB', '82ff 0000000000400000 00000000 61', 64],
    ['the first byte of a Ping', '89fd 00000000 61', 64],
    ['100 bytes of 4 MiB', '82ff 0000000000400000 00000000 61x100', 200],
    ['100 bytes of 120', '82f8 00000000 61x100', 120],
    ['empty fragments', '0280 00000000 (0080 00000000)x1000', 0],
    ['1000 fragments of one byte', '0281 00000000 61 (0081 00000000 61)x999', 1054],
    ['half a message and half a Ping in it', '0281 00000000 61 8982 00000000 61', 66],
    // From 16 KiB on, and from half of its chunk on, a piece is not copied into a block that can grow.
    ['16383 bytes of 4 MiB', '82ff 0000000000400000 00000000 61x16383', 32_766],
    ['16384 bytes of 4 MiB', '82ff 0000000000400000 00000000 61x16384', 16_384],
    [
      '16384 bytes that are half of their chunk',
      '82fe3fea 00000000 00x16362 82ff 0000000000400000 00000000 61x16384',
      16_384,
    ],
    [
      '16384 bytes that are less',
      '82fe3feb 00000000 00x16363 82ff 0000000000400000 00000000 61x16384',
      32_768,
    ],
  ])('after %s is the input that was not delivered: %#', (_what, literal, held) => {
    const decoder = new FrameDecoder();
    read(decoder, hex(literal));
    expect(decoder.bytesHeld).toBe(held);
  });

  it('is at most twice the bytes received while a long message comes in small pieces', () => {
    const decoder = new FrameDecoder();
    read(decoder, hex('82ff 0000000000100000 00000000'));
    for (let received = 1000; received < 1_048_576; received += 1000) {
      read(decoder, Buffer.alloc(1000));
      expect(decoder.bytesHeld).toBeLessThanOrEqual(2 * received);
      expect(decoder.bytesHeld).toBeGreaterThanOrEqual(received);
    }
    expect(read(decoder, Buffer.alloc(576))[0]).toHaveLength(1_048_576);
    expect(decoder.bytesHeld).toBe(0);
  });

  it('keeps the payload of the last message until releasePayload, and reads on after it', () => {
    const decoder = new FrameDecoder();
    decoder.push(hex('8182 00000000 6162 8181 00000000 63'));
    expect([decoder.next(), decoder.text]).toStrictEqual([true, 'ab']);
    decoder.releasePayload();
    expect([decoder.text, decoder.payload.length]).toStrictEqual(['', 0]);
    expect([decoder.next(), decoder.text]).toStrictEqual([true, 'c']);
  });

  it('releases the chunk and its payload by releaseIfRead once all of it is read', () => {
    const decoder = new FrameDecoder();
    decoder.push(hex('8182 00000000 6162 8181 00000000 63'));
    expect([decoder.next(), decoder.releaseIfRead(), decoder.text]).toStrictEqual([
      true,
      false,
      'ab',
    ]);
    decoder.push(hex('8181 00000000 64'));
    expect([decoder.next(), decoder.releaseIfRead(), decoder.text]).toStrictEqual([
      true,
      false,
      'c',
    ]);
    expect([decoder.next(), decoder.text, decoder.offset]).toStrictEqual([true, 'd', 22]);
    expect([decoder.releaseIfRead(), decoder.text, decoder.offset]).toStrictEqual([true, '', 22]);
    decoder.push(hex('8181 00000000 65'));
    expect([decoder.next(), decoder.text, decoder.offset]).toStrictEqual([true, 'e', 29]);
  });
});

describe('A payload', () => {
  const big = (length: number): Buffer =>
    hex(`82fe${length.toString(16).padStart(4, '0')} 00000000 61x${length}`);

  it('that fills its chunk is not copied', () => {
    const chunk = own(big(1000));
    const [payload] = read(new FrameDecoder(), chunk);
    expect(payload?.buffer).toBe(chunk.buffer);
    expect(payload?.byteOffset).toBe(chunk.byteOffset + 8);
  });

  it.each([
    ['Binary', '8285'],
    ['Text', '8185'],
    ['a Ping', '8985'],
  ])('of %s that is small in its chunk is a copy, which stays as it is', (_what, head) => {
    const chunk = own(Buffer.concat([hex(`${head} 37fa213d 7f9f4d5158`), big(1000)]));
    const decoder = new FrameDecoder();
    decoder.push(chunk);
    decoder.next();
    const { payload } = decoder;
    chunk.fill(0);
    expect(String(payload)).toBe('Hello');
    expect(payload.buffer).not.toBe(chunk.buffer);
  });

  it.each([
    ['8285 00000000 61x5', true],
    ['8286 00000000 61x6', false],
    ['8185 00000000 61x5', true],
    ['8186 00000000 61x6', false],
  ])('is a copy if it is less than half of its chunk: %s, %s', (frame, copied) => {
    const chunk = own(hex(frame));
    const [payload] = read(new FrameDecoder(), chunk);
    expect(payload?.buffer !== chunk.buffer).toBe(copied);
  });

  it('is the same object on each access, when it fills its chunk', () => {
    const decoder = new FrameDecoder();
    decoder.push(hex('8281 00000000 61 8980 00000000'));
    decoder.next(); // less than half of its chunk: a copy
    expect(decoder.payload).toBe(decoder.payload);
  });

  it('that came in pieces is one block, which the next message does not touch', () => {
    const decoder = new FrameDecoder();
    const stream = Buffer.concat([big(300), hex('82fe012c 00000000 62x300')]);
    const [first, second] = read(decoder, ...cutAt(stream, everyByte(stream)));
    expect(first?.equals(hex('61x300'))).toBe(true);
    expect(second?.equals(hex('62x300'))).toBe(true);
  });

  it('of no bytes keeps nothing', () => {
    const chunk = own(Buffer.concat([hex('8280 00000000'), big(1000)]));
    const decoder = new FrameDecoder();
    decoder.push(chunk);
    decoder.next();
    expect(decoder.payload).toHaveLength(0);
    expect(decoder.payload.buffer).not.toBe(chunk.buffer);
  });
});

describe('A chunk of 64 KiB is not kept', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;

  /** Whether the memory of the chunk is given back while decoder and payloads are still there. */
  async function isFreed(
    start: string,
    use: (decoder: FrameDecoder, chunk: Buffer) => unknown,
  ): Promise<boolean> {
    const decoder = new FrameDecoder({ rsv1: true });
    const kept: unknown[] = [decoder];
    const chunk = ((): WeakRef<ArrayBufferLike> => {
      const bytes = Buffer.alloc(65_536);
      hex(start).copy(bytes);
      kept.push(use(decoder, bytes));
      return new WeakRef(bytes.buffer);
    })();
    for (let round = 0; round < 5 && chunk.deref() !== undefined; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      gc();
    }
    expect(kept).toHaveLength(2);
    return chunk.deref() === undefined;
  }

  const readAll = (decoder: FrameDecoder, chunk: Buffer): unknown => read(decoder, chunk);
  const drop = (decoder: FrameDecoder, chunk: Buffer): number => read(decoder, chunk).length;
  const fail = (decoder: FrameDecoder, chunk: Buffer): unknown =>
    expect(() => read(decoder, chunk)).toThrow(/byte|status code/);

  it('(a chunk that is kept fails this test)', async () => {
    await expect(isFreed('', (_decoder, chunk) => chunk.subarray(3, 4))).resolves.toBe(false);
    await expect(isFreed('', (decoder, chunk) => decoder.push(chunk))).resolves.toBe(false);
  });

  it('by a small message that is kept', async () => {
    await expect(isFreed('8281 00000000 61 8980 00000000 8880 00000000', readAll)).resolves.toBe(
      true,
    );
    await expect(isFreed('8181 00000000 61 8980 00000000 8880 00000000', readAll)).resolves.toBe(
      true,
    );
  });

  // The first message takes 60 008 bytes; 5528 follow, which are less than half of the chunk.
  it.each([
    ['a message that its end cuts', '82ff 0000000000020000 00000000'],
    ['a fragment that its end cuts', '02ff 0000000000020000 00000000'],
    ['text that its end cuts', '81ff 0000000000020000 00000000'],
    ['a fragment', '02fe1590 00000000'],
    ['a header that its end cuts', '82fe158f 00000000'],
  ])('by %s', async (_what, start) => {
    await expect(isFreed(`82feea60 00000000 00x60000 ${start}`, drop)).resolves.toBe(true);
  });

  it('by a message that fills it, after releasePayload', async () => {
    await expect(isFreed('82fefff8 00000000', drop)).resolves.toBe(true);
    await expect(isFreed('81fefff8 00000000', drop)).resolves.toBe(true);
  });

  it('by a large piece of a message, once the message is complete', async () => {
    const start = '82ff 0000000000020000 00000000';
    await expect(isFreed(start, drop)).resolves.toBe(false); // most of the chunk: copied only once
    const finish = (decoder: FrameDecoder, chunk: Buffer): unknown => {
      const [message] = read(decoder, chunk, Buffer.alloc(65_536), Buffer.alloc(14));
      expect(message).toHaveLength(131_072);
      return message;
    };
    await expect(isFreed(start, finish)).resolves.toBe(true);
  });

  it.each([
    ['in the first header', '8380'],
    ['in a message that it fills', '81fefff8 00000000 ff'],
    ['after a message that nearly fills it', '81feff00 00000000 61x65280 8380'],
    ['in a fragment', '01fefff8 00000000 ff'],
    ['in a Close', '8882 00000000 0000'],
  ])('by a failure %s', async (_what, start) => {
    await expect(isFreed(start, fail)).resolves.toBe(true);
  });
});

describe('the options of a FrameDecoder', () => {
  it.each<[unknown, string]>([
    [
      { role: 'Server' },
      'expected option role to be one of "server", "client", got Server (string)',
    ],
    [{ role: null }, 'expected option role to be one of "server", "client", got null (object)'],
    [
      { maxPayload: '1' },
      'expected option maxPayload to be a number of bytes from 0 to 9007199254740991, got 1 (string)',
    ],
    [
      { maxPayload: NaN },
      'expected option maxPayload to be a number of bytes from 0 to 9007199254740991, got NaN (number)',
    ],
    [
      { maxPayload: -1 },
      'expected option maxPayload to be a number of bytes from 0 to 9007199254740991, got -1 (number)',
    ],
    [{ rsv1: 'no' }, 'expected option rsv1 to be a boolean, got no (string)'],
    [
      { role: 'Server', maxPayload: 1, rsv1: false },
      'expected option role to be one of "server", "client", got Server (string)',
    ],
    [{ maxPaylod: 1 }, 'unknown option maxPaylod (got 1 (number)); did you mean maxPayload?'],
    [null, 'expected options to be an object, got null (object)'],
  ])('are refused if they are unknown or wrong: %j', (options, message) => {
    expect(() => new FrameDecoder(options as never)).toThrow(
      new TypeError(`FrameDecoder: ${message}`),
    );
  });
});

describe('FrameDecoder, at the limits of the platform', () => {
  const LIMITS = { MAX_LENGTH: 2 ** 32, MAX_STRING_LENGTH: 100 };
  interface Module {
    FrameDecoder: typeof FrameDecoder;
  }
  /** A decoder in a process whose strings and Buffers end sooner. */
  const limited = (options: FrameDecoderOptions, limits: Partial<typeof LIMITS>): FrameDecoder => {
    let found: FrameDecoder | undefined;
    jest.isolateModules(() => {
      jest.doMock('node:buffer', () => ({
        ...jest.requireActual<object>('node:buffer'),
        constants: { ...LIMITS, ...limits },
      }));
      const { FrameDecoder: Limited } = jest.requireActual<Module>(
        '../../../../src/protocol/framing/frame-decoder.js',
      );
      found = new Limited(options);
    });
    jest.dontMock('node:buffer');
    return found!;
  };
  const caught = (action: () => unknown): Partial<ProtocolError> => {
    try {
      action();
    } catch (error) {
      return error as ProtocolError;
    }
    return {};
  };

  it.each([
    ['in one frame', [clientFrame({ opcode: 1, payload: 'é'.repeat(101) })]],
    [
      'in fragments',
      [
        clientFrame({ opcode: 1, fin: false, payload: 'é'.repeat(60) }),
        clientFrame({ opcode: 0, payload: 'a'.repeat(41) }),
      ],
    ],
  ])('has bytes but no string for a text that is too long, %s', (_, frames) => {
    const decoder = limited({}, {});
    for (const frame of frames) decoder.push(frame);
    decoder.push(clientFrame({ opcode: 1, payload: 'after' }));
    expect(decoder.next()).toBe(true);
    const { payload } = decoder;
    expect(payload.length).toBeGreaterThan(100);
    const { offset } = decoder;
    const error = caught(() => decoder.text);
    expect([error.name, error.code, error.closeCode]).toEqual([
      'ProtocolError',
      'ERR_MESSAGE_TOO_BIG',
      1009,
    ]);
    expect(error.message).toBe(
      `byte ${offset}: a Text message of ${payload.length} bytes is longer than a string can be, 100 UTF-16 code units; take it as bytes (textAs: 'buffer'), or send less at a time`,
    );
    expect(decoder.next()).toBe(false); // it ignores everything further
    expect(decoder.bytesHeld).toBe(0);
  });

  it('refuses a message that no Buffer can hold at its header, whatever maxPayload is', () => {
    const options = { maxPayload: Number.MAX_SAFE_INTEGER, role: 'server', rsv1: false } as const;
    const decoder = limited(options, { MAX_LENGTH: 70_000 });
    decoder.push(hex('82ff 0000000000011171 00000000'));
    expect(caught(() => decoder.next())).toMatchObject({
      code: 'ERR_MESSAGE_TOO_BIG',
      message: expect.stringMatching(
        /^byte 0: the message is at least 70001 bytes long; the longest that can be joined has 70000 /,
      ) as string,
    });
    expect(options.maxPayload).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([
    ['82ff 0000000100000000 00000000', 'the message is at least 4294967296 bytes'],
    ['82ff 7fffffffffffffff 00000000', 'the message is at least 9223372036854776000 bytes'],
    ['c2ff 0000000100000000 00000000', 'the compressed message is at least 4294967296 bytes'],
    ['0281 00000000 61 80ff 00000000ffffffff 00000000', 'the message is at least 4294967296 bytes'],
  ])('does not lose the upper half of a length: %s', (bytes, what) => {
    const decoder = new FrameDecoder({ maxPayload: Number.MAX_SAFE_INTEGER, rsv1: true });
    decoder.push(hex(bytes));
    expect(caught(() => decoder.next()).message).toContain(what);
  });

  it('throws a ProtocolError if there is no memory for a message', () => {
    const decoder = new FrameDecoder({ maxPayload: 2 ** 31 });
    decoder.push(hex('82ff 0000000080000000 00000000'));
    expect(decoder.next()).toBe(false);
    const allocate = jest.spyOn(Buffer, 'allocUnsafe').mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed');
    });
    decoder.push(Buffer.alloc(10));
    const error = caught(() => decoder.next());
    allocate.mockRestore();
    expect([error.name, error.closeCode, error.message]).toEqual([
      'ProtocolError',
      1009,
      'byte 14: there is no memory for a message so long (Array buffer allocation failed)',
    ]);
    decoder.push(clientFrame({ opcode: 1 }));
    expect(decoder.next()).toBe(false);
  });
});

describe('FrameDecoder, of a chunk that is its own', () => {
  /** Frames in a chunk with an ArrayBuffer of its own. */
  function chunkOf(...frames: Buffer[]): Buffer {
    const chunk = Buffer.allocUnsafeSlow(frames.reduce((sum, { length }) => sum + length, 0));
    Buffer.concat(frames).copy(chunk);
    return chunk;
  }
  const binary = (length: number, fin = true): Buffer =>
    clientFrame({ opcode: 2, fin, payload: Buffer.alloc(length, 'a') });
  const textFrame = (length: number): Buffer =>
    clientFrame({ opcode: 1, payload: Buffer.alloc(length, 'a') });

  it.each<[string, Buffer, (decoder: FrameDecoder) => void, boolean]>([
    ['a Binary message was copied', chunkOf(binary(20_000)), (decoder) => decoder.payload, true],
    [
      'small parts were copied',
      chunkOf(binary(7000), binary(7000), binary(7000)),
      (decoder) => decoder.payload,
      true,
    ],
    ['a text was read as a string', chunkOf(textFrame(20_000)), (decoder) => decoder.text, true],
    ['a text was read as bytes', chunkOf(textFrame(20_000)), (decoder) => decoder.payload, true],
    ['a payload is a view of it', chunkOf(binary(10_000)), (decoder) => decoder.payload, false],
  ])('frees it when it is read, if nothing views it: %s', (_, chunk, use, frees) => {
    const { length } = chunk;
    const decoder = new FrameDecoder();
    decoder.pushOwned(chunk);
    while (decoder.next()) {
      use(decoder);
      expect(chunk).toHaveLength(length);
    }
    expect(chunk).toHaveLength(FREES && frees ? 0 : length);
  });

  it('frees those that a message was gathered from', () => {
    const frame = binary(200_000);
    const chunks = [0, 50_000, 100_000, 150_000].map((from) =>
      chunkOf(frame.subarray(from, from + 50_000)),
    );
    chunks.push(chunkOf(frame.subarray(200_000)));
    const decoder = new FrameDecoder();
    for (const chunk of chunks) {
      decoder.pushOwned(chunk);
      if (decoder.next()) expect(decoder.payload).toEqual(Buffer.alloc(200_000, 'a'));
      decoder.releaseIfRead();
    }
    expect(chunks.every(({ length }) => (FREES ? length === 0 : length > 0))).toBe(true);
  });

  it('does not free one that has a kept piece and the beginning of another frame', () => {
    const chunk = chunkOf(binary(40_000, false), clientFrame({ opcode: 9, payload: 'a' }));
    const rest = chunkOf(clientFrame({ opcode: 0, payload: Buffer.alloc(40_000, 'b') }));
    const decoder = new FrameDecoder();
    decoder.pushOwned(chunk);
    expect([decoder.next(), decoder.opcode, decoder.payload.toString()]).toEqual([true, 9, 'a']);
    decoder.pushOwned(rest);
    expect(decoder.next()).toBe(true);
    expect(decoder.payload.toString()).toBe('a'.repeat(40_000) + 'b'.repeat(40_000));
    expect(chunk.length).toBeGreaterThan(40_000);
  });

  it('frees a payload of which only the text was used, but not a chunk with more in it', () => {
    const decoder = new FrameDecoder();
    const chunk = chunkOf(textFrame(20_000), textFrame(20_000));
    decoder.pushOwned(chunk);
    for (let count = 0; count < 2; count++) {
      expect(decoder.next()).toBe(true);
      expect(decoder.text).toBe('a'.repeat(20_000));
      decoder.freePayload();
      expect(decoder.payload).toHaveLength(0);
      expect(chunk.length).toBeGreaterThan(40_000);
    }
    decoder.releaseIfRead();
    expect(chunk.length === 0).toBe(FREES);
    const cut = textFrame(20_000);
    decoder.push(cut.subarray(0, 100));
    expect(decoder.next()).toBe(false);
    decoder.push(cut.subarray(100));
    expect(decoder.next()).toBe(true);
    expect(decoder.text).toBe('a'.repeat(20_000));
    decoder.freePayload();
    expect(decoder.text).toBe('');
  });

  it('does not free one after an error', () => {
    const chunk = chunkOf(binary(20_000), hex('8f80 00000000'));
    const decoder = new FrameDecoder();
    decoder.pushOwned(chunk);
    expect(decoder.next()).toBe(true);
    const { payload } = decoder;
    expect(() => decoder.next()).toThrow('byte');
    decoder.releaseIfRead();
    expect(payload).toHaveLength(20_000);
  });
});

describe('FrameDecoder.takeParts', () => {
  const frame = (opcode: number, payload: string | Buffer, fin = true): Buffer =>
    clientFrame({ opcode, payload, fin });

  /** What comes out, in words: parts that are not the last end in dots. */
  function parts(decoder: FrameDecoder, ...chunks: Buffer[]): string[] {
    const words: string[] = [];
    for (const chunk of chunks) {
      decoder.push(Buffer.from(chunk)); // it is unmasked in place
      while (decoder.next()) {
        const isMore = decoder.opcode < 8 && decoder.parts?.isLast === false;
        words.push(`${decoder.opcode} ${decoder.payload.toString()}${isMore ? '...' : ''}`);
      }
    }
    return words;
  }

  const make = (maxPayload = 1000): FrameDecoder => {
    const decoder = new FrameDecoder({ maxPayload: 100 });
    decoder.takeParts(maxPayload);
    return decoder;
  };

  it('gives what has come, and first the beginning', () => {
    const whole = frame(1, 'Hello');
    expect(parts(make(), whole)).toEqual(['1 Hello']);
    expect(parts(make(), whole.subarray(0, 6), whole.subarray(6, 8), whole.subarray(8))).toEqual([
      '1 ...',
      '1 He...',
      '1 llo',
    ]);
    expect(
      parts(make(), frame(2, 'a', false), frame(9, 'p'), frame(0, '', false), frame(0, 'b')),
    ).toEqual(['2 a...', '9 p', '2 b']);
    expect(parts(make(), frame(1, '', false), frame(0, ''))).toEqual(['1 ...', '1 ']);
  });

  it('gives the same bytes however they are cut', () => {
    const bytes = Buffer.concat([
      frame(1, 'a\u20acb', false),
      frame(9, 'p'),
      frame(0, '\u{1f600}'.repeat(20), false),
      frame(0, 'end'),
      frame(2, Buffer.alloc(300, 7)),
    ]);
    const join = (words: string[]): string =>
      words
        .filter((each) => !each.startsWith('9'))
        .map((each) => (each.endsWith('...') ? each.slice(2, -3) : `${each.slice(2)}|`))
        .join('');
    const gather = (chunks: Iterable<Buffer>): string => {
      const decoder = make();
      let all = '';
      for (const chunk of chunks) {
        decoder.push(Buffer.from(chunk));
        while (decoder.next()) {
          if (decoder.opcode === 9) continue;
          all += decoder.payload.toString('latin1') + (decoder.parts?.isLast === true ? '|' : '');
        }
      }
      return all;
    };
    const expected = gather([bytes]);
    expect(join(parts(make(), bytes))).toContain('end|');
    expect(gather(cutAt(bytes, everyByte(bytes)))).toBe(expected);
    for (let i = 0; i < 100; i++) expect(gather(cutAt(bytes, randomCuts(bytes, i)))).toBe(expected);
    for (let at = 0; at <= bytes.length; at++) expect(gather(cutAt(bytes, [at]))).toBe(expected);
  });

  it('keeps the rules, with its own limit', () => {
    expect(
      parts(make(), frame(2, Buffer.alloc(500, 0x61), false), frame(0, Buffer.alloc(500, 0x61))),
    ).toHaveLength(2);
    const decoder = make();
    parts(decoder, frame(2, Buffer.alloc(500), false));
    expect(() => parts(decoder, frame(0, Buffer.alloc(501)))).toThrow(
      /is at least 1001 bytes long/,
    );
    expect(() => parts(make(), frame(1, Buffer.of(0xe2), false), frame(0, 'a'))).toThrow(/0x61/);
    expect(() => parts(make(), frame(1, Buffer.of(0xe2), false), frame(0, ''))).toThrow(
      /inside a character/,
    );
    expect(() => parts(make(), frame(1, 'a', false), frame(1, 'b'))).toThrow(/fragmented message/);
  });

  it('gives what was gathered before also after a control frame that ends its chunk', () => {
    const decoder = new FrameDecoder();
    parts(decoder, frame(1, 'be', false));
    decoder.takeParts(1000);
    decoder.push(frame(9, 'p'));
    expect([decoder.next(), decoder.opcode]).toEqual([true, 9]);
    expect(decoder.releaseIfRead()).toBe(false);
    expect(parts(decoder, frame(0, 'gun'))).toEqual(['1 be...', '1 gun']);
    expect(decoder.releaseIfRead()).toBe(true);
  });

  describe.each([2, 1])('gives a long part, of opcode %i,', (opcode) => {
    const wire = frame(opcode, Buffer.alloc(60_000, 'a'));
    /** The chunks that were pushed, and the parts that came out. */
    function parts(): [Buffer[], Buffer[]] {
      const chunks = [0, 30_000].map((from) => {
        const chunk = Buffer.allocUnsafeSlow(from === 0 ? 30_000 : wire.length - from);
        wire.copy(chunk, 0, from);
        return chunk;
      });
      const decoder = new FrameDecoder();
      decoder.takeParts(100_000);
      const given: Buffer[] = [];
      for (const chunk of chunks) {
        decoder.pushOwned(chunk);
        while (decoder.next()) given.push(decoder.payload);
      }
      expect(Buffer.concat(given).toString()).toBe('a'.repeat(60_000));
      return [chunks, given.filter(({ length }) => length > 0)];
    }

    it('memory of its own, and frees its chunk, if memory can be freed at once', () => {
      const freesAtOnce = jest.replaceProperty(ownMemory, 'FREES_AT_ONCE', true);
      const [chunks, long] = parts();
      freesAtOnce.restore();
      expect(long.map(ownMemory.isWhole)).toEqual([true, true]);
      expect(chunks.map(({ length }) => length === 0)).toEqual([FREES, FREES]);
    });

    it('the memory of its chunk otherwise', () => {
      const freesAtOnce = jest.replaceProperty(ownMemory, 'FREES_AT_ONCE', false);
      const [chunks, long] = parts();
      freesAtOnce.restore();
      expect(long.map(({ buffer }, at) => buffer === chunks[at]!.buffer)).toEqual([true, true]);
      expect(long.map(({ length }) => length)).toEqual([29_992, 30_008]);
    });
  });

  it('gives first what was gathered before', () => {
    const decoder = new FrameDecoder();
    decoder.takeParts(undefined); // nothing to change
    expect(parts(decoder, frame(1, 'be', false))).toEqual([]);
    decoder.takeParts(1000);
    decoder.takeParts(2000);
    expect(parts(decoder, frame(0, 'gun'))).toEqual(['1 be...', '1 gun']);
    const late = new FrameDecoder();
    parts(late, frame(1, 'a', false));
    late.takeParts(1000);
    expect([late.next(), late.payload.toString(), late.next()]).toEqual([true, 'a', false]);
    const cut = frame(1, 'Hello');
    const other = new FrameDecoder();
    expect(parts(other, cut.subarray(0, 8))).toEqual([]);
    other.takeParts(1000);
    expect(other.next()).toBe(true);
    expect(other.payload.toString()).toBe('He');
    expect(other.next()).toBe(false);
    expect(parts(other, cut.subarray(8))).toEqual(['1 llo']);
  });

  it('gives whole messages again, after the one that was begun', () => {
    const decoder = make();
    parts(decoder, frame(2, Buffer.alloc(90), false));
    decoder.takeParts(undefined);
    expect(parts(decoder, frame(0, Buffer.alloc(90)))).toHaveLength(1);
    expect(decoder.parts).toBeUndefined();
    expect(parts(decoder, frame(1, 'a', false), frame(0, 'b'))).toEqual(['1 ab']);
    expect(() => parts(decoder, frame(2, Buffer.alloc(101)))).toThrow(/maxPayload is 100/);
    const idle = make();
    idle.takeParts(undefined);
    expect(idle.parts).toBeUndefined();
  });

  it('knows whether a message is next', () => {
    const decoder = make();
    const at = (chunk?: Buffer): boolean => {
      if (chunk !== undefined) decoder.push(Buffer.from(chunk));
      return decoder.isAtMessage();
    };
    expect(at()).toBe(false);
    expect(at(frame(9, 'p'))).toBe(false);
    expect(at(frame(1, 'a', false))).toBe(false); // a Ping is first
    decoder.next();
    expect(at()).toBe(true);
    decoder.next();
    expect([decoder.payload.toString(), at()]).toEqual(['a', false]);
    expect(at(frame(0, 'b'))).toBe(false);
    decoder.next();
    expect([decoder.payload.toString(), at()]).toEqual(['b', false]);
    expect(at(frame(1, 'c').subarray(0, 1))).toBe(true);
    expect(decoder.next()).toBe(false);
    expect(at()).toBe(true); // its header is cut
  });

  it('knows it inside a message that began before, too', () => {
    const decoder = new FrameDecoder();
    const at = (): boolean => decoder.isAtMessage();
    parts(decoder, frame(1, 'a', false));
    decoder.takeParts(1000);
    expect(at()).toBe(true);
    decoder.push(frame(9, 'p'));
    expect(at()).toBe(false);
    decoder.next();
    decoder.push(frame(0, 'b').subarray(0, 7));
    expect(at()).toBe(true);
    const other = new FrameDecoder();
    parts(other, frame(1, 'a', false), frame(9, 'pq').subarray(0, 7));
    other.takeParts(1000);
    expect(other.isAtMessage()).toBe(false);
    const third = new FrameDecoder();
    parts(third, frame(1, 'abc').subarray(0, 7));
    third.takeParts(1000);
    expect(third.isAtMessage()).toBe(true);
  });
});
