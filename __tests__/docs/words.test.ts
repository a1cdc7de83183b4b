import { run } from '../support/packed-package.js';
import { root } from './sources.js';

interface Found {
  readonly word: string;
}

/** The value that `expression` has in an ES module with the exports of scripts/words.mjs as `words`. */
function evaluate(expression: string): unknown {
  const program = `
    import { readFileSync } from 'node:fs';
    import * as words from './scripts/words.mjs';
    console.log(JSON.stringify(${expression}));`;
  const { output } = run(root, process.execPath, '--input-type=module', '-e', program);
  return JSON.parse(output);
}

describe('plain English', () => {
  it('has none of the words to avoid in the files and folders listed as clean', () => {
    const found = evaluate(`words.CLEAN.flatMap(words.filesIn).flatMap((file) =>
      words
        .findWords(readFileSync(file, 'utf8'))
        .map(({ line, word }) => file + ':' + line + ': ' + word))`);
    expect(found).toEqual([]);
  });

  it.each([
    ['A frame behind another.', ['behind']],
    ['A server behind a reverse proxy; see guide.md#behind-a-proxy.', []],
    ['Whoever sends, and who reads; people who write.', ['Whoever', 'who']],
    ['This is none. Heed it,\nmend it, send it anew.', ['is none', 'Heed', 'mend', 'anew']],
    ['<!-- words: allow -->\nA line with nobody.\nAnother with nobody.', ['nobody']],
    ['It says who closed, and why; if there is none, the whole messages after it.', []],
  ])('of %j rejects %j', (text, words) => {
    const found = evaluate(`words.findWords(${JSON.stringify(text)})`) as Found[];
    expect(found.map(({ word }) => word)).toEqual(words);
  });
});
