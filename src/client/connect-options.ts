import type { Agent, ClientRequestArgs, OutgoingHttpHeaders } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import type { RequestOptions } from 'node:https';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { isAbortSignal } from '../connection/abort-signal.js';
import { isToken } from '../protocol/handshake/http-grammar.js';
import { readHeaders, type UpgradeHeaders } from '../protocol/handshake/response-headers.js';
import {
  type Advice,
  anyFunction,
  checkOptions,
  isObject,
  isPlain,
  isStrings,
  milliseconds,
  nonNegativeInteger,
  type Rule,
  type Rules,
  show,
} from '../protocol/option-checks.js';
import { CONNECTION_OPTIONS, type ConnectionOptions } from './client-connections.js';

/**
 * Options of `connect`: those of the handshake, and those that a connection of a server has too, with the same
 * defaults. Durations are milliseconds, sizes are bytes.
 */
export interface ConnectOptions extends ConnectionOptions {
  /**
   * Subprotocols to offer, in order of preference. A server need not choose one: then `conn.subprotocol` is `''`.
   * @default none
   */
  readonly subprotocols?: readonly string[];
  /** Header fields to send, such as `Authorization` or `Cookie`. Those of the handshake are hawser's own. @default none */
  readonly headers?: UpgradeHeaders;
  /** `Origin`, for a server that wants one. @default none */
  readonly origin?: string;
  /** The options of `tls.connect`, for `wss:`, such as `ca`, `cert` and `key`. @default none */
  readonly tls?: TlsOptions;
  /** An agent of `node:http` or `node:https` that makes the socket. @default none: a socket of its own */
  readonly agent?: Agent;
  /** Makes the socket, as the option of that name of `http.request`; a promise of one is taken too. @default Node's own sockets */
  readonly createConnection?: ClientRequestArgs['createConnection'];
  /** Connects to this Unix socket or named pipe; the URL still decides about TLS, `Host` and path. @default none */
  readonly socketPath?: string;
  /**
   * Opens the WebSocket as a stream of HTTP/2 (RFC 8441). `true` shares one session among the connections to a server with
   * the same `tls` and way to the server; it is opened when it is needed, and closed after the last of them. A session of
   * your own is left open, and has its socket already: `tls`, `agent`, `createConnection`, `socketPath` and `proxy` are not
   * for it. There is no way back to HTTP/1.1 if the server does not take WebSockets over HTTP/2.
   * @default HTTP/1.1
   */
  readonly http2?: true | ClientHttp2Session;
  /**
   * An HTTP proxy, `http:` or `https:`, asked with CONNECT. User and password of its URL become
   * `Proxy-Authorization`. `'env'` reads `https_proxy` for `wss:`, `http_proxy` for `ws:`, and `no_proxy`, each in
   * lower or upper case.
   * @default none
   */
  readonly proxy?: string | URL;
  /** Gives up when it aborts, from DNS to the 101. It does nothing after that. @default none */
  readonly signal?: AbortSignal;
  /** Milliseconds from the call to the 101, with DNS, TLS, proxy and redirects. @default 10 s */
  readonly handshakeTimeout?: number;
  /**
   * The redirects that are followed. They never lead from `wss:` to `ws:`. `Authorization`, `Cookie` and the URL's user
   * are not sent to another host.
   * @default 0
   */
  readonly maxRedirects?: number;
}

/** Options after the check, with their defaults. */
export interface ResolvedConnectOptions {
  readonly subprotocols: readonly string[];
  readonly headers: OutgoingHttpHeaders;
  readonly origin: string | undefined;
  /** For `http.request`. */
  readonly transport: RequestOptions;
  readonly socketPath: string | undefined;
  readonly proxy: URL | 'env' | undefined;
  readonly http2: true | ClientHttp2Session | undefined;
  readonly signal: AbortSignal | undefined;
  readonly handshakeTimeout: number;
  readonly maxRedirects: number;
  /** As given, not checked yet. */
  readonly connection: ConnectionOptions;
}

/** How long Node tries one of a host's addresses before it tries the next as well (RFC 8305), in ms; Node's 250 are too few on slow networks. */
const ATTEMPT_TIMEOUT = 1000;
const HANDSHAKE_TIMEOUT = 10_000;

/** The header fields that hawser writes itself. */
const RESERVED: ReadonlySet<string> = new Set([
  'connection',
  'upgrade',
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'sec-websocket-key',
  'sec-websocket-protocol',
  'sec-websocket-version',
  'content-length',
  'transfer-encoding',
]);

const ANY: Rule = { expected: 'anything', accepts: () => true };
const anyString: Rule = {
  expected: 'a string',
  accepts: (value) => typeof value === 'string',
};

