import type { Buffer } from 'node:buffer';
import type { WebSocketConnection } from '../../connection/connection.js';
import {
  extendedConnectFields,
  type Http2Fields,
} from '../../protocol/handshake/extended-connect.js';
import type { Choice } from '../connection-opener.js';
import { isMarked, mark } from '../http1/taken-sockets.js';
import type { Authorization } from '../options/options.js';
import { stopIgnoringErrors } from '../socket-errors.js';
import { type Carrier, UpgradeFlow } from '../upgrade-flow.js';
import { PendingStream } from './pending-stream.js';
import { rejectStream } from './stream-rejection.js';
import { adaptStream, cancelStream, peerAddressOfStream } from './stream-transport.js';

/** The 200 that answers a request, and what the server chose from the client's offers. */
interface Answer {
  readonly choice: Choice;
  readonly fields: Http2Fields;
}

const STREAMS: Carrier<PendingStream> = {
  noun: 'stream',
  listener: 'listener',
  isTaken: (_request, stream) => isMarked(stream),
  take: (_request, stream) => {
    mark(stream);
  },
  peerAddressOf: (_request, stream) => peerAddressOfStream(stream),
  pend: (request, stream, head, admitted) => new PendingStream(request, stream, head, admitted),
  whyServed: ({ headersSent }) =>
    headersSent
      ? 'was answered before; no other listener may answer a CONNECT for websocket'
      : undefined,
  checkReady({ socket: stream }) {
    if (stream.headersSent) throw new Error('accept: the stream was answered before');
    if (!stream.writable) throw new Error('accept: the client has left');
  },
  reject: (_request, stream, rejection, deadlines, lingerMs) => {
    rejectStream(stream, rejection, deadlines, lingerMs);
  },
  terminate: cancelStream,
};

/** Takes the extended CONNECTs of HTTP/2 from the stream to a connection or a rejection (RFC 8441). */
export class StreamUpgrader<Context> extends UpgradeFlow<Context, PendingStream, Answer> {
  protected override readonly carrier: Carrier<PendingStream> = STREAMS;

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
    stream.setTimeout(0); // the heartbeat replaces it, as on a socket
    const url = handshake.target;
    const connection = this.opener.create(stream, url, address, authorization, choice, 'http2');
    stopIgnoringErrors(stream);
    this.opener.announce(connection, request, early);
    return connection;
  }
}
