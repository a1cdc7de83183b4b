import type { ExtensionOffer } from '../handshake/extensions.js';
import {
  CLIENT_MAX_WINDOW_BITS,
  CLIENT_NO_CONTEXT_TAKEOVER,
  EXTENSION,
  isAbsent,
  isWindowBits,
  LARGEST_WINDOW,
  type ParameterValues,
  readParameters,
  SERVER_MAX_WINDOW_BITS,
  SERVER_NO_CONTEXT_TAKEOVER,
  type ValidValues,
} from './parameters.js';

/** The server's part in the negotiation of permessage-deflate (RFC 7692 sections 5 and 7.1). */

/**
 * The smallest window that a client is asked for which has not named a smaller one. zlib cannot
 * compress with a raw window of 8 bits, so some clients (Python's websockets) fail when they are told.
 */
const SMALLEST_ASKED = 9;

/** What both sides agreed on (section 7.1). */
export interface DeflateParameters {
  /** The server begins each message with an empty window. */
  readonly serverNoContextTakeover: boolean;
  /** The client begins each message with an empty window. */
  readonly clientNoContextTakeover: boolean;
  /** The LZ77 sliding window of what the server sends, as a power of two: 8 to 15. */
  readonly serverMaxWindowBits: number;
  /** The LZ77 sliding window of what the client sends, as a power of two: 8 to 15. */
  readonly clientMaxWindowBits: number;
}

/** What the server prefers. */
export interface DeflatePolicy {
  /** The sides that may keep their window from message to message. */
  readonly contextTakeover: 'none' | 'server' | 'client' | 'both';
  /** The largest window that the server uses, and allows the clients that accept `client_max_window_bits`: 8 to 15. Such a client is told at least 9. */
  readonly windowBits: number;
  /** The largest window of the clients, where it is another. */
  readonly clientWindowBits?: number;
}

/** An offer that was accepted; {@link formatDeflate} writes the answer. */
export interface AcceptedDeflate extends DeflateParameters {
  /**
   * The client has asked for `server_no_context_takeover`, and has to be answered. A server that takes
   * nothing over without having been asked need not say so: some clients reject what they have not offered.
   */
  readonly answersServerTakeover: boolean;
  /** The same of `server_max_window_bits`, even if the window is the largest. */
  readonly answersServerWindow: boolean;
}

/**
 * Accept the first offer that can be accepted, in the client's order of preference.
 *
 * @returns `undefined` if no offer can be accepted: messages are then sent uncompressed.
 */
export function acceptDeflate(
  offers: readonly ExtensionOffer[],
  policy: DeflatePolicy,
): AcceptedDeflate | undefined {
  for (const { name, params } of offers) {
    if (name !== EXTENSION) continue;
    const offered = readParameters(params, VALID);
    // An offer with a fault has to be declined (section 7); another may follow.
    if (!('code' in offered)) return agree(offered, policy);
  }
  return undefined;
}

/** The extension negotiation response: the value of `Sec-WebSocket-Extensions`. */
export function formatDeflate(accepted: AcceptedDeflate): string {
  const { serverMaxWindowBits, clientMaxWindowBits } = accepted;
  let response = EXTENSION;
  if (accepted.answersServerTakeover) response += `; ${SERVER_NO_CONTEXT_TAKEOVER}`;
  // Also unasked: the client takes over its window unless it is told not to (section 7.1.1.2).
  if (accepted.clientNoContextTakeover) response += `; ${CLIENT_NO_CONTEXT_TAKEOVER}`;
  if (accepted.answersServerWindow) {
    response += `; ${SERVER_MAX_WINDOW_BITS}=${serverMaxWindowBits}`;
  }
  // Smaller than the largest only if the client has offered the parameter: "the server MUST NOT
  // include" it otherwise (section 7.1.2.2).
  if (clientMaxWindowBits < LARGEST_WINDOW) {
    response += `; ${CLIENT_MAX_WINDOW_BITS}=${clientMaxWindowBits}`;
  }
  return response;
}

/** The parameters "defined for use in an offer", and the values that are valid for each. */
const VALID: ValidValues = new Map([
  [SERVER_NO_CONTEXT_TAKEOVER, isAbsent],
  [CLIENT_NO_CONTEXT_TAKEOVER, isAbsent],
  [SERVER_MAX_WINDOW_BITS, isWindowBits],
  [CLIENT_MAX_WINDOW_BITS, (value) => isAbsent(value) || isWindowBits(value)],
]);

/**
 * What the client asks of the server is always granted. Whatever it asks, the server may use a smaller
 * window than it could, and begin each message with an empty one: every client can follow that. What it says of itself (that it will not
 * take over its window, or how large that is) is taken up too: the server then knows, and needs
 * less memory.
 */
function agree(offered: ParameterValues, policy: DeflatePolicy): AcceptedDeflate {
  const { contextTakeover, windowBits, clientWindowBits = windowBits } = policy;
  const windowOf = (name: string, most: number): number =>
    Math.min(most, Number(offered.get(name) ?? LARGEST_WINDOW));
  return {
    serverNoContextTakeover:
      offered.has(SERVER_NO_CONTEXT_TAKEOVER) ||
      contextTakeover === 'none' ||
      contextTakeover === 'client',
    clientNoContextTakeover:
      offered.has(CLIENT_NO_CONTEXT_TAKEOVER) ||
      contextTakeover === 'none' ||
      contextTakeover === 'server',
    serverMaxWindowBits: windowOf(SERVER_MAX_WINDOW_BITS, windowBits),
    clientMaxWindowBits: offered.has(CLIENT_MAX_WINDOW_BITS)
      ? windowOf(CLIENT_MAX_WINDOW_BITS, Math.max(clientWindowBits, SMALLEST_ASKED))
      : LARGEST_WINDOW,
    answersServerTakeover: offered.has(SERVER_NO_CONTEXT_TAKEOVER),
    answersServerWindow: offered.has(SERVER_MAX_WINDOW_BITS),
  };
}
