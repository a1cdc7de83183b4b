import { parseTokens } from '../protocol/handshake/http-grammar.js';
import { readList } from './header-lists.js';

/**
 * Read `Sec-WebSocket-Protocol` (RFC 6455 section 11.3.4).
 *
 * @returns the names in the order sent.
 * @throws SyntaxError for a list that breaks the grammar, is empty, or has a name twice.
 */
function parse(header: string): Set<string> {
  const names = readList(header, parseTokens);
  if (names === undefined) {
    throw new SyntaxError(`${JSON.stringify(header)} is not a list of subprotocols`);
  }
  const protocols = new Set<string>();
  for (const name of names) {
    if (protocols.has(name)) throw new SyntaxError(`The "${name}" subprotocol is duplicated`);
    protocols.add(name);
  }
  return protocols;
}

/** The header with the subprotocols, as ws reads it. */
export const subprotocol: { readonly parse: (header: string) => Set<string> } = { parse };
