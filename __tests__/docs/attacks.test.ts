import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { advisories, unnumbered } from './advisories.js';
import { links } from '../support/markdown.js';
import { document, root, rowsUnder } from './sources.js';

/** docs/security.md says which test stands against which published weakness; it must be true of both. */
const rows = rowsUnder(document('security.md'), 'Advisory by advisory').map(
  ([advisories = '', , where = '']) => ({
    advisories,
    where,
    tests: links(where).map(({ target }) => posix.join('docs', target)),
  }),
);

/** Numbers of advisories in a text. */
const numbers = (text: string): string[] =>
  text.match(/\b(?:CVE-\d{4}-\d+|GHSA(?:-[0-9a-z]{4}){3}|RUSTSEC-\d{4}-\d{4})\b/g) ?? [];

const hostile = readdirSync(join(root, '__tests__/hostile'))
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => posix.join('__tests__/hostile', name));

/** The comment at the head of a test file, which says what it is about. */
const headOf = (file: string): string =>
  /^\/\*\*[\s\S]*?\*\//m.exec(readFileSync(join(root, file), 'utf8'))?.[0] ?? '';

describe('the table of attacks', () => {
  it('has every weakness that we know of in one row, and no other number', () => {
    const all = rows.flatMap((row) => numbers(row.advisories));
    expect(all.sort()).toStrictEqual([...advisories].sort());
  });

  it.each(unnumbered)('has one row for %s', (name) => {
    expect(rows.filter((row) => row.advisories.split(', ').includes(name))).toHaveLength(1);
  });

  it.each(rows.map(({ advisories, where, tests }) => [advisories, where, tests] as const))(
    'has a test that exists, or a reason why there is none: %s',
    (_advisories, where, tests) => {
      if (where.startsWith('not here: ')) {
        expect(where.length).toBeGreaterThan('not here: '.length + 10);
        return;
      }
      expect(tests.filter((file) => file.endsWith('.test.ts')).length).toBeGreaterThan(0);
      expect(tests.filter((file) => !existsSync(join(root, file)))).toEqual([]);
    },
  );

  it.each(hostile)('names %s, with the advisories at its head', (file) => {
    const own = rows.filter(({ tests }) => tests.includes(file));
    expect(own).not.toEqual([]);
    const told = own.flatMap(({ advisories }) => numbers(advisories));
    expect(told).toEqual(expect.arrayContaining(numbers(headOf(file))));
  });
});
