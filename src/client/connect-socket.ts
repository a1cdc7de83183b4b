import type { ClientRequestArgs } from 'node:http';
import { connect as connectTcp, isIP, type NetConnectOpts, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';

/**
 * The sockets of a request without an agent: one for each request, as a WebSocket never goes back to a pool.
 *
 * Node passes its `createConnection` all options of the request, with `path` meaning a Unix socket there.
 */
type SocketOptions = Omit<ClientRequestArgs, 'path'> & { readonly path?: string | undefined };

/** Open a TCP or Unix socket. */
export function openSocket(options: SocketOptions): Socket {
  return connectTcp({ ...options, path: options.socketPath } as NetConnectOpts);
}

/** Open a TLS socket. */
export function openSecureSocket(options: SocketOptions & ConnectionOptions): TLSSocket {
  const { host = '', socketPath, servername } = options;
  return connectTls({
    ...(options as ConnectionOptions),
    path: socketPath ?? undefined,
    // An address is not a server name (RFC 6066 section 3). The certificate is checked against the host all the same.
    servername: servername ?? (isIP(host) === 0 ? host : ''),
  } as ConnectionOptions);
}
