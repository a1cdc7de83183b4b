import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import ts from 'typescript';
import { type Block, blocks, documents } from '../support/markdown.js';
import { makeProject } from './project.js';

/**
 * The TypeScript and JavaScript of these documents compiles against the package that users get. A block is checked when a comment `<!-- runnable -->` stands before it, or when it begins with an
 * import; what the comment says after that word is put before the block:
 *
 * ```
 * <!-- runnable
 * declare const conn: WebSocketConnection;
 * -->
 * ```
 *
 * A prelude may use the names that hawser exports without importing them.
 */
const DOCUMENTS = [
  'README.md',
  'docs/guide.md',
  'docs/migrating.md',
  'docs/deploying.md',
  'docs/ws.md',
  'docs/client.md',
];
const LANGUAGES = new Map([
  ['ts', '.mts'],
  ['js', '.mjs'],
]);

const isRunnable = ({ prelude, code }: Block): boolean =>
  prelude !== undefined || code.startsWith('import ');

interface Snippet extends Block {
  readonly document: string;
}

const all: Snippet[] = DOCUMENTS.flatMap((document) =>
  blocks(documents().get(document) ?? '')
    .filter(({ language }) => LANGUAGES.has(language))
    .map((block) => ({ ...block, document })),
);
const runnable = all.filter(isRunnable);
const where = ({ document, line }: Snippet): string => `${document}:${line}`;

const folder = mkdtempSync(join(tmpdir(), 'hawser-snippets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  allowJs: true,
  checkJs: true,
  strict: true,
  skipLibCheck: true,
  noEmit: true,
};

/** The names that `code` uses and does not declare, as far as hawser has them. */
function imported(code: string, exported: readonly string[]): string {
  const names = exported.filter(
    (name) =>
      new RegExp(`\\b${name}\\b`).test(code) &&
      !new RegExp(`import[^;]*\\b${name}\\b[^;]*from 'hawser'`).test(code),
  );
  return names.length === 0 ? '' : `import { ${names.join(', ')} } from 'hawser';`;
}

/** What the compiler says about one snippet, with the document's line numbers. */
function check(snippets: readonly Snippet[], exported: readonly string[]): Map<Snippet, string[]> {
  const files = new Map<string, { snippet: Snippet; before: number }>();
  for (const [index, snippet] of snippets.entries()) {
    const extension = LANGUAGES.get(snippet.language)!;
    const name = join(folder, `${basename(snippet.document, '.md')}-${index}${extension}`);
    const own = snippet.prelude ?? '';
    // In a block that the reader can copy as it is, every name comes from an import that he sees.
    const hidden = snippet.prelude === undefined ? '' : imported(own + snippet.code, exported);
    const prelude = `${hidden}\n${own}\nexport {};\n`;
    writeFileSync(name, prelude + snippet.code);
    files.set(name, { snippet, before: prelude.split('\n').length - 1 });
  }
  const program = ts.createProgram([...files.keys()], OPTIONS);
  const found = new Map<Snippet, string[]>(snippets.map((snippet) => [snippet, []]));
  for (const { file, start, messageText } of ts.getPreEmitDiagnostics(program)) {
    const message = ts.flattenDiagnosticMessageText(messageText, ' ');
    const at = file && files.get(file.fileName);
    if (!at) throw new Error(`${file?.fileName ?? 'options'}: ${message}`);
    const { line } = file.getLineAndCharacterOfPosition(start!);
    const shown = line < at.before ? 'prelude' : `line ${at.snippet.line + line - at.before}`;
    found.get(at.snippet)!.push(`${shown}: ${message}`);
  }
  return found;
}

/** What hawser exports, types included. */
function exportedNames(): string[] {
  const program = ts.createProgram(
    [join(folder, 'node_modules/hawser/entries/index.d.mts')],
    OPTIONS,
  );
  const checker = program.getTypeChecker();
  const [entry] = program.getRootFileNames();
  const symbol = checker.getSymbolAtLocation(program.getSourceFile(entry!)!);
  return checker.getExportsOfModule(symbol!).map(({ name }) => name);
}

const bad: Snippet = {
  document: 'nowhere.md',
  language: 'ts',
  code: 'conn.send(1n);\n',
  line: 7,
  prelude: 'declare const conn: WebSocketConnection;',
};

describe('the code in the documents', () => {
  let messages: Map<Snippet, string[]>;

  beforeAll(() => {
    makeProject(folder, ['@types', 'prom-client', 'redis']);
    messages = check([...runnable, bad], exportedNames());
  });

  it.each(runnable.map((snippet): [string, Snippet] => [where(snippet), snippet]))(
    '%s compiles',
    (_where, snippet) => {
      expect(messages.get(snippet)).toEqual([]);
    },
  );

  it('of the guide is all marked runnable', () => {
    const unmarked = all.filter(
      (snippet) => snippet.document === 'docs/guide.md' && !isRunnable(snippet),
    );
    expect(unmarked.map(where)).toEqual([]);
  });

  it('is found, and seen when it is wrong', () => {
    expect(runnable.filter(({ document }) => document === 'docs/guide.md').length).toBeGreaterThan(
      20,
    );
    expect(messages.get(bad)).toEqual([expect.stringMatching(/^line 7: .*'bigint'/)]);
  });
});
