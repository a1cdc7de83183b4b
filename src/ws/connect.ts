import type { Buffer } from 'node:buffer';
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { type Address, readAddress } from '../client/address.js';
import {
  type OpeningFailure,
  type OpeningListener,
  OpeningRequest,
} from '../client/opening-request.js';
import type { RedirectFault } from '../client/redirect.js';
import { checkAnswer } from '../protocol/handshake/client-handshake.js';
import { isToken } from '../protocol/handshake/http-grammar.js';
import { ignoreErrors, stopIgnoringErrors } from '../server/socket-errors.js';
import { functionOf, timeoutOf } from './argument-checks.js';
import { ClientDeflate } from './client-deflate.js';
import {
  addressError,
  failureError,
  handshakeError,
  INVALID_EXTENSIONS,
  redirectError,
  statusError,
  urlError,
} from './client-errors.js';
import { type Compression, ConnectionParts } from './connection-parts.js';
import type { EventTargetEmitter } from './event-target.js';
import type { ConnectionOptions } from './hawser-options.js';
import type { PerMessageDeflateOptions } from './deflate-options.js';
import type { IgnoredOptions } from './ignored-options.js';
import type { WebSocketEvents } from './web-socket-events.js';

/**
 * The options of a client: those of ws, and those of Node's `https.request`. What the URL decides (host, port,
 * path) is ignored.
 */
export interface ClientOptions
  extends
    ConnectionOptions,
    IgnoredOptions,
    Omit<RequestOptions, 'protocol' | 'timeout' | 'method'> {
  /** Answer Pings. @default true */
  readonly autoPong?: boolean | undefined;
  /** The subprotocols, where they are not an argument of their own. */
  readonly protocols?: string | readonly string[] | undefined;
  /** @default true */
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
  /** `Origin`. */
  readonly origin?: string | null | undefined;
  /** `Sec-WebSocket-Version`: 13, or 8 for a draft with the same frames. @default 13 */
  readonly protocolVersion?: number | undefined;
  /** How long the server may take for an answer, in ms; each redirect begins again. @default no limit */
  readonly handshakeTimeout?: number | undefined;
  /** @default false */
  readonly followRedirects?: boolean | undefined;
  /** @default 10 */
  readonly maxRedirects?: number | undefined;
  /** Sends the request: it has to call `request.end()`, perhaps later. */
  finishRequest?(request: ClientRequest, webSocket: EventTargetEmitter<WebSocketEvents>): void;
  /** Ignored: each frame has a key of its own from the operating system (RFC 6455 section 5.3). */
  readonly generateMask?: ((mask: Buffer) => void) | undefined;
}

/** What opening a connection needs of its WebSocket. */
export interface ConnectOwner {
  /** The WebSocket itself, for `finishRequest`. */
  readonly webSocket: EventTargetEmitter<WebSocketEvents>;
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
  /** The URL as `ws.url` has it: after redirects the last one. */
  readonly url: string;
  /**
   * Send the request. `finishRequest` is called meanwhile.
   *
   * @throws what Node's `request` throws for options and header fields that it does not accept.
   */
  start(): void;
  /** Give up; `failed` is called with this error in a later tick. Nothing happens after `opened` and `failed`. */
  abort(error: Error): void;
}

/** The versions that ws speaks. The frames of the draft of version 8 are those of RFC 6455. */
const VERSIONS = [8, 13] as const;
/** What ws follows with `followRedirects`. */
const MAX_REDIRECTS = 10;

/** Of the last client. Clients mostly have the same options, and share what a connection needs. */
let lastParts: ConnectionParts | undefined;

function partsFor(options: ClientOptions): ConnectionParts {
  if (!lastParts?.fits(options)) lastParts = new ConnectionParts('client', options);
  return lastParts;
}

/**
 * Prepare a handshake as a client; `start` must follow.
 *
 * @throws SyntaxError for a bad URL or subprotocol, TypeError or RangeError for bad options.
 */
export function connect(
  address: string | URL,
  protocols: readonly string[],
  options: ClientOptions,
  owner: ConnectOwner,
): Connecting {
  return new ClientHandshake(address, protocols, options, owner);
}

class ClientHandshake implements Connecting, OpeningListener {
  readonly #owner: ConnectOwner;
  readonly #parts: ConnectionParts;
  readonly #deflate: ClientDeflate | undefined;
  readonly #opening: OpeningRequest;
  /** Where a redirect leads that is not followed; ws has it as the client's URL. */
  #refused: URL | undefined;
  /** The socket while the listeners of `'upgrade'` are called. */
  #socket: Duplex | undefined;
  #isOver = false;

