import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { type ExtensionOffer, formatExtensions, parseExtensions } from './extensions.js';
import { parseTokens } from './http-grammar.js';
import { acceptKey } from './opening-handshake.js';
import type { HeaderFields } from './response-headers.js';

/** The client's part in the opening handshake (RFC 6455 section 4.1). */

/** What a client sends, and what the answer is measured by. */
export interface ClientOffer {
  /** `Sec-WebSocket-Key`, from {@link makeKey}. A key is for one request alone. */
  readonly key: string;
  /** `Sec-WebSocket-Version`. 8 is a draft that has the same frames. @default 13 */
  readonly version?: 8 | 13;
  /** Subprotocols in the client's order of preference: tokens, each once. */
  readonly subprotocols: readonly string[];
  /** Extensions in the client's order of preference. */
  readonly extensions: readonly ExtensionOffer[];
  /** `Origin`; a client that is not a browser need not send one. */
  readonly origin?: string | undefined;
}

/** The parts of the server's 101 that are checked; `http.IncomingMessage` has them. */
export interface UpgradeAnswer {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Names and values as received, alternating. Repeated fields are found only with this list. */
  readonly rawHeaders?: readonly string[];
}

/** Why a client has to fail the connection over a 101. */
export type HandshakeFault =
  | {
      /** `Upgrade` is missing or is not `websocket` (point 2), or `Connection` does not have `Upgrade` (point 3). */
      readonly code: 'upgrade' | 'connection';
      readonly value: string | undefined;
    }
  | {
      /** `Sec-WebSocket-Accept` does not answer the key (point 4): the server speaks no WebSocket, or a cache answered. */
      readonly code: 'accept';
      readonly value: string | undefined;
      readonly expected: string;
    }
  | {
      /** A field that "MUST NOT appear more than once in an HTTP response" does (section 11.3). */
      readonly code: 'repeated-field';
      readonly name: string;
    }
  | {
      /**
       * A subprotocol that was not offered (point 6), or several, or none although some were offered. The last
       * is legal, but then the peers do not speak the same language; browsers fail the connection too.
       */
      readonly code: 'subprotocol-unoffered' | 'subprotocol-several' | 'subprotocol-missing';
      readonly value: string | undefined;
      readonly offered: readonly string[];
    }
  | {
      /** `Sec-WebSocket-Extensions` breaks the grammar (section 9.1). */
      readonly code: 'extensions-malformed';
      readonly value: string;
    }
  | {
      /** An extension that was not offered (point 5), or the same one twice. */
      readonly code: 'extension-unoffered' | 'extension-repeated';
      readonly name: string;
      /** The names that were offered. */
      readonly offered: readonly string[];
    };

/** The outcome of {@link checkAnswer}. */
export type CheckedAnswer =
  | {
      readonly fault?: undefined;
      /** The server's choice; `''` if none was offered. */
      readonly subprotocol: string;
      /** The extensions in use, each once. What their parameters mean is not checked yet. */
      readonly extensions: readonly ExtensionOffer[];
    }
  | { readonly fault: HandshakeFault };

/**
 * A `Sec-WebSocket-Key`: 16 bytes in base64, "selected randomly for each connection".
 *
 * @param nonce the bytes, for tests.
 */
export function makeKey(nonce: Uint8Array = randomBytes(16)): string {
  return Buffer.from(nonce).toString('base64');
}

/** The header fields of the request, apart from `Host` and those of the application. */
export function requestFields(offer: ClientOffer): HeaderFields {
  const { key, version = 13, subprotocols, extensions, origin } = offer;
  return {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': String(version),
    'Sec-WebSocket-Key': key,
    ...(extensions.length === 0
      ? {}
      : { 'Sec-WebSocket-Extensions': formatExtensions(extensions) }),
    ...(subprotocols.length === 0 ? {} : { 'Sec-WebSocket-Protocol': subprotocols.join(',') }),
    ...(origin === undefined
      ? {}
      : { [version === 13 ? 'Origin' : 'Sec-WebSocket-Origin']: origin }),
  };
}

/** Fields of which a response may have one at most (sections 11.3.2 to 11.3.4). */
const SINGULAR: ReadonlySet<string> = new Set([
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'sec-websocket-protocol',
]);

