import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';
import {
  checkUpgrade,
  isWebSocketUpgrade,
  notWebSocket,
} from '../../protocol/handshake/opening-handshake.js';
import type { UpgradeRejection } from '../../protocol/handshake/upgrade-rejection.js';

/** Milliseconds that Node itself gives a client for its headers. */
const MAX_HEADERS_TIMEOUT = 60_000;

/** Transports of our own servers whose TLS handshake has not ended: HTTP does not know them yet. */
const handshaking = new WeakMap<Server, Set<Socket>>();

/**
 * The http.Server or https.Server of a WebSocketServer that was given only a port. It serves no
 * plain requests.
 *
 * @param upgradeTimeout milliseconds that a client has to send its request, and before that for its
 * TLS handshake; at most 60 s, as with Node. It is noticed up to a quarter of that later.
 * @param tls options of `tls.createServer`.
 * @throws what Node throws for a certificate or key that it cannot use.
 */
export function createOwnServer(upgradeTimeout: number, tls?: TlsOptions): Server {
  const timeout = Math.ceil(Math.min(upgradeTimeout, MAX_HEADERS_TIMEOUT)); // Node wants whole ones
  const limits = {
    headersTimeout: timeout,
    requestTimeout: timeout, // must not be less
    connectionsCheckingInterval: Math.ceil(timeout / 4),
  };
  const answerPlain = (request: IncomingMessage, response: ServerResponse): void => {
    answer(response, faultOf(request));
  };
  if (tls === undefined) return createServer(limits, answerPlain);
  const server = createSecureServer(
    { handshakeTimeout: timeout, ...limits, ...tls },
    answerPlain,
  ) as Server;
  const sockets = new Set<Socket>();
  handshaking.set(server, sockets);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('secureConnection', (socket: TLSSocket & { readonly _parent?: Socket }) => {
    sockets.delete(socket._parent!); // Node's own: what TLS runs on
  });
  return server;
}

/** Stop listening and cut idle connections; resolves when the last of its sockets is gone. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}

/** Cut the connections that were not upgraded. */
export function cutConnections(server: Server): void {
  server.closeAllConnections();
  for (const socket of handshaking.get(server) ?? []) socket.destroy();
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
