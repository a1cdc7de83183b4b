import type { Buffer } from 'node:buffer';
import type { WebSocketConnection } from '../../connection/connection.js';
import { formatUpgradeResponse } from '../../protocol/handshake/opening-handshake.js';
import { UpgradeRejection } from '../../protocol/handshake/upgrade-rejection.js';
import type { Choice } from '../connection-opener.js';
import type { Authorization } from '../options/options.js';
import { stopIgnoringErrors } from '../socket-errors.js';
import { type Carrier, UpgradeFlow } from '../upgrade-flow.js';
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

const SOCKETS: Carrier<PendingUpgrade> = {
  noun: 'socket',
  listener: "'upgrade' listener",
  isTaken,
  take: takeSocket,
  peerAddressOf,
  pend: (request, socket, head, admitted) => new PendingUpgrade(request, socket, head, admitted),
  whyServed: ({ destroyed }) =>
    destroyed ? undefined : "was ended before; no other 'upgrade' listener may end it",
  checkReady({ request, socket, body }) {
    if (socket.destroyed) throw new Error('accept: the client has left');
    if (!socket.writable) throw new Error('accept: the socket was ended before');
    if (earlierResponses(rawSocketOf(request, socket)) !== undefined) {
      throw new Error(
        'accept: the response to an earlier request is still being written; handleUpgrade waits for it',
      );
    }
    if (body?.isComplete === false) {
      throw new UpgradeRejection(400, {
        body: 'a WebSocket handshake has no body, or an empty one that comes with it',
      });
    }
  },
  reject: (request, socket, rejection, deadlines, lingerMs) => {
    const earlier = earlierResponses(rawSocketOf(request, socket));
    reject(socket, rejection, deadlines, lingerMs, earlier);
  },
  terminate: (socket) => {
    socket.destroy();
  },
};

/** Takes upgrade requests of HTTP/1.1 from the socket to a connection or a rejection. */
export class Upgrader<Context> extends UpgradeFlow<Context, PendingUpgrade, Answer> {
  protected override readonly carrier: Carrier<PendingUpgrade> = SOCKETS;

  protected override abandon(pending: PendingUpgrade): void {
    super.abandon(pending);
    const { socket } = pending;
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
    const { handshake, address } = admitted;
    const url = handshake.target;
    const connection = this.opener.create(socket, url, address, authorization, choice, 'http1');
    stopIgnoringErrors(socket);
    socket.write(response, 'latin1');
    this.opener.announce(connection, request, early);
    return connection;
  }
}
