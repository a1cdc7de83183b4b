import type { CloseInfo } from '../index.js';
import { onOneLine } from './escape.js';
import { ExitStatus } from './command.js';
import { durationText } from './time-text.js';

/** The codes of RFC 6455 section 7.4.1 and of the IANA registry, in plain words. */
const MEANINGS: ReadonlyMap<number, string> = new Map([
  [1000, 'normal closure'],
  [1001, 'going away: the server stops, or the page was left'],
  [1002, 'protocol error'],
  [1003, 'this kind of data is not accepted'],
  [1005, 'the Close had no code'],
  [1006, 'no Close was received'],
  [1007, 'invalid data, such as Text that is not UTF-8'],
  [1008, 'policy violation'],
  [1009, 'a message was too big'],
  [1010, 'an extension is missing'],
  [1011, 'internal error of the server'],
  [1012, 'the server restarts; connect again'],
  [1013, 'the server is overloaded; try again later'],
  [1014, 'a gateway got an invalid answer'],
  [1015, 'TLS failed'],
]);

/** What a close code means. */
export function meaningOf(code: number): string {
  if (code >= 4000) return "the application's own code";
  if (code >= 3000) return 'a code of a library';
  return MEANINGS.get(code) ?? 'not a registered code';
}

/** How a connection ended, in one line. @param open how long it was open, in ms. */
export function explainClose(info: CloseInfo, open: number): string {
  const { code, reason, cause } = info;
  const said = reason === '' ? '' : `, "${onOneLine(reason)}"`;
  const why = cause === undefined ? '' : `: ${onOneLine(cause.message)}`;
  return `${endOf(info)} after ${durationText(open)} with ${code} (${meaningOf(code)})${said}${why}`;
}

function endOf({ initiator, cause }: CloseInfo): string {
  if (initiator === 'peer') return 'Closed by the peer';
  if (initiator === 'transport') return 'Connection lost';
  return cause === undefined ? 'Closed' : 'Closed by hawser';
}

const CLEAN: ReadonlySet<number> = new Set([1000, 1001, 1005]);

/** The exit status for the end of a connection. */
export function statusOfClose({ code, clean }: CloseInfo): number {
  return clean && CLEAN.has(code) ? ExitStatus.Clean : ExitStatus.Abnormal;
}
