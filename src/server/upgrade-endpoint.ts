import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { callIsolated } from '../connection/call-isolated.js';
import type { Deadlines } from '../connection/limits/deadlines.js';
import { matchPath } from './admission/path-match.js';
import type { UpgradePolicy } from './admission/upgrade-policy.js';
import type { Log } from './logger.js';
import type { ResolvedOptions } from './options/resolve-options.js';

/** The view of a WebSocketServer that a dispatcher has, for any version of HTTP. */
export interface UpgradeEndpoint {
  readonly path: unknown;
  /** Whether the server is closing; it answers upgrades with 503 then. */
  readonly isClosed: boolean;
  /** Whether it created the http.Server, which has no application then. */
  readonly ownsServer: boolean;
  readonly deadlines: Deadlines;
  readonly upgradeTimeout: number;
  matches(path: string, request: IncomingMessage): boolean;
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /**
   * @param error an UpgradeRejection, or an exception of the application's.
   * @param hint for the log.
   */
  reject(request: IncomingMessage, socket: Duplex, error: unknown, hint?: string): void;
  /** Log a probable mistake in the configuration. */
  hint(message: string): void;
  /** The http.Server listens. */
  listening(): void;
}

/** The parts of a WebSocketServer that an endpoint needs. */
interface EndpointParts<Context> {
  readonly server: {
    handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): unknown;
    emit(event: 'listening'): unknown;
  };
  readonly options: Pick<ResolvedOptions<Context>, 'path' | 'upgradeTimeout'>;
  readonly ownsServer: boolean;
  readonly policy: UpgradePolicy<Context>;
  readonly upgrader: {
    reject(request: IncomingMessage, socket: Duplex, error: unknown): void;
  };
  readonly deadlines: Deadlines;
  readonly log: Log;
}

/** Make the endpoint by which dispatchers reach a WebSocketServer. */
export function createEndpoint<Context>({
  server,
  options: { path, upgradeTimeout },
  ownsServer,
  policy,
  upgrader,
  deadlines,
  log,
}: EndpointParts<Context>): UpgradeEndpoint {
  return {
    path,
    get isClosed() {
      return policy.isClosing;
    },
    ownsServer,
    deadlines,
    upgradeTimeout,
    matches: (asked, request) => {
      const match = matchPath(path, asked, request);
      if (path !== undefined) policy.matched.set(request, match);
      return match !== false;
    },
    handle: (request, socket, head) => {
      server.handleUpgrade(request, socket, head);
    },
    reject: (request, socket, error, hint) => {
      if (hint !== undefined) log.hint(hint);
      upgrader.reject(request, socket, error);
    },
    hint: (message) => {
      log.hint(message);
    },
    listening: () => {
      callIsolated(() => server.emit('listening'));
    },
  };
}
