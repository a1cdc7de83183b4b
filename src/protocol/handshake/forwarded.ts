import { type HeaderCursor, parseList } from './http-grammar.js';

/** The element that one proxy adds to a `Forwarded` header, about the request it received (RFC 7239 section 4). */
export interface ForwardedElement {
  /** The sender: an address, perhaps with a port; `unknown`; or a name that the proxy made up (section 6). */
  readonly for: string | undefined;
  /** The request's `Host` header. */
  readonly host: string | undefined;
}

/** Read a `Forwarded` header. @returns `undefined` if it is malformed. */
export function parseForwarded(text: string): ForwardedElement[] | undefined {
  return parseList(text, readElement);
}

function readElement(cursor: HeaderCursor): ForwardedElement | undefined {
  const pairs = new Map<string, string>();
  do {
    cursor.skipSpace();
    const name = cursor.token().toLowerCase();
    if (name === '') continue; // a pair may be left out
    if (pairs.has(name) || !cursor.take('=')) return undefined;
    // Some proxies leave out the quotes that a port or an IPv6 address needs.
    const value = cursor.text[cursor.at] === '"' ? cursor.quotedString() : cursor.until('",; \t');
    if (value === undefined) return undefined;
    pairs.set(name, value);
    cursor.skipSpace();
  } while (cursor.take(';'));
  return { for: pairs.get('for'), host: pairs.get('host') };
}
