import { isIPv4, isIPv6 } from 'node:net';
import {
  type Host,
  isWebScheme,
  type OriginEntry,
  parseHost,
  parseOrigin,
  portOf,
  withoutDot,
} from '../../protocol/handshake/origin.js';

/**
 * Parsers for the entries of `origin` and `allowedHosts`, used when the server is created. Browsers
 * send names in canonical form (`xn--…`, lower case, `[::1]`), so an entry is converted to that form.
 * An entry that could never match is a fault.
 */

/** The fault of an entry, with what to write instead. */
export interface EntryFault {
  readonly fault: string;
}

export function isFault(entry: object | string): entry is EntryFault {
  return typeof entry === 'object' && 'fault' in entry;
}

/** Parse an entry of `origin`. */
export function originEntry(text: string): OriginEntry | EntryFault {
  if (text === 'null' || text === 'same-origin') return text;
  if (text === '') return { fault: 'an entry is empty' };
  if (text === '*') {
    return { fault: `"*" in a list matches no page; write origin: '*' to admit every page` };
  }
  const [, writtenScheme, rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text) ?? [];
  if (writtenScheme === undefined) return { fault: withoutScheme(text) };
  const scheme = writtenScheme.toLowerCase();
  const authority = authorityOf(rest);
  if (authority !== rest) {
    const written = `${scheme}://${authority}`;
    const inner = originEntry(written);
    if (isFault(inner)) return inner;
    return {
      fault: `${quote(text)} goes on after the host and port, which an origin does not; write ${quote(written)}`,
    };
  }
  // Browsers convert the names of web pages only.
  const read = hostPattern(text, rest, isWebScheme(scheme));
  if (isFault(read)) return read;
  const { host, port } = read;
  if (host === '' && (isWebScheme(scheme) || port !== '')) {
    return { fault: `${quote(text)} has no host` };
  }
  const named = host.replace(/^\*\./, '');
  if (named !== '' && parseOrigin(`${scheme}://${named}`) === undefined) return notAHost(text);
  return { scheme, host, port: portOf(scheme, port) };
}

/** Parse an entry of `allowedHosts`. */
export function hostEntry(text: string): Host | EntryFault {
  if (text === '') return { fault: 'an entry is empty' };
  if (text === '*') {
    return { fault: '"*" matches no host; leave the option out to serve every host' };
  }
  if (isIPv6(text))
    return { fault: `${quote(text)} needs brackets; write ${quote(bracketed(text))}` };
  const rest = text.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '');
  const authority = authorityOf(rest);
  if (authority !== text) {
    const inner = hostEntry(authority);
    if (isFault(inner)) return inner;
    return {
      fault: `${quote(text)} is more than a Host header has, a host and a port; write ${quote(authority)}`,
    };
  }
  const read = hostPattern(text, text, true);
  if (isFault(read)) return read;
  const host = withoutDot(read.host);
  if (parseHost(host.replace(/^\*\./, '')) === undefined) return notAHost(text);
  return { host, port: read.port };
}

/** The text before the first character that a host and port cannot have. */
function authorityOf(text: string): string {
  return text.split(/[/?#\\]/, 1)[0]!;
}

function withoutScheme(text: string): string {
  const lower = text.toLowerCase();
  if (lower === 'null' || lower === 'same-origin') {
    return `${quote(text)} is not an origin; write ${quote(lower)}`;
  }
  const authority = authorityOf(text);
  return isFault(hostEntry(authority))
    ? `${quote(text)} is not an origin; write it as a browser sends it, such as "https://example.com"`
    : `${quote(text)} has no scheme; write "https://${authority}", or "http://${authority}" for a page without TLS`;
}

/** Parse a host and port, or a pattern of `*.` and a domain. */
function hostPattern(entry: string, text: string, isConverted: boolean): Host | EntryFault {
  if (/\s/.test(text)) return { fault: `${quote(entry)} has white space in it` };
  if (text.includes('@')) {
    return { fault: `${quote(entry)} has a user name, which no request has there; leave it out` };
  }
  const isPattern = text.startsWith('*.');
  const rest = isPattern ? text.slice(2) : text;
  if (rest.includes('*')) {
    return {
      fault: `${quote(entry)} matches nothing: a * stands only for whole subdomains, before the rest of the host, as in "*.example.com" and "https://*.example.com"`,
    };
  }
  const [, name, port] = /^(\[[^\]]*\]|[^:[\]]*)(?::([^:]*))?$/.exec(rest) ?? [];
  if (name === undefined) {
    return { fault: `${quote(entry)} is not a host and port; an IPv6 address stands in brackets` };
  }
  if (port !== undefined && !isPort(port)) {
    return { fault: `${quote(entry)} has a port that does not exist; ports are from 1 to 65535` };
  }
  if (name.includes('%') && name.startsWith('[')) {
    return { fault: `${quote(entry)} has a zone, which is not compared; leave it out` };
  }
  const host = isConverted && name !== '' ? canonicalName(name) : name.toLowerCase();
  if (host === undefined || (isPattern && host === '')) return notAHost(entry);
  if (isPattern && (host.startsWith('[') || isIPv4(host))) {
    return { fault: `${quote(entry)} matches nothing: an address has no subdomains` };
  }
  return {
    host: isPattern ? `*.${host}` : host,
    port: port === undefined ? '' : String(Number(port)),
  };
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}

/** Convert a name to the form that browsers send: Punycode, lower case, the shortest form of an address. */
function canonicalName(name: string): string | undefined {
  try {
    return new URL(`https://${name}/`).hostname;
  } catch {
    return undefined;
  }
}

function bracketed(address: string): string {
  return `[${address.replace(/%.*/, '')}]`;
}

function notAHost(text: string): EntryFault {
  return { fault: `${quote(text)} does not name a host` };
}

function quote(text: string): string {
  return JSON.stringify(text);
}
