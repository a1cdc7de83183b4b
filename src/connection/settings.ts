import type { BufferBudget } from './limits/buffer-budget.js';
import type { PermessageDeflate } from './deflate/permessage-deflate.js';
import type { Counters } from './counters.js';
import type { Deadlines } from './limits/deadlines.js';
import type { Heartbeat } from './limits/keepalive.js';
import type { MessageRate } from './receive/rate-limiter.js';
import type { FrameDecoderOptions } from '../protocol/framing/frame-decoder.js';
import type { SlowConsumerSettings } from './send/slow-consumer.js';
import type { NodeSocket, TransportKind } from './transport.js';
import type { TopicRegistry } from './subscriptions.js';

/** What all the connections of a server have in common: one object for all. */
export interface ConnectionSettings extends SlowConsumerSettings {
  readonly decoder: FrameDecoderOptions;
  readonly textAs: 'string' | 'buffer';
  readonly binaryAs: 'buffer' | 'arraybuffer';
  /** Bytes. */
  readonly highWaterMark: number;
  /** Every Ping is answered; otherwise the owner of `'ping'` answers them. */
  readonly answersPings: boolean;
  /**
   * What comes while the application has paused is held after our own Close, too, and reading stops for it. Otherwise
   * it is discarded, so that the peer's Close and its end are seen.
   */
  readonly holdsAfterClose: boolean;
  /** Counts the bytes that wait for all of them; `undefined` if they are not limited. */
  readonly budget: BufferBudget | undefined;
  /** Milliseconds. */
  readonly closeTimeout: number;
  /** Milliseconds. */
  readonly messageTimeout: number;
  readonly deadlines: Deadlines;
  /** What happens on all of them is counted here. */
  readonly counters: Counters;
  readonly heartbeat: Heartbeat;
  readonly messageRate: MessageRate | undefined;
  readonly topics: TopicRegistry;
  /** The server, which hears of failures and ends; `undefined` without one. */
  readonly observer: ConnectionObserver | undefined;
}

/** `connection` is the WebSocketConnection; only the server knows what context it has. */
export interface ConnectionObserver {
  failed(error: Error, connection: unknown): void;
  /** Its messages waited too long for a consumer, and are discarded until there is one. */
  unread(connection: unknown): void;
  closed(connection: unknown): void;
}

/** What a server has answered to a client's handshake. */
export interface HandshakeResponse {
  /** 101. */
  readonly status: number;
  /** Header fields by lower-case name, as Node has them in `IncomingHttpHeaders`. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What the opening handshake settled for one connection. */
export interface ConnectionDetails<Context> {
  readonly context: Context;
  readonly url: string;
  readonly subprotocol: string;
  readonly extensions: string;
  readonly remoteAddress: string | undefined;
  /** @default 'other' */
  readonly transport?: TransportKind;
  /** Of a client. */
  readonly response?: HandshakeResponse | undefined;
  /** Of a transport that is a socket of Node's own. */
  readonly nodeSocket?: NodeSocket | undefined;
  /** As negotiated; `undefined` without permessage-deflate. */
  readonly compression?: PermessageDeflate | undefined;
  /** Other than the settings' with compression, or if `authorize` said so. */
  readonly decoder?: FrameDecoderOptions | undefined;
}
