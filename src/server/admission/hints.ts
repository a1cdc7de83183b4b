import { isListedHost, isListedOrigin } from '../../protocol/handshake/origin.js';
import { hostEntry, isFault, originEntry } from './list-entries.js';
import type { ServerOptions } from '../options/options.js';

/**
 * Log lines about rejected upgrades that should perhaps have been accepted. Each has the values that
 * were compared and, where an option would help, that option ready to paste.
 */

/** The most characters that are shown of a client's text. */
const MAX_SHOWN = 200;
/** The most characters of an option that is written out. */
const MAX_ADVICE = 1000;
/** The most paths, or subprotocols of a client, that are listed. */
const MAX_NAMED = 5;

/** The warning at the start of a server with this option. */
export const ANY_ORIGIN =
  "option origin is '*': every page on the web may connect with the cookies of your users; list the origins of your pages, or check in authorize a token that other pages do not know";

/** Make a client's text fit for a log: one line, no control characters, limited length. */
export function show(text: string): string {
  return JSON.stringify(text.slice(0, MAX_SHOWN)).replaceAll(
    /[\x7f-\x9f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A page of this origin was rejected. */
export function originHint(
  origin: string,
  host: string,
  policy: NonNullable<ServerOptions['origin']>,
): string {
  const rejected = `rejected origin ${show(origin)} at host ${show(host)}`;
  if (typeof policy === 'function') return `${rejected}; so the function of option origin decided`;
  if (origin.length > MAX_SHOWN) return `${rejected}; it is ${origin.length} characters long`;
  const entry = originEntry(origin);
  if (isFault(entry) || !isListedOrigin(origin, host, [entry])) {
    return `${rejected}; it is not an origin (RFC 6454 section 6.2), so no entry of option origin matches it`;
  }
  const listed = typeof policy === 'string' ? ['same-origin'] : policy;
  const advice = adviceFor('origin', listed, origin);
  if (origin === 'null') {
    return `${rejected}; ${advice}, and with it the sandboxed frames of every page`;
  }
  return `${rejected}; ${advice}`;
}

/** A request for this host was rejected. */
export function hostHint(host: string, allowedHosts: readonly string[]): string {
  const rejected = `rejected host ${show(host)}`;
  const entry = host.length > MAX_SHOWN ? { fault: '' } : hostEntry(host);
  if (isFault(entry) || !isListedHost(host, [entry])) {
    return `${rejected}; no entry of option allowedHosts matches it`;
  }
  return `${rejected}; ${adviceFor('allowedHosts', allowedHosts, host)}`;
}

/** None of the subprotocols that a client offered was chosen. */
export function subprotocolHint(
  offered: readonly string[],
  subprotocols: NonNullable<ServerOptions['subprotocols']>,
): string {
  const rejected = `no common subprotocol: the client offered ${named(offered.map(show))}; browsers close such a connection`;
  if (typeof subprotocols === 'function') {
    return `${rejected}; the function of option subprotocols chose none`;
  }
  const first = offered[0]!;
  return first.length > MAX_SHOWN
    ? rejected
    : `${rejected}; ${adviceFor('subprotocols', subprotocols, first)}`;
}

/**
 * No server has this path.
 *
 * @param paths option `path` of each server
 * @param waited milliseconds that other listeners have had for an answer, if there are such listeners.
 */
export function pathHint(asked: string, paths: readonly unknown[], waited?: number): string {
  return `rejected path ${show(asked)}: ${served(paths)}${waited === undefined ? '' : `; ${unanswered(waited)}`}`;
}

/** No server has this path, and another listener that reads its socket has not answered. */
export function readOnlyHint(asked: string, paths: readonly unknown[], waited: number): string {
  return `path ${show(asked)} is left without an answer: ${served(paths)}; ${unanswered(waited)}, but one of them reads the socket, so it may still do so; a listener that only counts bytes can read socket.bytesRead instead`;
}

/** An upgrade to another protocol was rejected. */
export function otherProtocolHint(protocol: string, waited: number): string {
  return `rejected an upgrade to ${show(protocol)}: only WebSockets are served here; ${unanswered(waited)}`;
}

function unanswered(waited: number): string {
  return `no other 'upgrade' listener has answered within ${waited} ms`;
}

function served(paths: readonly unknown[]): string {
  const all = paths.map((path) => {
    if (typeof path === 'string') return JSON.stringify(path);
    return typeof path === 'function' ? 'what a function decides' : String(path);
  });
  const are = all.length === 0 ? 'none is served' : `option path is ${named(all)}`;
  return `no WebSocket is served there; ${are}`;
}

function adviceFor(option: string, listed: readonly string[], entry: string): string {
  const list = [...listed, entry].map((each) => JSON.stringify(each)).join(', ');
  return list.length > MAX_ADVICE
    ? `${show(entry)} beside the others in option ${option} would allow it`
    : `option ${option}: [${list}] would allow it`;
}

function named(all: readonly string[]): string {
  const some = all.slice(0, MAX_NAMED).join(', ');
  return all.length > MAX_NAMED ? `${some} and ${all.length - MAX_NAMED} more` : some;
}
