import type { DeflateAnswerFault } from '../protocol/deflate/client-negotiation.js';
import type { HandshakeFault } from '../protocol/handshake/client-handshake.js';
import type { RedirectFault } from './redirect.js';

/** What is wrong with a 101 that does not answer the request, for the message of a `HandshakeError`. */
export function describeFault(fault: HandshakeFault): string {
  switch (fault.code) {
    case 'upgrade':
      return `expected the header Upgrade to be websocket, got ${shown(fault.value)} (RFC 6455 section 4.1)`;
    case 'connection':
      return `expected the header Connection to have Upgrade, got ${shown(fault.value)} (RFC 6455 section 4.1)`;
    case 'accept':
      return `expected the header Sec-WebSocket-Accept to be ${fault.expected}, got ${shown(fault.value)} (RFC 6455 section 4.1)`;
    case 'repeated-field':
      return `the header ${fault.name} must not be repeated (RFC 6455 section 11.3)`;
    case 'subprotocol-missing':
    case 'subprotocol-several':
    case 'subprotocol-unoffered':
      return `expected the server to choose one of the subprotocols ${listed(fault.offered)}, got ${shown(fault.value)} (RFC 6455 section 4.1)`;
    case 'extensions-malformed':
      return `the header Sec-WebSocket-Extensions is malformed: ${shown(fault.value)} (RFC 6455 section 9.1)`;
    case 'extension-unoffered':
      return `the extension ${fault.name} is in use, but ${listed(fault.offered)} was offered (RFC 6455 section 4.1)`;
    case 'extension-repeated':
      return `the extension ${fault.name} is in use twice (RFC 6455 section 9.1)`;
  }
}

/** What is wrong with the server's answer to the offer of permessage-deflate. */
export function describeDeflateFault(fault: DeflateAnswerFault): string {
  switch (fault.code) {
    case 'ignored-parameter':
      return `permessage-deflate was accepted without ${fault.name}, which was asked for (RFC 7692 section 7.1)`;
    case 'unoffered-parameter':
      return `permessage-deflate has ${fault.name}, which was not offered (RFC 7692 section 7.1.2.2)`;
    case 'larger-window':
      return `permessage-deflate has ${fault.name}=${fault.answered}, but ${fault.offered} was offered (RFC 7692 section 7.1.2)`;
    default:
      return `permessage-deflate has a wrong parameter: ${fault.name} (RFC 7692 section 7.1)`;
  }
}

/** Why a redirect is not followed. */
export function describeRedirect(fault: RedirectFault): string {
  switch (fault.code) {
    case 'too-many':
      return `there were more redirects than maxRedirects, which is ${fault.maxRedirects}`;
    case 'insecure':
      return 'it leads from wss: to ws:';
    case 'other-host':
      return 'it leads to another host than the session of the option http2';
    default:
      return "it does not lead to a WebSocket server's URL";
  }
}

function shown(value: string | undefined): string {
  return value === undefined ? 'none' : JSON.stringify(value);
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.join(', ');
}
