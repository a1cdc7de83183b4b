import type { Buffer } from 'node:buffer';
import {
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestHttp,
} from 'node:http';
import { request as requestHttps, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import {
  type ClientOffer,
  makeKey,
  requestFields,
} from '../protocol/handshake/client-handshake.js';
import type { Address } from './address.js';
import { checkedMaker, openSecureSocket, openSocket } from './connect-socket.js';
import { fieldsFor, leavesHost, type RedirectFault, Redirects } from './redirect.js';

/** The longest delay of a timer of Node; a longer one would fire at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** How a handshake is requested. */
export interface OpeningRequestOptions extends Omit<ClientOffer, 'key'> {
  /** The application's header fields. Those of the handshake replace fields of the same names. @default none */
  readonly headers?: OutgoingHttpHeaders | undefined;
  /**
   * What Node's `https.request` takes: `agent`, `createConnection`, `localAddress`, `lookup`, `family`, `auth`, the
   * options of TLS and so on. What the address decides (host, port, path) is ignored, and so are `headers`,
   * `method` and `timeout`. Without an agent each request opens a socket of its own.
   */
  readonly transport?: RequestOptions | undefined;
  /** Connects to this Unix socket or named pipe instead of the host. @default none */
  readonly socketPath?: string | undefined;
  /**
   * Makes the sockets in place of {@link openSocket}, such as a proxy's; `undefined` if not for this address. An agent
   * and `transport.createConnection` go first.
   * @default none
   */
  readonly socketMaker?:
    ((address: Address) => RequestOptions['createConnection'] | undefined) | undefined;
  /**
   * How long the server may take for an answer, in ms; each redirect begins again.
   * @default no limit
   */
  readonly handshakeTimeout?: number | undefined;
  /** The most redirects that are followed; one more is refused. @default none: a redirect is a response like any other */
  readonly maxRedirects?: number | undefined;
  /** Refuses redirects from TLS to plain text. @default false */
  readonly staysSecure?: boolean;
  /** Sends the request: it has to call `request.end()`, perhaps later. @default request.end() */
  readonly finishRequest?: ((request: ClientRequest) => void) | undefined;
}

/** Why there is no answer that can be judged. */
export type OpeningFailure =
  | {
      /** The server was not reached, or broke off, or spoke no HTTP. `error` is Node's. */
      readonly code: 'transport';
      readonly error: Error;
    }
  | {
      /** `handshakeTimeout` has passed. */
      readonly code: 'timeout';
    };

/** What is told of an {@link OpeningRequest}: `redirected` any number of times, then at most one of the others. */
export interface OpeningListener {
  /**
   * A 101 has arrived; `checkAnswer` judges it. The socket is the listener's now, without an `'error'` listener.
   *
   * @param head the first bytes after the response.
   */
  upgraded(response: IncomingMessage, socket: Duplex, head: Buffer): void;
  /**
   * Another response has arrived, or a 101 without the fields that Node needs to upgrade.
   *
   * @param fault why a redirect is not followed; `undefined` for other responses, and without `maxRedirects`.
   * @returns `true` if the listener takes it over: it then reads the body, and `abort()` or the request's `destroy()`
   * ends it. Otherwise the socket is destroyed. `failed` may follow if it was taken over.
   */
  refused(request: ClientRequest, response: IncomingMessage, fault?: RedirectFault): boolean;
  /** A redirect is followed. The request has not been sent; header fields can be changed. */
  redirected(url: URL, request: ClientRequest): void;
  /** The handshake has failed, and the socket is destroyed. */
  failed(failure: OpeningFailure): void;
}

/**
 * The client's opening handshake over HTTP/1.1 (RFC 6455 section 4.1): the request, its time limit, and redirects.
 * The listener judges the answer.
 */
export class OpeningRequest {
  readonly #options: OpeningRequestOptions;
  readonly #listener: OpeningListener;
  readonly #redirects: Redirects;
  #key = '';
  /** The request that is under way; `undefined` before the start and after the end. */
  #request: ClientRequest | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(address: Address, options: OpeningRequestOptions, listener: OpeningListener) {
    this.#options = options;
    this.#listener = listener;
    this.#redirects = new Redirects(
      address,
      options.maxRedirects ?? 0,
      options.staysSecure ?? false,
    );
  }

  /** The URL of the present request: after redirects the last one. */
  get url(): URL {
    return this.#redirects.address.url;
  }

  /** What the present request offers; its answer is measured by this. */
  get offer(): ClientOffer {
    const { version = 13, subprotocols, extensions, origin } = this.#options;
    return { key: this.#key, version, subprotocols, extensions, origin };
  }

  /** The request that is under way, or whose response the listener has taken over. */
  get request(): ClientRequest | undefined {
    return this.#request;
  }

  /**
   * Send the request. It is called once.
   *
   * @throws what Node's `request` throws for options and header fields that it does not accept.
   */
  start(): void {
    this.#send(this.#open());
  }

  /** End the handshake, and free its socket. The listener hears nothing more. Nothing happens after `upgraded` or a failure. */
  abort(): void {
    const request = this.#request;
    this.#stop();
    request?.destroy();
  }

  /** Make the present request, without sending it. */
  #open(): ClientRequest {
    const { headers = {}, transport, socketPath, socketMaker } = this.#options;
    const { first, address } = this.#redirects;
    const { secure, host, port, path, socketPath: socketOfUrl } = address;
    this.#key = makeKey();
    const given: RequestOptions = { ...transport };
    const fields = fieldsFor(address, first, headers, given.auth);
    if (leavesHost(first, address)) delete given.servername;
    const { createConnection } = given;
    const request = (secure ? requestHttps : requestHttp)({
      ...given,
      createConnection:
        (typeof createConnection === 'function'
          ? checkedMaker(createConnection)
          : createConnection) ??
        socketMaker?.(address) ??
        (secure ? openSecureSocket : openSocket),
      // A server that prefers HTTP/2 must not choose it (RFC 7301 section 3.2).
      ...(secure ? { ALPNProtocols: ['http/1.1'] } : {}),
      protocol: undefined,
      hostname: undefined,
      host,
      port,
      defaultPort: given.defaultPort ?? (secure ? 443 : 80),
      path,
      socketPath: socketOfUrl ?? socketPath,
      method: 'GET',
      auth: undefined,
      timeout: undefined,
      headers: { ...fields, ...requestFields(this.offer) },
    } as RequestOptions);
    this.#request = request;
    this.#watch(request);
    return request;
  }

  #watch(request: ClientRequest): void {
    // The parser goes on after an abort in the request's 'information': one chunk can have several responses.
    const isPresent = (): boolean => this.#request === request;
    request.on('error', (error) => {
      if (isPresent()) this.#fail({ code: 'transport', error });
    });
    request.on('response', (response) => {
      if (isPresent()) this.#onResponse(request, response);
    });
    request.on('upgrade', (response, socket, head) => {
      if (!isPresent()) return;
      this.#stop();
      this.#listener.upgraded(response, socket, head);
    });
  }

  #send(request: ClientRequest): void {
    const { handshakeTimeout = Infinity, finishRequest } = this.#options;
    if (handshakeTimeout > 0 && handshakeTimeout <= LONGEST_DELAY) {
      this.#timer = setTimeout(() => this.#fail({ code: 'timeout' }), handshakeTimeout);
    }
    if (finishRequest === undefined) request.end();
    else finishRequest(request);
  }

  #onResponse(request: ClientRequest, response: IncomingMessage): void {
    const { maxRedirects } = this.#options;
    const { location } = response.headers;
    let fault: RedirectFault | undefined;
    if (maxRedirects !== undefined && location !== undefined && isRedirect(response)) {
      fault = this.#redirects.follow(location);
      if (fault === undefined) {
        this.#follow();
        return;
      }
    }
    clearTimeout(this.#timer);
    // Because of its Connection field Node would keep the socket for a pool, and without an agent there is no pool.
    const { socket } = response;
    if (!this.#options.transport?.agent) response.once('close', () => socket.destroy());
    if (!this.#listener.refused(request, response, fault)) this.abort();
  }

  #follow(): void {
    this.abort();
    let request: ClientRequest;
    try {
      request = this.#open();
    } catch (error) {
      // Such as an agent for TLS alone.
      this.#fail({ code: 'transport', error: error as Error });
      return;
    }
    this.#listener.redirected(this.url, request);
    // The listener may have aborted it.
    if (this.#request === request) this.#send(request);
  }

  #fail(failure: OpeningFailure): void {
    this.abort();
    this.#listener.failed(failure);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#request = undefined;
  }
}

function isRedirect({ statusCode }: IncomingMessage): boolean {
  return statusCode! >= 300 && statusCode! < 400;
}
