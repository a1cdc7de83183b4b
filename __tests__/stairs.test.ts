import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

/**
 * A floor of src/ and what its files may import. Everything that is not listed is forbidden, packages
 * included. A type import counts as much as any other. Imports never form a circle.
 */
interface Floor {
  readonly name: string;
  /** Whether `file` (relative to src/, with slashes) belongs here; the first floor that has it counts. */
  readonly has: (file: string) => boolean;
  /** The floors it may import from. */
  readonly floors: readonly string[];
  /** Node's modules that it may import. */
  readonly builtins: readonly string[];
  /** Node's modules of which it may import types only. */
  readonly typesOf: readonly string[];
  /** Identifiers that may not occur in the code. */
  readonly forbidden?: readonly string[];
}

const house: readonly Floor[] = [
  {
    name: 'protocol',
    has: (file) => file.startsWith('protocol/'),
    floors: ['protocol'],
    // node:process is for the version only, which never changes.
    builtins: ['node:crypto', 'node:zlib', 'node:buffer', 'node:process', 'node:util/types'],
    typesOf: [],
    forbidden: [
      'process',
      'nextTick',
      'hrtime',
      'Date',
      'performance',
      'setTimeout',
      'setInterval',
      'setImmediate',
      'queueMicrotask',
      'console',
    ],
  },
  {
    name: 'adapters',
    has: (file) => file.startsWith('adapters/'),
    // From protocol the check of options, from index what applications have, too.
    floors: ['protocol', 'index', 'adapters'],
    builtins: [
      'node:diagnostics_channel',
      'node:events',
      // For hawser/cluster.
      'node:cluster',
      'node:crypto',
      'node:process',
    ],
    typesOf: [],
  },
  {
    name: 'index',
    has: (file) => file === 'index.ts' || file === 'diagnostics-channels.ts',
    floors: ['protocol', 'connection', 'server', 'index'],
    builtins: [],
    typesOf: ['node:http'],
  },
  {
    name: 'server',
    has: (file) => file.startsWith('server/'),
    floors: ['protocol', 'connection', 'server'],
    builtins: [
      'node:crypto', // for the id of a node
      'node:http',
      'node:http2',
      'node:https',
      'node:net',
      'node:async_hooks',
      'node:diagnostics_channel',
      'node:events',
      'node:stream',
      'node:tls',
      'node:buffer',
      'node:util/types',
    ],
    typesOf: ['node:net'],
  },
  {
    name: 'client',
    has: (file) => file.startsWith('client/'),
    floors: ['protocol', 'connection', 'server', 'client'],
    builtins: [
      'node:async_hooks',
      'node:http',
      'node:http2',
      'node:https',
      'node:net',
      'node:tls',
      'node:buffer',
      'node:events',
    ],
    typesOf: ['node:stream'],
  },
  {
    name: 'ws',
    has: (file) => file.startsWith('ws/'),
    floors: ['protocol', 'connection', 'server', 'client', 'ws'],
    builtins: ['node:http', 'node:net', 'node:stream', 'node:buffer'],
    typesOf: ['node:https', 'node:events'],
  },
  {
    name: 'cli',
    has: (file) => file.startsWith('cli/'),
    // From protocol the nearest name, from index and client what applications have, too.
    floors: ['protocol', 'index', 'client', 'cli'],
    builtins: [
      'node:buffer',
      'node:child_process',
      'node:events',
      'node:fs',
      'node:http',
      'node:path',
      'node:perf_hooks',
      'node:process',
      'node:readline',
      'node:stream',
      'node:timers/promises',
      'node:util',
    ],
    typesOf: ['node:net'],
  },
  {
    name: 'connection',
    has: (file) => file.startsWith('connection/'),
    floors: ['protocol', 'connection'],
    builtins: ['node:events', 'node:async_hooks', 'node:diagnostics_channel', 'node:buffer'],
    typesOf: ['node:stream'],
  },
];

/** Names that say nothing about what a file is for. */
const vagueNames = /(^|\/)(utils?|helpers?|types|constants|common|misc)\.ts$/;

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
}

/** Every import of `source`, in any syntax, and every identifier in it. */
function read(source: string): { imports: Import[]; identifiers: Set<string> } {
  const imports: Import[] = [];
  const identifiers = new Set<string>();
  const add = (from: ts.Node | undefined, typeOnly: boolean) => {
    // A computed name hides what it imports. It is listed, and no floor allows it.
    const name = from && ts.isStringLiteralLike(from) ? from.text : '(computed)';
    imports.push({ from: name, typeOnly });
  };
  const isCallOfImport = ({ expression }: ts.CallExpression) =>
    expression.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(expression) && expression.text === 'require');
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) identifiers.add(node.text);
    if (ts.isImportDeclaration(node)) {
      const typeOnly = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
      add(node.moduleSpecifier, typeOnly);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isExternalModuleReference(node)) {
      add(node.expression, false);
    } else if (ts.isImportTypeNode(node)) {
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    } else if (ts.isCallExpression(node) && isCallOfImport(node)) {
      add(node.arguments[0], false);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('source.ts', source, ts.ScriptTarget.ES2022, false));
  return { imports, identifiers };
}

/** The file of src/ that `file` imports as `from`. */
const targetOf = (file: string, from: string): string =>
  posix.normalize(posix.join(posix.dirname(file), from)).replace(/\.js$/, '.ts');

