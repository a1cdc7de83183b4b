import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { checkUpgrade, isWebSocketUpgrade, notWebSocket } from '../protocol/handshake.js';
import type { UpgradeRejection } from '../protocol/upgrade-rejection.js';

/** Milliseconds that Node itself gives a client for its headers. */
const MAX_HEADERS_TIMEOUT = 60_000;

/**
 * The http.Server of a WebSocketServer that was given only a port. It serves no plain requests.
 *
 * @param upgradeTimeout milliseconds that a client has to send its request; at most 60 s, as with
 * Node. It is noticed up to a quarter of that later.
 */
export function createOwnServer(upgradeTimeout: number): Server {
  const timeout = Math.ceil(Math.min(upgradeTimeout, MAX_HEADERS_TIMEOUT)); // Node wants whole ones
  const limits = {
    headersTimeout: timeout,
    requestTimeout: timeout, // must not be less
    connectionsCheckingInterval: Math.ceil(timeout / 4),
  };
  return createServer(limits, (request, response) => {
    answer(response, faultOf(request));
  });
}

/** Stop listening and cut idle connections; resolves when the last of its sockets is gone. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}

/**
 * Why a request came here and not to `'upgrade'`: it is a plain one, or a WebSocket handshake
 * whose `Connection` header does not say so, which Node takes for a plain one.
 */
function faultOf(request: IncomingMessage): UpgradeRejection {
  if (isWebSocketUpgrade(request)) {
    try {
      checkUpgrade(request);
    } catch (error) {
      return error as UpgradeRejection;
    }
  }
  return notWebSocket();
}

function answer(response: ServerResponse, { status, headers, body }: UpgradeRejection): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    ...(headers as Record<string, string>),
    Connection: headers['Upgrade'] === undefined ? 'close' : 'Upgrade, close',
  });
  response.end(`${body!}\n`); // checkUpgrade always says what is wrong
}
