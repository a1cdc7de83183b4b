import type { WebSocketConnection } from '../../connection/connection.js';
import { Opcode } from '../../protocol/framing/frame.js';
import {
  type Data,
  givenPrepared,
  PreparedMessage,
  toPayload,
} from '../../protocol/framing/prepared-message.js';
import type { Payload } from '../../protocol/framing/payload.js';
import type { EnvelopeMessage } from './envelope.js';

/** How a message is delivered. */
export interface DeliveryOptions<Context> extends Pick<
  EnvelopeMessage,
  'compress' | 'droppable' | 'key' | 'retain'
> {
  /** Subscribers that do not get it. */
  readonly except?: ReadonlySet<WebSocketConnection<Context>> | undefined;
}

/**
 * A message to the subscribers of a topic, here and on other nodes. Its frame is made when it is first asked for:
 * a topic may have subscribers on other nodes only. Until `publish` returns, its payload may be the caller's memory.
 */
export class Publication<Context> implements EnvelopeMessage {
  readonly payload: Uint8Array;
  readonly binary: boolean;
  readonly compress: boolean | undefined;
  readonly droppable: boolean;
  readonly key: string | undefined;
  readonly retain: boolean;
  readonly except: ReadonlySet<WebSocketConnection<Context>> | undefined;
  #message: PreparedMessage | undefined;

  constructor(
    payload: Uint8Array,
    binary: boolean,
    { compress, droppable, key, retain, except }: DeliveryOptions<Context>,
    message?: PreparedMessage,
  ) {
    this.payload = payload;
    this.binary = binary;
    this.compress = compress;
    this.droppable = droppable;
    this.key = key;
    this.retain = retain;
    this.except = except;
    this.#message = message;
  }

  /**
   * What `publish` was given.
   *
   * @throws TypeError as `prepareMessage` does.
   */
  static of<Context>(
    data: Data,
    binary: boolean | undefined,
    options: DeliveryOptions<Context>,
  ): Publication<Context> {
    const given = givenPrepared(data, binary);
    if (given !== undefined) {
      return new Publication(given.payload, given.opcode === Opcode.Binary, options, given);
    }
    const payload = toPayload(data as Payload, binary);
    return new Publication(payload, binary ?? typeof data !== 'string', options);
  }

  /** The message as connections get it: encoded once. */
  get message(): PreparedMessage {
    return (this.#message ??= new PreparedMessage(
      this.binary ? Opcode.Binary : Opcode.Text,
      this.payload,
    ));
  }
}
