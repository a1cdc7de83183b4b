import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { TypedEmitter } from '../connection/typed-emitter.js';
import type { ExtensionOffer } from '../protocol/handshake/extensions.js';
import { joinLines, upgradeLines } from '../protocol/handshake/opening-handshake.js';
import { rejectionOf } from '../protocol/handshake/upgrade-rejection.js';
import type { DeflateBudget } from '../server/deflate-budget.js';
import { tuneSocket } from '../server/http1/raw-socket.js';
import { ignoreErrors, stopIgnoringErrors } from '../server/socket-errors.js';
import { isTaken, takeSocket } from '../server/http1/taken-sockets.js';
import { ServerAdmission } from './admission.js';
import { callbackOf } from './argument-checks.js';
import { type Compression, ConnectionParts } from './connection-parts.js';
import { deflateOptionsOf } from './deflate-options.js';
import { refuseUpgrade } from './refuse-upgrade.js';
import {
  checkFunctions,
  type ServerOptions,
  type ServerSettings,
  serverSettings,
} from './server-options.js';
import {
  readUpgrade,
  requestFault,
  UNACCEPTABLE,
  type UpgradeFault,
  type UpgradeRequest,
} from './upgrade-request.js';
import { openSocket, type WebSocket } from './web-socket.js';

/** The events of a server, with their listeners' arguments. */
export interface ServerEvents {
  connection: [webSocket: WebSocket, request: IncomingMessage];
  /** The lines of the 101, which may be changed. */
  headers: [lines: string[], request: IncomingMessage];
  listening: [];
  close: [];
  error: [error: Error];
  /** A handshake is wrong. With a listener the socket is the application's to answer and to close. */
  wsClientError: [error: Error, socket: Duplex, request: IncomingMessage];
}

/** Called with the WebSocket that an upgrade has made. */
export type UpgradeCallback = (webSocket: WebSocket, request: IncomingMessage) => void;

/** A WebSocket server with the interface of ws. See `docs/ws.md` for what differs. */
export class WebSocketServer extends TypedEmitter<ServerEvents> {
  /** The options. They are read at each upgrade, so a change takes effect. */
  options: ServerSettings;
  /** The connections; missing with `clientTracking: false`, which the types of ws do not say. */
  declare clients: Set<WebSocket>;
  #server: Server | HttpsServer | undefined;
  /** The http.Server is of this server's own making. */
  readonly #isOwn: boolean = false;
  #parts: ConnectionParts;
  readonly #admission: ServerAdmission | undefined;
  #removeListeners: (() => void) | undefined;
  #state: 'running' | 'closing' | 'closed' = 'running';

