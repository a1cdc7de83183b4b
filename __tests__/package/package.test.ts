import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { links } from '../support/markdown.js';
import { packedTarball, run, type Run } from '../support/packed-package.js';
import { describeIf } from '../support/requires.js';
import { runtime } from '../support/runtimes.js';

const root = resolve(__dirname, '../..');
const temporary = mkdtempSync(join(tmpdir(), 'hawser-package-'));
/** A stranger's project that has installed the tarball and nothing else of ours. */
const project = join(temporary, 'project');
const tarball = join(temporary, 'hawser.tgz');

/** Runs the command `name` of an installed package, given the path of that package's manifest. */
function tool(cwd: string, manifest: string, name: string, ...args: string[]): Run {
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: Record<string, string> };
  return run(cwd, process.execPath, join(dirname(manifest), bin[name]!), ...args);
}
const publint = join(root, 'node_modules/publint/package.json'); // it does not export that path
const attw = require.resolve('@arethetypeswrong/cli/package.json');
const typescript = require.resolve('typescript/package.json');

const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

const installed = join(project, 'node_modules', 'hawser');

beforeAll(() => {
  cpSync(packedTarball(), tarball);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "stranger", "private": true }\n');
  const install = ['install', '--offline', '--no-audit', '--no-fund', '--silent', tarball];
  expect(run(project, 'npm', ...install)).toEqual({ status: 0, output: '' });
  // The other end of the wire, and what a TypeScript project has: borrowed from the repository.
  mkdirSync(join(project, 'node_modules', '@types'), { recursive: true });
  for (const name of ['ws', 'undici', 'undici-types', '@types/node', '@types/ws']) {
    const from = join(root, 'node_modules', name);
    if (existsSync(from)) symlinkSync(from, join(project, 'node_modules', name));
  }
  cpSync(join(__dirname, 'programs'), project, { recursive: true });
});

afterAll(() => rmSync(temporary, { recursive: true, force: true }));

