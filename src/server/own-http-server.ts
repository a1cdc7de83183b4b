import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { checkUpgrade, isWebSocketUpgrade, notWebSocket } from '../protocol/handshake.js';
import type { UpgradeRejection } from '../protocol/upgrade-rejection.js';

/** The http.Server of a WebSocketServer that was given only a port. It serves no plain requests. */
export function createOwnServer(): Server {
  return createServer((request, response) => {
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
