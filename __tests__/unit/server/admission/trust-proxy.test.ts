import type { TrustProxy } from '../../../../src/server/options/options.js';
import { networkFault, Proxies } from '../../../../src/server/admission/trust-proxy.js';
import { fakeRequest } from '../../../support/server.js';

const PEER = '10.0.0.9';
const own = (address: string): boolean => address.startsWith('10.');

interface Row {
  readonly name: string;
  readonly trust: TrustProxy;
  readonly peer?: string | undefined;
  readonly for?: string | string[];
  readonly host?: string | string[];
  readonly forwarded?: string | string[];
  readonly address: string | undefined;
  readonly forwardedHost?: string;
}

const ROWS: Row[] = [
  {
    name: 'nothing that is forwarded counts without trustProxy',
    trust: false,
    for: '203.0.113.5',
    host: 'example.com',
    address: PEER,
  },
  {
    name: 'one hop: the last address was written by the proxy',
    trust: 1,
    for: '203.0.113.5',
    host: 'example.com',
    address: '203.0.113.5',
    forwardedHost: 'example.com',
  },
  {
    name: 'one hop: what the client put before it is not believed',
    trust: 1,
    for: '127.0.0.1, 10.0.0.1, 203.0.113.5',
    host: 'evil.example, example.com',
    address: '203.0.113.5',
    forwardedHost: 'example.com',
  },
  {
    name: 'two hops: the last address is the outer proxy, the one before it the client',
    trust: 2,
    for: '127.0.0.1, 203.0.113.5, 10.0.0.1',
    address: '203.0.113.5',
  },
  {
    name: 'more hops than addresses: the farthest that is known',
    trust: 5,
    for: '203.0.113.5, 10.0.0.1',
    address: '203.0.113.5',
  },
  {
    name: 'a predicate: the first address from the end that is no proxy',
    trust: own,
    for: '127.0.0.1, 203.0.113.5, 10.0.0.2, 10.0.0.1',
    host: 'example.com',
    address: '203.0.113.5',
    forwardedHost: 'example.com',
  },
  {
    name: 'a predicate: a peer that is no proxy is not believed',
    trust: own,
    peer: '198.51.100.7',
    for: '10.0.0.1',
    host: 'evil.example',
    address: '198.51.100.7',
  },
  {
    name: 'a predicate: all addresses are proxies',
    trust: own,
    for: '10.0.0.3, 10.0.0.2',
    address: '10.0.0.3',
  },
  { name: 'a proxy that forwards nothing', trust: 1, address: PEER },
  {
    name: 'repeated headers are one list',
    trust: 2,
    for: ['127.0.0.1', '203.0.113.5', '10.0.0.1'],
    host: ['evil.example', 'example.com', 'edge'],
    address: '203.0.113.5',
    forwardedHost: 'example.com',
  },
  {
    name: 'empty elements and white space do not count',
    trust: 1,
    for: ' , 203.0.113.5 ,, ',
    host: ' , ',
    address: '203.0.113.5',
  },
  {
    name: 'a proxy on a Unix socket has no address, but is a hop',
    trust: 1,
    peer: undefined,
    for: '127.0.0.1, 203.0.113.5',
    host: 'example.com',
    address: '203.0.113.5',
    forwardedHost: 'example.com',
  },
  {
    name: 'a predicate cannot be asked about a Unix socket',
    trust: () => true,
    peer: undefined,
    for: '203.0.113.5',
    host: 'example.com',
    address: undefined,
  },
  {
    name: 'a Unix socket without trustProxy',
    trust: false,
    peer: undefined,
    for: '203.0.113.5',
    address: undefined,
  },
  // What each proxy appends to X-Forwarded-Host is counted as the addresses are.
  {
    name: 'two hops: the host is the second from the right',
    trust: 2,
    for: '203.0.113.7, 10.0.0.1',
    host: 'evil.example, www.example.com, edge.internal',
    address: '203.0.113.7',
    forwardedHost: 'www.example.com',
  },
  {
    name: 'a shorter list of hosts: its leftmost value',
    trust: 3,
    for: '203.0.113.7, 10.0.0.2, 10.0.0.1',
    host: 'www.example.com, edge.internal',
    address: '203.0.113.7',
    forwardedHost: 'www.example.com',
  },
  {
    name: 'the number of proxies counts for the host, however many addresses there are',
    trust: 2,
    host: 'www.example.com, edge.internal',
    address: PEER,
    forwardedHost: 'www.example.com',
  },
  {
    name: 'a predicate: as many hosts as machines were trusted',
    trust: own,
    for: '203.0.113.7, 10.0.0.1',
    host: 'evil.example, www.example.com, edge.internal',
    address: '203.0.113.7',
    forwardedHost: 'www.example.com',
  },
  {
    name: 'a predicate: one host of a proxy that forwards no address',
    trust: own,
    host: 'evil.example, www.example.com',
    address: PEER,
    forwardedHost: 'www.example.com',
  },
  // Networks.
  {
    name: 'networks and addresses are proxies',
    trust: ['10.0.0.0/8', 'fd00::/8', '192.0.2.1'],
    for: '127.0.0.1, 203.0.113.5, 192.0.2.1, fd12::1, ::ffff:10.9.9.9, 10.1.2.3',
    host: 'www.example.com',
    address: '203.0.113.5',
    forwardedHost: 'www.example.com',
  },
  {
    name: 'a peer whose IPv4 address is written as IPv6 is in the network',
    trust: ['10.0.0.0/8'],
    peer: '::ffff:10.0.0.9',
    for: '203.0.113.5',
    address: '203.0.113.5',
  },
  {
    name: 'a network that is written as IPv6 has the IPv4 peer',
    trust: ['::ffff:10.0.0.0/104'],
    for: '203.0.113.5',
    address: '203.0.113.5',
  },
  {
    name: 'a peer outside the networks is not believed',
    trust: ['10.0.0.0/24'],
    peer: '10.0.1.9',
    for: '203.0.113.5',
    forwarded: 'for=203.0.113.5',
    host: 'evil.example',
    address: '10.0.1.9',
  },
  {
    name: 'an IPv6 peer with a zone is in its network',
    trust: ['fe80::/10'],
    peer: 'fe80::1%lo',
    for: '203.0.113.5',
    address: '203.0.113.5',
  },
  { name: 'no networks: no proxies', trust: [], for: '203.0.113.5', address: PEER },
  {
    name: 'networks do not have a Unix socket',
    trust: ['0.0.0.0/0', '::/0'],
    peer: undefined,
    for: '203.0.113.5',
    address: undefined,
  },
  // What proxies write for an address.
  ...[
    ['203.0.113.5:41234', '203.0.113.5'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:41234', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['"[2001:db8::1]:41234"', '2001:db8::1'],
    ['"203.0.113.5"', '203.0.113.5'],
    ['203.0.113.5:_port', '203.0.113.5'],
    ['::ffff:203.0.113.5', '::ffff:203.0.113.5'],
  ].map(([text, address]): Row => ({
    name: `${text!} is ${address!}`,
    trust: 1,
    for: text!,
    address,
  })),
  ...['unknown', '_hidden', 'example.com', '999.1.1.1', '[evil]', '203.0.113.5 x', '"', '%00'].map(
    (text): Row => ({
      name: `${text} is not an address: the last one that is known counts`,
      trust: 1,
      for: `127.0.0.1, ${text}`,
      host: 'www.example.com',
      address: PEER,
      forwardedHost: 'www.example.com',
    }),
  ),
  {
    name: 'hops: a proxy without a name is a hop, and what it says is believed',
    trust: 3,
    for: '203.0.113.5, unknown, 10.0.0.1',
    address: '203.0.113.5',
  },
  {
    name: 'networks: behind a proxy without a name nothing is believed',
    trust: ['10.0.0.0/8'],
    for: '203.0.113.5, unknown, 10.0.0.1',
    host: 'evil.example, www.example.com, edge.internal',
    address: '10.0.0.1',
    forwardedHost: 'www.example.com',
  },
  // Forwarded.
  {
    name: 'Forwarded names the address and the host',
    trust: 1,
    forwarded: 'for=203.0.113.5;proto=https;by=10.0.0.9;host=www.example.com',
    address: '203.0.113.5',
    forwardedHost: 'www.example.com',
  },
  {
    name: 'Forwarded: two hops are the second element from the right',
    trust: 2,
    forwarded:
      'for=127.0.0.1;host=evil.example, FOR="[2001:db8::1]:4711";Host="www.example.com:8443" , for=10.0.0.1;host=edge',
    address: '2001:db8::1',
    forwardedHost: 'www.example.com:8443',
  },
  {
    name: 'Forwarded: repeated lines are one list',
    trust: 2,
    forwarded: ['for=203.0.113.5;host=www.example.com', 'for=10.0.0.1'],
    address: '203.0.113.5',
    forwardedHost: 'www.example.com',
  },
  {
    name: 'Forwarded: the host of a nearer proxy, where the farther names none',
    trust: 2,
    forwarded: 'for=203.0.113.5, for=10.0.0.1;host=www.example.com',
    address: '203.0.113.5',
    forwardedHost: 'www.example.com',
  },
  {
    name: 'Forwarded: a proxy that hides its peer',
    trust: 1,
    forwarded: 'for=127.0.0.1, for=_hidden',
    address: PEER,
  },
  {
    name: 'Forwarded without addresses beside the other family',
    trust: 1,
    forwarded: 'proto=https;host=other.example',
    for: '203.0.113.5',
    host: 'www.example.com',
    address: '203.0.113.5',
    forwardedHost: 'www.example.com',
  },
  {
    name: 'Forwarded without addresses names the host',
    trust: 1,
    forwarded: 'proto=https;host=www.example.com',
    address: PEER,
    forwardedHost: 'www.example.com',
  },
  {
    name: 'both families agree, in other spellings',
    trust: 1,
    forwarded: 'for="[2001:DB8::0:1]:80";host=www.example.com',
    for: '2001:db8::1',
    host: 'other.example',
    address: '2001:DB8::0:1',
    forwardedHost: 'www.example.com',
  },
  {
    name: 'both families agree that the peer is unknown',
    trust: 1,
    forwarded: 'for=unknown',
    for: 'unknown',
    host: 'www.example.com',
    address: PEER,
    forwardedHost: 'www.example.com',
  },
  {
    name: 'both families at the same hop, in lists of different lengths',
    trust: 2,
    forwarded: 'for=203.0.113.5, for=10.0.0.1',
    for: '127.0.0.1, 203.0.113.5, 10.0.0.1',
    address: '203.0.113.5',
  },
];

function seen(row: Partial<Row> & Pick<Row, 'trust'>) {
  const headers = {
    ...(row.for === undefined ? {} : { 'x-forwarded-for': row.for }),
    ...(row.host === undefined ? {} : { 'x-forwarded-host': row.host }),
    ...(row.forwarded === undefined ? {} : { forwarded: row.forwarded }),
  };
  const peer = 'peer' in row ? row.peer : PEER;
  return new Proxies(row.trust).seen(fakeRequest(headers), peer);
}

describe('Proxies', () => {
  it.each(ROWS)('$name', (row) => {
    expect(seen(row)).toEqual({ address: row.address, forwardedHost: row.forwardedHost });
  });

  it.each([
    ['203.0.113.5', 'for=198.51.100.7', '"198.51.100.7"', '"203.0.113.5"'],
    ['203.0.113.5', 'for=unknown', '"unknown"', '"203.0.113.5"'],
    ['unknown', 'for=203.0.113.5', '"203.0.113.5"', '"unknown"'],
    ['unknown', 'for=_hidden', '"_hidden"', '"unknown"'],
    ['203.0.113.5', 'for=203.0.113.5, host=a', 'not named', '"203.0.113.5"'],
  ])('rejects X-Forwarded-For: %s beside Forwarded: %s', (listed, forwarded, one, other) => {
    const { address, forwardedHost, fault } = seen({ trust: 1, for: listed, forwarded });
    expect({ address, forwardedHost }).toEqual({ address: PEER, forwardedHost: undefined });
    expect(fault?.rejection).toMatchObject({
      status: 400,
      body: 'Forwarded and X-Forwarded-For name different clients',
    });
    expect(fault?.hint).toBe(
      `rejected an upgrade: by Forwarded the client is ${one}, by X-Forwarded-For it is ${other}; let the proxy remove the header that it does not write itself`,
    );
  });

  it.each(['for="203.0.113.5', 'for', 'for=a;for=b', 'for="a"b', '=a', 'for=a b', 'for="a, for=b'])(
    'rejects Forwarded: %s',
    (forwarded) => {
      const { fault } = seen({ trust: 1, forwarded });
      expect(fault?.rejection).toMatchObject({
        status: 400,
        body: 'the Forwarded header is malformed (RFC 7239 section 4)',
      });
      expect(fault?.hint).toContain('rejected an upgrade: the Forwarded header is malformed');
    },
  );

  it('asks a function at once', () => {
    const late = (async () => true) as unknown as (address: string) => boolean;
    expect(() => seen({ trust: late })).toThrow('option trustProxy: expected the function to');
  });
});

describe('networkFault', () => {
  it.each([
    '10.0.0.1',
    '10.0.0.0/8',
    '10.1.2.3/0',
    '::1',
    'fd00::/8',
    '::/0',
    'FD00::1/128',
    '::ffff:10.0.0.1',
    '::ffff:10.0.0.0/104',
  ])('finds nothing wrong with %s', (entry) => {
    expect(networkFault(entry)).toBeUndefined();
  });

  it.each([
    '',
    'loopback',
    'example.com',
    '10.0.0.1:80',
    '[::1]',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/255.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0/8',
    ' 10.0.0.1',
    'fe80::1%lo',
    '::ffff:10.0.0.0/8',
    '::ffff:10.0.0.0/129',
    '*',
  ])('says what %j is not', (entry) => {
    expect(networkFault(entry)).toBe(
      `${JSON.stringify(entry)} is neither an address nor a network such as "10.0.0.0/8" or "fd00::/8"`,
    );
  });
});
