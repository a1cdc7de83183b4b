import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Deadlines } from '../connection/deadlines.js';
import { isWebSocketUpgrade, notWebSocket, requestPath } from '../protocol/handshake.js';
import { UpgradeRejection } from '../protocol/upgrade-rejection.js';
import { pathHint } from './hints.js';
import { ignoreErrors } from './socket-errors.js';

/** What the dispatcher needs to know of a WebSocketServer. */
export interface UpgradeEndpoint {
  readonly path: unknown;
  /** It serves no new connections, but still says so with a 503. */
  readonly isClosed: boolean;
  readonly deadlines: Deadlines;
  readonly upgradeTimeout: number;
  matches(path: string, request: IncomingMessage): boolean;
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** The application's code threw while it was asked. */
  fail(request: IncomingMessage, socket: Duplex, error: unknown): void;
  /** @param hint for the log. */
  refuse(
    request: IncomingMessage,
    socket: Duplex,
    rejection: UpgradeRejection,
    hint?: string,
  ): void;
}

const dispatchers = new WeakMap<Server, UpgradeDispatcher>();

/**
 * Takes the upgrade requests of one http.Server to the WebSocketServers attached to it, and keeps
 * out of the way of whoever else listens for `'upgrade'` there.
 */
export class UpgradeDispatcher {
  readonly #server: Server;
  #endpoints: UpgradeEndpoint[] = [];
  /** What the socket had written before anyone saw the request of the `'upgrade'` in progress. */
  #writtenBefore = 0;

  /** The one dispatcher of an http.Server. */
  static of(server: Server): UpgradeDispatcher {
    let dispatcher = dispatchers.get(server);
    if (dispatcher === undefined) {
      dispatchers.set(server, (dispatcher = new UpgradeDispatcher(server)));
    }
    return dispatcher;
  }

  private constructor(server: Server) {
    this.#server = server;
    server.prependListener('upgrade', (_request: IncomingMessage, socket: Duplex) => {
      // Node takes its own listeners off the socket before this event. From here to the end of
      // its life a reset must not be an uncaught exception.
      ignoreErrors(socket);
      this.#writtenBefore = bytesWritten(socket);
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#dispatch(request, socket, head);
    });
  }

  /** Attach a WebSocketServer; one that is closed and had the same path makes way for it. */
  add(endpoint: UpgradeEndpoint): void {
    this.#endpoints = this.#endpoints.filter(
      (other) => !(other.isClosed && String(other.path) === String(endpoint.path)),
    );
    this.#endpoints.push(endpoint);
  }

  #dispatch(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (socket.destroyed || this.#touched(socket, this.#writtenBefore)) return;
    const first = this.#endpoints[0]!;
    if (!isWebSocketUpgrade(request)) {
      this.#notOurs(request, socket, notWebSocket());
      return;
    }
    const path = requestPath(request.url ?? '');
    // A target that is no path is at no server's path; whichever is asked will refuse it.
    for (const endpoint of path === undefined ? [first] : this.#ranked()) {
      try {
        if (path !== undefined && !endpoint.matches(path, request)) continue;
      } catch (error) {
        endpoint.fail(request, socket, error);
        return;
      }
      endpoint.handle(request, socket, head);
      return;
    }
    const body = 'no WebSocket is served at this path';
    this.#notOurs(request, socket, new UpgradeRejection(404, { body }), path);
  }

  /** Open servers first, in order of construction; those that take any path last. */
  #ranked(): UpgradeEndpoint[] {
    const rank = ({ isClosed, path }: UpgradeEndpoint): number =>
      (isClosed ? 2 : 0) + (path === undefined ? 1 : 0);
    return [...this.#endpoints].sort((a, b) => rank(a) - rank(b));
  }

  /**
   * Leave the request to the other listeners if there are any; else refuse it.
   *
   * @param path that no server has.
   */
  #notOurs(
    request: IncomingMessage,
    socket: Duplex,
    rejection: UpgradeRejection,
    path?: string,
  ): void {
    const first = this.#endpoints[0]!;
    if (this.#server.listenerCount('upgrade') <= 2) {
      const open = this.#endpoints.filter(({ isClosed }) => !isClosed);
      const paths = open.map((endpoint) => endpoint.path);
      const hint = path === undefined ? undefined : pathHint(path, paths);
      first.refuse(request, socket, rejection, hint);
      return;
    }
    const before = bytesWritten(socket);
    first.deadlines.start(first.upgradeTimeout, () => {
      if (!this.#touched(socket, before)) socket.destroy();
    });
  }

  /** Whether another listener has taken the socket. */
  #touched(socket: Duplex, writtenBefore: number): boolean {
    return (
      socket.writableEnded ||
      bytesWritten(socket) > writtenBefore ||
      socket.writableLength > 0 ||
      socket.readableFlowing !== null // also after on('readable')
    );
  }
}

function bytesWritten(socket: Duplex): number {
  return (socket as { bytesWritten?: number }).bytesWritten ?? 0;
}