const RULES: Rules<ConnectOptions> = {
  // The check of a connection's options has rules for these.
  ...(Object.fromEntries(
    CONNECTION_OPTIONS.map((name) => [name, ANY]),
  ) as Rules<ConnectionOptions>),
  subprotocols: {
    expected: 'an array of tokens, each once',
    accepts: (value) =>
      isStrings(value) &&
      (value as string[]).every(isToken) &&
      new Set(value as string[]).size === (value as string[]).length,
  },
  headers: ANY,
  origin: anyString,
  tls: {
    expected: 'an object with the options of tls.connect',
    // A promise, for example, has none.
    accepts: (value) => isObject(value) && (isPlain(value) || Object.keys(value).length > 0),
    // Node would throw after it has made a socket, whose error would then be an uncaught exception.
    fault: (value) => {
      const { servername } = value as { servername?: unknown };
      if (servername === undefined || typeof servername === 'string') return undefined;
      return `expected servername to be a string, got ${show(servername)}`;
    },
  },
  agent: {
    expected: 'an agent of node:http or node:https',
    accepts: (value) => isObject(value) && typeof value['addRequest'] === 'function',
  },
  createConnection: anyFunction,
  socketPath: {
    expected: 'the path of a Unix socket',
    accepts: (value) => typeof value === 'string' && value !== '',
  },
  http2: {
    expected: 'true or a session of http2.connect',
    accepts: (value) => value === true || isSession(value),
  },
  proxy: {
    expected: "'env' or the URL of an http: or https: proxy",
    accepts: (value) => value === 'env' || proxyUrl(value) !== undefined,
  },
  signal: { expected: 'an AbortSignal', accepts: isAbortSignal },
  handshakeTimeout: milliseconds,
  maxRedirects: nonNegativeInteger,
};

const TLS = 'give it to tls: { … }';
/** What to write for options of ws and of http.request. */
const ADVICE: Advice = {
  followRedirects: 'use maxRedirects: the number of redirects to follow',
  protocols: 'use subprotocols: an array',
  protocol: 'use subprotocols: an array',
  protocolVersion: 'leave it out: the version is 13',
  auth: 'put user and password into the URL, or use headers: { Authorization }',
  timeout: 'use handshakeTimeout',
  autoPong: 'leave it out: every Ping is answered',
  rejectUnauthorized: TLS,
  ca: TLS,
  cert: TLS,
  key: TLS,
  pfx: TLS,
  passphrase: TLS,
  servername: TLS,
};

/**
 * Check the options of `connect`.
 *
 * @throws TypeError with the option, what was expected and what was given.
 */
export function resolveConnectOptions(options: ConnectOptions = {}): ResolvedConnectOptions {
  const given = checkOptions('connect', options, RULES, '', ADVICE) as ConnectOptions;
  const { tls, agent, createConnection, socketPath, proxy, origin, http2 } = given;
  const ways = { agent, createConnection, proxy };
  const chosen = Object.entries(ways).filter(([, value]) => value !== undefined);
  if (chosen.length > 1 || (proxy !== undefined && socketPath !== undefined)) {
    throw new TypeError(
      'connect: agent, createConnection and proxy each make the socket, and a proxy leads to no Unix socket; give one of them',
    );
  }
  const withSession = { tls, agent, createConnection, socketPath, proxy };
  const unfit = http2 === true ? { agent } : http2 === undefined ? {} : withSession;
  const [name] = Object.entries(unfit).find(([, value]) => value !== undefined) ?? [];
  if (name !== undefined) {
    throw new TypeError(
      http2 === true
        ? 'connect: an agent makes the sockets of HTTP/1.1; with http2: true give createConnection'
        : `connect: the session of the option http2 has its socket already; leave out ${name}`,
    );
  }
  const transport = {
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT,
    ...tls,
    ...(agent === undefined ? {} : { agent }),
    ...(createConnection === undefined ? {} : { createConnection }),
  } as RequestOptions;
  return {
    subprotocols: given.subprotocols ?? [],
    headers: fieldsOf(given.headers),
    origin: origin === undefined ? undefined : originField(origin),
    transport,
    socketPath,
    proxy: proxyUrl(proxy) ?? (proxy as 'env' | undefined),
    http2,
    signal: given.signal,
    handshakeTimeout: given.handshakeTimeout ?? HANDSHAKE_TIMEOUT,
    maxRedirects: given.maxRedirects ?? 0,
    connection: Object.fromEntries(
      CONNECTION_OPTIONS.flatMap((name) =>
        given[name] === undefined ? [] : [[name, given[name]]],
      ),
    ),
  };
}

/** A session of `node:http2`, perhaps of another realm. */
function isSession(value: unknown): boolean {
  return (
    isObject(value) && typeof value['request'] === 'function' && typeof value['ping'] === 'function'
  );
}

/** `Origin` as it is sent. @throws TypeError for what no header can have. */
function originField(origin: string): string {
  fieldsOf({ Origin: origin });
  return origin;
}

/** @throws TypeError for header fields that cannot be sent. */
function fieldsOf(headers: unknown): OutgoingHttpHeaders {
  try {
    return readHeaders(headers, RESERVED) as OutgoingHttpHeaders;
  } catch (error) {
    // What a getter throws is the application's.
    if (!(error instanceof TypeError)) throw error;
    throw new TypeError(`connect: ${error.message}`, { cause: error });
  }
}

function proxyUrl(value: unknown): URL | undefined {
  if (!(value instanceof URL) && typeof value !== 'string') return undefined;
  const url = URL.canParse(String(value)) ? new URL(value) : undefined;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined;
}
