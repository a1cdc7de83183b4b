import type { Clock } from '../connection/limits/clock.js';
import { callIsolated } from '../connection/call-isolated.js';

/** Receives warnings and errors for the operator. `console` is a logger. */
export interface Logger {
  /** An upgrade was rejected, or something is probably not configured as intended. */
  warn(message: string): void;
  /** A fault of the application, or a connection that hawser ended for its peer's fault; `cause` is the error. */
  error(message: string, cause?: unknown): void;
}

/**
 * The server's reports, by the side at fault. A logger of the application gets all of them. The
 * default console gets only what the application can fix: a hostile peer could fill a disk with the rest.
 */
export interface Log {
  /** A fault of the application, such as an exception in `authorize`. */
  applicationError(message: string, cause: unknown): void;
  /** A probable mistake in the configuration, such as a rejected origin. */
  hint(message: string): void;
  /** An upgrade was rejected. */
  rejection(message: string): void;
  /** A connection that failed: its peer broke a rule or a limit, was too slow, or did not answer the heartbeat. */
  peerError(message: string, cause: Error): void;
}

/** The most lines of a kind that the default console writes in a minute; more are only counted. */
const LINES_A_MINUTE = 10;
const MINUTE = 60_000;

/** @param logger the application's, or `undefined` for the rate-limited console. */
export function createLog(logger: Logger | undefined, clock: Clock): Log {
  if (logger !== undefined) {
    const warn = (message: string): void => {
      callIsolated(() => {
        logger.warn(message);
      });
    };
    const error = (message: string, cause: unknown): void => {
      callIsolated(() => {
        logger.error(message, cause);
      });
    };
    return { applicationError: error, hint: warn, rejection: warn, peerError: error };
  }
  // Separate limits: peers cause hints, and must not be able to suppress the application's errors.
  const limitedError = limitLines(clock);
  const limitedHint = limitLines(clock);
  return {
    applicationError: (message, cause) => {
      limitedError((note) => {
        // eslint-disable-next-line no-console -- the console is where this logger writes
        console.error(`hawser: ${message}${note}`, cause);
      });
    },
    hint: (message) => {
      limitedHint((note) => {
        // eslint-disable-next-line no-console -- the console is where this logger writes
        console.warn(`hawser: ${message}${note}`);
      });
    },
    rejection: () => undefined,
    peerError: () => undefined,
  };
}

function limitLines(clock: Clock): (write: (note: string) => void) => void {
  let since = -Infinity;
  let lines = 0;
  let left = 0;
  return (write) => {
    const now = clock.now();
    if (now - since >= MINUTE) {
      since = now;
      lines = 0;
    }
    if (++lines > LINES_A_MINUTE) {
      left++;
      return;
    }
    write(left === 0 ? '' : ` (${left} more lines were left out)`);
    left = 0;
  };
}
