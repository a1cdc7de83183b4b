/** RFC 6455, section 8.1 (with 5.6): Text is UTF-8, and what is not is refused with the byte that proves it. */
import { decoderTable } from './table.js';

export const utf8 = decoderTable(`
# The first and last character of every length, and of every range whose second byte is restricted (RFC 3629, section 4)
8.1 | U+0000, the first of 1 byte                                          | 8181 00000000 00                             | text 00
8.1 | U+007F, the last of 1 byte                                           | 8181 00000000 7f                             | text 7f
8.1 | U+0080, the first of 2 bytes                                         | 8182 00000000 c280                           | text c280
8.1 | U+07FF, the last of 2 bytes                                          | 8182 00000000 dfbf                           | text dfbf
8.1 | U+0800, the first of 3 bytes                                         | 8183 00000000 e0a080                         | text e0a080
8.1 | U+0FFF, the last after E0                                            | 8183 00000000 e0bfbf                         | text e0bfbf
8.1 | U+1000, the first after E1                                           | 8183 00000000 e18080                         | text e18080
8.1 | U+CFFF, the last after EC                                            | 8183 00000000 ecbfbf                         | text ecbfbf
8.1 | U+D000, the first after ED                                           | 8183 00000000 ed8080                         | text ed8080
8.1 | U+D7FF, the last before the surrogates                               | 8183 00000000 ed9fbf                         | text ed9fbf
8.1 | U+E000, the first after the surrogates                               | 8183 00000000 ee8080                         | text ee8080
8.1 | U+FFFF, the last of 3 bytes, a noncharacter                          | 8183 00000000 efbfbf                         | text efbfbf
8.1 | U+10000, the first of 4 bytes                                        | 8184 00000000 f0908080                       | text f0908080
8.1 | U+3FFFF, the last after F0                                           | 8184 00000000 f0bfbfbf                       | text f0bfbfbf
8.1 | U+40000, the first after F1                                          | 8184 00000000 f1808080                       | text f1808080
8.1 | U+FFFFF, the last after F3                                           | 8184 00000000 f3bfbfbf                       | text f3bfbfbf
8.1 | U+100000, the first after F4                                         | 8184 00000000 f4808080                       | text f4808080
8.1 | U+10FFFF, the last of all                                            | 8184 00000000 f48fbfbf                       | text f48fbfbf
8.1 | noncharacters are characters: U+FDD0                                 | 8183 00000000 efb790                         | text efb790
8.1 | noncharacters are characters: U+1FFFE                                | 8184 00000000 f09fbfbe                       | text f09fbfbe
8.1 | U+FFFD, which others put in place of errors, is no error             | 8183 00000000 efbfbd                         | text efbfbd
8.1 | U+FEFF at the start is kept                                          | 8184 00000000 efbbbf61                       | text efbbbf61
8.1 | U+FEFF alone is a message of one character                           | 8183 00000000 efbbbf                         | text efbbbf
8.1 | text is not normalised: e and U+0301 stay two                        | 8183 00000000 65cc81                         | text 65cc81
8.1 | characters of all lengths in a row                                   | 818a 00000000 61c3a9e282acf09f9882           | text 61c3a9e282acf09f9882

# A character may be cut by the end of a fragment
5.6 | "a particular text frame might include a partial UTF-8 sequence": 1 + 1 | 0181 00000000 c3 8081 00000000 a9         | text c3a9
5.6 | a partial sequence: 1 + 2                                            | 0181 00000000 e2 8082 00000000 82ac          | text e282ac
5.6 | a partial sequence: 2 + 1                                            | 0182 00000000 e282 8081 00000000 ac          | text e282ac
5.6 | a partial sequence: 1 + 3                                            | 0181 00000000 f0 8083 00000000 9f9882        | text f09f9882
5.6 | a partial sequence: 2 + 2                                            | 0182 00000000 f09f 8082 00000000 9882        | text f09f9882
5.6 | a partial sequence: 3 + 1                                            | 0183 00000000 f09f98 8081 00000000 82        | text f09f9882
5.6 | a partial sequence: 1 + 1 + 1 + 1                                    | 0181 00000000 f0 0081 00000000 9f 0081 00000000 98 8081 00000000 82 | text f09f9882
5.6 | with an empty fragment inside a character                            | 0181 00000000 c3 0080 00000000 8081 00000000 a9 | text c3a9
5.6 | with a Ping inside a character, whose bytes are not the character's  | 0181 00000000 c3 8981 00000000 41 8081 00000000 a9 | ping 41, text c3a9
5.6 | with a restricted second byte in the next fragment                   | 0181 00000000 f4 8083 00000000 8fbfbf        | text f48fbfbf
5.6 | a character whose fragments have different keys                      | 0182 ffffffff 1d7d 8081 0f0f0f0f a3          | text e282ac
5.6 | U+FEFF across two fragments is kept                                  | 0181 00000000 ef 8082 00000000 bbbf          | text efbbbf
5.6 | "the whole message MUST contain valid UTF-8", Binary need not        | 8284 00000000 c0fff580                       | binary c0fff580
5.6 | a Binary may end inside a character                                  | 8282 00000000 e282                           | binary e282
5.6 | what one Binary left unfinished is no matter of the next Text        | 8281 00000000 e2 8181 00000000 61            | binary e2, text 61
5.6 | a compressed Text is judged after inflation, not before              | c183 00000000 c0fff5                         | compressed text c0fff5 | rsv1
5.6 | compressed fragments likewise                                        | 4181 00000000 c0 8081 00000000 ff            | compressed text c0ff | rsv1
5.6 | after a compressed message an uncompressed one is judged again       | c181 00000000 ff 8181 00000000 ff            | compressed text ff, !1007 ERR_INVALID_UTF8 at 13 | rsv1

# "MUST _Fail the WebSocket Connection_": bytes that begin no character
8.1 | MUST fail: 80, the first continuation byte, where a character begins | 8183 00000000 418061                         | !1007 ERR_INVALID_UTF8 at 7
8.1 | BF, the last continuation byte                                       | 8183 00000000 41bf61                         | !1007 ERR_INVALID_UTF8 at 7
8.1 | C0 could begin only overlong forms                                   | 8183 00000000 41c0af                         | !1007 ERR_INVALID_UTF8 at 7
8.1 | C1 likewise                                                          | 8183 00000000 41c1bf                         | !1007 ERR_INVALID_UTF8 at 7
8.1 | F5, the first beyond U+10FFFF                                        | 8185 00000000 41f5808080                     | !1007 ERR_INVALID_UTF8 at 7
8.1 | F7, the last of the old 4-byte forms                                 | 8185 00000000 41f7bfbfbf                     | !1007 ERR_INVALID_UTF8 at 7
8.1 | F8, the old 5-byte form                                              | 8186 00000000 41f888808080                   | !1007 ERR_INVALID_UTF8 at 7
8.1 | FB, its last                                                         | 8186 00000000 41fbbfbfbfbf                   | !1007 ERR_INVALID_UTF8 at 7
8.1 | FC, the old 6-byte form                                              | 8187 00000000 41fc8480808080                 | !1007 ERR_INVALID_UTF8 at 7
8.1 | FD, its last                                                         | 8187 00000000 41fdbfbfbfbfbf                 | !1007 ERR_INVALID_UTF8 at 7
8.1 | FE begins nothing, nor does a UTF-16 byte order mark                 | 8183 00000000 41feff                         | !1007 ERR_INVALID_UTF8 at 7
8.1 | FF begins nothing                                                    | 8183 00000000 41ff61                         | !1007 ERR_INVALID_UTF8 at 7

# Second bytes: below, above and outside the range that the first allows
8.1 | C2 with 7F, just below a continuation byte                           | 8183 00000000 c27f61                         | !1007 ERR_INVALID_UTF8 at 7
8.1 | C2 with C0, just above one                                           | 8183 00000000 c2c061                         | !1007 ERR_INVALID_UTF8 at 7
8.1 | C2 with C2: the new beginning is an error, not a fresh start         | 8183 00000000 c2c280                         | !1007 ERR_INVALID_UTF8 at 7
8.1 | DF with 7F                                                           | 8183 00000000 df7f61                         | !1007 ERR_INVALID_UTF8 at 7
8.1 | DF with C0                                                           | 8183 00000000 dfc061                         | !1007 ERR_INVALID_UTF8 at 7
8.1 | E0 with 80: overlong U+0000                                          | 8184 00000000 e0808061                       | !1007 ERR_INVALID_UTF8 at 7
8.1 | E0 with 9F: the last overlong form of 3 bytes                        | 8184 00000000 e09fbf61                       | !1007 ERR_INVALID_UTF8 at 7
8.1 | E0 with C0                                                           | 8184 00000000 e0c08061                       | !1007 ERR_INVALID_UTF8 at 7
8.1 | E1 with 7F                                                           | 8184 00000000 e17f8061                       | !1007 ERR_INVALID_UTF8 at 7
8.1 | E1 with C0                                                           | 8184 00000000 e1c08061                       | !1007 ERR_INVALID_UTF8 at 7
8.1 | EC with C0                                                           | 8184 00000000 ecc08061                       | !1007 ERR_INVALID_UTF8 at 7
8.1 | ED with 7F                                                           | 8184 00000000 ed7f8061                       | !1007 ERR_INVALID_UTF8 at 7
8.1 | ED with A0: U+D800, the first surrogate                              | 8184 00000000 eda08061                       | !1007 ERR_INVALID_UTF8 at 7
8.1 | ED with AF: U+DBFF, the last high surrogate                          | 8184 00000000 edafbf61                       | !1007 ERR_INVALID_UTF8 at 7
8.1 | ED with B0: U+DC00, the first low surrogate                          | 8184 00000000 edb08061                       | !1007 ERR_INVALID_UTF8 at 7
8.1 | ED with BF: U+DFFF, the last surrogate                               | 8184 00000000 edbfbf61                       | !1007 ERR_INVALID_UTF8 at 7
8.1 | a pair of surrogates is no character (CESU-8)                        | 8186 00000000 eda0bdedb882                   | !1007 ERR_INVALID_UTF8 at 7
8.1 | EE with 7F                                                           | 8184 00000000 ee7f8061                       | !1007 ERR_INVALID_UTF8 at 7
8.1 | EE with C0                                                           | 8184 00000000 eec08061                       | !1007 ERR_INVALID_UTF8 at 7
8.1 | EF with C0                                                           | 8184 00000000 efc08061                       | !1007 ERR_INVALID_UTF8 at 7
8.1 | F0 with 80: overlong U+0000 in 4 bytes                               | 8185 00000000 f080808061                     | !1007 ERR_INVALID_UTF8 at 7
8.1 | F0 with 8F: U+FFFF, the last overlong form of 4 bytes                | 8185 00000000 f08fbfbf61                     | !1007 ERR_INVALID_UTF8 at 7
8.1 | F0 with C0                                                           | 8185 00000000 f0c0808061                     | !1007 ERR_INVALID_UTF8 at 7
8.1 | F1 with 7F                                                           | 8185 00000000 f17f808061                     | !1007 ERR_INVALID_UTF8 at 7
8.1 | F1 with C0                                                           | 8185 00000000 f1c0808061                     | !1007 ERR_INVALID_UTF8 at 7
8.1 | F3 with C0                                                           | 8185 00000000 f3c0808061                     | !1007 ERR_INVALID_UTF8 at 7
8.1 | F4 with 7F                                                           | 8185 00000000 f47f808061                     | !1007 ERR_INVALID_UTF8 at 7
8.1 | F4 with 90: U+110000, the first beyond Unicode                       | 8185 00000000 f490808061                     | !1007 ERR_INVALID_UTF8 at 7
8.1 | F4 with BF: U+13FFFF                                                 | 8185 00000000 f4bfbfbf61                     | !1007 ERR_INVALID_UTF8 at 7

# Third and fourth bytes
8.1 | third byte 7F after E0 A0                                            | 8184 00000000 e0a07f61                       | !1007 ERR_INVALID_UTF8 at 8
8.1 | third byte C0 after E1 80                                            | 8184 00000000 e180c061                       | !1007 ERR_INVALID_UTF8 at 8
8.1 | third byte C0 after ED 9F                                            | 8184 00000000 ed9fc061                       | !1007 ERR_INVALID_UTF8 at 8
8.1 | third byte 41 after EF BB                                            | 8184 00000000 efbb4161                       | !1007 ERR_INVALID_UTF8 at 8
8.1 | third byte 7F after F0 90                                            | 8185 00000000 f0907f8061                     | !1007 ERR_INVALID_UTF8 at 8
8.1 | third byte C0 after F1 80                                            | 8185 00000000 f180c08061                     | !1007 ERR_INVALID_UTF8 at 8
8.1 | third byte C0 after F4 8F                                            | 8185 00000000 f48fc08061                     | !1007 ERR_INVALID_UTF8 at 8
8.1 | fourth byte 7F after F0 90 80                                        | 8185 00000000 f090807f61                     | !1007 ERR_INVALID_UTF8 at 9
8.1 | fourth byte C0 after F1 80 80                                        | 8185 00000000 f18080c061                     | !1007 ERR_INVALID_UTF8 at 9
8.1 | fourth byte C0 after F4 8F BF                                        | 8185 00000000 f48fbfc061                     | !1007 ERR_INVALID_UTF8 at 9
8.1 | a continuation byte too many after 2                                 | 8184 00000000 c2808061                       | !1007 ERR_INVALID_UTF8 at 8
8.1 | a continuation byte too many after 3                                 | 8185 00000000 e180808061                     | !1007 ERR_INVALID_UTF8 at 9
8.1 | a continuation byte too many after 4                                 | 8186 00000000 f18080808061                   | !1007 ERR_INVALID_UTF8 at 10

# A message may not end inside a character
8.1 | the message ends after C2                                            | 8181 00000000 c2                             | !1007 ERR_INVALID_UTF8 by 6
8.1 | the message ends after E1                                            | 8182 00000000 41e1                           | !1007 ERR_INVALID_UTF8 by 7
8.1 | the message ends after E1 80                                         | 8183 00000000 41e180                         | !1007 ERR_INVALID_UTF8 by 8
8.1 | the message ends after F1                                            | 8182 00000000 41f1                           | !1007 ERR_INVALID_UTF8 by 7
8.1 | the message ends after F1 80                                         | 8183 00000000 41f180                         | !1007 ERR_INVALID_UTF8 by 8
8.1 | the message ends after F1 80 80                                      | 8184 00000000 41f18080                       | !1007 ERR_INVALID_UTF8 by 9
8.1 | a fragmented message ends inside a character                         | 0181 00000000 41 8082 00000000 e282          | !1007 ERR_INVALID_UTF8 by 14
8.1 | an empty last fragment ends it inside a character                    | 0181 00000000 c3 8080 00000000               | !1007 ERR_INVALID_UTF8 by 12
8.1 | the next message does not finish it                                  | 8181 00000000 c3 8181 00000000 a9            | !1007 ERR_INVALID_UTF8 by 6

# As soon as it is known: in a fragment, in a partly received frame, far into a long one
8.1 | at once in a first fragment                                          | 0182 00000000 41ff                           | !1007 ERR_INVALID_UTF8 at 7
8.1 | at once in a second fragment                                         | 0181 00000000 41 0082 00000000 41ff          | !1007 ERR_INVALID_UTF8 at 14
8.1 | at once where a second fragment does not go on with the first's character | 0182 00000000 41c3 0082 00000000 4141   | !1007 ERR_INVALID_UTF8 at 14
8.1 | a restricted second byte is restricted across fragments: F4, 90      | 0181 00000000 f4 0083 00000000 908080        | !1007 ERR_INVALID_UTF8 at 13
8.1 | a restricted second byte is restricted across fragments: ED, A0      | 0181 00000000 ed 0082 00000000 a080          | !1007 ERR_INVALID_UTF8 at 13
8.1 | a restricted second byte is restricted across fragments: E0, 9F      | 0181 00000000 e0 0082 00000000 9fbf          | !1007 ERR_INVALID_UTF8 at 13
8.1 | a restricted second byte is restricted across fragments: F0, 8F      | 0181 00000000 f0 0083 00000000 8fbfbf        | !1007 ERR_INVALID_UTF8 at 13
8.1 | only the second byte is restricted: F0 90, 80 and then 41            | 0182 00000000 f090 0082 00000000 8041        | !1007 ERR_INVALID_UTF8 at 15
8.1 | an empty fragment and a Ping do not hide it                          | 0181 00000000 c3 0080 00000000 8981 00000000 a9 0081 00000000 41 | ping a9, !1007 ERR_INVALID_UTF8 at 26
8.1 | at once in a frame of which 123 bytes are still to come              | 81fd 00000000 41ff                           | !1007 ERR_INVALID_UTF8 at 7
8.1 | at once in a frame that will have 65 536 bytes, at its first         | 81ff 0000000000010000 00000000 80            | !1007 ERR_INVALID_UTF8 at 14
8.1 | at once in a fragment of which most is still to come                 | 01fe 1000 00000000 c241                      | !1007 ERR_INVALID_UTF8 at 9
8.1 | at once although a good message came before                          | 8182 00000000 c3a9 81fd 00000000 c328        | text c3a9, !1007 ERR_INVALID_UTF8 at 15
8.1 | after unmasking: the bytes as sent would be text                     | 81fd 80808080 4161                           | !1007 ERR_INVALID_UTF8 at 6
8.1 | 7 plain bytes before it                                              | 81fd 00000000 61x7 ff                        | !1007 ERR_INVALID_UTF8 at 13
8.1 | 8 plain bytes before it                                              | 81fd 00000000 61x8 ff                        | !1007 ERR_INVALID_UTF8 at 14
8.1 | 15 plain bytes before it                                             | 81fd 00000000 61x15 ff                       | !1007 ERR_INVALID_UTF8 at 21
8.1 | 16 plain bytes before it                                             | 81fd 00000000 61x16 ff                       | !1007 ERR_INVALID_UTF8 at 22
8.1 | 31 plain bytes before it                                             | 81fd 00000000 61x31 ff                       | !1007 ERR_INVALID_UTF8 at 37
8.1 | 64 plain bytes before it                                             | 81fd 00000000 61x64 ff                       | !1007 ERR_INVALID_UTF8 at 70
8.1 | 1000 plain bytes before it                                           | 81fe 1000 00000000 61x1000 ff                | !1007 ERR_INVALID_UTF8 at 1008
8.1 | 70 000 plain bytes before it                                         | 81ff 0000000000020000 00000000 61x70000 ff   | !1007 ERR_INVALID_UTF8 at 70014
8.1 | 300 characters of 2 bytes before half a one                          | 81fe 1000 00000000 (c3a9)x300 c341           | !1007 ERR_INVALID_UTF8 at 609
8.1 | 300 characters of 4 bytes before a bad third byte                    | 81fe 1000 00000000 (f09f9882)x300 f09f41     | !1007 ERR_INVALID_UTF8 at 1210
8.1 | Greek in three fragments, the second beyond Unicode                  | 018b 00000000 cebae1bdb9cf83cebcceb5 0084 00000000 f4908080 8086 00000000 656469746564 | !1007 ERR_INVALID_UTF8 at 24
`);
