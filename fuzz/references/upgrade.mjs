// RFC 6455 section 4.2.1 once more: which of its rules a request breaks.
import { extensionsOf, tokensOf } from './header-list.mjs';

/**
 * @typedef {{
 *   method: string, url: string, httpVersion: string,
 *   headers: Record<string, string>, rawHeaders: string[],
 * }} Request
 */

/** @param {Request} request @returns {string[]} empty if the request is a legal handshake */
export function offences({ method, url, httpVersion, headers, rawHeaders }) {
  const target = /^(?:(?:https?|wss?):\/\/([^/?#]*))?([^?#]*)/i.exec(url);
  const [, authority, path = ''] = target ?? [];
  const host = authority ?? headers['host'] ?? '';
  const protocols = tokensOf(headers['sec-websocket-protocol'] ?? '');
  /** @type {Record<string, boolean>} */
  const rules = {
    'the method is GET': method === 'GET',
    'the version of HTTP is 1.1': httpVersion === '1.1',
    'Upgrade names websocket': names(headers['upgrade'], 'websocket'),
    'Connection names upgrade': names(headers['connection'], 'upgrade'),
    'what may be there once is there once': isSingular(rawHeaders),
    'the target is a path': path.startsWith('/') || (path === '' && authority !== undefined),
    'the path is the same to every reader': !/\\|\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path),
    'the target has no control characters': [...url].every((one) => one > ' ' && one !== '\x7f'),
    'there is a host': isHost(host),
    'there is no body, or an empty one': isWithoutContent(headers),
    'the version is 13': (headers['sec-websocket-version'] ?? '') === '13',
    'the key is 16 bytes': /^[A-Za-z0-9+/]{22}==$/.test(headers['sec-websocket-key'] ?? ''),
    'extensions follow the grammar':
      extensionsOf(headers['sec-websocket-extensions'] ?? '') !== undefined,
    'subprotocols are different tokens':
      protocols !== undefined && protocols.every((name, i) => protocols.indexOf(name) === i),
  };
  return Object.keys(rules).filter((rule) => !rules[rule]);
}

/** RFC 9110 section 7.8: what is after a slash is a version. @param {string | undefined} header @param {string} name */
function names(header, name) {
  const tokens = tokensOf((header ?? '').replaceAll('/', '.'));
  return tokens !== undefined && tokens.some((token) => token.toLowerCase() === name);
}

/** @param {string[]} rawHeaders */
function isSingular(rawHeaders) {
  const found = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  const once = [
    'content-length',
    'host',
    'origin',
    'sec-websocket-key',
    'sec-websocket-version',
    'transfer-encoding',
  ];
  return once.every((name) => found.filter((other) => other === name).length < 2);
}

/** RFC 9112 section 6.3. @param {Record<string, string>} headers */
function isWithoutContent(headers) {
  const length = headers['content-length'];
  const coding = headers['transfer-encoding'];
  if (length === undefined) return coding === undefined || coding.toLowerCase() === 'chunked';
  return coding === undefined && /^0+$/.test(length);
}

/** RFC 3986 section 3.2, without a user. @param {string} host */
function isHost(host) {
  const [, name = ''] = /^(.*?)(?::[0-9]{0,5})?$/s.exec(host) ?? [];
  if (name.startsWith('[')) return /^\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.~%-]+)?\]$/.test(name);
  return name !== '' && [...name].every((one) => /[A-Za-z0-9._~%!$&'()*+,;=-]/.test(one));
}
