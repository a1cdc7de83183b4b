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
import { Endpoints } from '../endpoints.js';
import { ignoreErrors } from '../socket-errors.js';
import type { UpgradeEndpoint } from '../upgrade-endpoint.js';

type AnyHttp2Server = Http2Server | Http2SecureServer;

const EMPTY: Buffer = Buffer.alloc(0);
const dispatchers = new WeakMap<AnyHttp2Server, ConnectDispatcher>();

/**
 * Routes the extended CONNECTs (RFC 8441) of one HTTP/2 server to the WebSocketServers attached to it. Once a
 * server advertises them a browser has no other way to open a WebSocket, so every one of them is answered. All
 * other requests are left alone.
 */
export class ConnectDispatcher {
  readonly #server: AnyHttp2Server;
  readonly #endpoints = new Endpoints();
  /** The requests of the compatibility layer, from its `'connect'` to the end of that tick. */
  readonly #requests = new WeakMap<ServerHttp2Stream, Http2ServerRequest>();

  /** The one dispatcher of an HTTP/2 server. */
  static of(server: AnyHttp2Server): ConnectDispatcher {
    let dispatcher = dispatchers.get(server);
    if (dispatcher === undefined) {
      dispatchers.set(server, (dispatcher = new ConnectDispatcher(server)));
    }
    return dispatcher;
  }

  private constructor(server: AnyHttp2Server) {
    this.#server = server;
    server.on('stream', this.#onStream);
    server.on('connect', this.#onConnect);
    server.updateSettings({ enableConnectProtocol: true });
  }

  /** Attach a WebSocketServer. */
  add(endpoint: UpgradeEndpoint): void {
    this.#endpoints.add(endpoint);
  }

  /** Detach a WebSocketServer. With the last one, all listeners are removed, and new sessions hear of no extended CONNECT. */
  remove(endpoint: UpgradeEndpoint): void {
    this.#endpoints.delete(endpoint);
    if (this.#endpoints.size > 0) return;
    dispatchers.delete(this.#server);
    this.#server.off('stream', this.#onStream).off('connect', this.#onConnect);
    if (!this.#hasOtherListeners(0)) this.#server.updateSettings({ enableConnectProtocol: false });
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
    } else if (this.#server.listenerCount('connect') === 1) {
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
        this.#endpoints.first.reject(request, stream, otherProtocol());
      });
      return;
    }
    const path = requestPath(headers[':path']!); // Node refuses an extended CONNECT without one
    if (this.#endpoints.route(path, request, stream, EMPTY)) return;
    this.#leave(stream, () => {
      this.#endpoints.rejectUnserved(path!, request, stream); // a target without a path went to the first server
    });
  };

  /** Leave a request to the application's other listeners. It is rejected at once without such a listener, and after `upgradeTimeout` if no listener has answered. */
  #leave(stream: ServerHttp2Stream, reject: () => void): void {
    if (!this.#hasOtherListeners(1)) {
      reject();
      return;
    }
    const { deadlines, upgradeTimeout } = this.#endpoints.first;
    const deadline = deadlines.start(upgradeTimeout, () => {
      if (stream.writable && !stream.headersSent && this.#endpoints.size > 0) reject();
    });
    stream.once('close', () => {
      deadline.cancel();
    });
  }

  /** Whether the application listens for CONNECTs or streams. The compatibility layer is not the application. @param own the listeners of each that are ours. */
  #hasOtherListeners(own: 0 | 1): boolean {
    const streams = this.#server
      .listeners('stream')
      .filter(({ name }) => name !== 'bound onServerStream');
    return streams.length > own || this.#server.listenerCount('connect') > own;
  }
}

function isExtendedConnect(headers: IncomingHttpHeaders): boolean {
  return headers[':method'] === 'CONNECT' && headers[':protocol'] !== undefined;
}
