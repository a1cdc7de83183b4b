/** RFC 6455, section 7 (with 1.4 and 5.5.1): how connections end, over real sockets. */
import { hex } from '../../support/bytes.js';
import { lines } from './table.js';

/**
 * The notation: one row a line, columns between bars.
 *
 *   section | title | server | client | received | told
 *
 * server    What the application does: `echo` sends messages back; `closes 4000 bye` closes as soon as the
 *           connection is there (1005: without a code); `echoes and closes` does both with the first message;
 *           `delays` answers the client's Close later, with 4001; `hangs up` terminates instead.
 * client    What the raw client does, separated by semicolons: bytes in the notation of `hex`; `wait` for
 *           the next frame; `FIN` ends its half of the transport; `RST` breaks it.
 * received  The frames it gets, separated by commas: `text 61`, `close 1000 <reason>`, `close 1002 *` when
 *           the reason is whatever the server has to say. After them the server ends the transport (FIN).
 * told      What the application is told: the code, the reason in hex or -, clean or unclean, which side began it,
 *           and why if something failed.
 */
export interface ClosingRow {
  section: string;
  title: string;
  literal: string;
  server: string;
  steps: (Buffer | 'wait' | 'FIN' | 'RST')[];
  received: string[];
  told: {
    code: number;
    reason: string;
    clean: boolean;
    initiator: string;
    cause: string | undefined;
  };
}

function closingTable(text: string): ClosingRow[] {
  return lines(text, 6).map(
    ([section = '', title = '', server = '', client = '', received = '', told = '']) => {
      const words =
        /^(\d{4}) (-|\*|[0-9a-f]+) (clean|unclean) (local|peer|transport)(?: (E[A-Z0-9_]+))?$/.exec(
          told,
        );
      if (!words) throw new Error(`${title}: not what an application is told: ${told}`);
      const [, code, reason, clean, initiator = '', cause] = words;
      return {
        section,
        title,
        literal: `${server}: ${client}`,
        server,
        steps: client
          .split(';')
          .map((step) => step.trim())
          .map((step) => (step === 'wait' || step === 'FIN' || step === 'RST' ? step : hex(step))),
        received: received === '-' ? [] : received.split(',').map((frame) => frame.trim()),
        told: {
          code: Number(code),
          reason:
            reason === '-' || reason === '*'
              ? reason.slice(1)
              : Buffer.from(reason!, 'hex').toString(),
          clean: clean === 'clean',
          initiator,
          cause,
        },
      };
    },
  );
}

