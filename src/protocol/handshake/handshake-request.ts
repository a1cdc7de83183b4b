import { type ExtensionOffer, parseExtensions } from './extensions.js';
import { parseTokens } from './http-grammar.js';
import { UpgradeRejection } from './upgrade-rejection.js';

/** The version of RFC 6455, the only one there is (section 4.1). */
export const VERSION: string = '13';

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
  /** `Sec-WebSocket-Key`. Over HTTP/2 most clients send none. */
  readonly key: string | undefined;
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

/** What a client offers, in the same header fields over any version of HTTP. */
type Offers = Pick<Handshake, 'extensions' | 'origin' | 'subprotocols'>;

/** Read a client's offers. @throws UpgradeRejection with 400 for lists that are malformed */
export function readOffers(headers: UpgradeRequest['headers']): Offers {
  const extensions = parseExtensions(joined(headers['sec-websocket-extensions']));
  if (extensions === undefined) {
    throw bad('Sec-WebSocket-Extensions is malformed (RFC 6455 section 9.1)');
  }
  const subprotocols = parseTokens(joined(headers['sec-websocket-protocol']));
  if (subprotocols === undefined || new Set(subprotocols).size < subprotocols.length) {
    throw bad('Sec-WebSocket-Protocol is malformed or repeats a name (RFC 6455 section 4.1)');
  }
  return { extensions, subprotocols, origin: single(headers['origin']) };
}

/** The name of the first field of a request that occurs twice and must not; `undefined` for a request without one. */
// Stryker disable next-line ArrayDeclaration: a name that is not in SINGULAR is as good as none
export function repeatedHeader(rawHeaders: readonly string[] = []): string | undefined {
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

/**
 * Whether a `Sec-WebSocket-Version` is ours. HTTP's white space, spaces and tabs, is removed around it (section
 * 4.2.2); `trim()` would also remove a no-break space.
 */
export function isVersion(header: string): boolean {
  return /^[ \t]*13[ \t]*$/.test(header);
}

/** A rejection with 400. */
export function bad(body: string): UpgradeRejection {
  return new UpgradeRejection(400, { body });
}

/** One value of a header field; several are joined as HTTP lists are. */
export function single(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' || header === undefined ? header : header.join(', ');
}

/** As {@link single}, with '' for a field that is missing. */
export function joined(header: string | string[] | undefined): string {
  return single(header) ?? '';
}

/** The peer's text made safe to be sent back: short and without control characters. */
export function printable(text: string | undefined): string {
  return text === undefined ? '(none)' : text.slice(0, 40).replaceAll(/[^\x20-\x7e]/g, '?');
}
