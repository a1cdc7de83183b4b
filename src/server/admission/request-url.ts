import { parseHost } from '../../protocol/handshake/origin.js';

/**
 * The URL of a request, whatever its `Host` header is: its `pathname` and `searchParams` are what the
 * application wants of it.
 *
 * @param host as the client or a proxy wrote it.
 * @param target path and query as received, beginning with a slash.
 */
export function requestUrl(host: string, target: string): URL {
  const { host: name = 'localhost', port = '' } = parseHost(host) ?? {};
  try {
    return new URL(`http://${name}${port === '' ? '' : `:${port}`}${target}`);
  } catch {
    return new URL(`http://localhost${target}`); // a name that no URL has
  }
}
