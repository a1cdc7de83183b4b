import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../support/packed-package.js';
import { root } from './sources.js';

interface Found {
  readonly word: string;
  readonly line: number;
}

/** What scripts/words.mjs, an ES module, finds in each text. */
function findWords(texts: readonly string[]): Found[][] {
  const program = `
    import { findWords } from './scripts/words.mjs';
    console.log(JSON.stringify(${JSON.stringify(texts)}.map(findWords)));`;
  return JSON.parse(
    run(root, process.execPath, '--input-type=module', '-e', program).output,
  ) as Found[][];
}

/** The pages among the paths of CLEAN in scripts/words.mjs. */
function cleanPages(): string[] {
  const program = `
    import { CLEAN, filesIn } from './scripts/words.mjs';
    console.log(JSON.stringify(CLEAN.flatMap(filesIn).filter((file) => file.endsWith('.md'))));`;
  return JSON.parse(
    run(root, process.execPath, '--input-type=module', '-e', program).output,
  ) as string[];
}

describe('plain English', () => {
  it('has none of the words to avoid in the pages listed as clean', () => {
    const pages = cleanPages();
    const found = findWords(pages.map((page) => readFileSync(join(root, page), 'utf8')));
    const hits = pages.flatMap((page, at) =>
      found[at]!.map(({ line, word }) => `${page}:${line}: ${word}`),
    );
    expect(hits).toEqual([]);
  });

  it.each([
    ['A frame behind another.', ['behind']],
    ['A server behind a reverse proxy; see guide.md#behind-a-proxy.', []],
    ['Whoever sends, and who reads; people who write.', ['Whoever', 'who']],
    ['This is none. Heed it,\nmend it, send it anew.', ['is none', 'Heed', 'mend', 'anew']],
    ['<!-- words: allow -->\nA line with nobody.\nAnother with nobody.', ['nobody']],
    ['The whole messages after it.', []],
  ])('of %j refuses %j', (text, words) => {
    const [found = []] = findWords([text]);
    expect(found.map(({ word }) => word)).toEqual(words);
  });
});
