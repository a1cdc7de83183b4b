/** RFC 6455, sections 5.1 and 5.3: which side masks, and how. */
import { decoderTable } from './table.js';

export const masking = decoderTable(`
# "The server MUST close the connection upon receiving a frame that is not masked."
5.1 | MUST close upon a frame that is not masked: Text                     | 8101 61                                      | !1002 ERR_MASK_REQUIRED by 1
5.1 | not masked: an empty Text                                            | 8100                                         | !1002 ERR_MASK_REQUIRED by 1
5.1 | not masked: Binary                                                   | 8201 a5                                      | !1002 ERR_MASK_REQUIRED by 1
5.1 | not masked: Binary in the 16-bit form                                | 827e 007e a5x126                             | !1002 ERR_MASK_REQUIRED by 3
5.1 | not masked: Binary in the 64-bit form                                | 827f 0000000000010000                        | !1002 ERR_MASK_REQUIRED by 9
5.1 | not masked: Ping                                                     | 8900                                         | !1002 ERR_MASK_REQUIRED by 1
5.1 | not masked: Pong                                                     | 8a00                                         | !1002 ERR_MASK_REQUIRED by 1
5.1 | not masked: Close                                                    | 8802 03e8                                    | !1002 ERR_MASK_REQUIRED by 1
5.1 | not masked: a first fragment                                         | 0101 61                                      | !1002 ERR_MASK_REQUIRED by 1
5.1 | not masked: a continuation frame of a message that began masked      | 0181 00000000 61 8001 61                     | !1002 ERR_MASK_REQUIRED by 8
5.1 | not masked: after a good message                                     | 8181 00000000 61 8101 61                     | text 61, !1002 ERR_MASK_REQUIRED by 8

# "A client MUST close a connection if it detects a masked frame."
5.1 | a client MUST close upon a masked frame: Text                        | 8181 00000000 61                             | !1002 ERR_MASK_FORBIDDEN by 5 | client
5.1 | a client: an empty masked Text                                       | 8180 00000000                                | !1002 ERR_MASK_FORBIDDEN by 5 | client
5.1 | a client: masked Binary in the 16-bit form                           | 82fe 007e 00000000                           | !1002 ERR_MASK_FORBIDDEN by 7 | client
5.1 | a client: masked Ping                                                | 8980 00000000                                | !1002 ERR_MASK_FORBIDDEN by 5 | client
5.1 | a client: masked Close                                               | 8882 00000000 03e8                           | !1002 ERR_MASK_FORBIDDEN by 5 | client
5.1 | a client: a masked continuation frame                                | 0101 61 8081 00000000 61                     | !1002 ERR_MASK_FORBIDDEN by 8 | client
5.1 | a client takes control frames unmasked: Close                        | 8802 03e8                                    | close 1000 | client
5.1 | a client takes an empty frame unmasked                               | 8200                                         | binary | client
5.1 | a client takes an unmasked frame of 125 bytes                        | 827d a5x125                                  | binary a5x125 | client
5.1 | a client takes an unmasked frame in the 16-bit form                  | 827e 007e a5x126                             | binary a5x126 | client

# "transformed-octet-i = original-octet-i XOR masking-key-octet-(i MOD 4)". A payload of zeros, masked, is the key repeated.
5.3 | j = i MOD 4: 1 byte takes the key's first                            | 8281 0102f3f4 00                             | binary 01
5.3 | 2 bytes                                                              | 8282 0102f3f4 0000                           | binary 0102
5.3 | 3 bytes                                                              | 8283 0102f3f4 000000                         | binary 0102f3
5.3 | 4 bytes, one turn of the key                                         | 8284 0102f3f4 00000000                       | binary 0102f3f4
5.3 | 5 bytes start the key again                                          | 8285 0102f3f4 0000000000                     | binary 0102f3f401
5.3 | 7 bytes                                                              | 8287 0102f3f4 00x7                           | binary 0102f3f40102f3
5.3 | 8 bytes, two turns                                                   | 8288 0102f3f4 00x8                           | binary (0102f3f4)x2
5.3 | 15 bytes, one short of a vector                                      | 828f 0102f3f4 00x15                          | binary (0102f3f4)x3 0102f3
5.3 | 16 bytes, a vector                                                   | 8290 0102f3f4 00x16                          | binary (0102f3f4)x4
5.3 | 17 bytes, a vector and a byte                                        | 8291 0102f3f4 00x17                          | binary (0102f3f4)x4 01
5.3 | 31 bytes                                                             | 829f 0102f3f4 00x31                          | binary (0102f3f4)x7 0102f3
5.3 | 33 bytes                                                             | 82a1 0102f3f4 00x33                          | binary (0102f3f4)x8 01
5.3 | 63 bytes                                                             | 82bf 0102f3f4 00x63                          | binary (0102f3f4)x15 0102f3
5.3 | 65 bytes                                                             | 82c1 0102f3f4 00x65                          | binary (0102f3f4)x16 01
5.3 | 255 bytes in the 16-bit form                                         | 82fe 00ff 0102f3f4 00x255                    | binary (0102f3f4)x63 0102f3
5.3 | 1027 bytes                                                           | 82fe 0403 0102f3f4 00x1027                   | binary (0102f3f4)x256 0102f3
5.3 | 4097 bytes                                                           | 82fe 1001 0102f3f4 00x4097                   | binary (0102f3f4)x1024 01
5.3 | 65 538 bytes in the 64-bit form                                      | 82ff 0000000000010002 0102f3f4 00x65538      | binary (0102f3f4)x16384 0102
5.3 | 131 073 bytes, more than two reads of a socket                       | 82ff 0000000000020001 0102f3f4 00x131073     | binary (0102f3f4)x32768 01
5.3 | the key may be zero                                                  | 8284 00000000 ff0080fe                       | binary ff0080fe
5.3 | the key may be all ones: top bits are no signs                       | 8284 ffffffff ff0080fe                       | binary 00ff7f01
5.3 | the payload may equal the key                                        | 8284 8badf00d 8badf00d                       | binary 00000000
5.3 | "a fresh masking key" for each frame: two messages                   | 8282 ffffffff 0000 8282 0f0f0f0f 0000        | binary ffff, binary 0f0f
5.3 | "a fresh masking key" for each fragment, whose octets count from 0   | 0281 ffffffff 00 0083 01020304 000000 8081 aabbccdd 00 | binary ff010203aa
5.3 | the key of a Ping between fragments is its own                       | 0281 ffffffff 00 8982 01020304 0000 8081 aabbccdd 00 | ping 0102, binary ffaa
5.3 | Text is judged after unmasking: masked bytes that are no UTF-8       | 8184 ffffffff 9e9e9e9e                       | text 61616161
5.3 | Text is judged after unmasking: masked bytes that are                | 8181 80808080 61                             | !1007 ERR_INVALID_UTF8 at 6
5.3 | a Close payload is unmasked                                          | 8885 01020304 02ea 617d64                    | close 1000 627965
5.3 | a Pong payload is unmasked                                           | 8a83 01020304 000000                         | pong 010203
5.3 | "the length of the payload data" is not masked                       | 8282 82828282 0000                           | binary 8282
`);
