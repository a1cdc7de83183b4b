import type { ServerOptions } from '../../../../src/server/options/options.js';
import {
  isListedHost,
  isListedOrigin,
  type Host,
  type OriginEntry,
} from '../../../../src/protocol/handshake/origin.js';
import {
  hostHint,
  originHint,
  otherProtocolHint,
  pathHint,
  readOnlyHint,
  show,
  subprotocolHint,
} from '../../../../src/server/admission/hints.js';
import { hostEntry, originEntry } from '../../../../src/server/admission/list-entries.js';
import { resolveOptions } from '../../../../src/server/options/resolve-options.js';

/** The list that a hint says to write, pasted into the option as it is; `undefined` if it says none. */
function pasted(hint: string, option: keyof ServerOptions): string[] | undefined {
  const [, list] = /option \w+: (\[.*?\]) would allow it/.exec(hint) ?? [];
  if (list === undefined) return undefined;
  const options = { [option]: JSON.parse(list) as string[] };
  return (resolveOptions(options, []) as unknown as Record<string, string[]>)[option];
}

const HOST = 'www.example.com';
const admits = (list: string[], origin: string, host = HOST): boolean =>
  isListedOrigin(
    origin,
    host,
    list.map((each) => originEntry(each) as OriginEntry),
  );

describe('show', () => {
  it('writes what a client sent on one line, without control characters and not without end', () => {
    expect(show('a\r\n"b')).toBe('"a\\r\\n\\"b"');
    expect(show('\x1b[2J\x9b2J\x7f\u2028')).toBe('"\\u001b[2J\\u009b2J\\u007f\\u2028"');
    expect(show('x'.repeat(1000))).toBe(`"${'x'.repeat(200)}"`);
  });
});

describe('originHint', () => {
  it('names both values and an option that can be pasted', () => {
    expect(originHint('https://app.example', HOST, 'same-origin')).toBe(
      'rejected origin "https://app.example" at host "www.example.com"; option origin: ["same-origin", "https://app.example"] would allow it',
    );
    expect(originHint('https://b.example', HOST, ['https://a.example'])).toBe(
      'rejected origin "https://b.example" at host "www.example.com"; option origin: ["https://a.example", "https://b.example"] would allow it',
    );
    expect(originHint('null', HOST, 'same-origin')).toBe(
      'rejected origin "null" at host "www.example.com"; option origin: ["same-origin", "null"] would allow it, and with it the sandboxed frames of every page',
    );
  });

  it.each([
    'https://app.example',
    'HTTPS://App.Example:443',
    'http://localhost:3000',
    'http://[::1]:3000',
    'https://xn--bcher-kva.example',
    'file://',
    'qrc://',
    'null',
    'capacitor://localhost',
    'chrome-extension://abcdefghijklmnop',
    'app://.',
    `https://${'a.'.repeat(90)}example`,
  ])('pasted as it is, the option admits %s and the pages that were admitted before', (origin) => {
    const own = pasted(originHint(origin, HOST, 'same-origin'), 'origin')!;
    expect(admits(own, origin)).toBe(true);
    expect(admits(own, 'https://www.example.com')).toBe(true);
    expect(admits(own, 'https://evil.example')).toBe(false);
    const listed = pasted(originHint(origin, HOST, ['https://*.example.org']), 'origin')!;
    expect(admits(listed, origin)).toBe(true);
    expect(admits(listed, 'https://a.example.org')).toBe(true);
    expect(admits(listed, 'https://www.example.com')).toBe(false);
  });

  it.each([
    '',
    'example.com',
    'same-origin',
    '*',
    'NULL',
    'https://example.com/',
    'https://*.example.com',
    'https://a.example, https://b.example',
    'https://me@example.com',
    'http://127.1', // browsers write 127.0.0.1
    'http://[fe80::1%25eth0]',
    'http://[::0:1]',
    'qrc:',
  ])('has no advice for %j, which no entry matches', (origin) => {
    expect(originHint(origin, HOST, 'same-origin')).toBe(
      `rejected origin ${JSON.stringify(origin)} at host "www.example.com"; it is not an origin (RFC 6454 section 6.2), so no entry of option origin matches it`,
    );
  });

  it('has no advice for what is too long to be repeated, nor where a function decides', () => {
    const long = `https://${'a'.repeat(500)}.example`;
    expect(originHint(long, HOST, 'same-origin')).toBe(
      `rejected origin "${long.slice(0, 200)}" at host "www.example.com"; it is 516 characters long`,
    );
    expect(originHint('https://a.example', HOST, () => false)).toBe(
      'rejected origin "https://a.example" at host "www.example.com"; so the function of option origin decided',
    );
  });

  it('does not write a long list out', () => {
    const many = Array.from({ length: 100 }, (_, index) => `https://${index}.example`);
    expect(originHint('https://a.example', HOST, many)).toBe(
      'rejected origin "https://a.example" at host "www.example.com"; "https://a.example" beside the others in option origin would allow it',
    );
  });
});

