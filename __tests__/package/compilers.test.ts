import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { borrow, projectWithPackage, run } from '../support/packed-package.js';
import { describeIf } from '../support/requires.js';

const root = resolve(__dirname, '../..');
const tools = join(__dirname, 'tools/node_modules');

/** Every compiler from the oldest that the README names to the newest, and where it is. */
const compilers: readonly [version: string, folder: string][] = [
  ['5.6', join(tools, 'typescript-5.6')],
  ['5.7', join(tools, 'typescript-5.7')],
  ['5.8', join(tools, 'typescript-5.8')],
  ['5.9', join(tools, 'typescript-5.9')],
  ['6.0', join(root, 'node_modules/typescript')],
];

interface Variation {
  readonly module: string;
  readonly moduleResolution: string;
  /** The `type` of the user's own package.json. */
  readonly type: 'commonjs' | 'module';
  readonly lib: readonly string[];
  readonly types?: readonly string[];
  readonly skipLibCheck: boolean;
}

/** The ways of resolving modules, the least and the newest library, all with the declarations checked, and one without. */
const variations: readonly Variation[] = [
  {
    module: 'commonjs',
    moduleResolution: 'node10',
    type: 'commonjs',
    lib: ['ES2022'],
    skipLibCheck: false,
  },
  {
    module: 'node16',
    moduleResolution: 'node16',
    type: 'commonjs',
    lib: ['ES2018'],
    skipLibCheck: false,
  },
  {
    module: 'nodenext',
    moduleResolution: 'nodenext',
    type: 'module',
    lib: ['ES2020'],
    skipLibCheck: false,
  },
  {
    module: 'esnext',
    moduleResolution: 'bundler',
    type: 'module',
    lib: ['ESNext', 'DOM'],
    skipLibCheck: false,
  },
  {
    module: 'nodenext',
    moduleResolution: 'nodenext',
    type: 'commonjs',
    lib: ['ES2022'],
    skipLibCheck: true,
  },
];

const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;

/** What the compiler in `folder` says about the programs in `project`: nothing, if all is well. */
function compile(project: string, folder: string, variation: Variation): string {
  const { type, types = [], ...options } = variation;
  const ignoreDeprecations =
    read(join(folder, 'package.json'))['version']!.startsWith('6.') &&
    options.moduleResolution === 'node10'
      ? { ignoreDeprecations: '6.0' }
      : {};
  const compilerOptions = {
    ...options,
    ...ignoreDeprecations,
    types,
    target: 'ES2020',
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
  };
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type }));
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: programs.map((name) => `${name}.ts`) }),
  );
  const compiler = join(folder, 'bin/tsc');
  return run(project, process.execPath, compiler, '-p', '.', '--pretty', 'false').output.trim();
}

/** What is compiled. Between them they import every entry of the package. */
const programs = ['types', 'entries'];

const projects: string[] = [];
/** A project with the programs and the packed library. */
function projectWith(...borrowed: string[]): string {
  const project = projectWithPackage(borrowed);
  projects.push(project);
  for (const name of programs) {
    cpSync(join(__dirname, `programs/${name}.mts`), join(project, `${name}.ts`));
  }
  return project;
}
afterAll(() => {
  for (const project of projects) rmSync(project, { recursive: true, force: true });
});

const there = compilers.every(([, folder]) => existsSync(folder));
describeIf('a compiler (`npm ci --prefix __tests__/package/tools`)', there)(
  'the declarations',
  () => {
    let project: string;
    beforeAll(() => {
      project = projectWith('@types/node', 'undici-types');
    });

    test.each(compilers)('are right under TypeScript %s, with no types listed', (_, folder) => {
      for (const variation of variations) {
        expect({ ...variation, output: compile(project, folder, variation) }).toEqual({
          ...variation,
          output: '',
        });
      }
    });

    test.each([compilers[0]!, compilers.at(-1)!])(
      'are right under TypeScript %s with the newest @types/node',
      (_, folder) => {
        const newest = projectWith();
        borrow(newest, '@types/node', join(tools, '@types/node-26'));
        borrow(newest, 'undici-types', join(tools, 'undici-types'));
        expect(compile(newest, folder, variations[2]!)).toBe('');
      },
    );

    test.each(compilers)(
      'name what is missing without @types/node, under TypeScript %s',
      (_, folder) => {
        const bare = projectWith();
        const output = compile(bare, folder, variations[2]!);
        expect(output).toContain("error TS2688: Cannot find type definition file for 'node'");
      },
    );

    test('are looked at in earnest', () => {
      const broken = projectWith('@types/node', 'undici-types');
      const dist = join(broken, 'node_modules/hawser/dist');
      const names = readdirSync(dist, { encoding: 'utf8', recursive: true });
      for (const name of names.filter((each) => each.endsWith('.d.ts'))) {
        const file = join(dist, name);
        const text = readFileSync(file, 'utf8');
        writeFileSync(file, text.replace('/// <reference types="node" preserve="true" />', ''));
      }
      const newest = compilers.at(-1)![1];
      expect(compile(broken, newest, variations[3]!)).toContain('Cannot find');
    });
  },
);

test('every entry of the package is imported by a program that is compiled', () => {
  const text = programs
    .map((name) => readFileSync(join(__dirname, `programs/${name}.mts`), 'utf8'))
    .join('');
  const { exports } = read(join(root, 'package.json')) as unknown as { exports: object };
  const entries = Object.keys(exports).filter((name) => name !== './package.json');
  const names = entries.map((name) => name.replace(/^\./, 'hawser'));
  expect(names.filter((name) => !text.includes(` from '${name}';`))).toEqual([]);
});

describe('the least TypeScript', () => {
  test.each(['README.md', 'docs/guide.md'])('is named in %s', (name) => {
    const named = readFileSync(join(root, name), 'utf8').includes(`TypeScript ${compilers[0]![0]}`);
    expect(named).toBe(true);
  });
});
