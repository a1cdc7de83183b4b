import { contextBytes, type PermessageDeflate } from '../connection/deflate/permessage-deflate.js';
import type { Deadlines } from '../connection/limits/deadlines.js';
import {
  type DeflateAnswerFault,
  offerDeflate,
  readDeflateAnswer,
} from '../protocol/deflate/client-negotiation.js';
import type { DeflateParameters } from '../protocol/deflate/negotiation.js';
import { LARGEST_WINDOW } from '../protocol/deflate/parameters.js';
import type { ExtensionOffer } from '../protocol/handshake/extensions.js';
import { DeflateBudget, type NegotiatedCompression } from '../server/deflate-budget.js';
import type { ResolvedDeflateOptions } from '../server/options/resolve-options.js';

/** permessage-deflate of clients with the same options: what they offer, and what they share. */
export class ClientCompression {
  readonly #options: ResolvedDeflateOptions;
  readonly #budget: DeflateBudget;
  readonly #serverWindow: number;

  /**
   * @param limitsServer the server's window is limited to `windowBits` too. Several servers accept
   * `server_max_window_bits` without confirming it (uWebSockets.js, gorilla/websocket), or refuse the handshake
   * (nhooyr.io/websocket), so only an application that names `windowBits` asks for it.
   */
  constructor(options: ResolvedDeflateOptions, deadlines: Deadlines, limitsServer: boolean) {
    this.#options = options;
    this.#serverWindow = limitsServer ? options.windowBits : LARGEST_WINDOW;
    this.#budget = new DeflateBudget(options, deadlines);
  }

  /** What to offer now: no context is taken over once `memoryBudget` would be exceeded. */
  offer(): ExtensionOffer {
    const { contextTakeover, windowBits, memoryBudget } = this.#options;
    const server = contextTakeover === 'server' || contextTakeover === 'both';
    const client = contextTakeover === 'client' || contextTakeover === 'both';
    const most = this.#bytes({
      serverNoContextTakeover: !server,
      clientNoContextTakeover: !client,
      serverMaxWindowBits: this.#serverWindow,
      clientMaxWindowBits: windowBits,
    });
    const isAffordable = this.#budget.bytes + most <= memoryBudget;
    return offerDeflate({
      serverNoContextTakeover: !(server && isAffordable),
      clientNoContextTakeover: !(client && isAffordable),
      serverMaxWindowBits: this.#serverWindow < LARGEST_WINDOW ? this.#serverWindow : undefined,
      clientMaxWindowBits: windowBits < LARGEST_WINDOW ? windowBits : true,
    });
  }

  /** Judge the server's answer to an {@link offer}. A parameter that it ignored is a fault. */
  accept(
    params: ExtensionOffer['params'],
    offer: ExtensionOffer,
  ): NegotiatedCompression | { readonly fault: DeflateAnswerFault } {
    const answer = readDeflateAnswer(params, offer);
    if (answer.fault !== undefined) return answer;
    const { parameters } = answer;
    // The response is a server's to send.
    return { parameters, response: '', bytes: this.#bytes(parameters) };
  }

  /** What compresses for a connection that is open. */
  open(negotiated: NegotiatedCompression): PermessageDeflate {
    return this.#budget.open(negotiated, 'client');
  }

  /** What the contexts of a connection take. A client compresses with the client's window. */
  #bytes(parameters: DeflateParameters): number {
    const mirrored = {
      serverNoContextTakeover: parameters.clientNoContextTakeover,
      clientNoContextTakeover: parameters.serverNoContextTakeover,
      serverMaxWindowBits: parameters.clientMaxWindowBits,
      clientMaxWindowBits: parameters.serverMaxWindowBits,
    };
    return contextBytes(mirrored, this.#options);
  }
}
