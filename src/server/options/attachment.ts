import type { TlsOptions } from 'node:tls';

/** The options of a server that has its own http.Server. */
export interface OwnServerParts {
  /** The port to listen on. With 0 the system picks one; `address()` returns it. */
  readonly port?: number;
  /** The address to listen on, together with `port`. @default every address of the machine */
  readonly host?: string;
  /** A Unix socket, or a named pipe on Windows, instead of `port`. It must not exist yet. */
  readonly socketPath?: string;
  /** Options of `tls.createServer`, such as the certificate and key; the server then serves `wss:`. @default none */
  readonly tls?: TlsOptions;
  /**
   * Speak HTTP/2 too: WebSockets are streams of one session then (RFC 8441). With `tls` clients choose between it
   * and HTTP/1.1. Without `tls` the server speaks HTTP/2 with prior knowledge only, for the hop of a proxy.
   * @default false
   */
  readonly http2?: boolean;
  /** The number of connections that may wait in the kernel to be accepted. @default Node's, 511 */
  readonly backlog?: number;
  /** Calls `close()` when it aborts. If it has aborted already, the server never listens. */
  readonly signal?: AbortSignal;
}

/** The options beside a server that is passed in. */
export interface AttachedParts {
  /** On an HTTP/2 server, serve WebSockets over HTTP/2 (RFC 8441), and tell clients that it does. @default true, on such a server */
  readonly http2?: boolean;
}

/** The options of a server that has its own http.Server, with either `port` or `socketPath`. */
export type OwnServerOptions = OwnServerParts &
  (
    | { readonly port: number; readonly socketPath?: never }
    | { readonly port?: never; readonly host?: never; readonly socketPath: string }
  );

/** The options that define what a server is attached to. */
export interface Attachment extends OwnServerParts {
  readonly noServer?: boolean;
}

const OWN = ['port', 'host', 'socketPath', 'tls', 'http2', 'backlog', 'signal'] as const;

/**
 * Find the attachment options of a WebSocketServer to which no server was passed.
 *
 * @param options the options, of any type.
 * @returns the names of the options that are allowed in addition to those of every server.
 * @throws TypeError for options that contradict each other, with the one to leave out.
 */
export function attachmentOptions(options: unknown): readonly (keyof Attachment)[] {
  const ways = given(options, ['port', 'socketPath', 'noServer']);
  if (ways.length !== 1) {
    const got = ways.length === 0 ? '' : `, got ${ways.join(' and ')}`;
    throw new TypeError(
      `WebSocketServer: expected an http.Server, or options with one of port, socketPath and noServer: true${got}`,
    );
  }
  if (ways[0] === 'noServer') {
    const [other] = given(options, OWN);
    if (other === undefined) return ['noServer'];
    throw new TypeError(
      `WebSocketServer: option ${other} is for a server of its own; leave out noServer and give port or socketPath`,
    );
  }
  if (ways[0] === 'socketPath' && given(options, ['host']).length > 0) {
    throw new TypeError(
      'WebSocketServer: option host goes with port; beside socketPath leave it out',
    );
  }
  return OWN;
}

/**
 * Check that the options given with an http.Server do not include those of a server of its own.
 *
 * @throws TypeError with the place where the option belongs.
 */
export function checkNoAttachment(options: unknown): void {
  const [name] = given(options, [...OWN, 'noServer']).filter((each) => each !== 'http2');
  if (name === undefined) return;
  const advice =
    name === 'signal'
      ? "call close() when it aborts: signal.addEventListener('abort', () => wss.close())"
      : name === 'noServer'
        ? 'pass the options alone to attach to nothing'
        : 'give it to the server that is passed in';
  throw new TypeError(
    `WebSocketServer: option ${name} is not for a server that is passed in; ${advice}`,
  );
}

function given<Name extends keyof Attachment>(options: unknown, names: readonly Name[]): Name[] {
  const values = (options ?? {}) as Attachment;
  return names.filter((name) => values[name] !== undefined);
}
