import { isAbortSignal, onAbort } from '../connection/abort-signal.js';
import type { CloseInfo } from '../connection/close/close-info.js';
import { ConnectionError } from '../connection/close/connection-error.js';
import type { Clock } from '../connection/limits/clock.js';
import type { Deadlines } from '../connection/limits/deadlines.js';
import { formatClosePayload } from '../protocol/framing/close-frame.js';
import { checkOptions, type Rules } from '../protocol/option-checks.js';

/** Options of a server's `close`. */
export interface ServerCloseOptions {
  /** The status code of the Close. @default 1001 */
  readonly code?: number;
  /** Its reason; at most 123 bytes of UTF-8. @default '' */
  readonly reason?: string;
  /** Milliseconds that the connections have to end, from 0, or Infinity. `closeTimeout` also holds for each. @default 10 s */
  readonly timeout?: number;
  /** Terminates the remaining connections when it aborts. @default none */
  readonly signal?: AbortSignal;
}

const OPTION_RULES: Rules<ServerCloseOptions> = {
  code: { expected: 'a number', accepts: (value) => typeof value === 'number' },
  reason: { expected: 'a string', accepts: (value) => typeof value === 'string' },
  timeout: {
    expected: 'a number of milliseconds from 0, or Infinity',
    accepts: (value) => typeof value === 'number' && value >= 0,
  },
  signal: { expected: 'an AbortSignal', accepts: isAbortSignal },
};

/**
 * Check the options of a server's `close`, before anything is closed.
 *
 * @throws TypeError, RangeError for a wrong code, reason or option.
 */
export function checkCloseOptions(options: ServerCloseOptions): void {
  checkOptions('close', options, OPTION_RULES);
  formatClosePayload(options.code ?? 1001, options.reason);
}

/** How the connections of a closed server ended. */
export interface CloseReport {
  /** The number of connections. */
  readonly total: number;
  /** Connections that ended with a complete closing handshake. */
  readonly clean: number;
  /** Connections that were terminated, at the deadline or at their own `closeTimeout`. */
  readonly terminated: number;
  /** The duration of the shutdown. */
  readonly milliseconds: number;
}

/** The part of a connection that a shutdown uses. */
interface Closable {
  readonly readyState: 'open' | 'closing' | 'closed';
  close(code: number, reason: string): Promise<CloseInfo>;
  terminateWith(cause: ConnectionError): void;
}

/** The server's own http.Server, which ends after the connections. */
interface Companion {
  /** Close it; resolves when the last responses have been sent. */
  end(): Promise<void>;
  /** Terminate its clients. */
  terminate(): void;
}

/**
 * Close connections with a Close frame after their queued messages, and terminate those that have not
 * ended by the deadline.
 */
export async function closeConnections(
  connections: readonly Closable[],
  { code = 1001, reason = '', timeout = 10_000, signal }: ServerCloseOptions,
  deadlines: Deadlines,
  clock: Clock,
  companion?: Companion,
): Promise<CloseReport> {
  const start = clock.now();
  const closes = connections.map((connection) => connection.close(code, reason));
  const terminated = new Set<Closable>();
  const terminateRest = (): void => {
    for (const connection of connections) {
      if (connection.readyState === 'closed') continue;
      terminated.add(connection);
      connection.terminateWith(new ConnectionError('ERR_SERVER_CLOSED'));
    }
    companion?.terminate();
  };
  const deadline = deadlines.start(timeout, terminateRest);
  let stopListening: (() => void) | undefined;
  if (signal?.aborted === true) terminateRest();
  else if (signal !== undefined) stopListening = onAbort(signal, terminateRest);
  const infos = await Promise.all(closes);
  infos.forEach(({ cause }, i) => {
    const timedOut = cause instanceof ConnectionError && cause.code === 'ERR_CLOSE_TIMEOUT';
    if (timedOut) terminated.add(connections[i]!);
  });
  await companion?.end();
  deadline.cancel();
  stopListening?.();
  return {
    total: connections.length,
    clean: infos.filter(({ clean }) => clean).length,
    terminated: terminated.size,
    milliseconds: clock.now() - start,
  };
}
