import { constants, deflateRawSync } from 'node:zlib';
import {
  type HeaderContext,
  header,
  parseHeader,
} from '../../../../src/protocol/framing/frame-header.js';
import { LONGEST_MESSAGE } from '../../../../src/protocol/framing/message-buffer.js';
import { hex, random } from '../../../support/bytes.js';

const SERVER: HeaderContext = { role: 'server', rsv1: false, maxPayload: 1_000_000 };
const NONE = -1;

/** Parse a header that stands alone; `gathered` as in {@link parseHeader}. */
function parse(bytes: Buffer, gathered = NONE, context: Partial<HeaderContext> = {}): number {
  return parseHeader(bytes, 0, bytes.length, gathered, 0, { ...SERVER, ...context });
}

/** The key that four bytes stand for, first byte lowest. */
const KEY = 0x3d21fa37;

describe('parseHeader', () => {
  it.each<[string, string, number, Partial<HeaderContext>, Partial<typeof header>]>([
    ['Text', '8185 37fa213d', NONE, {}, { opcode: 1, fin: true, rsv: 0, length: 5, key: KEY }],
    ['Binary', '8280 37fa213d', NONE, {}, { opcode: 2, fin: true, length: 0 }],
    ['Close', '8882 37fa213d', NONE, {}, { opcode: 8, length: 2 }],
    ['Ping', '89fd 37fa213d', NONE, {}, { opcode: 9, length: 125 }],
    ['Pong', '8a80 37fa213d', NONE, {}, { opcode: 10, length: 0 }],
    ['a first fragment', '0185 37fa213d', NONE, {}, { opcode: 1, fin: false }],
    ['a continuation', '0085 37fa213d', 0, {}, { opcode: 0, fin: false, length: 5 }],
    ['a last continuation', '8085 37fa213d', 7, {}, { opcode: 0, fin: true, length: 5 }],
    ['a Ping between fragments', '8980 37fa213d', 7, {}, { opcode: 9 }],
    ['125 bytes in the second byte', '82fd 37fa213d', NONE, {}, { length: 125 }],
    ['126 bytes in 16 bits', '82fe007e 37fa213d', NONE, {}, { length: 126, key: KEY }],
    ['256 bytes in 16 bits', '82fe0100 37fa213d', NONE, {}, { length: 256 }],
    ['65535 bytes in 16 bits', '82feffff 37fa213d', NONE, {}, { length: 65_535 }],
    [
      '65536 bytes in 64 bits',
      '82ff0000000000010000 37fa213d',
      NONE,
      {},
      { length: 65_536, key: KEY },
    ],
    [
      'the longest message allowed',
      '82ff00000000000f4240 37fa213d',
      NONE,
      {},
      { length: 1_000_000 },
    ],
    [
      'a length of more than 32 bits',
      '82ff0000000100000102 37fa213d',
      NONE,
      { maxPayload: Infinity },
      { length: 4_294_967_554 },
    ],
    [
      'the longest length there is',
      '82ff7fffffffffffffff 37fa213d',
      NONE,
      { maxPayload: Infinity },
      { length: 2 ** 63 },
    ],
    ['a key of negative sign', '8185 010203ff', NONE, {}, { key: 0xff030201 | 0 }],
    [
      'RSV1 where it means something',
      'c185 37fa213d',
      NONE,
      { rsv1: true },
      { rsv: 0x40, opcode: 1 },
    ],
    ['RSV1 on a first fragment', '4285 37fa213d', NONE, { rsv1: true }, { rsv: 0x40, opcode: 2 }],
    ['no RSV1 where it could be', '8185 37fa213d', NONE, { rsv1: true }, { rsv: 0 }],
    ['an unmasked frame from a server', '8105', NONE, { role: 'client' }, { length: 5, key: 0 }],
    ['a longer one', '827e007e', NONE, { role: 'client' }, { length: 126, key: 0 }],
  ])(
    'reads the header of %s, and needs all its bytes',
    (_what, literal, gathered, context, expected) => {
      const bytes = hex(literal);
      for (let length = 0; length < bytes.length; length++) {
        expect(parse(bytes.subarray(0, length), gathered, context)).toBe(0);
      }
      expect(parse(bytes, gathered, context)).toBe(bytes.length);
      expect(header).toMatchObject(expected);
    },
  );

  it('reads at any place, and no further than the bytes that are there', () => {
    const bytes = hex('ffff 82fe007e37fa213d ffff');
    expect(parseHeader(bytes, 2, 10, NONE, 0, SERVER)).toBe(8);
    expect(header).toMatchObject({ opcode: 2, length: 126, key: KEY });
    for (let available = 0; available < 8; available++) {
      expect(parseHeader(bytes, 2, available, NONE, 0, SERVER)).toBe(0);
    }
  });

  it.each<[string, string, object]>([
    ['c180', 'RSV1', { opcode: 1, rsv1: true, rsv2: false, rsv3: false, length: 0 }],
    ['b5fd', 'RSV2 and RSV3', { opcode: 5, rsv1: false, rsv2: true, rsv3: true, length: 125 }],
    [
      '81fe007d',
      'the length in 16 bits',
      { opcode: 1, rsv1: false, rsv2: false, rsv3: false, length: 125 },
    ],
  ])('%s: the error tells programs of %s', (bytes, _name, detail) => {
    const read = () => parseHeader(hex(bytes), 0, bytes.length / 2, NONE, 0, SERVER);
    expect(read).toThrow(expect.objectContaining({ detail }) as never);
  });

  const RULES: [string, string, number, Partial<HeaderContext>, string, string][] = [
    [
      'RSV1 without an extension',
      'c180',
      NONE,
      {},
      'ERR_RESERVED_BIT',
      'RSV1 is set on a Text frame',
    ],
    ['RSV2', 'a180', NONE, { rsv1: true }, 'ERR_RESERVED_BIT', 'RSV2 is set on a Text frame'],
    ['RSV3', '9280', NONE, { rsv1: true }, 'ERR_RESERVED_BIT', 'RSV3 is set on a Binary frame'],
    ['RSV1 and RSV2', 'e180', NONE, { rsv1: true }, 'ERR_RESERVED_BIT', 'RSV1 and RSV2 are set'],
    [
      'all three',
      'f180',
      NONE,
      { rsv1: true },
      'ERR_RESERVED_BIT',
      'RSV1 and RSV2 and RSV3 are set',
    ],
    [
      'RSV1 on a Ping',
      'c980',
      NONE,
      { rsv1: true },
      'ERR_RESERVED_BIT',
      'RSV1 is set on a Ping frame',
    ],
    [
      'RSV1 on a continuation',
      'c080',
      0,
      { rsv1: true },
      'ERR_RESERVED_BIT',
      'on a Continuation frame',
    ],
    [
      'RSV1 on a reserved opcode',
      'c380',
      NONE,
      {},
      'ERR_RESERVED_BIT',
      'on a frame with opcode 0x3',
    ],
    ['opcode 3', '8380', NONE, {}, 'ERR_RESERVED_OPCODE', 'opcode 0x3 is reserved'],
    ['opcode 7', '8780', NONE, {}, 'ERR_RESERVED_OPCODE', 'opcode 0x7 is reserved'],
    ['opcode 11', '8b80', NONE, {}, 'ERR_RESERVED_OPCODE', 'opcode 0xb is reserved'],
    ['opcode 15', '8f80', NONE, {}, 'ERR_RESERVED_OPCODE', 'opcode 0xf is reserved'],
    ['opcode 3 inside a message', '8380', 0, {}, 'ERR_RESERVED_OPCODE', 'opcode 0x3 is reserved'],
    [
      'a fragmented Close',
      '0880',
      NONE,
      {},
      'ERR_CONTROL_FRAGMENTED',
      'a Close frame is fragmented',
    ],
    ['a fragmented Ping', '0980', NONE, {}, 'ERR_CONTROL_FRAGMENTED', 'a Ping frame is fragmented'],
    [
      'a Ping of 126 bytes',
      '89fe',
      NONE,
      {},
      'ERR_CONTROL_TOO_LONG',
      'a Ping frame announces more than 125',
    ],
    [
      'a Pong of 64 bits',
      '8aff',
      NONE,
      {},
      'ERR_CONTROL_TOO_LONG',
      'a Pong frame announces more than 125',
    ],
    [
      'no mask from a client',
      '8105',
      NONE,
      {},
      'ERR_MASK_REQUIRED',
      'from the client is not masked',
    ],
    ['no mask on a Ping', '8900', NONE, {}, 'ERR_MASK_REQUIRED', 'from the client is not masked'],
    [
      'a mask from a server',
      '8180',
      NONE,
      { role: 'client' },
      'ERR_MASK_FORBIDDEN',
      'from the server is masked',
    ],
    [
      'a continuation of nothing',
      '8080',
      NONE,
      {},
      'ERR_UNEXPECTED_CONTINUATION',
      'continues no message',
    ],
    [
      'Text inside a message',
      '8180',
      0,
      {},
      'ERR_EXPECTED_CONTINUATION',
      'a Text frame begins inside',
    ],
    [
      'Binary inside a message',
      '0280',
      9,
      {},
      'ERR_EXPECTED_CONTINUATION',
      'a Binary frame begins inside',
    ],
    [
      '0 in 16 bits',
      '82fe0000',
      NONE,
      {},
      'ERR_LENGTH_NOT_MINIMAL',
      'length 0 was sent in 16 bits',
    ],
    [
      '125 in 16 bits',
      '82fe007d',
      NONE,
      {},
      'ERR_LENGTH_NOT_MINIMAL',
      'length 125 was sent in 16 bits',
    ],
    [
      '125 in 64 bits',
      '82ff000000000000007d',
      NONE,
      {},
      'ERR_LENGTH_NOT_MINIMAL',
      '125 was sent in 64 bits',
    ],
    [
      '65535 in 64 bits',
      '82ff000000000000ffff',
      NONE,
      {},
      'ERR_LENGTH_NOT_MINIMAL',
      '65535 was sent in 64 bits',
    ],
    ['a top bit', '82ff8000000000000000', NONE, {}, 'ERR_LENGTH_TOP_BIT', 'has its top bit set'],
    [
      'a top bit over a short length',
      '82ff8000000000000001',
      NONE,
      {},
      'ERR_LENGTH_TOP_BIT',
      'has its top bit',
    ],
    [
      'a byte too many',
      '8285',
      NONE,
      { maxPayload: 4 },
      'ERR_MESSAGE_TOO_BIG',
      'at least 5 bytes long; maxPayload is 4',
    ],
    [
      'more than can be joined, whatever maxPayload says',
      '82ff0000000100000000',
      NONE,
      { maxPayload: LONGEST_MESSAGE },
      'ERR_MESSAGE_TOO_BIG',
      'at least 4294967296 bytes long; the longest that can be joined has 4294967295',
    ],
    [
      'a 16-bit length too many',
      '82fe007e',
      NONE,
      { maxPayload: 125 },
      'ERR_MESSAGE_TOO_BIG',
      'at least 126 bytes',
    ],
    [
      'a 64-bit length too many',
      '82ff00000000000f4241',
      NONE,
      {},
      'ERR_MESSAGE_TOO_BIG',
      'at least 1000001 bytes',
    ],
    [
      'a fragment too many',
      '8085',
      6,
      { maxPayload: 10 },
      'ERR_MESSAGE_TOO_BIG',
      'at least 11 bytes long',
    ],
  ];

  /** Where RFC 6455 has the rule. */
  const SECTIONS: Record<string, string> = {
    ERR_RESERVED_BIT: '5.2',
    ERR_RESERVED_OPCODE: '5.2',
    ERR_CONTROL_FRAGMENTED: '5.5',
    ERR_CONTROL_TOO_LONG: '5.5',
    ERR_MASK_REQUIRED: '5.1',
    ERR_MASK_FORBIDDEN: '5.1',
    ERR_UNEXPECTED_CONTINUATION: '5.4',
    ERR_EXPECTED_CONTINUATION: '5.4',
    ERR_LENGTH_NOT_MINIMAL: '5.2',
    ERR_LENGTH_TOP_BIT: '5.2',
    ERR_MESSAGE_TOO_BIG: '7.4.1',
  };

  it.each(RULES)(
    'refuses %s as soon as it is proved',
    (_what, literal, gathered, context, code, text) => {
      const bytes = hex(literal);
      const shown = literal.match(/../g)?.join(' ');
      const closeCode = code === 'ERR_MESSAGE_TOO_BIG' ? 1009 : 1002;
      for (let length = 0; length < bytes.length; length++) {
        expect(parse(bytes.subarray(0, length), gathered, context)).toBe(0);
      }
      expect(() => parse(bytes, gathered, context)).toThrow(
        expect.objectContaining({
          code,
          closeCode,
          message: expect.stringContaining(text) as string,
        }) as Error,
      );
      expect(() => parse(bytes, gathered, context)).toThrow(
        // Both bytes, and the length too where it is at fault.
        new RegExp(`\\(header ${shown}( ..)*; RFC 6455 section ${SECTIONS[code]}\\)$`),
      );
    },
  );

  it.each([
    ['a fragment that just fits', '8085', 5, { maxPayload: 10 }],
    ['a Ping longer than a message may be', '8985', NONE, { maxPayload: 4 }],
    ['a Ping beside a full message', '8985', 10, { maxPayload: 10 }],
    ['an empty message when none may be longer', '8280', NONE, { maxPayload: 0 }],
  ])('does not refuse %s', (_what, literal, gathered, context) => {
    expect(parse(Buffer.concat([hex(literal), hex('37fa213d')]), gathered, context)).toBe(6);
  });

  describe('of a compressed message', () => {
    const context: HeaderContext = { role: 'client', rsv1: true, maxPayload: 12_800 };
    // What cannot be compressed may have grown by an eighth, a 128th and 1 KiB.
    const most = 12_800 + 1600 + 100 + 1024;
    const read = (literal: string, length: number, gathered = NONE, compressed = false): number => {
      const bytes = Buffer.concat([hex(literal), Buffer.of(length >> 8, length & 0xff)]);
      return parseHeader(bytes, 0, 4, gathered, 0, context, compressed);
    };

    it('allows more bytes than maxPayload, because maxPayload counts the inflated message', () => {
      expect(read('c17e', most)).toBe(4);
      expect(() => read('c17e', most + 1)).toThrow(
        `the compressed message is at least ${most + 1} bytes long; maxPayload is 12800`,
      );
      expect(() => read('817e', 12_801)).toThrow(
        'the message is at least 12801 bytes long; maxPayload is 12800',
      );
    });

    // Literals of 9 bits in blocks as short as each memLevel has them; at level 4 zlib adds most.
    it.each([1, 2, 3, 4, 5, 8, 9])(
      'allows what zlib makes of a message of maxPayload bytes in the fixed code, with memLevel %i',
      (memLevel) => {
        const maxPayload = 1024 * 1024;
        const next = random(5);
        // Repeated from farther back than any window.
        const noise = Uint8Array.from({ length: 65_536 }, () => 144 + next() * 112);
        const message = Buffer.alloc(maxPayload, noise);
        for (const windowBits of [9, 15]) {
          const options = { strategy: constants.Z_FIXED, level: 1, memLevel, windowBits };
          const bytes = Buffer.concat([hex('c27f 00000000'), Buffer.alloc(4)]);
          bytes.writeUInt32BE(deflateRawSync(message, options).length, 6);
          expect(parseHeader(bytes, 0, 10, NONE, 0, { ...context, maxPayload })).toBe(10);
        }
      },
    );

    it('counts its fragments together', () => {
      expect(read('807e', most - 500, 500, true)).toBe(4);
      expect(() => read('807e', most - 499, 500, true)).toThrow(
        expect.objectContaining({ code: 'ERR_MESSAGE_TOO_BIG', closeCode: 1009 }) as Error,
      );
      expect(() => read('807e', 12_301, 500, false)).toThrow('the message is at least 12801 bytes');
    });

    it('may be longer than what can be joined, if the message may', () => {
      const bytes = hex('c27f 0000000200000000');
      const long = { ...context, maxPayload: 2 ** 33 };
      expect(parseHeader(bytes, 0, bytes.length, NONE, 0, long)).toBe(10);
      const more = hex('c27f 0000000280000000');
      expect(() => parseHeader(more, 0, more.length, NONE, 0, long)).toThrow('is 8589934592');
    });

    it('is not limited when maxPayload is Infinity', () => {
      const unlimited: HeaderContext = { ...context, maxPayload: Infinity };
      const bytes = hex('c27f 7fffffffffffffff');
      expect(parseHeader(bytes, 0, bytes.length, NONE, 0, unlimited)).toBe(10);
    });
  });

  it('names the position of a fault, the bytes that prove it and the section', () => {
    const bytes = hex('0000 8380 00');
    expect(() => parseHeader(bytes, 2, 3, NONE, 1234, SERVER)).toThrow(
      'byte 1234: opcode 0x3 is reserved; was an earlier frame not as long as it said? (header 83 80; RFC 6455 section 5.2)',
    );
  });
});
