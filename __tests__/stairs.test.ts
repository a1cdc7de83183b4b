import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

/**
 * The stairs go one way: which floor a file of src/ lives on, and what that floor may import. Whatever is
 * not listed is forbidden, packages included. A type import counts as much as any other.
 */
interface Floor {
  readonly name: string;
  /** Whether `file` (relative to src/, with slashes) lives here. The first floor that says yes has it. */
  readonly has: (file: string) => boolean;
  /** The floors it may import from. */
  readonly floors: readonly string[];
  /** Node's modules that it may import. */
  readonly builtins: readonly string[];
  /** Node's modules of which it may import types only. */
  readonly typesOf: readonly string[];
  /** Names that may not occur in the code. */
  readonly unspoken?: readonly string[];
}

const house: readonly Floor[] = [
  {
    name: 'protocol',
    has: (file) => file.startsWith('protocol/'),
    floors: ['protocol'],
    // Of node:process the version alone, which never changes.
    builtins: ['node:crypto', 'node:zlib', 'node:buffer', 'node:process', 'node:util/types'],
    typesOf: [],
    unspoken: [
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
    floors: ['index'],
    builtins: ['node:diagnostics_channel', 'node:events'],
    typesOf: [],
  },
  {
    name: 'index',
    has: (file) => file === 'index.ts',
    floors: ['protocol', 'connection', 'server'],
    builtins: [],
    typesOf: [],
  },
  {
    name: 'server',
    has: (file) => file.startsWith('server/'),
    floors: ['protocol', 'connection', 'server'],
    builtins: [
      'node:http',
      'node:https',
      'node:net',
      'node:async_hooks',
      'node:diagnostics_channel',
      'node:events',
      'node:stream',
      'node:buffer',
      'node:util/types',
    ],
    typesOf: ['node:http2', 'node:net', 'node:tls'],
  },
  {
    name: 'connection',
    has: (file) => file.startsWith('connection/'),
    floors: ['protocol', 'connection'],
    builtins: ['node:events', 'node:async_hooks', 'node:diagnostics_channel', 'node:buffer'],
    typesOf: ['node:stream'],
  },
];

const roomlessNames = /(^|\/)(utils?|helpers?|types|constants|common|misc)\.ts$/;

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
}

/** Every import of `source`, however it is written, and every identifier in it. */
function read(file: string, source: string): { imports: Import[]; identifiers: Set<string> } {
  const imports: Import[] = [];
  const identifiers = new Set<string>();
  const add = (from: ts.Node | undefined, typeOnly: boolean) => {
    // An import whose name is computed hides what it brings in: it is listed, and nothing allows it.
    const name = from && ts.isStringLiteralLike(from) ? from.text : '(computed)';
    imports.push({ from: name, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) identifiers.add(node.text);
    if (ts.isImportDeclaration(node)) {
      const clause = node.importClause;
      const named = clause?.namedBindings;
      const everyNameIsAType =
        clause !== undefined &&
        clause.name === undefined &&
        named !== undefined &&
        ts.isNamedImports(named) &&
        named.elements.length > 0 &&
        named.elements.every((element) => element.isTypeOnly);
      const typeOnly = clause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
      add(node.moduleSpecifier, typeOnly || everyNameIsAType);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isExternalModuleReference(node)) {
      add(node.expression, false);
    } else if (ts.isImportTypeNode(node)) {
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    } else if (
      ts.isCallExpression(node) &&
      (node.expression.kind === ts.SyntaxKind.ImportKeyword ||
        (ts.isIdentifier(node.expression) && node.expression.text === 'require'))
    ) {
      add(node.arguments[0], false);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, source, ts.ScriptTarget.ES2022, false));
  return { imports, identifiers };
}

/** What `file` (relative to src/) does against the rules of its floor, one sentence each. */
function breaches(file: string, source: string): string[] {
  if (roomlessNames.test(file))
    return [`${file}: a thing lives with its reason, not under that name`];
  const floor = house.find(({ has }) => has(file));
  if (floor === undefined) return [`${file}: no floor of the house has it`];

  const { imports, identifiers } = read(file, source);
  const found: string[] = [];
  for (const { from, typeOnly } of imports) {
    if (from.startsWith('.')) {
      const target = posix.normalize(posix.join(posix.dirname(file), from)).replace(/\.js$/, '.ts');
      const targetFloor = target.startsWith('../')
        ? undefined
        : house.find(({ has }) => has(target))?.name;
      if (targetFloor === undefined || !floor.floors.includes(targetFloor)) {
        const where = targetFloor ?? 'outside the house';
        found.push(`${file}: ${floor.name} may not import ${from} (${where})`);
      }
    } else if (!floor.builtins.includes(from) && !(typeOnly && floor.typesOf.includes(from))) {
      const how = floor.typesOf.includes(from) ? 'more than types of ' : '';
      found.push(`${file}: ${floor.name} may not import ${how}${from}`);
    }
  }
  for (const name of floor.unspoken ?? []) {
    if (identifiers.has(name)) found.push(`${file}: ${floor.name} may not mention ${name}`);
  }
  return found;
}

const src = join(__dirname, '..', 'src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts'))
  .sort();

