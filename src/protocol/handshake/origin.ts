/**
 * The origin policy: which pages may open a connection (RFC 6455 sections 4.2.2 step 4 and 10.2).
 * Browsers let any page connect to any server and send the user's cookies. A server that does not
 * check `Origin` therefore serves every page that its users visit.
 */

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  http: '80',
  ws: '80',
  https: '443',
  wss: '443',
};

/** A host and its port, as a `Host` header names them. */
export interface Host {
  /** In lower case; an IPv6 address in brackets and without its zone. */
  readonly host: string;
  /** `''` without a port. */
  readonly port: string;
}

/** What an `Origin` header names. */
export interface Origin extends Host {
  readonly scheme: string;
  /** `''` without a host, as in `file://`. */
  readonly host: string;
  /** `''` for the scheme's default port. */
  readonly port: string;
}

/** An entry of a list of origins. A host that begins with `*.` stands for the subdomains of the rest. */
export type OriginEntry = Origin | 'null' | 'same-origin';

/** Whether the origins of a scheme are those of web pages, which always have a host. */
export function isWebScheme(scheme: string): boolean {
  return Object.hasOwn(DEFAULT_PORTS, scheme);
}

/** The port, or `''` for the scheme's default. */
export function portOf(scheme: string, port: string): string {
  return isWebScheme(scheme) && port === DEFAULT_PORTS[scheme] ? '' : port;
}

/**
 * Read an `Origin` header: scheme, host and port, nothing more (RFC 6454 section 6.2).
 *
 * @returns `undefined` for anything else, `null` included.
 */
export function parseOrigin(text: string): Origin | undefined {
  // Without a zone: the address of a page never has one.
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^%]*)$/i.exec(text);
  if (match === null) return undefined;
  const scheme = match[1]!.toLowerCase();
  const authority = match[2]!;
  if (authority === '') return isWebScheme(scheme) ? undefined : { scheme, host: '', port: '' };
  const parsed = authority.endsWith(':') ? undefined : parseHost(authority);
  return parsed && { scheme, host: parsed.host, port: portOf(scheme, parsed.port) };
}

/** The grammar of a `Host` header: a name or an IPv4 address, with a port perhaps. */
const NAME = /^([\w.~%!$&'()+;=-]+)(?::(\d{0,5}))?$/;
/** The same for an IPv6 address in brackets, which may have a zone (RFC 6874). */
const ADDRESS = /^(\[[0-9a-f:.]+)(?:%[\w.~%-]+)?(\])(?::(\d{0,5}))?$/i;

/**
 * Read a `Host` header (RFC 9110 section 7.2). The zone of an IPv6 address is left out, because it
 * names a network interface of the client's machine.
 *
 * @returns `undefined` if it is malformed.
 */
export function parseHost(text: string): Host | undefined {
  const address = ADDRESS.exec(text);
  const name = address === null ? NAME.exec(text) : null;
  if (address === null && name === null) return undefined;
  const host = address === null ? name![1]! : `${address[1]!}]`;
  const port = (address === null ? name![2] : address[3]) ?? '';
  if (Number(port) > 65_535) return undefined;
  return { host: host.toLowerCase(), port: port === '' ? '' : String(Number(port)) };
}

/**
 * Whether a page's origin is the host it connects to. The scheme is ignored, because TLS often
 * ends at a proxy. The default port of the origin's scheme is the same as no port.
 */
export function isSameOrigin(origin: string, host: string): boolean {
  const page = parseOrigin(origin);
  const asked = parseHost(host);
  if (page === undefined || asked === undefined) return false;
  return page.host === asked.host && page.port === portOf(page.scheme, asked.port);
}

/** Whether an origin is in a list, scheme, host and port alike. `'null'` has to be listed as such. */
export function isListedOrigin(
  origin: string,
  host: string,
  list: readonly OriginEntry[],
): boolean {
  const page = parseOrigin(origin);
  return list.some((entry) => {
    if (entry === 'null') return origin === 'null';
    if (entry === 'same-origin') return isSameOrigin(origin, host);
    return (
      page?.scheme === entry.scheme && page.port === entry.port && isHostOf(entry.host, page.host)
    );
  });
}

/**
 * Whether a `Host` value is in a list; an entry without a port stands for every port. A `Host`
 * without a port means the default one, whose number depends on TLS: both 80 and 443 stand for it.
 */
export function isListedHost(host: string, list: readonly Host[]): boolean {
  const asked = parseHost(host);
  if (asked === undefined) return false;
  const name = withoutDot(asked.host);
  return list.some((entry) => isHostOf(entry.host, name) && isPortOf(entry.port, asked.port));
}

/** A name with the dot of the root at its end is the same name (RFC 1034 section 3.1). */
export function withoutDot(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

function isHostOf(entry: string, host: string): boolean {
  if (!entry.startsWith('*.')) return host === entry;
  const domain = entry.slice(1);
  return host.length > domain.length && host.endsWith(domain);
}

function isPortOf(entry: string, port: string): boolean {
  return entry === '' || entry === port || (port === '' && (entry === '80' || entry === '443'));
}
