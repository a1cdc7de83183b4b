/** A server's address, read from a URL. */
export interface Address {
  /** The URL with a WebSocket scheme: `http:` has become `ws:`, and `https:` `wss:`. */
  readonly url: URL;
  /** TLS is spoken. */
  readonly secure: boolean;
  /** A name or an address, IPv6 without its brackets; `''` with a Unix socket. */
  readonly host: string;
  readonly port: number;
  /** The request target: path and query; `''` if a Unix socket's URL has none. */
  readonly path: string;
  /** The path of a Unix socket or a named pipe, of a `ws+unix:` URL. */
  readonly socketPath: string | undefined;
  /** User and password, as `user:password`; `undefined` if the URL has neither. */
  readonly userinfo: string | undefined;
}

/** Why a URL is not a server's address. */
export interface AddressFault {
  /** Another scheme; a `ws+unix:` URL without a path; a fragment, which "MUST NOT be used" (RFC 6455 section 3). */
  readonly code: 'scheme' | 'path' | 'fragment';
  readonly url: URL;
}

/** The schemes, and those that stand for them in programs that know an HTTP URL. */
const SCHEMES: ReadonlyMap<string, string> = new Map([
  ['ws:', 'ws:'],
  ['wss:', 'wss:'],
  ['ws+unix:', 'ws+unix:'],
  ['http:', 'ws:'],
  ['https:', 'wss:'],
]);

/**
 * Read a server's address.
 *
 * @param given `ws:`, `wss:`, `http:`, `https:`, or `ws+unix:` with the path of the socket, a colon and the
 * request target: `ws+unix:/run/app.sock:/chat?room=1`. It is not changed.
 */
export function readAddress(given: URL): Address | AddressFault {
  const scheme = SCHEMES.get(given.protocol);
  if (scheme === undefined) return { code: 'scheme', url: given };
  const url = new URL(given);
  url.protocol = scheme;
  if (scheme === 'ws+unix:' && url.pathname === '') return { code: 'path', url };
  if (url.hash !== '') return { code: 'fragment', url };

  const secure = scheme === 'wss:';
  const whole = url.pathname + url.search;
  const colon = scheme === 'ws+unix:' ? whole.indexOf(':') : 0;
  const end = colon < 0 ? whole.length : colon;
  return {
    url,
    secure,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port) || (secure ? 443 : 80),
    path: scheme === 'ws+unix:' ? whole.slice(end + 1) : whole,
    socketPath: scheme === 'ws+unix:' ? decoded(whole.slice(0, end)) : undefined,
    userinfo:
      url.username === '' && url.password === ''
        ? undefined
        : `${decoded(url.username)}:${decoded(url.password)}`,
  };
}

/** The text that a part of a URL stands for; the part itself if its escapes are malformed. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
