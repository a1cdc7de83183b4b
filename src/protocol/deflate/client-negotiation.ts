import type { ExtensionOffer } from '../handshake/extensions.js';
import type { DeflateParameters } from './negotiation.js';
import {
  CLIENT_MAX_WINDOW_BITS,
  CLIENT_NO_CONTEXT_TAKEOVER,
  EXTENSION,
  isAbsent,
  isWindowBits,
  LARGEST_WINDOW,
  type ParameterFault,
  readParameters,
  SERVER_MAX_WINDOW_BITS,
  SERVER_NO_CONTEXT_TAKEOVER,
  type ValidValues,
} from './parameters.js';

/** The client's part in the negotiation of permessage-deflate (RFC 7692 sections 5 and 7.1). */

/** What a client offers. Each part that is left out is not mentioned in the offer. */
export interface DeflateOfferPolicy {
  /** Ask the server to begin each message with an empty window (section 7.1.1.1). */
  readonly serverNoContextTakeover?: boolean;
  /** Announce that the client begins each message with an empty window. It does so even if the server does not ask for it (section 7.1.1.2). */
  readonly clientNoContextTakeover?: boolean;
  /** The largest window that the server may use, as a power of two: 8 to 15 (section 7.1.2.1). */
  readonly serverMaxWindowBits?: number | undefined;
  /**
   * The largest window that the client uses, as a power of two: 8 to 15. `true` lets the server choose.
   * Otherwise the server cannot limit it (section 7.1.2.2).
   */
  readonly clientMaxWindowBits?: number | boolean;
}

/** Why a client has to fail the connection over an answer (section 7). */
export type DeflateAnswerFault =
  | ParameterFault
  | {
      /** The parameter may come only if it was offered (section 7.1.2.2). */
      readonly code: 'unoffered-parameter';
      readonly name: string;
    }
  | {
      /** "The same or smaller value as the offer" (section 7.1.2). */
      readonly code: 'larger-window';
      readonly name: string;
      readonly offered: number;
      readonly answered: number;
    }
  | {
      /**
       * The server has accepted the offer without what it asks of the server. Servers that know one
       * configuration alone do this. A client that can go on without has `parameters` for it.
       */
      readonly code: 'ignored-parameter';
      readonly name: string;
      readonly parameters: DeflateParameters;
    };

/** The outcome of {@link readDeflateAnswer}. */
export type DeflateAnswer =
  | { readonly parameters: DeflateParameters; readonly fault?: undefined }
  | { readonly fault: DeflateAnswerFault };

/**
 * The offer for `Sec-WebSocket-Extensions`.
 *
 * @param policy windows that are numbers have to be whole and from 8 to 15.
 */
export function offerDeflate(policy: DeflateOfferPolicy): ExtensionOffer {
  const { serverMaxWindowBits, clientMaxWindowBits } = policy;
  const params: { name: string; value: string | undefined }[] = [];
  const add = (name: string, value?: number): void => {
    params.push({ name, value: value?.toString() });
  };
  if (policy.serverNoContextTakeover) add(SERVER_NO_CONTEXT_TAKEOVER);
  if (policy.clientNoContextTakeover) add(CLIENT_NO_CONTEXT_TAKEOVER);
  if (serverMaxWindowBits !== undefined) add(SERVER_MAX_WINDOW_BITS, serverMaxWindowBits);
  if (typeof clientMaxWindowBits === 'number') add(CLIENT_MAX_WINDOW_BITS, clientMaxWindowBits);
  else if (clientMaxWindowBits) add(CLIENT_MAX_WINDOW_BITS);
  return { name: EXTENSION, params };
}

/** The parameters "defined for use in a response", and the values that are valid for each. */
const VALID: ValidValues = new Map([
  [SERVER_NO_CONTEXT_TAKEOVER, isAbsent],
  [CLIENT_NO_CONTEXT_TAKEOVER, isAbsent],
  [SERVER_MAX_WINDOW_BITS, isWindowBits],
  [CLIENT_MAX_WINDOW_BITS, isWindowBits],
]);

/**
 * Read the server's answer to an offer.
 *
 * The server may limit its own side unasked, and may tell the client to begin with empty windows
 * (section 7.1.1): a client can always do that. Only the client's window is its own to offer.
 *
 * @param params the parameters of the server's `permessage-deflate`.
 * @param offer what {@link offerDeflate} has made.
 */
export function readDeflateAnswer(
  params: ExtensionOffer['params'],
  offer: ExtensionOffer,
): DeflateAnswer {
  const answered = readParameters(params, VALID);
  if ('code' in answered) return { fault: answered };
  const offered = new Map(offer.params.map(({ name, value }) => [name, value]));

  if (answered.has(CLIENT_MAX_WINDOW_BITS) && !offered.has(CLIENT_MAX_WINDOW_BITS)) {
    return { fault: { code: 'unoffered-parameter', name: CLIENT_MAX_WINDOW_BITS } };
  }
  for (const name of [SERVER_MAX_WINDOW_BITS, CLIENT_MAX_WINDOW_BITS]) {
    const most = Number(offered.get(name) ?? LARGEST_WINDOW);
    const window = Number(answered.get(name) ?? most);
    if (window > most) {
      return { fault: { code: 'larger-window', name, offered: most, answered: window } };
    }
  }

  const parameters: DeflateParameters = {
    serverNoContextTakeover: answered.has(SERVER_NO_CONTEXT_TAKEOVER),
    // A client keeps to what it has announced, answered or not.
    clientNoContextTakeover:
      answered.has(CLIENT_NO_CONTEXT_TAKEOVER) || offered.has(CLIENT_NO_CONTEXT_TAKEOVER),
    serverMaxWindowBits: Number(answered.get(SERVER_MAX_WINDOW_BITS) ?? LARGEST_WINDOW),
    clientMaxWindowBits: Number(
      answered.get(CLIENT_MAX_WINDOW_BITS) ?? offered.get(CLIENT_MAX_WINDOW_BITS) ?? LARGEST_WINDOW,
    ),
  };
  for (const name of [SERVER_NO_CONTEXT_TAKEOVER, SERVER_MAX_WINDOW_BITS]) {
    if (offered.has(name) && !answered.has(name)) {
      return { fault: { code: 'ignored-parameter', name, parameters } };
    }
  }
  return { parameters };
}
