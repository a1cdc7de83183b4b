import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { callIsolated } from '../connection/call-isolated.js';
import { createConnection, type WebSocketConnection } from '../connection/connection.js';
import type { ConnectionSettings } from '../connection/settings.js';
import type { TransportKind } from '../connection/transport.js';
import type { TypedEmitter } from '../connection/typed-emitter.js';
import type { FrameDecoderOptions } from '../protocol/framing/frame-decoder.js';
import type { ExtensionOffer } from '../protocol/handshake/extensions.js';
import type { Handshake } from '../protocol/handshake/handshake-request.js';
import { checkSubprotocol } from '../protocol/handshake/subprotocol.js';
import type { UpgradePolicy } from './admission/upgrade-policy.js';
import { DeflateBudget, type NegotiatedCompression } from './deflate-budget.js';
import { publishOpened } from './diagnostics.js';
import type { ServerEvents } from './events.js';
import { nodeSocketOf } from './node-socket.js';
import type { Authorization } from './options/options.js';
import type { ResolvedOptions } from './options/resolve-options.js';

/** What the server chose from a client's offers. */
export interface Choice {
  readonly subprotocol: string | undefined;
  readonly compression: NegotiatedCompression | undefined;
}

/** The server's end of a pair, and how its messages are compressed. */
interface Adopted<Context> {
  readonly connection: WebSocketConnection<Context>;
  readonly negotiated: NegotiatedCompression | undefined;
  readonly perMessageDeflate: ResolvedOptions<Context>['perMessageDeflate'];
}

/** Makes the connections of a server, after a handshake over any version of HTTP. */
export class ConnectionOpener<Context> {
  readonly #server: TypedEmitter<ServerEvents<Context>>;
  readonly #connections: Set<WebSocketConnection<Context>>;
  readonly #policy: UpgradePolicy<Context>;
  readonly #settings: ConnectionSettings;
  readonly #perMessageDeflate: ResolvedOptions<Context>['perMessageDeflate'];
  readonly #deflateBudget: DeflateBudget | undefined;
  readonly #compressedDecoder: FrameDecoderOptions;

  /**
   * @param server emits `'connection'`.
   * @param connections the server's connections; new ones are added.
   */
  constructor(
    server: TypedEmitter<ServerEvents<Context>>,
    connections: Set<WebSocketConnection<Context>>,
    policy: UpgradePolicy<Context>,
    settings: ConnectionSettings,
    perMessageDeflate: ResolvedOptions<Context>['perMessageDeflate'],
  ) {
    this.#server = server;
    this.#connections = connections;
    this.#policy = policy;
    this.#settings = settings;
    this.#perMessageDeflate = perMessageDeflate;
    this.#deflateBudget = perMessageDeflate
      ? new DeflateBudget(perMessageDeflate, settings.deadlines)
      : undefined;
    this.#compressedDecoder = { ...settings.decoder, rsv1: true };
  }

  /**
   * Choose a subprotocol and compression from what a client offers.
   *
   * @param wanted the subprotocol that the application chose for this request, if it did.
   * @throws TypeError for a subprotocol that was not offered.
   */
  choose(
    request: IncomingMessage,
    { subprotocols, extensions }: Handshake,
    wanted: string | undefined,
  ): Choice {
    const subprotocol = wanted ?? this.#policy.subprotocolFor(subprotocols, request);
    if (subprotocol !== undefined) checkSubprotocol(subprotocol, subprotocols);
    return { subprotocol, compression: this.#deflateBudget?.negotiate(extensions) };
  }

  /** Make a connection whose handshake is about to be answered. {@link announce} must follow. */
  create(
    transport: Duplex,
    url: string,
    address: string | undefined,
    { context, maxPayload }: Authorization<Context>,
    { subprotocol = '', compression }: Choice,
    kind: TransportKind,
  ): WebSocketConnection<Context> {
    const connection = createConnection(transport, this.#settings, {
      transport: kind,
      context: context as Context,
      url,
      subprotocol,
      extensions: compression?.response ?? '',
      remoteAddress: address,
      nodeSocket: nodeSocketOf(transport),
      decoder: this.#decoderOptions(maxPayload, compression !== undefined),
      // Last, because the budget gets its bytes back only when a connection closes.
      compression: compression && this.#deflateBudget!.open(compression),
    });
    this.#connections.add(connection);
    this.#policy.counters.accepted++;
    return connection;
  }

  /**
   * Emit `'connection'`, and begin to read.
   *
   * @param head bytes that came after the handshake.
   */
  announce(connection: WebSocketConnection<Context>, request: IncomingMessage, head: Buffer): void {
    publishOpened(this.#server, request, connection);
    callIsolated(() => this.#server.emit('connection', connection, request));
    callIsolated(() => {
      connection.start(head);
    });
  }

  /**
   * Make a connection without a handshake, on a transport in memory. It counts as the others do.
   *
   * @throws Error once `close()` was called.
   */
  adopt(transport: Duplex, context: Context, offers: readonly ExtensionOffer[]): Adopted<Context> {
    if (this.#policy.isClosing) {
      throw new Error('createConnectionPair: this WebSocketServer is closed or closing');
    }
    const negotiated = this.#deflateBudget?.negotiate(offers);
    const choice = { subprotocol: undefined, compression: negotiated };
    this.#policy.count(undefined);
    const connection = this.create(transport, '/', undefined, { context }, choice, 'pair');
    connection.start(Buffer.alloc(0));
    return { connection, negotiated, perMessageDeflate: this.#perMessageDeflate };
  }

  /** Connections share one object, except where `authorize` gave a `maxPayload`. */
  #decoderOptions(maxPayload: number | undefined, isCompressed: boolean): FrameDecoderOptions {
    const options = isCompressed ? this.#compressedDecoder : this.#settings.decoder;
    return maxPayload === undefined ? options : { ...options, maxPayload };
  }
}
