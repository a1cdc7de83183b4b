import type { IncomingMessage } from 'node:http';
import type { WebSocketConnection } from '../connection/connection.js';
import type { SendOptions } from '../connection/sender.js';

/** A refused upgrade. */
export interface RejectedUpgrade {
  readonly status: number;
  /** What the client was told. */
  readonly reason: string;
  readonly request: IncomingMessage;
  readonly remoteAddress: string | undefined;
}

export interface ServerEvents<Context> {
  connection: [connection: WebSocketConnection<Context>, request: IncomingMessage];
  /** An upgrade was refused. */
  rejected: [rejected: RejectedUpgrade];
  /** A peer broke a rule or its transport failed. The connection's `'close'` follows. */
  connectionError: [error: Error, connection: WebSocketConnection<Context>];
  listening: [];
  /** `close()` is done. */
  close: [];
  /** The server's own fault, such as a port in use. Thrown if nobody listens, as everywhere in Node. */
  error: [error: Error];
}

export interface BroadcastOptions<Context> extends SendOptions {
  /** One connection, or several, that do not get the message. */
  readonly except?: WebSocketConnection<Context> | Iterable<WebSocketConnection<Context>>;
  /** Only connections for which it returns `true` get the message. */
  readonly filter?: (connection: WebSocketConnection<Context>) => boolean;
}
