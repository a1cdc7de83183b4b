import type { UpgradeRequest } from '../protocol/handshake.js';

/** `trustProxy` of the server's options. */
export type TrustProxy = false | number | ((address: string) => boolean);

/**
 * The address of the client, and the host it asked for, when proxies stand between.
 *
 * Each proxy appends the address it was called from to `X-Forwarded-For`, so only the end of the
 * list was written by machines we trust; whatever stands before it is what the client claims.
 *
 * @param peer the address at the other end of the transport; a Unix socket has none.
 */
export function seenThroughProxies(
  request: UpgradeRequest,
  peer: string | undefined,
  trust: TrustProxy,
): { readonly address: string | undefined; readonly forwardedHost: string | undefined } {
  // A peer on a Unix socket has no address: it can be counted as a hop, but not asked about.
  const trusted = (address: string | undefined, hop: number): boolean =>
    typeof trust === 'function'
      ? address !== undefined && trust(address)
      : trust !== false && hop < trust;
  if (!trusted(peer, 0)) return { address: peer, forwardedHost: undefined };

  let address = peer;
  let hop = 0;
  const claimed = list(request.headers['x-forwarded-for']);
  while (trusted(address, hop) && claimed.length > 0) {
    address = claimed.pop()!;
    hop++;
  }
  return { address, forwardedHost: list(request.headers['x-forwarded-host']).pop() };
}

function list(header: string | string[] | undefined): string[] {
  const text = typeof header === 'string' ? header : (header ?? []).join(',');
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}
