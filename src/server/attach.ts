import type { Server } from 'node:http';
import type { Http2Server } from 'node:http2';
import { ConnectDispatcher } from './http2/connect-dispatcher.js';
import { UpgradeDispatcher } from './http1/upgrade-dispatcher.js';
import type { Log } from './logger.js';
import type { UpgradeEndpoint } from './upgrade-endpoint.js';

/** For the log of a server whose other listeners lose their browsers. */
const OTHER_LISTENERS =
  "the server has other 'upgrade' listeners, which browsers do not reach any more once they have an HTTP/2 session: they open every WebSocket by an extended CONNECT then (RFC 8441), and the server advertises that; give http2: false beside the server to leave HTTP/2 alone";

/**
 * Attach a WebSocketServer to a server of Node's: to its `'upgrade'`, and with HTTP/2 to its extended CONNECTs.
 *
 * @returns a function that detaches it.
 */
export function attach(
  server: Server,
  endpoint: UpgradeEndpoint,
  usesHttp2: boolean,
  log: Log,
): () => void {
  const upgrades = UpgradeDispatcher.of(server);
  upgrades.add(endpoint);
  if (!usesHttp2) {
    return () => {
      upgrades.remove(endpoint);
    };
  }
  if (upgrades.hasOtherListeners) log.hint(OTHER_LISTENERS);
  const connects = ConnectDispatcher.of(server as unknown as Http2Server);
  connects.add(endpoint);
  return () => {
    upgrades.remove(endpoint);
    connects.remove(endpoint);
  };
}
