import type { ClientRequestArgs } from 'node:http';
import type { RequestOptions } from 'node:https';
import { connect as connectTcp, isIP, type NetConnectOpts, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { show } from '../protocol/option-checks.js';

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

type CreateConnection = NonNullable<RequestOptions['createConnection']>;

/**
 * The application's `createConnection`, with a look at what it makes. Node would use any value as a socket, and throw where
 * nothing can catch it. A promise of a socket is as good as a callback.
 */
export function checkedMaker(create: CreateConnection): CreateConnection {
  return (options, callback) => {
    const done = (error: Error | null | undefined, made?: unknown): void => {
      const fault = error ?? (isStream(made) ? undefined : notStream(made));
      (callback as (error: Error | null, socket?: Duplex) => void)(fault ?? null, made as Duplex);
    };
    const made: unknown = create(options, done);
    if (!made || isStream(made)) return made as Duplex | null | undefined;
    if (typeof (made as Partial<PromiseLike<unknown>>).then !== 'function') throw notStream(made);
    void (made as PromiseLike<unknown>).then((later) => {
      done(null, later);
    }, done);
    return undefined;
  };
}

function isStream(value: unknown): boolean {
  const { on, write, destroy } = Object(value) as Partial<Duplex>;
  return [on, write, destroy].every((method) => typeof method === 'function');
}

function notStream(made: unknown): TypeError {
  return new TypeError(
    `connect: expected createConnection to make a socket, or another Duplex, got ${show(made)}`,
  );
}
