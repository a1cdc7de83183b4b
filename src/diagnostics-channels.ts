import type { IncomingMessage } from 'node:http';
import type { CloseInfo } from './connection/close/close-info.js';
import type { WebSocketConnection } from './connection/connection.js';
import type { AnyMessage } from './connection/receive/receive-queue.js';
import type { TransportKind } from './connection/transport.js';
import type { BlobLike } from './protocol/framing/payload.js';
import type { Data } from './protocol/framing/prepared-message.js';
import type { RejectedUpgrade } from './server/events.js';
import type { WebSocketServer } from './server/server.js';

/**
 * The channels of `node:diagnostics_channel` on which hawser publishes, with their payloads. One
 * subscription covers all servers of the process. A payload is made only if its channel has a
 * subscriber. Do not change it: other subscribers get the same object.
 *
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel';
 *
 * subscribe('hawser.connection.closed', (message) => {
 *   const { info } = message as DiagnosticsChannels['hawser.connection.closed'];
 * });
 * ```
 */
export interface DiagnosticsChannels {
  /**
   * A WebSocket handshake came to this server (or to `handleUpgrade`); nothing of it is checked yet.
   * One of `hawser.connection.opened`, `hawser.upgrade.rejected` and `hawser.upgrade.abandoned`
   * follows.
   */
  'hawser.upgrade.requested': {
    readonly server: WebSocketServer<unknown>;
    readonly request: IncomingMessage;
    /** Which version of HTTP it came by. */
    readonly transport: TransportKind;
  };
  /**
   * An upgrade was rejected; the payload has what `'rejected'` reports. A request for a path that no
   * server has is rejected without `hawser.upgrade.requested`.
   */
  'hawser.upgrade.rejected': RejectedUpgrade & {
    readonly server: WebSocketServer<unknown>;
    readonly transport: TransportKind;
  };
  /** The client left before `authorize` had answered. */
  'hawser.upgrade.abandoned': {
    readonly server: WebSocketServer<unknown>;
    readonly request: IncomingMessage;
    readonly transport: TransportKind;
  };
  /**
   * A connection is open; `'connection'` follows. A connection that `accept` opens has no
   * `hawser.upgrade.requested`, because the application had already decided.
   */
  'hawser.connection.opened': {
    readonly server: WebSocketServer<unknown>;
    readonly request: IncomingMessage;
    readonly connection: WebSocketConnection<unknown>;
    /** `connection.transport`. */
    readonly transport: TransportKind;
  };
  /**
   * A peer broke a rule, was too slow or did not answer the heartbeat, or its transport failed; the
   * payload has what `'connectionError'` reports.
   */
  'hawser.connection.failed': {
    readonly connection: WebSocketConnection<unknown>;
    readonly error: Error;
    readonly transport: TransportKind;
  };
  /** A connection has ended; `'close'` follows. Published exactly once for each opened connection. */
  'hawser.connection.closed': {
    readonly connection: WebSocketConnection<unknown>;
    /** Which side closed, and why. */
    readonly info: CloseInfo;
    readonly transport: TransportKind;
  };
  /**
   * A whole message came and is about to be delivered, held or discarded. Pings, pongs and single
   * fragments are not published.
   */
  'hawser.message.received': {
    readonly connection: WebSocketConnection<unknown>;
    /** What the listener gets. */
    readonly data: AnyMessage;
    readonly isBinary: boolean;
  };
  /**
   * `send` or `broadcast` has taken a message, which now waits to leave; a broadcast is published
   * once for every connection that gets it. What `sendFrame` sends is not published.
   */
  'hawser.message.sent': {
    readonly connection: WebSocketConnection<unknown>;
    /** What the caller gave; a PreparedMessage for a broadcast. */
    readonly data: Data;
    readonly isBinary: boolean;
  };
  /** `publish` was called, and has delivered to the subscribers of this process. */
  'hawser.topic.published': {
    readonly server: WebSocketServer<unknown>;
    readonly topic: string;
    /** What the subscribers get: a PreparedMessage. */
    readonly data: Data;
    /** Subscribers in this process. */
    readonly count: number;
  };
  /** Messages of another node were lost; the payload has what `'brokerLoss'` reports. */
  'hawser.broker.lost': {
    readonly server: WebSocketServer<unknown>;
    readonly topic: string;
    /** The node that published them. */
    readonly node: string;
    /** How many. */
    readonly count: number;
  };
  /** The broker became usable, or unusable. */
  'hawser.broker.state': {
    readonly server: WebSocketServer<unknown>;
    readonly state: 'up' | 'down';
    readonly error: Error | undefined;
  };
  /** A message was dropped because the peer is slow; see `slowConsumer`. */
  'hawser.message.dropped': {
    readonly connection: WebSocketConnection<unknown>;
    /** What the caller gave; a PreparedMessage for a broadcast. */
    readonly data: Data | BlobLike;
  };
}
