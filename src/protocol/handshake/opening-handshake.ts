import { createHash } from 'node:crypto';
import { announcesChunks } from './empty-body.js';
import { type ExtensionOffer, parseExtensions } from './extensions.js';
import { parseTokens } from './http-grammar.js';
import { type HeaderFields, readHeaders, type UpgradeHeaders } from './response-headers.js';
import { UpgradeRejection } from './upgrade-rejection.js';

/** The version of RFC 6455, the only one there is (section 4.1). */
const VERSION = '13';
/** Section 1.3: proof that the server understood the handshake and did not just echo it. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The parts of an HTTP request that the opening handshake needs; `http.IncomingMessage` has them. */
export interface UpgradeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Names and values as received, alternating. Repeated headers are found only with this list. */
  readonly rawHeaders?: readonly string[];
}

/** The content of a legal upgrade request. */
export interface Handshake {
  /** `Sec-WebSocket-Key`. */
  readonly key: string;
  /** The requested host, with its port if the request has one. */
  readonly host: string;
  /** The path without the query, as URL parsers write it: the `pathname` of the target. */
  readonly path: string;
  /** Path and query as received, without an authority before them. */
  readonly target: string;
  /** `Origin`. It is `undefined` for clients that are not browsers. */
  readonly origin: string | undefined;
  /** Subprotocols in the client's order of preference. */
  readonly subprotocols: readonly string[];
  /** Extensions in the client's order of preference. */
  readonly extensions: readonly ExtensionOffer[];
  /** A chunked body follows the header. It has to be empty, and read before the first frame. */
  readonly hasChunkedBody: boolean;
}

/** Fields that a request must not repeat, because it is undefined which of two values counts. */
const SINGULAR = [
  'content-length',
  'host',
  'origin',
  'sec-websocket-key',
  'sec-websocket-version',
  'transfer-encoding',
];

/**
 * Check a client's opening handshake (RFC 6455 section 4.2.1).
 *
 * @throws UpgradeRejection with the status to answer and a body that names the fault.
 */
export function checkUpgrade(request: UpgradeRequest): Handshake {
  const { method, headers } = request;
  if (method !== 'GET') {
    throw new UpgradeRejection(405, {
      headers: { Allow: 'GET' },
      body: `a WebSocket handshake is a GET request, not ${printable(method)} (RFC 6455 section 4.1)`,
    });
  }
  if (request.httpVersion !== '1.1') {
    throw bad(`a WebSocket handshake needs HTTP/1.1, not HTTP/${printable(request.httpVersion)}`);
  }
  if (!isWebSocketUpgrade(request)) throw notWebSocket();
  const repeated = repeatedHeader(request.rawHeaders);
  if (repeated !== undefined) throw bad(`the header ${repeated} occurs more than once`);
  if (!hasToken(headers['connection'], 'upgrade')) {
    throw bad('the Connection header does not include Upgrade');
  }
  // Stryker disable next-line StringLiteral: whatever is not a path is rejected in the same words
  const { target, authority } = splitTarget(request.url ?? '');
  if (target === undefined) throw bad('the request target is not a path');
  const path = pathnameOf(target);
  if (path === undefined) {
    throw bad('the request target has dot segments, a backslash or a control character');
  }
  const host = authority ?? single(headers['host']);
  if (host === undefined || !isHost(host)) {
    throw bad(host === undefined ? 'the Host header is missing' : 'the Host header is malformed');
  }
  const version = headers['sec-websocket-version'];
  if (!isVersion(joined(version))) {
    throw new UpgradeRejection(426, {
      headers: { 'Sec-WebSocket-Version': VERSION, Upgrade: 'websocket' },
      body: `WebSocket version ${printable(single(version))} is not supported, only ${VERSION} is (RFC 6455 section 4.4)`,
    });
  }
  const key = readKey(joined(headers['sec-websocket-key']));
  if (key === undefined) {
    throw bad('Sec-WebSocket-Key is not 16 bytes in base64 (RFC 6455 section 4.1)');
  }
  const extensions = parseExtensions(joined(headers['sec-websocket-extensions']));
  if (extensions === undefined) {
    throw bad('Sec-WebSocket-Extensions is malformed (RFC 6455 section 9.1)');
  }
  const subprotocols = parseTokens(joined(headers['sec-websocket-protocol']));
  if (subprotocols === undefined || new Set(subprotocols).size < subprotocols.length) {
    throw bad('Sec-WebSocket-Protocol is malformed or repeats a name (RFC 6455 section 4.1)');
  }
  const hasChunkedBody = announcesChunks(
    single(headers['content-length']),
    single(headers['transfer-encoding']),
  );
  const origin = single(headers['origin']);
  return { key, host, path, target, origin, subprotocols, extensions, hasChunkedBody };
}

/** The rejection of a request that is not a WebSocket handshake: a plain one, or an upgrade to another protocol. */
export function notWebSocket(): UpgradeRejection {
  return new UpgradeRejection(426, {
    headers: { Upgrade: 'websocket' },
    body: 'only upgrades to websocket are served here',
  });
}

/** Whether a request asks for WebSocket and not for another protocol. */
export function isWebSocketUpgrade(request: UpgradeRequest): boolean {
  return hasToken(request.headers['upgrade'], 'websocket');
}

/** The `Sec-WebSocket-Accept` that answers a key (section 4.2.2, step 5.4). */
export function acceptKey(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}

