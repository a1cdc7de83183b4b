import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { isWebSocketUpgrade, notWebSocket } from '../../protocol/handshake/opening-handshake.js';
import { requestPath } from '../../protocol/handshake/request-target.js';
import { UpgradeRejection } from '../../protocol/handshake/upgrade-rejection.js';
import { canGiveBack, giveBack, hasAllHeaders } from './give-back.js';
import { Dispatcher } from '../dispatcher.js';
import { peerAddressOf, writtenTo } from './raw-socket.js';
import { ignoreErrors } from '../socket-errors.js';
import { isTaken } from './taken-sockets.js';

/**
 * Routes the upgrade requests of one http.Server to the WebSocketServers attached to it. It leaves
 * requests that are not theirs to the other `'upgrade'` listeners.
 */
export class UpgradeDispatcher extends Dispatcher<Server> {
  /** The bytes written to the socket before the `'upgrade'` in progress reached the first listener. */
  #writtenBefore = 0;

  constructor(server: Server) {
    super(server);
    server.prependListener('upgrade', this.#beforeOthers);
    server.on('upgrade', this.#dispatch);
    server.on('listening', this.#listening);
  }

  protected override detach(): void {
    this.server
      .off('upgrade', this.#beforeOthers)
      .off('upgrade', this.#dispatch)
      .off('listening', this.#listening);
  }

  readonly #listening = (): void => {
    this.endpoints.listening();
  };

  readonly #beforeOthers = (request: IncomingMessage, socket: Duplex): void => {
    // Node has removed its own listeners from the socket. From here on a reset must not be an
    // uncaught exception.
    ignoreErrors(socket);
    peerAddressOf(request, socket); // before another listener closes the socket
    this.#writtenBefore = writtenTo(request, socket);
  };

  readonly #dispatch = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (!socket.writable || writtenTo(request, socket) > this.#writtenBefore) return;
    const first = this.endpoints.first;
    if (!isWebSocketUpgrade(request)) {
      if (this.hasOtherListeners) this.#leave(request, socket);
      else if (first.ownsServer || this.server.listenerCount('request') === 0 || !canGiveBack) {
        first.reject(request, socket, notWebSocket());
      } else if (hasAllHeaders(this.server, request)) {
        giveBack(this.server, request, socket, head);
      } else {
        const body = 'a request for another protocol has too many headers';
        first.reject(request, socket, new UpgradeRejection(431, { body }));
      }
      return;
    }
    const path = requestPath(request.url ?? '');
    if (this.endpoints.route(path, request, socket, head)) return;
    if (this.hasOtherListeners) this.#leave(request, socket);
    else this.endpoints.rejectUnserved(path!, request, socket); // a target without a path went to the first server
  };

  /** Whether there are other `'upgrade'` listeners than ours. */
  get hasOtherListeners(): boolean {
    return this.server.listenerCount('upgrade') > 2;
  }

  /** Leave a request to the other listeners. A socket that none of them uses is destroyed in the end. */
  #leave(request: IncomingMessage, socket: Duplex): void {
    const first = this.endpoints.first;
    const before = writtenTo(request, socket);
    const deadline = first.deadlines.start(first.upgradeTimeout, () => {
      const isUsed =
        isTaken(request, socket) ||
        !socket.writable ||
        writtenTo(request, socket) > before ||
        isRead(socket);
      if (!isUsed) socket.destroy();
    });
    socket.once('close', () => {
      deadline.cancel();
    });
  }
}

/** Whether a listener reads from a socket. A listener that has only paused it does not. */
function isRead(socket: Duplex): boolean {
  return (
    socket.readableFlowing === true ||
    socket.listenerCount('data') > 0 ||
    socket.listenerCount('readable') > 0
  );
}