/** Check the server's 101, points 2 to 6. Another status is not an answer to the handshake, but plain HTTP. */
export function checkAnswer(answer: UpgradeAnswer, offer: ClientOffer): CheckedAnswer {
  const upgrade = fieldOf(answer, 'upgrade');
  if (upgrade?.toLowerCase() !== 'websocket') return { fault: { code: 'upgrade', value: upgrade } };
  const connection = fieldOf(answer, 'connection');
  if (!parseTokens(connection?.toLowerCase() ?? '')?.includes('upgrade')) {
    return { fault: { code: 'connection', value: connection } };
  }
  const name = repeatedField(answer.rawHeaders);
  if (name !== undefined) return { fault: { code: 'repeated-field', name } };
  const accept = fieldOf(answer, 'sec-websocket-accept');
  const expected = acceptKey(offer.key);
  if (accept !== expected) return { fault: { code: 'accept', value: accept, expected } };
  return checkChoices(answer, offer);
}

/** Fields of the handshake over HTTP/1.1 that HTTP/2 does without. */
const OF_HTTP1: ReadonlySet<string> = new Set(['connection', 'upgrade', 'sec-websocket-key']);

/**
 * The header fields of an extended CONNECT (RFC 8441 section 5): those of {@link requestFields} that HTTP/2 has
 * a use for.
 */
export function connectFields(offer: ClientOffer): Record<string, string> {
  const fields = Object.entries(requestFields(offer));
  return Object.fromEntries(
    fields
      .map(([name, value]): [string, string] => [name.toLowerCase(), String(value)])
      .filter(([name]) => !OF_HTTP1.has(name)),
  );
}

/**
 * Check the 2xx that answers an extended CONNECT. `Sec-WebSocket-Accept` is not looked at: "that functionality has been
 * superseded by the :protocol pseudo-header field" (RFC 8441 section 5).
 */
export function checkConnectAnswer(
  answer: UpgradeAnswer,
  offer: Pick<ClientOffer, 'subprotocols' | 'extensions'>,
): CheckedAnswer {
  const name = repeatedField(answer.rawHeaders);
  if (name !== undefined) return { fault: { code: 'repeated-field', name } };
  return checkChoices(answer, offer);
}

function checkChoices(
  answer: UpgradeAnswer,
  offer: Pick<ClientOffer, 'subprotocols' | 'extensions'>,
): CheckedAnswer {
  const subprotocol = fieldOf(answer, 'sec-websocket-protocol');
  const fault = subprotocolFault(subprotocol, offer.subprotocols);
  if (fault !== undefined) return { fault };
  const extensions = readExtensions(fieldOf(answer, 'sec-websocket-extensions'), offer.extensions);
  if ('code' in extensions) return { fault: extensions };
  return { subprotocol: subprotocol ?? '', extensions };
}

function fieldOf({ headers }: UpgradeAnswer, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' || value === undefined ? value : value.join(', ');
}

function repeatedField(rawHeaders: readonly string[] = []): string | undefined {
  const names = rawHeaders.filter((_text, index) => index % 2 === 0);
  const lower = names.map((name) => name.toLowerCase());
  return names.find((_name, at) => SINGULAR.has(lower[at]!) && lower.indexOf(lower[at]!) < at);
}

function subprotocolFault(
  value: string | undefined,
  offered: readonly string[],
): HandshakeFault | undefined {
  if (value === undefined) {
    return offered.length > 0 ? { code: 'subprotocol-missing', value, offered } : undefined;
  }
  if (offered.includes(value)) return undefined;
  const several = (parseTokens(value)?.length ?? 0) > 1;
  return { code: several ? 'subprotocol-several' : 'subprotocol-unoffered', value, offered };
}

function readExtensions(
  value: string | undefined,
  offers: readonly ExtensionOffer[],
): readonly ExtensionOffer[] | HandshakeFault {
  if (value === undefined) return [];
  const used = parseExtensions(value);
  // The field has at least one extension, if it is there at all (section 9.1).
  if (used === undefined || used.length === 0) return { code: 'extensions-malformed', value };
  const offered = [...new Set(offers.map(({ name }) => name))];
  const seen = new Set<string>();
  for (const { name } of used) {
    if (!offered.includes(name)) return { code: 'extension-unoffered', name, offered };
    if (seen.has(name)) return { code: 'extension-repeated', name, offered };
    seen.add(name);
  }
  return used;
}
