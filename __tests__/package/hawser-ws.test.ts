import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { borrow, packedTarball, run } from '../support/packed-package.js';

const root = resolve(__dirname, '../..');
const source = join(root, 'packages/hawser-ws');
const temporary = mkdtempSync(join(tmpdir(), 'hawser-ws-package-'));
/** A stranger's project that replaces ws, as docs/ws.md says, with tarballs where a user has the registry. */
const project = join(temporary, 'project');
const tarball = join(temporary, 'hawser-ws.tgz');

const modules = join(root, 'node_modules');
const manifestOf = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown> & {
    bin: Record<string, string>;
  };
/** Runs the command `name` of a package of ours. */
const tool = (packageName: string, name: string, ...args: string[]) => {
  const folder = join(modules, packageName);
  return run(project, process.execPath, join(folder, manifestOf(folder).bin[name]!), ...args);
};

/** Packs the package in `folder` as `to`. */
function pack(folder: string, to: string): void {
  const packed = run(folder, 'npm', 'pack', '--silent', '--pack-destination', temporary);
  expect(packed).toMatchObject({ status: 0 });
  cpSync(join(temporary, packed.output.split('\n').at(-1)!), to);
}

beforeAll(() => {
  mkdirSync(project);
  cpSync(join(__dirname, 'programs/drop-in'), project, { recursive: true });
  cpSync(packedTarball(), join(project, 'hawser.tgz'));
  pack(source, tarball);
  cpSync(tarball, join(project, 'hawser-ws.tgz'));
  // A package of another author.
  const consumer = join(temporary, 'consumer');
  mkdirSync(consumer);
  cpSync(join(project, 'consumer.cjs'), join(consumer, 'index.js'));
  const dependencies = { ws: '^8.18.0' };
  const manifest = { name: 'consumer', version: '1.0.0', dependencies };
  writeFileSync(join(consumer, 'package.json'), JSON.stringify(manifest));
  pack(consumer, join(project, 'consumer.tgz'));

  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({
      private: true,
      dependencies: {
        consumer: 'file:./consumer.tgz',
        hawser: 'file:./hawser.tgz',
        ws: 'file:./hawser-ws.tgz',
      },
      overrides: { ws: '$ws' },
    }),
  );
  const install = ['install', '--offline', '--no-audit', '--no-fund', '--silent'];
  expect(run(project, 'npm', ...install)).toEqual({ status: 0, output: '' });
  for (const name of ['@types/node', 'undici-types']) borrow(project, name, join(modules, name));
});

afterAll(() => rmSync(temporary, { recursive: true, force: true }));

describe('the tarball of hawser-ws', () => {
  test('holds its doors and its papers, and nothing else', () => {
    const { output } = run(temporary, 'tar', '-tzf', tarball);
    expect(output.split('\n').sort()).toEqual(
      [
        'LICENSE',
        'README.md',
        'browser.js',
        'browser.mjs',
        'index.d.cts',
        'index.js',
        'package.json',
        'wrapper.d.mts',
        'wrapper.mjs',
      ].map((name) => `package/${name}`),
    );
  });

  test('takes the place of ws 8, depends on hawser as it is, and runs nothing on installation', () => {
    const manifest = manifestOf(source);
    expect(manifest['version']).toMatch(/^8\./);
    expect(manifest['dependencies']).toEqual({
      hawser: `^${String(manifestOf(root)['version'])}`,
    });
    expect(manifest['scripts']).toBeUndefined();
    for (const name of ['license', 'author', 'engines']) {
      expect(manifest[name]).toEqual(manifestOf(root)[name]);
    }
    expect(readFileSync(join(source, 'LICENSE'))).toEqual(readFileSync(join(root, 'LICENSE')));
  });

  test('satisfies publint in its strict mode', () => {
    const { status, output } = tool('publint', 'publint', '--strict', tarball);
    expect(output).toContain('All good!');
    expect(status).toBe(0);
  });

  test('satisfies attw: the types resolve as the code does, in every mode', () => {
    const args = ['--format', 'table-flipped', '--no-color', '--no-emoji', tarball];
    const { status, output } = tool('@arethetypeswrong/cli', 'attw', ...args);
    expect(output).toContain('No problems found');
    expect(status).toBe(0);
  });
});

