import { ConnectionError } from '../connection/close/connection-error.js';
import type { WebSocketConnection } from '../connection/connection.js';
import type { ConnectionObserver } from '../connection/settings.js';
import type { TypedEmitter } from '../connection/typed-emitter.js';
import { ProtocolError } from '../protocol/framing/protocol-error.js';
import type { UpgradePolicy } from './admission/upgrade-policy.js';
import type { ServerEvents } from './events.js';
import type { Log } from './logger.js';
import type { UnreadHint } from './unread-hint.js';

/** What a server does when one of its connections fails, is not read, or has closed. */
export function observeConnections<Context>(
  server: TypedEmitter<ServerEvents<Context>>,
  connections: Set<WebSocketConnection<Context>>,
  policy: UpgradePolicy<Context>,
  log: Log,
  unreadHint: UnreadHint,
): ConnectionObserver {
  // The connections are the server's own, so they have its context.
  const own = (connection: unknown) => connection as WebSocketConnection<Context>;
  return {
    failed: (error, connection) => {
      const failed = own(connection);
      logFailure(log, error, failed.remoteAddress ?? 'a connection');
      server.emit('connectionError', error, failed);
    },
    unread: (connection) => {
      unreadHint.tell(own(connection).remoteAddress);
    },
    closed: (connection) => {
      const closed = own(connection);
      connections.delete(closed);
      policy.uncount(closed.remoteAddress);
    },
  };
}

/** Log why a connection has failed. A transport that failed is too common for the log. */
export function logFailure(log: Log, error: Error, peer: string): void {
  if (error instanceof ProtocolError) {
    log.peerError(`closed ${peer} with ${error.closeCode}: ${error.message}`, error);
  } else if (error instanceof ConnectionError) {
    log.peerError(`gave up ${peer}: ${error.message}`, error);
  }
}
