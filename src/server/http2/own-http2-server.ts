import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';
import type { OwnServer } from '../http1/own-http-server.js';

/** Bytes that the streams of one session may have sent without being read. */
const SESSION_WINDOW = 1024 * 1024;

/** Limits for clients that are not trusted; `docs/deploying.md` has the reasons. */
const LIMITS = {
  settings: {
    // Proxies open 100 streams before they have seen this number, and a lower one would end the session.
    maxConcurrentStreams: 256,
    initialWindowSize: 65_535,
    maxHeaderListSize: 16_384,
  },
  maxSessionMemory: 10,
  maxSessionInvalidFrames: 100,
  streamResetBurst: 1000,
  streamResetRate: 33,
};

/**
 * Create the HTTP/2 server of a WebSocketServer that has its own port. With `tls` it speaks HTTP/1.1 too;
 * without, only HTTP/2 with prior knowledge. It answers plain requests with 426.
 *
 * @param upgradeTimeout milliseconds that a client has for its TLS handshake.
 * @throws Node's error for a certificate or key that it cannot use.
 */
export function createOwnHttp2Server(upgradeTimeout: number, tls?: TlsOptions): OwnServer {
  const server: Http2Server | Http2SecureServer =
    tls === undefined
      ? createServer(LIMITS)
      : createSecureServer({
          handshakeTimeout: Math.ceil(upgradeTimeout),
          ...LIMITS,
          ...tls,
          allowHTTP1: true,
        });
  server.on('request', answerPlain);
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session: ServerHttp2Session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.setLocalWindowSize(SESSION_WINDOW);
  });
  const sockets = tls === undefined ? new Set<Socket>() : socketsWithoutSession(server);
  return {
    server: server as unknown as OwnServer['server'],
    close: () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      for (const session of sessions) session.close(); // sends GOAWAY, and ends with its last stream
      return {
        end: () => {
          for (const socket of sockets) socket.destroy();
          return closed;
        },
        terminate: () => {
          // Node 22 aborts the process if a session is destroyed while it reads.
          setImmediate(() => {
            for (const session of sessions) session.destroy();
          });
        },
      };
    },
  };
}

/** The sockets of a secure server that are in the TLS handshake, or speak HTTP/1.1. */
function socketsWithoutSession(server: Http2SecureServer | Http2Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('secureConnection', (socket: TLSSocket & { readonly _parent?: Socket }) => {
    // Private to Node: the socket below TLS.
    if (socket.alpnProtocol === 'h2') sockets.delete(socket._parent!);
  });
  return sockets;
}

function answerPlain(
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
): void {
  const head = { 'Content-Type': 'text/plain; charset=utf-8' };
  const isHttp1 = request.httpVersionMajor === 1;
  const plain = response as ServerResponse; // both have what is used here
  plain.writeHead(
    426,
    isHttp1 ? { ...head, Upgrade: 'websocket', Connection: 'Upgrade, close' } : head,
  );
  plain.end('only WebSockets are served here\n');
}