describe('the stairs go one way', () => {
  test('there are files to check', () => {
    expect(files).toContain('protocol/framing/frame.ts');
    expect(files).toContain('adapters/metrics.ts');
  });

  test.each(files)('src/%s imports only what its floor may', (file) => {
    expect(breaches(file, readFileSync(join(src, file), 'utf8'))).toEqual([]);
  });
});

describe('the checker of the stairs', () => {
  test.each([
    ['protocol/mask.ts', `import { Opcode } from './frame.js';`],
    ['protocol/handshake.ts', `import { createHash } from 'node:crypto';`],
    ['protocol/frame.ts', `/** Not a Date, and no setTimeout. */ export const a = 'process';`],
    [
      'connection/connection.ts',
      `import type { Duplex } from 'node:stream'; import { o } from './outbox.js';`,
    ],
    ['connection/connection.ts', `import { type Duplex, type Writable } from 'node:stream';`],
    ['connection/anything-new.ts', `import { EventEmitter } from 'node:events';`],
    [
      'server/server.ts',
      `import { createServer } from 'node:http'; export * from '../connection/connection.js';`,
    ],
    [
      'index.ts',
      `export { A } from './server/server.js'; export type { B } from './protocol/frame.js';`,
    ],
    ['adapters/redis.ts', `import type { Broker } from '../index.js';`],
  ])('lets %s have %s', (file, source) => {
    expect(breaches(file, source)).toEqual([]);
  });

  test.each([
    [
      'protocol/mask.ts',
      `import { c } from '../connection/connection.js';`,
      /import \.\.\/connection\/connection\.js/,
    ],
    ['protocol/mask.ts', `import type { C } from '../connection/connection.js';`, /\(connection\)/],
    ['protocol/mask.ts', `import { EventEmitter } from 'node:events';`, /import node:events/],
    ['protocol/mask.ts', `import type { Duplex } from 'node:stream';`, /import node:stream/],
    ['protocol/mask.ts', `type D = import('node:stream').Duplex;`, /import node:stream/],
    ['protocol/mask.ts', `const c = await import('../server/server.js');`, /\(server\)/],
    ['protocol/mask.ts', `const c = require('node:net');`, /import node:net/],
    ['protocol/mask.ts', `import net = require('node:net');`, /import node:net/],
    ['protocol/mask.ts', `export * from '../index.js';`, /\(index\)/],
    ['protocol/mask.ts', `import 'node:timers';`, /import node:timers/],
    ['protocol/mask.ts', `await import(name);`, /import \(computed\)/],
    ['protocol/mask.ts', `const now = Date.now();`, /mention Date/],
    ['protocol/mask.ts', `const { env } = process;`, /mention process/],
    ['protocol/mask.ts', `globalThis.setTimeout(f, 1);`, /mention setTimeout/],
    ['protocol/mask.ts', `setImmediate(f);`, /mention setImmediate/],
    ['protocol/utils.ts', ``, /lives with its reason/],
    [
      'connection/connection.ts',
      `import { Duplex } from 'node:stream';`,
      /more than types of node:stream/,
    ],
    ['connection/connection.ts', `import { type D, E } from 'node:stream';`, /more than types of/],
    ['connection/connection.ts', `import S, { type D } from 'node:stream';`, /more than types of/],
    ['connection/connection.ts', `import type { Socket } from 'node:net';`, /import node:net/],
    [
      'connection/outbox.ts',
      `import type { WebSocketServer } from '../server/server.js';`,
      /\(server\)/,
    ],
    ['connection/outbox.ts', `export { a } from '../index.js';`, /\(index\)/],
    ['server/server.ts', `import { r } from '../adapters/redis.js';`, /\(adapters\)/],
    ['server/server.ts', `import ws from 'ws';`, /import ws/],
    ['server/server.ts', `import p from '../../package.json';`, /outside the house/],
    ['index.ts', `import { createServer } from 'node:http';`, /import node:http/],
    ['adapters/redis.ts', `import { o } from './nats.js';`, /\(adapters\)/],
    ['adapters/redis.ts', `import { o } from '../protocol/frame.js';`, /\(protocol\)/],
    ['adapters/redis.ts', `import { createClient } from 'redis';`, /import redis/],
    ['anything.ts', ``, /no floor of the house has it/],
    ['cellar/a.ts', ``, /no floor of the house has it/],
  ])('refuses %s that has %s', (file, source, sentence) => {
    const found = breaches(file, source);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(sentence);
  });
});
