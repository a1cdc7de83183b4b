import { UpgradeRejection } from '../../../../src/protocol/handshake/upgrade-rejection.js';
import { AddressLimit } from '../../../../src/server/admission/address-limit.js';
import {
  Admission,
  checkHandshake,
  unavailable,
} from '../../../../src/server/admission/admission.js';
import { createLog } from '../../../../src/server/logger.js';
import type { ServerOptions } from '../../../../src/server/options/options.js';
import { resolveOptions } from '../../../../src/server/options/resolve-options.js';
import { SharedLimits, sharesOf } from '../../../../src/server/admission/shared-limits.js';
import { fakeRequest, HandClock, MemoryLogger } from '../../../support/server.js';

function admission(options: ServerOptions<unknown>) {
  const logger = new MemoryLogger();
  const made = new Admission(
    resolveOptions<unknown>(options, []),
    createLog(logger, new HandClock()),
  );
  /** 'in', or the status and body of the rejection. */
  const admit = (
    headers: Record<string, string>,
    {
      connections = 0,
      pending = 0,
      from = '10.0.0.1',
      addresses = new AddressLimit(Infinity),
    } = {},
  ): string => {
    try {
      made.admit(fakeRequest(headers), from, { connections, pending, addresses });
      return 'in';
    } catch (error) {
      if (!(error instanceof UpgradeRejection)) throw error;
      return `${String(error.status)} ${String(error.body)}`;
    }
  };
  return { admission: made, admit, lines: logger.lines };
}

const FOREIGN = '403 this origin is not allowed';
const NO_HOST = '403 this host is not served here';

describe('unavailable', () => {
  it('is a 503 that says when to come back', () => {
    expect(unavailable('too many')).toMatchObject({
      status: 503,
      body: 'too many',
      headers: { 'Retry-After': '10' },
    });
  });
});

describe('the origin policy', () => {
  const proxies = { trustProxy: (address: string) => address === '10.0.0.1' };
  const forwarded = { host: 'inner:8080', 'x-forwarded-host': 'example.com' };
  it.each<[string, ServerOptions<unknown>, Record<string, string>, string]>([
    ['no origin is no browser', {}, {}, 'in'],
    ['the same origin', {}, { host: 'example.com', origin: 'https://example.com' }, 'in'],
    ['the same but for case', {}, { host: 'Example.com', origin: 'HTTPS://EXAMPLE.COM' }, 'in'],
    [
      'a default port counts as none',
      {},
      { host: 'example.com:443', origin: 'https://example.com' },
      'in',
    ],
    ['another port', {}, { host: 'localhost:1', origin: 'http://localhost:2' }, FOREIGN],
    ['another host', {}, { host: 'example.com', origin: 'https://evil.example' }, FOREIGN],
    ['null', {}, { origin: 'null' }, FOREIGN],
    ['any, if the policy is *', { origin: '*' }, { origin: 'null' }, 'in'],
    ['listed', { origin: ['https://app.example'] }, { origin: 'https://app.example' }, 'in'],
    [
      'listed with http',
      { origin: ['http://app.example'] },
      { origin: 'https://app.example' },
      FOREIGN,
    ],
    [
      'a subdomain of a pattern',
      { origin: ['https://*.app.example'] },
      { origin: 'https://a.b.app.example' },
      'in',
    ],
    [
      'the domain of a pattern',
      { origin: ['https://*.app.example'] },
      { origin: 'https://app.example' },
      FOREIGN,
    ],
    ['a file, listed', { origin: ['file://'] }, { origin: 'file://' }, 'in'],
    [
      'a name that browsers convert',
      { origin: ['https://bücher.example'] },
      { origin: 'https://xn--bcher-kva.example' },
      'in',
    ],
    [
      'the same, listed beside others',
      { origin: ['https://app.example', 'same-origin'] },
      { host: 'example.com', origin: 'https://example.com' },
      'in',
    ],
    ['no browser, where the list is empty', { origin: [] }, {}, 'in'],
    ['not listed, though the same', { origin: [] }, { host: 'a', origin: 'https://a' }, FOREIGN],
    [
      'a function that agrees',
      { origin: (origin) => origin === 'x://y' },
      { origin: 'x://y' },
      'in',
    ],
    ['a function that does not', { origin: () => false }, { origin: 'https://localhost' }, FOREIGN],
    [
      'a forwarded host without trust',
      {},
      { ...forwarded, origin: 'https://example.com' },
      FOREIGN,
    ],
    ['a forwarded host by a proxy', proxies, { ...forwarded, origin: 'https://example.com' }, 'in'],
    [
      'the inner host behind a proxy',
      proxies,
      { ...forwarded, origin: 'http://inner:8080' },
      FOREIGN,
    ],
  ])('%s', (_name, options, headers, expected) => {
    expect(admission(options).admit(headers)).toBe(expected);
  });

  it('ignores a forwarded host from a peer that is not a proxy', () => {
    const { admit } = admission(proxies);
    const headers = { ...forwarded, origin: 'https://example.com' };
    expect(admit(headers, { from: '192.0.2.1' })).toBe(FOREIGN);
  });

  it('does not take a promise of its function for a yes', () => {
    const origin = (async () => false) as unknown as () => boolean;
    expect(() => admission({ origin }).admit({ origin: 'https://a.example' })).toThrow(
      'option origin: expected the function to answer at once',
    );
  });

  it('hands its function the request', () => {
    const seen: unknown[] = [];
    const { admit } = admission({
      origin: (_origin, request) => seen.push(request.headers.cookie) > 0,
    });
    expect(admit({ origin: 'https://a.example', cookie: 'c=1' })).toBe('in');
    expect(seen).toEqual(['c=1']);
  });

  it('logs both values and the option that would allow it', () => {
    const { admit, lines } = admission({});
    admit({ host: 'example.com', origin: 'https://app.example' });
    expect(lines).toEqual([
      'warn rejected origin "https://app.example" at host "example.com"; option origin: ["same-origin", "https://app.example"] would allow it',
    ]);
  });

  it('writes what a client sent on one line, and not without end', () => {
    const { admit, lines } = admission({});
    admit({ host: 'example.com', origin: `a\n${'b'.repeat(1000)}` });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^warn rejected origin "a\\nb{198}" at host/);
  });
});

