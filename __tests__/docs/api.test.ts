import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { resolveOptions } from '../../src/server/options/resolve-options.js';
import { document, root } from './sources.js';

/**
 * docs/api.md names every export of the package with its members, and nothing else. The page is written by
 * hand in this form, which the test reads:
 *
 * - A heading with names in code marks documents these exports; members follow until the next heading.
 * - A member is a row of a table, named in its first cell, or a list item that begins with a signature in
 *   bold code marks. A column `type` has the type as the source has it, a column `default` the default.
 * - The rows under the heading "Small types" are exports themselves.
 */
const page = document('api.md');
const ENTRIES = ['src/index.ts', 'src/client/index.ts', ...adapters()];

function adapters(): string[] {
  return readdirSync(join(root, 'src/adapters'))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `src/adapters/${name}`);
}

// What the page has.

interface Section {
  /** The exports that the heading names. */
  readonly names: readonly string[];
  readonly title: string;
  readonly rows: readonly Row[];
  /** Signatures, `send(data: Data): boolean`. */
  readonly signatures: readonly string[];
}

interface Row {
  readonly names: readonly string[];
  readonly type: string | undefined;
  readonly default: string | undefined;
}

const codeSpans = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);
const cellsOf = (line: string): string[] =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));

function rowsOf(lines: readonly string[]): Row[] {
  const rows: Row[] = [];
  let header: string[] | undefined;
  for (const line of lines) {
    if (!line.startsWith('|')) header = undefined;
    else if (header === undefined) header = cellsOf(line);
    else if (!/^\|[-| ]+\|$/.test(line)) {
      const cells = cellsOf(line);
      const cell = (name: string): string | undefined => cells[header!.indexOf(name)];
      rows.push({
        names: codeSpans(cells[0]!),
        type: cell('type') && codeSpans(cell('type')!)[0],
        default: cell('default'),
      });
    }
  }
  return rows;
}

