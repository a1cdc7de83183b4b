/** RFC 6455, sections 5.2 and 5.7: payload lengths, reserved bits, opcodes, the RFC's own examples. */
import { decoderTable } from './table.js';

export const framing = decoderTable(`
# Payload length: 7 bits, 7+16 bits, 7+64 bits
5.2 | "The payload length" may be zero: empty Text                         | 8180 00000000                                | text
5.2 | empty Binary                                                         | 8280 00000000                                | binary
5.2 | "if 0-125, that is the payload length": 1 byte                       | 8281 00000000 a5                             | binary a5
5.2 | "if 0-125": 125 bytes, the last in 7 bits                            | 82fd 00000000 a5x125                         | binary a5x125
5.2 | "If 126, the following 2 bytes": 126 bytes, the first in 16 bits     | 82fe 007e 00000000 a5x126                    | binary a5x126
5.2 | 127 bytes are no 64-bit form: the 7-bit field says only which form   | 82fe 007f 00000000 a5x127                    | binary a5x127
5.2 | 128 bytes: the length's low byte has its top bit set                 | 82fe 0080 00000000 a5x128                    | binary a5x128
5.2 | 255 bytes: all bits of the low length byte                           | 82fe 00ff 00000000 a5x255                    | binary a5x255
5.2 | "expressed in network byte order": 256 bytes carry into the high one | 82fe 0100 00000000 a5x256                    | binary a5x256
5.2 | 16-bit lengths are unsigned: 32 768 bytes                            | 82fe 8000 00000000 a5x32768                  | binary a5x32768
5.2 | 65 535 bytes, the last in 16 bits                                    | 82fe ffff 00000000 a5x65535                  | binary a5x65535
5.2 | "If 127, the following 8 bytes": 65 536 bytes, the first in 64 bits  | 82ff 0000000000010000 00000000 a5x65536      | binary a5x65536
5.2 | 65 537 bytes                                                         | 82ff 0000000000010001 00000000 a5x65537      | binary a5x65537
5.2 | 16 777 216 bytes are announced within a higher limit, not refused    | 82ff 0000000001000000 00000000 a5            | - | maxPayload=16777216
5.2 | Text of 125 bytes                                                    | 81fd 00000000 61x125                         | text 61x125
5.2 | Text of 126 bytes                                                    | 81fe 007e 00000000 61x126                    | text 61x126
5.2 | Text of 65 535 bytes                                                 | 81fe ffff 00000000 61x65535                  | text 61x65535
5.2 | Text of 65 536 bytes                                                 | 81ff 0000000000010000 00000000 61x65536      | text 61x65536
5.2 | a frame that lacks its last byte is not a message yet                | 8283 00000000 a5a5                           | -
5.2 | one byte of a header says nothing yet                                | 82                                           | -
5.2 | a header without its masking key is not whole, though the payload is empty | 8280 000000                            | -
5.2 | two frames in one read are two messages, in order                    | 8181 00000000 61 8281 00000000 62            | text 61, binary 62
5.2 | what follows a whole frame waits for its own bytes                   | 8181 00000000 61 8181 00000000               | text 61

# "the minimal number of bytes MUST be used to encode the length"
5.2 | MUST be minimal: 0 in 16 bits                                        | 82fe 0000 00000000                           | !1002 ERR_LENGTH_NOT_MINIMAL by 7
5.2 | MUST be minimal: "the length of a 124-byte-long string can't be encoded as the sequence 126, 0, 124" | 81fe 007c 00000000 61x124 | !1002 ERR_LENGTH_NOT_MINIMAL by 7
5.2 | MUST be minimal: 125 in 16 bits, the last that is not                | 82fe 007d 00000000 a5x125                    | !1002 ERR_LENGTH_NOT_MINIMAL by 7
5.2 | MUST be minimal: 0 in 64 bits                                        | 82ff 0000000000000000 00000000               | !1002 ERR_LENGTH_NOT_MINIMAL by 13
5.2 | MUST be minimal: 125 in 64 bits (7 would do)                         | 82ff 000000000000007d 00000000 a5x125        | !1002 ERR_LENGTH_NOT_MINIMAL by 13
5.2 | MUST be minimal: 126 in 64 bits (16 would do)                        | 82ff 000000000000007e 00000000 a5x126        | !1002 ERR_LENGTH_NOT_MINIMAL by 13
5.2 | MUST be minimal: 65 535 in 64 bits, the last that is not             | 82ff 000000000000ffff 00000000 a5x126        | !1002 ERR_LENGTH_NOT_MINIMAL by 13
5.2 | MUST be minimal in a continuation frame too                          | 0281 00000000 a5 80fe 0001 00000000 a5       | !1002 ERR_LENGTH_NOT_MINIMAL by 14

# "the most significant bit MUST be 0", and lengths that no buffer can hold
5.2 | "the most significant bit MUST be 0": 2^63                           | 82ff 8000000000000000 00000000               | !1002 ERR_LENGTH_TOP_BIT by 13
5.2 | "the most significant bit MUST be 0": 2^63 + 5                       | 82ff 8000000000000005 00000000 a5x5          | !1002 ERR_LENGTH_TOP_BIT by 13
5.2 | "the most significant bit MUST be 0": 2^64 - 1                       | 82ff ffffffffffffffff 00000000               | !1002 ERR_LENGTH_TOP_BIT by 13
5.2 | 2^63 - 1 is well-formed but too big                                  | 82ff 7fffffffffffffff 00000000               | !1009 ERR_MESSAGE_TOO_BIG by 13
5.2 | 2^53, the first that a number does not hold exactly with its successor | 82ff 0020000000000000 00000000             | !1009 ERR_MESSAGE_TOO_BIG by 13
5.2 | 2^53 - 1                                                             | 82ff 001fffffffffffff 00000000               | !1009 ERR_MESSAGE_TOO_BIG by 13
5.2 | 2^32: the high word counts                                           | 82ff 0000000100000000 00000000               | !1009 ERR_MESSAGE_TOO_BIG by 13
5.2 | 2^32 + 5 is not 5                                                    | 82ff 0000000100000005 00000000 a5x5          | !1009 ERR_MESSAGE_TOO_BIG by 13
5.2 | 2^32 - 1 is not -1                                                   | 82ff 00000000ffffffff 00000000               | !1009 ERR_MESSAGE_TOO_BIG by 13
5.2 | 2^31 is not negative                                                 | 82ff 0000000080000000 00000000               | !1009 ERR_MESSAGE_TOO_BIG by 13
5.2 | 2^31 - 1                                                             | 82ff 000000007fffffff 00000000               | !1009 ERR_MESSAGE_TOO_BIG by 13
5.2 | the default limit is 4 MiB: exactly that is awaited                  | 82ff 0000000000400000 00000000 a5            | -
5.2 | the default limit is 4 MiB: one byte more is refused at the header   | 82ff 0000000000400001 00000000               | !1009 ERR_MESSAGE_TOO_BIG by 13
5.2 | a limit of 10: a message of 10 bytes                                 | 828a 00000000 a5x10                          | binary a5x10 | maxPayload=10
5.2 | a limit of 10: a message of 11 is refused at the header              | 828b 00000000 a5x11                          | !1009 ERR_MESSAGE_TOO_BIG by 5 | maxPayload=10
5.2 | a limit of 125: 126 in 16 bits is refused at the header              | 82fe 007e 00000000 a5x126                    | !1009 ERR_MESSAGE_TOO_BIG by 7 | maxPayload=125
5.2 | a limit is one of messages: what came before it is delivered         | 8281 00000000 a5 828b 00000000               | binary a5, !1009 ERR_MESSAGE_TOO_BIG by 12 | maxPayload=10
5.2 | a limit is one of a message, not of a connection                     | 828a 00000000 a5x10 828a 00000000 5ax10      | binary a5x10, binary 5ax10 | maxPayload=10

# RSV1, RSV2, RSV3: "MUST be 0 unless an extension is negotiated"
5.2 | RSV1 "MUST be 0 unless an extension is negotiated": Text             | c181 00000000 61                             | !1002 ERR_RESERVED_BIT by 5
5.2 | RSV2 likewise                                                        | a181 00000000 61                             | !1002 ERR_RESERVED_BIT by 5
5.2 | RSV3 likewise                                                        | 9181 00000000 61                             | !1002 ERR_RESERVED_BIT by 5
5.2 | all three                                                            | f181 00000000 61                             | !1002 ERR_RESERVED_BIT by 5
5.2 | RSV1 on Binary                                                       | c281 00000000 a5                             | !1002 ERR_RESERVED_BIT by 5
5.2 | RSV1 on an empty first fragment                                      | 4180 00000000                                | !1002 ERR_RESERVED_BIT by 5
5.2 | RSV1 on a continuation frame                                         | 0181 00000000 61 c081 00000000 61            | !1002 ERR_RESERVED_BIT by 12
5.2 | RSV2 on a continuation frame                                         | 0181 00000000 61 a081 00000000 61            | !1002 ERR_RESERVED_BIT by 12
5.2 | RSV3 on a continuation frame                                         | 0181 00000000 61 9081 00000000 61            | !1002 ERR_RESERVED_BIT by 12
5.2 | RSV1 on Ping                                                         | c980 00000000                                | !1002 ERR_RESERVED_BIT by 5
5.2 | RSV2 on Ping                                                         | a980 00000000                                | !1002 ERR_RESERVED_BIT by 5
5.2 | RSV3 on Pong                                                         | 9a80 00000000                                | !1002 ERR_RESERVED_BIT by 5
5.2 | RSV1 on Pong                                                         | ca80 00000000                                | !1002 ERR_RESERVED_BIT by 5
5.2 | RSV1 on Close                                                        | c882 00000000 03e8                           | !1002 ERR_RESERVED_BIT by 5
5.2 | RSV3 on Close                                                        | 9882 00000000 03e8                           | !1002 ERR_RESERVED_BIT by 5
5.2 | a reserved bit fails the connection after what came before           | 8181 00000000 61 9181 00000000 62            | text 61, !1002 ERR_RESERVED_BIT by 12
5.2 | RSV1 has a meaning once an extension defines it                      | c181 00000000 61                             | compressed text 61 | rsv1
5.2 | RSV1 on Binary, with the extension                                   | c281 00000000 a5                             | compressed binary a5 | rsv1
5.2 | without RSV1 a message is not compressed, with the extension         | 8181 00000000 61                             | text 61 | rsv1
5.2 | the mark is of the message, not of the connection                    | c181 00000000 61 8181 00000000 61            | compressed text 61, text 61 | rsv1
5.2 | RSV1 belongs to the first fragment                                   | 4181 00000000 61 8081 00000000 62            | compressed text 6162 | rsv1
5.2 | RSV1 on a continuation frame, with the extension                     | 4181 00000000 61 c081 00000000 62            | !1002 ERR_RESERVED_BIT by 12 | rsv1
5.2 | RSV1 only on the second fragment, with the extension                 | 0181 00000000 61 c081 00000000 62            | !1002 ERR_RESERVED_BIT by 12 | rsv1
5.2 | RSV1 on Ping, with the extension                                     | c980 00000000                                | !1002 ERR_RESERVED_BIT by 5 | rsv1
5.2 | RSV1 on Pong, with the extension                                     | ca80 00000000                                | !1002 ERR_RESERVED_BIT by 5 | rsv1
5.2 | RSV1 on Close, with the extension                                    | c882 00000000 03e8                           | !1002 ERR_RESERVED_BIT by 5 | rsv1
5.2 | RSV2 is not defined by an extension that defines RSV1                | a181 00000000 61                             | !1002 ERR_RESERVED_BIT by 5 | rsv1
5.2 | RSV3 is not defined by an extension that defines RSV1                | 9181 00000000 61                             | !1002 ERR_RESERVED_BIT by 5 | rsv1
5.2 | RSV1 and RSV2 together, with the extension                           | e181 00000000 61                             | !1002 ERR_RESERVED_BIT by 5 | rsv1
5.2 | a Ping between compressed fragments does not take their mark away    | 4281 00000000 a5 8980 00000000 8081 00000000 5a | ping, compressed binary a55a | rsv1

# "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_"
5.2 | unknown opcode 3: MUST fail                                          | 8380 00000000                                | !1002 ERR_RESERVED_OPCODE by 5
5.2 | unknown opcode 4                                                     | 8480 00000000                                | !1002 ERR_RESERVED_OPCODE by 5
5.2 | unknown opcode 5                                                     | 8580 00000000                                | !1002 ERR_RESERVED_OPCODE by 5
5.2 | unknown opcode 6                                                     | 8680 00000000                                | !1002 ERR_RESERVED_OPCODE by 5
5.2 | unknown opcode 7                                                     | 8780 00000000                                | !1002 ERR_RESERVED_OPCODE by 5
5.2 | unknown opcode B                                                     | 8b80 00000000                                | !1002 ERR_RESERVED_OPCODE by 5
5.2 | unknown opcode C                                                     | 8c80 00000000                                | !1002 ERR_RESERVED_OPCODE by 5
5.2 | unknown opcode D                                                     | 8d80 00000000                                | !1002 ERR_RESERVED_OPCODE by 5
5.2 | unknown opcode E                                                     | 8e80 00000000                                | !1002 ERR_RESERVED_OPCODE by 5
5.2 | unknown opcode F                                                     | 8f80 00000000                                | !1002 ERR_RESERVED_OPCODE by 5
5.2 | an unknown opcode with a payload fails before the payload            | 8381 00000000 61                             | !1002 ERR_RESERVED_OPCODE by 5
5.2 | an unknown data opcode without FIN starts no message                 | 0381 00000000 61                             | !1002 ERR_RESERVED_OPCODE by 5
5.2 | an unknown opcode inside a fragmented message                        | 0181 00000000 61 8780 00000000               | !1002 ERR_RESERVED_OPCODE by 12
5.2 | an unknown control opcode inside a fragmented message                | 0181 00000000 61 8b80 00000000               | !1002 ERR_RESERVED_OPCODE by 12
5.2 | an unknown opcode fails the connection after what came before        | 8181 00000000 61 8f80 00000000               | text 61, !1002 ERR_RESERVED_OPCODE by 12

# The RFC's own examples, those from a client as a server sees them and the other way round
5.7 | a single-frame unmasked Text message                                 | 81 05 48656c6c6f                             | text 48656c6c6f | client
5.7 | a single-frame masked Text message                                   | 81 85 37fa213d 7f9f4d5158                    | text 48656c6c6f
5.7 | a fragmented unmasked Text message                                   | 0103 48656c 8002 6c6f                        | text 48656c6c6f | client
5.7 | unmasked Ping request                                                | 89 05 48656c6c6f                             | ping 48656c6c6f | client
5.7 | masked Pong response                                                 | 8a 85 37fa213d 7f9f4d5158                    | pong 48656c6c6f
5.7 | 256 bytes Binary in a single unmasked frame                          | 82 7e 0100 5ax256                            | binary 5ax256 | client
5.7 | 64 KiB Binary in a single unmasked frame                             | 82 7f 0000000000010000 5ax65536              | binary 5ax65536 | client
`);
