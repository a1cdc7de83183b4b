/** RFC 6455, sections 5.1 to 5.5 for the sending endpoint: what is encoded, to the byte. */
import { hex } from '../../support/bytes.js';
import { lines } from './table.js';

export interface EncoderRow {
  section: string;
  title: string;
  role: 'server' | 'client';
  opcode: number;
  flags: { fin?: false; rsv1?: true; rsv2?: true; rsv3?: true };
  payload: Buffer;
  literal: string;
  bytes: Buffer;
}

const OPCODES = new Map([
  ['continuation', 0],
  ['text', 1],
  ['binary', 2],
  ['close', 8],
  ['ping', 9],
  ['pong', 10],
]);

/** Columns: section, title, role, opcode and flags, payload, the bytes on the wire. A client's masking key is always 01020304. */
function encoderTable(text: string): EncoderRow[] {
  return lines(text, 6).map(
    ([section = '', title = '', role, frame = '', payload = '', literal = '']) => {
      const [name = '', ...words] = frame.split(' ');
      const opcode = OPCODES.get(name);
      if (opcode === undefined) throw new Error(`${title}: no such opcode: ${name}`);
      if (role !== 'server' && role !== 'client') throw new Error(`${title}: no such role`);
      const flags: EncoderRow['flags'] = {};
      for (const word of words) {
        if (word === 'nofin') flags.fin = false;
        else if (word === 'rsv1' || word === 'rsv2' || word === 'rsv3') flags[word] = true;
        else throw new Error(`${title}: no such flag: ${word}`);
      }
      return {
        section,
        title,
        role,
        opcode,
        flags,
        payload: hex(payload),
        literal,
        bytes: hex(literal),
      };
    },
  );
}

export const sending = encoderTable(`
5.1   | "A server MUST NOT mask any frames": Text                          | server | text              | 48656c6c6f | 8105 48656c6c6f
5.1   | "A server MUST NOT mask": Pong                                     | server | pong              | 70         | 8a01 70
5.1   | "a client MUST mask all frames": Text                              | client | text              | 48656c6c6f | 8185 01020304 49676f686e
5.1   | "a client MUST mask all frames": an empty Ping                     | client | ping              |            | 8980 01020304
5.1   | "a client MUST mask all frames": Close                             | client | close             | 03e8       | 8882 01020304 02ea
5.2   | nothing in 7 bits                                                  | server | binary            |            | 8200
5.2   | 125 bytes in 7 bits                                                | server | binary            | a5x125     | 827d a5x125
5.2   | "the minimal number of bytes MUST be used": 126 bytes in 16 bits   | server | binary            | a5x126     | 827e 007e a5x126
5.2   | network byte order: 257 bytes                                      | server | binary            | a5x257     | 827e 0101 a5x257
5.2   | 65 535 bytes in 16 bits                                            | server | binary            | a5x65535   | 827e ffff a5x65535
5.2   | 65 536 bytes in 64 bits                                            | server | binary            | a5x65536   | 827f 0000000000010000 a5x65536
5.2   | a client's 126 bytes: the length, then the key                     | client | binary            | 00x126     | 82fe 007e 01020304 (01020304)x31 0102
5.2   | a client's 65 536 bytes                                            | client | binary            | 00x65536   | 82ff 0000000000010000 01020304 (01020304)x16384
5.2   | RSV1 where it is asked for                                         | server | text rsv1         | 61         | c101 61
5.2   | RSV2 where it is asked for                                         | server | text rsv2         | 61         | a101 61
5.2   | RSV3 where it is asked for                                         | server | text rsv3         | 61         | 9101 61
5.3   | "transformed-octet-i": 5 bytes                                     | client | binary            | 0000000000 | 8285 01020304 0102030401
5.4   | FIN clear on a first fragment                                      | server | text nofin        | 48656c     | 0103 48656c
5.4   | opcode 0 on the last fragment                                      | server | continuation      | 6c6f       | 8002 6c6f
5.4   | FIN clear and opcode 0 in between                                  | server | continuation nofin | 6c        | 0001 6c
5.5   | a Ping of 125 bytes                                                | server | ping              | 70x125     | 897d 70x125
5.5.1 | a Close with code and reason                                       | server | close             | 03e8 627965 | 8805 03e8627965
5.5.1 | a Close without a body                                             | server | close             |            | 8800
5.6   | Binary is sent as it is                                            | server | binary            | 00ff80     | 8203 00ff80
`);
