import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { callIsolated } from '../../connection/call-isolated.js';
import type { Deadlines } from '../../connection/limits/deadlines.js';
import { matchPath } from '../admission/path-match.js';
import type { UpgradePolicy } from '../admission/upgrade-policy.js';
import type { Log } from '../logger.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { UpgradeEndpoint } from './upgrade-dispatcher.js';
import type { Upgrader } from './upgrader.js';

/** The parts of a WebSocketServer that an endpoint needs. */
interface EndpointParts<Context> {
  readonly server: {
    handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): unknown;
    emit(event: 'listening'): unknown;
  };
  readonly options: Pick<ResolvedOptions<Context>, 'path' | 'upgradeTimeout'>;
  readonly ownsServer: boolean;
  readonly policy: UpgradePolicy<Context>;
  readonly upgrader: Upgrader<Context>;
  readonly deadlines: Deadlines;
  readonly log: Log;
}

/** Make the endpoint by which an UpgradeDispatcher reaches a WebSocketServer. */
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
    listening: () => {
      callIsolated(() => server.emit('listening'));
    },
  };
}
