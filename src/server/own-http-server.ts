import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** The http.Server of a WebSocketServer that was given only a port: it answers plain requests with 426. */
export function createOwnServer(): Server {
  return createServer(upgradeRequired);
}

/** Stop listening; resolves when the last of its sockets is gone. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** What an http.Server of our own answers to a plain request. */
function upgradeRequired(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, {
    Upgrade: 'websocket',
    Connection: 'Upgrade, close',
    'Content-Type': 'text/plain; charset=utf-8',
  });
  response.end('only upgrades to websocket are served here\n');
}
