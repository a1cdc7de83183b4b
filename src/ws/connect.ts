import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { Compression, ConnectionParts } from './connection-parts.js';
import type { ConnectionOptions } from './hawser-options.js';
import type { PerMessageDeflateOptions } from './deflate-options.js';

/** The options of a client. */
export interface ClientOptions extends ConnectionOptions {
  /** Answer Pings. @default true */
  readonly autoPong?: boolean | undefined;
  /** The subprotocols, where they are not an argument of their own. */
  readonly protocols?: string | readonly string[] | undefined;
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
}

/** What opening a connection needs of its WebSocket. */
export interface ConnectOwner {
  /** Emit `'upgrade'`, `'redirect'` or `'unexpected-response'`. @returns whether there was a listener. */
  emit(event: 'upgrade' | 'redirect' | 'unexpected-response', ...args: unknown[]): boolean;
  /** The handshake is done. `connect` has not read from the socket since. */
  opened(
    parts: ConnectionParts,
    socket: Duplex,
    head: Buffer,
    opened: { readonly protocol: string; readonly compression: Compression | undefined },
  ): void;
  /** There will be no connection: `'error'` and `'close'` are emitted. */
  failed(error: Error): void;
}

/** An opening handshake in progress. */
export interface Connecting {
  /** The URL as `ws.url` has it. */
  readonly url: string;
  /** Give up; `failed` is called with this error in a later tick. */
  abort(error: Error): void;
}

/**
 * Open a connection as a client.
 *
 * @throws SyntaxError for a bad URL or subprotocol, TypeError or RangeError for bad options.
 */
export function connect(
  address: string | URL,
  protocols: readonly string[],
  options: ClientOptions,
  owner: ConnectOwner,
): Connecting {
  throw new TypeError(
    `connect: cannot open ${String(address)} yet (${[protocols, options, owner].length})`,
  );
}

/** The arguments after the address: subprotocols and options, or options alone. */
export function clientArguments(
  protocols: string | readonly string[] | ClientOptions | null | undefined,
  options: ClientOptions | undefined,
): [protocols: readonly string[], options: ClientOptions] {
  const hasOptionsFirst =
    typeof protocols === 'object' && protocols !== null && !Array.isArray(protocols);
  const given = (hasOptionsFirst ? protocols : options) as ClientOptions | undefined;
  const names = (hasOptionsFirst ? undefined : protocols) as string | readonly string[] | undefined;
  return [[names ?? given?.protocols ?? []].flat(), given ?? {}];
}
