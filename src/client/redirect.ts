import { Buffer } from 'node:buffer';
import type { OutgoingHttpHeaders } from 'node:http';
import { type Address, type AddressFault, readAddress } from './address.js';

/** Redirects of the opening handshake: where they may lead, and what is sent there. */

/** Why a redirect leads nowhere. */
type LocationFault =
  | AddressFault
  | {
      /** `Location` is not a URL, or leads to a Unix socket: no server chooses one on the client's machine. */
      readonly code: 'location' | 'unix-socket';
    };

/** Why a redirect is not followed. */
export type RedirectFault =
  | LocationFault
  | {
      /** So many were followed already. */
      readonly code: 'too-many';
      readonly maxRedirects: number;
    }
  | {
      /** It leads from TLS to plain text, or to another host than that of the application's session. */
      readonly code: 'insecure' | 'other-host';
    };

/** The way of one handshake through redirects. */
export class Redirects {
  /** The address of the first request. */
  readonly first: Address;
  readonly #maxRedirects: number;
  readonly #staysSecure: boolean;
  #address: Address;
  #count = 0;

  /** @param staysSecure no redirect leads from TLS to plain text. */
  constructor(first: Address, maxRedirects: number, staysSecure: boolean) {
    this.first = first;
    this.#address = first;
    this.#maxRedirects = maxRedirects;
    this.#staysSecure = staysSecure;
  }

  /** The address of the present request: after redirects the last one. */
  get address(): Address {
    return this.#address;
  }

  /**
   * Take the address that a `Location` leads to.
   *
   * @param staysOnHost no other host and port can be reached.
   * @returns why it is not followed; `undefined` if it is.
   */
  follow(location: string, staysOnHost = false): RedirectFault | undefined {
    if (this.#count >= this.#maxRedirects) {
      return { code: 'too-many', maxRedirects: this.#maxRedirects };
    }
    const to = resolveRedirect(location, this.#address);
    if ('code' in to) return to;
    if (this.#staysSecure && this.#address.secure && !to.secure) return { code: 'insecure' };
    const isElsewhere = leavesHost(this.first, to) || this.first.secure !== to.secure;
    if (staysOnHost && isElsewhere) return { code: 'other-host' };
    this.#count++;
    this.#address = to;
    return undefined;
  }
}

/**
 * The address that a `Location` leads to.
 *
 * @param from the address that answered with it.
 */
export function resolveRedirect(location: string, from: Address): Address | LocationFault {
  const { socketPath } = from;
  const base = socketPath === undefined ? from.url.href : `http://localhost${from.path || '/'}`;
  if (!URL.canParse(location, base)) return { code: 'location' };
  const url = new URL(location, base);
  // Relative to a request over a Unix socket: the socket stays, the target changes.
  const isRelative = socketPath !== undefined && !URL.canParse(location);
  const socket = from.url.pathname.split(':', 1)[0]!;
  const address = readAddress(
    isRelative ? new URL(`ws+unix:${socket}:${url.pathname}${url.search}${url.hash}`) : url,
  );
  if ('code' in address) return address;
  return address.socketPath === undefined || address.socketPath === socketPath
    ? address
    : { code: 'unix-socket' };
}

/** Fields that are meant for the first server alone. */
const CREDENTIALS: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'proxy-authorization',
]);

/**
 * Whether a redirect leads to another host (a port counts as part of it), so that the name of the first
 * means nothing there.
 */
export function leavesHost(first: Address, now: Address): boolean {
  return first.socketPath !== now.socketPath || first.url.host !== now.url.host;
}

/**
 * The application's header fields for an address. Credentials stay with the first host, and never leave TLS for
 * plain text. `Host` stays with the first host too.
 *
 * @param first the address of the first request; `address` itself without a redirect.
 * @param auth `user:password` for the first host, if its URL names no user.
 */
export function fieldsFor(
  address: Address,
  first: Address,
  headers: OutgoingHttpHeaders,
  auth?: string | null,
): OutgoingHttpHeaders {
  const isOther = leavesHost(first, address);
  const isExposed = isOther || (first.secure && !address.secure);
  const fields = Object.entries(headers).filter(([name]) => {
    const lower = name.toLowerCase();
    return !(isExposed && CREDENTIALS.has(lower)) && !(isOther && lower === 'host');
  });
  const userinfo = first.userinfo ?? auth ?? address.userinfo;
  const isGiven = fields.some(([name]) => name.toLowerCase() === 'authorization');
  if (!isExposed && !isGiven && userinfo) {
    fields.push(['Authorization', `Basic ${Buffer.from(userinfo).toString('base64')}`]);
  }
  return Object.fromEntries(fields);
}