/** Fields that {@link formatUpgradeResponse} writes. */
const WRITTEN: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'sec-websocket-protocol',
  'transfer-encoding',
  'upgrade',
]);

/**
 * The server's handshake (section 4.2.2).
 *
 * @throws TypeError for a header that cannot be sent.
 */
export function formatUpgradeResponse(
  key: string,
  {
    subprotocol,
    extensions,
    headers,
  }: {
    subprotocol?: string | undefined;
    /** `Sec-WebSocket-Extensions`: what was accepted of the client's offers. */
    extensions?: string | undefined;
    headers?: UpgradeHeaders | undefined;
  },
): string {
  const fields = readHeaders(headers, WRITTEN);
  const lines = upgradeLines(key, subprotocol, extensions);
  return joinLines([...lines, ...linesOf(fields)]);
}

/** The lines of the server's handshake that hawser itself writes: the status line and the header fields. */
export function upgradeLines(
  key: string,
  subprotocol: string | undefined,
  extensions: string | undefined,
): string[] {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptKey(key)}`,
  ];
  if (subprotocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${subprotocol}`);
  if (extensions !== undefined) lines.push(`Sec-WebSocket-Extensions: ${extensions}`);
  return lines;
}

/** The head of a message of HTTP/1.1: its lines, and the empty line. */
export function joinLines(lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** A status line and header fields, up to and with the empty line. Latin-1, as HTTP is. */
export function formatHead(status: number, phrase: string, headers: HeaderFields): string {
  return joinLines([`HTTP/1.1 ${status} ${phrase}`, ...linesOf(headers)]);
}

function linesOf(headers: HeaderFields): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((each) => `${name}: ${each}`),
  );
}

function bad(body: string): UpgradeRejection {
  return new UpgradeRejection(400, { body });
}

/**
 * Whether a list has a token, in any case. `Upgrade` may also name versions, as in `h2/1`, although a
 * slash is not a token character.
 */
function hasToken(header: string | string[] | undefined, token: string): boolean {
  return parseTokens(joined(header).toLowerCase().replaceAll('/', '+'))?.includes(token) ?? false;
}

function single(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' || header === undefined ? header : header.join(', ');
}

function joined(header: string | string[] | undefined): string {
  return single(header) ?? '';
}

// Stryker disable next-line ArrayDeclaration: a name that is not in SINGULAR is as good as none
function repeatedHeader(rawHeaders: readonly string[] = []): string | undefined {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (SINGULAR.includes(name)) {
      if (seen.has(name)) return rawHeaders[index];
      seen.add(name);
    }
  }
  return undefined;
}

// HTTP's white space, spaces and tabs, is removed around both (section 4.2.2). `trim()` would also
// remove a no-break space.

function isVersion(header: string): boolean {
  return /^[ \t]*13[ \t]*$/.test(header);
}

/** 16 bytes are 22 characters of base64 and two of padding (section 4.1). */
function readKey(header: string): string | undefined {
  return /^[ \t]*([+/0-9A-Za-z]{22}==)[ \t]*$/.exec(header)?.[1];
}

/**
 * Whether a `Host` value is legal (RFC 3986 section 3.2.2): a name, an IPv4 address or an IPv6 address in
 * brackets, then perhaps a port. The address may have a zone (RFC 6874), whose `%` some clients do not
 * encode.
 */
function isHost(host: string): boolean {
  return /^(?:\[[0-9A-Fa-f:.]+(?:%[\w.~%-]+)?\]|[\w.~%!$&'()*+,;=-]+)(?::\d{0,5})?$/.test(host);
}

/** The path of a request target, without its query; `undefined` if it is not a path that is served. */
export function requestPath(target: string): string | undefined {
  const { target: local } = splitTarget(target);
  return local === undefined ? undefined : pathnameOf(local);
}

/**
 * Split a request target: `/path?query`, perhaps with `http://authority` before it. That authority
 * then counts and not the Host header (RFC 9112 section 3.2.2).
 */
function splitTarget(target: string): {
  target: string | undefined;
  authority: string | undefined;
} {
  const absolute = /^(?:https?|wss?):\/\/([^/?#]*)/i.exec(target);
  const rest = absolute === null ? target : target.slice(absolute[0].length);
  if (rest.startsWith('/')) return { target: rest, authority: absolute?.[1] };
  // The path after an authority may be empty (RFC 3986 section 3.3).
  return { target: absolute === null ? undefined : `/${rest}`, authority: absolute?.[1] };
}

/** Control characters and the space, which no request target has (RFC 9112 section 3.2). */
const NOT_IN_TARGET = /[^\x21-\x7e\x80-\uffff]/;

/**
 * The path of `/path?query` as URL parsers write it, so that every part of an application sees the
 * same path. URL parsers resolve dot segments, encoded ones too, read a backslash as a slash, and
 * remove tabs and line ends. A proxy that compares text would see another path than we do. No honest
 * client sends these.
 *
 * @returns `undefined` for a path with one of these.
 */
function pathnameOf(target: string): string | undefined {
  const path = target.split(/[?#]/, 1)[0]!;
  if (NOT_IN_TARGET.test(target) || /\\|\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path)) return undefined;
  return new URL(`http://localhost${path}`).pathname;
}

/** The peer's text made safe to be sent back: short and without control characters. */
function printable(text: string | undefined): string {
  return text === undefined ? '(none)' : text.slice(0, 40).replaceAll(/[^\x20-\x7e]/g, '?');
}
