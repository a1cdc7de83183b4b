import type { WebSocketConnection } from '../connection/connection.js';
import type { AnyMessage, Message } from '../connection/receive/receive-queue.js';
import { show } from '../protocol/option-checks.js';
import { type Address, readAddress } from './address.js';
import { connectionsWith } from './client-connections.js';
import { type ConnectOptions, resolveConnectOptions } from './connect-options.js';
import { ClientHandshake } from './handshake.js';

/**
 * Open a WebSocket connection.
 *
 * Nothing is read before the code after `await connect(…)` has run, up to its next `await`: a listener that is added
 * there misses nothing.
 *
 * @typeParam Received what a message is; see `WebSocketConnection`.
 * @param url `ws:` or `wss:`; `http:` and `https:` stand for them. User and password become `Authorization: Basic`.
 * @returns the open connection. Rejects with {@link HandshakeError} if it could not be opened; with the signal's reason
 * if it aborts; with TypeError for a URL that is not a WebSocket server's, and for options that are unknown or have a wrong type.
 */
export async function connect<Received extends AnyMessage = Message>(
  url: string | URL,
  options: ConnectOptions = {},
): Promise<WebSocketConnection<undefined, Received>> {
  const address = addressOf(url);
  const resolved = resolveConnectOptions(options);
  const connections = connectionsWith(resolved.connection);
  const connection = await new Promise<WebSocketConnection>((resolve, reject) => {
    new ClientHandshake(address, resolved, connections, resolve, reject).start();
  });
  // What arrives depends on the options; `Received` is the caller's claim about them.
  return connection as unknown as WebSocketConnection<undefined, Received>;
}

/** @throws TypeError for a URL that is not a server's. */
export function addressOf(given: unknown): Address {
  const isText = typeof given === 'string' || given instanceof URL;
  if (!isText || !URL.canParse(String(given))) {
    throw new TypeError(`connect: expected a URL such as 'wss://example.com/', got ${show(given)}`);
  }
  const address = readAddress(new URL(given));
  if ('code' in address && address.code === 'fragment') {
    throw new TypeError(
      `connect: a WebSocket URL has no fragment (RFC 6455 section 3); leave out ${address.url.hash}`,
    );
  }
  if ('code' in address || address.socketPath !== undefined) {
    throw new TypeError(
      `connect: expected a URL with ws:, wss:, http: or https:, got ${address.url.protocol}; for a Unix socket use the option socketPath`,
    );
  }
  return address;
}