  constructor(
    address: string | URL,
    subprotocols: readonly string[],
    options: ClientOptions,
    owner: ConnectOwner,
  ) {
    const { protocolVersion = 13, origin } = options;
    const { finishRequest } = options as { readonly finishRequest?: () => void };
    // As in ws, `undefined` is off where it is given.
    const perMessageDeflate = 'perMessageDeflate' in options ? options.perMessageDeflate : true;
    const { followRedirects = false, maxRedirects = MAX_REDIRECTS } = options;
    const version = VERSIONS.find((each) => each === protocolVersion);
    if (version === undefined) {
      throw new RangeError(
        `Unsupported protocol version: ${protocolVersion} (supported versions: ${VERSIONS.join(', ')})`,
      );
    }
    const target = addressOf(address);
    checkSubprotocols(subprotocols);
    this.#owner = owner;
    this.#parts = partsFor(options);
    this.#deflate = perMessageDeflate ? new ClientDeflate(perMessageDeflate) : undefined;
    this.#opening = new OpeningRequest(
      target,
      {
        version,
        subprotocols,
        extensions: this.#deflate === undefined ? [] : [this.#deflate.offer],
        // Programs pass on what they have: an empty text, or `null`.
        origin: origin === '' || origin === null ? undefined : origin,
        headers: (options.headers ?? undefined) as OutgoingHttpHeaders | undefined,
        transport: options,
        handshakeTimeout: timeoutOf(options.handshakeTimeout),
        maxRedirects: followRedirects ? maxRedirects : undefined,
        finishRequest:
          functionOf('finishRequest', finishRequest) &&
          ((request) => {
            options.finishRequest!(request, owner.webSocket);
          }),
      },
      this,
    );
  }

  get url(): string {
    return (this.#refused ?? this.#opening.url).href;
  }

  start(): void {
    this.#opening.start();
  }

  abort(error: Error): void {
    if (this.#isOver) return;
    this.#opening.abort();
    this.#socket?.destroy();
    this.#failLater(error);
  }

  redirected(_url: URL, request: ClientRequest): void {
    this.#owner.emit('redirect', this.url, request);
  }

  refused(request: ClientRequest, response: IncomingMessage, fault?: RedirectFault): boolean {
    if (fault !== undefined) {
      this.#isOver = true;
      if ('url' in fault) this.#refused = fault.url;
      this.#opening.abort();
      this.#owner.failed(redirectError(fault, response.headers.location!));
      return false;
    }
    if (this.#owner.emit('unexpected-response', request, response)) return true;
    this.#failLater(statusError(response.statusCode));
    return false;
  }

  failed(failure: OpeningFailure): void {
    this.#isOver = true;
    this.#owner.failed(failureError(failure));
  }

  upgraded(response: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until the connection has a listener of its own.
    ignoreErrors(socket);
    this.#socket = socket;
    this.#owner.emit('upgrade', response);
    this.#socket = undefined;
    // A listener may have given up.
    if (this.#isOver) return;
    const opened = this.#judge(response);
    if (opened instanceof Error) {
      socket.destroy();
      this.#failLater(opened);
      return;
    }
    this.#isOver = true;
    stopIgnoringErrors(socket);
    this.#owner.opened(this.#parts, socket, head, opened);
  }

  /** What the server has settled, or what is wrong with its answer. */
  #judge(response: IncomingMessage): Parameters<ConnectOwner['opened']>[3] | Error {
    const answer = checkAnswer(response, this.#opening.offer);
    if (answer.fault !== undefined) return handshakeError(answer.fault);
    const { subprotocol: protocol, extensions } = answer;
    const [extension] = extensions;
    if (extension === undefined) return { protocol, compression: undefined };
    // It is the only one that was offered.
    const compression = this.#deflate!.accept(extension.params, this.#parts);
    return compression === undefined ? new Error(INVALID_EXTENSIONS) : { protocol, compression };
  }

  #failLater(error: Error): void {
    this.#isOver = true;
    process.nextTick(() => {
      this.#owner.failed(error);
    });
  }
}

function addressOf(given: string | URL): Address {
  if (!(given instanceof URL) && !URL.canParse(given)) throw urlError(given);
  const address = readAddress(new URL(given));
  if ('code' in address) throw addressError(address);
  return address;
}

/** Tokens, each once (RFC 6455 section 4.1). */
function checkSubprotocols(names: readonly unknown[]): void {
  const areTokens = names.every((name) => typeof name === 'string' && isToken(name));
  if (!areTokens || new Set(names).size < names.length) {
    throw new SyntaxError('An invalid or duplicated subprotocol was specified');
  }
}

/** The arguments after the address: subprotocols and options, or options alone. */
export function clientArguments(
  protocols: string | readonly string[] | ClientOptions | null | undefined,
  options: ClientOptions | undefined,
): [protocols: readonly string[], options: ClientOptions] {
  const hasOptionsFirst =
    typeof protocols === 'object' && protocols !== null && !Array.isArray(protocols);
  const given = (hasOptionsFirst ? protocols : options) as ClientOptions | undefined;
  const names = hasOptionsFirst || protocols === undefined ? given?.protocols : protocols;
  // `null` is a subprotocol, and not a good one.
  return [[names === undefined ? [] : names].flat() as string[], given ?? {}];
}