describe('allowedHosts', () => {
  it('is any host, unless it is given', () => {
    expect(admission({}).admit({ host: 'rebound.example' })).toBe('in');
  });

  it('admits listed hosts, on any port if the entry has no port', () => {
    const { admit, lines } = admission({ allowedHosts: ['example.com', 'localhost:8080'] });
    expect(admit({ host: 'EXAMPLE.com:81' })).toBe('in');
    expect(admit({ host: 'localhost:8080' })).toBe('in');
    expect(lines).toEqual([]);
    expect(admit({ host: 'localhost:81' })).toBe(NO_HOST);
    expect(lines).toEqual([
      'warn rejected host "localhost:81"; option allowedHosts: ["example.com", "localhost:8080", "localhost:81"] would allow it',
    ]);
  });

  it('means the host that the proxy was asked for', () => {
    const { admit } = admission({ allowedHosts: ['example.com'], trustProxy: 1 });
    expect(admit({ host: 'inner', 'x-forwarded-host': 'example.com' })).toBe('in');
    expect(admit({ host: 'example.com', 'x-forwarded-host': 'evil.example' })).toBe(NO_HOST);
  });
});

describe('the proxies', () => {
  it('are not believed where their headers disagree, and one line says so', () => {
    const { admit, lines } = admission({ trustProxy: ['10.0.0.0/8'] });
    const headers = { 'x-forwarded-for': '192.0.2.1', forwarded: 'for=192.0.2.2' };
    expect(admit(headers)).toBe('400 Forwarded and X-Forwarded-For name different clients');
    expect(lines).toEqual([
      'warn rejected an upgrade: by Forwarded the client is "192.0.2.2", by X-Forwarded-For it is "192.0.2.1"; let the proxy remove the header that it does not write itself',
    ]);
    expect(admit(headers, { from: '192.0.2.9' })).toBe('in');
  });
});

describe('the path', () => {
  const request = fakeRequest({}, { url: '/rooms/blue?x=1' });
  const none = { connections: 0, pending: 0, addresses: new AddressLimit(1) };

  it('is compared unless it was already, and what a RegExp matched is returned', () => {
    const { admission: made } = admission({ path: /^\/rooms\/(\w+)$/ });
    expect(made.admit(request, undefined, none).match).toMatchObject({ 1: 'blue' });
    const matched = /blue/.exec('blue')!;
    expect(made.admit(request, undefined, none, matched).match).toBe(matched);
    expect(made.admit(request, undefined, none, true).match).toBeUndefined();
    expect(admission({}).admission.admit(request, undefined, none).match).toBeUndefined();
  });

  it('that is not served is 404, with a line that names both', () => {
    const { admit, lines } = admission({ path: '/chat' });
    expect(admit({})).toBe('404 no WebSocket is served at this path');
    expect(lines).toEqual([
      'warn rejected path "/": no WebSocket is served there; option path is "/chat"',
    ]);
  });
});

