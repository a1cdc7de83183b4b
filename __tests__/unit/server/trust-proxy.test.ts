import { seenThroughProxies, type TrustProxy } from '../../../src/server/trust-proxy.js';
import { fakeRequest } from './harness.js';

const PEER = '10.0.0.9';
const own = (address: string): boolean => address.startsWith('10.');

interface Row {
  readonly name: string;
  readonly trust: TrustProxy;
  readonly peer?: string | undefined;
  readonly for?: string | string[];
  readonly host?: string | string[];
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
    host: ['evil.example', 'example.com'],
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
];

describe('seenThroughProxies', () => {
  it.each(ROWS)('$name', (row) => {
    const headers = {
      ...(row.for === undefined ? {} : { 'x-forwarded-for': row.for }),
      ...(row.host === undefined ? {} : { 'x-forwarded-host': row.host }),
    };
    const peer = 'peer' in row ? row.peer : PEER;
    expect(seenThroughProxies(fakeRequest(headers), peer, row.trust)).toEqual({
      address: row.address,
      forwardedHost: row.forwardedHost,
    });
  });
});
