/** Subprotocol negotiation (RFC 6455 sections 1.9 and 4.2.2). */

/** The first of the server's subprotocols, in its order of preference, that the client offers. */
export function selectSubprotocol(
  offered: readonly string[],
  supported: readonly string[],
): string | undefined {
  return supported.find((name) => offered.includes(name));
}

/**
 * Reject a choice that the client did not offer; the client would have to fail the connection
 * (section 4.1).
 *
 * @throws TypeError that names the choice and the offers.
 */
export function checkSubprotocol(subprotocol: string, offered: readonly string[]): void {
  if (!offered.includes(subprotocol)) {
    throw new TypeError(
      `subprotocol ${JSON.stringify(subprotocol)} was chosen, but the client offered ${
        offered.length === 0 ? 'none' : offered.map((name) => JSON.stringify(name)).join(', ')
      }`,
    );
  }
}
