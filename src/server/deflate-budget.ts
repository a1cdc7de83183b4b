import {
  PermessageDeflate,
  type PermessageDeflateSettings,
  contextBytes,
} from '../connection/deflate/permessage-deflate.js';
import type { Deadlines } from '../connection/limits/deadlines.js';
import { LongMessages } from '../connection/deflate/long-messages.js';
import { ConcurrencyLimit } from '../connection/deflate/concurrency-limit.js';
import { SharedContexts } from '../connection/deflate/shared-contexts.js';
import type { ResolvedDeflateOptions } from './options/resolve-options.js';
import type { ExtensionOffer } from '../protocol/handshake/extensions.js';
import type { Role } from '../protocol/framing/frame.js';
import {
  acceptDeflate,
  type DeflateParameters,
  type DeflatePolicy,
  formatDeflate,
} from '../protocol/deflate/negotiation.js';

/** permessage-deflate as a client and the server agreed on it. */
export interface NegotiatedCompression {
  readonly parameters: DeflateParameters;
  /** For the response: `Sec-WebSocket-Extensions`. */
  readonly response: string;
  /** What the connection's contexts take of the budget, in bytes. */
  readonly bytes: number;
}

/** What is set for `hawser/ws` alone. */
export interface DeflateManners {
  /** See `DeflatePolicy`. */
  readonly clientWindowBits?: number;
  /** See `PermessageDeflateSettings`. */
  readonly takeoverThreshold?: number;
}

/** Which connections compress, and how: a server's permessage-deflate and its budget of memory. */
export class DeflateBudget {
  readonly #options: ResolvedDeflateOptions;
  readonly #policy: DeflatePolicy;
  readonly #settings: PermessageDeflateSettings;
  /** Those that need no context of their own, by their parameters. */
  readonly #shared = new Map<string, PermessageDeflate>();
  #bytes = 0;

  constructor(
    options: ResolvedDeflateOptions,
    deadlines: Deadlines,
    { clientWindowBits, takeoverThreshold }: DeflateManners = {},
  ) {
    const { threshold, compressor, level, memLevel, idleRelease } = options;
    const { contextTakeover, windowBits } = options;
    this.#options = options;
    this.#policy = {
      contextTakeover,
      windowBits,
      ...(clientWindowBits === undefined ? {} : { clientWindowBits }),
    };
    this.#settings = {
      threshold,
      takeoverThreshold,
      compressor,
      level,
      memLevel,
      idleRelease,
      deadlines,
      long: new LongMessages({
        level,
        memLevel,
        idleRelease,
        deadlines,
        concurrency: new ConcurrencyLimit(),
      }),
      shared: new SharedContexts({ level, memLevel }),
    };
  }

  /** Bytes that the contexts of connections may take now; at most `memoryBudget`. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Accept one of a client's offers.
   *
   * @returns `undefined` if no offer can be accepted.
   */
  negotiate(offers: readonly ExtensionOffer[]): NegotiatedCompression | undefined {
    const { memoryBudget } = this.#options;
    let accepted = acceptDeflate(offers, this.#policy);
    if (accepted === undefined) return undefined;
    let bytes = contextBytes(accepted, this.#options);
    if (this.#bytes + bytes > memoryBudget) {
      // Nothing in an offer can stand against it: every client has to accept both parameters.
      accepted = acceptDeflate(offers, { ...this.#policy, contextTakeover: 'none' })!;
      bytes = 0;
    }
    return { parameters: accepted, response: formatDeflate(accepted), bytes };
  }

  /**
   * The connection is open: what compresses for it. What that takes of the budget is given back when
   * it is closed.
   *
   * @param role the connection's.
   */
  open({ parameters, bytes }: NegotiatedCompression, role: Role = 'server'): PermessageDeflate {
    if (bytes > 0) {
      this.#bytes += bytes;
      return new PermessageDeflate(this.#settings, parameters, role, () => {
        this.#bytes -= bytes;
      });
    }
    const { serverMaxWindowBits, clientMaxWindowBits } = parameters;
    const key = `${role} ${serverMaxWindowBits} ${clientMaxWindowBits}`;
    let compression = this.#shared.get(key);
    if (compression === undefined) {
      compression = new PermessageDeflate(this.#settings, parameters, role);
      this.#shared.set(key, compression);
    }
    return compression;
  }
}
