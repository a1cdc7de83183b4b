import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const list = read('__tests__/runtimes/differences.mjs');
const document = read('docs/runtimes.md');

/** The values of one key of the list, in order. */
const values = (key: string) =>
  [...list.matchAll(new RegExp(`\\b${key}: (["'])(.*?)\\1`, 'g'))].map((match) => match[2]!);

/** The lines of a test file, and of the tables that it takes its rows from. */
function linesOf(file: string): string[] {
  const source = read(`__tests__/${file}`);
  const tables = [...source.matchAll(/'\.\/(tables\/[\w-]+)\.js'/g)];
  const all = [source, ...tables.map(([, table]) => read(`__tests__/conformance/${table!}.ts`))];
  return all.join('\n').split('\n');
}

/** Whether one of the lines has these words of a title, or their end right after a place for a value. */
function canSay(lines: string[], title: string): boolean {
  const ends = [...title.matchAll(/(?= )/g)].map(({ index }) => `%s${title.slice(index)}`);
  return lines.some((line) => [title, ...ends].some((words) => line.includes(words)));
}

describe('the list of what differs on other runtimes', () => {
  test('has its rows in docs/runtimes.md, and that has the row’s name alone in the first column', () => {
    const rows = [...new Set(values('row'))];
    expect(rows).toContain('a reset');
    expect(rows.filter((row) => !document.includes(`\n| ${row} |`))).toEqual([]);
  });

  test('names tests that exist', () => {
    const [files, titles] = [values('file'), values('title')];
    expect(files).toHaveLength(titles.length);
    expect(files.filter((file) => !existsSync(join(root, '__tests__', file)))).toEqual([]);
    expect(titles.filter((title, at) => !canSay(linesOf(files[at]!), title))).toEqual([]);
  });
});

describe('the versions of the other runtimes', () => {
  test.each(['bun', 'deno'])(
    'of %s are the same in .ci/run, the workflow and the document',
    (name) => {
      const version = new RegExp(`^${name}_version=(.+)$`, 'm').exec(read('.ci/run'))?.[1];
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(read('.github/workflows/ci.yml')).toContain(`${name}@${version}`);
      const title = name === 'bun' ? 'Bun' : 'Deno';
      expect(document).toContain(`| ${title} | ${version} |`);
      expect(document).toContain(`${title} ${version} |`);
    },
  );
});
