import { parseHost } from '../../protocol/handshake/origin.js';

/**
 * Make the URL of a request, even if its `Host` header cannot be in a URL: applications need its
 * `pathname` and `searchParams`.
 *
 * @param host the host as the client or a proxy wrote it.
 * @param target the path and query as received, beginning with a slash.
 */
export function requestUrl(host: string, target: string): URL {
  const { host: name = 'localhost', port = '' } = parseHost(host) ?? {};
  try {
    return new URL(`http://${name}${port === '' ? '' : `:${port}`}${target}`);
  } catch {
    return new URL(`http://localhost${target}`); // the name cannot be in a URL
  }
}
