import {
  isHost,
  pathnameOf,
  requestPath,
  splitTarget,
} from '../../../../src/protocol/handshake/request-target.js';

describe('requestPath', () => {
  it.each([
    ['/a?b', '/a'],
    ['http://h/a?b', '/a'],
    ['http://h', '/'],
    ['*', undefined],
    ['', undefined],
  ])('of %j is %p', (target, path) => {
    expect(requestPath(target)).toBe(path);
  });
});

describe('splitTarget', () => {
  it.each([
    ['/a?b', { target: '/a?b', authority: undefined }],
    ['http://example.org/a', { target: '/a', authority: 'example.org' }],
    ['wss://example.org:8443', { target: '/', authority: 'example.org:8443' }],
    ['*', { target: undefined, authority: undefined }],
  ])('splits %j', (target, parts) => {
    expect(splitTarget(target)).toEqual(parts);
  });
});

describe('pathnameOf', () => {
  it('leaves the query out', () => {
    expect(pathnameOf('/a/b?c=/../d')).toBe('/a/b');
  });

  it.each(['/a/../b', '/%2e/b', '/a\\b', '/a b', '/a?\t'])('has no path for %j', (target) => {
    expect(pathnameOf(target)).toBeUndefined();
  });
});

describe('isHost', () => {
  it.each(['example.org', 'example.org:8080', '127.0.0.1', '[::1]:80', '[fe80::1%eth0]'])(
    'knows %j',
    (host) => {
      expect(isHost(host)).toBe(true);
    },
  );

  it.each(['', 'a b', 'user@host', 'host:port', '[::1'])('refuses %j', (host) => {
    expect(isHost(host)).toBe(false);
  });
});
