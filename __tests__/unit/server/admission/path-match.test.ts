import { runInNewContext } from 'node:vm';
import { matchPath, pathFault } from '../../../../src/server/admission/path-match.js';
import { fakeRequest } from '../../../support/server.js';

const request = fakeRequest();

describe('matchPath', () => {
  it('matches every path without the option', () => {
    expect(matchPath(undefined, '/any', request)).toBe(true);
  });

  it('compares a string', () => {
    expect(matchPath('/a', '/a', request)).toBe(true);
    expect(matchPath('/a', '/a/', request)).toBe(false);
  });

  it('gives what a RegExp matched, of any realm', () => {
    for (const path of [
      /^\/rooms\/(?<room>\w+)$/,
      runInNewContext('/^\\/rooms\\/(?<room>\\w+)$/') as RegExp,
    ]) {
      expect(matchPath(path, '/rooms/blue', request)).toMatchObject({
        1: 'blue',
        groups: { room: 'blue' },
      });
      expect(matchPath(path, '/rooms/', request)).toBe(false);
    }
  });

  it('asks a function, which sees the request', () => {
    const asked: unknown[] = [];
    const path = (...args: unknown[]): boolean => asked.push(...args) > 0;
    expect(matchPath(path, '/a', request)).toBe(true);
    expect(asked).toEqual(['/a', request]);
    expect(matchPath(() => undefined as unknown as boolean, '/a', request)).toBe(false);
  });

  it('does not take a promise for a yes', () => {
    const late = (async () => false) as unknown as () => boolean;
    expect(() => matchPath(late, '/a', request)).toThrow('option path: expected the function to');
  });
});

describe('pathFault', () => {
  it.each(['/', '/chat', '/a/b/', '/caf%C3%A9', '/a%20b', '//a', '/a;b=c', '/..a/.b', '/@:!$'])(
    'finds nothing wrong with %s',
    (path) => {
      expect(pathFault(path)).toBeUndefined();
    },
  );

  it.each([
    ['/live?room=1', 'has a query or a fragment, which is not part of a path; write "/live"'],
    ['/live#a', 'has a query or a fragment, which is not part of a path; write "/live"'],
    ['/?', 'has a query or a fragment, which is not part of a path; write "/"'],
    ['/a b', 'is never asked for in this form; write "/a%20b"'],
    ['/café', 'is never asked for in this form; write "/caf%C3%A9"'],
    ['/a/../b', 'is never asked for in this form; write "/b"'],
    ['/a/./b', 'is never asked for in this form; write "/a/b"'],
    ['/a/%2e%2e/b', 'is never asked for in this form; write "/b"'],
    ['/a/..', 'is never asked for in this form; write "/"'],
    ['/a\\b', 'is never asked for in this form; write "/a/b"'],
    ['/a\n', 'is never asked for in this form; write "/a"'],
    ['/a ', 'is never asked for in this form; write "/a"'],
    ['/a"', 'is never asked for in this form; write "/a%22"'],
  ])('says what to write for %j', (path, fault) => {
    expect(pathFault(path)).toBe(`${JSON.stringify(path)} ${fault}`);
    expect(pathFault(/write (".*")$/.exec(fault)![1]!.slice(1, -1))).toBeUndefined();
  });

  it.each([
    /^\/live$/,
    /^\//,
    /live$/,
    /^/,
    /^l?\/ive/,
    /^l*\/ive/,
    /^l{0,1}\/ive/,
    /^live|\/live/,
    /^live(?:[|]|\|)|\/live/,
    /^\w\/live/,
    /^.live/,
    /^[/]live/,
    /^(live|\/live)/,
    /^$|live/,
  ])('finds nothing wrong with %s, of which it is not certain', (path) => {
    expect(pathFault(path)).toBeUndefined();
  });

  it.each([
    [/^live$/, /^\/live$/],
    [/^Live\/\d+$/i, /^\/Live\/\d+$/i],
    [/^l+/, /^\/l+/],
    [/^a(?:b|(?:c|d))[|\]|]\|$/, /^\/a(?:b|(?:c|d))[|\]|]\|$/],
    [/^-a/m, /^\/-a/m],
    [runInNewContext('/^live/') as RegExp, /^\/live/],
  ])('says what to write for %s', (path, advice) => {
    expect(pathFault(path)).toBe(
      `${String(path)} matches no path, because every path begins with a slash; write ${String(advice)}`,
    );
  });
});
