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
  /** Milliseconds that the connections have to end, from 0, or Infinity; each has `closeTimeout` besides. @default 10 s */
  readonly timeout?: number;
  /** Cuts what is left when it aborts. */
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
 * @throws TypeError, RangeError for what a shutdown could not be carried out with.
 */
export function checkCloseOptions(options: ServerCloseOptions): void {
  checkOptions('close', options, OPTION_RULES);
  formatClosePayload(options.code ?? 1001, options.reason);
}

/** How the connections of a closed server ended. */
export interface CloseReport {
  /** How many there were. */
  readonly total: number;
  /** Ended by a complete closing handshake. */
  readonly clean: number;
  /** Cut: at the deadline, or before at their own `closeTimeout`. */
  readonly terminated: number;
  /** How long it took. */
  readonly milliseconds: number;
}

/** What a shutdown needs of a connection. */
interface Closable {
  readonly readyState: 'open' | 'closing' | 'closed';
  close(code: number, reason: string): Promise<CloseInfo>;
  cut(reason: ConnectionError): void;
}

/** What has to end after the connections: the http.Server that is ours. */
interface Companion {
  /** Let go of everything but the answers that are still on their way; resolves when they are gone. */
  end(): Promise<void>;
  /** Those too. */
  cut(): void;
}

/**
 * Close connections with a Close frame behind what they have queued, and cut those that have not
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
  const cut = new Set<Closable>();
  const cutTheRest = (): void => {
    for (const connection of connections) {
      if (connection.readyState === 'closed') continue;
      cut.add(connection);
      connection.cut(new ConnectionError('ERR_SERVER_CLOSED'));
    }
    companion?.cut();
  };
  const deadline = deadlines.start(timeout, cutTheRest);
  let forget: (() => void) | undefined;
  if (signal?.aborted === true) cutTheRest();
  else if (signal !== undefined) forget = onAbort(signal, cutTheRest);
  const infos = await Promise.all(closes);
  infos.forEach(({ cause }, i) => {
    const timedOut = cause instanceof ConnectionError && cause.code === 'ERR_CLOSE_TIMEOUT';
    if (timedOut) cut.add(connections[i]!);
  });
  await companion?.end();
  deadline.cancel();
  forget?.();
  return {
    total: connections.length,
    clean: infos.filter(({ clean }) => clean).length,
    terminated: cut.size,
    milliseconds: clock.now() - start,
  };
}
