import { requestUrl } from '../../../../src/server/admission/request-url.js';

it.each([
  ['example.com', '/chat?room=1', 'http://example.com/chat?room=1'],
  ['Example.com:8080', '/', 'http://example.com:8080/'],
  ['[fe80::1%25eth0]:8080', '/a', 'http://[fe80::1]:8080/a'],
  ['example.com', '//evil.example/a', 'http://example.com//evil.example/a'],
  ['a/b?c', '/d', 'http://localhost/d'], // a proxy may write anything
  ['a%zz', '/d', 'http://localhost/d'],
  ['', '/d', 'http://localhost/d'],
])('the URL of %s and %s is %s', (host, target, href) => {
  expect(requestUrl(host, target).href).toBe(href);
});
