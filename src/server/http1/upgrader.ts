import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocketConnection } from '../../connection/connection.js';
import { checkUpgrade, formatUpgradeResponse } from '../../protocol/handshake/opening-handshake.js';
import { UpgradeRejection } from '../../protocol/handshake/upgrade-rejection.js';
import type { Admitted } from '../admission/admission.js';
import type { Choice } from '../connection-opener.js';
import type { Authorization } from '../options/options.js';
import { checkAuthorization } from '../options/authorization.js';
import { ignoreErrors, stopIgnoringErrors } from '../socket-errors.js';
import { UpgradeFlow } from '../upgrade-flow.js';
import { earlierResponses } from './earlier-responses.js';
import { PendingUpgrade } from './pending-upgrade.js';
import { peerAddressOf, rawSocketOf, tuneSocket } from './raw-socket.js';
import { lingerUntilEnd, reject } from './rejection.js';
import { isTaken, takeSocket } from './taken-sockets.js';

/** The 101 that answers a request, and what the server chose from the client's offers. */
interface Answer {
  readonly choice: Choice;
  readonly response: string;
}

/**
 * Takes upgrade requests of HTTP/1.1 from the socket to a connection or a rejection. It handles
 * the socket; the decisions are those of UpgradePolicy, and ConnectionOpener makes the connections.
 */
export class Upgrader<Context> extends UpgradeFlow<Context, PendingUpgrade, Answer> {
  /** Sockets of rejected upgrades whose clients have not ended yet. */
  readonly #rejected = new Set<Duplex>();

  /** See `WebSocketServer.handleUpgrade`. */
  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<WebSocketConnection<Context> | undefined> {
    if (isTaken(request, socket)) {
      this.log.hint(
        `handleUpgrade: the socket of ${JSON.stringify(request.url)} was given to a WebSocketServer before, and is left alone; let one 'upgrade' listener have it`,
      );
      return Promise.resolve(undefined);
    }
    takeSocket(request, socket);
    ignoreErrors(socket);
    let admitted: Admitted;
    try {
      admitted = this.policy.admit(request, peerAddressOf(request, socket));
    } catch (error) {
      this.reject(request, socket, error);
      return Promise.resolve(undefined);
    }
    if (!socket.writable) {
      if (!socket.destroyed) {
        this.log.hint(
          `handleUpgrade: the socket of ${JSON.stringify(request.url)} was ended before; no other 'upgrade' listener may end it`,
        );
      }
      this.abandon({ request, socket });
      return Promise.resolve(undefined);
    }
    return this.decide(new PendingUpgrade(request, socket, head, admitted));
  }

  /** See `WebSocketServer.accept`. */
  accept(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    options: Authorization<Context>,
  ): WebSocketConnection<Context> {
    if (this.policy.isClosing) {
      throw new Error('accept: this WebSocketServer is closed or closing');
    }
    const checked = checkAuthorization<Context>(options, 'accept');
    if (isTaken(request, socket)) {
      throw new Error(
        "accept: this socket was given to a WebSocketServer before; let one 'upgrade' listener have it",
      );
    }
    ignoreErrors(socket);
    const handshake = checkUpgrade(request);
    if (socket.destroyed) throw new Error('accept: the client has left');
    if (!socket.writable) throw new Error('accept: the socket was ended before');
    if (earlierResponses(rawSocketOf(request, socket)) !== undefined) {
      throw new Error(
        'accept: the response to an earlier request is still being written; handleUpgrade waits for it',
      );
    }
    const address = this.policy.addressOf(request, peerAddressOf(request, socket));
    const { host } = handshake;
    const pending = new PendingUpgrade(request, socket, head, {
      handshake,
      host,
      match: undefined,
      address,
    });
    const early = pending.release();
    if (pending.body?.isComplete === false) {
      throw new UpgradeRejection(400, {
        body: 'a WebSocket handshake has no body, or an empty one that comes with it',
      });
    }
    const answer = this.answer(pending, checked);
    takeSocket(request, socket);
    this.policy.count(address);
    return this.open(pending, early, checked, answer);
  }

  /** Answer any thrown value with a rejection, and report it. */
  reject(request: IncomingMessage, socket: Duplex, error: unknown): void {
    const rejection = this.policy.rejectionFor(error);
    if (!socket.destroyed) {
      this.#rejected.add(socket);
      socket.once('close', () => this.#rejected.delete(socket));
    }
    const earlier = earlierResponses(rawSocketOf(request, socket));
    reject(socket, rejection, this.deadlines, this.timeouts.closeTimeout, earlier);
    this.policy.reportRejected(request, peerAddressOf(request, socket), rejection);
  }

  protected override rejectPending({ request, socket }: PendingUpgrade, error: unknown): void {
    this.reject(request, socket, error);
  }

  /** Terminate the rejected clients that have not ended. */
  terminateRejected(): void {
    for (const socket of this.#rejected) socket.destroy();
  }

  /** The client has left, or another listener has served it. */
  protected override abandon({
    request,
    socket,
  }: Pick<PendingUpgrade, 'request' | 'socket'>): void {
    this.policy.reportAbandoned(request);
    // Nothing else reads an ended socket, so without this the client's end would never be noticed.
    if (socket.writableEnded && !socket.destroyed) {
      lingerUntilEnd(socket, this.deadlines, this.timeouts.closeTimeout);
    }
  }

  /** Make the 101. @throws TypeError for headers or a subprotocol that cannot be sent */
  protected override answer(
    { request, admitted: { handshake } }: PendingUpgrade,
    { headers, subprotocol: wanted }: Authorization<Context>,
  ): Answer {
    const choice = this.opener.choose(request, handshake, wanted);
    const { subprotocol, compression } = choice;
    const extensions = compression?.response;
    const response = formatUpgradeResponse(handshake.key!, { headers, subprotocol, extensions });
    return { choice, response };
  }

  /** Write the 101 and open the connection. */
  protected override open(
    { request, socket, admitted }: PendingUpgrade,
    early: Buffer,
    authorization: Authorization<Context>,
    { choice, response }: Answer,
  ): WebSocketConnection<Context> {
    tuneSocket(request, socket);
    const url = request.url!; // checkUpgrade has read it
    const connection = this.opener.create(
      socket,
      url,
      admitted.address,
      authorization,
      choice,
      'http1',
    );
    stopIgnoringErrors(socket);
    socket.write(response, 'latin1');
    this.opener.announce(connection, request, early);
    return connection;
  }
}
