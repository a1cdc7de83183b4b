/**
 * The origin policy: which pages may open a connection (RFC 6455 sections 4.2.2 step 4 and 10.2).
 * Browsers let any page connect anywhere and send the user's cookies along, so a server that does
 * not look at `Origin` serves every page its users visit.
 */

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  http: '80',
  ws: '80',
  https: '443',
  wss: '443',
};

interface Origin {
  readonly scheme: string;
  readonly host: string;
  /** `''` for the scheme's default port. */
  readonly port: string;
}

/**
 * Read an `Origin` header: scheme, host and port, nothing more (RFC 6454 section 6.2).
 *
 * @returns `undefined` for anything else, `null` included.
 */
export function parseOrigin(text: string): Origin | undefined {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[^\s/?#@:[\]]+)(?::(\d{1,5}))?$/i.exec(
    text,
  );
  if (match === null) return undefined;
  const scheme = match[1]!.toLowerCase();
  const port = match[3] ?? '';
  return {
    scheme,
    host: match[2]!.toLowerCase(),
    port: port === DEFAULT_PORTS[scheme] ? '' : port,
  };
}

/**
 * Whether a page's origin is the host it connects to. The scheme is ignored, because TLS often
 * ends at a proxy; a port that is the default of the origin's scheme is the same as none.
 */
export function isSameOrigin(origin: string, host: string): boolean {
  const parsed = parseOrigin(origin);
  if (parsed === undefined) return false;
  const asked = parseOrigin(`${parsed.scheme}://${host}`);
  return asked?.host === parsed.host && asked.port === parsed.port;
}

/** Whether an origin is in a list, scheme, host and port alike. `'null'` has to be listed as such. */
export function isListedOrigin(origin: string, list: readonly string[]): boolean {
  if (origin === 'null') return list.includes('null');
  const parsed = parseOrigin(origin);
  if (parsed === undefined) return false;
  return list.some((entry) => {
    const listed = parseOrigin(entry);
    return (
      listed?.scheme === parsed.scheme && listed.host === parsed.host && listed.port === parsed.port
    );
  });
}

/** Whether a `Host` value is in a list; an entry without a port stands for every port. */
export function isListedHost(host: string, list: readonly string[]): boolean {
  const asked = host.toLowerCase();
  const name = asked.replace(/:\d*$/, '');
  return list.some((entry) => [asked, name].includes(entry.toLowerCase()));
}
