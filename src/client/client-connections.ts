import type { Duplex } from 'node:stream';
import { createConnection, type WebSocketConnection } from '../connection/connection.js';
import { systemClock } from '../connection/limits/clock.js';
import type { Deadlines } from '../connection/limits/deadlines.js';
import type { ConnectionDetails, ConnectionSettings } from '../connection/settings.js';
import type { FrameDecoderOptions } from '../protocol/framing/frame-decoder.js';
import { logFailure } from '../server/connection-observer.js';
import type { NegotiatedCompression } from '../server/deflate-budget.js';
import { createLog } from '../server/logger.js';
import { nodeSocketOf } from '../server/node-socket.js';
import type { ServerOptions } from '../server/options/options.js';
import { resolveOptions } from '../server/options/resolve-options.js';
import { HAWSER, StandaloneSettings } from '../server/standalone-settings.js';
import { UnreadHint } from '../server/unread-hint.js';
import { ClientCompression } from './client-compression.js';

/** The options of a connection, which mean for a client what they mean for a server. */
export const CONNECTION_OPTIONS = [
  'closeTimeout',
  'maxPayload',
  'messageTimeout',
  'textAs',
  'binaryAs',
  'highWaterMark',
  'maxBufferedAmount',
  'slowConsumer',
  'heartbeat',
  'idleTimeout',
  'maxLifetime',
  'messageRate',
  'perMessageDeflate',
  'logger',
  'clock',
] as const;

/** Options of a connection. */
export type ConnectionOptions = Pick<ServerOptions, (typeof CONNECTION_OPTIONS)[number]>;

/** What the handshake has settled. */
type Details = Pick<
  ConnectionDetails<undefined>,
  'url' | 'subprotocol' | 'extensions' | 'response' | 'transport' | 'remoteAddress'
>;

/** Makes the connections of clients with the same options. They share settings, timers and compression. */
export class ClientConnections {
  readonly deadlines: Deadlines;
  /** `undefined` without `perMessageDeflate`. */
  readonly compression: ClientCompression | undefined;
  readonly #given: ConnectionOptions;
  readonly #settings: ConnectionSettings;
  readonly #compressedDecoder: FrameDecoderOptions;

  /** @throws TypeError for an option that has a wrong value. */
  constructor(given: ConnectionOptions) {
    const options = resolveOptions<undefined>(given, [], 'connect');
    const { clock = systemClock, logger, perMessageDeflate } = options;
    const log = createLog(logger, clock);
    const standalone = new StandaloneSettings(options, HAWSER, (consumerTimeout) => {
      const hint = new UnreadHint(log, clock, consumerTimeout);
      const addressOf = (connection: unknown) => (connection as WebSocketConnection).remoteAddress;
      return {
        failed: (error, connection) => {
          logFailure(log, error, addressOf(connection) ?? 'a connection');
        },
        unread: (connection) => {
          hint.tell(addressOf(connection));
        },
        closed: () => undefined,
      };
    });
    this.#given = { ...given };
    this.deadlines = standalone.deadlines;
    this.compression = perMessageDeflate
      ? new ClientCompression(perMessageDeflate, standalone.deadlines, namesWindow(given))
      : undefined;
    this.#settings = standalone.of('client');
    this.#compressedDecoder = { ...this.#settings.decoder, rsv1: true };
  }

  /** Whether these connections have the same options. */
  fits(given: ConnectionOptions): boolean {
    return CONNECTION_OPTIONS.every((name) => this.#given[name] === given[name]);
  }

  /** Make a connection on a transport whose handshake is done; `start` must follow. */
  open(
    transport: Duplex,
    details: Details,
    negotiated: NegotiatedCompression | undefined,
  ): WebSocketConnection {
    return createConnection(transport, this.#settings, {
      ...details,
      context: undefined,
      nodeSocket: nodeSocketOf(transport),
      ...(negotiated === undefined
        ? {}
        : {
            compression: this.compression!.open(negotiated),
            decoder: this.#compressedDecoder,
          }),
    });
  }
}

/** Whether the application has chosen a window for compression. */
function namesWindow({ perMessageDeflate }: ConnectionOptions): boolean {
  return typeof perMessageDeflate === 'object' && perMessageDeflate.windowBits !== undefined;
}

/** Those of the last client. Clients mostly have the same options. */
let last: ClientConnections | undefined;

/** The connections with these options. @throws TypeError for an option that has a wrong value. */
export function connectionsWith(given: ConnectionOptions): ClientConnections {
  if (!last?.fits(given)) last = new ClientConnections(given);
  return last;
}
