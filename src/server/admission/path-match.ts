import { isRegExp } from 'node:util/types';
import type { IncomingMessage } from 'node:http';
import { answeredAtOnce } from './answered-at-once.js';
import type { ServerOptions } from '../options/options.js';

/** The match of a RegExp; for the other kinds of `path`, whether they match. */
export type PathMatch = RegExpExecArray | boolean;

/** Match a request's path, without its query, with option `path`. Without the option every path matches. */
export function matchPath(
  option: ServerOptions['path'],
  path: string,
  request: IncomingMessage,
): PathMatch {
  if (option === undefined) return true;
  if (typeof option === 'string') return option === path;
  if (isRegExp(option)) return option.exec(path) ?? false;
  const answer: unknown = answeredAtOnce('path', option(path, request));
  return Boolean(answer); // any truthy value counts as a match
}

/** The reason why no request can have this path, with what to write; `undefined` if one can. */
export function pathFault(path: string | RegExp): string | undefined {
  if (typeof path !== 'string') return patternFault(path);
  const bare = path.split(/[?#]/, 1)[0]!;
  if (bare !== path) {
    return `${JSON.stringify(path)} has a query or a fragment, which is not part of a path; write ${JSON.stringify(bare)}`;
  }
  const { pathname } = new URL(`http://localhost${path}`);
  return pathname === path
    ? undefined
    : `${JSON.stringify(path)} is never asked for in this form; write ${JSON.stringify(pathname)}`;
}

/**
 * The same for a RegExp, found only where it is certain: the text begins with a character that is not a slash, and
 * nothing can stand in its place.
 */
function patternFault({ source, flags }: RegExp): string | undefined {
  if (!/^\^[\w-](?![*?{])/.test(source) || hasAlternatives(source)) return undefined;
  return `/${source}/${flags} matches no path, because every path begins with a slash; write /^\\/${source.slice(1)}/${flags}`;
}

/** Whether a RegExp's source has a `|` outside its groups and classes. */
function hasAlternatives(source: string): boolean {
  let rest = source.replaceAll(/\\./g, '').replaceAll(/\[[^\]]*\]/g, '');
  for (let outer = ''; outer !== rest;) {
    outer = rest;
    rest = outer.replaceAll(/\([^()]*\)/g, '');
  }
  return rest.includes('|');
}
