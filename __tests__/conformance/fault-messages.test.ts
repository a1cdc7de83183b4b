import { constants, deflateRawSync } from 'node:zlib';
import { MAX_REASON_BYTES } from '../../src/protocol/framing/close-frame.js';
import { PROTOCOL_ERRORS } from '../../src/protocol/framing/protocol-error.js';
import { type FrameDecoderOptions } from '../../src/protocol/framing/frame-decoder.js';
import { Opcode } from '../../src/protocol/framing/frame.js';
import { createConnectionPair } from '../../src/server/connection-pair.js';
import { cutAt, everyByte, hex, randomCuts } from '../support/bytes.js';
import { decode } from '../support/decode.js';

/**
 * The messages of faults: position in the stream, bytes at fault, numbers, a hint, and the section. A
 * whole Ping of 8 bytes comes before each fault, so that no offset is 0 by chance.
 */
const BEFORE = '8982 00000000 6869';

type Row = [
  code: keyof typeof PROTOCOL_ERRORS,
  stream: string,
  message: string,
  options?: FrameDecoderOptions,
];

const ROWS: Row[] = [
  [
    'ERR_RESERVED_BIT',
    'c185 00000000 68656c6c6f',
    'byte 8: RSV1 is set on a Text frame, but no extension defines it; is another listener writing to this socket? (header c1 85; RFC 6455 section 5.2)',
  ],
  [
    'ERR_RESERVED_OPCODE',
    '8380 00000000',
    'byte 8: opcode 0x3 is reserved; was an earlier frame not as long as it said? (header 83 80; RFC 6455 section 5.2)',
  ],
  [
    'ERR_MASK_REQUIRED',
    '8105 68656c6c6f',
    'byte 8: a frame from the client is not masked; clients mask every frame (header 81 05; RFC 6455 section 5.1)',
  ],
  [
    'ERR_MASK_FORBIDDEN',
    '8180 00000000',
    'byte 4: a frame from the server is masked; only clients mask (header 81 80; RFC 6455 section 5.1)',
    { role: 'client' },
  ],
  [
    'ERR_CONTROL_FRAGMENTED',
    '0980 00000000',
    'byte 8: a Ping frame is fragmented; control frames are sent whole (header 09 80; RFC 6455 section 5.5)',
  ],
  [
    'ERR_CONTROL_TOO_LONG',
    '8afe 007e 00000000',
    'byte 8: a Pong frame announces more than 125 bytes of payload; send a message instead (header 8a fe; RFC 6455 section 5.5)',
  ],
  [
    'ERR_LENGTH_NOT_MINIMAL',
    '82fe 007d 00000000',
    'byte 8: payload length 125 was sent in 16 bits, not in the shortest form (header 82 fe 00 7d; RFC 6455 section 5.2)',
  ],
  [
    'ERR_LENGTH_NOT_MINIMAL',
    '82ff 000000000000ffff 00000000',
    'byte 8: payload length 65535 was sent in 64 bits, not in the shortest form (header 82 ff 00 00 00 00 00 00 ff ff; RFC 6455 section 5.2)',
  ],
  [
    'ERR_LENGTH_TOP_BIT',
    '82ff fffffffffffffff6 00000000',
    'byte 8: the 64-bit payload length has its top bit set; was it computed with a sign? (header 82 ff ff ff ff ff ff ff ff f6; RFC 6455 section 5.2)',
  ],
  [
    'ERR_UNEXPECTED_CONTINUATION',
    '8080 00000000',
    'byte 8: a continuation frame continues no message; a first fragment has opcode 1 or 2 (header 80 80; RFC 6455 section 5.4)',
  ],
  [
    'ERR_EXPECTED_CONTINUATION',
    '0183 00000000 616263 8180 00000000',
    'byte 17: a Text frame begins inside a fragmented message, of which 3 bytes have come; its fragments have opcode 0 (header 81 80; RFC 6455 section 5.4)',
  ],
  [
    'ERR_CLOSE_PAYLOAD',
    '8881 00000000 03',
    'byte 14: the Close frame has 1 byte of payload, 0x03; it needs 2 for a status code, or none (RFC 6455 section 5.5.1)',
  ],
  [
    'ERR_CLOSE_CODE',
    '8885 00000000 03ed 627965',
    'byte 14: the Close frame has status code 1005, which must not be sent; use 1000, or 4000 to 4999 (RFC 6455 section 7.4)',
  ],
  [
    'ERR_INVALID_UTF8',
    '8885 00000000 03e8 61ff62',
    'byte 16: the Close frame has a reason that is not valid UTF-8 (RFC 6455 section 5.5.1)',
  ],
  [
    'ERR_INVALID_UTF8',
    '8186 00000000 61c3a9 c3 61 62',
    'byte 18: a Text message has 0x61 where UTF-8 cannot have it; send bytes as Binary (RFC 6455 section 8.1)',
  ],
  [
    'ERR_INVALID_UTF8', // in the second fragment, masked with a key, after a piece for the native check
    '0183 00000000 e282ac 80be 20202020 41x60 df 41',
    'byte 83: a Text message has 0xff where UTF-8 cannot have it; send bytes as Binary (RFC 6455 section 8.1)',
  ],
  [
    'ERR_INVALID_UTF8',
    '8184 00000000 6162e282',
    'byte 18: a Text message ends inside a character of UTF-8; was it cut by bytes? (RFC 6455 section 8.1)',
  ],
  [
    'ERR_MESSAGE_TOO_BIG',
    '0183 00000000 616263 80fe 0100 00000000',
    'byte 17: the message is at least 259 bytes long; maxPayload is 200 (header 80 fe 01 00; RFC 6455 section 7.4.1)',
    { maxPayload: 200 },
  ],
];