describe('the limits', () => {
  it('of several servers are counted together', () => {
    const limits = new SharedLimits({ maxConnections: 2 });
    const { admit } = admission({ limits, maxConnections: 5 });
    const { addresses } = sharesOf(limits);
    addresses.add(undefined);
    expect(admit({})).toBe('in');
    addresses.add(undefined);
    expect(admit({})).toBe('503 too many connections');
  });

  it('maxConnections counts connections and upgrades that are pending', () => {
    const { admit } = admission({ maxConnections: 3 });
    expect(admit({}, { connections: 2 })).toBe('in');
    expect(admit({}, { connections: 1, pending: 1 })).toBe('in');
    expect(admit({}, { connections: 3 })).toBe('503 too many connections');
    expect(admit({}, { connections: 1, pending: 2 })).toBe('503 too many connections');
  });

  it('maxPendingUpgrades counts only those', () => {
    const { admit } = admission({ maxPendingUpgrades: 2 });
    expect(admit({}, { connections: 5, pending: 1 })).toBe('in');
    expect(admit({}, { pending: 2 })).toBe('503 too many upgrades are pending');
  });

  it('maxConnectionsPerAddress counts those of one client, as trusted proxies name it', () => {
    const addresses = new AddressLimit(1);
    addresses.add('203.0.113.5');
    const { admit, admission: made } = admission({ trustProxy: 1, maxConnections: 0 });
    const from = (address: string) => admit({ 'x-forwarded-for': address }, { addresses });
    expect(from('203.0.113.5')).toBe('429 too many connections from this address');
    expect(from('203.0.113.6')).toBe('503 too many connections');
    const rejected = () =>
      made.admit(fakeRequest(), '203.0.113.5', {
        connections: 0,
        pending: 0,
        addresses,
      });
    expect(rejected).toThrow(
      expect.objectContaining({ headers: { 'Retry-After': '10' } }) as Error,
    );
  });

  it('come after every check that the client could fix', () => {
    const { admit } = admission({ maxConnections: 0 });
    expect(admit({ origin: 'https://evil.example' })).toBe(FOREIGN);
    expect(admit({ upgrade: 'h2c' })).toBe('426 only upgrades to websocket are served here');
  });
});

describe('admit', () => {
  it("returns the handshake and the client's address", () => {
    const { admission: made } = admission({});
    const request = fakeRequest({ 'sec-websocket-protocol': 'a, b' }, { url: '/chat?x=1' });
    const none = { connections: 0, pending: 0, addresses: new AddressLimit(1) };
    expect(made.admit(request, '192.0.2.1', none)).toMatchObject({
      handshake: { path: '/chat', host: 'localhost', subprotocols: ['a', 'b'] },
      host: 'localhost',
      address: '192.0.2.1',
    });
    expect(made.admit(request, undefined, none).address).toBeUndefined();
  });
});

describe('addressOf', () => {
  const forwarded = fakeRequest({ 'x-forwarded-for': '127.0.0.1, 203.0.113.5' });
  it('is the peer, or the peer of a trusted proxy', () => {
    const socket = '10.0.0.1';
    expect(admission({}).admission.addressOf(forwarded, socket)).toBe('10.0.0.1');
    expect(admission({ trustProxy: 1 }).admission.addressOf(forwarded, socket)).toBe('203.0.113.5');
  });

  it('is unknown where the transport has no address', () => {
    expect(admission({}).admission.addressOf(forwarded, undefined)).toBeUndefined();
  });
});

describe('subprotocolFor', () => {
  const request = fakeRequest();
  const choose = (
    subprotocols: NonNullable<ServerOptions['subprotocols']>,
    ...offered: string[]
  ) => {
    const { admission: made, lines } = admission({ subprotocols });
    return [made.subprotocolFor(offered, request), ...lines];
  };

  it("is the server's first that was offered", () => {
    expect(choose(['v3', 'v2', 'v1'], 'v1', 'v2')).toEqual(['v2']);
  });

  it('is what the function says, which gets the offers and the request', () => {
    const seen: unknown[] = [];
    const pick = (...args: unknown[]): string => {
      seen.push(...args);
      return 'b';
    };
    expect(choose(pick, 'a', 'b')).toEqual(['b']);
    expect(seen).toEqual([['a', 'b'], request]);
  });

  it('is undefined without an offer, and the function is not called', () => {
    const ask = jest.fn(() => undefined);
    expect(choose(ask)).toStrictEqual([undefined]);
    expect(ask).not.toHaveBeenCalled();
  });

  it('warns when there is no common one, with the offers', () => {
    const hint =
      'warn no common subprotocol: the client offered "a", "b"; browsers close such a connection; ';
    expect(choose(['x'], 'a', 'b')).toEqual([
      undefined,
      `${hint}option subprotocols: ["x", "a"] would allow it`,
    ]);
    const none = [undefined, `${hint}the function of option subprotocols chose none`];
    // The last three are what functions that were written for other libraries return.
    for (const choice of [undefined, null, '', false]) {
      expect(choose(() => choice as undefined, 'a', 'b')).toEqual(none);
    }
  });

  it('does not wait for a function', () => {
    const late = (async () => 'a') as unknown as () => string;
    expect(() => choose(late, 'a')).toThrow('option subprotocols: expected the function to');
  });
});

describe('checkHandshake', () => {
  it('checks a request by its version of HTTP', () => {
    const plain = fakeRequest({ 'sec-websocket-protocol': 'chat' });
    expect(checkHandshake(plain)).toMatchObject({ host: 'localhost', subprotocols: ['chat'] });
    const headers = {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': '/over-http2',
      ':authority': 'example.org',
      'sec-websocket-version': '13',
    };
    expect(checkHandshake({ httpVersion: '2.0', headers })).toMatchObject({
      host: 'example.org',
      target: '/over-http2',
    });
  });
});
