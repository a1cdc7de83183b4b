import {
  bad,
  type Handshake,
  isVersion,
  joined,
  printable,
  readOffers,
  repeatedHeader,
  single,
  type UpgradeRequest,
  VERSION,
} from './handshake-request.js';
import { acceptKey } from './opening-handshake.js';
import { isHost, pathnameOf } from './request-target.js';
import { type HeaderFields, readHeaders, type UpgradeHeaders } from './response-headers.js';
import { UpgradeRejection } from './upgrade-rejection.js';

/**
 * Check a client's opening handshake over HTTP/2: an extended CONNECT (RFC 8441 section 5). Its fields are
 * those of HTTP/1.1, without `Upgrade`, `Connection` and the key.
 *
 * @param request its headers include the pseudo-header fields, as those of an `Http2ServerRequest` do.
 * @throws UpgradeRejection with the status to answer and a body that names the fault.
 */
export function checkExtendedConnect(request: UpgradeRequest): Handshake {
  const { headers } = request;
  if (headers[':method'] !== 'CONNECT') {
    throw new UpgradeRejection(405, {
      headers: { Allow: 'CONNECT' },
      body: `a WebSocket handshake over HTTP/2 is a CONNECT request, not ${printable(single(headers[':method']))} (RFC 8441 section 5)`,
    });
  }
  if (headers[':protocol'] !== 'websocket') throw otherProtocol();
  const repeated = repeatedHeader(request.rawHeaders);
  if (repeated !== undefined) throw bad(`the header ${repeated} occurs more than once`);
  if (headers['content-length'] !== undefined) {
    throw bad('a WebSocket handshake has no Content-Length: the stream goes on with frames');
  }
  const target = single(headers[':path']);
  if (target?.startsWith('/') !== true) throw bad('the request target is not a path');
  const path = pathnameOf(target);
  if (path === undefined) {
    throw bad('the request target has dot segments, a backslash or a control character');
  }
  const host = readAuthority(single(headers[':authority']), single(headers['host']));
  const version = headers['sec-websocket-version'];
  if (!isVersion(joined(version))) {
    throw new UpgradeRejection(400, {
      headers: { 'Sec-WebSocket-Version': VERSION },
      body: `WebSocket version ${printable(single(version))} is not supported, only ${VERSION} is (RFC 6455 section 4.4)`,
    });
  }
  const key = single(headers['sec-websocket-key']);
  return { key, host, path, target, hasChunkedBody: false, ...readOffers(headers) };
}

/** The rejection of an extended CONNECT for another protocol (RFC 9220 section 3 names the status). */
export function otherProtocol(): UpgradeRejection {
  return new UpgradeRejection(501, { body: 'only the protocol websocket is served here' });
}

/** Fields that {@link extendedConnectFields} writes. */
const WRITTEN: ReadonlySet<string> = new Set([
  'content-length',
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'sec-websocket-protocol',
]);

/**
 * The fields of the 200 that answers an extended CONNECT, with lower-case names. A client that sent a key gets
 * its `Sec-WebSocket-Accept`, although RFC 8441 does without both: some clients look for it.
 *
 * @param accepted `extensions` is what was accepted of the client's offers.
 * @throws TypeError for a header that cannot be sent.
 */
export function extendedConnectFields(
  key: string | undefined,
  accepted: {
    readonly subprotocol: string | undefined;
    readonly extensions: string | undefined;
    readonly headers: UpgradeHeaders | undefined;
  },
): Http2Fields {
  const { subprotocol, extensions, headers } = accepted;
  const fields = toHttp2Fields(readHeaders(headers, WRITTEN));
  if (key !== undefined) fields['sec-websocket-accept'] = acceptKey(key.trim());
  if (subprotocol !== undefined) fields['sec-websocket-protocol'] = subprotocol;
  if (extensions !== undefined) fields['sec-websocket-extensions'] = extensions;
  return fields;
}

/** Header fields with lower-case names. */
export type Http2Fields = Record<string, string | string[]>;

/** Fields about the connection, which HTTP/2 has no use for (RFC 9113 section 8.2.2). */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** Fields whose values are not a list with commas. Node sends each value as a field of its own. */
const COOKIES: ReadonlySet<string> = new Set(['cookie', 'set-cookie']);

/**
 * Header fields as HTTP/2 sends them: names in lower case, and without those about the connection. Several values
 * are one list, since Node repeats only some fields (RFC 9110 section 5.3); cookies must not be joined.
 */
export function toHttp2Fields(fields: HeaderFields): Http2Fields {
  const sent: Http2Fields = {};
  for (const [given, value] of Object.entries(fields)) {
    const name = given.toLowerCase();
    if (OF_THE_CONNECTION.has(name)) continue;
    sent[name] =
      typeof value === 'string' ? value : COOKIES.has(name) ? [...value] : value.join(', ');
  }
  return sent;
}

/** The host of a request. A `Host` beside the `:authority` must say the same (RFC 9113 section 8.3.1). */
function readAuthority(authority: string | undefined, host: string | undefined): string {
  const asked = authority ?? host;
  if (asked === undefined || !isHost(asked)) {
    throw bad(asked === undefined ? 'the :authority is missing' : 'the :authority is malformed');
  }
  if (host !== undefined && host.toLowerCase() !== asked.toLowerCase()) {
    throw bad('the Host header and the :authority differ');
  }
  return asked;
}
