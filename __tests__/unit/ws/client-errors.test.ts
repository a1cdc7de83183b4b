import { readAddress } from '../../../src/client/address.js';
import type { OpeningFailure } from '../../../src/client/opening-request.js';
import type { RedirectFault } from '../../../src/client/redirect.js';
import type { HandshakeFault } from '../../../src/protocol/handshake/client-handshake.js';
import {
  addressError,
  failureError,
  handshakeError,
  redirectError,
  statusError,
  urlError,
} from '../../../src/ws/client-errors.js';

const SCHEMES =
  'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"';
const fault = (url: string) => readAddress(new URL(url)) as Parameters<typeof addressError>[0];

describe('the errors of a client’s handshake, in ws’s words', () => {
  it.each([
    ['ftp://a/', SCHEMES],
    ['ws+unix:', "The URL's pathname is empty"],
    ['ws://a/#b', 'The URL contains a fragment identifier'],
  ])('say what is wrong with %s', (url, text) => {
    expect(addressError(fault(url))).toEqual(new SyntaxError(text));
    expect(addressError(fault(url))).toBeInstanceOf(SyntaxError);
  });

  it('say what is no URL, and what the server answered', () => {
    expect(urlError('a')).toEqual(new SyntaxError('Invalid URL: a'));
    expect(urlError('a')).toBeInstanceOf(SyntaxError);
    expect(statusError(404)).toEqual(new Error('Unexpected server response: 404'));
  });

  const transport = new Error('ECONNREFUSED');
  it.each<[OpeningFailure, Error]>([
    [{ code: 'timeout' }, new Error('Opening handshake has timed out')],
  ])('name the failure %j', (failure, error) => {
    expect(failureError(failure)).toEqual(error);
  });

  it('are Node’s where the server was not reached', () => {
    expect(failureError({ code: 'transport', error: transport })).toBe(transport);
  });

  it('say that there were too many redirects', () => {
    const error = redirectError({ code: 'too-many', maxRedirects: 1 }, 'x');
    expect(error).toEqual(new Error('Maximum redirects exceeded'));
  });

  it.each<[RedirectFault, string]>([
    [{ code: 'location' }, 'Invalid URL: x'],
    [{ code: 'unix-socket' }, 'A redirect must not lead to a Unix socket: x'],
    [fault('ftp://a/'), SCHEMES],
  ])('say what is wrong with the redirect %j', (redirect, text) => {
    const error = redirectError(redirect, 'x');
    expect(error).toEqual(new SyntaxError(text));
    expect(error).toBeInstanceOf(SyntaxError);
  });

  it.each<[HandshakeFault, string]>([
    [{ code: 'upgrade', value: 'h2c' }, 'Invalid Upgrade header'],
    [{ code: 'connection', value: undefined }, 'Invalid Connection header'],
    [{ code: 'accept', value: 'a', expected: 'b' }, 'Invalid Sec-WebSocket-Accept header'],
    [
      { code: 'repeated-field', name: 'Sec-WebSocket-Protocol' },
      'Invalid Sec-WebSocket-Protocol header',
    ],
    [
      { code: 'subprotocol-missing', value: undefined, offered: ['a'] },
      'Server sent no subprotocol',
    ],
    [
      { code: 'subprotocol-unoffered', value: 'b', offered: ['a'] },
      'Server sent an invalid subprotocol',
    ],
    [
      { code: 'subprotocol-several', value: 'a, b', offered: ['a', 'b'] },
      'Server sent an invalid subprotocol',
    ],
    [
      { code: 'subprotocol-unoffered', value: 'b', offered: [] },
      'Server sent a subprotocol but none was requested',
    ],
    [{ code: 'extensions-malformed', value: ';' }, 'Invalid Sec-WebSocket-Extensions header'],
    [
      { code: 'extension-repeated', name: 'foo', offered: ['foo'] },
      'Invalid Sec-WebSocket-Extensions header',
    ],
    [
      { code: 'extension-unoffered', name: 'bar', offered: ['foo'] },
      'Server indicated an extension that was not requested',
    ],
    [
      { code: 'extension-unoffered', name: 'bar', offered: [] },
      'Server sent a Sec-WebSocket-Extensions header but no extension was requested',
    ],
  ])('name the fault %j', (handshake, text) => {
    expect(handshakeError(handshake)).toEqual(new Error(text));
  });
});
