import { isIPv4, isIPv6 } from 'node:net';

/**
 * Counts connections and pending upgrades, in total and for each client. The owner of an IPv6 address
 * usually has a network of 2^64 addresses, so that network counts as one client. Without an address,
 * as on a Unix socket, only the total counts.
 */
export class AddressLimit {
  readonly #limit: number;
  readonly #counts = new Map<string, number>();
  readonly #shared: AddressLimit | undefined;
  #total = 0;

  /**
   * @param limit the number that a client may have; with Infinity clients are not counted.
   * @param shared also counts the connections of other servers.
   */
  constructor(limit: number, shared?: AddressLimit) {
    this.#limit = limit;
    this.#shared = shared;
  }

  /** The number of clients. */
  get size(): number {
    return this.#counts.size;
  }

  /** The number of connections and pending upgrades. */
  get total(): number {
    return this.#total;
  }

  /** Whether this address may have no more. */
  isFull(address: string | undefined): boolean {
    if (this.#shared?.isFull(address) === true) return true;
    if (address === undefined || this.#limit === Infinity) return false;
    return (this.#counts.get(clientOf(address)) ?? 0) >= this.#limit;
  }

  /** Add one; one {@link remove} must follow. */
  add(address: string | undefined): void {
    this.#change(address, 1);
  }

  /** Remove one. */
  remove(address: string | undefined): void {
    this.#change(address, -1);
  }

  #change(address: string | undefined, by: number): void {
    this.#total += by;
    if (this.#shared !== undefined) this.#shared.#change(address, by);
    if (address === undefined || this.#limit === Infinity) return;
    const client = clientOf(address);
    const count = (this.#counts.get(client) ?? 0) + by;
    if (count > 0) this.#counts.set(client, count);
    else this.#counts.delete(client);
  }
}

/** Brackets around an IPv6 address, and the port that some proxies write after an address. */
const WITH_PORT = /^(?:\[([^\]]*)\](?::[\w.-]*)?|(\d+\.\d+\.\d+\.\d+):[\w.-]*)$/;

/**
 * Read the address that a proxy wrote for its peer, without quotes, brackets and port.
 *
 * @returns `undefined` for text that is not an address, such as `unknown`.
 */
export function addressIn(text: string): string | undefined {
  const unquoted = text.replace(/^"(.*)"$/, '$1');
  const [, bracketed, dotted] = WITH_PORT.exec(unquoted) ?? [];
  const bare = bracketed ?? dotted ?? unquoted;
  return isIPv4(bare) || isIPv6(bare) ? bare : undefined;
}

/**
 * The same text for all spellings of an address: dotted for IPv4, including IPv4 written as IPv6
 * (`::ffff:192.0.2.1`), and eight groups for IPv6. Other text is returned as it is.
 */
export function canonicalAddress(address: string): string {
  if (isIPv4(address) || !isIPv6(address)) return address;
  const groups = groupsOf(address);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.');
  }
  return groups.map((group) => group.toString(16)).join(':');
}

/**
 * The part of an address that identifies its client: the whole of an IPv4 address, the first 64 bits
 * of an IPv6 address. Other text is returned as it is.
 */
export function clientOf(address: string): string {
  const canonical = canonicalAddress(addressIn(address) ?? address);
  if (!isIPv6(canonical)) return canonical;
  return `${canonical.split(':', 4).join(':')}::/64`;
}

/** The eight groups of 16 bits of an IPv6 address in any of its spellings (RFC 4291 section 2.2). */
function groupsOf(address: string): number[] {
  const bare = address.replace(/%.*/, ''); // a zone is the name of a local interface
  const [head, tail = []] = bare.split('::').map(parts) as [number[], number[]?];
  return [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

function parts(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const [a, b, c, d] = part.split('.').map(Number) as [number, number, number, number];
    return [a * 256 + b, c * 256 + d];
  });
}
