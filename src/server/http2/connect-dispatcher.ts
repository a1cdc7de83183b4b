import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import {
  type Http2SecureServer,
  type Http2Server,
  Http2ServerRequest,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { otherProtocol } from '../../protocol/handshake/extended-connect.js';
import { requestPath } from '../../protocol/handshake/request-target.js';
import { Dispatcher } from '../dispatcher.js';
import { ignoreErrors } from '../socket-errors.js';

type AnyHttp2Server = Http2Server | Http2SecureServer;

const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Routes the extended CONNECTs (RFC 8441) of one HTTP/2 server to the WebSocketServers attached to it. Once a
 * server advertises them a browser has no other way to open a WebSocket, so every one of them is answered. All
 * other requests are left alone.
 */
export class ConnectDispatcher extends Dispatcher<AnyHttp2Server> {
  /** The requests of the compatibility layer, from its `'connect'` to the end of that tick. */
  readonly #requests = new WeakMap<ServerHttp2Stream, Http2ServerRequest>();

  constructor(server: AnyHttp2Server) {
    super(server);
    server.on('stream', this.#onStream);
    server.on('connect', this.#onConnect);
    server.updateSettings({ enableConnectProtocol: true });
  }

  /** Remove all listeners. New sessions hear of no extended CONNECT, unless the application answers them itself. */
  protected override detach(): void {
    this.server.off('stream', this.#onStream).off('connect', this.#onConnect);
    if (!this.#hasOtherListeners(0)) this.server.updateSettings({ enableConnectProtocol: false });
  }

  readonly #onStream = (
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    _flags: number,
    rawHeaders: string[],
  ): void => {
    if (!isExtendedConnect(headers)) return;
    ignoreErrors(stream);
    // All listeners of this event come first: one may answer, and the compatibility layer makes the request.
    process.nextTick(this.#dispatch, stream, headers, rawHeaders);
  };

  /** Without a listener of `'connect'` the compatibility layer answers every CONNECT with 405. */
  readonly #onConnect = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
    if (isExtendedConnect(request.headers)) {
      this.#requests.set(request.stream, request);
    } else if (this.server.listenerCount('connect') === 1) {
      response.writeHead(405).end();
    }
  };

  readonly #dispatch = (
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: string[],
  ): void => {
    if (!stream.writable || stream.headersSent) return;
    // The types of Node do not know that the constructor is for applications too.
    const request = (this.#requests.get(stream) ??
      new Http2ServerRequest(stream, headers, {}, rawHeaders)) as unknown as IncomingMessage;
    this.#requests.delete(stream);
    if (headers[':protocol'] !== 'websocket') {
      this.#leave(stream, () => {
        this.endpoints.first.reject(request, stream, otherProtocol());
      });
      return;
    }
    const path = requestPath(headers[':path']!); // Node refuses an extended CONNECT without one
    if (this.endpoints.route(path, request, stream, EMPTY)) return;
    this.#leave(stream, () => {
      this.endpoints.rejectUnserved(path!, request, stream); // a target without a path went to the first server
    });
  };

  /** Leave a request to the application's other listeners. It is rejected at once without such a listener, and after `upgradeTimeout` if no listener has answered. */
  #leave(stream: ServerHttp2Stream, reject: () => void): void {
    if (!this.#hasOtherListeners(1)) {
      reject();
      return;
    }
    const { deadlines, upgradeTimeout } = this.endpoints.first;
    const deadline = deadlines.start(upgradeTimeout, () => {
      if (stream.writable && !stream.headersSent && this.endpoints.size > 0) reject();
    });
    stream.once('close', () => {
      deadline.cancel();
    });
  }

  /** Whether the application listens for CONNECTs or streams. The compatibility layer is not the application. @param own the listeners of each that are ours. */
  #hasOtherListeners(own: 0 | 1): boolean {
    const streams = this.server
      .listeners('stream')
      .filter(({ name }) => name !== 'bound onServerStream');
    return streams.length > own || this.server.listenerCount('connect') > own;
  }
}

function isExtendedConnect(headers: IncomingHttpHeaders): boolean {
  return headers[':method'] === 'CONNECT' && headers[':protocol'] !== undefined;
}