describe('hostHint', () => {
  it('names an option that can be pasted', () => {
    expect(hostHint('localhost:81', ['example.com'])).toBe(
      'rejected host "localhost:81"; option allowedHosts: ["example.com", "localhost:81"] would allow it',
    );
  });

  it.each([
    'example.org',
    'EXAMPLE.org:8080',
    '[::1]:80',
    'a.example.com.',
    'localhost',
    'my_host',
  ])('pasted as it is, the option admits %s and the hosts that were admitted before', (host) => {
    const list = pasted(hostHint(host, ['*.example.com']), 'allowedHosts')!;
    const hosts = list.map((each) => hostEntry(each) as Host);
    expect(
      [host, 'b.example.com', 'evil.example'].map((each) => isListedHost(each, hosts)),
    ).toEqual([true, true, false]);
  });

  it.each([
    'a%zz',
    'a,b',
    '127.1',
    '[::0:1]',
    '[fe80::1%25eth0]',
    'a:0',
    'a:99999',
    'x'.repeat(300),
  ])('has no advice for %.20s, which no entry matches', (host) => {
    expect(hostHint(host, ['example.com'])).toBe(
      `rejected host ${show(host)}; no entry of option allowedHosts matches it`,
    );
  });
});

describe('subprotocolHint', () => {
  it('names the offers and an option that can be pasted', () => {
    const hint = subprotocolHint(['a', 'b'], ['x']);
    expect(hint).toBe(
      'no common subprotocol: the client offered "a", "b"; browsers close such a connection; option subprotocols: ["x", "a"] would allow it',
    );
    expect(pasted(hint, 'subprotocols')).toEqual(['x', 'a']);
    expect(pasted(subprotocolHint(['a'], []), 'subprotocols')).toEqual(['a']);
  });

  it('has no advice where a function decides, and names five offers at most', () => {
    expect(subprotocolHint(['a', 'b', 'c', 'd', 'e', 'f', 'g'], () => undefined)).toBe(
      'no common subprotocol: the client offered "a", "b", "c", "d", "e" and 2 more; browsers close such a connection; the function of option subprotocols chose none',
    );
    expect(subprotocolHint(['x'.repeat(300)], [])).toBe(
      `no common subprotocol: the client offered "${'x'.repeat(200)}"; browsers close such a connection`,
    );
  });
});

describe('pathHint', () => {
  it.each<[unknown[], string]>([
    [[], 'none is served'],
    [['/chat'], 'option path is "/chat"'],
    [
      ['/chat', /^\/feeds\/\d+$/, () => true],
      'option path is "/chat", /^\\/feeds\\/\\d+$/, what a function decides',
    ],
    [
      ['/1', '/2', '/3', '/4', '/5', '/6'],
      'option path is "/1", "/2", "/3", "/4", "/5" and 1 more',
    ],
  ])('of %p names them', (paths, are) => {
    expect(pathHint('/x', paths)).toBe(`rejected path "/x": no WebSocket is served there; ${are}`);
  });

  it('tells how long other listeners have had for an answer', () => {
    expect(pathHint('/x', ['/chat'], 700)).toBe(
      `rejected path "/x": no WebSocket is served there; option path is "/chat"; no other 'upgrade' listener has answered within 700 ms`,
    );
  });
});

describe('readOnlyHint', () => {
  it('names the path, and why the request is left alone', () => {
    expect(readOnlyHint('/x', ['/chat'], 700)).toBe(
      `path "/x" is left without an answer: no WebSocket is served there; option path is "/chat"; no other 'upgrade' listener has answered within 700 ms, but one of them reads the socket, so it may still do so; a listener that only counts bytes can read socket.bytesRead instead`,
    );
  });
});

describe('otherProtocolHint', () => {
  it('names the protocol', () => {
    expect(otherProtocolHint('h2c', 700)).toBe(
      `rejected an upgrade to "h2c": only WebSockets are served here; no other 'upgrade' listener has answered within 700 ms`,
    );
  });
});
