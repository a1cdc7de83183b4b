// checkUpgrade, given any request: it lets in what the reference lets in, refuses the rest with a response
// that can be sent, and throws nothing else. The requests are read more generously than Node does, so that
// also those get through which only another version of Node, or another front end, would let through.
import assert from 'node:assert/strict';
import { linesOf } from '../notation.mjs';
import { extensionsOf, tokensOf } from '../references/header-list.mjs';
import { offences } from '../references/upgrade.mjs';

export const maxLength = 16_384;

export const maxSteps = (/** @type {number} */ length) => 2000 + 40 * length;

export const dictionary = linesOf(String.raw`
  "\r\n"
  "\r\nHost: example.org"
  "\r\nOrigin: https://example.org"
  "\r\nUpgrade: websocket"
  "\r\nConnection: keep-alive, Upgrade"
  "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
  "\r\nSec-WebSocket-Version: 13"
  "\r\nSec-WebSocket-Protocol: chat, superchat"
  "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
  "\r\nContent-Length: 0"
  "\r\nTransfer-Encoding: chunked"
  "\r\n__proto__: x"
  "h2c/1"
  "http://"
  "wss://example.org:443/"
  "[::1]:80"
  " HTTP/1.1"
  "POST "
  ", "
  ": "
  "a0"
  "00"
`);

/** @param {(file: string) => any} load */
export function prepare(load) {
  const handshake = load('protocol/handshake/opening-handshake.js');
  const { requestPath } = load('protocol/handshake/request-target.js');
  const { UpgradeRejection } = load('protocol/handshake/upgrade-rejection.js');
  const { isSameOrigin, isListedOrigin, isListedHost, parseHost, parseOrigin, withoutDot } = load(
    'protocol/handshake/origin.js',
  );
  const { selectSubprotocol } = load('protocol/handshake/subprotocol.js');

  /** @param {Buffer} input */
  return (input) => {
    const request = read(input);
    const broken = offences(request);
    let found;
    try {
      found = handshake.checkUpgrade(request);
    } catch (thrown) {
      const error = /** @type {any} */ (thrown);
      if (!(error instanceof UpgradeRejection)) throw error;
      assert.notDeepEqual(broken, [], `refused: ${error.message}`);
      assert([400, 405, 426].includes(error.status));
      assert.match(error.body, /^[\x20-\x7e]{1,200}$/);
      assertHead(handshake.formatHead(error.status, 'Refused', error.headers));
      return;
    }
    assert.deepEqual(broken, [], 'let in');
    const { headers } = request;
    assert.equal(found.key, headers['sec-websocket-key']);
    assert.equal(found.origin, headers['origin']);
    assert.deepEqual(found.subprotocols, tokensOf(headers['sec-websocket-protocol'] ?? ''));
    assert.deepEqual(found.extensions, extensionsOf(headers['sec-websocket-extensions'] ?? ''));
    assert.match(found.path, /^\/[^?#]*$/);
    assert.equal(found.path, requestPath(request.url));
    // A URL parser encodes some characters of a path, and changes nothing else.
    assert(decoded(request.url).includes(decoded(found.path)) || found.path === '/');

    const subprotocol = selectSubprotocol(found.subprotocols, ['superchat', 'chat']);
    assertHead(
      handshake.formatUpgradeResponse(found.key, subprotocol === undefined ? {} : { subprotocol }),
    );
    if (found.origin !== undefined) {
      const own = isSameOrigin(found.origin, found.host);
      if (own)
        assert(found.origin.toLowerCase().includes(found.host.toLowerCase().replace(/:\d*$/, '')));
      if (own) assert(isListedOrigin(found.origin, found.host, [parseOrigin(found.origin)]));
      if (own) assert(isListedOrigin(found.origin, found.host, ['same-origin']));
    }
    const asked = parseHost(found.host.toUpperCase());
    // The entries of a list have no dot at their end.
    const entry = asked && { ...asked, host: withoutDot(asked.host) };
    assert(entry === undefined || isListedHost(found.host, [entry]));
  };
}

/**
 * A request line and header lines, names and values parted by the first colon; what is repeated is joined.
 *
 * @param {Buffer} input
 * @returns {import('../references/upgrade.mjs').Request}
 */
function read(input) {
  const [first = '', ...lines] = input.toString('latin1').split('\r\n');
  const [method = '', url = '', version = ''] = first.split(' ');
  /** @type {Record<string, string>} */
  const headers = {};
  const rawHeaders = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1) continue;
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replaceAll(/^[ \t]+|[ \t]+$/g, '');
    rawHeaders.push(name, value);
    const key = name.toLowerCase();
    headers[key] = Object.hasOwn(headers, key) ? `${headers[key]}, ${value}` : value;
  }
  return { method, url, httpVersion: version.replace('HTTP/', ''), headers, rawHeaders };
}

/** The bytes of a text in UTF-8, with its escapes resolved; what is not an escape stays. @param {string} text */
function decoded(text) {
  return Buffer.from(text, 'utf8')
    .toString('latin1')
    .replaceAll(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** One line for each field, and nothing that begins another or ends the header early. @param {string} head */
function assertHead(head) {
  assert.match(
    head,
    /^HTTP\/1\.1 \d{3} [A-Za-z ]+\r\n(?:[A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*\r\n)*\r\n$/,
  );
}