  /**
   * @param callback called when a server of its own listens.
   * @throws TypeError unless exactly one of `port`, `server` and `noServer` is given, and for wrong values in `hawser`.
   */
  constructor(options?: ServerOptions, callback?: () => void) {
    super();
    this.options = serverSettings(options);
    const { clientTracking, hawser, port, host, backlog, server, perMessageDeflate } = this.options;
    this.#parts = new ConnectionParts('server', this.options);
    // A wrong value is told here: at the first offer of a client it would end the process.
    if (perMessageDeflate) deflateOf(this.#parts, perMessageDeflate);
    this.#admission = ServerAdmission.of(this.#parts.options, hawser);
    if (clientTracking) this.clients = new Set();
    if (port !== undefined && port !== null) {
      this.#isOwn = true;
      this.#server = createServer((_request, response) => {
        const body = STATUS_CODES[426]!;
        response.writeHead(426, { 'Content-Length': body.length, 'Content-Type': 'text/plain' });
        response.end(body);
      });
      // The callback is called before 'listening' is emitted, as in ws.
      this.#server.listen(port as number, host ?? undefined, backlog ?? undefined, callback);
      this.#listenTo(this.#server);
    } else if (server) {
      this.#server = server;
      this.#listenTo(server);
    }
  }

  /** The address of the http.Server; `null` before it listens. @throws Error with `noServer`. */
  address(): AddressInfo | string | null {
    if (this.options.noServer) {
      throw new Error('The server is operating in "noServer" mode');
    }
    return this.#server?.address() ?? null;
  }

  /**
   * Accept no more connections. Those that are open stay open; `'close'` is emitted after the last of them
   * has ended. A server of its own closes its http.Server.
   *
   * @param callback called at `'close'`, with an error if the server was closed before.
   */
  close(callback?: (error?: Error) => void): void {
    callback = callbackOf('close', callback);
    if (this.#state === 'closed') {
      if (callback !== undefined) {
        this.once('close', () => {
          callback(new Error('The server is not running'));
        });
      }
      this.#emitClose();
      return;
    }
    if (callback !== undefined) {
      this.once('close', () => {
        callback();
      });
    }
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    this.#removeListeners?.();
    const server = this.#server;
    this.#server = undefined;
    if (this.#isOwn) {
      server!.close(() => {
        this.#emitClosed();
      });
    } else if (!this.#hasClients()) {
      this.#emitClose();
    }
  }

  /** Whether this server serves a request. Programs override or assign it. */
  shouldHandle(request: IncomingMessage): boolean {
    const { path } = this.options;
    return !path || request.url!.split('?', 1)[0] === path;
  }

  /**
   * Upgrade a request. Without an asynchronous `verifyClient` the 101 is written and the callback called before
   * this returns.
   *
   * @throws Error if the socket was upgraded before.
   */
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    callback: UpgradeCallback,
  ): void {
    ignoreErrors(socket);
    checkFunctions(this.options); // programs change them
    const fault = requestFault(request);
    if (fault !== undefined) {
      this.#refuse(request, socket, fault);
      return;
    }
    if (!this.shouldHandle(request)) {
      refuseUpgrade(socket, 400, undefined);
      return;
    }
    const upgrade = readUpgrade(request, Boolean(this.options.perMessageDeflate));
    if ('status' in upgrade) {
      this.#refuse(request, socket, upgrade);
      return;
    }
    const compression = this.#compressionFor(upgrade.offers);
    if (compression === 'none acceptable') {
      this.#refuse(request, socket, UNACCEPTABLE);
      return;
    }
    this.#verify(request, socket, upgrade, () => {
      this.#complete(request, socket, head, upgrade, compression, callback);
    });
  }

  /** Ask `verifyClient`, and go on if the client may connect. */
  #verify(
    request: IncomingMessage,
    socket: Duplex,
    { origin }: UpgradeRequest,
    accept: () => void,
  ): void {
    const { verifyClient } = this.options;
    if (!verifyClient) {
      accept();
      return;
    }
    // A request that the application made has no socket.
    const { authorized, encrypted } = Object(request.socket) as {
      authorized?: boolean;
      encrypted?: boolean;
    };
    const info = { origin, secure: authorized === true || encrypted === true, req: request };
    if (verifyClient.length !== 2) {
      const decide = (verified: unknown): void => {
        if (verified) accept();
        else refuseUpgrade(socket, 401, undefined);
      };
      const answer = (verifyClient as (of: typeof info) => unknown)(info);
      if (typeof (answer as PromiseLike<unknown> | null | undefined)?.then !== 'function') {
        decide(answer);
        return;
      }
      // ws itself takes any promise for a yes, and would admit every client.
      void Promise.resolve(answer).then(decide, (error: unknown) => {
        refuseUpgrade(socket, 500, undefined);
        throw error;
      });
      return;
    }
    verifyClient(info, (verified, code, message, headers) => {
      if (verified) accept();
      else refuseUpgrade(socket, code === 0 ? 401 : (code ?? 401), message, headers);
    });
  }

  #complete(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    { key, protocols }: UpgradeRequest,
    compression: Compression | undefined,
    callback: UpgradeCallback,
  ): void {
    if (!socket.readable || !socket.writable) {
      socket.destroy();
      return;
    }
    if (isTaken(request, socket)) {
      throw new Error(
        'server.handleUpgrade() was called more than once with the same socket, possibly due to a misconfiguration',
      );
    }
    if (this.#state !== 'running') {
      refuseUpgrade(socket, 503, undefined);
      return;
    }
    try {
      this.#admission?.admit(request, socket);
    } catch (error) {
      const rejection = rejectionOf(error);
      if (rejection === undefined) throw error;
      refuseUpgrade(socket, rejection.status, rejection.body, rejection.headers);
      return;
    }
    takeSocket(request, socket);
    const webSocket = new this.options.WebSocket(null, undefined, this.options);
    const protocol = this.#protocolFor(protocols, request);
    const lines = upgradeLines(key, protocol, compression?.negotiated.response);
    this.emit('headers', lines, request);
    tuneSocket(request, socket);
    // As UTF-8: in Latin-1 U+010D would become a line break.
    socket.write(joinLines(lines));
    stopIgnoringErrors(socket);
    openSocket(webSocket, this.#currentParts(), socket, head, { protocol, compression });
    this.#track(webSocket);
    callback(webSocket, request);
  }

  #protocolFor(protocols: ReadonlySet<string>, request: IncomingMessage): string | undefined {
    if (protocols.size === 0) return undefined;
    const { handleProtocols } = this.options;
    const [first] = protocols;
    const chosen = handleProtocols ? handleProtocols(protocols, request) : first;
    return typeof chosen === 'string' && chosen !== '' ? chosen : undefined;
  }

  #compressionFor(offers: readonly ExtensionOffer[]): Compression | 'none acceptable' | undefined {
    const { perMessageDeflate } = this.options;
    if (!perMessageDeflate || offers.every(({ name }) => name !== 'permessage-deflate')) {
      return undefined;
    }
    const budget = deflateOf(this.#currentParts(), perMessageDeflate);
    const negotiated = budget.negotiate(offers);
    return negotiated === undefined ? 'none acceptable' : { budget, negotiated };
  }

  /** The parts for the options as they are now. */
  #currentParts(): ConnectionParts {
    if (!this.#parts.fits(this.options)) this.#parts = new ConnectionParts('server', this.options);
    return this.#parts;
  }

  #hasClients(): boolean {
    const clients = this.clients as Set<WebSocket> | undefined;
    return clients !== undefined && clients.size > 0;
  }

  #track(webSocket: WebSocket): void {
    const clients = this.clients as Set<WebSocket> | undefined;
    if (clients === undefined) return;
    clients.add(webSocket);
    webSocket.on('close', () => {
      clients.delete(webSocket);
      const isLast = clients.size === 0 && this.#state === 'closing';
      if (isLast && !this.#isOwn) this.#emitClose();
    });
  }

  #listenTo(server: Server | HttpsServer): void {
    const listeners = {
      listening: () => this.emit('listening'),
      error: (error: Error) => this.emit('error', error),
      upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        this.handleUpgrade(request, socket, head, (...args) => this.emit('connection', ...args));
      },
    };
    for (const [event, listener] of Object.entries(listeners)) server.on(event, listener);
    this.#removeListeners = () => {
      for (const [event, listener] of Object.entries(listeners)) server.off(event, listener);
    };
  }

  #refuse(
    request: IncomingMessage,
    socket: Duplex,
    { status, message, headers }: UpgradeFault,
  ): void {
    if (this.listenerCount('wsClientError') > 0) {
      this.emit('wsClientError', new Error(message), socket, request);
    } else {
      refuseUpgrade(socket, status, message, headers);
    }
  }

  #emitClose(): void {
    process.nextTick(() => {
      this.#emitClosed();
    });
  }

  #emitClosed(): void {
    this.#state = 'closed';
    this.emit('close');
  }
}

/** What compresses with these options. @throws TypeError for a wrong value. */
function deflateOf(parts: ConnectionParts, given: unknown): DeflateBudget {
  return parts.deflate(deflateOptionsOf(given));
}
