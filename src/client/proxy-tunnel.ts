import { Buffer } from 'node:buffer';
import {
  type ClientRequest,
  type ClientRequestArgs,
  type IncomingHttpHeaders,
  request as requestHttp,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import { ignoreErrors } from '../server/socket-errors.js';
import type { Address } from './address.js';
import { openSecureSocket, openSocket } from './connect-socket.js';

type CreateConnection = NonNullable<ClientRequestArgs['createConnection']>;

/** The environment's names for proxies. */
type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy has answered a CONNECT with another status than 2xx. */
export class ProxyRefusal extends Error {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;

  constructor(proxy: URL, target: string, status: number, headers: IncomingHttpHeaders) {
    super(`the proxy ${proxy.origin} refused to connect to ${target} with ${status}`);
    this.status = status;
    this.headers = headers;
  }
}

/** The way of one handshake, with its redirects, through an HTTP proxy (RFC 9110 section 9.3.6). */
export class ProxyTunnel {
  readonly #proxy: URL | 'env';
  readonly #environment: Environment;
  #request: ClientRequest | undefined;

  /** @param proxy the proxy's URL, or `'env'` for that of `environment`. */
  constructor(proxy: URL | 'env', environment: Environment) {
    this.#proxy = proxy;
    this.#environment = environment;
  }

  /** What connects to an address for `http.request`; `undefined` if no proxy is used for it. */
  connectionTo(address: Address): CreateConnection | undefined {
    const proxy =
      this.#proxy === 'env' ? proxyOfEnvironment(address, this.#environment) : this.#proxy;
    if (proxy === undefined) return undefined;
    return (options, callback) => {
      this.#connect(proxy, address, options as ConnectionOptions, callback);
      return undefined;
    };
  }

  /** Give up a CONNECT that is under way. */
  destroy(): void {
    this.#request?.destroy();
  }

  #connect(
    proxy: URL,
    { host, port, secure }: Address,
    options: ConnectionOptions,
    callback: (error: Error | null, socket: Duplex) => void,
  ): void {
    const isSecureProxy = proxy.protocol === 'https:';
    const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const userinfo = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
    const request = (isSecureProxy ? requestHttps : requestHttp)({
      // The certificates are for both: a company's proxy has one of the company's own.
      ...(isSecureProxy ? { ...options, ALPNProtocols: ['http/1.1'] } : {}),
      createConnection: isSecureProxy ? openSecureSocket : openSocket,
      autoSelectFamily: true,
      agent: undefined,
      servername: undefined,
      host: proxy.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: proxy.port || (isSecureProxy ? 443 : 80),
      method: 'CONNECT',
      path: target,
      headers: {
        Host: target,
        ...(userinfo === ':'
          ? {}
          : { 'Proxy-Authorization': `Basic ${Buffer.from(userinfo).toString('base64')}` }),
      },
    } as ClientRequestArgs);
    this.#request = request;
    const fail = callback as (error: Error) => void;
    request.on('error', fail);
    request.on('connect', (response, socket: Socket, head) => {
      this.#request = undefined;
      ignoreErrors(socket);
      const status = response.statusCode!;
      if (status > 299) {
        socket.destroy();
        fail(new ProxyRefusal(proxy, target, status, response.headers));
        return;
      }
      if (head.length > 0) socket.unshift(head);
      callback(null, secure ? openSecureSocket({ ...options, socket }) : socket);
    });
    request.end();
  }
}

/** The proxy that the environment names for an address; `undefined` for a direct connection. */
function proxyOfEnvironment(address: Address, environment: Environment): URL | undefined {
  const value = (name: string): string | undefined =>
    environment[name] ?? environment[name.toUpperCase()];
  const proxy = value(address.secure ? 'https_proxy' : 'http_proxy');
  if (!proxy || isExempt(address, value('no_proxy') ?? '')) return undefined;
  const url = URL.canParse(proxy) ? new URL(proxy) : undefined;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined;
}

/** Whether `no_proxy` has a host: `*`, a name with its subdomains, perhaps with a port. */
function isExempt({ host, port }: Address, list: string): boolean {
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      if (entry === '*') return true;
      // An IPv6 address with a port has brackets.
      const parts = /^(?:(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?|(.*))$/.exec(entry)!;
      const [, bracketed, plain, only, address] = parts;
      const name = bracketed ?? plain ?? address!;
      if (name === '' || (only !== undefined && Number(only) !== port)) return false;
      const bare = name.replace(/^\*?\./, '');
      return host === bare || host.endsWith(`.${bare}`);
    });
}
