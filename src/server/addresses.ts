import { isIPv4, isIPv6 } from 'node:net';

/**
 * How many connections and pending upgrades each client has. Who has an IPv6 address has a whole
 * network of 2^64 of them: that network counts as one client. Where there is no address, as on a
 * Unix socket, nothing is counted.
 */
export class Addresses {
  readonly #limit: number;
  readonly #counts = new Map<string, number>();

  /** @param limit how many a client may have; with Infinity nothing is counted. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Clients that have any. */
  get size(): number {
    return this.#counts.size;
  }

  /** Whether this address may have no more. */
  isFull(address: string | undefined): boolean {
    if (address === undefined || this.#limit === Infinity) return false;
    return (this.#counts.get(clientOf(address)) ?? 0) >= this.#limit;
  }

  /** One more; one {@link remove} must follow. */
  add(address: string | undefined): void {
    this.#change(address, 1);
  }

  /** One less. */
  remove(address: string | undefined): void {
    this.#change(address, -1);
  }

  #change(address: string | undefined, by: number): void {
    if (address === undefined || this.#limit === Infinity) return;
    const client = clientOf(address);
    const count = (this.#counts.get(client) ?? 0) + by;
    if (count > 0) this.#counts.set(client, count);
    else this.#counts.delete(client);
  }
}

/** Some proxies write a port behind the address, and every connection has another. */
const WITH_PORT = /^(?:\[([^\]]*)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+)$/;

/**
 * What an address has in common with the others of its client: an IPv4 address itself, also where
 * it is written as IPv6 (`::ffff:192.0.2.1`), of an IPv6 address the first 64 bits. What is no
 * address stands for itself.
 */
export function clientOf(address: string): string {
  const [, bracketed, dotted] = WITH_PORT.exec(address) ?? [];
  const bare = bracketed ?? dotted ?? address;
  if (isIPv4(bare) || !isIPv6(bare)) return bare;
  const groups = groupsOf(bare);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.');
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** The eight groups of 16 bits of an IPv6 address in any of its spellings (RFC 4291 section 2.2). */
function groupsOf(address: string): number[] {
  const bare = address.replace(/%.*/, ''); // a zone is the name of an interface of ours
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
