import type { IncomingMessage } from 'node:http';
import type { WebSocketConnection } from '../connection/connection.js';

/** A rejected upgrade. */
export interface RejectedUpgrade {
  /** The HTTP status of the response. */
  readonly status: number;
  /** What the log says. If `UpgradeRejection` had a body it is that body, which the client got too. */
  readonly reason: string;
  /** The request that was rejected. */
  readonly request: IncomingMessage;
  /** The client's address; under `trustProxy` the one that was forwarded. */
  readonly remoteAddress: string | undefined;
}

/** The events of a server, with their listeners' arguments. */
export interface ServerEvents<Context> {
  /** A connection is open; add its listeners here. */
  connection: [connection: WebSocketConnection<Context>, request: IncomingMessage];
  /** An upgrade was rejected. */
  rejected: [rejected: RejectedUpgrade];
  /** A peer broke a rule, was too slow or did not answer the heartbeat, or its transport failed. The connection's `'close'` follows. */
  connectionError: [error: Error, connection: WebSocketConnection<Context>];
  /** The server's own port is open. */
  listening: [];
  /** `close()` is done. */
  close: [];
  /** The server's own fault, such as a port in use. Thrown if nobody listens, as everywhere in Node. */
  error: [error: Error];
}
