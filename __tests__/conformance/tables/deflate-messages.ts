/** RFC 7692, sections 6, 7.1.1.2, 7.1.2.2 and 7.2: what a server makes of compressed messages. */
import { hex } from '../../support/bytes.js';
import { lines, type Outcome, readOutcome } from './table.js';

/**
 * The notation is that of `table.ts`: section, title, bytes, outcome, options. The masking key is zero, so that the
 * bytes of a payload can be read; events are messages as they are after inflation. Sections 8.1 and 10.4 are those of
 * RFC 6455. Options:
 *
 *   takeover       the client may take over its window; without it, client_no_context_takeover was agreed on
 *   window=9       client_max_window_bits=9 was agreed on; 15 if nothing is said
 *   maxPayload=10  the limit, in bytes; 4 MiB if nothing is said
 */
export interface DeflateRow extends Outcome {
  section: string;
  title: string;
  /** The literal, as written. */
  literal: string;
  bytes: Buffer;
  options: { takeover: boolean; window: number; maxPayload: number };
}

function deflateTable(text: string): DeflateRow[] {
  return lines(text, 5).map(
    ([section = '', title = '', literal = '', outcome = '', options = '']) => {
      const where = `row "${section} ${title}"`;
      const row: DeflateRow = {
        section,
        title,
        literal,
        bytes: hex(literal),
        ...readOutcome(outcome, where),
        options: { takeover: false, window: 15, maxPayload: 4 * 1024 * 1024 },
      };
      for (const option of options.split(' ').filter((word) => word !== '')) {
        const [name, value] = option.split('=');
        if (name === 'takeover') row.options.takeover = true;
        else if (name === 'window' || name === 'maxPayload') row.options[name] = Number(value);
        else throw new Error(`${where}: no such option: ${option}`);
      }
      return row;
    },
  );
}

