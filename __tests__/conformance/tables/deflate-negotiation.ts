/** RFC 7692, sections 5, 7, 7.1 and 8, and the grammar of RFC 6455, section 9.1: which offers a server accepts, and how. */
import type { DeflatePolicy } from '../../../src/protocol/deflate/negotiation.js';
import { lines } from './table.js';

/**
 * The notation: one row a line, columns between bars.
 *
 *   section | title | offer | answer | policy
 *
 * section  Of RFC 7692; `9.1` is that of RFC 6455, which RFC 7692 takes its header's grammar from.
 * offer    The value of the request's Sec-WebSocket-Extensions, or several such header fields, separated by ¶;
 *          `none` for no such field. Five long names are written short, in the answer too:
 *            PMD   permessage-deflate
 *            SNCT  server_no_context_takeover
 *            CNCT  client_no_context_takeover
 *            SMWB  server_max_window_bits
 *            CMWB  client_max_window_bits
 *          `(text)x100` is repeated, `\\t` is a tab, `\\xff` a byte.
 * answer   The one Sec-WebSocket-Extensions of a 101; `-` is a 101 without one: declined; `400` is no handshake.
 * policy   What the server wants: which sides may take over their window, and the largest window; by default `both 15`,
 *          so that the answer restricts nothing but what the client does.
 */
export interface NegotiationRow {
  section: string;
  title: string;
  /** The literals, as written. */
  literal: string;
  /** The values of the request's header fields. */
  headers: string[];
  /** The response's header field, `undefined` for none, or the status that refuses the handshake. */
  answer: string | 400 | undefined;
  policy: DeflatePolicy;
}

const SHORT: Record<string, string> = {
  PMD: 'permessage-deflate',
  SNCT: 'server_no_context_takeover',
  CNCT: 'client_no_context_takeover',
  SMWB: 'server_max_window_bits',
  CMWB: 'client_max_window_bits',
};

const inFull = (text: string): string =>
  text.replace(/\b(?:PMD|[SC]NCT|[SC]MWB)\b/g, (short) => SHORT[short]!);

const TAKEOVERS = ['none', 'server', 'client', 'both'] as const;

