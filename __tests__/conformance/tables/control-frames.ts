/** RFC 6455, section 5.5: control frames (their closing side is in close-frames.ts). */
import { decoderTable } from './table.js';

export const controlFrames = decoderTable(`
# "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented."
5.5   | "125 bytes or less": a Ping of 125                                 | 89fd 00000000 70x125                         | ping 70x125
5.5   | "125 bytes or less": a Pong of 125                                 | 8afd 00000000 70x125                         | pong 70x125
5.5   | "MUST have a payload length of 125 bytes or less": a Ping of 126   | 89fe 007e 00000000 70x126                    | !1002 ERR_CONTROL_TOO_LONG by 7
5.5   | a Pong of 126                                                      | 8afe 007e 00000000 70x126                    | !1002 ERR_CONTROL_TOO_LONG by 7
5.5   | a Close of 126                                                     | 88fe 007e 00000000 03e8 61x124               | !1002 ERR_CONTROL_TOO_LONG by 7
5.5   | a Ping of 65 536 in the 64-bit form                                | 89ff 0000000000010000 00000000               | !1002 ERR_CONTROL_TOO_LONG by 13
5.5   | a Close of 65 535                                                  | 88ff 000000000000ffff 00000000               | !1002 ERR_CONTROL_TOO_LONG by 13
5.5   | a Ping of 126 fails in the middle of a message too                 | 0181 00000000 61 89fe 007e 00000000          | !1002 ERR_CONTROL_TOO_LONG by 14
5.5   | "MUST NOT be fragmented": Ping                                     | 0981 00000000 70                             | !1002 ERR_CONTROL_FRAGMENTED by 5
5.5   | "MUST NOT be fragmented": Pong                                     | 0a81 00000000 70                             | !1002 ERR_CONTROL_FRAGMENTED by 5
5.5   | "MUST NOT be fragmented": Close                                    | 0882 00000000 03e8                           | !1002 ERR_CONTROL_FRAGMENTED by 5
5.5   | "MUST NOT be fragmented": an empty Ping                            | 0980 00000000                                | !1002 ERR_CONTROL_FRAGMENTED by 5
5.5   | "MUST NOT be fragmented": a continuation frame does not excuse it  | 0981 00000000 70 8081 00000000 71            | !1002 ERR_CONTROL_FRAGMENTED by 5
5.5   | "MUST NOT be fragmented": in the middle of a message               | 0181 00000000 61 0980 00000000               | !1002 ERR_CONTROL_FRAGMENTED by 12
5.5   | a fragmented Close is no Close                                     | 0880 00000000 8181 00000000 61               | !1002 ERR_CONTROL_FRAGMENTED by 5
5.5   | the limit of messages is not one of control frames                 | 8990 00000000 70x16                          | ping 70x16 | maxPayload=10

# Ping and Pong
5.5.2 | "A Ping frame MAY include Application data": none                  | 8980 00000000                                | ping
5.5.2 | "Application data" is bytes, not text: no UTF-8                    | 8984 00000000 00fffefd                       | ping 00fffefd
5.5.2 | ten Pings in a row                                                 | (8981 00000000 70)x10                        | ping 70, ping 70, ping 70, ping 70, ping 70, ping 70, ping 70, ping 70, ping 70, ping 70
5.5.2 | a Ping between two messages                                        | 8181 00000000 61 8980 00000000 8181 00000000 62 | text 61, ping, text 62
5.5.2 | a Ping that lacks its last byte is not one yet                     | 8982 00000000 70                             | -
5.5.2 | a client takes a Ping                                              | 8901 70                                      | ping 70 | client
5.5.3 | "A Pong frame MAY be sent unsolicited"                             | 8a80 00000000                                | pong
5.5.3 | a Pong's data is bytes, not text                                   | 8a83 00000000 c0ff80                         | pong c0ff80
5.5.3 | several Pongs for no Ping                                          | 8a80 00000000 8a81 00000000 31               | pong, pong 31
5.5.3 | a client takes a Pong of 125 bytes                                 | 8a7d 70x125                                  | pong 70x125 | client
`);
