import { AsyncResource } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  STATUS_CODES,
} from 'node:http';
import type { ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { abortReason, onAbort } from '../connection/abort-signal.js';
import type { WebSocketConnection } from '../connection/connection.js';
import type { Deadline } from '../connection/limits/deadlines.js';
import type { TransportKind } from '../connection/transport.js';
import {
  checkAnswer,
  checkConnectAnswer,
  type CheckedAnswer,
  type ClientOffer,
} from '../protocol/handshake/client-handshake.js';
import type { ExtensionOffer } from '../protocol/handshake/extensions.js';
import type { NegotiatedCompression } from '../server/deflate-budget.js';
import { tune } from '../server/http1/raw-socket.js';
import {
  adaptStream,
  cancelStream,
  peerAddressOfStream,
} from '../server/http2/stream-transport.js';
import { ignoreErrors, stopIgnoringErrors } from '../server/socket-errors.js';
import type { Address } from './address.js';
import { describeDeflateFault, describeFault, describeRedirect } from './answer-faults.js';
import type { ClientConnections } from './client-connections.js';
import type { ResolvedConnectOptions } from './connect-options.js';
import { HandshakeError, type HandshakeErrorCode } from './handshake-error.js';
import {
  OpeningStream,
  type OpeningStreamListener,
  type StreamResponse,
} from './http2/opening-stream.js';
import { type OpeningFailure, type OpeningListener, OpeningRequest } from './opening-request.js';
import { ProxyRefusal, ProxyTunnel } from './proxy-tunnel.js';
import type { RedirectFault } from './redirect.js';
import { readBody } from './refusal-body.js';

const EMPTY: Buffer = Buffer.alloc(0);

/** What the server has settled, or what is wrong with its answer. */
type Judgement =
  | { readonly subprotocol: string; readonly compression: NegotiatedCompression | undefined }
  | string;

/** One handshake, from the request to the connection, over HTTP/1.1 or HTTP/2. */
export class ClientHandshake implements OpeningListener, OpeningStreamListener {
  /** The context of the call of `connect`, and so of the connection. A response comes in that of the socket, which something else may have made. */
  readonly #context = new AsyncResource('hawser.connect');
  readonly #options: ResolvedConnectOptions;
  readonly #connections: ClientConnections;
  readonly #resolve: (connection: WebSocketConnection) => void;
  readonly #reject: (reason: Error) => void;
  readonly #opening: OpeningRequest | OpeningStream;
  readonly #tunnel: ProxyTunnel | undefined;
  readonly #offer: ExtensionOffer | undefined;
  #deadline: Deadline | undefined;
  #forgetSignal: (() => void) | undefined;
  /** Rejects with what has come of a refusal; defined while its body is read. */
  #finishRefusal: (() => void) | undefined;

  constructor(
    address: Address,
    options: ResolvedConnectOptions,
    connections: ClientConnections,
    resolve: (connection: WebSocketConnection) => void,
    reject: (reason: Error) => void,
  ) {
    const { proxy, http2, subprotocols, origin, headers, transport, socketPath } = options;
    this.#options = options;
    this.#connections = connections;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#offer = connections.compression?.offer();
    const common = {
      subprotocols,
      extensions: this.#offer === undefined ? [] : [this.#offer],
      origin,
      headers,
      transport,
      socketPath,
      // With 0 a redirect is a refusal like any other.
      maxRedirects: options.maxRedirects === 0 ? undefined : options.maxRedirects,
    };
    if (http2 === undefined) {
      this.#tunnel = proxy === undefined ? undefined : new ProxyTunnel(proxy, process.env);
      const socketMaker = this.#tunnel && ((to: Address) => this.#tunnel!.connectionTo(to));
      this.#opening = new OpeningRequest(
        address,
        { ...common, socketMaker, staysSecure: true },
        this,
      );
    } else {
      const session = http2 === true ? undefined : http2;
      this.#opening = new OpeningStream(address, { ...common, proxy, session }, this);
    }
  }

  start(): void {
    const { signal, handshakeTimeout } = this.#options;
    if (signal?.aborted) {
      this.#reject(abortReason(signal));
      return;
    }
    this.#forgetSignal =
      signal &&
      onAbort(signal, () => {
        this.#fail(abortReason(signal));
      });
    this.#deadline = this.#connections.deadlines.start(handshakeTimeout, () => {
      if (this.#finishRefusal !== undefined) this.#finishRefusal();
      else this.#fail(this.#error('ERR_HANDSHAKE_TIMEOUT', { detail: `${handshakeTimeout} ms` }));
    });
    try {
      this.#opening.start();
    } catch (error) {
      // Node throws at once for an agent that is for TLS alone, for example.
      this.#fail(error as Error);
    }
  }

  redirected(): void {
    // Nothing is to be done: the next request is sent like the first.
  }

  /** An opening without a time limit of its own fails only because of the transport. */
  failed(failure: OpeningFailure): void {
    this.unreachable((failure as Extract<OpeningFailure, { code: 'transport' }>).error);
  }

  unreachable(error: Error): void {
    const isProxy = error instanceof ProxyRefusal;
    this.#fail(
      this.#error('ERR_HANDSHAKE_UNREACHABLE', {
        detail: textOf(error),
        cause: error,
        ...(isProxy ? { status: error.status, headers: error.headers } : {}),
      }),
    );
  }

  refused(_request: ClientRequest, response: IncomingMessage, fault?: RedirectFault): boolean {
    const { statusCode, statusMessage, headers } = response;
    const status = statusCode!;
    if (status === 101) {
      // Without the fields that make Node upgrade.
      const detail = describeFault(checkAnswer(response, this.#offerOf(response)).fault!);
      this.#fail(this.#error('ERR_HANDSHAKE_INVALID', { detail, status, headers }));
      return false;
    }
    this.#refuse({ status, headers }, statusMessage!, response, fault);
    return true;
  }

  rejected(stream: ClientHttp2Stream, response: StreamResponse, fault?: RedirectFault): void {
    this.#refuse(response, STATUS_CODES[response.status] ?? '', stream, fault);
  }

  upgraded(response: IncomingMessage, socket: Duplex, head: Buffer): void {
    ignoreErrors(socket); // until the connection has a listener of its own
    const { statusCode, headers } = response;
    const answer = checkAnswer(response, this.#offerOf(response));
    const opened = this.#judge(answer);
    this.#end(); // first: what runs next may call the application's code, which could abort
    if (typeof opened === 'string') socket.destroy();
    else tune(socket);
    const { remoteAddress } = socket as Partial<Socket>;
    const settled = { transport: 'http1', remoteAddress } as const;
    this.#open(opened, { status: statusCode!, headers }, socket, head, settled);
  }

  accepted(stream: ClientHttp2Stream, response: StreamResponse): void {
    const { status, headers } = response;
    const opened = this.#judge(checkConnectAnswer(response, this.#offerOf(response)));
    const remoteAddress = peerAddressOfStream(stream);
    if (typeof opened === 'string') cancelStream(stream);
    else adaptStream(stream);
    const settled = { transport: 'http2', remoteAddress } as const;
    this.#open(opened, { status, headers }, stream, EMPTY, settled);
  }

  /** What an answer is measured by. RFC 6455 lets a server choose no subprotocol (section 4.2.2). */
  #offerOf({ headers }: Pick<IncomingMessage, 'headers'>): ClientOffer {
    const { offer } = this.#opening;
    return headers['sec-websocket-protocol'] === undefined ? { ...offer, subprotocols: [] } : offer;
  }

  #judge(answer: CheckedAnswer): Judgement {
    if (answer.fault !== undefined) return describeFault(answer.fault);
    const { subprotocol, extensions } = answer;
    const [extension] = extensions;
    if (extension === undefined) return { subprotocol, compression: undefined };
    // Only permessage-deflate was offered, so it is that.
    const compression = this.#connections.compression!.accept(extension.params, this.#offer!);
    return 'fault' in compression
      ? describeDeflateFault(compression.fault)
      : { subprotocol, compression };
  }

  #open(
    opened: Judgement,
    response: { readonly status: number; readonly headers: IncomingHttpHeaders },
    transport: Duplex,
    head: Buffer,
    settled: { readonly transport: TransportKind; readonly remoteAddress: string | undefined },
  ): void {
    if (typeof opened === 'string') {
      this.#fail(this.#error('ERR_HANDSHAKE_INVALID', { detail: opened, ...response }));
      return;
    }
    this.#end();
    const { pathname, search } = this.#opening.url;
    const details = {
      url: pathname + search,
      subprotocol: opened.subprotocol,
      extensions: response.headers['sec-websocket-extensions'] ?? '',
      response,
      ...settled,
    };
    const connection = this.#context.runInAsyncScope(() =>
      this.#connections.open(transport, details, opened.compression),
    );
    stopIgnoringErrors(transport);
    this.#resolve(connection);
    // After all the promises that wait for this one, and before anything else is read: microtasks run first.
    queueMicrotask(() => {
      process.nextTick(() => {
        connection.start(head);
      });
    });
  }

  /** Reject with a response and its body. */
  #refuse(
    response: { readonly status: number; readonly headers: IncomingHttpHeaders },
    reason: string,
    body: Readable,
    fault: RedirectFault | undefined,
  ): void {
    const { status, headers } = response;
    const { location } = headers;
    const isRedirect = status >= 300 && status < 400 && location !== undefined;
    const code = isRedirect ? 'ERR_HANDSHAKE_REDIRECT' : 'ERR_HANDSHAKE_REFUSED';
    const answer = `${status} ${reason}`.trim() + (isRedirect ? ` to ${location}` : '');
    const detail = fault === undefined ? answer : `${answer}; ${describeRedirect(fault)}`;
    const finish = (): void => {
      if (this.#finishRefusal !== undefined)
        this.#fail(this.#error(code, { detail, status, headers, body: read() }));
    };
    this.#finishRefusal = finish;
    const read = readBody(body, finish);
  }

  #error(
    code: HandshakeErrorCode,
    failure: Omit<ConstructorParameters<typeof HandshakeError>[1], 'url'>,
  ): HandshakeError {
    return new HandshakeError(code, { url: this.#opening.url, ...failure });
  }

  /** Give up, and free the sockets. */
  #fail(reason: Error): void {
    this.#end();
    this.#opening.abort();
    this.#tunnel?.destroy();
    this.#reject(reason);
  }

  #end(): void {
    this.#finishRefusal = undefined;
    this.#deadline?.cancel();
    this.#forgetSignal?.();
  }
}

/** What Node says. The error for several addresses of a host has no text of its own. */
function textOf(error: Error): string {
  const { message, errors = [] } = error as Error & { readonly errors?: readonly unknown[] };
  return message === '' ? errors.map((each) => (each as Error).message).join('; ') : message;
}
