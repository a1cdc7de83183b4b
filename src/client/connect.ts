import { Buffer } from 'node:buffer';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { abortReason, onAbort } from '../connection/abort-signal.js';
import type { WebSocketConnection } from '../connection/connection.js';
import type { Deadline } from '../connection/limits/deadlines.js';
import type { AnyMessage, Message } from '../connection/receive/receive-queue.js';
import { checkAnswer } from '../protocol/handshake/client-handshake.js';
import type { ExtensionOffer } from '../protocol/handshake/extensions.js';
import { show } from '../protocol/option-checks.js';
import type { NegotiatedCompression } from '../server/deflate-budget.js';
import { tune } from '../server/http1/raw-socket.js';
import { ignoreErrors, stopIgnoringErrors } from '../server/socket-errors.js';
import { type Address, readAddress } from './address.js';
import { describeDeflateFault, describeFault } from './answer-faults.js';
import { type ClientConnections, connectionsWith } from './client-connections.js';
import {
  type ConnectOptions,
  type ResolvedConnectOptions,
  resolveConnectOptions,
} from './connect-options.js';
import { HandshakeError, type HandshakeErrorCode } from './handshake-error.js';
import { type OpeningFailure, type OpeningListener, OpeningRequest } from './opening-request.js';
import { ProxyRefusal, ProxyTunnel } from './proxy-tunnel.js';

/** The most bytes of a refusal's body that are kept. */
const MAX_BODY = 64 * 1024;

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

/** One handshake, from the request to the connection. */
class ClientHandshake implements OpeningListener {
  readonly #options: ResolvedConnectOptions;
  readonly #connections: ClientConnections;
  readonly #resolve: (connection: WebSocketConnection) => void;
  readonly #reject: (reason: Error) => void;
  readonly #opening: OpeningRequest;
  readonly #tunnel: ProxyTunnel | undefined;
  readonly #offer: ExtensionOffer | undefined;
  #isSecure: boolean;
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
    const { proxy } = options;
    this.#options = options;
    this.#connections = connections;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#isSecure = address.secure;
    this.#offer = connections.compression?.offer();
    this.#tunnel = proxy === undefined ? undefined : new ProxyTunnel(proxy, process.env);
    this.#opening = new OpeningRequest(
      address,
      {
        subprotocols: options.subprotocols,
        extensions: this.#offer === undefined ? [] : [this.#offer],
        origin: options.origin,
        headers: options.headers,
        transport: options.transport,
        socketPath: options.socketPath,
        // Without any a redirect is a refusal, with its status, headers and body.
        maxRedirects: options.maxRedirects === 0 ? undefined : options.maxRedirects,
        socketMaker: this.#tunnel && ((to) => this.#tunnel!.connectionTo(to)),
      },
      this,
    );
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
      // Such as an agent for TLS alone.
      this.#fail(error as Error);
    }
  }

  redirected(url: URL): void {
    if (this.#isSecure && url.protocol === 'ws:') {
      const detail = `it leads from wss: to ${url.protocol}`;
      this.#fail(this.#error('ERR_HANDSHAKE_REDIRECT', { detail }));
    }
    this.#isSecure = url.protocol === 'wss:';
  }

  failed(failure: OpeningFailure): void {
    this.#fail(this.#failureError(failure));
  }

  refused(_request: ClientRequest, response: IncomingMessage): boolean {
    const { statusCode, headers } = response;
    const status = statusCode!;
    if (status === 101) {
      // Without the fields that make Node upgrade.
      const detail = this.#judge(response) as string;
      this.#fail(this.#error('ERR_HANDSHAKE_INVALID', { detail, status, headers }));
      return false;
    }
    const isRedirect = status >= 300 && status < 400 && headers.location !== undefined;
    const code = isRedirect ? 'ERR_HANDSHAKE_REDIRECT' : 'ERR_HANDSHAKE_REFUSED';
    const answer = `${status} ${response.statusMessage!}`.trim();
    const detail = isRedirect ? `${answer} to ${headers.location!}` : answer;
    const chunks: Buffer[] = [];
    let length = 0;
    this.#finishRefusal = () => {
      const body = Buffer.concat(chunks).subarray(0, MAX_BODY);
      this.#fail(this.#error(code, { detail, status, headers, body }));
    };
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MAX_BODY) this.#finishRefusal?.();
    });
    // A body that breaks off is as good as a whole one.
    response.on('error', () => undefined);
    response.on('close', () => this.#finishRefusal?.());
    return true;
  }

  upgraded(response: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until the connection has a listener of its own.
    ignoreErrors(socket);
    const { statusCode, headers } = response;
    const status = statusCode!;
    const opened = this.#judge(response);
    if (typeof opened === 'string') {
      socket.destroy();
      this.#fail(this.#error('ERR_HANDSHAKE_INVALID', { detail: opened, status, headers }));
      return;
    }
    this.#end();
    tune(socket);
    const { pathname, search } = this.#opening.url;
    const connection = this.#connections.open(
      socket,
      {
        url: pathname + search,
        subprotocol: opened.subprotocol,
        extensions: headers['sec-websocket-extensions'] ?? '',
        response: { status, headers },
      },
      opened.compression,
    );
    stopIgnoringErrors(socket);
    this.#resolve(connection);
    // After all the promises that wait for this one, and before anything else is read: microtasks run first.
    queueMicrotask(() => {
      process.nextTick(() => {
        connection.start(head);
      });
    });
  }

  /** What the server has settled, or what is wrong with its 101. */
  #judge(
    response: IncomingMessage,
  ): { subprotocol: string; compression: NegotiatedCompression | undefined } | string {
    const offer = this.#opening.offer;
    // RFC 6455 lets a server choose no subprotocol (section 4.2.2).
    const isWithout = response.headers['sec-websocket-protocol'] === undefined;
    const answer = checkAnswer(response, isWithout ? { ...offer, subprotocols: [] } : offer);
    if (answer.fault !== undefined) return describeFault(answer.fault);
    const { subprotocol, extensions } = answer;
    const [extension] = extensions;
    if (extension === undefined) return { subprotocol, compression: undefined };
    // It is the only one that was offered.
    const compression = this.#connections.compression!.accept(extension.params, this.#offer!);
    return 'fault' in compression
      ? describeDeflateFault(compression.fault)
      : { subprotocol, compression };
  }

  #failureError(failure: OpeningFailure): HandshakeError {
    switch (failure.code) {
      case 'too-many-redirects':
        return this.#error('ERR_HANDSHAKE_REDIRECT', {
          detail: `there were more than maxRedirects, which is ${failure.maxRedirects}`,
        });
      case 'redirect':
        return this.#error('ERR_HANDSHAKE_REDIRECT', {
          detail: `it leads to ${failure.location}, which is not a WebSocket server's URL`,
        });
      default: {
        // There is no other: the time limit is this class's own.
        const { error } = failure as Extract<OpeningFailure, { code: 'transport' }>;
        return this.#error('ERR_HANDSHAKE_UNREACHABLE', {
          detail: textOf(error),
          cause: error,
          ...(error instanceof ProxyRefusal
            ? { status: error.status, headers: error.headers }
            : {}),
        });
      }
    }
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
