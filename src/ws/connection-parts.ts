import type { Duplex } from 'node:stream';
import type { ConnectionEmitter } from '../connection/events.js';
import { Session } from '../connection/session.js';
import type { ConnectionSettings } from '../connection/settings.js';
import type { FrameDecoderOptions } from '../protocol/framing/frame-decoder.js';
import type { Role } from '../protocol/framing/frame.js';
import { DeflateBudget, type NegotiatedCompression } from '../server/deflate-budget.js';
import { nodeSocketOf } from '../server/node-socket.js';
import type { ResolvedOptions } from '../server/options/resolve-options.js';
import { StandaloneSettings } from '../server/standalone-settings.js';
import { deflateSettings, type PerMessageDeflateOptions } from './deflate-options.js';
import { type ConnectionOptions, resolveConnectionOptions } from './hawser-options.js';

/** permessage-deflate as it was negotiated for one connection. */
export interface Compression {
  readonly budget: DeflateBudget;
  readonly negotiated: NegotiatedCompression;
}

/** What the connections with the same options share. */
export class ConnectionParts {
  readonly role: Role;
  readonly options: ResolvedOptions<undefined>;
  readonly settings: ConnectionSettings;
  readonly #given: ConnectionOptions;
  readonly #standalone: StandaloneSettings;
  readonly #compressedDecoder: FrameDecoderOptions;
  readonly #deflate = new WeakMap<PerMessageDeflateOptions, DeflateBudget>();

  /** @throws TypeError for an option that is unknown or has a wrong value. */
  constructor(role: Role, given: ConnectionOptions) {
    const { maxPayload, closeTimeout, hawser } = given;
    this.role = role;
    this.#given = { maxPayload, closeTimeout, hawser };
    this.options = resolveConnectionOptions(given);
    this.#standalone = new StandaloneSettings(this.options, {
      // The WebSocket answers Pings: ws lets its users turn that off, and override pong().
      answersPings: false,
      holdsAfterClose: true,
    });
    this.settings = this.#standalone.of(role);
    this.#compressedDecoder = { ...this.settings.decoder, rsv1: true };
  }

  /** Whether these parts have the same options. They are compared each time, because users of ws change them. */
  fits({ maxPayload, closeTimeout, hawser }: ConnectionOptions): boolean {
    const given = this.#given;
    return (
      given.maxPayload === maxPayload &&
      given.closeTimeout === closeTimeout &&
      given.hawser === hawser
    );
  }

  /** What compresses with these options, the same for the same object. @throws TypeError for a wrong value. */
  deflate(options: PerMessageDeflateOptions): DeflateBudget {
    let budget = this.#deflate.get(options);
    if (budget === undefined) {
      const settings = deflateSettings(options);
      const { clientWindowBits } = settings;
      budget = new DeflateBudget(settings.options, this.#standalone.deadlines, {
        clientWindowBits,
        // In ws the threshold is for messages that cannot refer to earlier ones.
        takeoverThreshold: 0,
      });
      this.#deflate.set(options, budget);
    }
    return budget;
  }

  /** Make a connection on a transport; `start` must follow. */
  open(emitter: ConnectionEmitter, socket: Duplex, compression?: Compression): Session {
    const nodeSocket = nodeSocketOf(socket);
    if (compression === undefined)
      return new Session(emitter, socket, this.settings, { nodeSocket });
    const { budget, negotiated } = compression;
    return new Session(emitter, socket, this.settings, {
      nodeSocket,
      compression: budget.open(negotiated, this.role),
      decoder: this.#compressedDecoder,
    });
  }
}
