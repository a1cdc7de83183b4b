import type { Clock } from '../connection/limits/clock.js';
import { callIsolated } from '../connection/call-isolated.js';

/** Where hawser writes what an operator should know. `console` is one. */
export interface Logger {
  /** An upgrade was rejected, or something is probably not configured as intended. */
  warn(message: string): void;
  /** A fault of the application, or a connection that hawser ended for its peer's fault; `cause` is the error. */
  error(message: string, cause?: unknown): void;
}

/**
 * What the server reports, by whose fault it is. A logger that the application brings gets all of
 * it; the default console only what the application can mend, or a hostile peer could fill a disk.
 */
export interface Log {
  /** The application's own fault: its `authorize` threw, say. */
  applicationError(message: string, cause: unknown): void;
  /** Something is probably not configured as intended: an origin was rejected, say. */
  hint(message: string): void;
  /** An upgrade was rejected. */
  rejection(message: string): void;
  /** hawser has ended a connection: its peer broke a rule or a limit, was too slow, or did not answer the heartbeat. */
  peerError(message: string, cause: Error): void;
}

/** Lines of a kind that the default console writes in a minute; what is more is counted. */
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
  // Each its own: hints are caused by peers, who must not be able to silence the application's errors.
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
