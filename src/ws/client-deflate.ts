import { contextBytes } from '../connection/deflate/permessage-deflate.js';
import {
  type DeflateAnswerFault,
  offerDeflate,
  readDeflateAnswer,
} from '../protocol/deflate/client-negotiation.js';
import type { DeflateParameters } from '../protocol/deflate/negotiation.js';
import { CLIENT_NO_CONTEXT_TAKEOVER } from '../protocol/deflate/parameters.js';
import type { ExtensionOffer } from '../protocol/handshake/extensions.js';
import type { Compression, ConnectionParts } from './connection-parts.js';
import {
  deflateOptionsOf,
  deflateSettings,
  type PerMessageDeflateOptions,
  windowBitsOf,
} from './deflate-options.js';

/** The client's part of permessage-deflate, with the options of ws. */
export class ClientDeflate {
  /** For `Sec-WebSocket-Extensions`. */
  readonly offer: ExtensionOffer;
  readonly #options: PerMessageDeflateOptions;

  /** @throws TypeError, RangeError for a value that is out of range. */
  constructor(given: true | PerMessageDeflateOptions) {
    const options = deflateOptionsOf(given);
    const { serverNoContextTakeover, clientNoContextTakeover } = options;
    const serverMaxWindowBits = windowBitsOf('serverMaxWindowBits', options);
    deflateSettings(options);
    this.#options = options;
    this.offer = offerDeflate({
      serverNoContextTakeover: serverNoContextTakeover === true,
      clientNoContextTakeover: clientNoContextTakeover === true,
      ...(serverMaxWindowBits === undefined ? {} : { serverMaxWindowBits }),
      // What is left out is `true` here: ws lets the server choose the client's window.
      clientMaxWindowBits:
        windowBitsOf('clientMaxWindowBits', options) ?? options.clientMaxWindowBits ?? true,
    });
  }

  /**
   * What compresses after the server's answer.
   *
   * @returns `undefined` if the answer does not fit the offer.
   */
  accept(params: ExtensionOffer['params'], parts: ConnectionParts): Compression | undefined {
    const options = this.#options;
    const answer = readDeflateAnswer(params, this.offer);
    const parameters = answer.fault === undefined ? answer.parameters : tolerated(answer.fault);
    if (parameters === undefined) return undefined;
    const isTold = params.some(({ name }) => name === CLIENT_NO_CONTEXT_TAKEOVER);
    if (isTold && options.clientNoContextTakeover === false) return undefined;
    const bytes = contextBytes(parameters, deflateSettings(options).options);
    // The response is a server's to send.
    return { budget: parts.deflate(options), negotiated: { parameters, response: '', bytes } };
  }
}

/** ws goes on where the server ignores what it was asked for: every window can be decompressed. */
function tolerated(fault: DeflateAnswerFault): DeflateParameters | undefined {
  return fault.code === 'ignored-parameter' ? fault.parameters : undefined;
}
