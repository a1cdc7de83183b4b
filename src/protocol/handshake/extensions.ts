import { type HeaderCursor, isToken, parseList } from './http-grammar.js';

/**
 * The grammar of `Sec-WebSocket-Extensions` (RFC 6455 section 9.1). `deflate/negotiation.ts` knows
 * what an offer means.
 */

/** One parameter of an offer, in the order sent. A list and not an object: a peer chooses the names. */
interface ExtensionParam {
  readonly name: string;
  /** `undefined` when the parameter had no `=`. */
  readonly value: string | undefined;
}

/** One extension that the client offers, with its parameters. */
export interface ExtensionOffer {
  readonly name: string;
  readonly params: readonly ExtensionParam[];
}

/**
 * Read the header's offers, in the client's order of preference.
 *
 * @returns `undefined` if the value breaks the grammar; the handshake then has to fail.
 */
export function parseExtensions(header: string): ExtensionOffer[] | undefined {
  return parseList(header, parseOffer);
}

/** The header's value for these offers, in their order of preference. Names and values have to be tokens. */
export function formatExtensions(offers: readonly ExtensionOffer[]): string {
  const format = ({ name, value }: ExtensionParam): string =>
    value === undefined ? `; ${name}` : `; ${name}=${value}`;
  return offers.map(({ name, params }) => name + params.map(format).join('')).join(', ');
}

function parseOffer(cursor: HeaderCursor): ExtensionOffer | undefined {
  const name = cursor.token();
  if (name === '') return undefined;
  const params: ExtensionParam[] = [];
  for (;;) {
    cursor.skipSpace();
    if (!cursor.take(';')) return { name, params };
    cursor.skipSpace();
    const param = parseParam(cursor);
    if (param === undefined) return undefined;
    params.push(param);
  }
}

function parseParam(cursor: HeaderCursor): ExtensionParam | undefined {
  const name = cursor.token();
  if (name === '') return undefined;
  cursor.skipSpace();
  if (!cursor.take('=')) return { name, value: undefined };
  cursor.skipSpace();
  // "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST
  // conform to the 'token' ABNF." (section 9.1)
  const value = cursor.text[cursor.at] === '"' ? cursor.quotedString() : cursor.token();
  return value !== undefined && isToken(value) ? { name, value } : undefined;
}
