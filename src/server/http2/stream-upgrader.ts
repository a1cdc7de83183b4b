import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { WebSocketConnection } from '../../connection/connection.js';
import {
  extendedConnectFields,
  type Http2Fields,
} from '../../protocol/handshake/extended-connect.js';
import { type Admitted, checkHandshake } from '../admission/admission.js';
import type { Choice } from '../connection-opener.js';
import { TAKEN } from '../http1/taken-sockets.js';
import { checkAuthorization } from '../options/authorization.js';
import type { Authorization } from '../options/options.js';
import { ignoreErrors, stopIgnoringErrors } from '../socket-errors.js';
import { UpgradeFlow } from '../upgrade-flow.js';
import { PendingStream } from './pending-stream.js';
import { rejectStream } from './stream-rejection.js';
import { adaptStream, cancelStream, peerAddressOfStream } from './stream-transport.js';

/** The 200 that answers a request, and what the server chose from the client's offers. */
interface Answer {
  readonly choice: Choice;
  readonly fields: Http2Fields;
}

type Markable = ServerHttp2Stream & { [TAKEN]?: true };

/**
 * Takes the extended CONNECTs of HTTP/2 from the stream to a connection or a rejection (RFC 8441). It handles the
 * stream; the decisions are those of UpgradePolicy, and ConnectionOpener makes the connections.
 */
export class StreamUpgrader<Context> extends UpgradeFlow<Context, PendingStream, Answer> {
  /** Streams of rejected requests whose clients have not taken the answer yet. */
  readonly #rejected = new Set<ServerHttp2Stream>();

  /** See `WebSocketServer.handleUpgrade`. */
  upgrade(
    request: IncomingMessage,
    stream: ServerHttp2Stream,
    head: Buffer,
  ): Promise<WebSocketConnection<Context> | undefined> {
    if (isTaken(stream)) {
      this.log.hint(
        `handleUpgrade: the stream of ${JSON.stringify(request.url)} was given to a WebSocketServer before, and is left alone; let one listener have it`,
      );
      return Promise.resolve(undefined);
    }
    take(stream);
    ignoreErrors(stream);
    let admitted: Admitted;
    try {
      admitted = this.policy.admit(request, peerAddressOfStream(stream));
    } catch (error) {
      this.reject(request, stream, error);
      return Promise.resolve(undefined);
    }
    const pending = new PendingStream(request, stream, head, admitted);
    if (!pending.isServed()) return this.decide(pending);
    if (stream.headersSent) {
      this.log.hint(
        `handleUpgrade: the stream of ${JSON.stringify(request.url)} was answered before; no other listener may answer a CONNECT for websocket`,
      );
    }
    this.abandon(pending);
    return Promise.resolve(undefined);
  }

  /** See `WebSocketServer.accept`. */
  accept(
    request: IncomingMessage,
    stream: ServerHttp2Stream,
    head: Buffer,
    options: Authorization<Context>,
  ): WebSocketConnection<Context> {
    if (this.policy.isClosing) {
      throw new Error('accept: this WebSocketServer is closed or closing');
    }
    const checked = checkAuthorization<Context>(options, 'accept');
    if (isTaken(stream)) {
      throw new Error(
        'accept: this stream was given to a WebSocketServer before; let one listener have it',
      );
    }
    ignoreErrors(stream);
    const handshake = checkHandshake(request);
    if (stream.headersSent) throw new Error('accept: the stream was answered before');
    if (!stream.writable) throw new Error('accept: the client has left');
    const address = this.policy.addressOf(request, peerAddressOfStream(stream));
    const { host } = handshake;
    const admitted = { handshake, host, match: undefined, address };
    const pending = new PendingStream(request, stream, head, admitted);
    const answer = this.answer(pending, checked);
    take(stream);
    this.policy.count(address);
    return this.open(pending, pending.release(), checked, answer);
  }

  /** Answer any thrown value with a rejection, and report it. */
  reject(request: IncomingMessage, stream: ServerHttp2Stream, error: unknown): void {
    const rejection = this.policy.rejectionFor(error);
    const address = peerAddressOfStream(stream);
    if (!stream.destroyed) {
      this.#rejected.add(stream);
      stream.once('close', () => this.#rejected.delete(stream));
    }
    rejectStream(stream, rejection, this.deadlines, this.timeouts.closeTimeout);
    this.policy.reportRejected(request, address, rejection);
  }

  /** Reset the streams of rejected requests that have not ended. */
  terminateRejected(): void {
    for (const stream of this.#rejected) cancelStream(stream);
  }

  protected override rejectPending({ request, socket }: PendingStream, error: unknown): void {
    this.reject(request, socket, error);
  }

  protected override abandon({ request }: PendingStream): void {
    this.policy.reportAbandoned(request);
  }

  protected override answer(
    { request, admitted: { handshake } }: PendingStream,
    { headers, subprotocol: wanted }: Authorization<Context>,
  ): Answer {
    const choice = this.opener.choose(request, handshake, wanted);
    const { subprotocol, compression } = choice;
    const extensions = compression?.response;
    const accepted = { headers, subprotocol, extensions };
    return { choice, fields: extendedConnectFields(handshake.key, accepted) };
  }

  protected override open(
    { request, socket: stream, admitted }: PendingStream,
    early: Buffer,
    authorization: Authorization<Context>,
    { choice, fields }: Answer,
  ): WebSocketConnection<Context> {
    const { handshake, address } = admitted;
    stream.respond({ ':status': 200, ...fields });
    adaptStream(stream);
    const url = handshake.target;
    const connection = this.opener.create(stream, url, address, authorization, choice, 'http2');
    stopIgnoringErrors(stream);
    this.opener.announce(connection, request, early);
    return connection;
  }
}

function isTaken(stream: Markable): boolean {
  return stream[TAKEN] === true;
}

function take(stream: Markable): void {
  stream[TAKEN] = true;
}
