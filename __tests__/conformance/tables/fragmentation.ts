/** RFC 6455, section 5.4: fragmentation. */
import { decoderTable } from './table.js';

export const fragmentation = decoderTable(`
# "A fragmented message consists of a single frame with the FIN bit clear and an opcode other than 0, followed by zero or
# more frames with the FIN bit clear and the opcode set to 0, and terminated by a single frame with the FIN bit set and an opcode of 0."
5.4 | "followed by zero or more": two fragments                            | 0181 00000000 61 8081 00000000 62            | text 6162
5.4 | "or more": three fragments                                           | 0181 00000000 61 0081 00000000 62 8081 00000000 63 | text 616263
5.4 | five fragments                                                       | 0181 00000000 61 (0081 00000000 62)x3 8081 00000000 63 | text 6162626263
5.4 | a thousand fragments of a byte                                       | 0281 00000000 a5 (0081 00000000 5a)x998 8081 00000000 a5 | binary a5 5ax998 a5
5.4 | a fragmented Binary                                                  | 0281 00000000 a5 8081 00000000 5a            | binary a55a
5.4 | the first fragment may be empty                                      | 0180 00000000 8081 00000000 62               | text 62
5.4 | the last fragment may be empty                                       | 0181 00000000 61 8080 00000000               | text 61
5.4 | a middle fragment may be empty                                       | 0181 00000000 61 0080 00000000 8081 00000000 62 | text 6162
5.4 | all fragments may be empty: an empty Text                            | 0180 00000000 0080 00000000 8080 00000000    | text
5.4 | all fragments may be empty: an empty Binary                          | 0280 00000000 8080 00000000                  | binary
5.4 | a hundred empty fragments                                            | 0280 00000000 (0080 00000000)x100 8081 00000000 a5 | binary a5
5.4 | without its last fragment there is no message                        | 0181 00000000 61 0081 00000000 62            | -
5.4 | an unfinished message is no reason to hold back a Ping               | 0181 00000000 61 8980 00000000               | ping
5.4 | a fragment of 126 bytes                                              | 0281 00000000 a5 80fe 007e 00000000 5ax126   | binary a5 5ax126
5.4 | a fragment of 65 536 bytes                                           | 0281 00000000 a5 80ff 0000000000010000 00000000 5ax65536 | binary a5 5ax65536
5.4 | a large first fragment and a small second                            | 02fe 1000 00000000 a5x4096 8081 00000000 5a  | binary a5x4096 5a
5.4 | a message in the shape of another differs: opcode and FIN are read again | 0181 00000000 61 8081 00000000 62 8281 00000000 a5 | text 6162, binary a5
5.4 | two fragmented messages, one after the other                         | 0181 00000000 61 8081 00000000 62 0281 00000000 a5 8081 00000000 5a | text 6162, binary a55a
5.4 | a fragmented message after a whole one                               | 8181 00000000 7a 0181 00000000 61 8081 00000000 62 | text 7a, text 6162
5.4 | "all fragments of a message are of the same type": a Binary's need not be UTF-8 | 0281 00000000 61 8081 00000000 ff | binary 61ff

# "Control frames MAY be injected in the middle of a fragmented message."
5.4 | a Ping "in the middle of a fragmented message" comes before it       | 0181 00000000 61 8981 00000000 70 8081 00000000 62 | ping 70, text 6162
5.4 | a Pong in the middle                                                 | 0181 00000000 61 8a81 00000000 70 8081 00000000 62 | pong 70, text 6162
5.4 | two Pings in the middle, in order                                    | 0181 00000000 61 8981 00000000 70 8981 00000000 71 8081 00000000 62 | ping 70, ping 71, text 6162
5.4 | a Ping in every gap                                                  | 0181 00000000 61 8980 00000000 0081 00000000 62 8981 00000000 71 8081 00000000 63 | ping, ping 71, text 616263
5.4 | a Ping of 125 bytes in the middle of a shorter message               | 0281 00000000 a5 89fd 00000000 70x125 8081 00000000 5a | ping 70x125, binary a55a
5.4 | a Ping after an empty first fragment                                 | 0180 00000000 8980 00000000 8080 00000000    | ping, text
5.4 | a Ping in the middle of a Binary whose gap is inside a character     | 0281 00000000 c3 8981 00000000 a9 8081 00000000 a9 | ping a9, binary c3a9
5.4 | a Close in the middle ends the connection without the message        | 0181 00000000 61 8882 00000000 03e8          | close 1000
5.4 | after a Close in the middle the last fragment is ignored             | 0181 00000000 61 8880 00000000 8081 00000000 62 | close 1005

# "The fragments of one message MUST NOT be interleaved between the fragments of another message"
5.4 | "MUST NOT be interleaved": Text inside Text                          | 0181 00000000 61 8181 00000000 62            | !1002 ERR_EXPECTED_CONTINUATION by 12
5.4 | "MUST NOT be interleaved": Binary inside Text                        | 0181 00000000 61 8281 00000000 62            | !1002 ERR_EXPECTED_CONTINUATION by 12
5.4 | "MUST NOT be interleaved": Text inside Binary                        | 0281 00000000 a5 8181 00000000 62            | !1002 ERR_EXPECTED_CONTINUATION by 12
5.4 | "MUST NOT be interleaved": Binary inside Binary                      | 0281 00000000 a5 8281 00000000 5a            | !1002 ERR_EXPECTED_CONTINUATION by 12
5.4 | "MUST NOT be interleaved": another message's first fragment          | 0181 00000000 61 0181 00000000 62            | !1002 ERR_EXPECTED_CONTINUATION by 12
5.4 | an empty first fragment has begun a message all the same             | 0180 00000000 8181 00000000 62               | !1002 ERR_EXPECTED_CONTINUATION by 11
5.4 | a Ping in between does not end the message                           | 0181 00000000 61 8980 00000000 8181 00000000 62 | ping, !1002 ERR_EXPECTED_CONTINUATION by 18
5.4 | a second fragment does not end it either                             | 0181 00000000 61 0081 00000000 62 8181 00000000 63 | !1002 ERR_EXPECTED_CONTINUATION by 19
5.4 | an empty new message is a new message                                | 0181 00000000 61 8180 00000000               | !1002 ERR_EXPECTED_CONTINUATION by 12

# A continuation frame continues something
5.4 | a continuation frame with FIN and nothing to continue                | 8081 00000000 61                             | !1002 ERR_UNEXPECTED_CONTINUATION by 5
5.4 | a continuation frame without FIN and nothing to continue             | 0081 00000000 61                             | !1002 ERR_UNEXPECTED_CONTINUATION by 5
5.4 | an empty continuation frame and nothing to continue                  | 8080 00000000                                | !1002 ERR_UNEXPECTED_CONTINUATION by 5
5.4 | a continuation frame after an unfragmented message                   | 8181 00000000 61 8081 00000000 62            | text 61, !1002 ERR_UNEXPECTED_CONTINUATION by 12
5.4 | a continuation frame after a message that is complete                | 0181 00000000 61 8081 00000000 62 8081 00000000 63 | text 6162, !1002 ERR_UNEXPECTED_CONTINUATION by 19
5.4 | a continuation frame after a message of empty fragments              | 0180 00000000 8080 00000000 8080 00000000    | text, !1002 ERR_UNEXPECTED_CONTINUATION by 17
5.4 | a Ping is nothing to continue                                        | 8981 00000000 70 8081 00000000 62            | ping 70, !1002 ERR_UNEXPECTED_CONTINUATION by 12

# The limit is one of the message: all its fragments together, and nothing else
5.4 | a limit of 10 over the sum: 5 + 5                                    | 0285 00000000 a5x5 8085 00000000 5ax5        | binary a5x5 5ax5 | maxPayload=10
5.4 | a limit of 10: 5 + 6 is refused at the second header                 | 0285 00000000 a5x5 8086 00000000 5ax6        | !1009 ERR_MESSAGE_TOO_BIG by 16 | maxPayload=10
5.4 | a limit of 10: 5 + 6 without FIN                                     | 0285 00000000 a5x5 0086 00000000 5ax6        | !1009 ERR_MESSAGE_TOO_BIG by 16 | maxPayload=10
5.4 | a limit of 10: 5 + 5 + 1                                             | 0285 00000000 a5x5 0085 00000000 5ax5 8081 00000000 5a | !1009 ERR_MESSAGE_TOO_BIG by 27 | maxPayload=10
5.4 | a limit of 10: full, then an empty last fragment                     | 028a 00000000 a5x10 8080 00000000            | binary a5x10 | maxPayload=10
5.4 | a limit of 10: the first fragment alone is over it                   | 028b 00000000 a5x11                          | !1009 ERR_MESSAGE_TOO_BIG by 5 | maxPayload=10
5.4 | a limit of 10: the sum does not overflow at 2^53                     | 0281 00000000 a5 80ff 001fffffffffffff 00000000 | !1009 ERR_MESSAGE_TOO_BIG by 20 | maxPayload=10
5.4 | a limit of 10: the sum does not overflow at 2^63                     | 0281 00000000 a5 80ff 7fffffffffffffff 00000000 | !1009 ERR_MESSAGE_TOO_BIG by 20 | maxPayload=10
5.4 | a limit of 10 does not hold for a Ping between                           | 0285 00000000 a5x5 89a0 00000000 70x32 8085 00000000 5ax5 | ping 70x32, binary a5x5 5ax5 | maxPayload=10
5.4 | a limit of 10: the next message starts from 0                        | 0285 00000000 a5x5 8085 00000000 5ax5 0285 00000000 a5x5 8085 00000000 5ax5 | binary a5x5 5ax5, binary a5x5 5ax5 | maxPayload=10
`);
