/**
 * Whether a `Host` value is legal (RFC 3986 section 3.2.2): a name, an IPv4 address or an IPv6 address in
 * brackets, then perhaps a port. The address may have a zone (RFC 6874), whose `%` some clients do not
 * encode.
 */
export function isHost(host: string): boolean {
  return /^(?:\[[0-9A-Fa-f:.]+(?:%[\w.~%-]+)?\]|[\w.~%!$&'()*+,;=-]+)(?::\d{0,5})?$/.test(host);
}

/** The path of a request target, without its query; `undefined` if it is not a path that is served. */
export function requestPath(target: string): string | undefined {
  const { target: local } = splitTarget(target);
  return local === undefined ? undefined : pathnameOf(local);
}

/**
 * Split a request target: `/path?query`, perhaps with `http://authority` before it. That authority
 * then counts and not the Host header (RFC 9112 section 3.2.2).
 */
export function splitTarget(target: string): {
  target: string | undefined;
  authority: string | undefined;
} {
  const absolute = /^(?:https?|wss?):\/\/([^/?#]*)/i.exec(target);
  const rest = absolute === null ? target : target.slice(absolute[0].length);
  if (rest.startsWith('/')) return { target: rest, authority: absolute?.[1] };
  // The path after an authority may be empty (RFC 3986 section 3.3).
  return { target: absolute === null ? undefined : `/${rest}`, authority: absolute?.[1] };
}

/** Control characters and the space, which no request target has (RFC 9112 section 3.2). */
const NOT_IN_TARGET = /[^\x21-\x7e\x80-\uffff]/;

/**
 * The path of `/path?query` as URL parsers write it, so that every part of an application sees the
 * same path. URL parsers resolve dot segments, encoded ones too, read a backslash as a slash, and
 * remove tabs and line ends. A proxy that compares text would see another path than we do. No honest
 * client sends these.
 *
 * @returns `undefined` for a path with one of these.
 */
export function pathnameOf(target: string): string | undefined {
  const path = target.split(/[?#]/, 1)[0]!;
  if (NOT_IN_TARGET.test(target) || /\\|\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path)) return undefined;
  return new URL(`http://localhost${path}`).pathname;
}
