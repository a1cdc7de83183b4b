import {
  describeDeflateFault,
  describeFault,
  describeRedirect,
} from '../../../src/client/answer-faults.js';
import type { RedirectFault } from '../../../src/client/redirect.js';
import {
  offerDeflate,
  readDeflateAnswer,
} from '../../../src/protocol/deflate/client-negotiation.js';
import { checkAnswer } from '../../../src/protocol/handshake/client-handshake.js';
import { acceptKey } from '../../../src/protocol/handshake/opening-handshake.js';
import { SAMPLE_KEY } from '../../support/raw-client.js';

/** What is said of an answer with these fields. */
function said(fields: Record<string, string>, offered: string[] = [], extension = false): string {
  const headers = {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-accept': acceptKey(SAMPLE_KEY),
    ...fields,
  };
  const rawHeaders = Object.entries(headers).flat();
  if (fields['twice'] !== undefined) rawHeaders.push('Sec-WebSocket-Accept', 'x');
  const extensions = extension ? [{ name: 'permessage-deflate', params: [] }] : [];
  const offer = { key: SAMPLE_KEY, subprotocols: offered, extensions };
  return describeFault(checkAnswer({ headers, rawHeaders }, offer).fault!);
}

describe('describeFault', () => {
  it.each<[Record<string, string>, string[], RegExp]>([
    [{ upgrade: 'h2c' }, [], /^expected the header Upgrade to be websocket, got "h2c"/],
    [{ connection: 'close' }, [], /^expected the header Connection to have Upgrade, got "close"/],
    [{ 'sec-websocket-accept': 'x' }, [], /Sec-WebSocket-Accept to be s3pP.*=, got "x"/],
    [{ twice: '' }, [], /^the header Sec-WebSocket-Accept must not be repeated/i],
    [{ 'sec-websocket-protocol': 'a' }, [], /one of the subprotocols nothing, got "a"/],
    [{ 'sec-websocket-protocol': 'a, b' }, ['a', 'b'], /subprotocols a, b, got "a, b"/],
    [{ 'sec-websocket-extensions': ',' }, [], /^the header Sec-WebSocket-Extensions is malformed/],
    [
      { 'sec-websocket-extensions': 'x' },
      [],
      /^the extension x is in use, but nothing was offered/,
    ],
  ])('says what is wrong with %j', (fields, offered, sentence) => {
    expect(said(fields, offered)).toMatch(sentence);
  });

  it('says that no subprotocol was chosen, for a caller that wants one', () => {
    expect(said({}, ['a'])).toMatch(/one of the subprotocols a, got none/);
  });

  it('says that an extension is in use twice', () => {
    const twice = { 'sec-websocket-extensions': 'permessage-deflate, permessage-deflate' };
    expect(said(twice, [], true)).toMatch(/^the extension permessage-deflate is in use twice/);
  });
});

describe('describeRedirect', () => {
  it.each<[RedirectFault, RegExp]>([
    [{ code: 'too-many', maxRedirects: 2 }, /more redirects than maxRedirects, which is 2$/],
    [{ code: 'insecure' }, /from wss: to ws:$/],
    [{ code: 'other-host' }, /another host than the session of the option http2$/],
    [{ code: 'location' }, /not lead to a WebSocket server's URL$/],
  ])('says why %j is not followed', (fault, sentence) => {
    expect(describeRedirect(fault)).toMatch(sentence);
  });
});

describe('describeDeflateFault', () => {
  const offer = offerDeflate({ serverNoContextTakeover: true, serverMaxWindowBits: 10 });
  it.each<[string, string | undefined, RegExp]>([
    ['server_max_window_bits', '10', /without server_no_context_takeover, which was asked for/],
    ['client_max_window_bits', '10', /has client_max_window_bits, which was not offered/],
    ['server_max_window_bits', '11', /has server_max_window_bits=11, but 10 was offered/],
    ['server_max_window_bits', '99', /has a wrong parameter: server_max_window_bits/],
  ])('says what is wrong with %s=%s', (name, value, sentence) => {
    const { fault } = readDeflateAnswer([{ name, value }], offer);
    expect(describeDeflateFault(fault!)).toMatch(sentence);
  });
});
