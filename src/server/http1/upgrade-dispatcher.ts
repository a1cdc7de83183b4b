import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { isWebSocketUpgrade, notWebSocket } from '../../protocol/handshake/opening-handshake.js';
import { requestPath } from '../../protocol/handshake/request-target.js';
import { UpgradeRejection } from '../../protocol/handshake/upgrade-rejection.js';
import { otherProtocolHint } from '../admission/hints.js';
import { canGiveBack, giveBack, hasAllHeaders } from './give-back.js';
import { Dispatcher } from '../dispatcher.js';
import { earlierResponses } from './earlier-responses.js';
import { peerAddressOf, rawSocketOf, writtenTo } from './raw-socket.js';
import { ignoreErrors } from '../socket-errors.js';
import { isTaken } from './taken-sockets.js';

/** The state of a request before the first listener had it. */
interface Before {
  /** The bytes written to the socket. */
  readonly written: number;
  /** Whether there were other `'upgrade'` listeners than ours. One-off listeners are gone afterwards. */
  readonly hasOthers: boolean;
}

/**
 * Routes the upgrade requests of one http.Server to the WebSocketServers attached to it. It leaves
 * requests that are not theirs to the other `'upgrade'` listeners, and answers those that none of them uses.
 */
export class UpgradeDispatcher extends Dispatcher<Server> {
  /** The requests whose `'upgrade'` is in progress. */
  readonly #before = new WeakMap<IncomingMessage, Before>();
  /** Listeners that were prepended, and before which ours was moved since. */
  readonly #overtaken = new WeakSet();

  constructor(server: Server) {
    super(server);
    server.prependListener('upgrade', this.#beforeOthers);
    server.on('upgrade', this.#dispatch);
    server.on('listening', this.#listening);
    server.on('newListener', this.#onNewListener);
  }

  protected override detach(): void {
    this.server
      .off('newListener', this.#onNewListener)
      .off('upgrade', this.#beforeOthers)
      .off('upgrade', this.#dispatch)
      .off('listening', this.#listening);
  }

  readonly #listening = (): void => {
    this.endpoints.listening();
  };

  /** A listener may have been put before ours with `prependListener`, and write before we count. */
  readonly #onNewListener = (event: string | symbol): void => {
    if (event === 'upgrade') process.nextTick(this.#moveToFront);
  };

  readonly #moveToFront = (): void => {
    const first = this.server.rawListeners('upgrade')[0];
    if (this.endpoints.size === 0 || first === undefined || first === this.#beforeOthers) return;
    // Once for each listener: two that move before each other would never come to an end.
    if (this.#overtaken.has(first)) return;
    this.#overtaken.add(first);
    this.server.off('upgrade', this.#beforeOthers).prependListener('upgrade', this.#beforeOthers);
  };

  readonly #beforeOthers = (request: IncomingMessage, socket: Duplex): void => {
    // Node has removed its own listeners from the socket. From here on a reset must not be an
    // uncaught exception.
    ignoreErrors(socket);
    peerAddressOf(request, socket); // before another listener closes the socket
    const written = writtenTo(request, socket);
    this.#before.set(request, { written, hasOthers: this.hasOtherListeners });
  };

  readonly #dispatch = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const before = this.#before.get(request);
    this.#before.delete(request);
    // Without `before` another listener has emitted the event again, and the request was routed then.
    if (before === undefined || !socket.writable) return;
    if (writtenTo(request, socket) > before.written) return;
    const { first } = this.endpoints;
    if (!isWebSocketUpgrade(request)) {
      if (before.hasOthers) {
        this.#leave(request, socket);
      } else if (first.ownsServer || this.server.listenerCount('request') === 0 || !canGiveBack) {
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
    // A target without a path went to the first server.
    if (before.hasOthers) this.#leave(request, socket, path);
    else this.endpoints.rejectUnserved(path!, request, socket);
  };

  /** Whether there are other `'upgrade'` listeners than ours. */
  get hasOtherListeners(): boolean {
    return this.server.listenerCount('upgrade') > 2;
  }

  /**
   * Leave a request to the other listeners. If none of them has used its socket in time, it is rejected
   * as without them: a listener that writes nothing has not served it.
   *
   * @param path `undefined` for an upgrade to another protocol.
   */
  #leave(request: IncomingMessage, socket: Duplex, path?: string): void {
    const { deadlines, upgradeTimeout } = this.endpoints.first;
    const earlier = earlierResponses(rawSocketOf(request, socket));
    // The bytes of an earlier response are not another listener's.
    let before = earlier === undefined ? writtenTo(request, socket) : Infinity;
    void earlier?.then(() => {
      before = writtenTo(request, socket);
    });
    const deadline = deadlines.start(upgradeTimeout, () => {
      const isUsed =
        isTaken(request, socket) || !socket.writable || writtenTo(request, socket) > before;
      if (isUsed) return;
      const { size, first } = this.endpoints;
      if (isRead(socket)) {
        if (size > 0 && path !== undefined) this.endpoints.reportUnanswered(path, upgradeTimeout);
      } else if (size === 0) {
        socket.destroy(); // all servers have closed meanwhile
      } else if (path === undefined) {
        const hint = otherProtocolHint(String(request.headers.upgrade), upgradeTimeout);
        first.reject(request, socket, notWebSocket(), hint);
      } else {
        this.endpoints.rejectUnserved(path, request, socket, upgradeTimeout);
      }
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