function negotiationTable(text: string): NegotiationRow[] {
  return lines(text, 5).map(([section = '', title = '', offer = '', answer = '', policy = '']) => {
    const [sides = '', bits = ''] = (policy || 'both 15').split(' ');
    const contextTakeover = TAKEOVERS.find((one) => one === sides);
    const response = answer === '-' ? undefined : answer === '400' ? 400 : inFull(answer);
    if (contextTakeover === undefined || !/^\d+$/.test(bits)) {
      throw new Error(`${title}: not a policy: ${policy}`);
    }
    if (typeof response === 'string' && !response.startsWith('permessage-deflate')) {
      throw new Error(`${title}: not an answer: ${answer}`);
    }
    const headers = inFull(offer)
      .replace(/\((.*)\)x(\d+)/, (_, part: string, count: string) => part.repeat(Number(count)))
      .replace(/\\t/g, '\t')
      .replace(/\\x([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
      .split('¶')
      .map((line) => line.trim());
    return {
      section,
      title,
      literal: `${offer} | ${policy}`,
      headers: offer === 'none' ? [] : headers,
      answer: response,
      policy: { contextTakeover, windowBits: Number(bits) },
    };
  });
}

export const deflateNegotiation = negotiationTable(`
# 5: offers and their order
5       | no extension is offered, none is answered                                              | none                                     | -
5       | an empty list of offers                                                                | ,                                        | -
5       | "The order of elements is important as it specifies the client's preference"           | PMD; SMWB=10, PMD                        | PMD; server_max_window_bits=10
5       | the same two in the other order                                                        | PMD, PMD; SMWB=10                        | PMD
5       | "multiple PMCEs with the same extension name": the first that will do                  | PMD; SMWB=7, PMD; SMWB=9, PMD; SMWB=8    | PMD; SMWB=9
5       | three offers, only the last is acceptable                                              | PMD; x, PMD; y=1, PMD; SNCT              | PMD; SNCT
5       | an extension that the server does not know comes first                                 | x-webkit-deflate-frame, PMD              | PMD
5       | an extension that the server does not know comes last                                  | PMD, x-webkit-deflate-frame              | PMD
5       | unknown extensions around and between                                                  | a, PMD; b, c; d=1, PMD; SMWB=12, e       | PMD; SMWB=12
5       | two equal offers are answered once                                                     | PMD, PMD                                 | PMD
5       | three kinds of PMCE: the server takes the one it has                                   | permessage-bzip2, permessage-deflate, permessage-snappy | PMD
5       | a declined offer does not lend its parameters to the next                              | PMD; SNCT; CMWB=8; x, PMD                | PMD
5       | nor does the next lend its own                                                         | PMD, PMD; SNCT; CNCT; SMWB=8; CMWB=8     | PMD
5       | a hundred bad offers before a good one                                                 | (PMD; a, )x100 PMD; CNCT                 | PMD; CNCT

# 5.2: the RFC's own examples, of methods that no server has
5.2     | "permessage-foo"                                                                       | permessage-foo                           | -
5.2     | "permessage-foo; x=10"                                                                 | permessage-foo; x=10                     | -
5.2     | permessage-foo; x="10", the same for the grammar                                       | permessage-foo; x="10"                   | -
5.2     | "permessage-foo, permessage-bar"                                                       | permessage-foo, permessage-bar           | -
5.2     | "permessage-foo; use_y, permessage-foo"                                                | permessage-foo; use_y, permessage-foo    | -

# 7: the name, and "A server MUST decline an extension negotiation offer ... if any of the following conditions are met"
7       | "permessage-deflate": in upper case it is another name                                 | PERMESSAGE-DEFLATE                       | -
7       | "permessage-deflate": in mixed case, before the real one                               | Permessage-Deflate; SMWB=9, PMD          | PMD
7       | a name that begins alike                                                               | permessage-deflate2                      | -
7       | a name that ends alike                                                                 | x-permessage-deflate                     | -
7       | a name cut short                                                                       | permessage-deflat                        | -
7       | the names of parameters are not names of extensions                                    | server_no_context_takeover               | -
7       | "an extension parameter not defined for use in an offer"                               | PMD; mux                                 | -
7       | "parameter not defined": one with a value                                              | PMD; mux=1                               | -
7       | "parameter not defined": after one that is                                             | PMD; SNCT; mux                           | -
7       | "parameter not defined": before one that is                                            | PMD; mux; SNCT                           | -
7       | "parameter not defined": the name in upper case                                        | PMD; SERVER_NO_CONTEXT_TAKEOVER          | -
7       | "parameter not defined": the name in mixed case                                        | PMD; Client_Max_Window_Bits              | -
7       | "parameter not defined": hyphens for underscores                                       | PMD; client-max-window-bits              | -
7       | "parameter not defined": a name cut short                                              | PMD; server_max_window_bit=10            | -
7       | "parameter not defined": a name that goes on                                           | PMD; server_max_window_bits2=10          | -
7       | "parameter not defined": what another implementation once sent                         | PMD; s2c_no_context_takeover             | -
7       | "parameter not defined": the name of the extension                                     | PMD; PMD                                 | -
7       | "parameter not defined": constructor                                                   | PMD; constructor                         | -
7       | "parameter not defined": __proto__                                                     | PMD; __proto__                           | -
7       | "parameter not defined": __proto__ with a value that would be valid elsewhere          | PMD; __proto__=10                        | -
7       | "parameter not defined": toString, hasOwnProperty                                      | PMD; toString; hasOwnProperty=8          | -
7       | an extension called __proto__, constructor, toString                                   | __proto__, constructor; x, toString=     | 400
7       | an extension called __proto__, constructor, valueOf                                    | __proto__, constructor; x, valueOf       | -
7       | "multiple extension parameters with the same name": server_no_context_takeover         | PMD; SNCT; SNCT                          | -
7       | "multiple ... with the same name": client_no_context_takeover                          | PMD; CNCT; CNCT                          | -
7       | "multiple ... with the same name": server_max_window_bits, equal                       | PMD; SMWB=10; SMWB=10                    | -
7       | "multiple ... with the same name": server_max_window_bits, different                   | PMD; SMWB=10; SMWB=11                    | -
7       | "multiple ... with the same name": client_max_window_bits, no values                   | PMD; CMWB; CMWB                          | -
7       | "multiple ... with the same name": client_max_window_bits, one with a value            | PMD; CMWB; CMWB=10                       | -
7       | "multiple ... with the same name": the value first                                     | PMD; CMWB=10; CMWB                       | -
7       | "multiple ... with the same name": far apart                                           | PMD; SNCT; CNCT; CMWB; SMWB=9; SNCT      | -
7       | a declined offer is no failure: the next is read                                       | PMD; SNCT; SNCT, PMD; SNCT               | PMD; SNCT
7       | all four parameters                                                                    | PMD; SNCT; CNCT; SMWB=10; CMWB=11        | PMD; SNCT; CNCT; SMWB=10; CMWB=11
7       | all four in another order: the answer has its own                                      | PMD; CMWB=11; SMWB=10; CNCT; SNCT        | PMD; SNCT; CNCT; SMWB=10; CMWB=11

# 7.1.1.1: server_no_context_takeover
7.1.1.1 | "in the corresponding extension negotiation response"                                  | PMD; SNCT                                | PMD; SNCT
7.1.1.1 | honoured by a server that would keep its window alone                                  | PMD; SNCT                                | PMD; SNCT; CNCT | server 15
7.1.1.1 | named once where both sides want it                                                    | PMD; SNCT                                | PMD; SNCT | client 15
7.1.1.1 | "A server may include ... even if the ... offer ... didn't": it need not, and keeps nothing | PMD                                      | PMD; CNCT | none 15
7.1.1.1 | "A server may include ... even if the ... offer ... didn't": nor does one that leaves it to clients | PMD                                      | PMD | client 15
7.1.1.1 | a server that keeps its own window does not renounce it                                | PMD                                      | PMD; CNCT | server 15
7.1.1.1 | "This extension parameter has no value": true                                          | PMD; SNCT=true                           | -
7.1.1.1 | "This extension parameter has no value": 1                                             | PMD; SNCT=1                              | -
7.1.1.1 | "This extension parameter has no value": false is not no                               | PMD; SNCT=false                          | -
7.1.1.1 | "This extension parameter has no value": a quoted one                                  | PMD; SNCT="10"                           | -
7.1.1.1 | "This extension parameter has no value": its own name                                  | PMD; SNCT=SNCT                           | -
7.1.1.1 | a value declines the offer whatever the policy                                         | PMD; SNCT=1                              | - | none 15

# 7.1.1.2: client_no_context_takeover
7.1.1.2 | "the server may ... avoid taking over ... unnecessarily by including" it               | PMD; CNCT                                | PMD; CNCT
7.1.1.2 | the same of a server that would have asked anyway                                      | PMD; CNCT                                | PMD; CNCT | server 15
7.1.1.2 | the same of a server that keeps nothing                                                | PMD; CNCT                                | PMD; CNCT | none 15
7.1.1.2 | a client's promise is taken up by a server that lets clients keep theirs               | PMD; CNCT                                | PMD; CNCT | client 15
7.1.1.2 | both parameters                                                                        | PMD; CNCT; SNCT                          | PMD; SNCT; CNCT
7.1.1.2 | "This extension parameter has no value": true                                          | PMD; CNCT=true                           | -
7.1.1.2 | "This extension parameter has no value": 0                                             | PMD; CNCT=0                              | -
7.1.1.2 | "This extension parameter has no value": a quoted one                                  | PMD; CNCT="x"                            | -

# 7.1.2.1: server_max_window_bits
7.1.2.1 | "between 8 to 15, inclusive": 8                                                        | PMD; SMWB=8                              | PMD; SMWB=8
7.1.2.1 | a window of 9 bits for the server                                                      | PMD; SMWB=9                              | PMD; SMWB=9
7.1.2.1 | a window of 10 bits for the server                                                     | PMD; SMWB=10                             | PMD; SMWB=10
7.1.2.1 | a window of 11 bits for the server                                                     | PMD; SMWB=11                             | PMD; SMWB=11
7.1.2.1 | a window of 12 bits for the server                                                     | PMD; SMWB=12                             | PMD; SMWB=12
7.1.2.1 | a window of 13 bits for the server                                                     | PMD; SMWB=13                             | PMD; SMWB=13
7.1.2.1 | a window of 14 bits for the server                                                     | PMD; SMWB=14                             | PMD; SMWB=14
7.1.2.1 | 15 says nothing new, but has to be answered                                            | PMD; SMWB=15                             | PMD; SMWB=15
7.1.2.1 | "with the same or smaller value as the offer": smaller                                 | PMD; SMWB=15                             | PMD; SMWB=12 | both 12
7.1.2.1 | the same, where the server would use more                                              | PMD; SMWB=9                              | PMD; SMWB=9 | both 12
7.1.2.1 | the same, where the server would use as much                                           | PMD; SMWB=12                             | PMD; SMWB=12 | both 12
7.1.2.1 | "A server may include ... even if the ... offer ... didn't": a smaller window is used unannounced | PMD                                      | PMD | both 12
7.1.2.1 | the smallest window there is, unannounced too                                          | PMD                                      | PMD | both 8
7.1.2.1 | it limits the server's window alone                                                    | PMD; CMWB; SMWB=9                        | PMD; SMWB=9
7.1.2.1 | with takeover by neither side                                                                | PMD; SMWB=10                             | PMD; CNCT; SMWB=10 | none 15
7.1.2.1 | the value may not be missing                                                           | PMD; SMWB                                | -
7.1.2.1 | the value may not be missing, in front of others                                       | PMD; SMWB; CMWB                          | -
7.1.2.1 | "between 8 to 15": 7                                                                   | PMD; SMWB=7                              | -
7.1.2.1 | "between 8 to 15": 16                                                                  | PMD; SMWB=16                             | -
7.1.2.1 | "between 8 to 15": 0                                                                   | PMD; SMWB=0                              | -
7.1.2.1 | "between 8 to 15": 1                                                                   | PMD; SMWB=1                              | -
7.1.2.1 | "between 8 to 15": 1000, which has ended a process (CVE-2026-2229)                     | PMD; SMWB=1000                           | -
7.1.2.1 | "between 8 to 15": 4294967304, which is 8 in 32 bits                                   | PMD; SMWB=4294967304                     | -
7.1.2.1 | "without leading zeroes": 08                                                           | PMD; SMWB=08                             | -
7.1.2.1 | "without leading zeroes": 010, which is 8 in octal                                     | PMD; SMWB=010                            | -
7.1.2.1 | "a decimal integer value": 1e1                                                         | PMD; SMWB=1e1                            | -
7.1.2.1 | "a decimal integer value": 10.0                                                        | PMD; SMWB=10.0                           | -
7.1.2.1 | "a decimal integer value": 0xa                                                         | PMD; SMWB=0xa                            | -
7.1.2.1 | "a decimal integer value": +8                                                          | PMD; SMWB=+8                             | -
7.1.2.1 | "a decimal integer value": -8                                                          | PMD; SMWB=-8                             | -
7.1.2.1 | "a decimal integer value": ten                                                         | PMD; SMWB=ten                            | -
7.1.2.1 | "a decimal integer value": 8_                                                          | PMD; SMWB=8_                             | -
7.1.2.1 | "a decimal integer value": NaN                                                         | PMD; SMWB=NaN                            | -
7.1.2.1 | an invalid value declines the offer whatever else it says                              | PMD; CMWB; SNCT; SMWB=16                 | -

# 7.1.2.2: client_max_window_bits
7.1.2.2 | no value: the client can be told, and a server that needs no less says nothing         | PMD; CMWB                                | PMD
7.1.2.2 | no value: a server that wants less says so                                             | PMD; CMWB                                | PMD; CMWB=12 | both 12
7.1.2.2 | no value: a server that wants the least asks for 9, since zlib cannot do 8                                                | PMD; CMWB                                | PMD; CMWB=9 | both 8
7.1.2.2 | a client that has named 8 itself gets it                                               | PMD; CMWB=8                              | PMD; CMWB=8 | both 8
7.1.2.2 | "response to the offer MUST NOT include" it, if the offer has not                      | PMD                                      | PMD | both 9
7.1.2.2 | not offered in this offer, though in the next                                          | PMD, PMD; CMWB                           | PMD | both 9
7.1.2.2 | "use this value to avoid allocating": 8                                                | PMD; CMWB=8                              | PMD; CMWB=8
7.1.2.2 | a window of 9 bits for the client                                                      | PMD; CMWB=9                              | PMD; CMWB=9
7.1.2.2 | a window of 10 bits for the client                                                     | PMD; CMWB=10                             | PMD; CMWB=10
7.1.2.2 | a window of 11 bits for the client                                                     | PMD; CMWB=11                             | PMD; CMWB=11
7.1.2.2 | a window of 12 bits for the client                                                     | PMD; CMWB=12                             | PMD; CMWB=12
7.1.2.2 | a window of 13 bits for the client                                                     | PMD; CMWB=13                             | PMD; CMWB=13
7.1.2.2 | a window of 14 bits for the client                                                     | PMD; CMWB=14                             | PMD; CMWB=14
7.1.2.2 | 15 for the client: the absence of the parameter says the same                          | PMD; CMWB=15                             | PMD
7.1.2.2 | "equal to or smaller than the received value": smaller                                 | PMD; CMWB=15                             | PMD; CMWB=12 | both 12
7.1.2.2 | "equal to or smaller than the received value": equal                                   | PMD; CMWB=10                             | PMD; CMWB=10 | both 12
7.1.2.2 | with takeover by neither side                                                                | PMD; CMWB=10                             | PMD; CNCT; CMWB=10 | none 15
7.1.2.2 | it limits the client's window alone                                                    | PMD; CMWB=9; SMWB=15                     | PMD; SMWB=15; CMWB=9
7.1.2.2 | "between 8 to 15": 7                                                                   | PMD; CMWB=7                              | -
7.1.2.2 | "between 8 to 15": 16                                                                  | PMD; CMWB=16                             | -
7.1.2.2 | "between 8 to 15": 0                                                                   | PMD; CMWB=0                              | -
7.1.2.2 | "between 8 to 15": 1000                                                                | PMD; CMWB=1000                           | -
7.1.2.2 | "without leading zeroes": 08                                                           | PMD; CMWB=08                             | -
7.1.2.2 | "without leading zeroes": 015                                                          | PMD; CMWB=015                            | -
7.1.2.2 | "a decimal integer value": 1e1                                                         | PMD; CMWB=1e1                            | -
7.1.2.2 | "a decimal integer value": +8                                                          | PMD; CMWB=+8                             | -
7.1.2.2 | "a decimal integer value": -8                                                          | PMD; CMWB=-8                             | -
7.1.2.2 | "a decimal integer value": true                                                        | PMD; CMWB=true                           | -

# 7.1.3: the RFC's examples, and what today's clients send
7.1.3   | "The simplest": permessage-deflate                                                     | permessage-deflate                       | permessage-deflate | both 15
7.1.3   | "permessage-deflate; client_max_window_bits; server_max_window_bits=10"                | permessage-deflate; client_max_window_bits; server_max_window_bits=10 | permessage-deflate; server_max_window_bits=10
7.1.3   | the same, with the fallback that the RFC adds                                          | permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits | permessage-deflate; server_max_window_bits=10
7.1.3   | what Chromium, ws, undici and websockets send, to a server in shared mode              | permessage-deflate; client_max_window_bits | permessage-deflate; client_no_context_takeover | none 15
7.1.3   | the same to one with contexts of 4 KiB                                                 | permessage-deflate;client_max_window_bits | permessage-deflate; client_max_window_bits=12 | both 12
7.1.3   | what a client sends that wants 4 KiB of memory                                         | permessage-deflate; server_max_window_bits=12; client_max_window_bits=12 | permessage-deflate; server_max_window_bits=12; client_max_window_bits=12

# RFC 6455, 9.1: the header's grammar
9.1     | "MAY be split or combined across multiple lines": the first has the preference         | PMD; SMWB=10 ¶ PMD                       | PMD; SMWB=10
9.1     | several header fields, only the last has an offer that will do                         | foo ¶ PMD; x ¶ PMD; CNCT                 | PMD; CNCT
9.1     | an empty header field                                                                  | ¶ PMD; CNCT ¶                            | PMD; CNCT
9.1     | no white space at all                                                                  | PMD;CMWB=10;SMWB=9,PMD                   | PMD; SMWB=9; CMWB=10
9.1     | white space wherever it may be                                                         | PMD \\t;\\t CMWB = 10 ; SMWB\\t=\\t9 , PMD | PMD; SMWB=9; CMWB=10
9.1     | empty elements                                                                         | ,, PMD; SNCT ,,                          | PMD; SNCT
9.1     | "the quoted-string syntax variant"                                                     | PMD; SMWB="10"                           | PMD; SMWB=10
9.1     | quoted-string, with the value of the other parameter plain                             | PMD; SMWB="10"; CMWB=11                  | PMD; SMWB=10; CMWB=11
9.1     | "after quoted-string unescaping": the first digit                                      | PMD; SMWB="\\10"                         | PMD; SMWB=10
9.1     | "after quoted-string unescaping": every digit                                          | PMD; CMWB="\\1\\2"                       | PMD; CMWB=12
9.1     | a quoted value that is invalid after unescaping                                        | PMD; SMWB="0\\8", PMD                    | PMD
9.1     | "MUST conform to the 'token' ABNF": an empty quoted-string                             | PMD; SMWB=""                             | 400
9.1     | "MUST conform to the 'token' ABNF": a space in it                                      | PMD; SMWB=" 8"                           | 400
9.1     | "MUST conform to the 'token' ABNF": an escaped quote in it                             | PMD; SMWB="1\\"0"                        | 400
9.1     | "MUST conform to the 'token' ABNF": two values in it                                   | PMD; SMWB="10, 11"                       | 400
9.1     | a quoted-string that does not end                                                      | PMD; SMWB="10                            | 400
9.1     | a quoted-string that ends in a backslash                                               | PMD; SMWB="10\\                          | 400
9.1     | something after a quoted-string                                                        | PMD; SMWB="1"0                           | 400
9.1     | single quotes are characters of a token, and of no number                              | PMD; SMWB='10'                           | -
9.1     | an equals sign without a value                                                         | PMD; SMWB=                               | 400
9.1     | an equals sign without a value, for a parameter that has none                          | PMD; SNCT=                               | 400
9.1     | a parameter without a name                                                             | PMD; =10                                 | 400
9.1     | an empty parameter at the end                                                          | PMD;                                     | 400
9.1     | an empty parameter before another                                                      | PMD;; SNCT                               | 400
9.1     | an empty parameter before the next offer                                               | PMD; , PMD                               | 400
9.1     | two equals signs                                                                       | PMD; SMWB==10                            | 400
9.1     | two values                                                                             | PMD; SMWB=10 11                          | 400
9.1     | parameters without a semicolon                                                         | PMD SNCT                                 | 400
9.1     | parameters without an extension                                                        | ; SNCT                                   | 400
9.1     | a quoted extension name                                                                | "permessage-deflate"                     | 400
9.1     | a quoted parameter name                                                                | PMD; "server_no_context_takeover"        | 400
9.1     | a character that no token has: @                                                       | PMD; SMWB@10                             | 400
9.1     | a character that no token has: a slash                                                 | PMD/1                                    | 400
9.1     | a character that is not ASCII                                                          | PMD; \\xe9                               | 400
9.1     | a fault after a good offer                                                             | PMD, PMD; =                              | 400
`);
