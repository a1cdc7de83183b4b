import { type Address, readAddress } from '../../../src/client/address.js';

const read = (url: string) => readAddress(new URL(url));

/** An address, with the URL as text. */
const facts = (url: string): unknown => {
  const address = read(url) as Address;
  return { ...address, url: address.url.href };
};

describe('readAddress', () => {
  const plain = { secure: false, port: 80, socketPath: undefined, userinfo: undefined };

  it.each<[string, object]>([
    ['ws://example.com', { ...plain, url: 'ws://example.com/', host: 'example.com', path: '/' }],
    [
      'ws://example.com:8080/chat?room=1',
      {
        ...plain,
        url: 'ws://example.com:8080/chat?room=1',
        host: 'example.com',
        port: 8080,
        path: '/chat?room=1',
      },
    ],
    [
      'wss://example.com/a',
      {
        ...plain,
        url: 'wss://example.com/a',
        host: 'example.com',
        secure: true,
        port: 443,
        path: '/a',
      },
    ],
    ['http://a/', { ...plain, url: 'ws://a/', host: 'a', path: '/' }],
    [
      'https://a:80/',
      { ...plain, url: 'wss://a:80/', host: 'a', secure: true, port: 80, path: '/' },
    ],
    ['ws://[::1]:80/a:b', { ...plain, url: 'ws://[::1]/a:b', host: '::1', path: '/a:b' }],
    [
      'ws://user:p%40ss@a/',
      { ...plain, url: 'ws://user:p%40ss@a/', host: 'a', path: '/', userinfo: 'user:p@ss' },
    ],
    ['ws://:pass@a/', { ...plain, url: 'ws://:pass@a/', host: 'a', path: '/', userinfo: ':pass' }],
    ['ws://%zz@a/', { ...plain, url: 'ws://%zz@a/', host: 'a', path: '/', userinfo: '%zz:' }],
    [
      'ws+unix:/run/app.sock',
      { ...plain, url: 'ws+unix:/run/app.sock', host: '', path: '', socketPath: '/run/app.sock' },
    ],
    [
      'ws+unix:/run/my%20app.sock:/chat:1?room=1',
      {
        ...plain,
        url: 'ws+unix:/run/my%20app.sock:/chat:1?room=1',
        host: '',
        path: '/chat:1?room=1',
        socketPath: '/run/my app.sock',
      },
    ],
    [
      'ws+unix:relative.sock:',
      { ...plain, url: 'ws+unix:relative.sock:', host: '', path: '', socketPath: 'relative.sock' },
    ],
  ])('reads %s', (url, address) => {
    expect(facts(url)).toStrictEqual(address);
  });

  it.each([
    ['scheme', 'ftp://a/'],
    ['scheme', 'wss+unix:/a'],
    ['path', 'ws+unix:'],
    ['path', 'ws+unix:#a'],
    ['fragment', 'ws://a/#b'],
    ['fragment', 'ws+unix:/a:/#b'],
  ])('finds the fault of the %s in %s', (code, url) => {
    expect(read(url)).toEqual({ code, url: new URL(url) });
  });

  it('does not change the URL that it is given, and gives one of its own', () => {
    const url = new URL('http://a/');
    expect((readAddress(url) as Address).url.href).toBe('ws://a/');
    expect(url.href).toBe('http://a/');
    const same = new URL('ws://a/');
    expect((readAddress(same) as Address).url).not.toBe(same);
  });
});
