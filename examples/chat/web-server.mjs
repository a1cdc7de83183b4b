import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { servePage } from './page.mjs';

/** Limits for clients that are not trusted: `docs/deploying.md` has the reasons. */
const LIMITS = {
  settings: { maxConcurrentStreams: 256, initialWindowSize: 65_535, maxHeaderListSize: 16_384 },
  maxSessionMemory: 10,
  maxSessionInvalidFrames: 100,
};
const SESSION_WINDOW = 1024 * 1024;

/**
 * The server of the page. With a certificate it speaks HTTP/2, and HTTP/1.1 for browsers that have no session of
 * HTTP/2 yet; without one, HTTP/1.1.
 *
 * @param {{ cert: string, key: string | Buffer } | undefined} tls
 * @returns {{ server: import('node:http').Server | import('node:http2').Http2SecureServer, end: () => void }}
 * the server, and a function that ends what clients still have open after its `close()`
 */
export function createWebServer(tls) {
  const page = servePage();
  if (tls === undefined) {
    const server = createServer(page);
    return { server, end: () => server.closeAllConnections() };
  }
  // Its requests have all that the page uses of those of HTTP/1.1.
  const server = createSecureServer(
    { ...LIMITS, ...tls, allowHTTP1: true },
    /** @type {any} */ (page),
  );
  /** @type {Set<import('node:http2').ServerHttp2Session>} */
  const sessions = new Set();
  /** @type {Set<import('node:net').Socket>} */
  const sockets = new Set();
  server.on('session', (session) => {
    session.setLocalWindowSize(SESSION_WINDOW);
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.on('secureConnection', (socket) => {
    if (socket.alpnProtocol === 'h2') return;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    server,
    end() {
      for (const socket of sockets) socket.destroy();
      // Node 22 aborts the process if a session is destroyed while it reads.
      setImmediate(() => {
        for (const session of sessions) session.destroy();
      });
    },
  };
}