export const deflateMessages = deflateTable(`
# 6: which messages are compressed
6       | RSV1 marks a compressed Binary message                                         | c287 00000000 f248cdc9c90700             | binary 48656c6c6f
6       | without RSV1 a Text message is not compressed                                  | 8185 00000000 48656c6c6f                 | text 48656c6c6f
6       | without RSV1 a Binary message is not, whatever its bytes look like             | 8287 00000000 f248cdc9c90700             | binary f248cdc9c90700
6       | compressed and uncompressed messages may take turns                            | c187 00000000 f248cdc9c90700 8185 00000000 706c61696e c287 00000000 f248cdc9c90700 | text 48656c6c6f, text 706c61696e, binary 48656c6c6f
6       | an uncompressed empty message                                                  | 8180 00000000                            | text
6       | the payload is unmasked before it is inflated                                  | c187 37fa213d c5b2ecf4fefd21             | text 48656c6c6f
6       | a Ping passes as it is, though its payload looks compressed                    | 8987 00000000 f248cdc9c90700             | ping f248cdc9c90700
6       | a Pong passes as it is                                                         | 8a87 00000000 f248cdc9c90700             | pong f248cdc9c90700
6       | a Close passes as it is                                                        | 8885 00000000 03e8627965                 | close 1000 627965

# 6.1: "An endpoint MUST NOT set the "Per-Message Compressed" bit of control frames and non-first fragments of a data message"
6.1     | RSV1 on a control frame: Ping                                                  | c980 00000000                            | !1002 ERR_RESERVED_BIT
6.1     | RSV1 on a control frame: Ping with a payload that would inflate                | c987 00000000 f248cdc9c90700             | !1002 ERR_RESERVED_BIT
6.1     | RSV1 on a control frame: Pong                                                  | ca80 00000000                            | !1002 ERR_RESERVED_BIT
6.1     | RSV1 on a control frame: Close                                                 | c882 00000000 03e8                       | !1002 ERR_RESERVED_BIT
6.1     | RSV1 on a control frame: an empty Close                                        | c880 00000000                            | !1002 ERR_RESERVED_BIT
6.1     | RSV1 on a control frame: Ping between the fragments of a compressed message    | 4183 00000000 f248cd c980 00000000       | !1002 ERR_RESERVED_BIT
6.1     | RSV1 on a fragment that is not the first: the last                             | 4183 00000000 f248cd c084 00000000 c9c90700 | !1002 ERR_RESERVED_BIT
6.1     | RSV1 on a fragment that is not the first: one in the middle                    | 4183 00000000 f248cd 4082 00000000 c9c9  | !1002 ERR_RESERVED_BIT
6.1     | RSV1 on a fragment that is not the first: an empty one                         | 4187 00000000 f248cdc9c90700 c080 00000000 | !1002 ERR_RESERVED_BIT
6.1     | RSV1 on a fragment that is not the first: of a message that is not compressed  | 0181 00000000 61 c087 00000000 f248cdc9c90700 | !1002 ERR_RESERVED_BIT
6.1     | a continuation with RSV1 and nothing to continue                               | c087 00000000 f248cdc9c90700             | !1002 ERR_RESERVED_BIT
6.1     | RSV2 has no meaning yet, with RSV1                                             | e187 00000000 f248cdc9c90700             | !1002 ERR_RESERVED_BIT
6.1     | RSV3 has no meaning yet, with RSV1                                             | d187 00000000 f248cdc9c90700             | !1002 ERR_RESERVED_BIT
6.1     | RSV2 has no meaning yet, alone                                                 | a185 00000000 48656c6c6f                 | !1002 ERR_RESERVED_BIT
6.1     | RSV3 has no meaning yet, alone                                                 | 9285 00000000 48656c6c6f                 | !1002 ERR_RESERVED_BIT
6.1     | what came before the fault is delivered                                        | c187 00000000 f248cdc9c90700 c28a 00000000 4acc4b5128c9c82c0600 c980 00000000 | text 48656c6c6f, binary 616e642074686973, !1002 ERR_RESERVED_BIT
6.1     | RSV1 on a reserved opcode: the opcode fails it                                 | c380 00000000                            | !1002 ERR_RESERVED_OPCODE
6.1     | RSV1 on a control frame in fragments: the bit fails it                         | 4980 00000000                            | !1002 ERR_RESERVED_BIT

# 6.1, 6.2: fragments of a compressed message
6.1     | two fragments; RSV1 is of the message, and set on the first                    | 4281 00000000 f2 8086 00000000 48cdc9c90700 | binary 48656c6c6f
6.1     | a fragment for every byte                                                      | 4181 00000000 f2 0081 00000000 48 0081 00000000 cd 0081 00000000 c9 0081 00000000 c9 0081 00000000 07 8081 00000000 00 | text 48656c6c6f
6.1     | the first fragment is empty                                                    | 4180 00000000 8087 00000000 f248cdc9c90700 | text 48656c6c6f
6.1     | the last fragment is empty                                                     | 4187 00000000 f248cdc9c90700 8080 00000000 | text 48656c6c6f
6.1     | one in the middle is empty                                                     | 4184 00000000 f248cdc9 0080 00000000 8083 00000000 c90700 | text 48656c6c6f
6.1     | Ping and Pong between the fragments                                            | 4182 00000000 f248 8981 00000000 61 0082 00000000 cdc9 8a81 00000000 62 8083 00000000 c90700 | ping 61, pong 62, text 48656c6c6f
6.1     | fragments of an uncompressed message, after one that was compressed            | c187 00000000 f248cdc9c90700 0183 00000000 48656c 8082 00000000 6c6f | text 48656c6c6f, text 48656c6c6f
6.1     | fragments of an uncompressed message whose bytes look compressed               | 0283 00000000 f248cd 8084 00000000 c9c90700 | binary f248cdc9c90700
6.1     | a compressed message after one in uncompressed fragments                       | 0181 00000000 61 8081 00000000 62 c187 00000000 f248cdc9c90700 | text 6162, text 48656c6c6f
6.1     | each fragment ends in a flush: the bytes between are part of the message       | 418b 00000000 f248cdc9c907000000ffff 8088 00000000 5208cf2fca490100 | text 48656c6c6f20576f726c64
6.1     | a new compressed message inside another                                        | 4183 00000000 f248cd c187 00000000 f248cdc9c90700 | !1002 ERR_EXPECTED_CONTINUATION
6.1     | a Close between the fragments: the message is lost                             | 4183 00000000 f248cd 8882 00000000 03e8  | close 1000

# 7.2.1, 7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload"; blocks of all kinds
7.2.2   | one octet 0x00: an empty message                                               | c181 00000000 00                         | text
7.2.2   | one octet 0x00: an empty Binary message                                        | c281 00000000 00                         | binary
7.2.2   | an empty block with fixed codes, then the tail                                 | c182 00000000 0200                       | text
7.2.2   | an empty stored block in full, then the tail                                   | c186 00000000 000000ffff00               | text
7.2.2   | a hundred empty stored blocks in full                                          | c2fe 01f5 00000000 (000000ffff)x100 00   | binary
7.2.2   | empty stored blocks in front of, between and after the data                    | c19f 00000000 000000ffff000200fdff4865000000ffff000300fcff6c6c6f000000ffff00 | text 48656c6c6f
7.2.1   | BTYPE=00: a stored block of one byte                                           | c287 00000000 000100feffa500             | binary a5
7.2.1   | BTYPE=00: a stored block of 65 535 bytes, the longest                          | c2ff 0000000000010005 00000000 00ffff0000 a5x65535 00 | binary a5x65535
7.2.1   | BTYPE=00: three stored blocks                                                  | c2ff 0000000000020018 00000000 00ffff0000 01x65535 00ffff0000 02x65535 000a00f5ff0303030303030303030300 | binary 01x65535 02x65535 03030303030303030303
7.2.1   | BTYPE=01: one literal                                                          | c183 00000000 4a0400                     | text 61
7.2.1   | BTYPE=01: literals of nine bits                                                | c285 00000000 9a70e23f00                 | binary 90c8ff
7.2.1   | BTYPE=01: a copy that overlaps itself, of 258 bytes, the longest               | c185 00000000 4a1c050000                 | text 61x259
7.2.1   | BTYPE=01: the shortest copy                                                    | c187 00000000 4a4c4a06220000             | text 616263616263
7.2.1   | BTYPE=01: a copy that overlaps itself at a distance of two                     | c186 00000000 4a4c82430000               | text 6162616261626162616261
7.2.1   | BTYPE=01: a length of 258 as 227 and 31, which is legal too                    | c185 00000000 4a1cf90000                 | text 61x259
7.2.1   | BTYPE=01: a distance of 32 768, the farthest                                   | c1fe 800a 00000000 000080ff7f6661727468657374 2ex32760 82ddff0f00 | text 6661727468657374 2ex32760 6661727468657374
7.2.1   | BTYPE=01: JSON at level 6                                                      | c19c 00000000 aa56ca4c51b232d451aa50b232d033add5a9060b1841058c4c6b0100 | text 7b226964223a312c2278223a302e357d2c7b226964223a322c2278223a302e32357d
7.2.1   | BTYPE=10: a block with dynamic codes, level 9                                  | c1b1 00000000 7c8cb10d00200cc35ee1353729fcff01a230c08217475114f8112f3ad876666f634d1051aee0ab102683ced85f206d4f00 | text 61x30 62x15 63636363636363636464646465656620676161616261636162616161626161636162616461626163616261616162616361646165626166616761616161626261616363616162626161
7.2.1   | BTYPE=10: dynamic codes for literals only                                      | c1b0 00000000 04c1010183000c04312bb396fb02fe1d2c01000000aaaaaaaa6ddbb6bbbbe7797f1f322126271332e7c9eb8362a3f803 | text 61x30 62x15 63636363636363636464646465656620676161616261636162616161626161636162616461626163616261616162616361646165626166616761616161626261616363616162626161
7.2.1   | BTYPE=10: 20 000 zeros, with run-length encoding only                          | c2a4 00000000 ecc13101000000c220fba75e0d0f60 00x19 5c08 | binary 00x20000
7.2.1   | BTYPE=10: 20 000 zeros at level 1                                              | c2e9 00000000 ecd03101000000c2a0f54f6d0d0f884061 (c0800103060c183060)x9 c08001030f0303 | binary 00x20000
7.2.1   | BTYPE=10: 20 000 zeros at level 9 with a window of 512 bytes                   | c2a5 00000000 ecc13101000000c2a0f54f6d0d0fa0 00x19 783000 | binary 00x20000
7.2.1   | BTYPE=10: memLevel 1, which makes many small blocks                            | c1be 00000000 ec8dc10dc0200c0357e96a173bb0ff06558107fdb000b98fad28f2c189f8a3856d67b6a77f2f8818398ab783301934fadc0269e699b296b5ac65bdc9fa02 | text (61616161616161616161616161616161616161616161616161616161616162626262626262626262626262626263636363636363636464646465656620676161616261636162616161626161636162616461626163616261616162616361646165626166616761616161626261616363616162626161)x12
7.2.1   | level 0: nothing but stored blocks                                             | c1a8 00000000 002200ddff7b226964223a312c2278223a302e357d2c7b226964223a322c2278223a302e32357d00 | text 7b226964223a312c2278223a302e357d2c7b226964223a322c2278223a302e32357d
7.2.1   | bytes that do not compress                                                     | c2b6 00000000 003000cfff6c4e74921325222e31a1cd13be12ed426966ce24fc23d7da8d2097616a06956ec28ad403136828d4571e3c5dee6e5ec000 | binary 6c4e74921325222e31a1cd13be12ed426966ce24fc23d7da8d2097616a06956ec28ad403136828d4571e3c5dee6e5ec0
7.2.1   | all three types in one message                                                 | c1cb 00000000 000800f7ff73746f7265642c204acbac484dd15100000000ffff7c8cb10d00200cc35ee1353729fcff01a230c08217475114f8112f3ad876666f634d1051aee0ab102683ced85f206d4f00 | text 73746f7265642c2066697865642c20 61x30 62x15 63636363636363636464646465656620676161616261636162616161626161636162616461626163616261616162616361646165626166616761616161626261616363616162626161
7.2.1   | Z_SYNC_FLUSH in the middle, and a copy from before it                          | c1a5 00000000 aa56ca4c51b232d451aa50b232d033add5a9060b1841058c4c6b01000000ffffaa26a80200 | text 7b226964223a312c2278223a302e357d2c7b226964223a322c2278223a302e32357d7b226964223a312c2278223a302e357d2c7b226964223a322c2278223a302e32357d
7.2.1   | Z_PARTIAL_FLUSH in the middle: an empty block with fixed codes                 | c18a 00000000 f2480508a09c9c7c0000       | text 48656c6c6f
7.2.1   | the block may begin at any bit: seven bits in                                  | c188 00000000 02c8233527271f00           | text 48656c6c6f
7.2.1   | padding bits of the empty block need not be zero                               | c18b 00000000 000500faff48656c6c6ff8     | text 48656c6c6f

# 7.2.1: "DEFLATE blocks with the "BFINAL" bit set to 1"
7.2.1   | BFINAL=1 in a stored block, then the octet 0x00                                | c18b 00000000 010500faff48656c6c6f00     | text 48656c6c6f
7.2.1   | BFINAL=1 in an empty stored block that the tail completes                      | c181 00000000 01                         | text
7.2.1   | BFINAL=1 in the empty stored block after the data                              | c187 00000000 f248cdc9c90704             | text 48656c6c6f
7.2.1   | BFINAL=1 in a block with dynamic codes                                         | c1b1 00000000 7d8cb10d00200cc35ee1353729fcff01a230c08217475114f8112f3ad876666f634d1051aee0ab102683ced85f206d4f00 | text 61x30 62x15 63636363636363636464646465656620676161616261636162616161626161636162616461626163616261616162616361646165626166616761616161626261616363616162626161
7.2.1   | BFINAL=1 in an empty block                                                     | c183 00000000 030000                     | text
7.2.1   | "MUST add minimal padding bits of 0", and "the next DEFLATE block follows"     | c18f 00000000 f348cdc9c907005208cf2fca490100 | text 48656c6c6f20576f726c64
7.2.1   | three blocks with BFINAL=1 in one message                                      | c193 00000000 010100feff614b4a0200010300fcff63636300 | text 616262636363
7.2.1   | BFINAL=1, then a block that copies from before it                              | c18c 00000000 f348cdc9c957000002930000   | text 48656c6c6f2048656c6c6f
7.2.1   | each message may have one: two messages                                        | c186 00000000 cbcf4b050000 c186 00000000 2b29cf070000 | text 6f6e65, text 74776f
7.2.1   | a block with BFINAL=1 does not end the connection                              | c188 00000000 f348cdc9c9070000 c187 00000000 f248cdc9c90700 | text 48656c6c6f, text 48656c6c6f
7.2.1   | BFINAL=1 and nothing after it: all let it pass that 0x00 is missing            | c187 00000000 f348cdc9c90700             | text 48656c6c6f
7.2.1   | BFINAL=1, the message in fragments                                             | 4184 00000000 f348cdc9 0082 00000000 c907 8082 00000000 0000 | text 48656c6c6f

# 7.2.3: the examples of the RFC
7.2.3.1 | "A Message Compressed Using One Compressed DEFLATE Block": 0xc1 0x07 0xf2 ...  | c187 00000000 f248cdc9c90700             | text 48656c6c6f
7.2.3.1 | "if the fragments are 3 and 4 octets": 0x41 0x03 ... and 0x80 0x04 ...         | 4183 00000000 f248cd 8084 00000000 c9c90700 | text 48656c6c6f
7.2.3.2 | "Sharing LZ77 Sliding Window": without it, the same bytes again                | c187 00000000 f248cdc9c90700 c187 00000000 f248cdc9c90700 | text 48656c6c6f, text 48656c6c6f
7.2.3.2 | "Sharing LZ77 Sliding Window": with it, 0xf2 0x00 0x11 0x00 0x00               | c187 00000000 f248cdc9c90700 c185 00000000 f200110000 | text 48656c6c6f, text 48656c6c6f | takeover
7.2.3.3 | "Using a DEFLATE Block with No Compression": 0xc1 0x0b 0x00 0x05 0x00 0xfa 0xff ... | c18b 00000000 000500faff48656c6c6f00     | text 48656c6c6f
7.2.3.4 | "Using a DEFLATE Block with BFINAL Set to 1": 0xf3 0x48 ... 0x00 0x00          | c188 00000000 f348cdc9c9070000           | text 48656c6c6f
7.2.3.5 | "Two DEFLATE Blocks in One Message": 0xf2 0x48 0x05 0x00 0x00 0x00 0xff 0xff 0xca ... | c18d 00000000 f24805000000ffffcac9c90700 | text 48656c6c6f
7.2.3.6 | "Generating an Empty Fragment": the last one is 0x00                           | 418b 00000000 f248cdc9c907000000ffff 8081 00000000 00 | text 48656c6c6f

# 7.1.1.2, 7.2.3.2: whether the window of one message is there for the next
7.1.1.2 | client_no_context_takeover: a copy from the message before fails               | c187 00000000 f248cdc9c90700 c185 00000000 f200110000 | text 48656c6c6f, !1007 ERR_INVALID_DEFLATE
7.1.1.2 | client_no_context_takeover: each message begins with an empty window, also the third | c187 00000000 f248cdc9c90700 c187 00000000 f248cdc9c90700 c185 00000000 f200110000 | text 48656c6c6f, text 48656c6c6f, !1007 ERR_INVALID_DEFLATE
7.1.1.2 | client_no_context_takeover: bytes of a longer message are gone too             | c2fe 9c46 00000000 00409cbf63 07x40000 00 c285 00000000 429c0f0700 | binary 07x40000, !1007 ERR_INVALID_DEFLATE
7.1.1.2 | takeover: a client need not use the window                                     | c187 00000000 f248cdc9c90700 c187 00000000 f248cdc9c90700 | text 48656c6c6f, text 48656c6c6f | takeover
7.1.1.2 | takeover: the first message has an empty window                                | c185 00000000 f200110000                 | !1007 ERR_INVALID_DEFLATE | takeover
7.2.3.2 | takeover: three times the same                                                 | c187 00000000 f248cdc9c90700 c185 00000000 f200110000 c185 00000000 f200110000 | text 48656c6c6f, text 48656c6c6f, text 48656c6c6f | takeover
7.2.3.2 | takeover: Binary copies from Text                                              | c187 00000000 f248cdc9c90700 c285 00000000 f200110000 | text 48656c6c6f, binary 48656c6c6f | takeover
7.2.3.2 | takeover: a Ping in between is not of the window                               | c187 00000000 f248cdc9c90700 8985 00000000 50696e6721 c185 00000000 f200110000 | text 48656c6c6f, ping 50696e6721, text 48656c6c6f | takeover
7.2.3.2 | takeover: an uncompressed message in between is not of the window              | c187 00000000 f248cdc9c90700 8185 00000000 506c61696e c185 00000000 f200110000 | text 48656c6c6f, text 506c61696e, text 48656c6c6f | takeover
7.2.3.2 | takeover: uncompressed fragments in between are not of the window              | c187 00000000 f248cdc9c90700 0182 00000000 506c 8083 00000000 61696e c185 00000000 f200110000 | text 48656c6c6f, text 506c61696e, text 48656c6c6f | takeover
7.2.3.2 | takeover: empty compressed messages in between change nothing                  | c187 00000000 f248cdc9c90700 c181 00000000 00 c282 00000000 0200 c185 00000000 f200110000 | text 48656c6c6f, text, binary, text 48656c6c6f | takeover
7.2.3.2 | takeover: a copy from a stored block                                           | c18b 00000000 000500faff48656c6c6f00 c185 00000000 f200110000 | text 48656c6c6f, text 48656c6c6f | takeover
7.2.3.2 | takeover: a copy from a block with dynamic codes                               | c1b1 00000000 7c8cb10d00200cc35ee1353729fcff01a230c08217475114f8112f3ad876666f634d1051aee0ab102683ced85f206d4f00 c185 00000000 1a185b0100 | text 61x30 62x15 63636363636363636464646465656620676161616261636162616161626161636162616461626163616261616162616361646165626166616761616161626261616363616162626161, text 61x30 62x15 63636363636363636464646465656620676161616261636162616161626161636162616461626163616261616162616361646165626166616761616161626261616363616162626161 | takeover
7.2.3.2 | takeover: a copy from a message in fragments, into one in fragments            | 4183 00000000 f248cd 8084 00000000 c9c90700 4182 00000000 f200 8980 00000000 8083 00000000 110000 | text 48656c6c6f, ping, text 48656c6c6f | takeover
7.2.3.2 | takeover: a copy that reaches over two messages                                | c187 00000000 cacf4bd5510000 c187 00000000 2a29cfd7510000 c189 00000000 42b04a328a52530100 | text 6f6e652c20, text 74776f2c20, text 6f6e652c2074776f2c207468726565 | takeover
7.2.3.2 | takeover: JSON that repeats, as zlib sends it                                  | c19c 00000000 aa56ca4c51b232d451aa50b232d033add5a9060b1841058c4c6b0100 c185 00000000 aa26a80200 c185 00000000 a2860a0000 | text 7b226964223a312c2278223a302e357d2c7b226964223a322c2278223a302e32357d, text 7b226964223a312c2278223a302e357d2c7b226964223a322c2278223a302e32357d, text 7b226964223a312c2278223a302e357d2c7b226964223a322c2278223a302e32357d7b226964223a312c2278223a302e357d2c7b226964223a322c2278223a302e32357d | takeover
7.2.3.2 | takeover: the window slides over a message of 40 000 bytes                     | c1fe 9c46 00000000 00409cbf63 2dx7232 6661727468657374 2ex32760 00 c185 00000000 82ddff0f00 | text 2dx7232 6661727468657374 2ex32760, text 6661727468657374 | takeover
7.2.3.2 | takeover: one byte farther back than there is                                  | c187 00000000 f248cdc9c90700 c184 00000000 02930000 | text 48656c6c6f, !1007 ERR_INVALID_DEFLATE | takeover
7.2.3.2 | takeover: a copy from a message after which BFINAL was 1                       | c188 00000000 f348cdc9c9070000 c185 00000000 f200110000 | text 48656c6c6f, text 48656c6c6f | takeover
7.2.3.2 | takeover: a message on its own after one with BFINAL=1                         | c188 00000000 f348cdc9c9070000 c187 00000000 f248cdc9c90700 | text 48656c6c6f, text 48656c6c6f | takeover
7.2.3.2 | takeover: before, with and after BFINAL=1                                      | c187 00000000 f248cdc9c90700 c184 00000000 03130000 c185 00000000 f200110000 | text 48656c6c6f, text 48656c6c6f, text 48656c6c6f | takeover
7.1.2.2 | client_max_window_bits=8: a distance of 256, all of that window                | c1fe 0106 00000000 000001fffe6661727468657374 2ex248 00 c184 00000000 82f91f00 | text 6661727468657374 2ex248, text 6661727468657374 | takeover window=8
7.1.2.2 | client_max_window_bits=9: a distance of 512, all of that window                | c1fe 0206 00000000 000002fffd6661727468657374 2ex504 00 c184 00000000 82c53f00 | text 6661727468657374 2ex504, text 6661727468657374 | takeover window=9
7.1.2.2 | client_max_window_bits=10: a distance of 1 024, all of that window             | c1fe 0406 00000000 000004fffb6661727468657374 2ex1016 00 c185 00000000 82e57f0000 | text 6661727468657374 2ex1016, text 6661727468657374 | takeover window=10
7.1.2.2 | client_max_window_bits=11: a distance of 2 048, all of that window             | c1fe 0806 00000000 000008fff76661727468657374 2ex2040 00 c185 00000000 82d5ff0000 | text 6661727468657374 2ex2040, text 6661727468657374 | takeover window=11
7.1.2.2 | client_max_window_bits=12: a distance of 4 096, all of that window             | c1fe 1006 00000000 000010ffef6661727468657374 2ex4088 00 c185 00000000 82f5ff0100 | text 6661727468657374 2ex4088, text 6661727468657374 | takeover window=12
7.1.2.2 | client_max_window_bits=13: a distance of 8 192, all of that window             | c1fe 2006 00000000 000020ffdf6661727468657374 2ex8184 00 c185 00000000 82cdff0300 | text 6661727468657374 2ex8184, text 6661727468657374 | takeover window=13
7.1.2.2 | client_max_window_bits=14: a distance of 16 384, all of that window            | c1fe 4006 00000000 000040ffbf6661727468657374 2ex16376 00 c185 00000000 82edff0700 | text 6661727468657374 2ex16376, text 6661727468657374 | takeover window=14
7.1.2.2 | client_max_window_bits=15: a distance of 32 768, all of that window            | c1fe 8006 00000000 000080ff7f6661727468657374 2ex32760 00 c185 00000000 82ddff0f00 | text 6661727468657374 2ex32760, text 6661727468657374 | takeover window=15

# 7.2.2: what is no DEFLATE data
7.2.2   | BTYPE=11 is reserved (RFC 1951 section 3.2.3)                                  | c181 00000000 06                         | !1007 ERR_INVALID_DEFLATE
7.2.2   | BTYPE=11 with BFINAL=1                                                         | c181 00000000 07                         | !1007 ERR_INVALID_DEFLATE
7.2.2   | BTYPE=11 after a good block                                                    | c187 00000000 f248cdc9c90718             | !1007 ERR_INVALID_DEFLATE
7.2.2   | a stored block whose NLEN is not the complement of LEN                         | c18b 00000000 000500fbff48656c6c6f00     | !1007 ERR_INVALID_DEFLATE
7.2.2   | a stored block that announces more than comes                                  | c18b 00000000 00ffff000048656c6c6f00     | !1007 ERR_INVALID_DEFLATE
7.2.2   | a length code that never occurs: 286                                           | c185 00000000 4a1c030000                 | !1007 ERR_INVALID_DEFLATE
7.2.2   | a length code that never occurs: 287                                           | c185 00000000 4a1c070000                 | !1007 ERR_INVALID_DEFLATE
7.2.2   | a distance code that never occurs: 30                                          | c185 00000000 4a043e0000                 | !1007 ERR_INVALID_DEFLATE
7.2.2   | a distance code that never occurs: 31                                          | c185 00000000 4a047e0000                 | !1007 ERR_INVALID_DEFLATE
7.2.2   | a copy from before the beginning                                               | c184 00000000 02020000                   | !1007 ERR_INVALID_DEFLATE
7.2.2   | a copy from one byte before the beginning                                      | c187 00000000 4a4c4a06620000             | !1007 ERR_INVALID_DEFLATE
7.2.2   | a copy from 32 768 bytes before the beginning                                  | c188 00000000 4a4c4a06deff0f00           | !1007 ERR_INVALID_DEFLATE
7.2.2   | dynamic codes: 287 codes for literals and lengths (HLIT=30)                    | c18a 00000000 f4c00104000000001000       | !1007 ERR_INVALID_DEFLATE
7.2.2   | dynamic codes: 31 codes for distances (HDIST=30)                               | c18a 00000000 04de0104000000001000       | !1007 ERR_INVALID_DEFLATE
7.2.2   | dynamic codes: the code lengths themselves have no code                        | c186 00000000 040000000000               | !1007 ERR_INVALID_DEFLATE
7.2.2   | dynamic codes: more codes of one bit than there are                            | c18c 00000000 04c001040000004010000000   | !1007 ERR_INVALID_DEFLATE
7.2.2   | dynamic codes: a repetition with nothing before it                             | c187 00000000 04000224000000             | !1007 ERR_INVALID_DEFLATE
7.2.2   | dynamic codes: a repetition beyond the last                                    | c18c 00000000 04c081000000000090ff7f00   | !1007 ERR_INVALID_DEFLATE
7.2.2   | dynamic codes: none for the end of the block                                   | c18d 00000000 04c0010500000000a0fabf1a00 | !1007 ERR_INVALID_DEFLATE
7.2.2   | text that was not compressed at all                                            | c185 00000000 48656c6c6f                 | !1007 ERR_INVALID_DEFLATE
7.2.2   | a zlib stream (RFC 1950)                                                       | c18d 00000000 789cf348cdc9c90700058c01f5 | !1007 ERR_INVALID_DEFLATE
7.2.2   | a gzip file (RFC 1952)                                                         | c199 00000000 1f8b0800000000000003f348cdc9c907008289d1f705000000 | !1007 ERR_INVALID_DEFLATE
7.2.2   | random bytes                                                                   | c285 00000000 ffd1a3094e                 | !1007 ERR_INVALID_DEFLATE
7.2.2   | a fault in the second of three fragments                                       | 418b 00000000 f248cdc9c907000000ffff 0081 00000000 06 8081 00000000 00 | !1007 ERR_INVALID_DEFLATE
7.2.2   | a good message, then a bad one, then a good one that is not read any more      | c187 00000000 f248cdc9c90700 c181 00000000 06 c187 00000000 f248cdc9c90700 | text 48656c6c6f, !1007 ERR_INVALID_DEFLATE
7.2.2   | takeover: a fault likewise                                                     | c187 00000000 f248cdc9c90700 c181 00000000 07 | text 48656c6c6f, !1007 ERR_INVALID_DEFLATE | takeover

# 7.2.2: what is cut short
7.2.2   | cut inside the first code of a block                                           | c181 00000000 f2                         | !1007 ERR_INVALID_DEFLATE
7.2.2   | cut in the middle of a block: "Hel" and bits that the tail would make another letter of | c183 00000000 f248cd                     | !1007 ERR_INVALID_DEFLATE
7.2.2   | cut in the middle of a stored block                                            | c187 00000000 000500faff4865             | !1007 ERR_INVALID_DEFLATE
7.2.2   | truncated after the length of a stored block                                       | c183 00000000 000500                     | !1007 ERR_INVALID_DEFLATE
7.2.2   | cut inside the header of a block with dynamic codes                            | c18c 00000000 7c8cb10d00200cc35ee13537   | !1007 ERR_INVALID_DEFLATE
7.2.2   | cut in the middle of a block with dynamic codes                                | c19e 00000000 7c8cb10d00200cc35ee1353729fcff01a230c08217475114f8112f3ad876 | !1007 ERR_INVALID_DEFLATE
7.2.2   | no octet at all, though 0x00 is the least there can be                         | c180 00000000                            | !1007 ERR_INVALID_DEFLATE
7.2.2   | truncated after the data: then the tail is not a block                                  | c186 00000000 f248cdc9c907               | !1007 ERR_INVALID_DEFLATE
7.2.2   | the four octets are still there, and nothing after them                        | c18b 00000000 f248cdc9c907000000ffff     | !1007 ERR_INVALID_DEFLATE
7.2.2   | cut five bytes before the end of a final stored block                          | c288 00000000 010800f7ff616263           | !1007 ERR_INVALID_DEFLATE
7.2.2   | cut six bytes before the end of a final stored block                           | c288 00000000 010900f6ff616263           | !1007 ERR_INVALID_DEFLATE
7.2.2   | cut nine bytes before the end of a final stored block                          | c288 00000000 010c00f3ff616263           | !1007 ERR_INVALID_DEFLATE
7.2.2   | four bytes before it: to the letter the tail is the end of that block          | c288 00000000 010700f8ff616263           | binary 6162630000ffff
7.2.2   | a message that ends in the bytes of tails and empty blocks                     | c28f 00000000 000900f6ff0000ffff010000ffff 00 | binary 0000ffff010000ffff
7.2.2   | the same with BFINAL=1                                                         | c28f 00000000 010900f6ff0000ffff010000ffff 00 | binary 0000ffff010000ffff
7.2.2   | cut among zeros: the tail looks like more of them, and the end of the block    | c28f 00000000 ecd0810000000080a0fda91729840a | !1007 ERR_INVALID_DEFLATE
7.2.2   | takeover: no octet at all, after a final block that only the tail completed    | c181 00000000 01 c180 00000000           | text, !1007 ERR_INVALID_DEFLATE | takeover
7.2.2   | takeover: cut in the middle of a block                                         | c183 00000000 f248cd                     | !1007 ERR_INVALID_DEFLATE | takeover

# 8.1 of RFC 6455: Text is UTF-8, which shows after inflation
8.1     | two, three and four bytes                                                      | c18c 00000000 3abcf251d39a0f735be60100   | text c3a9e282acf09d849e
8.1     | a character cut by the border of two blocks                                    | c193 00000000 000100feffe2000100feff82000100feffac00 | text e282ac
8.1     | a byte order mark stays                                                        | c186 00000000 7abf7b7f2200               | text efbbbf61
8.1     | U+0000 and U+10FFFF                                                            | c187 00000000 62f8d2bf7f3f00             | text 00f48fbfbf
8.1     | a byte that begins nothing                                                     | c183 00000000 6a0000                     | !1007 ERR_INVALID_UTF8
8.1     | the byte 0xff                                                                  | c184 00000000 4afc0f00                   | !1007 ERR_INVALID_UTF8
8.1     | the second byte is not one                                                       | c184 00000000 3aac0100                   | !1007 ERR_INVALID_UTF8
8.1     | an overlong slash                                                              | c184 00000000 3ab01e00                   | !1007 ERR_INVALID_UTF8
8.1     | an overlong euro sign                                                          | c186 00000000 fad0d4b40600               | !1007 ERR_INVALID_UTF8
8.1     | half a surrogate pair                                                          | c185 00000000 7abba00100                 | !1007 ERR_INVALID_UTF8
8.1     | above U+10FFFF                                                                 | c186 00000000 fa32a1a10100               | !1007 ERR_INVALID_UTF8
8.1     | a character that does not end                                                  | c185 00000000 4a7cd40400                 | !1007 ERR_INVALID_UTF8
8.1     | a character that does not end, of one byte                                     | c183 00000000 fa0000                     | !1007 ERR_INVALID_UTF8
8.1     | a good message in front of a bad one is delivered                              | c187 00000000 f248cdc9c90700 c183 00000000 fa0f00 | text 48656c6c6f, !1007 ERR_INVALID_UTF8
8.1     | a character cut by the end of the message is not finished by the next          | c183 00000000 7a0400 c184 00000000 6a5a0300 | !1007 ERR_INVALID_UTF8
8.1     | in fragments: the last byte of the last one is bad                             | 4188 00000000 000300fcff616263 8087 00000000 000100feffff00 | !1007 ERR_INVALID_UTF8
8.1     | long text whose last byte is bad                                               | c196 00000000 ecc1210100000002a0ad6ef598370c40020000bceb00 | !1007 ERR_INVALID_UTF8
8.1     | long text of two-byte characters                                               | c198 00000000 ecc2310d00000002a0fe51cc613163f830680a0000009c0d | text (c3a9)x2000
8.1     | Binary may be anything                                                         | c28a 00000000 6af87f58e3ed82060000       | binary 80ffc328eda080
8.1     | uncompressed Text is checked as ever                                           | 8182 00000000 61ff                       | !1007 ERR_INVALID_UTF8
8.1     | takeover: bytes that were Binary are not Text                                  | c285 00000000 faffff3f00 c184 00000000 02220000 | binary ffffff, !1007 ERR_INVALID_UTF8 | takeover

# 10.4 of RFC 6455: the limit counts the inflated message
10.4    | a message of the limit, though its compressed bytes are more                   | c187 00000000 f248cdc9c90700             | text 48656c6c6f | maxPayload=5
10.4    | one byte above the limit                                                       | c187 00000000 f248cdc9c90700             | !1009 ERR_MESSAGE_TOO_BIG | maxPayload=4
10.4    | 1000 zeros of 1000                                                             | c28b 00000000 62601805a360140c770000     | binary 00x1000 | maxPayload=1000
10.4    | 1001 zeros of 1000                                                             | c28b 00000000 62601805a360140c7b0000     | !1009 ERR_MESSAGE_TOO_BIG | maxPayload=1000
10.4    | one byte above, in a block of its own                                          | c2fe 03f4 00000000 00e80317fc 00x1001 0100feffa500 | !1009 ERR_MESSAGE_TOO_BIG | maxPayload=1000
10.4    | nothing above, in a block of its own                                           | c2fe 03f3 00000000 00e80317fc 05x1000 000000ffff00 | binary 05x1000 | maxPayload=1000
10.4    | a megabyte of zeros in a kilobyte                                              | c2fe 0409 00000000 ecc13101000000c2a0f54f6d085fa0 00x1016 3e03 | !1009 ERR_MESSAGE_TOO_BIG | maxPayload=65536
10.4    | the same as Text                                                               | c1fe 0409 00000000 ecc13101000000c2a0f54f6d085fa0 00x1016 3e03 | !1009 ERR_MESSAGE_TOO_BIG | maxPayload=65536
10.4    | the same after BFINAL=1                                                        | c2fe 040c 00000000 ab0000ecc13101000000c2a0f54f6d085fa0 00x1016 3e03 | !1009 ERR_MESSAGE_TOO_BIG | maxPayload=65536
10.4    | the same, with takeover                                                        | c2fe 0409 00000000 ecc13101000000c2a0f54f6d085fa0 00x1016 3e03 | !1009 ERR_MESSAGE_TOO_BIG | maxPayload=65536 takeover
10.4    | the default limit of 4 MiB: one byte above                                     | c2fe 0ff1 00000000 ecc101010000008220ffaf6e484001 00x4063 9c1b00 | !1009 ERR_MESSAGE_TOO_BIG
10.4    | the limit is of a message: all fragments together                              | 42fe 025d 00000000 005802a7fd 01x600 80fe 0197 00000000 0091016efe 02x401 00 | !1009 ERR_MESSAGE_TOO_BIG | maxPayload=1000
10.4    | fragments that together are as long as the limit                               | 42fe 025d 00000000 005802a7fd 01x600 80fe 0196 00000000 0090016ffe 02x400 00 | binary 01x600 02x400 | maxPayload=1000
10.4    | the limit is of a message, not of a connection                                 | c28b 00000000 62601805a360140c770000 c28b 00000000 62601805a360140c770000 | binary 00x1000, binary 00x1000 | maxPayload=1000
10.4    | the same, with takeover: the window does not count                             | c28b 00000000 62601805a360140c770000 c28b 00000000 62601805a360140c770000 | binary 00x1000, binary 00x1000 | maxPayload=1000 takeover
10.4    | a compressed payload of a length that no message within the limit has          | c2ff 0000000010000000 00000000           | !1009 ERR_MESSAGE_TOO_BIG | maxPayload=1000
10.4    | bytes count, not characters                                                    | c18d 00000000 3abcf2f0281c85a370d8430000 | !1009 ERR_MESSAGE_TOO_BIG | maxPayload=1000
10.4    | what came before is delivered                                                  | c187 00000000 f248cdc9c90700 c28b 00000000 62601805a360140c7b0000 | text 48656c6c6f, !1009 ERR_MESSAGE_TOO_BIG | maxPayload=1000
10.4    | an uncompressed message has the same limit                                     | 82fe 03e9 00000000 00x1001               | !1009 ERR_MESSAGE_TOO_BIG | maxPayload=1000
`);