function sectionsOf(markdown: string): Section[] {
  return markdown
    .replaceAll(/^```[\s\S]*?^```$/gm, '')
    .split(/^(?=#+ )/m)
    .map((text) => {
      const [title = '', ...lines] = text.split('\n');
      return {
        title: title.replace(/^#+ /, ''),
        names: codeSpans(title),
        rows: rowsOf(lines),
        signatures: lines.flatMap((line) => /^- \*\*`([^`]+)`\*\*/.exec(line)?.[1] ?? []),
      };
    });
}

const sections = sectionsOf(page);
const small = sections.filter(({ title }) => title === 'Small types').flatMap(({ rows }) => rows);
const memberName = (signature: string): string => /^[^(<:]+/.exec(signature)![0];
const documented = (section: Section): string[] => [
  ...section.rows.flatMap(({ names }) => names),
  ...section.signatures.map(memberName),
];

// What the sources have.

interface Member {
  /** As the source has it; `undefined` for one that the page need not repeat. */
  readonly type: string | undefined;
  readonly signature: string | undefined;
}

const program = ts.createProgram(
  ENTRIES.map((file) => join(root, file)),
  { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, strict: true, noEmit: true },
);
const checker = program.getTypeChecker();

const exported = new Map<string, ts.Symbol>(
  ENTRIES.flatMap((file) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(join(root, file))!)!;
    return checker
      .getExportsOfModule(module)
      .map((symbol): [string, ts.Symbol] => [
        symbol.name,
        symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
      ]);
  }),
);

/** A type as the page has it: on one line, without `readonly`. */
const plainType = (text: string): string =>
  text
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/\breadonly /g, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\(\s*(.*?),?\s*\)/g, '($1)')
    .replace(/^\s*\| /, '')
    .trim();

function parameterText(parameter: ts.ParameterDeclaration): string {
  const optional = parameter.questionToken !== undefined || parameter.initializer !== undefined;
  const type =
    parameter.type?.getText() ??
    checker.typeToString(checker.getBaseTypeOfLiteralType(checker.getTypeAtLocation(parameter)));
  return `${parameter.name.getText()}${optional ? '?' : ''}: ${plainType(type)}`;
}

/** `send(data: Data): boolean`, of the first declaration that users see. */
function signatureOf(name: string, declaration: ts.SignatureDeclaration): string {
  const given = declaration.parameters.filter((parameter) => parameter.name.getText() !== 'this');
  const generic = declaration.typeParameters?.map((each) => each.getText()).join(', ');
  const result = declaration.type === undefined ? 'void' : plainType(declaration.type.getText());
  return `${name}${generic === undefined ? '' : `<${generic}>`}(${given.map(parameterText).join(', ')}): ${result}`;
}

const isOurs = (declaration: ts.Declaration): boolean => {
  const file = relative(root, declaration.getSourceFile().fileName);
  return file.startsWith('src') && !file.endsWith('typed-emitter.ts');
};
const isHidden = (declaration: ts.Declaration): boolean =>
  (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Private) !== 0 ||
  ts.getJSDocTags(declaration).some(({ tagName }) => tagName.text === 'internal');

/** An object type that is written down where it is used: `heartbeat?: false | { interval?: number }`. */
function literalParts(type: ts.Type): ts.Symbol[] {
  const parts = type.isUnion() ? type.types : [type];
  return parts
    .filter((part) => (part.symbol as ts.Symbol | undefined)?.name === '__type')
    .filter((part) => part.getCallSignatures().length === 0)
    .filter((part) => part.symbol.declarations!.some(isOurs))
    .flatMap((part) => part.getProperties());
}

/** The members of an export by name, those of nested objects as `heartbeat.interval`. */
function membersOf(name: string): Map<string, Member> {
  const symbol = exported.get(name)!;
  const members = new Map<string, Member>();
  if (symbol.flags & (ts.SymbolFlags.Function | ts.SymbolFlags.TypeAlias)) {
    if (!(symbol.flags & ts.SymbolFlags.Variable) && name !== 'OwnServerOptions') return members;
  }
  const type =
    symbol.flags & ts.SymbolFlags.Variable
      ? checker.getTypeOfSymbol(symbol)
      : checker.getDeclaredTypeOfSymbol(symbol);
  for (const property of checker.getPropertiesOfType(type)) {
    const declaration = property.declarations?.find((each) => isOurs(each) && !isHidden(each));
    if (declaration === undefined || property.name.startsWith('#')) continue;
    if (ts.isPropertyDeclaration(declaration) && ts.isPrivateIdentifier(declaration.name)) continue;
    const shown = property.name.replace(/^__@(\w+)@\d+$/, '[Symbol.$1]');
    const isMethod = ts.isMethodDeclaration(declaration) || ts.isMethodSignature(declaration);
    members.set(shown, {
      signature: isMethod ? signatureOf(shown, declaration) : undefined,
      type:
        (ts.isPropertySignature(declaration) || ts.isPropertyDeclaration(declaration)) &&
        declaration.type !== undefined
          ? plainType(declaration.type.getText())
          : undefined,
    });
    if (name === 'ServerOptions') {
      for (const part of literalParts(
        checker.getNonNullableType(checker.getTypeOfSymbol(property)),
      )) {
        members.set(`${shown}.${part.name}`, { signature: undefined, type: undefined });
      }
    }
  }
  return members;
}

const unquoted = (name: string): string => name.replace(/^'(.*)'$/, '$1');

describe('docs/api.md', () => {
  it('names every export once, and nothing else', () => {
    const named = [...sections, ...small].flatMap(({ names }) => names);
    expect(named.sort()).toEqual([...exported.keys()].sort());
  });

  const withNames = sections.filter(({ names }) => names.length > 0);
  const lookUp = (section: Section): Map<string, Member> =>
    new Map(section.names.flatMap((name) => [...membersOf(name)]));

  it.each(withNames.map((section) => [section.title, section] as const))(
    'has every member of %s, and no other',
    (_title, section) => {
      const own = section.names.filter(
        (name) => exported.get(name)!.flags & ts.SymbolFlags.Function,
      );
      const wanted = [...lookUp(section).keys(), ...own];
      expect(documented(section).map(unquoted).sort()).toEqual(wanted.sort());
    },
  );

  it.each(withNames.map((section) => [section.title, section] as const))(
    'has the signatures and types of %s as they are',
    (_title, section) => {
      const members = lookUp(section);
      const functions = section.names
        .map((name) => exported.get(name)!)
        .filter(({ flags }) => flags & ts.SymbolFlags.Function)
        .map(({ name, declarations }) =>
          signatureOf(name, declarations![0] as ts.SignatureDeclaration),
        );
      const signatures = [...members.values()].flatMap(({ signature }) => signature ?? []);
      const written = section.signatures.filter((each) => !each.startsWith('['));
      const known = [...signatures, ...functions].filter((each) => !each.startsWith('['));
      expect(written.filter((each) => each.includes('(')).sort()).toEqual(known.sort());

      const types = section.rows
        .filter(({ type, names }) => type !== undefined && names.length === 1)
        .map(({ names: [name], type }) => ({ name, type }));
      const real = types.map(({ name, type }) => ({
        name,
        // A nested object has rows of its own.
        type: type!.includes('{ … }') ? type : (members.get(unquoted(name!))?.type ?? type),
      }));
      expect(types).toEqual(real);
    },
  );

  it('has the defaults of the server options', () => {
    const { rows } = sections.find(({ names }) => names.includes('ServerOptions'))!;
    const resolved = resolveOptions<undefined>({}, []) as unknown as Record<string, unknown>;
    const wrong = rows.filter(({ names: [name], default: text }) => {
      const value = name!
        .split('.')
        .reduce<unknown>(
          (found, key) => (found as Record<string, unknown> | undefined)?.[key],
          resolved,
        );
      return !isDefault(text ?? '', value);
    });
    expect(wrong.map(({ names, default: text }) => [...names, text])).toEqual([]);
  });

  it('is read as it is meant', () => {
    const [, section] = sectionsOf(
      '# x\n## `A`\n\n| a | type | default |\n|---|---|---|\n| `b` | `string \\| 1` | 2 KiB |\n\n- **`c(d: E): F`** does.\n',
    );
    expect(section).toEqual({
      title: '`A`',
      names: ['A'],
      rows: [{ names: ['b'], type: 'string | 1', default: '2 KiB' }],
      signatures: ['c(d: E): F'],
    });
    expect(membersOf('ServerOptions').has('heartbeat.interval')).toBe(true);
    expect(membersOf('ConnectionEvents').has('message')).toBe(true);
    expect(membersOf('WebSocketConnection').has('#sender')).toBe(false);
    expect(isDefault('2 KiB', 2048)).toBe(true);
    expect(isDefault('2 KiB', 2)).toBe(false);
  });
});

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1000,
  KiB: 1024,
  MiB: 1024 ** 2,
};

/** Whether the text of a cell means this value. */
function isDefault(text: string, value: unknown): boolean {
  if (/^(?:none|any|accept)\b/.test(text)) {
    return value === undefined || (Array.isArray(value) && value.length === 0);
  }
  const code = /^`([^`]+)`$/.exec(text)?.[1];
  if (code !== undefined) {
    return code === (typeof value === 'string' ? `'${value}'` : String(value));
  }
  const number = /^([\d ]+?) ?(ms|s|KiB|MiB|)$/.exec(text);
  if (number !== null) {
    const [, digits, unit] = number as unknown as [string, string, string];
    return value === Number(digits.replaceAll(' ', '')) * (UNITS[unit] ?? NaN);
  }
  // Said by the rows of its parts, or in words where the default depends on something.
  return typeof value === 'object' || value === undefined;
}
