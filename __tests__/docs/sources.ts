import { readdirSync, readFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { join, resolve } from 'node:path';
import ts from 'typescript';

export const root = resolve(__dirname, '../..');

let parsed: readonly ts.SourceFile[] | undefined;

/** The folders whose messages are in documents of their own: docs/ws.md has those of hawser/ws. */
const DOCUMENTED_ELSEWHERE = /[\\/]src[\\/]ws[\\/]/;

/** The syntax tree of every file of src/ whose messages are in docs/errors.md. */
function trees(): readonly ts.SourceFile[] {
  return (parsed ??= readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !DOCUMENTED_ELSEWHERE.test(file))
    .map((file) =>
      ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true),
    ));
}

/** Calls and `new`s of `names` in src/. */
function calls(...names: string[]): (ts.CallExpression | ts.NewExpression)[] {
  const found: (ts.CallExpression | ts.NewExpression)[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      if (names.includes(node.expression.getText())) found.push(node);
    }
    ts.forEachChild(node, visit);
  };
  for (const tree of trees()) ts.forEachChild(tree, visit);
  return found;
}

/** What is filled in at run time is `…` in the documents, and several of them in a row are one. */
function plain(text: string): string {
  return text.replaceAll(/…+/g, '…');
}

/** The texts that an expression can be; `…` stands for whatever is not in the source. */
function texts(node: ts.Expression): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isParenthesizedExpression(node)) return texts(node.expression);
  if (ts.isConditionalExpression(node)) return [...texts(node.whenTrue), ...texts(node.whenFalse)];
  if (ts.isTemplateExpression(node)) {
    const [head, ...rest] = [
      node.head.text,
      ...node.templateSpans.map(({ literal }) => literal.text),
    ];
    return [plain([head, ...rest].join('…'))];
  }
  if (ts.isIdentifier(node)) {
    const value = constant(node);
    if (value !== undefined) return texts(value);
  }
  return ['…'];
}

/** The value of a `const` in one of the blocks around. */
function constant(name: ts.Identifier): ts.Expression | undefined {
  for (let block: ts.Node = name; !ts.isSourceFile(block); block = block.parent) {
    if (!ts.isBlock(block)) continue;
    for (const statement of block.statements) {
      if (!ts.isVariableStatement(statement)) continue;
      for (const { name: declared, initializer } of statement.declarationList.declarations) {
        if (declared.getText() === name.text) return initializer;
      }
    }
  }
  return undefined;
}

/** `body` of the options of an UpgradeRejection. */
function bodyOf(options: ts.Expression): ts.Expression | undefined {
  if (!ts.isObjectLiteralExpression(options)) return undefined;
  for (const property of options.properties) {
    if (property.name?.getText() !== 'body') continue;
    if (ts.isPropertyAssignment(property)) return property.initializer;
    if (ts.isShorthandPropertyAssignment(property)) return property.name;
  }
  return undefined;
}

/** Every refusal that hawser makes by itself: `403 this origin is not allowed`. */
export function rejections(): string[] {
  const found: string[] = [];
  for (const { expression, arguments: given = [] } of calls('bad', 'unavailable')) {
    const status = expression.getText() === 'bad' ? 400 : 503;
    found.push(...texts(given[0]!).map((body) => `${status} ${body}`));
  }
  for (const { arguments: given } of calls('UpgradeRejection')) {
    const [status, options] = given ?? [];
    const code = Number(status!.getText());
    if (Number.isNaN(code)) continue; // the application's own, written again
    const body = options && bodyOf(options);
    if (!body) found.push(`${code} ${STATUS_CODES[code]!}`);
    // In `bad` and `unavailable` themselves the body is their parameter.
    else found.push(...texts(body).flatMap((text) => (text === '…' ? [] : [`${code} ${text}`])));
  }
  return [...new Set(found)].sort();
}

/** Every TypeError, RangeError and Error that src/ throws: `RangeError: close code … must not be sent`. */
export function callerErrors(): string[] {
  const found = calls('TypeError', 'RangeError', 'Error').flatMap(
    ({ expression, arguments: given = [] }) =>
      texts(given[0]!).map((text) => `${expression.getText()}: ${text}`),
  );
  return [...new Set(found)].sort();
}

/** The text of a document in docs/. */
export function document(name: string): string {
  return readFileSync(join(root, 'docs', name), 'utf8');
}

/** The rows below a heading: the cells of each, with code marks taken off those that are code as a whole. */
export function rowsUnder(markdown: string, heading: string): string[][] {
  const [, rest = ''] = markdown.split(new RegExp(`^#+ ${heading}$`, 'm'));
  const [section = ''] = rest.split(/^#+ /m);
  return section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('\\|', '|'))
        .map((cell) => /^`` (.*) ``$/.exec(cell)?.[1] ?? /^`([^`]*)`$/.exec(cell)?.[1] ?? cell),
    );
}
