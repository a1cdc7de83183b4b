import type { IncomingMessage, OutgoingHttpHeaders, Server } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { show } from '../protocol/option-checks.js';
import { functionOf } from './argument-checks.js';
import { CLOSE_TIMEOUT, type ConnectionOptions, MAX_PAYLOAD } from './hawser-options.js';
import type { PerMessageDeflateOptions } from './deflate-options.js';
import type { IgnoredOptions } from './ignored-options.js';
import { WebSocket } from './web-socket.js';

/** What `verifyClient` gets. */
export interface ClientInfo {
  readonly origin: string | undefined;
  /** The connection is encrypted. */
  readonly secure: boolean;
  readonly req: IncomingMessage;
}

/** Says whether a client may connect, at once or by a callback. */
export type VerifyClient =
  | ((info: ClientInfo) => boolean)
  | ((
      info: ClientInfo,
      callback: (
        verified: boolean,
        code?: number,
        message?: string,
        headers?: OutgoingHttpHeaders,
      ) => void,
    ) => void);

/** The options of a server. They are read at each upgrade, so a change takes effect. */
export interface ServerOptions extends ConnectionOptions, IgnoredOptions {
  /** A string is read as a number, or is the path of a Unix socket. */
  port?: number | string | null | undefined;
  host?: string | null | undefined;
  backlog?: number | null | undefined;
  server?: Server | HttpsServer | null | undefined;
  noServer?: boolean | undefined;
  /** Other paths are refused with 400. */
  path?: string | null | undefined;
  /** Longest message in bytes; 0 for no limit. @default 100 MiB */
  maxPayload?: number | undefined;
  /** Milliseconds. @default 30_000 */
  closeTimeout?: number | undefined;
  /** Keep `clients`. @default true */
  clientTracking?: boolean | undefined;
  /** Answer Pings. @default true */
  autoPong?: boolean | undefined;
  /** @default false */
  perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
  /** Choose a subprotocol; without it the client's first is taken. */
  handleProtocols?:
    | ((protocols: ReadonlySet<string>, request: IncomingMessage) => string | false)
    | null
    | undefined;
  verifyClient?: VerifyClient | null | undefined;
  /** A subclass of WebSocket for the connections. */
  WebSocket?: typeof WebSocket | undefined;
}

/** The options with their defaults. */
export interface ServerSettings extends ServerOptions {
  autoPong: boolean;
  clientTracking: boolean;
  closeTimeout: number;
  maxPayload: number;
  WebSocket: typeof WebSocket;
}

/**
 * @throws TypeError unless exactly one of `port`, `server` and `noServer` is given, and for functions and classes that
 * are something else.
 */
export function serverSettings(given: ServerOptions | undefined): ServerSettings {
  const options = {
    maxPayload: MAX_PAYLOAD,
    perMessageDeflate: false,
    handleProtocols: null,
    clientTracking: true,
    closeTimeout: CLOSE_TIMEOUT,
    verifyClient: null,
    noServer: false,
    backlog: null,
    server: null,
    host: null,
    path: null,
    port: null,
    autoPong: true,
    WebSocket,
    ...given,
  } as ServerSettings;
  const { port, server, noServer } = options;
  const attachments = [port !== undefined && port !== null, Boolean(server), Boolean(noServer)];
  if (attachments.filter(Boolean).length !== 1) {
    throw new TypeError(
      'One and only one of the "port", "server", or "noServer" options must be specified',
    );
  }
  if (server && typeof (server as Partial<Server>).on !== 'function') {
    throw new TypeError(
      `hawser/ws: expected option server to be a server of node:http or node:https, got ${show(server)}`,
    );
  }
  options.WebSocket = given?.WebSocket ?? WebSocket;
  checkFunctions(options);
  // ws has an object there, and crossws changes it.
  if (options.perMessageDeflate === true) options.perMessageDeflate = {};
  return options;
}

/**
 * Check the options that are called for a request: a request must not be what finds the mistake.
 *
 * @throws TypeError that names the option.
 */
export function checkFunctions(options: ServerSettings): void {
  functionOf('handleProtocols', options.handleProtocols);
  functionOf('verifyClient', options.verifyClient);
  const given: unknown = options.WebSocket;
  const { prototype } = Object(given) as { readonly prototype?: unknown };
  if (given === WebSocket || prototype instanceof WebSocket) return;
  throw new TypeError(
    `hawser/ws: expected option WebSocket to be a class that extends the WebSocket of hawser/ws, got ${show(given)}`,
  );
}
