/** RFC 6455, sections 5.5.1 and 7.4: the Close frame, its status codes and reason, and what follows it. */
import { decoderTable } from './table.js';

export const closeFrames = decoderTable(`
# "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer"
5.5.1 | "The Close frame MAY contain a body": none                         | 8880 00000000                                | close 1005
5.5.1 | "MUST be a 2-byte unsigned integer": 1 byte                        | 8881 00000000 03                             | !1002 ERR_CLOSE_PAYLOAD by 6
5.5.1 | a code and no reason                                               | 8882 00000000 03e8                           | close 1000
5.5.1 | "followed by UTF-8-encoded data": a reason of 1 byte               | 8883 00000000 03e8 61                        | close 1000 61
5.5.1 | the longest reason, 123 bytes                                      | 88fd 00000000 03e8 61x123                    | close 1000 61x123
5.5.1 | a reason may contain U+0000                                        | 8885 00000000 03e8 610062                    | close 1000 610062
5.5.1 | a reason keeps a byte order mark                                   | 8885 00000000 03e8 efbbbf                    | close 1000 efbbbf
5.5.1 | a reason beyond the basic plane                                    | 8886 00000000 03e8 f09f9882                  | close 1000 f09f9882
5.5.1 | a reason that is no UTF-8: FF                                      | 8883 00000000 03e8 ff                        | !1007 ERR_INVALID_UTF8 at 8
5.5.1 | a reason that is no UTF-8 after good characters                    | 8886 00000000 03e8 616280 62                 | !1007 ERR_INVALID_UTF8 at 10
5.5.1 | a reason that ends inside a character                              | 8885 00000000 03e8 61e282                    | !1007 ERR_INVALID_UTF8 at 10
5.5.1 | a reason with an overlong form                                     | 8884 00000000 03e8 c0af                      | !1007 ERR_INVALID_UTF8 at 8
5.5.1 | a reason with a surrogate                                          | 8885 00000000 03e8 eda080                    | !1007 ERR_INVALID_UTF8 at 9
5.5.1 | a reason beyond U+10FFFF                                           | 8886 00000000 03e8 f4908080                  | !1007 ERR_INVALID_UTF8 at 9
5.5.1 | a reason that is no UTF-8, before the rest of it has come           | 8890 00000000 03e8 61ff                      | !1007 ERR_INVALID_UTF8 at 9
5.5.1 | a Ping inside a text of many bytes, then a reason that is no UTF-8   | 0182 00000000 c3a9 8980 00000000 8884 00000000 03e8 80 | ping, !1007 ERR_INVALID_UTF8 at 22
5.5.1 | a Close that lacks the end of its reason is not one yet            | 8884 00000000 03e8 61                        | -
5.5.1 | a Close that lacks half its code is not one yet                    | 8882 00000000 03                             | -
5.5.1 | a client takes a Close with a reason                               | 8805 03e8 627965                             | close 1000 627965 | client

# "any Application data ... after the Close frame" is not looked at (section 1.4: "any further data received" is discarded)
5.5.1 | after a Close: Text is ignored                                     | 8882 00000000 03e8 8181 00000000 61          | close 1000
5.5.1 | after a Close: a Ping is ignored                                   | 8882 00000000 03e8 8980 00000000             | close 1000
5.5.1 | after a Close: a second Close is ignored                           | 8882 00000000 03e8 8882 00000000 03e9        | close 1000
5.5.1 | after a Close: an unmasked frame is no failure                     | 8882 00000000 03e8 8101 61                   | close 1000
5.5.1 | after a Close: bytes that are no frame are no failure              | 8882 00000000 03e8 ffx32                     | close 1000
5.5.1 | after a Close: half a header                                       | 8882 00000000 03e8 81                        | close 1000
5.5.1 | after a Close: a length beyond the limit                           | 8882 00000000 03e8 82ff 0000000100000000 00000000 | close 1000
5.5.1 | after an empty Close: Text is ignored                              | 8880 00000000 8181 00000000 61               | close 1005
5.5.1 | before a Close messages are delivered                              | 8181 00000000 61 8882 00000000 03e8          | text 61, close 1000
5.5.1 | a Ping just before a Close                                         | 8981 00000000 70 8882 00000000 03e8          | ping 70, close 1000
5.5.1 | a Close in the middle of a frame's bytes is payload                | 8288 00000000 888200000000 03e8              | binary 888200000000 03e8

# 7.4.1: defined status codes
7.4.1 | 1001, going away                                                   | 8882 00000000 03e9                           | close 1001
7.4.1 | 1002, protocol error                                               | 8882 00000000 03ea                           | close 1002
7.4.1 | 1003, unsupported data                                             | 8882 00000000 03eb                           | close 1003
7.4.1 | 1004 is reserved: "The specific meaning might be defined in the future" | 8882 00000000 03ec                      | !1002 ERR_CLOSE_CODE by 7
7.4.1 | 1005 "MUST NOT be set as a status code in a Close control frame"   | 8882 00000000 03ed                           | !1002 ERR_CLOSE_CODE by 7
7.4.1 | 1006 "MUST NOT be set as a status code in a Close control frame"   | 8882 00000000 03ee                           | !1002 ERR_CLOSE_CODE by 7
7.4.1 | 1007, invalid payload                                              | 8882 00000000 03ef                           | close 1007
7.4.1 | 1008, policy violation                                             | 8882 00000000 03f0                           | close 1008
7.4.1 | 1009, message too big                                              | 8882 00000000 03f1                           | close 1009
7.4.1 | 1010, mandatory extension                                          | 8882 00000000 03f2                           | close 1010
7.4.1 | 1011, internal error                                               | 8882 00000000 03f3                           | close 1011
7.4.1 | 1015 "MUST NOT be set as a status code in a Close control frame"   | 8882 00000000 03f7                           | !1002 ERR_CLOSE_CODE by 7
7.4.1 | a code that must not be sent, with a reason                        | 8885 00000000 03ee 627965                    | !1002 ERR_CLOSE_CODE by 10
7.4.1 | a client refuses it too                                            | 8802 03ee                                    | !1002 ERR_CLOSE_CODE by 3 | client

# 7.4.2: ranges, and the registry (section 11.7), which has since defined 1012 to 1014
7.4.2 | 1012, service restart (registered)                                 | 8882 00000000 03f4                           | close 1012
7.4.2 | 1013, try again later (registered)                                 | 8882 00000000 03f5                           | close 1013
7.4.2 | 1014, bad gateway (registered)                                     | 8882 00000000 03f6                           | close 1014
7.4.2 | "0-999 are not used": 0                                            | 8882 00000000 0000                           | !1002 ERR_CLOSE_CODE by 7
7.4.2 | "0-999 are not used": 1                                            | 8882 00000000 0001                           | !1002 ERR_CLOSE_CODE by 7
7.4.2 | "0-999 are not used": 999, the last                                | 8882 00000000 03e7                           | !1002 ERR_CLOSE_CODE by 7
7.4.2 | "1000-2999 are reserved for definition by this protocol": 1016, the first undefined | 8882 00000000 03f8          | !1002 ERR_CLOSE_CODE by 7
7.4.2 | a reserved code, before the reason has come                        | 8885 00000000 03f8                           | !1002 ERR_CLOSE_CODE at 7
7.4.2 | reserved: 1100                                                     | 8882 00000000 044c                           | !1002 ERR_CLOSE_CODE by 7
7.4.2 | reserved: 1999                                                     | 8882 00000000 07cf                           | !1002 ERR_CLOSE_CODE by 7
7.4.2 | reserved: 2000                                                     | 8882 00000000 07d0                           | !1002 ERR_CLOSE_CODE by 7
7.4.2 | reserved: 2999, the last                                           | 8882 00000000 0bb7                           | !1002 ERR_CLOSE_CODE by 7
7.4.2 | "3000-3999 are reserved for use by libraries": 3000, the first     | 8882 00000000 0bb8                           | close 3000
7.4.2 | 3999, the last                                                     | 8882 00000000 0f9f                           | close 3999
7.4.2 | "4000-4999 are reserved for private use": 4000, the first          | 8882 00000000 0fa0                           | close 4000
7.4.2 | 4999, the last                                                     | 8882 00000000 1387                           | close 4999
7.4.2 | beyond all ranges: 5000                                            | 8882 00000000 1388                           | !1002 ERR_CLOSE_CODE by 7
7.4.2 | beyond all ranges: 32 768 is not negative                          | 8882 00000000 8000                           | !1002 ERR_CLOSE_CODE by 7
7.4.2 | beyond all ranges: 65 535                                          | 8882 00000000 ffff                           | !1002 ERR_CLOSE_CODE by 7
7.4.2 | "unsigned integer (in network byte order)": 1000 the wrong way round is 59 395 | 8882 00000000 e803               | !1002 ERR_CLOSE_CODE by 7
`);