/** The rules of its floor that `file` (relative to src/) breaks, one sentence each. */
function breaches(file: string, source: string): string[] {
  if (vagueNames.test(file)) return [`${file}: the name does not say what the file is for`];
  const floor = house.find(({ has }) => has(file));
  if (floor === undefined) return [`${file}: belongs to no floor`];

  const { imports, identifiers } = read(source);
  const found: string[] = [];
  for (const { from, typeOnly } of imports) {
    if (from.startsWith('.')) {
      const target = targetOf(file, from);
      const name = target.startsWith('../') ? '' : house.find(({ has }) => has(target))?.name;
      if (name === undefined || !floor.floors.includes(name)) {
        found.push(`${file}: ${floor.name} may not import ${from}`);
      }
    } else if (!floor.builtins.includes(from) && !(typeOnly && floor.typesOf.includes(from))) {
      const how = floor.typesOf.includes(from) ? 'more than types of ' : '';
      found.push(`${file}: ${floor.name} may not import ${how}${from}`);
    }
  }
  for (const name of floor.forbidden ?? []) {
    if (identifiers.has(name)) found.push(`${file}: ${floor.name} may not mention ${name}`);
  }
  return found;
}

/** The first circle of imports, type imports included, as a path; empty without a circle. */
function circle(sources: Readonly<Record<string, string>>): string[] {
  const finished = new Set<string>();
  const walk = (file: string, path: readonly string[]): string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (finished.has(file)) return [];
    for (const { from } of read(sources[file] ?? '').imports) {
      if (!from.startsWith('.')) continue;
      const found = walk(targetOf(file, from), [...path, file]);
      if (found.length > 0) return found;
    }
    finished.add(file);
    return [];
  };
  return Object.keys(sources).reduce<string[]>(
    (found, file) => (found.length > 0 ? found : walk(file, [])),
    [],
  );
}

const src = join(__dirname, '..', 'src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts'))
  .sort();
const sources = Object.fromEntries(
  files.map((file) => [file, readFileSync(join(src, file), 'utf8')]),
);

describe('imports go down only', () => {
  test('in files that are found', () => {
    expect(files).toEqual(
      expect.arrayContaining(['protocol/framing/frame.ts', 'adapters/metrics.ts']),
    );
  });

  test.each(files)('in src/%s', (file) => {
    expect(breaches(file, sources[file]!)).toEqual([]);
  });

  test('and never in a circle', () => {
    expect(circle(sources)).toEqual([]);
  });
});

describe('the check of imports', () => {
  test.each([
    ['protocol/mask.ts', `import { createHash } from 'node:crypto';`],
    ['protocol/frame.ts', `/** Not a Date, and no setTimeout. */ export const a = 'process';`],
    ['connection/connection.ts', `import type { Duplex } from 'node:stream';`],
    ['server/server.ts', `export * from '../connection/connection.js';`],
    ['adapters/redis.ts', `import type { Broker } from '../index.js';`],
    ['adapters/redis.ts', `import { BrokerLink } from './broker-link.js';`],
  ])('lets %s have %s', (file, source) => {
    expect(breaches(file, source)).toEqual([]);
  });

  test.each([
    [
      'protocol/mask.ts',
      `import type { C } from '../connection/connection.js';`,
      /import \.\.\/conn/,
    ],
    ['protocol/mask.ts', `type D = import('node:stream').Duplex;`, /import node:stream/],
    ['protocol/mask.ts', `const c = await import('../server/server.js');`, /import \.\.\/server/],
    ['protocol/mask.ts', `const c = require('node:net');`, /import node:net/],
    ['protocol/mask.ts', `import net = require('node:net');`, /import node:net/],
    ['protocol/mask.ts', `export * from '../index.js';`, /import \.\.\/index/],
    ['protocol/mask.ts', `await import(name);`, /import \(computed\)/],
    ['protocol/mask.ts', `globalThis.setTimeout(f, 1);`, /mention setTimeout/],
    ['protocol/utils.ts', ``, /does not say what the file is for/],
    [
      'connection/a.ts',
      `import { type Duplex } from 'node:stream';`,
      /more than types of node:stream/,
    ],
    ['server/server.ts', `import ws from 'ws';`, /import ws/],
    ['server/server.ts', `import p from '../../package.json';`, /import \.\.\/\.\.\/package/],
    ['adapters/redis.ts', `import type { Redis } from 'ioredis';`, /import ioredis/],
    ['adapters/redis.ts', `import { A } from '../server/server.js';`, /import \.\.\/server/],
    ['cellar/a.ts', ``, /belongs to no floor/],
  ])('refuses %s that has %s', (file, source, sentence) => {
    expect(breaches(file, source)).toEqual([expect.stringMatching(sentence)]);
  });

  test('finds a circle through type imports, and none where two files import the same third', () => {
    const common = { 'a/c.ts': `export const c = 1;`, 'a/b.ts': `export { c } from './c.js';` };
    const a = `import { c } from './c.js'; import { b } from './b.js';`;
    expect(circle({ ...common, 'a/a.ts': a })).toEqual([]);
    const back = { 'a/c.ts': `import type { A } from '../a/a.js';` };
    expect(circle({ ...common, ...back, 'a/a.ts': a })).toEqual(['a/c.ts', 'a/a.ts', 'a/c.ts']);
  });
});