export const closingHandshake = closingTable(`
# The peer closes
5.5.1 | "the endpoint MUST send a Close frame in response"                 | echo | 8882 00000000 03e8                           | close 1000 | 1000 - clean peer
5.5.1 | "typically echos the status code it received"                      | echo | 8882 00000000 1387                           | close 4999 | 4999 - clean peer
7.1.5 | "If this Close control frame contains no status code ... 1005"     | echo | 8880 00000000                                | close      | 1005 - clean peer
7.1.6 | "the UTF-8-encoded data following the status code"                 | echo | 8885 00000000 03e9 627965                    | close 1001 | 1001 627965 clean peer
7.1.6 | the longest reason, with characters of several bytes               | echo | 88fd 00000000 03e9 61 (c3a9)x61              | close 1001 | 1001 61c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9 clean peer
7.1.2 | what was sent before the Close is answered before it               | echo | 8181 00000000 61 8281 00000000 62 8882 00000000 03e8 | text 61, binary 62, close 1000 | 1000 - clean peer
5.5.2 | a Ping before the Close: "MUST send a Pong frame in response"      | echo | 8981 00000000 70 8882 00000000 03e8          | pong 70, close 1000 | 1000 - clean peer
5.5.2 | a Ping after the Close: "unless it already received a Close frame" | echo | 8882 00000000 03e8 8981 00000000 70          | close 1000 | 1000 - clean peer
5.5.1 | Text after the Close is discarded                                  | echo | 8882 00000000 03e8 8181 00000000 61          | close 1000 | 1000 - clean peer
5.5.1 | a second Close gets no second answer                               | echo | 8882 00000000 03e8 8882 00000000 03e9        | close 1000 | 1000 - clean peer
5.5.1 | what is no frame after the Close is discarded too                  | echo | 8882 00000000 03e8 ffx300                    | close 1000 | 1000 - clean peer
5.4   | a Close inside a fragmented message: the message is lost           | echo | 0181 00000000 61 8882 00000000 03e8          | close 1000 | 1000 - clean peer
7.1.1 | a client that ends its half right after its Close gets its answer  | echo | 8882 00000000 03e8; FIN                      | close 1000 | 1000 - clean peer
7.1.1 | "SHOULD be closed first by the server": a client that waits        | echo | 8882 00000000 03e8; wait                     | close 1000 | 1000 - clean peer
5.5.1 | "MAY delay sending a Close frame until its current message is sent" | delays | 8882 00000000 03e8                         | close 4001 6c61746572 | 1000 - clean peer
7.1.4 | a Close without an answer does not make a clean end                | hangs up | 8882 00000000 03e8                       | - | 1000 - unclean peer ERR_TERMINATED

# The server closes
7.1.2 | the server starts: it ends the transport when the answer is there  | closes 4000 bye | wait; 8882 00000000 0fa0          | close 4000 627965 | 4000 - clean local
7.1.5 | the answer has a code of its own                                   | closes 4000 bye | wait; 8882 00000000 0bb8          | close 4000 627965 | 3000 - clean local
7.1.5 | the answer has no code                                             | closes 4000 bye | wait; 8880 00000000               | close 4000 627965 | 1005 - clean local
7.1.2 | the server starts without a code                                   | closes 1005 | wait; 8880 00000000                   | close | 1005 - clean local
7.1.4 | both start at the same time: each Close answers the other          | closes 4000 bye | 8882 00000000 0fa1                | close 4000 627965 | 4001 - clean local
5.5.1 | "MUST NOT send any more data frames after sending a Close frame": a message on the way is not answered | closes 4000 bye | wait; 8181 00000000 61 8882 00000000 0fa0 | close 4000 627965 | 4000 - clean local
5.5.2 | a Ping on the way still is, no Close has been received             | closes 4000 bye | wait; 8981 00000000 70 8882 00000000 0fa0 | close 4000 627965, pong 70 | 4000 - clean local
7.1.2 | what was sent before close() comes before the Close                | echoes and closes | 8181 00000000 61; wait; wait; 8882 00000000 03e8 | text 61, close 1000 | 1000 - clean local
7.1.7 | the answer breaks a rule: there is no second Close                 | closes 4000 bye | wait; 8380 00000000               | close 4000 627965 | 4000 627965 unclean local ERR_RESERVED_OPCODE
7.1.5 | no answer but the end of the transport: 1006                       | closes 4000 bye | wait; FIN                         | close 4000 627965 | 1006 - unclean local ERR_TRANSPORT_ENDED
7.1.5 | no answer but a reset                                              | closes 4000 bye | wait; RST                         | close 4000 627965 | 1006 - unclean local ECONNRESET
7.1.5 | half an answer                                                     | closes 4000 bye | wait; 8882 00000000 0f; FIN       | close 4000 627965 | 1006 - unclean local ERR_TRANSPORT_ENDED

# No Close frame: "If _The WebSocket Connection is Closed_ and no Close control frame was received ... 1006"
7.1.5 | "no Close control frame was received": the transport ends          | echo | FIN                                          | - | 1006 - unclean transport ERR_TRANSPORT_ENDED
7.1.5 | the transport ends after a message, which is answered              | echo | 8181 00000000 61; FIN                        | text 61 | 1006 - unclean transport ERR_TRANSPORT_ENDED
7.1.5 | the transport ends inside a header                                 | echo | 8181 0000; FIN                               | - | 1006 - unclean transport ERR_TRANSPORT_ENDED
7.1.5 | the transport ends inside a payload                                | echo | 8182 00000000 61; FIN                        | - | 1006 - unclean transport ERR_TRANSPORT_ENDED
7.1.5 | the transport ends inside a fragmented message                     | echo | 0181 00000000 61; FIN                        | - | 1006 - unclean transport ERR_TRANSPORT_ENDED
7.1.5 | the transport ends inside a Close                                  | echo | 8882 00000000 03; FIN                        | - | 1006 - unclean transport ERR_TRANSPORT_ENDED
7.1.5 | the transport is reset                                             | echo | 8181 00000000 61; wait; RST                  | text 61 | 1006 - unclean transport ECONNRESET
7.1.5 | the transport is reset inside a payload                            | echo | 8181 00000000 61 8182 00000000 61; wait; RST | text 61 | 1006 - unclean transport ECONNRESET

# "An endpoint SHOULD send a Close frame with an appropriate status code before proceeding to Close the WebSocket Connection"
7.1.7 | a reserved bit fails the connection with 1002                      | echo | c180 00000000                                | close 1002 * | 1002 * unclean local ERR_RESERVED_BIT
7.1.7 | a reserved opcode                                                  | echo | 8380 00000000                                | close 1002 * | 1002 * unclean local ERR_RESERVED_OPCODE
7.1.7 | a frame that is not masked                                         | echo | 8101 61                                      | close 1002 * | 1002 * unclean local ERR_MASK_REQUIRED
7.1.7 | a fragmented control frame                                         | echo | 0980 00000000                                | close 1002 * | 1002 * unclean local ERR_CONTROL_FRAGMENTED
7.1.7 | a control frame that is too long                                   | echo | 89fe 007e 00000000 70x126                    | close 1002 * | 1002 * unclean local ERR_CONTROL_TOO_LONG
7.1.7 | a length that is not in its shortest form                          | echo | 82fe 0001 00000000 a5                        | close 1002 * | 1002 * unclean local ERR_LENGTH_NOT_MINIMAL
7.1.7 | a length with the top bit set                                      | echo | 82ff 8000000000000000 00000000               | close 1002 * | 1002 * unclean local ERR_LENGTH_TOP_BIT
7.1.7 | a continuation frame of nothing                                    | echo | 8081 00000000 61                             | close 1002 * | 1002 * unclean local ERR_UNEXPECTED_CONTINUATION
7.1.7 | a message inside another                                           | echo | 0181 00000000 61 8181 00000000 62            | close 1002 * | 1002 * unclean local ERR_EXPECTED_CONTINUATION
7.1.7 | a Close of 1 byte                                                  | echo | 8881 00000000 03                             | close 1002 * | 1002 * unclean local ERR_CLOSE_PAYLOAD
7.1.7 | a Close with a code that must not be sent                          | echo | 8882 00000000 03ee                           | close 1002 * | 1002 * unclean local ERR_CLOSE_CODE
7.1.7 | bad UTF-8 in a message: 1007                                       | echo | 8181 00000000 ff                             | close 1007 * | 1007 * unclean local ERR_INVALID_UTF8
7.1.7 | bad UTF-8 in a fragment: 1007 without waiting for the rest         | echo | 01fd 00000000 ff                             | close 1007 * | 1007 * unclean local ERR_INVALID_UTF8
7.1.7 | bad UTF-8 in a reason: 1007                                        | echo | 8883 00000000 03e8 ff                        | close 1007 * | 1007 * unclean local ERR_INVALID_UTF8
7.1.7 | a message that is too big: 1009 at its header                      | echo | 82ff 0000000000400001 00000000               | close 1009 * | 1009 * unclean local ERR_MESSAGE_TOO_BIG
7.1.7 | what came before the failure is answered before the Close          | echo | 8181 00000000 61 8981 00000000 70 8380 00000000 | text 61, pong 70, close 1002 * | 1002 * unclean local ERR_RESERVED_OPCODE
7.1.7 | "MUST NOT continue to attempt to process data": Text after it      | echo | 8380 00000000 8181 00000000 61               | close 1002 * | 1002 * unclean local ERR_RESERVED_OPCODE
7.1.7 | a Ping after it                                                    | echo | 8380 00000000 8980 00000000                  | close 1002 * | 1002 * unclean local ERR_RESERVED_OPCODE
7.1.7 | the client's Close after it is not answered again                  | echo | 8380 00000000; wait; 8882 00000000 03ea      | close 1002 * | 1002 * unclean local ERR_RESERVED_OPCODE
7.1.7 | an end of the transport after it changes nothing                   | echo | 8380 00000000; FIN                           | close 1002 * | 1002 * unclean local ERR_RESERVED_OPCODE
7.1.7 | the client really receives it, whatever it is still sending        | echo | 8380 00000000 00x200000                      | close 1002 * | 1002 * unclean local ERR_RESERVED_OPCODE
`);
