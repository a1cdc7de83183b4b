import { BlockList, isIPv4 } from 'node:net';
import { type ForwardedElement, parseForwarded } from '../../protocol/handshake/forwarded.js';
import type { UpgradeRequest } from '../../protocol/handshake/handshake-request.js';
import { UpgradeRejection } from '../../protocol/handshake/upgrade-rejection.js';
import { addressIn, canonicalAddress } from './address-limit.js';
import { answeredAtOnce } from './answered-at-once.js';
import { show } from './hints.js';
import type { TrustProxy } from '../options/options.js';

/** The rejection of a request whose proxy headers cannot be trusted. */
interface SeenFault {
  readonly rejection: UpgradeRejection;
  /** For the log. */
  readonly hint: string;
}

/** A request's client and host, as trusted proxies report them. */
export interface Seen {
  /** The client's address; `undefined` for a peer on a Unix socket that no proxy names. */
  readonly address: string | undefined;
  /** The host that the client asked for; `undefined` if no proxy names it. */
  readonly forwardedHost: string | undefined;
  /** The reason to reject the request; `undefined` if the headers can be trusted. */
  readonly fault?: SeenFault;
}

/** The machines between the client and this server, as one family of headers lists them, the nearest last. */
interface Chain {
  /** The address of each machine's peer as written; `undefined` where it is left out. */
  readonly peers: readonly (string | undefined)[];
}

/** The trusted end of a chain. */
interface Walk {
  /** The client's address as written. */
  readonly claim: string | undefined;
  /** The last valid address on the way to the client. */
  readonly address: string | undefined;
  /** The number of trusted machines. */
  readonly hops: number;
}

/**
 * Finds the client's address and host where proxies are between the client and this server.
 *
 * Each proxy appends the address of its peer, so only the end of a list was written by trusted
 * machines. Everything before that end is a claim of the client.
 */
export class Proxies {
  readonly #trust: TrustProxy;
  readonly #isTrusted: (address: string | undefined, hop: number) => boolean;

  constructor(trust: TrustProxy) {
    this.#trust = trust;
    this.#isTrusted = trustedBy(trust);
  }

  /** @param peer the address at the other end of the transport; a Unix socket has none. */
  seen(request: UpgradeRequest, peer: string | undefined): Seen {
    const unseen = { address: peer, forwardedHost: undefined };
    if (this.#trust === false || !this.#isTrusted(peer, 0)) return unseen;

    const { headers } = request;
    const elements = parseForwarded(joined(headers['forwarded']));
    if (elements === undefined) {
      return { ...unseen, fault: malformed() };
    }
    const listed: Chain = { peers: list(headers['x-forwarded-for']) };
    const forwarded: Chain = { peers: elements.map((element) => element.for) };
    const saysWho = forwarded.peers.some((each) => each !== undefined);
    const chain = saysWho ? forwarded : listed;
    const { claim, address, hops } = this.#walk(chain, peer);
    if (saysWho && listed.peers.length > 0) {
      const other = this.#walk(listed, peer).claim;
      if (canonical(claim) !== canonical(other))
        return { ...unseen, fault: conflict(claim, other) };
    }
    const hosts = [hostIn(elements, hops), at(list(headers['x-forwarded-host']), hops)];
    if (!saysWho) hosts.reverse();
    return { address, forwardedHost: hosts[0] ?? hosts[1] };
  }

  #walk({ peers }: Chain, peer: string | undefined): Walk {
    let claim = peer;
    let current = peer;
    let address = peer;
    let hops = 0;
    while (this.#isTrusted(current, hops)) {
      hops++;
      if (hops > peers.length) break;
      claim = peers[peers.length - hops];
      current = claim === undefined ? undefined : addressIn(claim);
      address = current ?? address;
    }
    return { claim, address, hops: typeof this.#trust === 'number' ? this.#trust : hops };
  }
}

/** The fault of an entry of `trustProxy`, with what to write; `undefined` for an address or a network. */
export function networkFault(entry: string): string | undefined {
  if (networkOf(entry) !== undefined) return undefined;
  return `${JSON.stringify(entry)} is neither an address nor a network such as "10.0.0.0/8" or "fd00::/8"`;
}

function trustedBy(trust: TrustProxy): (address: string | undefined, hop: number) => boolean {
  if (typeof trust === 'number') return (_address, hop) => hop < trust;
  if (typeof trust === 'function') {
    // A peer on a Unix socket has no address to pass.
    return (address) => address !== undefined && answeredAtOnce('trustProxy', trust(address));
  }
  const networks = new BlockList();
  for (const entry of trust === false ? [] : trust) {
    const { address, prefix, family } = networkOf(entry)!; // the options were checked
    networks.addSubnet(address, prefix, family);
  }
  return (address) => {
    if (address === undefined) return false;
    const canonical = canonicalAddress(address);
    return networks.check(canonical, isIPv4(canonical) ? 'ipv4' : 'ipv6');
  };
}

interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

function networkOf(entry: string): Network | undefined {
  const [, written = '', bits] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
  if (addressIn(written) !== written) return undefined;
  const address = canonicalAddress(written);
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  const most = family === 'ipv4' ? 32 : 128;
  // An IPv4 network that is written as IPv6 has 96 bits more.
  const isMapped = family === 'ipv4' && written.includes(':');
  const prefix = bits === undefined ? most : Number(bits) - (isMapped ? 96 : 0);
  return prefix < 0 || prefix > most ? undefined : { address, prefix, family };
}

function malformed(): SeenFault {
  const body = 'the Forwarded header is malformed (RFC 7239 section 4)';
  return {
    rejection: new UpgradeRejection(400, { body }),
    hint: `rejected an upgrade: ${body}; let the proxy replace what a client sends there`,
  };
}

function conflict(forwarded: string | undefined, listed: string | undefined): SeenFault {
  const body = 'Forwarded and X-Forwarded-For name different clients';
  return {
    rejection: new UpgradeRejection(400, { body }),
    hint: `rejected an upgrade: by Forwarded the client is ${shown(forwarded)}, by X-Forwarded-For it is ${shown(listed)}; let the proxy remove the header that it does not write itself`,
  };
}

function shown(claim: string | undefined): string {
  return claim === undefined ? 'not named' : show(claim);
}

/** The same text for all spellings of an address. A claim that is not an address stays as it is. */
function canonical(claim: string | undefined): string | undefined {
  const address = claim === undefined ? undefined : addressIn(claim);
  return address === undefined ? claim : canonicalAddress(address);
}

/** The host that the farthest trusted proxy names. */
function hostIn(elements: readonly ForwardedElement[], hops: number): string | undefined {
  return elements.slice(-hops).find(({ host }) => host !== undefined)?.host;
}

/** The value at this position from the right, or the leftmost value of a shorter list. */
function at(values: readonly string[], hops: number): string | undefined {
  return values.slice(-hops)[0];
}

function list(header: string | string[] | undefined): string[] {
  return joined(header)
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

function joined(header: string | string[] | undefined): string {
  return typeof header === 'string' ? header : (header ?? []).join(',');
}
