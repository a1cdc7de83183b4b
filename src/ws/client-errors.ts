import type { AddressFault } from '../client/address.js';
import type { OpeningFailure } from '../client/opening-request.js';
import type { RedirectFault } from '../client/redirect.js';
import type { HandshakeFault } from '../protocol/handshake/client-handshake.js';

/** The errors of a client's handshake, in ws's words: programs compare them. */

const ADDRESS: Readonly<Record<AddressFault['code'], string>> = {
  scheme: 'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"',
  path: "The URL's pathname is empty",
  fragment: 'The URL contains a fragment identifier',
};

/** A URL that is not a server's address. */
export function addressError({ code }: AddressFault): SyntaxError {
  return new SyntaxError(ADDRESS[code]);
}

/** What is not a URL at all. */
export function urlError(address: string): SyntaxError {
  return new SyntaxError(`Invalid URL: ${address}`);
}

/** A handshake that has got no answer. */
export function failureError(failure: OpeningFailure): Error {
  switch (failure.code) {
    case 'transport':
      return failure.error;
    case 'timeout':
      return new Error('Opening handshake has timed out');
  }
}

/** A redirect that is not followed. */
export function redirectError(fault: RedirectFault, location: string): Error {
  switch (fault.code) {
    case 'too-many':
      return new Error('Maximum redirects exceeded');
    case 'location':
      return urlError(location);
    case 'unix-socket':
      // hawser's own: ws follows it.
      return new SyntaxError(`A redirect must not lead to a Unix socket: ${location}`);
    default:
      return addressError(fault as AddressFault);
  }
}

/** A response that is not a 101. */
export function statusError(status: number | undefined): Error {
  return new Error(`Unexpected server response: ${String(status)}`);
}

/** The server's extensions cannot be used. */
export const INVALID_EXTENSIONS = 'Invalid Sec-WebSocket-Extensions header';

/** A 101 that does not answer the request. */
export function handshakeError(fault: HandshakeFault): Error {
  return new Error(handshakeText(fault));
}

function handshakeText(fault: HandshakeFault): string {
  switch (fault.code) {
    case 'upgrade':
      return 'Invalid Upgrade header';
    case 'connection':
      return 'Invalid Connection header';
    case 'accept':
      return 'Invalid Sec-WebSocket-Accept header';
    case 'repeated-field':
      return `Invalid ${fault.name} header`;
    case 'subprotocol-missing':
      return 'Server sent no subprotocol';
    case 'subprotocol-several':
    case 'subprotocol-unoffered':
      return fault.offered.length === 0
        ? 'Server sent a subprotocol but none was requested'
        : 'Server sent an invalid subprotocol';
    case 'extensions-malformed':
    case 'extension-repeated':
      return INVALID_EXTENSIONS;
    case 'extension-unoffered':
      return fault.offered.length === 0
        ? 'Server sent a Sec-WebSocket-Extensions header but no extension was requested'
        : 'Server indicated an extension that was not requested';
  }
}
