import { channel } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import type { WebSocketConnection } from '../connection/connection.js';
import type { ConnectionChannels } from '../connection/diagnostics.js';
import type { RejectedUpgrade } from './events.js';
import type { WebSocketServer } from './server.js';

/**
 * The channels of `node:diagnostics_channel` on which hawser publishes, with their payloads. One
 * subscription hears all servers of the process. A payload is made only when somebody listens, and
 * must be left as it is: others listen too.
 *
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel';
 *
 * subscribe('hawser.connection.closed', (message) => {
 *   const { info } = message as DiagnosticsChannels['hawser.connection.closed'];
 * });
 * ```
 */
export interface DiagnosticsChannels extends ConnectionChannels {
  /**
   * A WebSocket handshake has come to this server (or to `handleUpgrade`), before anything of it is
   * checked. One of
   * `hawser.connection.opened`, `hawser.upgrade.rejected` and `hawser.upgrade.abandoned` follows.
   */
  'hawser.upgrade.requested': {
    readonly server: WebSocketServer<unknown>;
    readonly request: IncomingMessage;
  };
  /** An upgrade was refused; what `'rejected'` tells. A request at nobody's path is refused without `hawser.upgrade.requested`. */
  'hawser.upgrade.rejected': RejectedUpgrade & { readonly server: WebSocketServer<unknown> };
  /** The client left before `authorize` had answered. */
  'hawser.upgrade.abandoned': {
    readonly server: WebSocketServer<unknown>;
    readonly request: IncomingMessage;
  };
  /**
   * A connection is open; `'connection'` follows. What `accept` opens was not `requested`: the
   * application had decided, and whether it becomes a connection was not open any more.
   */
  'hawser.connection.opened': {
    readonly server: WebSocketServer<unknown>;
    readonly request: IncomingMessage;
    readonly connection: WebSocketConnection<unknown>;
  };
}

const requested = channel('hawser.upgrade.requested');
const rejected = channel('hawser.upgrade.rejected');
const abandoned = channel('hawser.upgrade.abandoned');
const opened = channel('hawser.connection.opened');

/**
 * What makes the payloads. It is called only where somebody listens: a test counts the calls.
 * Servers and connections of any context are published; only a cast can say so.
 */
export const serverPayloads = {
  upgrade(
    server: unknown,
    request: IncomingMessage,
  ): DiagnosticsChannels['hawser.upgrade.requested'] {
    return { server: server as WebSocketServer<unknown>, request };
  },
  rejected(
    server: unknown,
    rejection: RejectedUpgrade,
  ): DiagnosticsChannels['hawser.upgrade.rejected'] {
    return { server: server as WebSocketServer<unknown>, ...rejection };
  },
  opened(
    server: unknown,
    request: IncomingMessage,
    connection: unknown,
  ): DiagnosticsChannels['hawser.connection.opened'] {
    return {
      server: server as WebSocketServer<unknown>,
      request,
      connection: connection as WebSocketConnection<unknown>,
    };
  },
};

export function tellRequested(server: unknown, request: IncomingMessage): void {
  if (requested.hasSubscribers) requested.publish(serverPayloads.upgrade(server, request));
}

export function tellRejected(server: unknown, rejection: RejectedUpgrade): void {
  if (rejected.hasSubscribers) rejected.publish(serverPayloads.rejected(server, rejection));
}

export function tellAbandoned(server: unknown, request: IncomingMessage): void {
  if (abandoned.hasSubscribers) abandoned.publish(serverPayloads.upgrade(server, request));
}

export function tellOpened(server: unknown, request: IncomingMessage, connection: unknown): void {
  if (opened.hasSubscribers) opened.publish(serverPayloads.opened(server, request, connection));
}
