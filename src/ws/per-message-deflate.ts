import { Buffer } from 'node:buffer';
import { readDeflateAnswer } from '../protocol/deflate/client-negotiation.js';
import { createDeflater, createInflater } from '../protocol/deflate/contexts.js';
import type { DeflateContextOptions, Deflater, Inflater } from '../protocol/deflate/contexts.js';
import { TAIL } from '../protocol/deflate/format.js';
import { acceptDeflate, type DeflateParameters } from '../protocol/deflate/negotiation.js';
import { EXTENSION, LARGEST_WINDOW } from '../protocol/deflate/parameters.js';
import { LONGEST_MESSAGE } from '../protocol/framing/message-buffer.js';
import { ProtocolError } from '../protocol/framing/protocol-error.js';
import { ClientDeflate } from './client-deflate.js';
import { deflateSettings, type PerMessageDeflateOptions } from './deflate-options.js';
import { type ExtensionParameters, paramsOf } from './extension.js';
import { toWsError } from './ws-error.js';

/** The options of {@link PerMessageDeflate}. */
export interface PerMessageDeflateSide extends PerMessageDeflateOptions {
  /** Whether it is the server's end. @default false */
  readonly isServer?: boolean | undefined;
  /** Most bytes of a decompressed message; 0 is for no limit. @default 0 */
  readonly maxPayload?: number | undefined;
}

/** What {@link PerMessageDeflate} calls with what came out, or with what is wrong. */
export type PerMessageDeflateCallback = (error: Error | null, data?: Buffer) => void;

/** The negotiated parameters under their names in the header. */
export type NegotiatedParameters = Record<string, number | true>;

/**
 * One end of permessage-deflate (RFC 7692) without a connection: for programs that watch the bytes of one, with a
 * `Receiver`. The server and client of `hawser/ws` do not use it.
 */
export class PerMessageDeflate {
  /** The negotiated parameters; `null` before {@link accept}. */
  params: NegotiatedParameters | null = null;
  readonly #options: PerMessageDeflateSide;
  readonly #limit: number;
  #deflater: Deflater | undefined;
  #inflater: Inflater | undefined;
  /** Our window begins empty with each message. */
  #forgets = false;
  /** The parts of the message that is being decompressed. */
  #parts: Uint8Array[] = [];

  /** @throws TypeError for a value that is out of range. */
  constructor(options: PerMessageDeflateSide = {}) {
    const { maxPayload = 0 } = options;
    deflateSettings(options);
    this.#options = options;
    this.#limit = maxPayload === 0 ? LONGEST_MESSAGE : maxPayload;
  }

  static get extensionName(): string {
    return EXTENSION;
  }

  /** The parameters of a client's offer. */
  offer(): NegotiatedParameters {
    const { params } = new ClientDeflate(this.#options).offer;
    return Object.fromEntries(
      params.map(({ name, value }) => [name, value === undefined ? true : Number(value)]),
    );
  }

  /**
   * Accept one of a client's offers, or a server's answer.
   *
   * @param configurations what `extension.parse` has read for permessage-deflate.
   * @returns the agreed parameters.
   * @throws Error if nothing can be accepted.
   */
  accept(configurations: readonly ExtensionParameters[]): NegotiatedParameters {
    const offers = configurations.map((given) => ({ name: EXTENSION, params: paramsOf(given) }));
    const agreed =
      this.#options.isServer === true
        ? acceptDeflate(offers, this.#policy())
        : this.#answered(offers[0]!.params);
    if (agreed === undefined) throw new Error('None of the extension offers can be accepted');
    this.#open(agreed);
    this.params = paramsByName(agreed);
    return this.params;
  }

  /**
   * Compress a part of a message, in this turn of the event loop.
   *
   * @param fin whether it is the last part.
   * @param callback called with the payload, in this turn.
   * @throws Error before {@link accept}.
   */
  compress(data: Uint8Array | string, fin: boolean, callback: PerMessageDeflateCallback): void {
    const deflater = this.#opened(this.#deflater);
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const payload = deflater.deflate(bytes);
    // The peer adds the tail to the last part alone.
    if (!fin) {
      callback(null, Buffer.concat([payload, TAIL]));
      return;
    }
    if (this.#forgets) deflater.release();
    callback(null, payload);
  }

  /**
   * Decompress a message, in this turn of the event loop.
   *
   * @param fin whether it is the last part; nothing comes out before.
   * @param callback called with the message, or with an error that has a code of ws.
   * @throws Error before {@link accept}.
   */
  decompress(data: Uint8Array, fin: boolean, callback: PerMessageDeflateCallback): void {
    const inflater = this.#opened(this.#inflater);
    this.#parts.push(data);
    if (!fin) {
      callback(null, Buffer.alloc(0));
      return;
    }
    const payload = Buffer.concat(this.#parts.splice(0));
    let message: Buffer | undefined;
    try {
      message = inflater.inflate(payload, this.#limit);
    } catch (error) {
      callback(toWsError(error as ProtocolError));
      return;
    }
    if (message === undefined) callback(toWsError(tooBig(this.#limit)));
    else callback(null, message);
  }

  /** Release the contexts. */
  cleanup(): void {
    this.#deflater?.release();
    this.#deflater = this.#inflater = undefined;
    this.#parts = [];
  }

  #policy(): Parameters<typeof acceptDeflate>[1] {
    const { options, clientWindowBits } = deflateSettings(this.#options);
    const { contextTakeover, windowBits } = options;
    return { contextTakeover, windowBits, clientWindowBits };
  }

  #answered(params: ReturnType<typeof paramsOf>): DeflateParameters | undefined {
    const { fault, parameters } = {
      parameters: undefined,
      ...readDeflateAnswer(params, new ClientDeflate(this.#options).offer),
    };
    // As in ws, what a server leaves out of its answer is no fault.
    return fault?.code === 'ignored-parameter' ? fault.parameters : parameters;
  }

  #open(agreed: DeflateParameters): void {
    const server = {
      windowBits: agreed.serverMaxWindowBits,
      takeover: !agreed.serverNoContextTakeover,
    };
    const client = {
      windowBits: agreed.clientMaxWindowBits,
      takeover: !agreed.clientNoContextTakeover,
    };
    const { level, memLevel } = deflateSettings(this.#options).options;
    const [ours, theirs] = this.#options.isServer === true ? [server, client] : [client, server];
    // The parts of one message always share a window.
    const context: DeflateContextOptions = { ...ours, takeover: true, level, memLevel };
    this.#forgets = !ours.takeover;
    this.#deflater = createDeflater(context);
    this.#inflater = createInflater(theirs);
  }

  #opened<T>(context: T | undefined): T {
    if (context === undefined)
      throw new Error('PerMessageDeflate: accept() must come before compress and decompress');
    return context;
  }
}

function paramsByName(agreed: DeflateParameters): NegotiatedParameters {
  const params: NegotiatedParameters = {};
  if (agreed.serverNoContextTakeover) params['server_no_context_takeover'] = true;
  if (agreed.clientNoContextTakeover) params['client_no_context_takeover'] = true;
  const { serverMaxWindowBits, clientMaxWindowBits } = agreed;
  if (serverMaxWindowBits < LARGEST_WINDOW) params['server_max_window_bits'] = serverMaxWindowBits;
  if (clientMaxWindowBits < LARGEST_WINDOW) params['client_max_window_bits'] = clientMaxWindowBits;
  return params;
}

function tooBig(limit: number): ProtocolError {
  return new ProtocolError('ERR_MESSAGE_TOO_BIG', `a message of more than ${limit} bytes`, {
    length: limit + 1,
  });
}
