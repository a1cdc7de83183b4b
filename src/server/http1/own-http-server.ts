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

/** Node's own limit for a client to send its headers, in milliseconds. */
const MAX_HEADERS_TIMEOUT = 60_000;

/** The server of a WebSocketServer that has its own port. */
export interface OwnServer {
  readonly server: Server;
  /** Stop listening, and close idle connections. */
  close(): ServerEnd;
}

/**
 * Create the http.Server or https.Server of a WebSocketServer that has its own port. It answers plain
 * requests with 426.
 *
 * @param upgradeTimeout milliseconds that a client has to send its request, and before that for its
 * TLS handshake; at most 60 s. Node checks every quarter of that time.
 * @param tls options of `tls.createServer`.
 * @throws Node's error for a certificate or key that it cannot use.
 */
export function createOwnHttpServer(upgradeTimeout: number, tls?: TlsOptions): OwnServer {
  const timeout = Math.ceil(Math.min(upgradeTimeout, MAX_HEADERS_TIMEOUT)); // Node requires an integer
  const limits = {
    headersTimeout: timeout,
    requestTimeout: timeout, // must not be less than headersTimeout
    connectionsCheckingInterval: Math.ceil(timeout / 4),
  };
  const answerPlain = (request: IncomingMessage, response: ServerResponse): void => {
    answer(response, faultOf(request));
  };
  if (tls === undefined) return closable(createServer(limits, answerPlain), []);
  const server = createSecureServer(
    { handshakeTimeout: timeout, ...limits, ...tls },
    answerPlain,
  ) as Server;
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('secureConnection', (socket: TLSSocket & { readonly _parent?: Socket }) => {
    sockets.delete(socket._parent!); // private to Node: the socket below TLS
  });
  return closable(server, sockets);
}

/** The end of a server that was told to close. */
interface ServerEnd {
  /** Destroy the connections that were not upgraded; resolves when the last socket has closed. */
  end(): Promise<void>;
  /** Time is up: do not wait for what is still open. */
  terminate(): void;
}

/** @param handshaking transports whose TLS handshake has not ended. `closeAllConnections` does not know them yet. */
function closable(server: Server, handshaking: Iterable<Socket>): OwnServer {
  return {
    server,
    close: () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      return {
        end: () => {
          server.closeAllConnections();
          for (const socket of handshaking) socket.destroy();
          return closed;
        },
        terminate: () => undefined,
      };
    },
  };
}

/**
 * The fault of a request that came by `'request'`: it is a plain request, or a WebSocket handshake
 * without `Connection: Upgrade`, which is a plain request for Node.
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
  response.end(`${body!}\n`); // checkUpgrade always gives a body
}
