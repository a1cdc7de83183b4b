// `node scripts/words.mjs` lists the words that CONTRIBUTING asks writers to avoid, in the paths of CLEAN.
// ESLint (hawser/words) and __tests__/docs/words.test.ts reject them there, with what to write instead. A
// line that needs such a word has `words: allow` in a comment on it or above it.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Files and folders without such words, relative to the repository. */
export const CLEAN = [
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'README.md',
  'SECURITY.md',
  'autobahn/README.md',
  'bench/LOG.md',
  'bench/README.md',
  'docs',
  'examples/README.md',
  'fuzz/README.md',
  'packages/hawser-ws/README.md',
  'src',
  'tools/mutation/README.md',
  'tools/soak/README.md',
];

/**
 * Each word and its replacement.
 *
 * @type {readonly (readonly [RegExp, string])[]}
 */
const WORDS = [
  [
    // A server behind a proxy is plain English.
    /\bbehind\b(?![- ](an?|the|your|its|one|several|such)?[- ]?([\w-]+[- ])?(prox|load|gateway|NAT\b))/gi,
    '"after" for order, "backpressured" or "slow" for a socket',
  ],
  [
    /(?<!\b(people|users?|visitors?|persons?|everyone|anyone|someone) )\bwho\b(?! (caused|closed|ended)\b)/gi,
    'a noun: "a peer that", "the caller"',
  ],
  [/\b(whoever|somebody|nobody|nobody's|somebody's)\b/gi, 'a noun: "a peer that", "the caller"'],
  [/(?<!\bthere )\b(is|are|was|were|be) none\b/gi, '"is not a …"'],
  [/\banew\b/gi, '"again"'],
  [/\bheed(s|ed|ing)?\b/gi, '"ignore" or "follow"'],
  [/\bmend(s|ed|ing)?\b/gi, '"fix"'],
  [/\bfor want of\b/gi, '"without" or "because there is no"'],
  [/\bas if it had never been\b/gi, 'the fact'],
];

/**
 * Every word of {@link WORDS} in `text`.
 *
 * @param {string} text
 * @returns {{ index: number, line: number, word: string, instead: string }[]}
 */
export function findWords(text) {
  const lines = text.split('\n');
  return WORDS.flatMap(([word, instead]) =>
    [...text.matchAll(word)].map(({ index, 0: found }) => {
      const line = text.slice(0, index).split('\n').length;
      return { index, line, word: found, instead };
    }),
  )
    .filter(
      ({ line }) =>
        !lines
          .slice(Math.max(0, line - 2), line)
          .join()
          .includes('words: allow'),
    )
    .sort((one, other) => one.index - other.index);
}

/** The files below `path` whose words count: sources and pages. @param {string} path */
export function filesIn(path) {
  if (/\.\w+$/.test(path)) return [path];
  return readdirSync(join(root, path), { recursive: true, encoding: 'utf8' })
    .map((file) => `${path}/${file.replaceAll('\\', '/')}`)
    .filter((file) => /\.(ts|md)$/.test(file));
}

/** For ESLint: reports what {@link findWords} finds in a file. @type {import('eslint').Rule.RuleModule} */
export const rule = {
  create: ({ sourceCode, report }) => ({
    Program() {
      for (const { index, word, instead } of findWords(sourceCode.text)) {
        report({
          loc: sourceCode.getLocFromIndex(index),
          message: `Write ${instead} instead of "${word}".`,
        });
      }
    },
  }),
};

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  let total = 0;
  for (const file of CLEAN.flatMap(filesIn)) {
    for (const { line, word } of findWords(readFileSync(join(root, file), 'utf8'))) {
      console.log(`${file}:${line}: ${word}`);
      total++;
    }
  }
  console.log(`${total} words to replace`);
}
