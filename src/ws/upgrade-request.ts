import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { type ExtensionOffer, parseExtensions } from '../protocol/handshake/extensions.js';
import { parseTokens } from '../protocol/handshake/http-grammar.js';
import { readList } from './header-lists.js';

/** The content of an upgrade request. */
export interface UpgradeRequest {
  readonly key: string;
  /** `Origin`, by its name in this version of the protocol. */
  readonly origin: string | undefined;
  readonly protocols: ReadonlySet<string>;
  readonly offers: readonly ExtensionOffer[];
}

/** Why a request is refused, in ws's words: they are the body of the response. */
export interface UpgradeFault {
  readonly status: number;
  readonly message: string;
  readonly headers?: OutgoingHttpHeaders;
}

/** 16 bytes in base64 (RFC 6455 section 4.1). */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** The fault of the request line and of the fields that every handshake has; `undefined` without one. */
export function requestFault({ method, headers }: IncomingMessage): UpgradeFault | undefined {
  if (method !== 'GET') return { status: 405, message: 'Invalid HTTP method' };
  if (headers.upgrade?.toLowerCase() !== 'websocket') return bad('Invalid Upgrade header');
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) {
    return bad('Missing or invalid Sec-WebSocket-Key header');
  }
  if (versionOf(headers) === undefined) {
    const message = 'Missing or invalid Sec-WebSocket-Version header';
    return { ...bad(message), headers: { 'Sec-WebSocket-Version': '13, 8' } };
  }
  return undefined;
}

/**
 * Read what a request without a {@link requestFault} offers.
 *
 * @param readsExtensions without it the offers are not looked at.
 */
export function readUpgrade(
  { headers }: IncomingMessage,
  readsExtensions: boolean,
): UpgradeRequest | UpgradeFault {
  const list = headers['sec-websocket-protocol'];
  const names = list === undefined ? [] : readList(list, parseTokens);
  const protocols = new Set(names);
  if (names === undefined || protocols.size < names.length) {
    return bad('Invalid Sec-WebSocket-Protocol header');
  }
  const extensions = readsExtensions ? headers['sec-websocket-extensions'] : undefined;
  const offers = extensions === undefined ? [] : readList(extensions, parseExtensions);
  if (offers === undefined) return UNACCEPTABLE;
  return {
    key: headers['sec-websocket-key']!,
    // Version 8 is the draft that some old clients speak; its frames are the same.
    origin: (versionOf(headers) === 8 ? headers['sec-websocket-origin'] : headers.origin) as
      string | undefined,
    protocols,
    offers,
  };
}

function bad(message: string): UpgradeFault {
  return { status: 400, message };
}

/** For offers that cannot be read, or of which permessage-deflate can accept none. */
export const UNACCEPTABLE: UpgradeFault = bad(
  'Invalid or unacceptable Sec-WebSocket-Extensions header',
);

function versionOf(headers: IncomingMessage['headers']): 13 | 8 | undefined {
  const version = Number(headers['sec-websocket-version']);
  return version === 13 || version === 8 ? version : undefined;
}
