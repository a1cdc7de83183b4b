import type { OwnServerParts } from './options/attachment.js';
import { createOwnHttpServer, type OwnServer } from './http1/own-http-server.js';
import { createOwnHttp2Server } from './http2/own-http2-server.js';
import type { Log } from './logger.js';

/** For the log of a server that no browser can reach. */
const PRIOR_KNOWLEDGE =
  'option http2 without tls: the server speaks HTTP/2 with prior knowledge only, as a proxy does; no browser can connect to it directly, and no client of HTTP/1.1';

/**
 * Create the server of a WebSocketServer that has its own port.
 *
 * @param upgradeTimeout milliseconds.
 * @throws Node's error for a certificate or key that it cannot use.
 */
export function createOwnServer(
  { http2, tls }: Pick<OwnServerParts, 'http2' | 'tls'>,
  upgradeTimeout: number,
  log: Log,
): OwnServer {
  if (http2 !== true) return createOwnHttpServer(upgradeTimeout, tls);
  if (tls === undefined) log.hint(PRIOR_KNOWLEDGE);
  return createOwnHttp2Server(upgradeTimeout, tls);
}
