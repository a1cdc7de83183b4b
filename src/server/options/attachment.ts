import type { TlsOptions } from 'node:tls';

/** Where a server of its own listens. */
export interface OwnServerParts {
  /** 0 picks one: `address()` tells. */
  readonly port?: number;
  /** The address to listen on, beside `port`. @default every address of the machine */
  readonly host?: string;
  /** A Unix socket, or a named pipe of Windows, in place of `port`. It must not exist yet. */
  readonly socketPath?: string;
  /** Options of `tls.createServer`, the certificate and key for example: `wss:` is served then. @default none */
  readonly tls?: TlsOptions;
  /** How many connections may wait in the kernel to be accepted. @default Node's, 511 */
  readonly backlog?: number;
  /** Calls `close()` when it aborts. If it has aborted already, the server never listens. */
  readonly signal?: AbortSignal;
}

/** What a server of its own is made of: either `port` or `socketPath` must be there. */
export type OwnServerOptions = OwnServerParts &
  (
    | { readonly port: number; readonly socketPath?: never }
    | { readonly port?: never; readonly host?: never; readonly socketPath: string }
  );

/** The options that say what a server is attached to. */
export interface Attachment extends OwnServerParts {
  readonly noServer?: boolean;
}

const OWN = ['port', 'host', 'socketPath', 'tls', 'backlog', 'signal'] as const;

/**
 * Find out what a WebSocketServer is attached to, if it is not a server that was passed in.
 *
 * @param options what was given, of any type.
 * @returns the names of the options that are allowed besides those of every server.
 * @throws TypeError for what cannot be together, saying what to leave out.
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
 * Check that the options beside a server that was passed in are not those of a server of its own.
 *
 * @throws TypeError saying where such an option belongs.
 */
export function checkNoAttachment(options: unknown): void {
  const [name] = given(options, [...OWN, 'noServer']);
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