/** A compressed message (RFC 7692 section 7.2.1). */
const deflated = (message: string | Buffer): Buffer =>
  deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

describe('the message of a fault', () => {
  it.each(ROWS)('%s, however the stream is cut: %s', (code, stream, message, options = {}) => {
    const before = options.role === 'client' ? '8902 6869' : BEFORE;
    const bytes = hex(`${before} ${stream}`);
    const cuts = [[], everyByte(bytes), ...[1, 2, 3, 4].map((seed) => randomCuts(bytes, seed))];
    for (const cut of cuts) {
      const { error } = decode(cutAt(bytes, cut), options);
      expect({ cut, code: error?.code, message: error?.message }).toEqual({ cut, code, message });
    }
  });

  it('is pinned for every code except those of the connection: inflation, time and rate', () => {
    const codes = new Set<string>(ROWS.map(([code]) => code));
    expect(Object.keys(PROTOCOL_ERRORS).filter((code) => !codes.has(code))).toEqual([
      'ERR_INVALID_DEFLATE',
      'ERR_MESSAGE_TIMEOUT',
      'ERR_MESSAGE_RATE',
    ]);
  });

  it.each([
    ['is no deflated data', hex('ffffff'), 'cannot be decompressed: ', 1007],
    ['is too long', deflated('a'.repeat(101)), 'is longer than maxPayload once decompressed', 1009],
    ['is not text', deflated(hex('ff')), 'Text message has bytes that are not UTF-8', 1007],
  ])('has the position of a compressed message that %s', async (_what, payload, text, code) => {
    const { server, client } = createConnectionPair({ perMessageDeflate: true, maxPayload: 100 });
    server.on('message', () => undefined);
    const closed = new Promise((resolve) => server.on('close', resolve));
    client.ping('hi');
    client.sendFrame(payload, { opcode: Opcode.Text, rsv1: true });
    client.send('after');
    await closed;
    expect(server.closeInfo!.code).toBe(code);
    const end = 8 + 6 + payload.length;
    expect(server.closeInfo!.cause!.message).toMatch(
      new RegExp(`^byte ${end}: a compressed (message )?${text}`),
    );
  });

  it('fits into a Close frame up to the bytes at fault, even with an offset of ten digits', () => {
    for (const [code, , message] of ROWS) {
      const [said = ''] = message.replace(/^byte \d+/, 'byte 1234567890').split(' (');
      // The reason is cut by characters; it must not be longer in bytes.
      expect([code, Buffer.byteLength(message)]).toStrictEqual([code, message.length]);
      if (said.length > MAX_REASON_BYTES) throw new Error(`${code} is cut: ${said}`);
    }
  });
});
