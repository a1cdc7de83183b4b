import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { WebSocketConnection } from '../connection/connection.js';
import { Upgrader } from './http1/upgrader.js';
import { StreamUpgrader } from './http2/stream-upgrader.js';
import type { AnyRequest, Authorization } from './options/options.js';

/** Upgrades requests over any version of HTTP: each goes to the upgrader of its version. */
export class AnyUpgrader<Context> {
  readonly #http1: Upgrader<Context>;
  readonly #http2: StreamUpgrader<Context>;

  constructor(...parts: ConstructorParameters<typeof Upgrader<Context>>) {
    this.#http1 = new Upgrader(...parts);
    this.#http2 = new StreamUpgrader(...parts);
  }

  /** See `WebSocketServer.handleUpgrade`. */
  upgrade(
    request: AnyRequest,
    socket: Duplex,
    head: Buffer,
  ): Promise<WebSocketConnection<Context> | undefined> {
    const [upgrader, same] = this.#for(request);
    return upgrader.upgrade(same, socket as ServerHttp2Stream, head);
  }

  /** See `WebSocketServer.accept`. */
  accept(
    request: AnyRequest,
    socket: Duplex,
    head: Buffer,
    options: Authorization<Context>,
  ): WebSocketConnection<Context> {
    const [upgrader, same] = this.#for(request);
    return upgrader.accept(same, socket as ServerHttp2Stream, head, options);
  }

  /** Answer any thrown value with a rejection, and report it. */
  reject(request: AnyRequest, socket: Duplex, error: unknown): void {
    const [upgrader, same] = this.#for(request);
    upgrader.reject(same, socket as ServerHttp2Stream, error);
  }

  /** Terminate the rejected clients that have not ended. */
  terminateRejected(): void {
    this.#http1.terminateRejected();
    this.#http2.terminateRejected();
  }

  /**
   * The upgrader for a request, and the request. Everything that reads requests reads only what both versions
   * have, so a request of HTTP/2 passes for one of HTTP/1.1 from here on.
   */
  #for(
    request: AnyRequest,
  ): [upgrader: Upgrader<Context> | StreamUpgrader<Context>, request: IncomingMessage] {
    return [request.httpVersionMajor === 2 ? this.#http2 : this.#http1, request as IncomingMessage];
  }
}