describe('a project that overrides ws', () => {
  test('has one ws, for itself and for the packages that require it', () => {
    const { output } = run(project, 'npm', 'ls', '--all', '--json', 'ws');
    const { dependencies } = JSON.parse(output) as {
      dependencies: Record<string, { version: string; dependencies?: object }>;
    };
    expect(dependencies).toMatchObject({
      consumer: { dependencies: { ws: { version: manifestOf(source)['version'] } } },
      ws: { version: manifestOf(source)['version'] },
    });
  });

  test('gets the classes of hawser/ws from import and from require', () => {
    const { status, output } = run(project, process.execPath, 'esm.mjs');
    expect({ status, ...(JSON.parse(output) as object) }).toEqual({
      status: 0,
      echo: ['from an ES module', false],
      close: [4000, 'enough'],
      // Those of ws itself, and Server.
      names: expect.arrayContaining([
        'PerMessageDeflate',
        'Receiver',
        'Sender',
        'Server',
        'WebSocket',
        'WebSocketServer',
        'createWebSocketStream',
        'default',
        'extension',
        'subprotocol',
      ]) as string[],
      undefined: [],
      one: true,
    });
  });

  test('says in a bundle for browsers that it is not for them', () => {
    const program = `
      import WebSocket, { WebSocketServer } from 'ws';
      const attempts = [() => new WebSocket('ws://x'), () => new WebSocketServer()];
      for (const attempt of attempts) try { attempt(); } catch ({ message }) { console.log(message); }`;
    const args = ['--conditions', 'browser', '--input-type', 'module', '--eval', program];
    expect(run(project, process.execPath, ...args)).toEqual({
      status: 0,
      output: Array(2)
        .fill('hawser-ws does not work in a browser: use the WebSocket that the browser has')
        .join('\n'),
    });
  });

  test('has the class and its properties in CommonJS', () => {
    expect(run(project, process.execPath, 'commonjs.cjs')).toEqual({
      status: 0,
      output: 'a stream\ntrue,true',
    });
  });

  test('compiles strict TypeScript that was written for ws, and runs the result', () => {
    const flags = ['--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022'];
    const strict = ['--strict', '--exactOptionalPropertyTypes', '--types', 'node'];
    const args = [...flags, ...strict, '--outDir', 'out', 'typed.mts', 'typed.cts'];
    expect(tool('typescript', 'tsc', ...args)).toEqual({ status: 0, output: '' });
    expect(run(project, process.execPath, 'out/typed.mjs')).toEqual({
      status: 0,
      output: '/live 3 true b\n4000 enough',
    });
    expect(run(project, process.execPath, 'out/typed.cjs')).toEqual({
      status: 0,
      output: 'around the loop\n1000 true',
    });
  });

  test.each([
    ['commonjs', 'node10', ['--esModuleInterop', '--ignoreDeprecations', '6.0']],
    ['nodenext', 'nodenext', []],
    ['esnext', 'bundler', []],
  ])('compiles a default import under %s', (module, resolution, more) => {
    const file = `default-${resolution}.ts`;
    writeFileSync(
      join(project, file),
      `import WebSocket, { WebSocketServer, type RawData } from 'ws';
       const wss: WebSocketServer = new WebSocketServer({ noServer: true });
       wss.on('connection', (ws: WebSocket) => {
         ws.on('message', (data: RawData) => ws.send(String(data)));
       });
       export const isOpen = (ws: WebSocket): boolean => ws.readyState === WebSocket.OPEN;
       // @ts-expect-error: the types were found, and are not any
       export const unknown: unknown = (ws: WebSocket) => ws.unknown;\n`,
    );
    const flags = ['--module', module, '--moduleResolution', resolution, '--target', 'es2022'];
    // The declarations themselves, and Node's, have been checked above: that takes most of the time.
    const strict = ['--strict', '--skipLibCheck', '--types', 'node', '--noEmit', ...more];
    expect(tool('typescript', 'tsc', ...flags, ...strict, file)).toEqual({ status: 0, output: '' });
  });
});