describe('the tarball', () => {
  test('holds the build, its sources and the papers, and nothing else', () => {
    const names = files(installed);
    expect(names).toEqual(
      expect.arrayContaining([
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'dist/cli/bin.js',
        'dist/index.d.ts',
        'dist/index.js',
        'entries/client.d.mts',
        'entries/client.mjs',
        'entries/cluster.d.mts',
        'entries/cluster.mjs',
        'entries/index.d.mts',
        'entries/index.mjs',
        'entries/metrics.d.mts',
        'entries/metrics.mjs',
        'entries/nats.d.mts',
        'entries/nats.mjs',
        'entries/redis.d.mts',
        'entries/redis.mjs',
        'entries/ws.cjs',
        'entries/ws.d.cts',
        'entries/ws.d.mts',
        'entries/ws.mjs',
        'entries/ws.module.mjs',
        'package.json',
        'src/index.ts',
      ]),
    );
    const known = [
      /^(package\.json|(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md|LICENSE)$/,
      /^entries\/(\w+\.(mjs|d\.mts)|ws\.(cjs|d\.cts|module\.mjs))$/,
      /^src\/.*\.(ts|wat)$/,
      /^dist\/(.*\.(js|d\.ts)(\.map)?|esm\/package\.json)$/,
      /^docs\/.*\.(md|svg)$/,
      /^examples\/.*\.(md|mjs|js|css|html|ico|svg|png|json)$/,
    ];
    expect(names.filter((name) => !known.some((kind) => kind.test(name)))).toEqual([]);
  });

  test('has what its README links to', () => {
    const targets = links(readFileSync(join(installed, 'README.md'), 'utf8'))
      .map(({ target }) => target.replace(/#.*/, ''))
      .filter((target) => !/^https?:/.test(target));
    expect(targets).toContain('docs/guide.md');
    expect(targets.filter((target) => !existsSync(join(installed, target)))).toEqual([]);
  });

  test('has no dependencies and no scripts that run on installation', () => {
    const text = readFileSync(join(installed, 'package.json'), 'utf8');
    const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
    expect(manifest['dependencies']).toBeUndefined();
    expect(manifest['optionalDependencies']).toBeUndefined();
    // The types need Node's, JavaScript needs nothing.
    expect(manifest['peerDependencies']).toEqual({ '@types/node': '>=20' });
    expect(manifest['peerDependenciesMeta']).toEqual({ '@types/node': { optional: true } });
    expect(Object.keys(manifest['scripts'] ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(pre|post)?install$|^prepare$/)]),
    );
  });

  test('has a source for every source map', () => {
    const maps = files(installed).filter((name) => name.endsWith('.map'));
    expect(maps).not.toEqual([]);
    const lost = maps.flatMap((name) => {
      const file = join(installed, name);
      const { sources } = JSON.parse(readFileSync(file, 'utf8')) as { sources: string[] };
      return sources.filter((source) => !existsSync(join(dirname(file), source)));
    });
    expect(lost).toEqual([]);
  });

  test('satisfies publint in its strict mode', () => {
    const { status, output } = tool(temporary, publint, 'publint', '--strict', tarball);
    expect(output).toContain('All good!');
    expect(status).toBe(0);
  });

  test('satisfies attw: the types resolve as the code does, in every mode', () => {
    const args = ['--format', 'table-flipped', '--no-color', '--no-emoji', tarball];
    const { status, output } = tool(temporary, attw, 'attw', ...args);
    expect(output).toContain('No problems found');
    expect(status).toBe(0);
  });
});

describe('a project that installed the tarball', () => {
  test('uses it from an ES module', () => {
    expect(run(project, process.execPath, 'esm.mjs')).toEqual({
      status: 0,
      output: 'text from an ES module\nclosed 1 with 1001',
    });
  });

  test('uses it from CommonJS', () => {
    expect(run(project, process.execPath, 'commonjs.cjs')).toEqual({
      status: 0,
      output: 'binary from CommonJS\nclosed 1 with 1001',
    });
  });

  test('gets the same names and the same classes from import and from require', () => {
    const { status, output } = run(project, process.execPath, 'identity.mjs');
    expect(status).toBe(0);
    const [main, metrics, redis, nats, cluster, client] = JSON.parse(output) as Record<
      string,
      string[]
    >[];
    expect(main!['required']).toContain('WebSocketServer');
    expect(metrics!['required']).toEqual(['CONTENT_TYPE', 'metrics', 'registerMetrics']);
    expect(redis!['required']).toEqual(['redisBroker']);
    expect(nats!['required']).toEqual(['natsBroker']);
    expect(cluster!['required']).toEqual(['clusterBroker', 'relayTopics']);
    expect(client!['required']).toEqual(['HandshakeError', 'connect', 'reconnecting']);
    for (const seen of [main!, metrics!, redis!, nats!, cluster!, client!]) {
      expect(seen['imported']).toEqual(seen['required']);
      expect(seen['different']).toEqual([]);
      expect(seen['undefined']).toEqual([]);
    }
  });

  test.each(['', '/client', '/ws', '/metrics', '/redis'])(
    'loads at most eight files for hawser%s',
    (entry) => {
      const program = `
        require('hawser${entry}');
        console.log(Object.keys(require.cache).length)`;
      const { status, output } = run(project, process.execPath, '-e', program);
      expect(status).toBe(0);
      expect(Number(output)).toBeGreaterThan(0);
      expect(Number(output)).toBeLessThanOrEqual(8);
    },
  );

  test('names its sources in a stack, with --enable-source-maps', () => {
    const program = `
      const { WebSocketServer } = require('hawser');
      try {
        new WebSocketServer({ port: -1 });
      } catch ({ stack }) {
        console.log(stack);
      }`;
    const { output } = run(project, process.execPath, '--enable-source-maps', '-e', program);
    expect(output).toMatch(/src[\\/]protocol[\\/]option-checks\.ts:\d+:\d+/);
    expect(output).toMatch(/src[\\/]server[\\/]server\.ts:\d+:\d+/);
  });

  test.each([
    [
      'hawser',
      [
        'dist/index.js',
        'dist/shared/core.js',
        'dist/shared/server.js',
        'dist/shared/stream-transport.js',
      ],
    ],
    [
      'hawser/client',
      [
        'dist/client/index.js',
        'dist/shared/core.js',
        'dist/shared/reconnecting.js',
        'dist/shared/stream-transport.js',
      ],
    ],
    ['hawser/ws', ['dist/shared/core.js', 'dist/ws/index.js', 'entries/ws.cjs']],
  ])('loads few files for %s, and no builtin that most processes never need', (entry, expected) => {
    const program = `
      const { relative } = require('node:path');
      require('node:http');
      const before = new Set(process.moduleLoadList);
      require('${entry}');
      const files = Object.keys(require.cache).map((file) => relative(${JSON.stringify(installed)}, file));
      const builtins = process.moduleLoadList
        .filter((name) => !before.has(name))
        .flatMap((name) => /^NativeModule (http2|https|tls|zlib)$/.exec(name)?.[1] ?? []);
      console.log(JSON.stringify({ files: files.map((file) => file.replaceAll('\\\\', '/')).sort(), builtins }));`;
    const { status, output } = run(project, process.execPath, '-e', program);
    expect({ status, ...(JSON.parse(output) as object) }).toEqual({
      status: 0,
      files: expected,
      builtins: [],
    });
  });

  test('runs its tool, of which nothing is loaded with the library', () => {
    const { version } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      version: string;
    };
    const npx = ['--offline', '--no-install', 'hawser'];
    expect(run(project, 'npx', ...npx, '--version')).toEqual({ status: 0, output: version });
    const { status, output } = run(project, 'npx', ...npx, 'connect', 'ws://127.0.0.1:1/');
    expect(output).toContain('Nothing listens there');
    expect(status).toBe(2);
    const loaded = `
      for (const name of ['', '/client', '/ws', '/metrics']) require('hawser' + name);
      console.log(Object.keys(require.cache).filter((file) => /[\\\\/]cli[\\\\/]/.test(file)).length)`;
    expect(run(project, process.execPath, '-e', loaded)).toEqual({ status: 0, output: '0' });
    // Bundlers have no use for it.
    expect(files(installed).filter((name) => name.startsWith('dist/esm/cli/'))).toEqual([]);
  });

  test('compiles strict TypeScript against it, library checks included, and runs the result', () => {
    const flags = ['--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022'];
    const strict = ['--strict', '--exactOptionalPropertyTypes', '--types', 'node'];
    const args = [...flags, ...strict, '--outDir', 'out', 'typed.mts', 'typed.cts'];
    expect(tool(project, typescript, 'tsc', ...args)).toEqual({ status: 0, output: '' });
    expect(run(project, process.execPath, 'out/typed.mjs')).toEqual({
      status: 0,
      output: [
        'Unexpected server response: 401',
        'Ann by GET: hello false',
        '4000 enough peer',
        'left 0',
        'hawser_closed_by_code_total{server="chat",code="4xxx"} 1',
      ].join('\n'),
    });
    expect(run(project, process.execPath, 'out/typed.cjs')).toEqual({
      status: 0,
      output: 'around the loop\nclosed 1\nhawser_messages_sent_total 1',
    });
  });
});

describe.each(['bun', 'deno'] as const)('a project on %s', (name) => {
  const program = runtime(name);
  const flags =
    name === 'deno' ? ['run', '-A', '-q', '--no-lock', '--node-modules-dir=manual'] : [];

  describeIf(name, program !== undefined)('that installed the tarball', () => {
    test('uses it from an ES module', () => {
      expect(run(project, program!, ...flags, 'esm.mjs')).toEqual({
        status: 0,
        output: 'text from an ES module\nclosed 1 with 1001',
      });
    });

    test('gets the same classes from import and from require', () => {
      const { status, output } = run(project, program!, ...flags, 'identity.mjs');
      expect(status).toBe(0);
      for (const seen of JSON.parse(output) as Record<string, string[]>[]) {
        expect(seen['imported']).toEqual(seen['required']);
        expect(seen['different']).toEqual([]);
      }
    });
  });
});
