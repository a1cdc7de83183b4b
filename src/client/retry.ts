import type { CloseInfo } from '../connection/close/close-info.js';
import { HandshakeError } from './handshake-error.js';

/** When a client connects again after a failure, and when it gives up. */

/** Why there is no connection: how the last one ended, or why there was none. */
export type ReconnectFailure = CloseInfo | HandshakeError;

/** Statuses of 4xx that say "later", not "never". */
const TEMPORARY: ReadonlySet<number> = new Set([408, 425, 429]);
/** Close codes after which the same client would be closed in the same way: done, or its own fault. */
const FINAL: ReadonlySet<number> = new Set([1000, 1002, 1003, 1007, 1008, 1009, 1010]);
/** The longest delay of a timer of Node, in ms; a longer one would fire at once. */
const LONGEST_DELAY = 2 ** 31 - 1;
/** What Node calls certificates that are not trusted, or of another host. */
const CERTIFICATE =
  /^(CERT_|ERR_TLS_CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_(CA|PURPOSE)|HOSTNAME_MISMATCH|PATH_LENGTH_)/;

/** The default of option `retry`. */
export function isWorthRetrying(last: ReconnectFailure): boolean {
  if (!(last instanceof HandshakeError)) return !FINAL.has(last.code);
  const { status = 0, cause } = last;
  if (status >= 400 && status < 500) return TEMPORARY.has(status);
  const { code } = (cause ?? {}) as { code?: unknown };
  return !(typeof code === 'string' && CERTIFICATE.test(code));
}

/**
 * Milliseconds until the next attempt: a random part ("full jitter") of a time that doubles with each failure, so that
 * the clients of a server that was restarted do not come back all at once. At least what `Retry-After` asks for, up to `max`.
 *
 * @param failures how many attempts have failed in a row, from 1.
 * @param random a number from 0 up to 1.
 */
export function delayAfter(
  last: ReconnectFailure,
  failures: number,
  { min, max }: { readonly min: number; readonly max: number },
  random: number,
): number {
  const most = Math.min(max, LONGEST_DELAY);
  const wait = random * Math.min(most, min * 2 ** (failures - 1));
  return Math.max(wait, Math.min(retryAfter(last), most));
}

/** `Retry-After` (RFC 9110 section 10.2.3), seconds or a date, in ms from now; 0 without one. */
function retryAfter(last: ReconnectFailure): number {
  const value = last instanceof HandshakeError ? last.headers?.['retry-after'] : undefined;
  if (value === undefined) return 0;
  const milliseconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(milliseconds) ? 0 : milliseconds;
}
